//! AWS services inside the process, for a developer's machine and for tests. Never part of the Lambda function.
//!
//! [`StandIns`] answers requests to AWS without a socket. Its [`config`](StandIns::config) is the configuration of any
//! AWS SDK client in Rust; whatever the client sends is told by the service of its signature, and answered here:
//!
//! | service | by |
//! | --- | --- |
//! | DynamoDB | `dynoxide`, in memory or in a file |
//! | S3 | `s3s` and a store of ours |
//! | SQS, SNS, EventBridge, Secrets Manager, Parameter Store, STS | ours |
//! | Step Functions | executions are recorded |
//! | Lambda | commands, addresses, mocks: [`Functions`] |
//!
//! Anything else is an error that says so. [`serve`](StandIns::serve) offers the same to other processes.
//! [`Seed`] fills it, and [`effects`](StandIns::effects) tells what was changed since.
//!
//! Nothing here sleeps, and the only clock is the system's, for what times out by itself (messages in flight).

mod context;
mod dynamodb;
mod event_bridge;
mod functions;
mod network;
mod parameter_store;
mod protocol;
mod reader;
mod route;
mod s3;
mod secrets_manager;
mod seed;
mod serve;
mod sns;
mod sqs;
mod state_machines;
mod token_service;
mod transport;
mod unavailable;

pub use context::{ACCOUNT, Effect, Listener, TimeSource};
pub use functions::Functions;
pub use seed::Seed;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_types::SdkConfig;
use aws_types::region::Region;
use context::Context;
use dynamodb::DynamoDb;
use event_bridge::{Destinations, EventBridge};
use parameter_store::ParameterStore;
use protocol::query::Form;
use protocol::{Answer, Request, json, query};
use s3::{Buckets, Store};
use secrets_manager::SecretsManager;
use sns::Sns;
use sqs::Sqs;
use state_machines::StateMachines;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// How stand-ins are to be.
#[derive(Default)]
pub struct Options {
    /// Keeps tables, buckets, queues and so on there, between runs; without it they are gone with the process.
    pub directory: Option<PathBuf>,
    /// The region; `us-east-1` if none is given.
    pub region: Option<String>,
    /// The Lambda functions.
    pub functions: Functions,
    /// Tells the time; the system's clock if there is none.
    pub time: Option<TimeSource>,
    /// Hears what a user should know, such as the name of a service that is not there.
    pub listener: Option<Listener>,
}

/// Stand-ins for AWS. Cheap to clone; clones are the same.
#[derive(Clone, Debug)]
pub struct StandIns {
    services: Arc<Services>,
}

#[derive(Debug)]
struct Services {
    context: Arc<Context>,
    directory: Option<PathBuf>,
    /// What was saved last, by file, so that a file is only written when something changed.
    saved: Mutex<Vec<(&'static str, String)>>,
    buckets: Buckets,
    dynamodb: DynamoDb,
    event_bridge: EventBridge,
    functions: Functions,
    parameters: ParameterStore,
    secrets: SecretsManager,
    sns: Sns,
    sqs: Sqs,
    state_machines: StateMachines,
    store: Arc<Store>,
}

/// Why there can be no stand-ins: state that can not be read.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct OpenError(String);

impl StandIns {
    /// Stand-ins with nothing in them, or with what the directory has kept.
    ///
    /// # Errors
    /// The directory can not be used.
    pub fn open(options: Options) -> Result<StandIns, OpenError> {
        let directory = options.directory;
        let region = options.region.unwrap_or_else(|| "us-east-1".to_owned());
        let context = Arc::new(Context::new(region, options.time, options.listener));
        let failed =
            |what: &Path, problem: &dyn std::fmt::Display| OpenError(format!("`{}`: {problem}", what.display()));
        if let Some(directory) = &directory {
            fs::create_dir_all(directory).map_err(|error| failed(directory, &error))?;
        }
        let within = |name: &str| directory.as_ref().map(|directory| directory.join(name));
        let database = within("dynamodb.sqlite");
        let dynamodb = DynamoDb::open(database.as_deref());
        let dynamodb = dynamodb.map_err(|problem| failed(database.as_deref().unwrap_or(Path::new("")), &problem))?;
        let folder = within("s3");
        let store = Store::open(folder.clone());
        let store = Arc::new(store.map_err(|error| failed(folder.as_deref().unwrap_or(Path::new("")), &error))?);
        Ok(StandIns {
            services: Arc::new(Services {
                saved: Mutex::default(),
                buckets: Buckets::new(Arc::clone(&context), Arc::clone(&store)),
                dynamodb,
                event_bridge: restore(within(EVENTS), EventBridge::restore)?,
                functions: options.functions,
                parameters: restore(within(PARAMETERS), ParameterStore::restore)?,
                secrets: restore(within(SECRETS), SecretsManager::restore)?,
                sns: restore(within(SNS), Sns::restore)?,
                sqs: restore(within(SQS), Sqs::restore)?,
                state_machines: StateMachines::default(),
                store,
                context,
                directory,
            }),
        })
    }

    /// The configuration of clients that talk to these stand-ins, with credentials that are nobody's.
    pub fn config(&self) -> SdkConfig {
        let credentials = Credentials::new("AKIDLOCAL", "local", None, None, "expressway-standins");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(self.services.context.region.clone()))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(self.http_client())
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            .time_source(SharedTimeSource::new(SystemTimeSource::new()))
            .build()
    }

    /// Creates what a seed asks for and what is not there yet. What is there stays as it is.
    ///
    /// # Errors
    /// What could not be made, by its place in the file, and why.
    pub async fn seed(&self, seed: &Seed) -> Result<(), Vec<String>> {
        let result = seed.apply(&self.services).await;
        self.services.save();
        self.services.context.forget_effects();
        result
    }

    /// What requests have changed so far, in order; what a seed made is not among it.
    pub fn effects(&self) -> Vec<Effect> {
        self.services.context.effects()
    }

    /// The bodies of all messages of a queue, oldest first, also those that are in flight.
    pub fn messages(&self, queue: &str) -> Vec<String> {
        self.services.sqs.bodies(queue)
    }

    async fn answer(&self, request: Request) -> Answer {
        let answer = self.services.answer(request).await;
        self.services.save();
        answer
    }
}

const EVENTS: &str = "events.json";
const PARAMETERS: &str = "ssm.json";
const SECRETS: &str = "secretsmanager.json";
const SNS: &str = "sns.json";
const SQS: &str = "sqs.json";

fn restore<T: Default>(
    file: Option<PathBuf>,
    parse: impl Fn(&str) -> Result<T, serde_json::Error>,
) -> Result<T, OpenError> {
    let Some(file) = file.filter(|file| file.exists()) else {
        return Ok(T::default());
    };
    let failed = |problem: &dyn std::fmt::Display| OpenError(format!("`{}`: {problem}", file.display()));
    let text = fs::read_to_string(&file).map_err(|error| failed(&error))?;
    parse(&text).map_err(|error| failed(&error))
}

impl Services {
    fn destinations(&self) -> Destinations<'_> {
        Destinations {
            sqs: &self.sqs,
            sns: &self.sns,
        }
    }

    async fn answer(&self, request: Request) -> Answer {
        let context = &*self.context;
        let service = route::service(&request);
        let action = json::action(&request);
        let by_json =
            |call: &dyn Fn(&expressway_asl::Document) -> Result<expressway_asl::Document, protocol::AwsError>| {
                json::respond(&request, json::input(&request).and_then(|input| call(&input)))
            };
        match service.as_deref() {
            Some("dynamodb") => {
                let input = str::from_utf8(&request.body()[..]).unwrap_or_default();
                json::respond(&request, self.dynamodb.call(context, action, input))
            }
            Some("sqs") => by_json(&|input| self.sqs.call(context, action, input)),
            Some("events") => by_json(&|input| self.event_bridge.call(context, self.destinations(), action, input)),
            Some("secretsmanager") => by_json(&|input| self.secrets.call(context, action, input)),
            Some("ssm") => by_json(&|input| self.parameters.call(context, action, input)),
            Some("states") => by_json(&|input| self.state_machines.call(context, action, input)),
            Some("sns") => {
                let form = Form::of(&request);
                let action = form.get("Action").unwrap_or_default();
                query::respond(action, sns::NAMESPACE, self.sns.call(context, &self.sqs, action, &form))
            }
            Some("sts") => {
                let form = Form::of(&request);
                let action = form.get("Action").unwrap_or_default();
                query::respond(
                    action,
                    token_service::NAMESPACE,
                    token_service::call(context, action, &form),
                )
            }
            Some("lambda") => self.functions.call(context, &request).await,
            Some("s3") => self.buckets.call(request).await,
            service => self.unavailable(&request, service),
        }
    }

    fn unavailable(&self, request: &Request, service: Option<&str>) -> Answer {
        let what = match service {
            Some(service) => format!("the service `{service}`"),
            None => format!("`{}`", route::host(request).unwrap_or_default()),
        };
        let problem = format!("{what} is not available in a local run: mock the states that call it (--mock)");
        self.context.tell(&problem);
        unavailable::answer_to(request, service, &problem)
    }

    /// Writes what has changed to the directory, if there is one. DynamoDB and S3 keep their own files.
    fn save(&self) {
        let Some(directory) = &self.directory else { return };
        let mut saved = self.saved.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, state) in [
            (EVENTS, self.event_bridge.save()),
            (PARAMETERS, self.parameters.save()),
            (SECRETS, self.secrets.save()),
            (SNS, self.sns.save()),
            (SQS, self.sqs.save()),
        ] {
            let written = state.map_err(std::io::Error::from).and_then(|state| {
                if saved.iter().any(|(saved, text)| *saved == name && *text == state) {
                    return Ok(());
                }
                s3::replace_file(&directory.join(name), state.as_bytes())?;
                saved.retain(|(saved, _)| *saved != name);
                saved.push((name, state));
                Ok(())
            });
            if let Err(error) = written {
                self.context
                    .tell(&format!("cannot write `{}`: {error}", directory.join(name).display()));
            }
        }
    }
}
