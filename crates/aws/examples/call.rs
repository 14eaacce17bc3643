//! Calls one operation with the credentials and the region of the environment.
//!
//! `cargo run -p expressway-aws --example call -- dynamodb getItem '{"TableName": ...}'`

use expressway_asl::Document;
use expressway_aws::client::config_from_environment;
use expressway_aws::{CallOptions, Client, EndpointOverrides, Service};
use std::io::Write;
use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (text, code) = match call(&arguments).await {
        Ok(result) => (result.to_json_pretty(), ExitCode::SUCCESS),
        Err(problem) => (problem, ExitCode::FAILURE),
    };
    // Nobody is left to hear that standard output is closed.
    let _ = writeln!(std::io::stdout(), "{text}");
    code
}

async fn call(arguments: &[&str]) -> Result<Document, String> {
    let [service, action, parameters] = arguments else {
        return Err("usage: call <service> <action> <parameters>".to_owned());
    };
    let service = Service::find(service).ok_or("unknown service")?;
    let operation = service.operation(action).ok_or("unknown action")?;
    let parameters = Document::parse(parameters).map_err(|error| error.to_string())?;
    let config = config_from_environment(std::env::vars());
    let client = Client::new(config, EndpointOverrides::from_variables(std::env::vars()));
    let result = client
        .call(service, operation, &parameters, &CallOptions::default())
        .await;
    result.map_err(|error| format!("{}: {}", error.name(service), error.cause()))
}
