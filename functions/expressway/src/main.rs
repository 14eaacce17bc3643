//! The adapter between Lambda's runtime and the handler: bytes in, bytes out.

mod runtime;

use expressway_asl::Document;
use expressway_function::startup;
use std::io::Write;
use std::process::ExitCode;

/// One thread: an invocation is one future, and a function has a single CPU below 1,769 MB.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_none() {
        log_error(
            "AWS_LAMBDA_RUNTIME_API is not set: this program runs in Lambda only, `expressway invoke` runs anywhere",
        );
        return ExitCode::FAILURE;
    }
    let result = match startup::start(std::env::vars_os()).await {
        Ok((handler, log)) => {
            // What is left by now is for executions.
            if let Some(bytes) = handler.configuration().memory_bytes {
                expressway_asl::memory::limit_process(bytes as u64);
            }
            runtime::run(handler, log).await
        }
        Err(error) => {
            let message = error.to_string();
            message.lines().for_each(log_error);
            runtime::report_init_error(error.error_type(), &message).await
        }
    };
    if let Err(error) = result {
        log_error(&error.to_string());
    }
    // Lambda's runtime never ends but by an error.
    ExitCode::FAILURE
}

/// Writes a line to the log before, or without, a configuration.
fn log_error(message: &str) {
    let line = Document::object([("level", "ERROR".into()), ("message", message.into())]);
    // Nothing can be done about a log that takes no lines.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}
