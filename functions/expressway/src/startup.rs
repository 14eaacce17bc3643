//! From the environment to a handler: what happens once, in Lambda's INIT phase.

use crate::config::{Configuration, Definition, Mistakes};
use crate::handler::Handler;
use crate::telemetry::Log;
use expressway_asl::diagnostic::Diagnostics;
use expressway_asl::program::Program;
use expressway_integrations::AwsTasks;
use std::ffi::OsString;
use std::io::Stdout;
use std::path::PathBuf;
use std::sync::Arc;

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
    /// The definition is wrong, or asks for what is not supported yet.
    #[error("the definition is wrong:\n{0}")]
    Definition(Diagnostics),
}

impl StartError {
    /// The name of the error, for Lambda.
    pub fn error_type(&self) -> &'static str {
        match self {
            StartError::Configuration(_) => "Expressway.InvalidConfiguration",
            StartError::Unreadable { .. } | StartError::Definition(_) => "Expressway.InvalidDefinition",
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
    let program = compile(&configuration, &log)?;
    let aws = expressway_integrations::configuration().await;
    let tasks = AwsTasks::new(&aws, program.requirements());
    Ok((Handler::new(configuration, Arc::new(program), Arc::new(tasks)), log))
}

fn compile(configuration: &Configuration, log: &Log<Stdout>) -> Result<Program, StartError> {
    let text = match &configuration.definition {
        Definition::Inline(text) => text.clone(),
        Definition::File(path) => std::fs::read_to_string(path).map_err(|error| StartError::Unreadable {
            path: path.clone(),
            error,
        })?,
    };
    let compilation = expressway_asl::compile(&text, &configuration.substitutions).map_err(StartError::Definition)?;
    let mut findings = compilation.warnings;
    findings.list.extend(expressway_integrations::check(&compilation.calls));
    if findings.has_errors() {
        return Err(StartError::Definition(findings));
    }
    if !findings.list.is_empty() {
        log.message("WARN", &findings.to_string());
    }
    Ok(compilation.program)
}
