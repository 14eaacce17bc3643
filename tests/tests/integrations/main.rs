//! Optimized integrations, HTTP tasks, roles and tokens, against a server that answers as services do.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests are tests"
)]

mod eks;
mod optimized;
mod roles;
mod tokens;
mod web;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_sdk_lambda::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
use aws_smithy_async::rt::sleep::{AsyncSleep, SharedAsyncSleep};
use aws_smithy_async::time::TimeSource;
use expressway_asl::Document;
use expressway_asl::program::Requirements;
use expressway_asl::resource::Resource;
use expressway_aws::client::http_client;
use expressway_engine::{StateError, TaskError, TaskRequest, TaskRunner};
use expressway_integrations::AwsTasks;
use expressway_tests::execution::EXECUTION;
use expressway_tests::server::{Reply, Request, Script, Server};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};
use tokio::sync::Notify;

const TOKEN: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
/// What services get of [`TOKEN`] as an idempotency token.
const TOKEN_UUID: &str = "00112233-4455-4677-8899-aabbccddeeff";

/// All of AWS on one port of this machine.
struct Aws {
    server: Server,
    tasks: AwsTasks,
    /// The same as the function has them: no server on this machine may be called.
    strict: AwsTasks,
    clock: Clock,
    /// Lets a minute pass, for those who wait for one.
    minute: Arc<Notify>,
}

/// Sleeps as told for a moment. A minute passes when the test says so, the longer timeouts never do.
#[derive(Debug)]
struct Sleep(Arc<Notify>);

impl AsyncSleep for Sleep {
    fn sleep(&self, duration: Duration) -> aws_smithy_async::rt::sleep::Sleep {
        let minute = Arc::clone(&self.0);
        aws_smithy_async::rt::sleep::Sleep::new(async move {
            match duration.as_secs() {
                0..5 => tokio::time::sleep(duration).await,
                60 => minute.notified().await,
                30 | 65 | 70 | 310 | 930 => std::future::pending().await,
                other => panic!("nothing takes {other} s"),
            }
        })
    }
}

/// A clock that stands still until it is set forward.
#[derive(Clone, Debug)]
struct Clock(Arc<Mutex<SystemTime>>);

impl Clock {
    fn advance(&self, by: Duration) {
        *self.0.lock().unwrap() += by;
    }
}

impl TimeSource for Clock {
    fn now(&self) -> SystemTime {
        *self.0.lock().unwrap()
    }
}

impl Aws {
    /// Gives these replies, one after the other.
    async fn scripted(replies: impl IntoIterator<Item = Reply>) -> Aws {
        let script = Script::new(replies);
        Aws::with(move |_| script.next()).await
    }

    /// Gives the reply that the handler says.
    async fn with(handler: impl Fn(Request) -> Reply + Send + Sync + 'static) -> Aws {
        let server = Server::start(move |request| std::future::ready(handler(request)));
        let server = server.await.unwrap();
        let minute = Arc::new(Notify::new());
        let clock = Clock(Arc::new(Mutex::new(SystemTime::now())));
        let credentials = Credentials::new("AKID", "secret", None, None, "test");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .endpoint_url(server.url())
            .http_client(http_client())
            .time_source(clock.clone())
            .sleep_impl(SharedAsyncSleep::new(Sleep(Arc::clone(&minute))))
            .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(1)))
            .build();
        let strict = AwsTasks::new(&config, &Requirements::default());
        let tasks = AwsTasks::new(&config, &Requirements::default()).with_loopback();
        Aws {
            server,
            tasks,
            strict,
            clock,
            minute,
        }
    }

    fn task(&self, resource: &str, parameters: &str) -> Task<'_> {
        Task {
            tasks: &self.tasks,
            resource: crate::resource(resource),
            parameters: Document::parse(&parameters.replace("HOST", &self.server.authority())).unwrap(),
            role_arn: None,
            token: None,
        }
    }

    async fn call(&self, resource: &str, parameters: &str) -> Result<Document, StateError> {
        self.task(resource, parameters).run().await
    }

    fn requests(&self) -> Vec<Request> {
        self.server.seen().requests
    }

    fn request(&self) -> Request {
        self.requests().remove(0)
    }
}

struct Task<'a> {
    tasks: &'a AwsTasks,
    resource: Resource,
    parameters: Document,
    role_arn: Option<&'static str>,
    token: Option<&'static str>,
}

impl Task<'_> {
    fn under(mut self, role_arn: &'static str) -> Self {
        self.role_arn = Some(role_arn);
        self
    }

    fn with_token(mut self) -> Self {
        self.token = Some(TOKEN);
        self
    }

    async fn run(self) -> Result<Document, StateError> {
        let request = TaskRequest {
            resource: &self.resource,
            input: self.parameters,
            state_name: "Call",
            attempt: 0,
            role_arn: self.role_arn.map(Into::into),
            execution_arn: EXECUTION,
            token: self.token.map(Into::into),
            payloads: None,
        };
        match self.tasks.run(request).await {
            Ok(result) => Ok(result),
            Err(TaskError::State(error)) => Err(error),
            Err(TaskError::Fault(fault)) => panic!("{fault}"),
        }
    }
}

/// `sqs:sendMessage`, `aws-sdk:sqs:sendMessage`, or the ARN of a function.
fn resource(name: &str) -> Resource {
    let arn = format!("arn:aws:states:::{name}").into();
    let (service, action) = name.rsplit_once(':').unwrap();
    match service.strip_prefix("aws-sdk:") {
        _ if name.starts_with("arn:") => Resource::Function { arn: name.into() },
        Some(service) => Resource::AwsSdk {
            arn,
            service: service.into(),
            action: action.into(),
        },
        None => Resource::Optimized {
            arn,
            service: service.into(),
            action: action.into(),
        },
    }
}

fn name_and_cause(result: Result<Document, StateError>) -> (String, String) {
    let error = result.unwrap_err();
    (error.name.unwrap().to_string(), error.cause.unwrap().to_string())
}

/// The service and the key id that a request is signed with.
fn signature(request: &Request) -> Option<(String, String)> {
    let credential = request.header("authorization")?.split("Credential=").nth(1)?;
    let parts: Vec<&str> = credential.split(['/', ',']).collect();
    Some((parts[3].to_owned(), parts[0].to_owned()))
}

fn json(text: &str) -> Document {
    Document::parse(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}
