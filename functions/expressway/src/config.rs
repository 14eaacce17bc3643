//! Configuration by environment variables, checked as a whole before anything else happens.

mod sources;
mod variables;

use crate::event_expression::EventExpression;
use crate::event_source::{Backoff, queue_url};
use expressway_asl::Document;
use expressway_asl::error_name::ErrorName;
use expressway_durability::payloads::PayloadOptions;
use expressway_durability::{DefinitionChange, Level};
use expressway_engine::TaskBudget;
use expressway_engine::history::LogLevel;
use expressway_integrations::AllowedEndpoints;
use expressway_integrations::endpoints::{API_ENDPOINTS, HTTP_ENDPOINTS, HostPattern, UrlPattern};
pub use sources::{HttpCause, HttpResponse, Pipes, RecordsInput};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use variables::Variables;

/// How the function behaves.
///
/// | variable | value | default |
/// | --- | --- | --- |
/// | `EXPRESSWAY_DEFINITION` | the definition itself (JSON), or the path of its file, JSON or YAML, absolute or in the package, or `s3://bucket/key`, perhaps with `?versionId=` | none, required |
/// | `EXPRESSWAY_SUBSTITUTIONS` | JSON object: what `${Name}` in the definition stands for | `{}` |
/// | `EXPRESSWAY_STATE_MACHINE_NAME` | the name in ARNs of executions | the function's |
/// | `EXPRESSWAY_ROLE_ARN` | the role that the context object and the history show | none |
/// | `EXPRESSWAY_TIMEOUT_SECONDS` | the longest that an execution may take, 1 to 900 | 300, as Express |
/// | `EXPRESSWAY_DEADLINE_RESERVE_MILLIS` | how long before Lambda's own deadline executions end, 1 to 60000: half of it is for recording outcomes, a quarter for the bucket and the queue | 500 |
/// | `EXPRESSWAY_MAX_CONCURRENCY` | tasks in flight in one invocation, 1 to 1000 | 256 |
/// | `EXPRESSWAY_MAP_CONCURRENCY` | iterations at once of a Map state that does not say, 1 to 1000 | 40, as Express |
/// | `EXPRESSWAY_BATCH_CONCURRENCY` | executions at once in one invocation, 1 to 1000 | 40 |
/// | `EXPRESSWAY_LOG_LEVEL` | `ALL`, `ERROR`, `FATAL` or `OFF` | `ERROR` |
/// | `EXPRESSWAY_LOG_EXECUTION_DATA` | whether log events show inputs and outputs, `true` or `false` | `false` |
/// | `EXPRESSWAY_HTTP_INPUT` | what an HTTP request gives an execution: its `body`, or the whole `event` | `body` |
/// | `EXPRESSWAY_HTTP_ERRORS` | JSON object: error name to HTTP status, 400 to 599; `States.ALL` for all others | `{}` |
/// | `EXPRESSWAY_HTTP_RESPONSE` | `own`: an output that looks like a response is the response; `output`: each output is the JSON body of a 200 | `own` |
/// | `EXPRESSWAY_HTTP_CAUSE` | what HTTP callers learn of a failure besides the error's name: the `message`, without stack traces and data of the execution; `none`; or the `full` cause | `message` |
/// | `EXPRESSWAY_HTTP_METHODS` | JSON array or comma-separated list of the HTTP methods that run an execution | all but `HEAD`, `OPTIONS`, `TRACE` and `CONNECT` |
/// | `EXPRESSWAY_HEALTH_PATH` | the path of health checks, answered with 200 without an execution | none: health checks of a load balancer are known by their user agent |
/// | `EXPRESSWAY_RECORDS` | records of SNS, S3, Kinesis, DynamoDB streams and Kafka: one execution for `each`, or one for the whole `event` | `each` |
/// | `EXPRESSWAY_PIPES` | an array from a pipe: the function is its `target`, or its `enrichment`, which answers with an array of outputs | `target` |
/// | `EXPRESSWAY_SQS_INPUT` | what a message gives an execution: its `body`, or the whole `record` | `body` |
/// | `EXPRESSWAY_RETRY_BACKOFF` | JSON object `{"IntervalSeconds":10,"BackoffRate":2,"MaxDelaySeconds":900}`: when messages come again that were handed back | as their queue says |
/// | `EXPRESSWAY_TABLE` | name or ARN of the DynamoDB table that makes deliveries safe | none |
/// | `EXPRESSWAY_IDEMPOTENCY` | what the table keeps: `off`, each `execution`, or each `task`, too | `execution` with a table |
/// | `EXPRESSWAY_IDEMPOTENCY_KEY` | where the key of an execution is in its event: a path or a JSONata expression | as its source says |
/// | `EXPRESSWAY_IDEMPOTENCY_PAYLOAD` | what deliveries with the same key must have in common: a path or a JSONata expression | as their source says; nothing with a key of `EXPRESSWAY_IDEMPOTENCY_KEY` |
/// | `EXPRESSWAY_CALLER` | who sends an event: a path or a JSONata expression; no two callers share a key | as an HTTP source says |
/// | `EXPRESSWAY_IDEMPOTENCY_MISSING_KEY` | an execution without a key is an `error`, or runs `unprotected` with a warning | `error` where the variable above is set, else `unprotected` |
/// | `EXPRESSWAY_IDEMPOTENCY_SECONDS` | how long outcomes are remembered, 60 to 31536000 | 86400, a day |
/// | `EXPRESSWAY_FINAL_ERRORS` | JSON array of error names, as in `ErrorEquals`: executions that fail so are not tried again | `[]` |
/// | `EXPRESSWAY_FINAL_ERRORS_QUEUE` | URL or ARN of the queue that takes messages which fail so | none: they go back to their own |
/// | `EXPRESSWAY_DEFINITION_CHANGE` | an execution that was begun with another definition: `continue` under the new one, or `refuse` | `continue` |
/// | `EXPRESSWAY_BUCKET` | the bucket for values over the limit on state data | none |
/// | `EXPRESSWAY_PREFIX` | what their keys begin with | `payloads` |
/// | `EXPRESSWAY_PAYLOAD_BYTES` | how long state data may be before its largest values go to the bucket, 16384 to 262144 | 262144 |
/// | `EXPRESSWAY_CACHE_BYTES` | how much memory they may take to stay at hand, 0 to 1073741824 | 33554432 |
/// | `EXPRESSWAY_ALLOWED_BUCKETS` | JSON array of `bucket` or `bucket/prefix`: where pointers in SQS messages may lead besides the own prefix | `[]` |
/// | `EXPRESSWAY_API_ENDPOINTS` | JSON array of hosts with `*` that `apigateway:invoke` and `eks:call` may call beside those of API Gateway and EKS | `[]` |
/// | `EXPRESSWAY_HTTP_ENDPOINTS` | JSON array of the addresses, with `*` and `?`, that `http:invoke` may call | what the definition spells out |
/// | `EXPRESSWAY_LARGE_RESPONSE` | how an answer that is too large is given: by a `redirect` to where it is (HTTP only, else an error), or by a `reference` in its place | `redirect` |
///
/// `AWS_LAMBDA_FUNCTION_MEMORY_SIZE`, which Lambda sets, bounds what events, values and expressions may take.
///
/// A variable that is set to nothing counts as not set. The level of logging is `ERROR` because a failed
/// execution that leaves no trace can not be looked into, and `ALL` costs a log event per transition.
#[derive(Clone, Debug)]
pub struct Configuration {
    /// Where the definition is.
    pub definition: Definition,
    /// What `${Name}` in the definition stands for.
    pub substitutions: BTreeMap<String, String>,
    /// The name in ARNs of executions.
    pub state_machine_name: String,
    /// The role that the context object and the history show.
    pub role_arn: Option<String>,
    /// The longest that an execution may take, whatever its definition says.
    pub execution_time_max: Duration,
    /// How long before Lambda's own deadline executions end.
    pub deadline_reserve: Duration,
    /// How many tasks may be in flight in one invocation.
    pub task_concurrency: usize,
    /// How many iterations of a Map state run at once when it does not say.
    pub map_concurrency: usize,
    /// How many executions run at once in one invocation.
    pub batch_concurrency: usize,
    /// Which history events are logged.
    pub log_level: LogLevel,
    /// Whether they show inputs and outputs.
    pub log_execution_data: bool,
    /// What an HTTP request gives an execution.
    pub http_input: HttpInput,
    /// HTTP statuses for error names.
    pub http_errors: BTreeMap<String, u16>,
    /// Whether an output can be a response itself.
    pub http_response: HttpResponse,
    /// What HTTP callers learn of a failure.
    pub http_cause: HttpCause,
    /// The HTTP methods that run an execution; if `None`, all but those that ask for something else.
    pub http_methods: Option<Vec<String>>,
    /// The path of health checks.
    pub health_path: Option<String>,
    /// What the records of a batch give executions.
    pub records_input: RecordsInput,
    /// What the function is to pipes.
    pub pipes: Pipes,
    /// What a message gives an execution.
    pub sqs_input: SqsInput,
    /// The table that makes deliveries safe.
    pub table: Option<String>,
    /// How much it keeps; nothing if none.
    pub idempotency: Option<Level>,
    /// Where the key of an execution is in its event.
    pub idempotency_key: Option<EventExpression>,
    /// What deliveries with the same key must have in common.
    pub idempotency_payload: Option<EventExpression>,
    /// Who sends an event.
    pub caller: Option<EventExpression>,
    /// What becomes of an execution without a key.
    pub missing_key: MissingKey,
    /// How long outcomes are remembered.
    pub idempotency_retention: Duration,
    /// Names of errors after which an execution is not tried again.
    pub final_errors: Vec<ErrorName>,
    /// URL of the queue for messages that fail with one of them.
    pub final_errors_queue: Option<String>,
    /// What happens to an execution that was begun with another definition.
    pub definition_change: DefinitionChange,
    /// Where values over the limit on state data go, if there is a place for them.
    pub payloads: Option<PayloadOptions>,
    /// How many bytes of JSON text state data may have before its largest values go there.
    pub payload_bytes: usize,
    /// How an HTTP response is answered that is too large.
    pub large_response: LargeResponse,
    /// How the retries of messages are spaced; as their queue does it if none.
    pub retry_backoff: Option<Backoff>,
    /// How much memory the process has, in bytes, where Lambda says so.
    pub memory_bytes: Option<usize>,
    /// Which hosts tasks may call beside the services of AWS.
    pub endpoints: AllowedEndpoints,
}

/// What becomes of an execution without a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingKey {
    /// It fails.
    Error,
    /// It runs, once for each delivery.
    Unprotected,
}

/// How an HTTP response is answered that is larger than Lambda lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LargeResponse {
    /// By 303 and a URL that is good for a quarter of an hour.
    Redirect,
    /// With pointers in the place of the largest values.
    Reference,
}

/// Where a definition is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Definition {
    /// In the variable itself.
    Inline(String),
    /// In this file.
    File(PathBuf),
    /// In a bucket.
    S3 {
        /// The bucket.
        bucket: String,
        /// The key in it.
        key: String,
        /// The version; the latest if there is none.
        version: Option<String>,
    },
}

/// What an HTTP request gives an execution as its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpInput {
    /// Its body, parsed.
    Body,
    /// The whole event.
    Event,
}

/// What an SQS message gives an execution as its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SqsInput {
    /// Its body: parsed if it is JSON, else a string.
    Body,
    /// The whole record.
    Record,
}

/// Everything that is wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Mistakes {
    /// One sentence each, which names the variable, its value, and what is allowed.
    pub list: Vec<String>,
}

impl fmt::Display for Mistakes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.list.join("\n"))
    }
}

impl Configuration {
    /// The configuration that these environment variables ask for; of two with the same name the later counts.
    ///
    /// # Errors
    /// All mistakes at once, variables with our prefix that do not exist among them.
    pub fn from_env(environment: impl IntoIterator<Item = (OsString, OsString)>) -> Result<Configuration, Mistakes> {
        let mut variables = Variables::new(environment);
        let defaults = Configuration::new(Definition::Inline(String::new()));
        let function_name = variables.foreign("AWS_LAMBDA_FUNCTION_NAME");
        let concurrency = 1..=1000;
        let memory = variables.foreign("AWS_LAMBDA_FUNCTION_MEMORY_SIZE");
        let configuration = Configuration {
            memory_bytes: memory.and_then(|megabytes| megabytes.parse::<usize>().ok()?.checked_mul(1024 * 1024)),
            definition: definition(&mut variables).unwrap_or(defaults.definition),
            substitutions: variables.texts("EXPRESSWAY_SUBSTITUTIONS"),
            state_machine_name: name(&mut variables)
                .or(function_name)
                .unwrap_or(defaults.state_machine_name),
            role_arn: variables.take("EXPRESSWAY_ROLE_ARN"),
            execution_time_max: variables
                .number("EXPRESSWAY_TIMEOUT_SECONDS", 1..=900)
                .map_or(defaults.execution_time_max, Duration::from_secs),
            deadline_reserve: variables
                .number("EXPRESSWAY_DEADLINE_RESERVE_MILLIS", 1..=60_000)
                .map_or(defaults.deadline_reserve, Duration::from_millis),
            task_concurrency: variables
                .number("EXPRESSWAY_MAX_CONCURRENCY", concurrency.clone())
                .map_or(defaults.task_concurrency, |number| number as usize),
            map_concurrency: variables
                .number("EXPRESSWAY_MAP_CONCURRENCY", concurrency.clone())
                .map_or(defaults.map_concurrency, |number| number as usize),
            batch_concurrency: variables
                .number("EXPRESSWAY_BATCH_CONCURRENCY", concurrency)
                .map_or(defaults.batch_concurrency, |number| number as usize),
            log_level: variables
                .choice(
                    "EXPRESSWAY_LOG_LEVEL",
                    &[
                        ("ALL", LogLevel::All),
                        ("ERROR", LogLevel::Error),
                        ("FATAL", LogLevel::Fatal),
                        ("OFF", LogLevel::Off),
                    ],
                )
                .unwrap_or(defaults.log_level),
            log_execution_data: variables
                .choice("EXPRESSWAY_LOG_EXECUTION_DATA", &[("true", true), ("false", false)])
                .unwrap_or(defaults.log_execution_data),
            http_input: variables
                .choice(
                    "EXPRESSWAY_HTTP_INPUT",
                    &[("body", HttpInput::Body), ("event", HttpInput::Event)],
                )
                .unwrap_or(defaults.http_input),
            http_errors: variables.statuses("EXPRESSWAY_HTTP_ERRORS"),
            sqs_input: variables
                .choice(
                    "EXPRESSWAY_SQS_INPUT",
                    &[("body", SqsInput::Body), ("record", SqsInput::Record)],
                )
                .unwrap_or(defaults.sqs_input),
            retry_backoff: retry_backoff(&mut variables),
            endpoints: endpoints(&mut variables),
            ..defaults
        };
        let configuration = sources::sources(&mut variables, configuration);
        let configuration = durability(&mut variables, configuration);
        let configuration = payloads(&mut variables, configuration);
        variables.finish()?;
        Ok(configuration)
    }

    /// How much memory the parsed values of an event may take together, in bytes: a third of what there is. The rest is for
    /// the event as it came, what executions make of it, and the answer.
    pub fn event_memory_max(&self) -> usize {
        self.memory_bytes.map_or(usize::MAX, |bytes| bytes / 3)
    }

    /// The defaults.
    pub fn new(definition: Definition) -> Configuration {
        let options = expressway_engine::Options::default();
        Configuration {
            definition,
            substitutions: BTreeMap::new(),
            state_machine_name: "expressway".to_owned(),
            role_arn: None,
            execution_time_max: options.execution_time_max,
            deadline_reserve: Duration::from_millis(500),
            task_concurrency: TaskBudget::DEFAULT,
            map_concurrency: options.map_concurrency_default,
            batch_concurrency: 40,
            log_level: LogLevel::Error,
            log_execution_data: false,
            http_input: HttpInput::Body,
            http_errors: BTreeMap::new(),
            http_response: HttpResponse::Own,
            http_cause: HttpCause::Message,
            http_methods: None,
            health_path: None,
            records_input: RecordsInput::Each,
            pipes: Pipes::Target,
            sqs_input: SqsInput::Body,
            table: None,
            idempotency: None,
            idempotency_key: None,
            idempotency_payload: None,
            caller: None,
            missing_key: MissingKey::Unprotected,
            idempotency_retention: Duration::from_secs(86_400),
            final_errors: Vec::new(),
            final_errors_queue: None,
            definition_change: DefinitionChange::Continue,
            payloads: None,
            payload_bytes: options.inline_bytes_max,
            large_response: LargeResponse::Redirect,
            retry_backoff: None,
            memory_bytes: None,
            endpoints: AllowedEndpoints::default(),
        }
    }
}

fn definition(variables: &mut Variables) -> Option<Definition> {
    const VARIABLE: &str = "EXPRESSWAY_DEFINITION";
    let root = variables.foreign("LAMBDA_TASK_ROOT").unwrap_or_default();
    let Some(value) = variables.take(VARIABLE) else {
        variables.mistake(
            VARIABLE,
            None,
            "must be the path of a definition, or a definition in JSON",
        );
        return None;
    };
    if value.trim_start().starts_with('{') {
        return Some(Definition::Inline(value));
    }
    if value.starts_with("s3://") {
        let definition = s3_definition(&value);
        if definition.is_none() {
            let allowed = "must be `s3://bucket/key`, perhaps with `?versionId=` and a version";
            variables.mistake(VARIABLE, Some(&value), allowed);
        }
        return definition;
    }
    // An absolute path replaces the root.
    Some(Definition::File(Path::new(&root).join(value)))
}

/// Reads which hosts tasks may call, and nothing else: for those who run a definition without the rest of the function.
///
/// # Errors
/// All mistakes at once.
pub fn endpoints_from_env(
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<AllowedEndpoints, Mistakes> {
    let is_endpoint = |name: &OsString| [API_ENDPOINTS, HTTP_ENDPOINTS].iter().any(|known| **name == **known);
    let environment = environment.into_iter().filter(|(name, _)| is_endpoint(name));
    let mut variables = Variables::new(environment);
    let endpoints = endpoints(&mut variables);
    variables.finish()?;
    Ok(endpoints)
}

fn endpoints(variables: &mut Variables) -> AllowedEndpoints {
    let api = variables.patterns(API_ENDPOINTS, HostPattern::parse);
    let http = variables.patterns(HTTP_ENDPOINTS, UrlPattern::parse);
    AllowedEndpoints::new(api.unwrap_or_default(), http)
}

fn retry_backoff(variables: &mut Variables) -> Option<Backoff> {
    const VARIABLE: &str = "EXPRESSWAY_RETRY_BACKOFF";
    let value = variables.take(VARIABLE)?;
    let backoff = parse_backoff(&value);
    if backoff.is_none() {
        let allowed = "must be a JSON object of `IntervalSeconds` (1 to 43200), and if wanted `BackoffRate` (1 to 10, \
                       else 2) and `MaxDelaySeconds` (1 to 43200, else 900)";
        variables.mistake(VARIABLE, Some(&value), allowed);
    }
    backoff
}

fn parse_backoff(value: &str) -> Option<Backoff> {
    const SECONDS: std::ops::RangeInclusive<u64> = 1..=43_200;
    let document = Document::parse(value).ok()?;
    let object = document.as_object()?;
    let is_known = |key: &str| ["IntervalSeconds", "BackoffRate", "MaxDelaySeconds"].contains(&key);
    if !object.iter().all(|(key, _)| is_known(key)) {
        return None;
    }
    let seconds = |key, default: Option<u64>| {
        let seconds = match object.get(key) {
            None => default?,
            Some(value) => u64::try_from(value.as_i64()?).ok()?,
        };
        SECONDS.contains(&seconds).then(|| Duration::from_secs(seconds))
    };
    let rate = match object.get("BackoffRate") {
        None => 2.0,
        Some(rate) => rate.as_number()?.as_f64(),
    };
    Some(Backoff {
        interval: seconds("IntervalSeconds", None)?,
        rate: Some(rate).filter(|rate| (1.0..=10.0).contains(rate))?,
        delay_max: seconds("MaxDelaySeconds", Some(900))?,
    })
}

/// The place that `s3://bucket/key?versionId=version` names.
fn s3_definition(url: &str) -> Option<Definition> {
    let (bucket, key) = url.strip_prefix("s3://")?.split_once('/')?;
    let (key, version) = match key.split_once("?versionId=") {
        Some((key, version)) => (key, Some(version)),
        None => (key, None),
    };
    let is_whole = !bucket.is_empty() && !key.is_empty() && version.is_none_or(|version| !version.is_empty());
    is_whole.then(|| Definition::S3 {
        bucket: bucket.to_owned(),
        key: key.to_owned(),
        version: version.map(str::to_owned),
    })
}

/// Reads what concerns the bucket.
fn payloads(variables: &mut Variables, configuration: Configuration) -> Configuration {
    const ALLOWED: &str = "EXPRESSWAY_ALLOWED_BUCKETS";
    let bucket = variables.take("EXPRESSWAY_BUCKET");
    let prefix = variables.take("EXPRESSWAY_PREFIX");
    let bytes = variables.number("EXPRESSWAY_PAYLOAD_BYTES", 16_384..=262_144);
    let cache_bytes = variables.number("EXPRESSWAY_CACHE_BYTES", 0..=1_073_741_824);
    let allowed_buckets = variables.text_list(ALLOWED);
    if bucket.is_none() && !allowed_buckets.is_empty() {
        variables.mistake("EXPRESSWAY_BUCKET", None, &format!("must be, for {ALLOWED}"));
    }
    let options = bucket.map(|bucket| {
        let defaults = match configuration.memory_bytes {
            Some(bytes) => PayloadOptions::new(bucket).for_memory(bytes),
            None => PayloadOptions::new(bucket),
        };
        PayloadOptions {
            prefix: prefix.unwrap_or_else(|| defaults.prefix.clone()),
            cache_bytes: cache_bytes.map_or(defaults.cache_bytes, |bytes| bytes as usize),
            allowed_buckets,
            ..defaults
        }
    });
    Configuration {
        payloads: options,
        payload_bytes: bytes.map_or(configuration.payload_bytes, |bytes| bytes as usize),
        large_response: variables
            .choice(
                "EXPRESSWAY_LARGE_RESPONSE",
                &[
                    ("redirect", LargeResponse::Redirect),
                    ("reference", LargeResponse::Reference),
                ],
            )
            .unwrap_or(configuration.large_response),
        ..configuration
    }
}

/// Reads what concerns the table.
fn durability(variables: &mut Variables, configuration: Configuration) -> Configuration {
    const LEVEL: &str = "EXPRESSWAY_IDEMPOTENCY";
    const KEY: &str = "EXPRESSWAY_IDEMPOTENCY_KEY";
    let table = variables.take("EXPRESSWAY_TABLE");
    let level = variables.choice(
        LEVEL,
        &[
            ("off", None),
            ("execution", Some(Level::Execution)),
            ("task", Some(Level::Task)),
        ],
    );
    let level = match (level, &table) {
        (Some(Some(_)), None) => {
            variables.mistake("EXPRESSWAY_TABLE", None, &format!("must be, for {LEVEL}"));
            None
        }
        (Some(level), _) => level,
        (None, table) => table.as_ref().map(|_| Level::Execution),
    };
    let key = event_expression(variables, KEY);
    let missing_key = variables.choice(
        "EXPRESSWAY_IDEMPOTENCY_MISSING_KEY",
        &[("error", MissingKey::Error), ("unprotected", MissingKey::Unprotected)],
    );
    Configuration {
        missing_key: missing_key.unwrap_or(match key {
            Some(_) => MissingKey::Error,
            None => MissingKey::Unprotected,
        }),
        idempotency: level,
        idempotency_key: key,
        idempotency_payload: event_expression(variables, "EXPRESSWAY_IDEMPOTENCY_PAYLOAD"),
        caller: event_expression(variables, "EXPRESSWAY_CALLER"),
        idempotency_retention: variables
            .number("EXPRESSWAY_IDEMPOTENCY_SECONDS", 60..=31_536_000)
            .map_or(configuration.idempotency_retention, Duration::from_secs),
        final_errors: variables.error_names("EXPRESSWAY_FINAL_ERRORS"),
        final_errors_queue: final_errors_queue(variables),
        definition_change: variables
            .choice(
                "EXPRESSWAY_DEFINITION_CHANGE",
                &[
                    ("continue", DefinitionChange::Continue),
                    ("refuse", DefinitionChange::Refuse),
                ],
            )
            .unwrap_or(configuration.definition_change),
        table,
        ..configuration
    }
}

fn event_expression(variables: &mut Variables, name: &'static str) -> Option<EventExpression> {
    let text = variables.take(name)?;
    match EventExpression::parse(name, &text) {
        Ok(expression) => Some(expression),
        Err(problem) => {
            let allowed = format!("must be a path or a JSONata expression: {problem}");
            variables.mistake(name, Some(&text), &allowed);
            None
        }
    }
}

/// The URL of a queue that is named by URL or ARN.
fn final_errors_queue(variables: &mut Variables) -> Option<String> {
    const VARIABLE: &str = "EXPRESSWAY_FINAL_ERRORS_QUEUE";
    let value = variables.take(VARIABLE)?;
    let url = match value.starts_with("https://") || value.starts_with("http://") {
        true => Some(value.clone()),
        false => queue_url(&value),
    };
    if url.is_none() {
        variables.mistake(VARIABLE, Some(&value), "must be the URL or the ARN of a queue");
    }
    url
}

fn name(variables: &mut Variables) -> Option<String> {
    const VARIABLE: &str = "EXPRESSWAY_STATE_MACHINE_NAME";
    let name = variables.take(VARIABLE)?;
    if !expressway_engine::Identity::is_name(&name) {
        let allowed = "must be a name of 1 to 80 characters, without white space and ?*<>{}[]\"#%\\^|~`$&,;:/";
        variables.mistake(VARIABLE, Some(&name), allowed);
    }
    Some(name)
}

#[cfg(test)]
mod tests;
