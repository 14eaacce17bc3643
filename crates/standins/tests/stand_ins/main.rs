//! Stand-ins as clients of AWS meet them: by the model-driven client, in this process, and over a socket.

#![expect(clippy::unwrap_used, reason = "these are tests")]

mod dynamodb;
mod keeping;
mod lambda;
mod messaging;
mod other_services;
mod s3;
mod sqs;

use aws_types::SdkConfig;
use expressway_asl::Document;
use expressway_aws::model::Service;
use expressway_aws::{CallError, CallOptions, CallOutput, Client, EndpointOverrides};
use expressway_standins::{Options, Seed, StandIns};
use std::sync::{Arc, Mutex};

/// Stand-ins with this seed.
async fn seeded(seed: &str) -> StandIns {
    with_options(seed, Options::default()).await
}

async fn with_options(seed: &str, options: Options) -> StandIns {
    let stand_ins = StandIns::open(options).unwrap();
    stand_ins.seed(&Seed::parse(seed).unwrap()).await.unwrap();
    stand_ins
}

/// What the stand-ins told the user.
fn listening() -> (Arc<Mutex<Vec<String>>>, Options) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let options = Options {
        listener: Some(Arc::new({
            let heard = Arc::clone(&heard);
            move |notice: &str| heard.lock().unwrap().push(notice.to_owned())
        })),
        ..Options::default()
    };
    (heard, options)
}

fn client(config: SdkConfig) -> Client {
    Client::new(config, EndpointOverrides::none())
}

async fn output(client: &Client, call: &str, parameters: &str) -> Result<CallOutput, CallError> {
    let (service, action) = call.split_once(':').unwrap();
    let service = Service::find(service).unwrap();
    let operation = service.operation(action).unwrap();
    let parameters = Document::parse(parameters).unwrap();
    client
        .call_with_metadata(service, operation, &parameters, &CallOptions::default())
        .await
}

/// The result of a call, `sqs:sendMessage`, as JSON; or `<error name>: <cause up to the first bracket>`.
async fn call(stand_ins: &StandIns, call: &str, parameters: &str) -> Result<Document, String> {
    via(&client(stand_ins.config()), call, parameters).await
}

async fn via(client: &Client, call: &str, parameters: &str) -> Result<Document, String> {
    let service = Service::find(call.split_once(':').unwrap().0).unwrap();
    match output(client, call, parameters).await {
        Ok(output) => Ok(output.result),
        Err(error) => {
            let cause = error.cause();
            let message = cause.split(" (Service").next().unwrap_or_default();
            Err(format!("{}: {message}", error.name(service)))
        }
    }
}

/// The text at a path of keys and indices, such as `Messages/0/Body`.
fn at(document: &Document, path: &str) -> String {
    let mut value = document;
    for key in path.split('/') {
        let next = match key.parse::<usize>() {
            Ok(index) => value.as_array().and_then(|items| items.get(index)),
            Err(_) => value.get(key),
        };
        match next {
            Some(next) => value = next,
            None => return "none".to_owned(),
        }
    }
    value.as_str().map_or_else(|| value.to_json(), str::to_owned)
}
