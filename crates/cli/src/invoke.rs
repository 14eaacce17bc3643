//! `expressway invoke`: the handler of the Lambda function, in this process, on one event.

use crate::definition::{Definition, DefinitionArguments};
use crate::failure::Failure;
use crate::run::Format;
use crate::tasks::TaskArguments;
use crate::{Exit, embedded, identity, local, source, style};
use expressway_asl::Document;
use expressway_asl::document::Text;
use expressway_engine::history::{HistoryEvent, LogLevel};
use expressway_engine::{Clock, SystemClock, SystemEntropy};
use expressway_function::config::Configuration;
use expressway_function::{Handler, InvocationContext, InvocationError, Notice, Observer, Severity, startup};
use expressway_local::FastForward;
use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::time::Duration;

/// Handle one event as the Lambda function does, and print what Lambda would answer
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    definition: DefinitionArguments,
    /// The event: a file, JSON itself, or - for standard input
    #[arg(long, value_name = "FILE|JSON|-")]
    event: String,
    #[command(flatten)]
    tasks: TaskArguments,
    /// Let Wait states, retry intervals and timeouts pass at once, on a virtual clock
    #[arg(long)]
    fast_forward: bool,
    /// Set a variable of the function's environment, such as EXPRESSWAY_HTTP_INPUT=event; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = variable)]
    env: Vec<(String, String)>,
    /// The function's timeout, which ends the invocation [default: none]
    #[arg(long, value_name = "N")]
    timeout_seconds: Option<u64>,
    /// What to print: indented JSON or one line [default: text on a terminal, else json]
    #[arg(long)]
    format: Option<Format>,
}

const EXAMPLES: &str = "\
Examples:
  expressway invoke orders.asl.json --event events/api-gateway.json --mock mocks.json#HappyPath
  expressway invoke orders.asl.json --event events/api-gateway.json --local
  expressway invoke orders.asl.json --event events/api-gateway.json --local --state .expressway
  expressway invoke orders.asl.json --event events/sqs.json --env EXPRESSWAY_LOG_LEVEL=ALL --fast-forward

The kind of event is told by its shape, as in Lambda. EXPRESSWAY_* variables of the environment count too. What the \
function would log goes to standard error.

With --local the function's bucket is embedded, too, and with --state DIR or EXPRESSWAY_IDEMPOTENCY its table: an event \
that is delivered again is answered as the first time.";

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("must be a name and a value with `=` between".to_owned()),
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let configuration = arguments.configuration()?;
    let definition = arguments.definition.load_with(&configuration.substitutions)?;
    let event = source::read_document("--event", &arguments.event)?.to_json();
    let runtime = crate::runtime()?;
    let answer = runtime.block_on(arguments.invoke(configuration, definition, event.as_bytes()))?;

    let format = arguments.format.unwrap_or(match io::stdout().is_terminal() {
        true => Format::Text,
        false => Format::Json,
    });
    let mut out = anstream::stdout().lock();
    let exit = match &answer {
        Ok(_) => Exit::Success,
        Err(_) => Exit::Negative,
    };
    let answer = answer.unwrap_or_else(|error| failed(&error));
    match (format, Document::parse(&answer)) {
        (Format::Text, Ok(document)) => writeln!(out, "{}", document.to_json_pretty())?,
        _ => writeln!(out, "{answer}")?,
    }
    Ok(exit)
}

/// Whether the configuration names stores or queues.
fn needs_aws(configuration: &Configuration) -> bool {
    configuration.table.is_some()
        || configuration.payloads.is_some()
        || configuration.retry_backoff.is_some()
        || configuration.final_errors_queue.is_some()
}

/// What Lambda answers when the invocation failed.
fn failed(error: &InvocationError) -> String {
    let answer = Document::object([
        ("errorType", error.error_type.as_str().into()),
        ("errorMessage", error.message.as_str().into()),
    ]);
    answer.to_json()
}

impl Arguments {
    /// The function's configuration: its environment is ours, what `--env` adds, and the definition.
    fn configuration(&self) -> Result<Configuration, Failure> {
        let variable = |name: &str, value: &str| (OsString::from(name), OsString::from(value));
        // Of two variables with the same name the later counts.
        let name = variable(
            "EXPRESSWAY_STATE_MACHINE_NAME",
            &identity::valid_name(&self.definition.name()),
        );
        let given = self.env.iter().map(|(name, value)| variable(name, value));
        let definition = variable("EXPRESSWAY_DEFINITION", self.definition.file());
        let environment = std::env::vars_os().chain(given).chain([definition]);
        let mut environment: Vec<_> = [name].into_iter().chain(environment).collect();
        let local = self.tasks.local();
        if local.is_local() {
            environment.insert(0, variable("EXPRESSWAY_BUCKET", embedded::BUCKET));
            let is_asked = environment.iter().any(|(name, _)| *name == *"EXPRESSWAY_IDEMPOTENCY");
            // Without a directory nothing is remembered until the next delivery.
            if local.keeps_state() || is_asked {
                environment.insert(0, variable("EXPRESSWAY_TABLE", embedded::TABLE));
            }
        }
        let mut configuration = Configuration::from_env(environment).map_err(|mistakes| {
            let list: String = mistakes.list.iter().map(|mistake| format!("\n  {mistake}")).collect();
            Failure::usage(format!("the function would not start with this environment{list}"))
        })?;
        if let Some(max_concurrency) = self.tasks.max_concurrency() {
            configuration.task_concurrency = max_concurrency;
        }
        Ok(configuration)
    }

    async fn invoke(
        &self,
        configuration: Configuration,
        definition: Definition,
        event: &[u8],
    ) -> Result<Result<String, InvocationError>, Failure> {
        let tasks = self
            .tasks
            .prepare(&definition, None, Some(&configuration.endpoints))
            .await?;
        let log = Log {
            level: configuration.log_level,
            execution_data: configuration.log_execution_data,
        };
        let aws = match tasks.stand_ins() {
            Some(stand_ins) => {
                embedded::create_configured(stand_ins, &configuration).await?;
                Some(stand_ins.config())
            }
            None if needs_aws(&configuration) => Some(expressway_integrations::configuration().await),
            None => None,
        };
        let mut handler = Handler::new(configuration, definition.program, tasks.runner());
        if let Some(aws) = aws {
            handler = startup::equip(handler, &aws, &definition.text);
        }
        let fast_forward = self.fast_forward.then(|| Arc::new(FastForward::new()));
        let clock: Arc<dyn Clock> = match &fast_forward {
            Some(clock) => Arc::clone(clock) as Arc<dyn Clock>,
            None => Arc::new(SystemClock::new()),
        };
        let context = InvocationContext {
            request_id: &identity::uuid(),
            invoked_function_arn: &identity::function_arn(&definition.name),
            tenant_id: None,
            deadline: self
                .timeout_seconds
                .map(|seconds| clock.now() + Duration::from_secs(seconds)),
            clock,
            entropy: Arc::new(SystemEntropy),
            observer: Some(&log),
        };
        let invocation = handler.handle(event, &context);
        let answer = match fast_forward {
            Some(clock) => clock.run(invocation).await,
            None => invocation.await,
        };
        // Standard output is for the answer alone.
        local::write_effects(&mut anstream::stderr().lock(), &tasks.effects())?;
        Ok(answer)
    }
}

/// Writes what the function would log to standard error.
struct Log {
    level: LogLevel,
    execution_data: bool,
}

impl Observer for Log {
    fn wants_history(&self) -> bool {
        self.level != LogLevel::Off
    }

    fn history_event(&self, execution_arn: &Text, event: &HistoryEvent) {
        if self.level.includes(&event.details) {
            let line = event.to_log(execution_arn, self.execution_data);
            let faint = style::FAINT;
            // When standard error is closed, nobody wants to know.
            let _ = writeln!(anstream::stderr().lock(), "{faint}{line}{faint:#}");
        }
    }

    fn notice(&self, notice: &Notice) {
        let (style, word) = match notice.severity {
            Severity::Warning => (style::WARNING, "warning"),
            Severity::Error => (style::ERROR, "error"),
        };
        let _ = writeln!(anstream::stderr().lock(), "{style}{word}{style:#}: {notice}");
    }
}
