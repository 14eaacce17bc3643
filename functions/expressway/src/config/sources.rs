//! How events are read and answered.

use super::Configuration;
use super::variables::Variables;
use expressway_asl::Document;

/// What an output is to an HTTP caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpResponse {
    /// The response itself if it looks like one, else its body.
    Own,
    /// The body of the response.
    Output,
}

/// What an HTTP caller learns of a failure besides the name of the error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpCause {
    /// The message, without stack traces and without data of the execution.
    Message,
    /// Nothing.
    None,
    /// The cause as it is.
    Full,
}

/// What a batch of records gives executions as their input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordsInput {
    /// Each record is the input of one.
    Each,
    /// The whole event is the input of one.
    Event,
}

/// What the function is to a pipe that invokes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pipes {
    /// Its target.
    Target,
    /// Its enrichment.
    Enrichment,
}

/// Reads how sources are answered.
pub(super) fn sources(variables: &mut Variables, configuration: Configuration) -> Configuration {
    Configuration {
        http_response: variables
            .choice(
                "EXPRESSWAY_HTTP_RESPONSE",
                &[("own", HttpResponse::Own), ("output", HttpResponse::Output)],
            )
            .unwrap_or(configuration.http_response),
        http_cause: variables
            .choice(
                "EXPRESSWAY_HTTP_CAUSE",
                &[
                    ("message", HttpCause::Message),
                    ("none", HttpCause::None),
                    ("full", HttpCause::Full),
                ],
            )
            .unwrap_or(configuration.http_cause),
        http_methods: http_methods(variables),
        health_path: health_path(variables),
        records_input: variables
            .choice(
                "EXPRESSWAY_RECORDS",
                &[("each", RecordsInput::Each), ("event", RecordsInput::Event)],
            )
            .unwrap_or(configuration.records_input),
        pipes: variables
            .choice(
                "EXPRESSWAY_PIPES",
                &[("target", Pipes::Target), ("enrichment", Pipes::Enrichment)],
            )
            .unwrap_or(configuration.pipes),
        ..configuration
    }
}

fn http_methods(variables: &mut Variables) -> Option<Vec<String>> {
    const VARIABLE: &str = "EXPRESSWAY_HTTP_METHODS";
    let value = variables.take(VARIABLE)?;
    let listed = || {
        let methods = value.split(',').map(|method| method.trim().to_owned());
        methods.collect()
    };
    let methods: Vec<String> = match Document::parse(&value) {
        Ok(document) => {
            let methods = document.as_array().map(|methods| methods.iter());
            let methods = methods.map(|methods| methods.map(|method| method.as_str().unwrap_or_default().to_owned()));
            methods.map(Iterator::collect).unwrap_or_default()
        }
        Err(_) => listed(),
    };
    let is_method = |method: &String| !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_alphabetic());
    if methods.is_empty() || !methods.iter().all(is_method) {
        let allowed = "must be a JSON array or a comma-separated list of HTTP methods";
        variables.mistake(VARIABLE, Some(&value), allowed);
        return None;
    }
    Some(methods.iter().map(|method| method.to_ascii_uppercase()).collect())
}

fn health_path(variables: &mut Variables) -> Option<String> {
    const VARIABLE: &str = "EXPRESSWAY_HEALTH_PATH";
    let path = variables.take(VARIABLE)?;
    if !path.starts_with('/') {
        variables.mistake(VARIABLE, Some(&path), "must be a path that begins with `/`");
    }
    Some(path)
}
