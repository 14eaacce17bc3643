//! From the environment to a handler: what happens once, in Lambda's INIT phase.

use crate::config::{Configuration, Definition, Mistakes};
use crate::definition_fingerprint::definition_fingerprint;
use crate::event_source::Queues;
use crate::guard::Guard;
use crate::handler::Handler;
use crate::telemetry::Log;
use aws_config::SdkConfig;
use expressway_asl::DEFINITION_BYTES_MAX;
use expressway_asl::diagnostic::Diagnostics;
use expressway_asl::error_name::ErrorMatcher;
use expressway_asl::program::Program;
use expressway_durability::payloads::{S3Payloads, load_text};
use expressway_durability::{RecordOptions, Records, Table};
use expressway_integrations::{AllowedEndpoints, AwsTasks};
use std::ffi::OsString;
use std::io::Stdout;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How long the definition may take to arrive. Lambda ends a start after ten seconds, and nothing would say why.
const LOAD_TIME_MAX: Duration = Duration::from_secs(8);

/// Why the function can not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Environment variables are wrong.
    #[error("the configuration is wrong:\n{0}")]
    Configuration(Mistakes),
    /// The file of the definition can not be read.
    #[error("the definition `{}` can not be read: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What keeps it from being read.
        error: std::io::Error,
    },
    /// The definition can not be loaded from its bucket.
    #[error("the definition `s3://{bucket}/{key}` can not be loaded: {problem}")]
    NotInBucket {
        /// The bucket.
        bucket: String,
        /// The key in it.
        key: String,
        /// What keeps it from being loaded.
        problem: String,
    },
    /// The definition is wrong, or asks for what is not supported yet.
    #[error("the definition is wrong:\n{0}")]
    Definition(Diagnostics),
}

impl StartError {
    /// The name of the error, for Lambda.
    pub fn error_type(&self) -> &'static str {
        match self {
            StartError::Configuration(_) => "Expressway.InvalidConfiguration",
            StartError::Unreadable { .. } | StartError::NotInBucket { .. } | StartError::Definition(_) => {
                "Expressway.InvalidDefinition"
            }
        }
    }
}

/// Reads the configuration, compiles the definition, and sets up the clients of the services that it calls.
///
/// # Errors
/// Everything that is wrong with the configuration, or everything that is wrong with the definition.
pub async fn start(
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<(Handler, Log<Stdout>), StartError> {
    let configuration = Configuration::from_env(environment).map_err(StartError::Configuration)?;
    let log = Log::stdout(&configuration);
    let aws = expressway_integrations::configuration().await;
    let Compiled {
        program,
        text,
        endpoints,
    } = compile(&configuration, &aws, &log).await?;
    let tasks = AwsTasks::new(&aws, program.requirements()).with_endpoints(endpoints);
    let handler = Handler::new(configuration, Arc::new(program), Arc::new(tasks));
    Ok((equip(handler, &aws, &text), log))
}

/// Gives a handler the stores and queues that its configuration names. `definition` is the text of what is run.
pub fn equip(mut handler: Handler, aws: &SdkConfig, definition: &str) -> Handler {
    if let Some(options) = handler.configuration.payloads.clone() {
        handler = handler.with_payloads(Arc::new(S3Payloads::new(aws, options)));
    }
    if let Some(guard) = guard(&handler.configuration, aws, definition) {
        handler = handler.guarded(guard);
    }
    let configuration = &handler.configuration;
    if configuration.retry_backoff.is_some() || configuration.final_errors_queue.is_some() {
        handler = handler.with_queues(Queues::new(aws));
    }
    handler
}

/// What makes deliveries safe, if a configuration asks for it. `definition` is the text of what is run.
pub fn guard(configuration: &Configuration, aws: &SdkConfig, definition: &str) -> Option<Guard> {
    let level = configuration.idempotency?;
    let table = Table::new(aws, configuration.table.as_deref()?);
    let defaults = RecordOptions::new(level);
    let share = configuration.memory_bytes.map_or(usize::MAX, |bytes| bytes / 16);
    let options = RecordOptions {
        retention: configuration.idempotency_retention,
        definition_change: configuration.definition_change,
        journal_bytes_max: defaults.journal_bytes_max.min(share),
        ..defaults
    };
    let final_errors = ErrorMatcher::new(configuration.final_errors.iter().cloned());
    let definition = definition_fingerprint(definition, &configuration.substitutions);
    Some(Guard::new(Records::new(table, options), definition, final_errors))
}

struct Compiled {
    program: Program,
    text: String,
    /// Which hosts its tasks may call.
    endpoints: AllowedEndpoints,
}

/// The text of the definition.
pub(crate) async fn definition(configuration: &Configuration, aws: &SdkConfig) -> Result<String, StartError> {
    match &configuration.definition {
        Definition::Inline(text) => Ok(text.clone()),
        Definition::File(path) => std::fs::read_to_string(path).map_err(|error| StartError::Unreadable {
            path: path.clone(),
            error,
        }),
        Definition::S3 { bucket, key, version } => {
            let text = load_text(aws, bucket, key, version.as_deref(), DEFINITION_BYTES_MAX);
            let text = tokio::time::timeout(LOAD_TIME_MAX, text).await;
            let text = text.unwrap_or_else(|_| Err(format!("it did not arrive within {LOAD_TIME_MAX:?}")));
            text.map_err(|problem| StartError::NotInBucket {
                bucket: bucket.clone(),
                key: key.clone(),
                problem,
            })
        }
    }
}

async fn compile(configuration: &Configuration, aws: &SdkConfig, log: &Log<Stdout>) -> Result<Compiled, StartError> {
    let text = definition(configuration, aws).await?;
    let compilation = expressway_asl::compile(&text, &configuration.substitutions).map_err(StartError::Definition)?;
    let mut findings = compilation.warnings;
    findings.list.extend(expressway_integrations::check(&compilation.calls));
    findings.list.extend(configuration.endpoints.check(&compilation.calls));
    if findings.has_errors() {
        return Err(StartError::Definition(findings));
    }
    if !findings.list.is_empty() {
        log.message("WARN", &findings.to_string());
    }
    let endpoints = configuration.endpoints.clone();
    Ok(Compiled {
        program: compilation.program,
        text,
        endpoints: endpoints.spelled_out_in(&compilation.calls),
    })
}
