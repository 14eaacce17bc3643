//! How many connections calls need.

use crate::server::{Reply, Server};
use crate::{client, client_of, get_item};
use aws_sdk_lambda::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_lambda::primitives::Blob;
use aws_smithy_types::retry::RetryConfig;
use expressway_aws::PlainRequest;
use expressway_aws::client::http_client;
use futures_util::stream::{self, StreamExt};
use std::time::Duration;

const CALLS: usize = 1000;
const AT_ONCE: usize = 40;

/// Makes all calls, so many at once.
async fn call_all<F: Future>(call: impl Fn() -> F) {
    let calls = stream::iter(0..CALLS).map(|_| call());
    calls.buffer_unordered(AT_ONCE).for_each(|_| async {}).await;
}

fn item() -> Reply {
    Reply::ok(r#"{"Item": {"id": {"S": "1"}}}"#)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_are_no_more_connections_than_calls_at_once() {
    for replies in [
        vec![item()],
        vec![Reply::Late(Duration::from_millis(2), Box::new(item()))],
        // Without a length, in chunks.
        vec![Reply::Raw(
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n".to_vec(),
        )],
        vec![Reply::with_headers(200, "connection: keep-alive\r\n", "{}")],
    ] {
        let server = Server::answering(replies).await;
        let client = client(&server.url);
        call_all(|| async { get_item(&client).await.unwrap() }).await;
        assert_eq!(server.requests().len(), CALLS);
        assert!(server.connections() <= AT_ONCE, "{} connections", server.connections());
    }
}

#[tokio::test]
async fn the_typed_crates_share_them() {
    let server = Server::answering(vec![item()]).await;
    let config = aws_sdk_lambda::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(Credentials::new("AKID", "secret", None, None, "test"))
        .endpoint_url(&server.url)
        .http_client(http_client())
        .build();
    let client = aws_sdk_lambda::Client::from_conf(config);
    call_all(|| async {
        let invoke = client.invoke().function_name("f").payload(Blob::new("{}"));
        invoke.send().await.unwrap()
    })
    .await;
    assert_eq!(server.requests().len(), CALLS);
    assert!(server.connections() <= AT_ONCE, "{} connections", server.connections());
}

#[tokio::test]
async fn one_after_the_other_takes_one() {
    for reply in [item(), Reply::status(400, "{}")] {
        let server = Server::answering(vec![reply]).await;
        let client = client(&server.url);
        for _ in 0..200 {
            // Errors are answers, too.
            let _ = get_item(&client).await;
        }
        assert_eq!(server.connections(), 1);
    }
}

#[tokio::test]
async fn a_connection_that_is_closed_between_calls_is_not_used() {
    let server = Server::answering(vec![Reply::Last(Box::new(item()))]).await;
    let client = client_of(&server.url, RetryConfig::disabled());
    for _ in 0..20 {
        get_item(&client).await.unwrap();
        server.closed().await;
        // The end has to get here.
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert_eq!(server.connections(), 20);
}

#[tokio::test]
async fn a_connection_that_the_peer_wants_closed_is_closed() {
    let server = Server::answering(vec![Reply::with_headers(200, "connection: close\r\n", "{}")]).await;
    let client = client(&server.url);
    for _ in 0..3 {
        get_item(&client).await.unwrap();
    }
    assert_eq!(server.connections(), 3);
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn a_connection_that_gave_a_server_error_is_not_used_again() {
    let server = Server::answering(vec![Reply::status(500, "{}"), item()]).await;
    get_item(&client(&server.url)).await.unwrap();
    // The server behind it may be ill.
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn an_idle_connection_is_given_up_after_a_minute() {
    let server = Server::answering(vec![item()]).await;
    let client = client(&server.url);
    get_item(&client).await.unwrap();
    get_item(&client).await.unwrap();
    assert_eq!(server.connections(), 1);
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(61)).await;
    tokio::time::resume();
    get_item(&client).await.unwrap();
    assert_eq!(server.connections(), 2);
}

/// Where the process of the next test finds its servers.
const ORIGINS: &str = "EXPRESSWAY_TEST_ORIGINS";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_origins_need_few_descriptors() {
    let mut servers = Vec::new();
    for _ in 0..200 {
        servers.push(Server::answering(vec![item()]).await);
    }
    let origins: Vec<&str> = servers.iter().map(|server| server.url.as_str()).collect();
    let mut process = std::process::Command::new(std::env::current_exe().unwrap());
    process.args(["--exact", "connections::calls_with_few_descriptors", "--nocapture"]);
    process.env(ORIGINS, origins.join(" "));
    let output = tokio::task::spawn_blocking(move || process.output())
        .await
        .unwrap()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(servers.iter().all(|server| server.requests().len() >= 2));
    let busiest = servers.first().unwrap();
    assert_eq!(busiest.requests().len(), 402);
    assert_eq!(busiest.connections(), 1, "what is used again and again stays open");
}

/// Runs in a process of its own, since the limit is one of the process.
#[tokio::test]
async fn calls_with_few_descriptors() {
    let Ok(origins) = std::env::var(ORIGINS) else {
        return;
    };
    let limit = rustix::process::Rlimit {
        current: Some(128),
        maximum: Some(128),
    };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, limit).unwrap();
    let client = client("http://localhost");
    for _ in 0..2 {
        let busiest = origins.split(' ').take(1).cycle();
        for origin in origins
            .split(' ')
            .zip(busiest)
            .flat_map(|(origin, busiest)| [origin, busiest])
        {
            let request = PlainRequest {
                method: "GET".to_owned(),
                origin: origin.to_owned(),
                path: "/".to_owned(),
                headers: Vec::new(),
                body: Vec::new(),
                signing: None,
                timeout: Duration::from_secs(60),
                answer_bytes_max: 1024,
            };
            let answer = client.exchange(request).await;
            assert_eq!(answer.expect(origin).status, 200);
        }
    }
}
