//! What decoding a service costs, and what a call costs beside the typed crate's.

#![expect(clippy::unwrap_used, reason = "this is a benchmark")]
#![allow(dead_code, reason = "the server is shared with the tests")]

#[path = "../tests/loopback/server.rs"]
mod server;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_lambda::config::BehaviorVersion;
use aws_sdk_lambda::primitives::Blob;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use aws_types::SdkConfig;
use aws_types::region::Region;
use criterion::{Criterion, criterion_group, criterion_main};
use expressway_asl::Document;
use expressway_aws::client::http_client;
use expressway_aws::request::Request;
use expressway_aws::response::Response;
use expressway_aws::{CallOptions, Client, EndpointOverrides, Service};
use server::{Reply, Server};
use std::hint::black_box;

const ITEM: &str = r#"{"Item": {"id": {"S": "1"}, "n": {"N": "7"}, "l": {"L": [{"S": "a"}, {"BOOL": true}]}}}"#;

fn tables(criterion: &mut Criterion) {
    for service in ["sqs", "dynamodb", "s3", "ec2"] {
        let decode = || Service::decode(black_box(service)).unwrap().unwrap();
        criterion.bench_function(&format!("decode {service}"), |bencher| {
            bencher.iter_with_large_drop(decode)
        });
    }
}

fn messages(criterion: &mut Criterion) {
    let service = Service::find("dynamodb").unwrap();
    let operation = service.operation("getItem").unwrap();
    let parameters = Document::parse(r#"{"TableName": "orders", "Key": {"id": {"S": "1"}}}"#).unwrap();
    criterion.bench_function("write a GetItem request", |bencher| {
        bencher.iter(|| Request::new(service, operation, black_box(&parameters), None).unwrap());
    });
    let response = Response {
        status: 200,
        headers: &[],
        body: ITEM.as_bytes(),
    };
    criterion.bench_function("read a GetItem answer", |bencher| {
        bencher.iter(|| black_box(&response).result(service, operation).unwrap());
    });
    criterion.bench_function("find the endpoint", |bencher| {
        let parameters = || [("Region", Document::from("eu-west-1"))];
        bencher.iter(|| service.endpoint_rules.resolve(black_box(parameters())).unwrap());
    });
}

/// The same call through the typed crate and through this client: over a connection, and without one, where all
/// that is left is what the clients do themselves.
fn calls(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let server = runtime.block_on(Server::start(|_| Reply::ok(ANSWER)));
    let credentials = Credentials::new("AKID", "secret", None, None, "bench");
    let config = SdkConfig::builder()
        .region(Region::new("eu-west-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(&server.url)
        .http_client(http_client())
        .behavior_version(BehaviorVersion::latest())
        .build();
    let canned = config
        .to_builder()
        .http_client(http_client_fn(|_, _| SharedHttpConnector::new(Canned)))
        .build();
    for (name, config) in [("loopback", config), ("canned", canned)] {
        let typed = aws_sdk_lambda::Client::new(&config);
        criterion.bench_function(&format!("Lambda Invoke, {name}, typed crate"), |bencher| {
            bencher.iter(|| {
                let invoke = typed.invoke().function_name("f").payload(Blob::new("{}"));
                runtime.block_on(invoke.send()).unwrap()
            });
        });
        let client = Client::new(config, EndpointOverrides::none());
        let service = Service::find("lambda").unwrap();
        let operation = service.operation("invoke").unwrap();
        let parameters = Document::parse(r#"{"FunctionName": "f", "Payload": {}}"#).unwrap();
        let options = CallOptions::default();
        criterion.bench_function(&format!("Lambda Invoke, {name}, this client"), |bencher| {
            bencher.iter(|| {
                runtime
                    .block_on(client.call(service, operation, &parameters, &options))
                    .unwrap()
            });
        });
    }
}

const ANSWER: &str = r#"{"answer": 42}"#;

/// Answers without a connection.
#[derive(Debug)]
struct Canned;

impl HttpConnector for Canned {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        let status = StatusCode::try_from(200).unwrap();
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status, SdkBody::from(ANSWER))))
    }
}

criterion_group!(benches, tables, messages, calls);
criterion_main!(benches);
