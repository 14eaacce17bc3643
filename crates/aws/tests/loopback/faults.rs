//! What goes wrong, how often it is tried, and the name that a definition can catch.
//!
//! The numbers of attempts are those of the SDKs' standard mode: three for what may pass, one for what will not.

use crate::server::{Reply, Server};
use crate::{call, call_with, client, client_with, config, get_item};
use aws_credential_types::Credentials;
use aws_credential_types::credential_fn::provide_credentials_fn;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{AsyncSleep, Sleep};
use aws_smithy_runtime_api::client::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use expressway_aws::{CallError, CallOptions, Client, EndpointOverrides, Service};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

/// An error as JSON protocols write it.
fn json(status: u16, code: &str) -> Reply {
    Reply::status(status, format!(r#"{{"__type": "x#{code}", "message": "no"}}"#))
}

/// An error as S3 and Query protocols write it.
fn xml(status: u16, code: &str) -> Reply {
    let error = format!("<Error><Code>{code}</Code><Message>no</Message></Error>");
    let is_s3 = matches!(code, "SlowDown" | "RequestTimeout" | "NoSuchKey" | "ExpiredToken");
    let body = if is_s3 {
        error
    } else {
        format!("<ErrorResponse>{error}</ErrorResponse>")
    };
    Reply::status(status, body)
}

#[tokio::test]
async fn refusals_are_tried_as_often_as_they_may_pass_and_have_names() {
    let dynamodb = ("dynamodb", "getItem", crate::ITEM);
    let s3 = ("s3", "getObject", r#"{"Bucket": "b", "Key": "k"}"#);
    let sns = ("sns", "listTopics", "{}");
    let lambda = ("lambda", "listFunctions", "{}");
    let sqs = ("sqs", "listQueues", "{}");
    for (call_of, reply, attempts, name) in [
        // Throttling.
        (
            dynamodb,
            json(400, "ProvisionedThroughputExceededException"),
            3,
            "DynamoDb.ProvisionedThroughputExceededException",
        ),
        (
            dynamodb,
            json(400, "ThrottlingException"),
            3,
            "DynamoDb.ThrottlingException",
        ),
        (
            dynamodb,
            json(400, "RequestLimitExceeded"),
            3,
            "DynamoDb.RequestLimitExceededException",
        ),
        (
            lambda,
            json(429, "TooManyRequestsException"),
            3,
            "Lambda.TooManyRequestsException",
        ),
        (s3, xml(503, "SlowDown"), 3, "S3.S3Exception"),
        (sns, xml(400, "Throttling"), 3, "Sns.SnsException"),
        (sqs, json(400, "RequestThrottled"), 3, "Sqs.RequestThrottledException"),
        // A status alone does not say that it will pass.
        (
            dynamodb,
            Reply::status(429, "slow down"),
            1,
            "DynamoDb.DynamoDbException",
        ),
        // Faults of the service, and of what stands before it.
        (
            dynamodb,
            json(500, "InternalServerError"),
            3,
            "DynamoDb.InternalServerErrorException",
        ),
        (dynamodb, Reply::status(500, ""), 3, "DynamoDb.DynamoDbException"),
        (
            dynamodb,
            Reply::status(502, "<html>Bad Gateway</html>"),
            3,
            "DynamoDb.DynamoDbException",
        ),
        (dynamodb, Reply::status(503, "{"), 3, "DynamoDb.DynamoDbException"),
        (s3, Reply::status(504, vec![0xff; 10]), 3, "S3.S3Exception"),
        (sns, Reply::status(500, "oh"), 3, "Sns.SnsException"),
        (s3, xml(400, "RequestTimeout"), 3, "S3.S3Exception"),
        (dynamodb, Reply::status(501, "{}"), 1, "DynamoDb.DynamoDbException"),
        // Mistakes.
        (s3, xml(404, "NoSuchKey"), 1, "S3.NoSuchKeyException"),
        (
            dynamodb,
            json(400, "ValidationException"),
            1,
            "DynamoDb.DynamoDbException",
        ),
        (dynamodb, Reply::status(404, "<html>"), 1, "DynamoDb.DynamoDbException"),
        // Credentials: another attempt would have the same.
        (
            dynamodb,
            json(400, "ExpiredTokenException"),
            1,
            "DynamoDb.DynamoDbException",
        ),
        (s3, xml(400, "ExpiredToken"), 1, "S3.S3Exception"),
        (
            dynamodb,
            json(400, "UnrecognizedClientException"),
            1,
            "DynamoDb.DynamoDbException",
        ),
        (sns, xml(403, "InvalidClientTokenId"), 1, "Sns.SnsException"),
        // A wrong signature at the right time.
        (
            dynamodb,
            json(403, "InvalidSignatureException"),
            1,
            "DynamoDb.DynamoDbException",
        ),
    ] {
        let server = Server::answering(vec![reply.clone()]).await;
        let (service, action, parameters) = call_of;
        let error = call(&client(&server.url), service, action, parameters)
            .await
            .unwrap_err();
        let case = format!("{service}: {reply:?}");
        assert_eq!(error.name(Service::find(service).unwrap()), name, "{case}");
        assert_eq!(error.answer().unwrap().attempts, attempts, "{case}");
        assert_eq!(server.requests().len(), attempts as usize, "{case}");
        let said = format!("(SDK Attempt Count: {attempts})");
        assert!(error.cause().ends_with(&said), "{}", error.cause());
    }
}

/// Notes how long the client wants to wait between attempts, and does not. Timeouts never come.
#[derive(Clone, Debug, Default)]
struct Waits(Arc<Mutex<Vec<Duration>>>);

impl AsyncSleep for Waits {
    fn sleep(&self, duration: Duration) -> Sleep {
        if duration > Duration::from_secs(60) {
            return Sleep::new(std::future::pending());
        }
        self.0.lock().unwrap().push(duration);
        Sleep::new(std::future::ready(()))
    }
}

#[tokio::test]
async fn a_service_says_how_long_to_wait() {
    let never = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(100))
        .build();
    for (reply, waits) in [
        (
            Reply::with_headers(503, "x-amz-retry-after: 1500\r\n", "{}"),
            Some(Duration::from_millis(1500)),
        ),
        (
            Reply::with_headers(
                429,
                "x-amz-retry-after: 700\r\n",
                r#"{"__type": "ThrottlingException"}"#,
            ),
            Some(Duration::from_millis(700)),
        ),
        // Longer than the longest wait.
        (
            Reply::with_headers(503, "x-amz-retry-after: 3600000\r\n", "{}"),
            Some(Duration::from_secs(20)),
        ),
        // The SDKs do not heed the header of HTTP itself, nor what is no number.
        (Reply::with_headers(503, "retry-after: 17\r\n", "{}"), None),
        (Reply::with_headers(503, "x-amz-retry-after: soon\r\n", "{}"), None),
    ] {
        let server = Server::answering(vec![reply.clone(), Reply::ok("{}")]).await;
        let slept = Waits::default();
        let config = config(&server.url)
            .sleep_impl(slept.clone())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .timeout_config(never.clone());
        let client = Client::new(config.build(), EndpointOverrides::none());
        get_item(&client).await.unwrap();
        assert_eq!(server.requests().len(), 2);
        let slept = slept.0.lock().unwrap().clone();
        match (waits, &*slept) {
            (Some(wait), [slept]) => assert_eq!(*slept, wait, "{reply:?}"),
            (None, [slept]) => assert!(*slept <= Duration::from_millis(1), "{slept:?}"),
            _ => panic!("{slept:?}"),
        }
    }
}

/// Long enough for a loopback exchange, short enough for a test.
const SHORT: Duration = Duration::from_millis(200);

#[tokio::test]
async fn a_slow_answer_is_waited_for() {
    let late = Reply::Late(Duration::from_millis(30), Box::new(Reply::ok("{}")));
    let server = Server::answering(vec![late]).await;
    get_item(&client(&server.url)).await.unwrap();
    assert_eq!(server.requests().len(), 1);
}

/// Replies to a client whose attempts are short, how many requests they take, and what comes of them.
async fn check_silence(replies: Vec<Reply>, requests: usize, ends_well: bool) {
    for timeouts in [
        TimeoutConfig::builder()
            .read_timeout(SHORT)
            .operation_attempt_timeout(SHORT * 3),
        TimeoutConfig::builder().operation_attempt_timeout(SHORT),
    ] {
        let server = Server::answering(replies.clone()).await;
        let result = get_item(&client_with(&server.url, timeouts.build())).await;
        assert_eq!(server.requests().len(), requests, "{replies:?}");
        if ends_well {
            result.unwrap();
            continue;
        }
        let error = result.unwrap_err();
        assert!(matches!(error, CallError::MayHaveBeenSent(_)), "{error:?}");
        let service = Service::find("dynamodb").unwrap();
        assert_eq!(error.name(service), "DynamoDb.SdkClientException");
    }
}

#[tokio::test]
async fn silence_is_tried_three_times() {
    check_silence(vec![Reply::Silence, Reply::ok("{}")], 2, true).await;
    check_silence(vec![Reply::Silence], 3, false).await;
}

#[tokio::test]
async fn an_answer_that_stops_is_tried_three_times() {
    check_silence(vec![Reply::Stall, Reply::ok("{}")], 2, true).await;
    check_silence(vec![Reply::Stall], 3, false).await;
}

#[tokio::test]
async fn broken_connections_are_tried_three_times() {
    for broken in [
        Reply::Cut,
        Reply::CutWithin,
        Reply::Reset,
        // Says that there is more than comes.
        Reply::Last(Box::new(Reply::Raw(
            b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{}".to_vec(),
        ))),
        // Ends within a chunk.
        Reply::Last(Box::new(Reply::Raw(
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nff\r\n{}".to_vec(),
        ))),
        Reply::Last(Box::new(Reply::Raw(b"HTTP/1.1 200 OK\r\nconte".to_vec()))),
    ] {
        let server = Server::answering(vec![broken.clone(), broken.clone(), Reply::ok("{}")]).await;
        let result = get_item(&client(&server.url)).await;
        assert_eq!(result.unwrap().to_json(), "{}", "{broken:?}");
        assert_eq!(server.requests().len(), 3, "{broken:?}");

        let server = Server::answering(vec![broken.clone()]).await;
        let error = get_item(&client(&server.url)).await.unwrap_err();
        assert!(matches!(error, CallError::MayHaveBeenSent(_)), "{broken:?}: {error:?}");
        assert_eq!(
            error.name(Service::find("dynamodb").unwrap()),
            "DynamoDb.SdkClientException"
        );
        assert!(
            error.cause().starts_with("Unable to execute HTTP request: "),
            "{}",
            error.cause()
        );
        assert_eq!(server.requests().len(), 3, "{broken:?}");
    }
}

#[tokio::test]
async fn what_is_no_http_is_not_tried_again() {
    for garbage in [
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/1.1 9999 Odd\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{} ",
    ] {
        let server = Server::answering(vec![Reply::Raw(garbage.into())]).await;
        let error = get_item(&client(&server.url)).await.unwrap_err();
        assert!(matches!(error, CallError::MayHaveBeenSent(_)), "{garbage:?}: {error:?}");
        assert_eq!(server.requests().len(), 1, "{garbage:?}");
    }
}

#[tokio::test]
async fn bytes_after_an_answer_do_not_become_the_next_answer() {
    let longer =
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n{\"Item\": {}}";
    let server = Server::answering(vec![Reply::Raw(longer.to_vec()), Reply::ok("{}")]).await;
    let client = client(&server.url);
    for _ in 0..3 {
        assert_eq!(get_item(&client).await.unwrap().to_json(), "{}");
    }
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn garbage_in_every_protocol_is_no_result() {
    // What gzip would make of `{}`, but for its checksum.
    let compressed = [
        0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xab, 0xae, 5, 0, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0,
    ];
    let deep_cbor = vec![0x81; 100_000];
    let long_cbor = [&[0xbf, 0x7b][..], &[0xff; 8]].concat();
    let many_cbor = [&[0xbb][..], &[0xff; 8]].concat();
    let s3 = ("s3", "listBuckets");
    for ((service, action), body) in [
        (("dynamodb", "listTables"), b"<html>hello</html>".to_vec()),
        (("dynamodb", "listTables"), compressed.to_vec()),
        (("lambda", "listFunctions"), b"<html>".to_vec()),
        (("lambda", "listFunctions"), compressed.to_vec()),
        (s3, b"{}".to_vec()),
        (s3, b"<a><b></a>".to_vec()),
        (s3, compressed.to_vec()),
        (("ec2", "describeVpcs"), b"not xml".to_vec()),
        (("cloudwatchomni", "listDomains"), deep_cbor),
        (("cloudwatchomni", "listDomains"), long_cbor),
        (("cloudwatchomni", "listDomains"), many_cbor),
        (("cloudwatchomni", "listDomains"), b"{}".to_vec()),
    ] {
        let server = Server::answering(vec![Reply::status(200, body.clone())]).await;
        let error = call(&client(&server.url), service, action, "{}").await;
        let start = String::from_utf8_lossy(body.get(..20).unwrap_or(&body)).into_owned();
        assert!(
            matches!(error, Err(CallError::MayHaveBeenSent(_))),
            "{service} {start:?}: {error:?}"
        );
        // It went well: another attempt would do it twice.
        assert_eq!(server.requests().len(), 1, "{service} {start:?}");
    }
}

#[tokio::test]
async fn an_endless_answer_is_not_read_to_its_end() {
    let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    let chunk = [b"10000\r\n".to_vec(), vec![b' '; 0x10000], b"\r\n".to_vec()].concat();
    let server = Server::answering(vec![Reply::Raw([head, chunk.repeat(20)].concat())]).await;
    let options = CallOptions {
        answer_bytes_max: Some(1 << 20),
        ..CallOptions::default()
    };
    let error = call_with(&client(&server.url), "dynamodb", "listTables", "{}", &options).await;
    let error = error.unwrap_err();
    assert!(error.to_string().contains("larger than what is read"), "{error}");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_wrong_clock_is_set_right_for_all_later_calls() {
    for (date, code, year) in [
        (
            "date: Fri, 01 Jul 2033 00:00:00 GMT\r\n",
            "RequestTimeTooSkewed",
            "2033",
        ),
        (
            "date: Fri, 01 Jul 2033 00:00:00 GMT\r\n",
            "InvalidSignatureException",
            "2033",
        ),
        (
            "date: Wed, 01 Jul 2015 00:00:00 GMT\r\n",
            "SignatureDoesNotMatch",
            "2015",
        ),
    ] {
        let body = format!(r#"{{"__type": "x#{code}", "message": "no"}}"#);
        let skewed = Reply::with_headers(403, date, body);
        let right = Reply::with_headers(200, date, "{}");
        let server = Server::answering(vec![skewed, right]).await;
        let client = client(&server.url);
        get_item(&client).await.unwrap();
        get_item(&client).await.unwrap();
        let requests = server.requests();
        let dates: Vec<&str> = requests
            .iter()
            .filter_map(|request| request.header("x-amz-date"))
            .collect();
        let [first, second, third] = *dates else {
            panic!("{code}: {dates:?}");
        };
        assert!(!first.starts_with(year), "{dates:?}");
        assert!(second.starts_with(year) && third.starts_with(year), "{dates:?}");
    }
}

#[tokio::test]
async fn a_clock_that_stays_wrong_is_an_error_after_three_attempts() {
    let skewed = Reply::with_headers(
        403,
        "date: Fri, 01 Jul 2033 00:00:00 GMT\r\n",
        r#"{"__type": "RequestTimeTooSkewed", "message": "no"}"#,
    );
    let server = Server::answering(vec![skewed]).await;
    let error = get_item(&client(&server.url)).await.unwrap_err();
    assert_eq!(error.answer().unwrap().code, "RequestTimeTooSkewed");
    assert_eq!(server.requests().len(), 3);
}

/// Credentials of which each set is good until this much time from now.
fn credentials_for(lifetime: Duration) -> SharedCredentialsProvider {
    let number = Arc::new(AtomicU32::new(0));
    SharedCredentialsProvider::new(provide_credentials_fn(move || {
        let number = number.fetch_add(1, Ordering::SeqCst);
        async move {
            let expires = SystemTime::now() + lifetime;
            Ok(Credentials::new(
                format!("AKID{number}"),
                "secret",
                None,
                Some(expires),
                "test",
            ))
        }
    }))
}

/// The key that each request was signed with.
fn keys(server: &Server) -> Vec<String> {
    let key = |header: &str| header.split(['=', '/']).nth(1).unwrap().to_owned();
    let requests = server.requests();
    requests
        .iter()
        .map(|request| key(request.header("authorization").unwrap()))
        .collect()
}

#[tokio::test]
async fn credentials_are_renewed_before_they_expire() {
    for (lifetime, expected) in [
        (Duration::from_secs(3600), ["AKID0", "AKID0"]),
        // Within the time before the end in which the SDKs take new ones.
        (Duration::from_secs(5), ["AKID0", "AKID1"]),
    ] {
        let server = Server::answering(vec![Reply::ok("{}")]).await;
        let config = config(&server.url).credentials_provider(credentials_for(lifetime));
        let client = Client::new(config.build(), EndpointOverrides::none());
        get_item(&client).await.unwrap();
        get_item(&client).await.unwrap();
        assert_eq!(keys(&server), expected);
    }
}

#[tokio::test]
async fn an_attempt_takes_the_credentials_of_its_time() {
    let server = Server::answering(vec![json(500, "InternalServerError"), Reply::ok("{}")]).await;
    let config = config(&server.url).credentials_provider(credentials_for(Duration::from_secs(5)));
    get_item(&Client::new(config.build(), EndpointOverrides::none()))
        .await
        .unwrap();
    assert_eq!(keys(&server), ["AKID0", "AKID1"]);
}
