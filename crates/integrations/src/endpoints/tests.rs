use super::*;
use crate::AwsTasks;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use expressway_asl::program::Requirements;
use expressway_engine::{TaskError, TaskRequest, TaskRunner};
use std::sync::{Arc, Mutex};

const EXECUTION: &str = "arn:aws:states:eu-west-1:111122223333:express:orders:a:b";
const CONNECTION: &str = "arn:aws:events:eu-west-1:111122223333:connection/shop/0a1b";
const SECRETS: [&str; 3] = ["s3cr3t", "key-id-of-client", "SESSIONTOKEN"];

/// Sends nothing: keeps what would be sent, and answers.
#[derive(Clone, Debug)]
struct Wire {
    sent: Arc<Mutex<Vec<Sent>>>,
    /// `AuthorizationType` and secret of the connection.
    connection: (&'static str, &'static str),
    /// Status, `Location` and body of an answer that is not from AWS.
    answer: (u16, &'static str, &'static str),
}

#[derive(Clone, Debug)]
struct Sent {
    host: String,
    url: String,
    headers: Vec<(String, String)>,
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let request = request.try_into_http1x().unwrap();
        let header = |name: &str| {
            let value = request.headers().get(name);
            value.map(|value| value.to_str().unwrap().to_owned())
        };
        let (kind, secret) = self.connection;
        let (status, location, body) = match header("x-amz-target").as_deref() {
            Some("AWSEvents.DescribeConnection") => {
                let described = format!(
                    r#"{{"ConnectionState":"AUTHORIZED","AuthorizationType":"{kind}","SecretArn":"arn:aws:secretsmanager:::s"}}"#
                );
                (200, "", described)
            }
            Some("secretsmanager.GetSecretValue") => {
                let secret = Document::from(secret).to_json();
                (200, "", format!(r#"{{"SecretString":{secret}}}"#))
            }
            _ => (self.answer.0, self.answer.1, self.answer.2.to_owned()),
        };
        let uri = request.uri();
        self.sent.lock().unwrap().push(Sent {
            host: uri.authority().unwrap().to_string(),
            url: uri.to_string(),
            headers: (request.headers().iter())
                .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
                .collect(),
        });
        let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
        if !location.is_empty() {
            response.headers_mut().insert("location", location);
        }
        HttpConnectorFuture::ready(Ok(response))
    }
}

impl Wire {
    fn new() -> Wire {
        Wire {
            sent: Arc::default(),
            connection: ("API_KEY", r#"{"api_key_name":"X-Key","api_key_value":"s3cr3t"}"#),
            answer: (200, "", "{}"),
        }
    }

    fn tasks(&self, endpoints: AllowedEndpoints) -> AwsTasks {
        let wire = self.clone();
        let credentials = Credentials::new("AKID", "s3cr3t", Some("SESSIONTOKEN".to_owned()), None, "test");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(http_client_fn(move |_, _| SharedHttpConnector::new(wire.clone())))
            .build();
        AwsTasks::new(&config, &Requirements::default()).with_endpoints(endpoints)
    }

    /// Name and cause of the task's error, if it has one, and all that was sent for it.
    async fn run(
        &self,
        endpoints: &AllowedEndpoints,
        resource: &str,
        input: Document,
    ) -> (Option<(String, String)>, Vec<Sent>) {
        self.run_under(endpoints, resource, input, None).await
    }

    async fn run_under(
        &self,
        endpoints: &AllowedEndpoints,
        resource: &str,
        input: Document,
        role_arn: Option<&str>,
    ) -> (Option<(String, String)>, Vec<Sent>) {
        let resource = resource_of(resource);
        let request = TaskRequest {
            resource: &resource,
            input,
            state_name: "Call",
            attempt: 0,
            role_arn: role_arn.map(Into::into),
            execution_arn: EXECUTION,
            token: None,
            payloads: None,
        };
        let result = self.tasks(endpoints.clone()).run(request).await;
        let error = match result {
            Ok(_) => None,
            Err(TaskError::State(error)) => Some((
                error.name.unwrap().to_string(),
                error.cause.unwrap_or_default().to_string(),
            )),
            Err(TaskError::Fault(fault)) => panic!("{fault}"),
        };
        let sent = std::mem::take(&mut *self.sent.lock().unwrap());
        (error, sent)
    }
}

fn resource_of(name: &str) -> Resource {
    let arn = format!("arn:aws:states:::{name}").into();
    let (service, action) = name.rsplit_once(':').unwrap();
    match service.strip_prefix("aws-sdk:") {
        _ if name.starts_with("arn:") => Resource::Function { arn: name.into() },
        Some(service) => Resource::AwsSdk {
            arn,
            service: service.into(),
            action: action.into(),
        },
        None => Resource::Optimized {
            arn,
            service: service.into(),
            action: action.into(),
        },
    }
}

fn api(patterns: &[&str]) -> AllowedEndpoints {
    let patterns = patterns.iter().map(|pattern| HostPattern::parse(pattern).unwrap());
    AllowedEndpoints::new(patterns.collect(), None)
}

fn http(patterns: &[&str]) -> AllowedEndpoints {
    let patterns = patterns.iter().map(|pattern| UrlPattern::parse(pattern).unwrap());
    AllowedEndpoints::new(Vec::new(), Some(patterns.collect()))
}

fn object<const N: usize>(members: [(&str, &str); N]) -> Document {
    Document::object(members.map(|(key, value)| (key, Document::from(value))))
}

const API: &str = "a1b2.execute-api.eu-west-1.amazonaws.com";

/// Hosts, and spellings of hosts, that no request may go to.
const FOREIGN: &[&str] = &[
    "",
    "evil.example",
    "xexecute-api.eu-west-1.amazonaws.com",
    "execute-api.eu-west-1.amazonaws.com",
    ".execute-api.eu-west-1.amazonaws.com",
    "a1.b2.execute-api.eu-west-1.amazonaws.com",
    "a1.execute-api..amazonaws.com",
    "a1.execute-api.amazonaws.com",
    "a1.execute-api.evil.example",
    "a1.execute-api.eu-west-1.evil.example",
    "a1.execute-api.evil.example.amazonaws.com",
    "a1.execute-api.eu-west-1.amazonaws.com.evil.example",
    "a1.execute-api.eu-west-1.amazonaws.com.cn",
    "a1.execute-api.cn-north-1.amazonaws.com",
    "a1.execute-api.eu-west-1.amazonaws.com.",
    "a1.execute-api.eu-west-1.amazonaws.com..",
    "a1.execute-api.eu-west-1.amazonaws.com:8443",
    "a1.execute-api.eu-west-1.amazonaws.com:",
    "a1.execute-api.eu-west-1.amazonaws.com:443:80",
    "a1.execute-api.eu-west-1.amazonaws.com:65536",
    "a1.execute-api.eu-west-1.amazonaws.com@evil.example",
    "a1.execute-api.eu-west-1.amazonaws.com:443@evil.example",
    "user:password@a1.execute-api.eu-west-1.amazonaws.com",
    "@a1.execute-api.eu-west-1.amazonaws.com",
    "evil.example/.execute-api.eu-west-1.amazonaws.com",
    "evil.example?.execute-api.eu-west-1.amazonaws.com",
    "evil.example#.execute-api.eu-west-1.amazonaws.com",
    "evil.example\\.execute-api.eu-west-1.amazonaws.com",
    "evil.example%2f.execute-api.eu-west-1.amazonaws.com",
    "evil.example%00.execute-api.eu-west-1.amazonaws.com",
    "evil.example\0.execute-api.eu-west-1.amazonaws.com",
    "evil.example\n.execute-api.eu-west-1.amazonaws.com",
    "evil.example\t.execute-api.eu-west-1.amazonaws.com",
    "evil.example .execute-api.eu-west-1.amazonaws.com",
    "a1\u{3002}execute-api.eu-west-1.amazonaws.com",
    "a1.execute-api.eu-west-1.\u{ff41}mazonaws.com",
    "a1.execute-api.eu-west-1.xn--mazonaws-8ve.com",
    "https://a1.execute-api.eu-west-1.amazonaws.com",
    "//a1.execute-api.eu-west-1.amazonaws.com",
    "s3.eu-west-1.amazonaws.com",
    "evil.s3.amazonaws.com",
    "localhost",
    "127.0.0.1",
    "[::1]",
    "169.254.169.254",
    "2130706433",
];

#[tokio::test]
async fn an_api_is_called_on_hosts_of_api_gateway_and_on_hosts_that_are_allowed() {
    let mine = &["api.shop.example", "*.apis.shop.example", "private.shop.example:8443"][..];
    let refused = FOREIGN.iter().map(|endpoint| (&[][..], *endpoint, None));
    let still_refused = FOREIGN.iter().map(|endpoint| (mine, *endpoint, None));
    let rows = [
        (&[][..], API, Some(API)),
        (&[], "A1b2.Execute-API.EU-west-1.AMAZONAWS.com", Some(API)),
        (&[], "a1b2.execute-api.eu-west-1.amazonaws.com:443", Some(API)),
        (
            &[],
            "a1-vpce-0a.execute-api.eu-west-1.amazonaws.com",
            Some("a1-vpce-0a.execute-api.eu-west-1.amazonaws.com"),
        ),
        (
            &[],
            "vpce-0a-bc.execute-api.eu-west-1.vpce.amazonaws.com",
            Some("vpce-0a-bc.execute-api.eu-west-1.vpce.amazonaws.com"),
        ),
        (
            &[],
            "a1.execute-api.cn-north-1.amazonaws.com.cn",
            Some("a1.execute-api.cn-north-1.amazonaws.com.cn"),
        ),
        (
            &[],
            "a1.execute-api.us-gov-west-1.amazonaws.com",
            Some("a1.execute-api.us-gov-west-1.amazonaws.com"),
        ),
        (
            &[],
            "a1.execute-api.us-iso-east-1.c2s.ic.gov",
            Some("a1.execute-api.us-iso-east-1.c2s.ic.gov"),
        ),
        (&[], "api.shop.example", None),
        (mine, "api.shop.example", Some("api.shop.example")),
        (mine, "API.shop.example", Some("api.shop.example")),
        (mine, "api.shop.example:8443", None),
        (mine, "private.shop.example:8443", Some("private.shop.example:8443")),
        (mine, "private.shop.example", None),
        (mine, "a.b.apis.shop.example", Some("a.b.apis.shop.example")),
        (mine, "apis.shop.example", None),
        (mine, "api.shop.example.evil.example", None),
        (mine, "xapi.shop.example", None),
        (mine, API, Some(API)),
    ];
    for (patterns, endpoint, expected) in rows.into_iter().chain(refused).chain(still_refused) {
        // Step Functions takes no other hosts, signed or not.
        for auth_type in ["NO_AUTH", "IAM_ROLE", "RESOURCE_POLICY"] {
            let input = object([("ApiEndpoint", endpoint), ("Method", "GET"), ("AuthType", auth_type)]);
            let (error, sent) = Wire::new().run(&api(patterns), "apigateway:invoke", input).await;
            let hosts: Vec<_> = sent.iter().map(|sent| &*sent.host).collect();
            assert_eq!(hosts, Vec::from_iter(expected), "{endpoint} {auth_type}");
            match expected {
                Some(_) => assert_eq!(error, None, "{endpoint} {auth_type}"),
                None => assert_eq!(error.unwrap().0, "States.Runtime", "{endpoint} {auth_type}"),
            }
        }
    }
    let input = object([("ApiEndpoint", "evil.example"), ("Method", "GET")]);
    let (error, _) = Wire::new().run(&api(&[]), "apigateway:invoke", input).await;
    let (_, cause) = error.unwrap();
    assert!(
        cause.ends_with(
            "[The field 'ApiEndpoint' names the host `evil.example`, which must not be called unless \
             EXPRESSWAY_API_ENDPOINTS allows it]"
        ),
        "{cause}"
    );
}

#[tokio::test]
async fn stage_path_query_and_headers_do_not_change_the_host_of_an_api() {
    let tricks = [
        "//evil.example/",
        "///evil.example",
        "@evil.example",
        ":@evil.example/",
        "\\\\evil.example\\",
        "/..//evil.example/",
        "https://evil.example/",
        "?@evil.example",
        "#@evil.example",
        "\r\nHost: evil.example",
        " HTTP/1.1\r\nHost: evil.example",
        ".evil.example",
        "*",
    ];
    for trick in tricks {
        for field in ["Stage", "Path", "Query"] {
            let mut input = object([("ApiEndpoint", API), ("Method", "GET"), ("AuthType", "IAM_ROLE")]);
            let Document::Object(members) = &mut input else {
                unreachable!()
            };
            match field {
                "Query" => {
                    let values = Document::from(vec![Document::from(trick)]);
                    members.insert(
                        "QueryParameters",
                        Document::object([("q", values.clone()), (trick, values)]),
                    );
                }
                field => members.insert(field, trick.into()),
            }
            let (_, sent) = Wire::new().run(&api(&[]), "apigateway:invoke", input).await;
            for sent in sent {
                assert_eq!(sent.host, API, "{field} {trick:?}");
                let host = sent.headers.iter().find(|(name, _)| name == "host");
                assert!(host.is_none_or(|(_, host)| host == API), "{field} {trick:?}");
                assert!(sent.url.starts_with(&format!("https://{API}/")), "{}", sent.url);
            }
        }
    }
    let names = [
        "Host",
        "host",
        "HOST",
        "Host ",
        " host",
        "Host:",
        "X\r\nHost",
        "Authorization",
        "X-Amz-Date",
        "x-amz-security-token",
        "X-Amz-Content-Sha256",
        "X-Forwarded-Host",
        "Transfer-Encoding",
        "Connection",
    ];
    let values = ["a\r\nHost: evil.example", "a\nX: b", "a\0b"].map(|value| ("X-Mine", value));
    for (name, value) in names.map(|name| (name, "evil.example")).into_iter().chain(values) {
        let headers = Document::object([(name, Document::from(vec![Document::from(value)]))]);
        for (resource, endpoint) in [("apigateway:invoke", API), ("http:invoke", "https://api.shop.example/")] {
            let mut input = object([("ApiEndpoint", endpoint), ("Method", "GET")]);
            let Document::Object(members) = &mut input else {
                unreachable!()
            };
            members.insert("Headers", headers.clone());
            if resource == "http:invoke" {
                members.insert("Authentication", object([("ConnectionArn", CONNECTION)]));
            }
            let (error, sent) = Wire::new().run(&http(&["*"]), resource, input).await;
            assert!(error.is_some(), "{resource} {name:?} {value:?}");
            let outside = sent
                .iter()
                .find(|sent| !sent.host.ends_with(".eu-west-1.amazonaws.com") || sent.host == API);
            assert!(outside.is_none(), "{resource} {name:?} {value:?}");
        }
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    for status in [301, 302, 303, 307, 308] {
        let mut wire = Wire::new();
        wire.answer = (status, "https://evil.example/", "");
        let input = object([("ApiEndpoint", API), ("Method", "GET"), ("AuthType", "IAM_ROLE")]);
        let (error, sent) = wire.run(&api(&[]), "apigateway:invoke", input).await;
        assert_eq!(error.unwrap().0, format!("ApiGateway.{status}"));
        assert_eq!(sent.len(), 1);

        let (error, sent) = wire
            .run(&http(&["*"]), "http:invoke", http_input("https://api.shop.example/"))
            .await;
        assert_eq!(error.unwrap().0, format!("States.Http.StatusCode.{status}"));
        assert!(sent.iter().all(|sent| sent.host != "evil.example"));

        wire.connection = ("OAUTH_CLIENT_CREDENTIALS", OAUTH);
        let (error, sent) = wire
            .run(&http(&["*"]), "http:invoke", http_input("https://api.shop.example/"))
            .await;
        assert_eq!(error.unwrap().0, "Events.ConnectionResource.InvalidConnectionState");
        let hosts: Vec<_> = sent.iter().skip(2).map(|sent| &*sent.host).collect();
        assert_eq!(hosts, ["auth.shop.example"]);
    }
}

const OAUTH: &str = r#"{"client_id":"key-id-of-client","client_secret":"s3cr3t","http_method":"POST",
    "authorization_endpoint":"https://auth.shop.example/token"}"#;

fn http_input(endpoint: &str) -> Document {
    Document::object([
        ("ApiEndpoint", endpoint.into()),
        ("Method", "GET".into()),
        ("Authentication", object([("ConnectionArn", CONNECTION)])),
    ])
}

#[tokio::test]
async fn causes_tell_no_secrets() {
    let broken_key = r#"{"api_key_name":"X-Key","api_key_value":"s3cr3t\r\nX: key-id-of-client"}"#;
    let broken_name = r#"{"api_key_name":"X Key s3cr3t","api_key_value":"s3cr3t"}"#;
    let oauth_without_address = r#"{"client_id":"key-id-of-client","client_secret":"s3cr3t",
        "authorization_endpoint":"http://s3cr3t@evil.example/"}"#;
    let oauth_by_get = r#"{"client_id":"key-id-of-client","client_secret":"s3cr3t","http_method":"GET",
        "authorization_endpoint":"https://auth.shop.example/token"}"#;
    let broken_method = r#"{"client_id":"key-id-of-client","client_secret":"s3cr3t","http_method":"G E T",
        "authorization_endpoint":"https://auth.shop.example/token"}"#;
    let echo = r#"{"error":"s3cr3t key-id-of-client"}"#;
    for (kind, secret, answer) in [
        ("API_KEY", broken_key, (200, "", "{}")),
        ("API_KEY", broken_name, (200, "", "{}")),
        ("API_KEY", r#"["s3cr3t"]"#, (500, "", echo)),
        ("API_KEY", "s3cr3t", (200, "", "{}")),
        ("OAUTH_CLIENT_CREDENTIALS", OAUTH, (400, "", echo)),
        ("OAUTH_CLIENT_CREDENTIALS", OAUTH, (200, "", echo)),
        ("OAUTH_CLIENT_CREDENTIALS", OAUTH, (200, "", "s3cr3t")),
        (
            "OAUTH_CLIENT_CREDENTIALS",
            OAUTH,
            (200, "", r#"{"access_token":"s3cr3t\n"}"#),
        ),
        (
            "OAUTH_CLIENT_CREDENTIALS",
            oauth_by_get,
            (302, "https://evil.example/?s3cr3t", ""),
        ),
        ("OAUTH_CLIENT_CREDENTIALS", oauth_by_get, (400, "", echo)),
        ("OAUTH_CLIENT_CREDENTIALS", oauth_without_address, (200, "", echo)),
        ("OAUTH_CLIENT_CREDENTIALS", broken_method, (200, "", echo)),
    ] {
        let mut wire = Wire::new();
        wire.connection = (kind, secret);
        wire.answer = answer;
        let (error, _) = wire
            .run(&http(&["*"]), "http:invoke", http_input("https://api.shop.example/"))
            .await;
        let (name, cause) = error.unwrap();
        for secret in SECRETS {
            assert!(
                !name.contains(secret) && !cause.contains(secret),
                "{kind} {answer:?}: {name} {cause}"
            );
        }
    }
}

/// The calls of a definition with one HTTP task.
fn calls(parameters: &str, language: &str) -> Vec<Call> {
    let definition = format!(
        r#"{{"QueryLanguage":"{language}","StartAt":"Call","States":{{"Call":{{"Type":"Task","End":true,
        "Resource":"arn:aws:states:::http:invoke"{parameters}}}}}}}"#
    );
    expressway_asl::compile(&definition, &BTreeMap::new()).unwrap().calls
}

#[tokio::test]
async fn without_patterns_an_http_task_calls_the_hosts_that_it_spells_out() {
    let rest = format!(r#""Method":"GET","Authentication":{{"ConnectionArn":"{CONNECTION}"}}"#);
    let path = |entry: &str| (format!(r#","Parameters":{{{entry},{rest}}}"#), "JSONPath");
    let query = |entry: &str| (format!(r#","Arguments":{{"ApiEndpoint":"{entry}",{rest}}}"#), "JSONata");
    let mine = &["https://api.shop.example/"][..];
    for ((parameters, language), expected) in [
        (path(r#""ApiEndpoint":"https://api.shop.example/orders""#), mine),
        (path(r#""ApiEndpoint":"https://API.shop.example:443""#), mine),
        (
            path(r#""ApiEndpoint":"https://api.shop.example:8443/""#),
            &["https://api.shop.example:8443/"],
        ),
        (
            path(r#""ApiEndpoint.$":"States.Format('https://api.shop.example/orders/{}', $.id)""#),
            mine,
        ),
        (
            path(r#""ApiEndpoint.$":"States.Format('https://api.shop.example{}', $.path)""#),
            &[],
        ),
        (
            path(r#""ApiEndpoint.$":"States.Format('https://{}.shop.example/', $.host)""#),
            &[],
        ),
        (
            path(r#""ApiEndpoint.$":"States.Format('{}://{}/', $.scheme, $.host)""#),
            &[],
        ),
        (path(r#""ApiEndpoint.$":"$.url""#), &[]),
        (path(r#""ApiEndpoint.$":"$$.Execution.Input.url""#), &[]),
        (
            query("{% 'https://api.shop.example/orders/' & $states.input.id %}"),
            mine,
        ),
        (query("{% 'https://api.shop.example' & $states.input.path %}"), mine),
        (
            query("{% $states.input.url ? $states.input.url : 'https://api.shop.example/' %}"),
            mine,
        ),
        (
            query("{% 'https://api.shop.example/' & $x ? $states.input.url : 'b' %}"),
            mine,
        ),
        (
            query("{% $states.input.test ? 'https://test.shop.example/' : 'https://api.shop.example/' %}"),
            &["https://api.shop.example/", "https://test.shop.example/"],
        ),
        (query("{% 'https://' & $states.input.host %}"), &[]),
        (query("{% $states.input.url %}"), &[]),
        (query("{% $url %}"), &[]),
        ((r#","Arguments":"{% $states.input %}""#.to_owned(), "JSONata"), &[]),
        ((String::new(), "JSONPath"), &[]),
    ] {
        let calls = calls(&parameters, language);
        let unset = AllowedEndpoints::default();
        let findings = unset.check(&calls);
        assert_eq!(findings.is_empty(), !expected.is_empty(), "{parameters}");
        for finding in findings {
            assert_eq!((finding.code, finding.severity), (Code::NotSupported, Severity::Error));
            assert_eq!(
                finding.message,
                "state `Call`: the host of `ApiEndpoint` is made from data, which needs EXPRESSWAY_HTTP_ENDPOINTS to list \
                 the endpoints that may receive the connection's secret"
            );
        }
        assert_eq!(http(&["https://*.shop.example/*"]).check(&calls), []);
        let endpoints = unset.spelled_out_in(&calls);
        for endpoint in [
            "https://api.shop.example/",
            "https://api.shop.example/orders?q=1#f",
            "https://api.shop.example:8443/",
            "https://test.shop.example/",
            "https://api.shop.example.evil.example/",
            "https://api.shop.example@evil.example/",
            "https://api.shop.example:443@evil.example/",
            "https://evil.example/https://api.shop.example/",
            "https://evil.example#https://api.shop.example/",
            "https://evil.example\\@api.shop.example/",
            "https://api.shop.example./",
            "https://evil.example/",
            "http://api.shop.example/",
            "https://127.0.0.1/",
        ] {
            let host = |address: &str| Address::parse(address, false).map(|address| address.origin);
            let is_expected = expected.iter().any(|expected| host(expected) == host(endpoint));
            let (error, sent) = Wire::new().run(&endpoints, "http:invoke", http_input(endpoint)).await;
            assert_eq!(error.is_none(), is_expected, "{parameters} {endpoint} {error:?}");
            assert_eq!(
                sent.is_empty(),
                !is_expected,
                "{parameters} {endpoint}: nothing is opened, not even for the secret"
            );
        }
    }
}

#[tokio::test]
async fn a_state_does_not_call_what_another_one_spells_out() {
    let parameters = format!(
        r#","Parameters":{{"ApiEndpoint":"https://api.shop.example/","Method":"GET","Authentication":{{"ConnectionArn":"{CONNECTION}"}}}}"#
    );
    let mut calls = calls(&parameters, "JSONPath");
    calls[0].state_name = "Other".into();
    let endpoints = AllowedEndpoints::default().spelled_out_in(&calls);
    let (error, sent) = Wire::new()
        .run(&endpoints, "http:invoke", http_input("https://api.shop.example/"))
        .await;
    assert_eq!(error.unwrap().0, "States.Runtime");
    assert!(sent.is_empty());
}

#[tokio::test]
async fn with_patterns_an_http_task_calls_what_matches() {
    for (patterns, endpoint, expected) in [
        (&[][..], "https://api.shop.example/", false),
        (&["*"], "https://any.example:8443/x?y", true),
        (&["https://*"], "https://any.example/", true),
        (&["*"], "http://any.example/", false),
        (&["*"], "https://a@any.example/", false),
        (&["https://api.shop.example/*"], "https://api.shop.example", true),
        (
            &["https://api.shop.example/*"],
            "https://api.shop.example/a/b?c=/d",
            true,
        ),
        (&["https://api.shop.example/*"], "https://API.SHOP.example/", true),
        (&["https://api.shop.example/*"], "https://api.shop.example:443/", true),
        (&["https://api.shop.example/*"], "https://api.shop.example:8443/", false),
        (
            &["https://api.shop.example:8443/*"],
            "https://api.shop.example:8443/",
            true,
        ),
        (
            &["https://api.shop.example:*/*"],
            "https://api.shop.example:8443/",
            true,
        ),
        (
            &["https://api.shop.example/*"],
            "https://api.shop.example.evil.example/",
            false,
        ),
        (
            &["https://api.shop.example/*"],
            "https://evil.example/https://api.shop.example/",
            false,
        ),
        (
            &["https://api.shop.example/*"],
            "https://evil.example?https://api.shop.example/",
            false,
        ),
        (&["https://*.shop.example/*"], "https://a.b.shop.example/", true),
        (&["https://*.shop.example/*"], "https://shop.example/", false),
        (
            &["https://*.shop.example/*"],
            "https://evil.example/x.shop.example/",
            false,
        ),
        (
            &["https://*.shop.example/*"],
            "https://evil.example?x.shop.example/",
            false,
        ),
        (
            &["https://*.shop.example/*"],
            "https://evil.example#x.shop.example/",
            false,
        ),
        (
            &["https://*.shop.example/*"],
            "https://evil.example\\x.shop.example/",
            false,
        ),
        (&["https://api.shop.example"], "https://api.shop.example/", true),
        (&["https://api.shop.example"], "https://api.shop.example/?a=1", true),
        (&["https://api.shop.example"], "https://api.shop.example/a", false),
        (
            &["https://api.shop.example/v?/orders"],
            "https://api.shop.example/v2/orders",
            true,
        ),
        (
            &["https://api.shop.example/v?/orders"],
            "https://api.shop.example/v10/orders",
            false,
        ),
        (
            &["https://api.shop.example/Orders"],
            "https://api.shop.example/orders",
            false,
        ),
        (
            &["https://api.shop.example/public/*"],
            "https://api.shop.example/public/a",
            true,
        ),
        (
            &["https://api.shop.example/public/*"],
            "https://api.shop.example/public/../private",
            false,
        ),
        (
            &["https://api.shop.example/public/*"],
            "https://api.shop.example/public/%2E%2e/private",
            false,
        ),
        (
            &["https://api.shop.example/public/*"],
            "https://api.shop.example/public/x%2f..%2fprivate",
            false,
        ),
        (
            &["https://api.shop.example/public/*"],
            "https://api.shop.example/public/%252e%252e/private",
            false,
        ),
        (
            &["https://api.shop.example/public/*"],
            "https://api.shop.example/public/a..b",
            true,
        ),
        (
            &["https://a.example/*", "https://b.example/*"],
            "https://b.example/",
            true,
        ),
        (&["https://*a*b*c/x"], "https://xaybzbc/x", true),
    ] {
        let (error, sent) = Wire::new()
            .run(&http(patterns), "http:invoke", http_input(endpoint))
            .await;
        assert_eq!(error.is_none(), expected, "{patterns:?} {endpoint} {error:?}");
        assert_eq!(sent.is_empty(), !expected, "{patterns:?} {endpoint}");
    }
}

#[test]
fn patterns_that_allow_more_than_they_seem_to_are_mistakes() {
    for (pattern, problem) in [
        ("", "`` is not a host"),
        (
            "https://api.shop.example",
            "`https://api.shop.example` has a port that is not a number",
        ),
        ("api.shop.example/x", "`api.shop.example/x` is not a host"),
        (
            "api.shop.example*",
            "`api.shop.example*` ends in a wildcard, so it also matches hosts of other domains",
        ),
        (
            "api.*",
            "`api.*` ends in a wildcard, so it also matches hosts of other domains",
        ),
        ("user@api.shop.example", "`user@api.shop.example` is not a host"),
        (
            "api.shop.example:99999",
            "`api.shop.example:99999` has a port that is not a number",
        ),
    ] {
        assert_eq!(HostPattern::parse(pattern).unwrap_err(), problem);
    }
    for (pattern, problem) in [
        ("", "`` does not begin with `https://`"),
        (
            "api.shop.example/*",
            "`api.shop.example/*` does not begin with `https://`",
        ),
        (
            "http*://api.shop.example/*",
            "`http*://api.shop.example/*` does not begin with `https://`",
        ),
        ("https:///x", "`` is not a host"),
        (
            "https://api.shop.example*",
            "`api.shop.example*` ends in a wildcard, so it also matches hosts of other domains; write a `/` behind the host",
        ),
        (
            "https://user@api.shop.example/",
            "`user@api.shop.example` is not a host",
        ),
    ] {
        assert_eq!(UrlPattern::parse(pattern).unwrap_err(), problem);
    }
}

#[tokio::test]
async fn a_cluster_is_called_on_hosts_of_eks_and_on_hosts_that_are_allowed() {
    for (patterns, endpoint, expected) in [
        (&[][..], "https://0A1B.gr7.eu-west-1.eks.amazonaws.com", true),
        (&[], "https://0a1b.yl4.cn-north-1.eks.amazonaws.com.cn", true),
        (&[], "https://0a1b.gr7.eks-cluster.eu-west-1.api.aws", true),
        (&[], "https://0a1b.gr7.eu-west-1.eks.amazonaws.com:8443", false),
        (&[], "https://0a1b.gr7.eu-west-1.eks.amazonaws.com.evil.example", false),
        (&[], "https://0a1b.gr7.eu-west-1.eks.evil.example", false),
        (&[], "https://0a1b.gr7.eu-west-1.eks.amazonaws.com.cn", false),
        (&[], "https://0a1b.gr7.eks-cluster.evil.example", false),
        (&[], "https://eu-west-1.eks.amazonaws.com", false),
        (&[], "https://evil.example", false),
        (&[], "https://127.0.0.1:8443", false),
        (&["clusters.shop.example"], "https://clusters.shop.example", true),
        (&["clusters.shop.example"], "https://evil.example", false),
    ] {
        let address = Address::parse(endpoint, false).unwrap();
        assert_eq!(api(patterns).allow_cluster(&address), expected, "{endpoint}");
        if !expected {
            let input = object([
                ("ClusterName", "orders"),
                ("CertificateAuthority", "QUJD"),
                ("Endpoint", endpoint),
                ("Method", "GET"),
                ("Path", "/"),
            ]);
            let (error, sent) = Wire::new().run(&api(patterns), "eks:call", input).await;
            let (name, cause) = error.unwrap();
            assert_eq!(name, "States.Runtime");
            let named = format!("The field 'Endpoint' names the host `{}`", address.host);
            assert!(cause.contains(&named) && cause.contains(API_ENDPOINTS), "{cause}");
            assert!(sent.is_empty());
        }
    }
}

/// What else names a place in its parameters. `expressway-aws` has a test of all operations whose hosts depend on one.
#[tokio::test]
async fn no_parameter_chooses_who_receives_a_signature() {
    const QUEUE: &str = r#"{"QueueUrl":"VALUE","MessageBody":"m"}"#;
    const PUBLISH: &str = r#"{"TopicArn":"VALUE","Message":"m"}"#;
    const MODEL: &str = r#"{"ModelId":"m","Input":{"S3Uri":"s3://VALUE/k"}}"#;
    let rows = [
        ("sqs:sendMessage", QUEUE),
        ("aws-sdk:sqs:receiveMessage", r#"{"QueueUrl":"VALUE"}"#),
        ("sns:publish", PUBLISH),
        ("aws-sdk:s3:getObject", r#"{"Bucket":"VALUE","Key":"k"}"#),
        ("aws-sdk:s3:getObject", r#"{"Bucket":"b","Key":"VALUE"}"#),
        ("aws-sdk:s3control:listAccessPoints", r#"{"AccountId":"VALUE"}"#),
        (
            "aws-sdk:dynamodb:getItem",
            r#"{"TableName":"VALUE","Key":{"a":{"S":"b"}}}"#,
        ),
        ("dynamodb:getItem", r#"{"TableName":"VALUE","Key":{"a":{"S":"b"}}}"#),
        ("aws-sdk:kinesis:describeStream", r#"{"StreamARN":"VALUE"}"#),
        (
            "events:putEvents",
            r#"{"Entries":[{"EventBusName":"VALUE","Source":"s","DetailType":"d","Detail":{}}]}"#,
        ),
        ("states:startExecution", r#"{"StateMachineArn":"VALUE"}"#),
        ("aws-sdk:sfn:startSyncExecution", r#"{"StateMachineArn":"VALUE"}"#),
        ("bedrock:invokeModel", MODEL),
        ("bedrock:invokeModel", r#"{"ModelId":"VALUE","Body":{}}"#),
        ("lambda:invoke", r#"{"FunctionName":"VALUE"}"#),
        ("aws-sdk:sts:assumeRole", r#"{"RoleArn":"VALUE","RoleSessionName":"s"}"#),
        ("aws-sdk:secretsmanager:getSecretValue", r#"{"SecretId":"VALUE"}"#),
    ];
    let values = [
        "evil.example",
        "https://evil.example/111122223333/q",
        "https://sqs.eu-west-1.amazonaws.com@evil.example/111122223333/q",
        "//evil.example/q",
        "evil.example/",
        "evil.example#",
        "evil.example?",
        "evil.example\\",
        "evil.example:443",
        "x@evil.example/",
        "\r\nHost: evil.example",
        "../../evil.example",
        "arn:aws:s3:evil.example/:111122223333:accesspoint/x",
        "arn:aws:s3:eu-west-1:evil.example/:accesspoint/x",
        "arn:aws:s3:eu-west-1:111122223333:accesspoint/evil.example/",
        "arn:evil.example/:s3:eu-west-1:111122223333:accesspoint/x",
        "arn:aws:kinesis:evil.example/:111122223333:stream/x",
        "arn:aws:kinesis:us-east-1:111122223333:stream/x",
        "arn:aws:lambda:us-east-1:111122223333:function:f",
        "arn:aws:lambda:evil.example/:111122223333:function:f",
        "arn:aws:sns:evil.example:111122223333:t",
        "arn:aws:dynamodb:us-east-1:evil.example:table/t",
    ];
    for (resource, parameters) in rows {
        let mut sent_in_all = 0;
        for value in values.into_iter().chain(["plain", "111122223333"]) {
            let parameters = parameters.replace("\"VALUE\"", &Document::from(value).to_json());
            let parameters = parameters.replace("VALUE", "evil.example");
            let input = Document::parse(&parameters).unwrap();
            let (_, sent) = Wire::new().run(&AllowedEndpoints::default(), resource, input).await;
            sent_in_all += sent.len();
            for sent in sent {
                assert!(is_aws(&sent.host), "{resource} {parameters}: {}", sent.host);
            }
        }
        assert!(sent_in_all > 0, "{resource} {parameters}");
    }
    for value in values.iter().filter(|value| value.starts_with("arn:")) {
        let (_, sent) = Wire::new()
            .run(
                &AllowedEndpoints::default(),
                "arn:aws:lambda:evil.example:1:function:f",
                Document::Null,
            )
            .await;
        assert!(
            sent.iter().all(|sent| sent.host == "lambda.eu-west-1.amazonaws.com"),
            "{sent:?}"
        );
        let input = Document::parse(r#"{"QueueUrl":"q","MessageBody":"m"}"#).unwrap();
        let run = Wire::new();
        let (_, sent) = run
            .run_under(&AllowedEndpoints::default(), "sqs:sendMessage", input, Some(value))
            .await;
        assert!(
            sent.iter().all(|sent| sent.host == "sts.eu-west-1.amazonaws.com"),
            "{sent:?}"
        );
    }
}

fn is_aws(host: &str) -> bool {
    let host = host.strip_suffix(":443").unwrap_or(host);
    let labels = host.strip_suffix(".amazonaws.com").or(host.strip_suffix(".api.aws"));
    labels.is_some_and(|labels| labels.split('.').all(is_host_label))
}
