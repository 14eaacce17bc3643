//! `eks:call`, against a server with a certificate of its own authority.

use crate::{Aws, Task, name_and_cause};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use expressway_asl::Document;
use expressway_engine::StateError;
use expressway_tests::authority::Authority;
use expressway_tests::execution;
use expressway_tests::server::{Reply, Request, Script, Server};

const ROLE: &str = "arn:aws:iam::444455556666:role/deployer";

const SESSION: &str = "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIAROLE</AccessKeyId>\
    <SecretAccessKey>s</SecretAccessKey><SessionToken>t/1</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration>\
    </Credentials></AssumeRoleResult></AssumeRoleResponse>";

/// A cluster's API server beside AWS, which only gives sessions of roles.
struct Cluster {
    aws: Aws,
    authority: Authority,
    api: Server,
}

impl Cluster {
    async fn scripted(replies: impl IntoIterator<Item = Reply>) -> Cluster {
        Cluster::named("127.0.0.1", replies).await
    }

    /// A cluster whose certificate has this name.
    async fn named(name: &str, replies: impl IntoIterator<Item = Reply>) -> Cluster {
        let authority = Authority::new().unwrap();
        let script = Script::new(replies);
        let tls = authority.server(name).unwrap();
        let api = Server::start_with_tls(tls, move |_| std::future::ready(script.next()));
        Cluster {
            aws: Aws::with(|_| Reply::ok(SESSION)).await,
            api: api.await.unwrap(),
            authority,
        }
    }

    /// A call with these parameters besides those that name the cluster.
    fn task(&self, rest: &str) -> Task<'_> {
        self.trusting(&self.authority.pem, rest)
    }

    fn trusting(&self, pem: &str, rest: &str) -> Task<'_> {
        let parameters = format!(
            r#"{{"ClusterName":"orders","CertificateAuthority":"{}","Endpoint":"https://{}",{rest}}}"#,
            STANDARD.encode(pem),
            self.api.authority()
        );
        self.aws.task("eks:call", &parameters)
    }

    async fn call(&self, rest: &str) -> Result<Document, StateError> {
        self.task(rest).run().await
    }

    fn request(&self) -> Request {
        self.api.seen().requests.remove(0)
    }
}

/// The address in a request's token.
fn token_url(request: &Request) -> String {
    let token = request
        .header("authorization")
        .unwrap()
        .strip_prefix("Bearer k8s-aws-v1.");
    String::from_utf8(URL_SAFE_NO_PAD.decode(token.unwrap()).unwrap()).unwrap()
}

/// A member of the query in an address.
fn query<'u>(url: &'u str, name: &str) -> &'u str {
    let (_, query) = url.split_once('?').unwrap();
    let mut members = query.split('&').filter_map(|member| member.split_once('='));
    members
        .find(|(known, _)| *known == name)
        .unwrap_or_else(|| panic!("{name}: {url}"))
        .1
}

const PODS: &str = r#""Method":"GET","Path":"/api/v1/pods""#;

#[tokio::test]
async fn a_cluster_gets_path_query_and_body() {
    let cluster = Cluster::scripted([Reply::status(201, r#"{"kind":"Job","n":1.5}"#)]).await;
    let rest = r#""Method":"POST","Path":"/apis/batch/v1/namespaces/a b/jobs",
        "QueryParameters":{"labelSelector":["app=x","y"]},"RequestBody":{"kind":"Job","spec":null}"#;
    let result = cluster.call(rest).await.unwrap();
    assert_eq!(
        result.to_json(),
        r#"{"ResponseBody":{"kind":"Job","n":1.5},"StatusCode":201,"StatusText":"Created"}"#
    );
    let request = cluster.request();
    assert_eq!(request.method, "POST");
    assert_eq!(
        request.path,
        "/apis/batch/v1/namespaces/a%20b/jobs?labelSelector=app%3Dx&labelSelector=y"
    );
    assert_eq!(request.text(), r#"{"kind":"Job","spec":null}"#);
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("accept"), Some("application/json, */*"));
    assert_eq!(request.header("host"), Some(&*cluster.api.authority()));
    assert_eq!(request.header("idempotency-key"), None);
    // Nobody else was asked.
    assert_eq!(cluster.aws.requests().len(), 0);
}

#[tokio::test]
async fn the_token_is_a_signed_request_to_sts_that_names_the_cluster() {
    let cluster = Cluster::scripted([Reply::ok("{}")]).await;
    cluster.call(PODS).await.unwrap();
    let url = token_url(&cluster.request());
    assert!(url.starts_with("https://sts.eu-west-1.amazonaws.com/?"), "{url}");
    for (name, value) in [
        ("Action", "GetCallerIdentity"),
        ("Version", "2011-06-15"),
        ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
        ("X-Amz-Expires", "60"),
        ("X-Amz-SignedHeaders", "host%3Bx-k8s-aws-id"),
    ] {
        assert_eq!(query(&url, name), value);
    }
    let credential = query(&url, "X-Amz-Credential");
    assert!(credential.starts_with("AKID%2F"), "{credential}");
    assert!(
        credential.ends_with("%2Feu-west-1%2Fsts%2Faws4_request"),
        "{credential}"
    );
    assert_eq!(query(&url, "X-Amz-Signature").len(), 64);
    assert!(!url.contains("X-Amz-Security-Token"), "{url}");
}

#[tokio::test]
async fn tokens_are_for_one_cluster_and_one_moment() {
    let cluster = Cluster::scripted([Reply::ok("{}")]).await;
    cluster.call(PODS).await.unwrap();
    cluster.call(PODS).await.unwrap();
    let mut other = cluster.task(PODS);
    let parameters = other.parameters.to_json().replace(r#""orders""#, r#""billing""#);
    other.parameters = Document::parse(&parameters).unwrap();
    other.run().await.unwrap();
    cluster.aws.clock.advance(std::time::Duration::from_secs(61));
    cluster.call(PODS).await.unwrap();
    let seen = cluster.api.seen();
    let urls: Vec<String> = seen.requests.iter().map(token_url).collect();
    assert_eq!(urls[0], urls[1]);
    // The cluster's name is signed, but not in the address.
    assert_eq!(query(&urls[1], "X-Amz-Date"), query(&urls[2], "X-Amz-Date"));
    assert_ne!(query(&urls[1], "X-Amz-Signature"), query(&urls[2], "X-Amz-Signature"));
    assert_ne!(query(&urls[1], "X-Amz-Date"), query(&urls[3], "X-Amz-Date"));
    assert_eq!(seen.connections, 1);
}

#[tokio::test]
async fn the_token_is_signed_with_the_session_of_the_role() {
    let cluster = Cluster::scripted([Reply::ok("{}")]).await;
    cluster.task(PODS).under(ROLE).run().await.unwrap();
    let url = token_url(&cluster.request());
    assert!(query(&url, "X-Amz-Credential").starts_with("ASIAROLE%2F"), "{url}");
    assert_eq!(query(&url, "X-Amz-Security-Token"), "t%2F1");
    assert!(cluster.aws.request().text().contains("role%2Fdeployer"));
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_refused() {
    let cluster = Cluster::scripted([Reply::ok("{}")]).await;
    let other = Authority::new().unwrap();
    let (name, cause) = name_and_cause(cluster.trusting(&other.pem, PODS).run().await);
    assert_eq!(name, "EKS.SdkClientException");
    assert!(cause.contains("invalid peer certificate"), "{cause}");
    // Not even over a connection that was made for those who trust the right one, nor after such a refusal.
    cluster.call(PODS).await.unwrap();
    let (name, _) = name_and_cause(cluster.trusting(&other.pem, PODS).run().await);
    assert_eq!(name, "EKS.SdkClientException");
    let both = format!("{}{}", other.pem, cluster.authority.pem);
    cluster.trusting(&both, PODS).run().await.unwrap();
    assert_eq!(cluster.api.seen().requests.len(), 2);
}

#[tokio::test]
async fn a_certificate_of_another_server_is_refused() {
    let cluster = Cluster::named("other.example.com", [Reply::ok("{}")]).await;
    let (name, cause) = name_and_cause(cluster.call(PODS).await);
    assert_eq!(name, "EKS.SdkClientException");
    assert!(cause.contains("not valid for name"), "{cause}");
    assert_eq!(cluster.api.seen().requests.len(), 0);
}

#[tokio::test]
async fn a_status_outside_2xx_is_an_error_with_the_result_as_its_cause() {
    for (status, text) in [
        (302, "Found"),
        (401, "Unauthorized"),
        (404, "Not Found"),
        (409, "Conflict"),
        (503, "Service Unavailable"),
    ] {
        let cluster = Cluster::scripted([Reply::status(status, r#"{"kind":"Status"}"#)]).await;
        let (name, cause) = name_and_cause(cluster.call(PODS).await);
        assert_eq!(name, format!("EKS.{status}"));
        assert_eq!(
            cause,
            format!(r#"{{"ResponseBody":{{"kind":"Status"}},"StatusCode":{status},"StatusText":"{text}"}}"#)
        );
        assert_eq!(cluster.api.seen().requests.len(), 1, "sent once");
    }
}

#[tokio::test]
async fn definitions_catch_a_status() {
    let cluster = Cluster::scripted([Reply::status(409, r#"{"reason":"AlreadyExists"}"#)]).await;
    let definition = r#"{"StartAt":"Create","States":{
        "Create":{"Type":"Task","Resource":"arn:aws:states:::eks:call","Parameters":PARAMETERS,"End":true,
            "Catch":[{"ErrorEquals":["EKS.404"],"Next":"Missing"},{"ErrorEquals":["EKS.409"],"Next":"There"}]},
        "Missing":{"Type":"Fail"},
        "There":{"Type":"Pass","Parameters":{"Answer.$":"States.StringToJson($.Cause)"},
            "OutputPath":"$.Answer.ResponseBody.reason","End":true}}}"#;
    let rest = r#""Method":"POST","Path":"/apis/batch/v1/namespaces/default/jobs","RequestBody":{"kind":"Job"}"#;
    let definition = definition.replace("PARAMETERS", &cluster.task(rest).parameters.to_json());
    let outcome = execution::run(&definition, cluster.aws.tasks).await;
    assert_eq!(outcome.as_deref(), Ok(r#""AlreadyExists""#));
}

#[tokio::test]
async fn what_is_not_json_is_text() {
    let reply = |status: u16, content_type: &str, body: &str| Reply::Answer {
        status,
        headers: vec![("content-type", content_type.to_owned())],
        body: body.as_bytes().to_vec(),
    };
    for (reply, result) in [
        // Logs are text even if they look like JSON.
        (
            reply(200, "text/plain", "1"),
            r#"{"ResponseBody":"1","StatusCode":200,"StatusText":"OK"}"#,
        ),
        (
            reply(200, "application/json", "{"),
            r#"{"ResponseBody":"{","StatusCode":200,"StatusText":"OK"}"#,
        ),
        (
            reply(200, "application/json", ""),
            r#"{"ResponseBody":"","StatusCode":200,"StatusText":"OK"}"#,
        ),
    ] {
        let cluster = Cluster::scripted([reply]).await;
        assert_eq!(cluster.call(PODS).await.unwrap().to_json(), result);
    }
    let cluster = Cluster::scripted([reply(500, "text/html", "<p>")]).await;
    assert_eq!(
        name_and_cause(cluster.call(PODS).await),
        (
            "EKS.500".to_owned(),
            r#"{"ResponseBody":"<p>","StatusCode":500,"StatusText":"Internal Server Error"}"#.to_owned()
        )
    );
}

#[tokio::test]
async fn text_is_sent_as_it_is_and_patches_are_of_a_kind() {
    let cluster = Cluster::scripted([Reply::ok("{}")]).await;
    for body in [r#""{\"a\":1}""#, r#"{"a":null}"#, r#"[{"op":"test"}]"#] {
        let rest = format!(r#""Method":"PATCH","Path":"/api","RequestBody":{body}"#);
        cluster.call(&rest).await.unwrap();
    }
    let requests = cluster.api.seen().requests;
    let bodies = requests
        .iter()
        .map(|request| (request.text(), request.header("content-type").unwrap()));
    let bodies: Vec<_> = bodies.collect();
    assert_eq!(
        bodies,
        [
            (r#"{"a":1}"#.to_owned(), "application/merge-patch+json"),
            (r#"{"a":null}"#.to_owned(), "application/merge-patch+json"),
            (r#"[{"op":"test"}]"#.to_owned(), "application/json-patch+json"),
        ]
    );
}

#[tokio::test]
async fn no_answer_and_one_that_is_too_large_are_errors() {
    let cluster = Cluster::scripted([Reply::Cut]).await;
    assert_eq!(name_and_cause(cluster.call(PODS).await).0, "EKS.SdkClientException");
    let cluster = Cluster::scripted([Reply::ok(vec![b'1'; (1 << 20) + 1])]).await;
    assert_eq!(name_and_cause(cluster.call(PODS).await).0, "States.DataLimitExceeded");
    let cluster = Cluster::scripted([Reply::Silence]).await;
    let minute = async {
        cluster.api.wait_until(|seen| seen.in_flight == 1).await;
        cluster.aws.minute.notify_waiters();
    };
    let (result, ()) = tokio::join!(cluster.call(PODS), minute);
    let (name, cause) = name_and_cause(result);
    assert_eq!(name, "EKS.SdkClientException");
    assert!(cause.contains("timeout"), "{cause}");
}

#[tokio::test]
async fn what_is_wrong_with_parameters_is_told_and_nothing_is_sent() {
    let cluster = Cluster::scripted([Reply::ok("{}")]).await;
    let host = cluster.api.authority();
    let good = STANDARD.encode(&cluster.authority.pem);
    let invalid = |key: &str| format!("The value of the field '{key}' has an invalid format");
    for (endpoint, certificates, rest, problem) in [
        (format!("http://{host}"), good.as_str(), PODS, invalid("Endpoint")),
        (format!("https://user@{host}"), &good, PODS, invalid("Endpoint")),
        (host.clone(), &good, PODS, invalid("Endpoint")),
        (format!("https://{host}"), "####", PODS, invalid("CertificateAuthority")),
        (format!("https://{host}"), "QUJD", PODS, invalid("CertificateAuthority")),
        (
            format!("https://{host}"),
            &good,
            r#""Method":"OPTIONS","Path":"/""#,
            invalid("Method"),
        ),
        (
            format!("https://{host}"),
            &good,
            r#""Method":"GET","Path":"/","QueryParameters":{"a":"b"}"#,
            invalid("QueryParameters"),
        ),
        (
            format!("https://{host}"),
            &good,
            r#""Method":"GET""#,
            "The field 'Path' is required but was missing".to_owned(),
        ),
        (
            format!("https://{host}"),
            &good,
            r#""Method":"GET","Path":"/","Headers":{}"#,
            "The field 'Headers' is not supported by Step Functions".to_owned(),
        ),
    ] {
        let parameters = format!(
            r#"{{"ClusterName":"orders","CertificateAuthority":"{certificates}","Endpoint":"{endpoint}",{rest}}}"#
        );
        let (name, cause) = name_and_cause(cluster.aws.call("eks:call", &parameters).await);
        assert_eq!(name, "States.Runtime");
        assert!(cause.ends_with(&format!("[{problem}]")), "{cause}");
    }
    assert_eq!(cluster.api.seen().connections, 0);
}
