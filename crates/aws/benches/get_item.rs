//! What one DynamoDB GetItem costs through this client, against the typed crate.
//!
//! Both call the same server on loopback, which is a process of its own, in turn and through HTTP clients of the same
//! kind. Printed are the times of the rounds and, where `valgrind` is installed, the instructions that a call executes.
//!
//! `cargo bench -p expressway-aws --bench get_item`

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "this is a benchmark"
)]
#![allow(dead_code, reason = "the server is shared with the tests")]

#[path = "../tests/loopback/server.rs"]
mod server;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::config::BehaviorVersion;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_types::SdkConfig;
use aws_types::region::Region;
use expressway_asl::Document;
use expressway_aws::client::http_client;
use expressway_aws::model::{Operation, Service};
use expressway_aws::{CallOptions, Client, EndpointOverrides};
use server::{Reply, Server};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Instant;
use tokio::runtime::Runtime;

const ITEM: &str = r#"{"Item": {"id": {"S": "1"}, "n": {"N": "7"}, "l": {"L": [{"S": "a"}, {"BOOL": true}]}}}"#;
const ROUNDS: usize = 41;
const CALLS: usize = 500;

/// One of the two ways to call.
enum Way {
    Typed(aws_sdk_dynamodb::Client),
    Ours {
        client: Client,
        service: &'static Service,
        operation: &'static Operation,
        parameters: Document,
    },
}

impl Way {
    fn new(name: &str, url: &str) -> Way {
        let credentials = Credentials::new("AKID", "secret", None, None, "bench");
        let config = SdkConfig::builder()
            .region(Region::new("eu-west-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .endpoint_url(url)
            .http_client(http_client())
            .behavior_version(BehaviorVersion::latest())
            .build();
        if name == "typed" {
            return Way::Typed(aws_sdk_dynamodb::Client::new(&config));
        }
        let service = Service::find("dynamodb").unwrap();
        Way::Ours {
            client: Client::new(config, EndpointOverrides::none()),
            service,
            operation: service.operation("getItem").unwrap(),
            parameters: Document::parse(r#"{"TableName": "orders", "Key": {"id": {"S": "1"}}}"#).unwrap(),
        }
    }

    async fn call(&self) {
        match self {
            Way::Typed(client) => {
                let key = AttributeValue::S("1".to_owned());
                let output = client.get_item().table_name("orders").key("id", key).send().await;
                assert!(output.unwrap().item.is_some());
            }
            Way::Ours {
                client,
                service,
                operation,
                parameters,
            } => {
                let options = CallOptions::default();
                let result = client.call(service, operation, parameters, &options).await;
                assert!(result.unwrap().get("Item").is_some());
            }
        }
    }

    fn calls(&self, runtime: &Runtime, calls: usize) {
        runtime.block_on(async {
            for _ in 0..calls {
                self.call().await;
            }
        });
    }
}

fn runtime() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().unwrap()
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match *arguments {
        ["serve"] => serve(),
        ["call", way, calls, url] => Way::new(way, url).calls(&runtime(), calls.parse().unwrap()),
        _ => compare(),
    }
}

/// Answers until it is killed.
fn serve() {
    runtime().block_on(async {
        let server = Server::start(|_| Reply::ok(ITEM)).await;
        println!("{}", server.url);
        std::future::pending::<()>().await;
    });
}

/// A server in a process of its own, whose work counts for neither way.
struct Serving {
    child: Child,
    url: String,
}

impl Serving {
    fn start() -> Serving {
        let program = std::env::current_exe().unwrap();
        let child = Command::new(program).arg("serve").stdout(Stdio::piped()).spawn();
        let mut child = child.unwrap();
        let mut url = String::new();
        let output = child.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut url).unwrap();
        let url = url.trim().to_owned();
        Serving { child, url }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn compare() {
    let serving = Serving::start();
    let runtime = runtime();
    let ways = ["typed", "ours"].map(|name| Way::new(name, &serving.url));
    let mut micros = [Vec::new(), Vec::new()];
    for round in 0..=ROUNDS {
        for (way, micros) in ways.iter().zip(&mut micros) {
            let start = Instant::now();
            way.calls(&runtime, CALLS);
            // The first round warms up.
            if round > 0 {
                micros.push(start.elapsed().as_secs_f64() * 1e6 / CALLS as f64);
            }
        }
    }
    let ratios = micros[1].iter().zip(&micros[0]).map(|(ours, typed)| ours / typed);
    let mut ratios: Vec<f64> = ratios.collect();
    let [typed, ours] = micros.map(|mut micros| summary(&mut micros));
    let ratio = summary(&mut ratios);
    println!("{ROUNDS} rounds of {CALLS} calls in turn: median (quartiles)");
    println!("typed crate  {typed} us");
    println!("this client  {ours} us");
    println!("ratio        {ratio}");
    let [typed, ours] = ["typed", "ours"].map(|way| instructions(way, &serving.url));
    if let (Some(typed), Some(ours)) = (typed, ours) {
        println!(
            "instructions: typed crate {typed}, this client {ours}, ratio {:.3}",
            ours / typed
        );
    }
}

fn summary(values: &mut [f64]) -> String {
    values.sort_by(f64::total_cmp);
    let at = |quarter: usize| values[values.len() * quarter / 4];
    format!("{:.3} ({:.3} to {:.3})", at(2), at(1), at(3))
}

/// The instructions of a call, counted by callgrind: what more calls cost more, so that starting does not count.
fn instructions(way: &str, url: &str) -> Option<f64> {
    const FEW: usize = 100;
    const MANY: usize = 600;
    let count = |calls: usize| -> Option<f64> {
        let output = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(std::env::current_exe().unwrap())
            .args(["call", way, &calls.to_string(), url])
            .output()
            .ok()?;
        let report = String::from_utf8_lossy(&output.stderr).into_owned();
        let line = report.lines().find(|line| line.contains("Collected"))?;
        line.rsplit(' ').next()?.parse().ok()
    };
    Some((count(MANY)? - count(FEW)?) / (MANY - FEW) as f64)
}
