//! Runs a function as a command, or at an address.

use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use expressway_asl::Document;
use http_body_util::BodyExt;
use std::path::Path;
use std::process::Stdio;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// What a function came to.
#[derive(Debug)]
pub(super) enum Outcome {
    Returned {
        result: hyper::body::Bytes,
        log: String,
    },
    /// With the error as Lambda writes it, `{"errorType", "errorMessage"}`.
    Failed {
        error: Document,
        log: String,
    },
}

/// How much of what a command writes to standard error is told when it fails.
const LOG_CHARACTERS_MAX: usize = 2000;

impl Outcome {
    pub(super) fn returned(result: String) -> Outcome {
        Outcome::Returned {
            result: result.into(),
            log: String::new(),
        }
    }

    pub(super) fn failed(error_type: &str, message: &str) -> Outcome {
        Outcome::Failed {
            error: Document::object([("errorType", error_type.into()), ("errorMessage", message.into())]),
            log: String::new(),
        }
    }

    /// What the function wrote to standard error.
    pub(super) fn log(&self) -> &str {
        match self {
            Outcome::Returned { log, .. } | Outcome::Failed { log, .. } => log,
        }
    }
}

/// Runs a command with the event on its standard input. It dies with the future.
pub(super) async fn command(
    program: &str,
    arguments: &[String],
    directory: &Path,
    environment: &[(&str, String)],
    event: &[u8],
) -> Outcome {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    if !directory.as_os_str().is_empty() {
        command.current_dir(directory);
    }
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            return Outcome::failed(
                "Runtime.InvalidEntrypoint",
                &format!("cannot start `{program}`: {error}"),
            );
        }
    };
    let stdin = child.stdin.take();
    let feed = async {
        if let Some(mut stdin) = stdin {
            // A function need not read its event; then the pipe is closed, and that is fine.
            let _ = stdin.write_all(event).await;
        }
    };
    let ((), output) = tokio::join!(feed, child.wait_with_output());
    let output = match output {
        Ok(output) => output,
        Err(error) => return Outcome::failed("Runtime.ExitError", &error.to_string()),
    };
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    let result = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let parsed = Document::parse(&result);
    match (output.status.success(), parsed) {
        (true, _) if result.is_empty() => Outcome::Returned {
            result: "null".into(),
            log,
        },
        (true, Ok(_)) => Outcome::Returned {
            result: result.into(),
            log,
        },
        (true, Err(error)) => {
            let problem = format!("`{program}` wrote to standard output what is not JSON: {error}");
            with_log(Outcome::failed("Runtime.InvalidResult", &problem), log)
        }
        // A function may say itself what its error is.
        (false, Ok(error)) if error.get("errorType").is_some() => Outcome::Failed { error, log },
        (false, _) => {
            let skipped = log.chars().count().saturating_sub(LOG_CHARACTERS_MAX);
            let end: String = log.chars().skip(skipped).collect();
            let message = format!("`{program}` ended with {}: {}", output.status, end.trim());
            with_log(
                Outcome::failed("Runtime.ExitError", message.trim_end_matches([':', ' '])),
                log,
            )
        }
    }
}

fn with_log(outcome: Outcome, log: String) -> Outcome {
    match outcome {
        Outcome::Returned { result, .. } => Outcome::Returned { result, log },
        Outcome::Failed { error, .. } => Outcome::Failed { error, log },
    }
}

/// Posts the event to an address. The header that Lambda's emulators set tells a function's error.
pub(super) async fn post(url: &str, event: &[u8]) -> Outcome {
    let unreachable = |problem: &str| Outcome::failed("Runtime.Unreachable", &format!("cannot call {url}: {problem}"));
    let mut request = HttpRequest::new(SdkBody::from(event));
    let prepared = request.set_method("POST").is_ok() && request.set_uri(url).is_ok();
    if !prepared {
        return unreachable("it is not an address");
    }
    request.headers_mut().insert("content-type", "application/json");
    request.headers_mut().insert("content-length", event.len().to_string());
    let answer = crate::network::send(request).await;
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return unreachable(&error.to_string()),
    };
    let is_success = answer.status().is_success() && answer.headers().get("x-amz-function-error").is_none();
    let status = answer.status();
    let body = match answer.into_body().collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return unreachable(&error.to_string()),
    };
    let text = String::from_utf8_lossy(&body).into_owned();
    match (is_success, Document::parse(&text)) {
        (true, Ok(_)) => Outcome::returned(text),
        (true, Err(error)) => Outcome::failed(
            "Runtime.InvalidResult",
            &format!("{url} answered what is not JSON: {error}"),
        ),
        (false, Ok(error)) if error.get("errorType").is_some() => Outcome::Failed {
            error,
            log: String::new(),
        },
        (false, _) => Outcome::failed(
            "Runtime.ExitError",
            &format!("{url} answered with status {}", u16::from(status)),
        ),
    }
}
