//! Calls that get no answer, or none that can be read.

use crate::server::{Reply, Server};
use crate::{call, call_with, client, client_with, get_item};
use aws_credential_types::credential_fn::provide_credentials_fn;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
use expressway_aws::{CallError, CallOptions, Client, EndpointOverrides, Service};
use std::time::Duration;

/// Long enough for a loopback exchange, short enough for a test.
const SHORT: Duration = Duration::from_millis(200);

#[tokio::test]
async fn a_silent_peer_times_out() {
    for timeouts in [
        TimeoutConfig::builder().read_timeout(SHORT),
        TimeoutConfig::builder().operation_attempt_timeout(SHORT),
        TimeoutConfig::builder().operation_timeout(SHORT),
    ] {
        let server = Server::answering(vec![Reply::Silence]).await;
        let error = get_item(&client_with(&server.url, timeouts.build())).await.unwrap_err();
        assert!(matches!(error, CallError::MayHaveBeenSent(_)), "{error:?}");
        let service = Service::find("dynamodb").unwrap();
        assert_eq!(error.name(service), "DynamoDb.SdkClientException");
        assert!(
            error.cause().starts_with("Unable to execute HTTP request: "),
            "{}",
            error.cause()
        );
    }
}

#[tokio::test]
async fn a_timeout_can_be_set_for_one_call() {
    let server = Server::answering(vec![Reply::Silence]).await;
    let options = CallOptions {
        timeouts: Some(TimeoutConfig::builder().operation_timeout(SHORT).build()),
        ..CallOptions::default()
    };
    let error = call_with(&client(&server.url), "dynamodb", "listTables", "{}", &options).await;
    assert!(matches!(error, Err(CallError::MayHaveBeenSent(_))), "{error:?}");
}

#[tokio::test]
async fn without_a_connection_nothing_was_sent() {
    // Bound and let go, so that nobody listens there.
    let address = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let error = get_item(&client(&format!("http://{address}"))).await.unwrap_err();
    assert!(matches!(error, CallError::NotSent(_)), "{error:?}");
}

#[tokio::test]
async fn a_connection_that_breaks_every_time_may_have_sent() {
    for reply in [Reply::Cut, Reply::CutWithin] {
        let server = Server::answering(vec![reply]).await;
        let error = get_item(&client(&server.url)).await.unwrap_err();
        assert!(matches!(error, CallError::MayHaveBeenSent(_)), "{error:?}");
        assert_eq!(server.requests().len(), 3);
    }
}

#[tokio::test]
async fn garbage_is_no_result() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for body in [
        b"<html>".to_vec(),
        b"{\"Item\": ".to_vec(),
        vec![0xff; 64],
        deep.into_bytes(),
    ] {
        let server = Server::answering(vec![Reply::status(200, body)]).await;
        let error = get_item(&client(&server.url)).await.unwrap_err();
        assert!(matches!(error, CallError::MayHaveBeenSent(_)), "{error:?}");
        // It went well: another attempt would do it twice.
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn garbage_in_xml_is_no_result_either() {
    let deep = format!("{}{}", "<a>".repeat(100_000), "</a>".repeat(100_000));
    let entities = "<!DOCTYPE a [<!ENTITY b \"bbbb\"><!ENTITY c \"&b;&b;\">]><a>&c;</a>";
    for body in ["{}", "<a><b></a>", &deep, entities] {
        let server = Server::answering(vec![Reply::ok(body)]).await;
        let error = call(&client(&server.url), "sns", "listTopics", "{}").await;
        // Elements that nobody asked for are no error, however deep they nest.
        let harmless = error.as_ref().is_ok_and(|result| result.to_json() == "{}");
        assert!(
            harmless || matches!(error, Err(CallError::MayHaveBeenSent(_))),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_not_read() {
    let server = Server::answering(vec![Reply::status(200, vec![b' '; 100_000])]).await;
    let options = CallOptions {
        answer_bytes_max: Some(50_000),
        ..CallOptions::default()
    };
    let error = call_with(&client(&server.url), "dynamodb", "listTables", "{}", &options)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("larger than what is read"), "{error}");
    assert_eq!(server.requests().len(), 1, "it would be too large again");
}

#[tokio::test]
async fn dropping_a_call_closes_its_connection() {
    let server = Server::answering(vec![Reply::Silence]).await;
    let client = client(&server.url);
    tokio::select! {
        result = get_item(&client) => panic!("{result:?}"),
        () = server.received() => {}
    }
    server.closed().await;
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn wrong_parameters_are_not_sent() {
    let server = Server::answering(vec![Reply::ok("{}")]).await;
    let client = client(&server.url);
    for (action, parameters, problem) in [
        ("getItem", r#"{"Table": "orders"}"#, "unknown parameter `Table`"),
        (
            "getItem",
            r#"{"Key": {"id": "1"}}"#,
            "expected an object, found string at `Key.id`",
        ),
        ("getItem", "[]", "expected an object, found array"),
    ] {
        let error = call(&client, "dynamodb", action, parameters).await.unwrap_err();
        assert_eq!(error.to_string(), problem);
    }
    let error = call(&client, "s3", "getObject", r#"{"Bucket": "b"}"#)
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "missing or unusable parameter `Key`");
    let error = call(&client, "bedrockruntime", "converseStream", "{}")
        .await
        .unwrap_err();
    assert!(matches!(error, CallError::NotSent(_)), "{error}");
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn without_credentials_or_region_nothing_is_sent() {
    let server = Server::answering(vec![Reply::ok("{}")]).await;
    let config = |region: Option<&'static str>, provider: Option<SharedCredentialsProvider>| {
        let mut config = SdkConfig::builder().endpoint_url(&server.url);
        config.set_region(region.map(Region::new));
        config.set_credentials_provider(provider);
        Client::new(config.build(), EndpointOverrides::none())
    };
    let expired = provide_credentials_fn(|| async { Err(CredentialsError::provider_error("expired")) });
    let expired = SharedCredentialsProvider::new(expired);
    for (client, problem) in [
        (config(Some("eu-west-1"), None), "there are no credentials"),
        (config(None, None), "no region is configured"),
        (config(Some("eu-west-1"), Some(expired)), "expired"),
    ] {
        let error = get_item(&client).await.unwrap_err();
        assert!(matches!(error, CallError::NotSent(_)), "{error:?}");
        assert!(error.to_string().contains(problem), "{error}");
    }
    assert!(server.requests().is_empty());
}
