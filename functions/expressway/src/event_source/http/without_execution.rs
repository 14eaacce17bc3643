//! Requests that are answered without an execution: what browsers, monitors and load balancers send on their own.

use super::{Format, Response, failure, header};
use crate::config::Configuration;
use crate::delivery::Failure;
use crate::event_source::records::text;
use expressway_asl::Document;

/// What a load balancer's health check says that it is.
const HEALTH_CHECKER: &str = "ELB-HealthChecker/";

/// Methods that ask about a resource, not for something to be done.
const PASSIVE: [&str; 4] = ["HEAD", "OPTIONS", "TRACE", "CONNECT"];

/// The methods that a client is told of where none are configured.
const ACTIVE: [&str; 5] = ["DELETE", "GET", "PATCH", "POST", "PUT"];

/// The response to a request that runs no execution; `None` if it runs one.
pub(super) fn response(event: &Document, format: Format, configuration: &Configuration) -> Option<Response> {
    // An event that is written by hand may have no method.
    let method = text(event, &["requestContext", "http", "method"]).or_else(|| text(event, &["httpMethod"]))?;
    let method = method.to_ascii_uppercase();
    if is_health_check(event, &method, format, configuration) {
        return Some(match &*method {
            "HEAD" => Response::empty(200),
            _ => Response::json(200, &Document::object([("status", "ok".into())])),
        });
    }
    let is_run = match &configuration.http_methods {
        Some(methods) => methods.contains(&method),
        None => !PASSIVE.contains(&&*method),
    };
    if is_run {
        return None;
    }
    let response = match &*method {
        "OPTIONS" => Response::empty(204),
        // A response to it has no body.
        "HEAD" => Response::empty(405),
        _ => {
            let cause = format!("a request with the method `{method}` runs no execution");
            failure(405, &Failure::refused("Expressway.MethodNotAllowed", cause))
        }
    };
    Some(response.with_header("allow", &allowed(configuration)))
}

/// A health check of a load balancer, or where a path is configured for health checks, any request of it.
fn is_health_check(event: &Document, method: &str, format: Format, configuration: &Configuration) -> bool {
    if !["GET", "HEAD"].contains(&method) {
        return false;
    }
    match (&configuration.health_path, format) {
        (Some(health_path), _) => path(event) == Some(health_path),
        (None, Format::Alb { .. }) => {
            header(event, "user-agent").is_some_and(|agent| agent.starts_with(HEALTH_CHECKER))
        }
        (None, _) => false,
    }
}

/// The path, without the stage that an HTTP API puts before it.
fn path(event: &Document) -> Option<&str> {
    let Some(path) = text(event, &["rawPath"]) else {
        return text(event, &["path"]);
    };
    let stage = text(event, &["requestContext", "stage"]).unwrap_or_default();
    let rest = path.strip_prefix('/').and_then(|path| path.strip_prefix(stage));
    Some(rest.filter(|rest| rest.starts_with('/')).unwrap_or(path))
}

/// The methods that a client may use.
fn allowed(configuration: &Configuration) -> String {
    let mut methods: Vec<&str> = match &configuration.http_methods {
        Some(methods) => methods.iter().map(String::as_str).collect(),
        None => ACTIVE.to_vec(),
    };
    if !methods.contains(&"OPTIONS") {
        methods.push("OPTIONS");
    }
    methods.join(", ")
}
