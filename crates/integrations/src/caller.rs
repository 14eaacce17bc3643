//! What all integrations call AWS with: the model-driven client, and who calls.
//!
//! All calls go to the function's own region. Step Functions does the same: its integrations reach the services of
//! the region that the state machine is in, whatever region an ARN or a queue's URL names; the service then answers
//! that it knows no such resource.
//!
//! DIFFERENCE: Step Functions sends messages to the host that a queue's URL names, so that a host which does not exist
//! is `SQS.SdkClientException` (recorded: `error_handling/task_service_sqs.test_send_message_no_such_queue*`). Here the
//! request, and the session token in it, goes to SQS only, which answers that there is no such queue.

#![warn(clippy::arithmetic_side_effects)]

use crate::effect::Token;
use crate::endpoints::AllowedEndpoints;
use crate::http::HttpTrace;
use crate::roles::Roles;
use crate::web::Address;
use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use expressway_aws::model::{Operation, Service};
use expressway_aws::{CallOptions, Client, EndpointOverrides};
use expressway_engine::{StateError, TaskRequest};
use std::time::Duration;

/// How long an answer may take that is the result of long work.
const LONG_TIMEOUT: Duration = Duration::from_secs(15 * 60 + 30);

/// How long an attempt may take at what a task needs before its own call: a session, a connection, a secret. Such
/// answers take milliseconds, and a request that is lost must not take the task's time.
const PRELIMINARY_TIMEOUT: Duration = Duration::from_secs(3);

/// Operations that answer when long work has ended, executions, functions and models, by the model's names.
const LONG: &[(&str, &str)] = &[
    ("stepfunctions", "StartSyncExecution"),
    ("lambda", "Invoke"),
    ("bedrock-runtime", "InvokeModel"),
    ("bedrock-runtime", "Converse"),
];

/// The client of all services, and the roles that tasks run under.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) client: Client,
    pub(crate) roles: Roles,
    /// The function's region.
    pub(crate) region: Option<String>,
    /// Whether `http:` is as good as `https:` where the host is this machine.
    pub(crate) allows_loopback: bool,
    pub(crate) endpoints: AllowedEndpoints,
    /// Who is shown the requests of HTTP tasks.
    pub(crate) http_trace: Option<HttpTrace>,
}

impl Caller {
    pub(crate) fn new(config: &SdkConfig) -> Caller {
        // The client has timeouts of its own, fit for calls that are answered at once.
        let mut timeouts = TimeoutConfig::builder();
        timeouts.set_connect_timeout(config.timeout_config().and_then(TimeoutConfig::connect_timeout));
        let own = config.to_builder().timeout_config(timeouts.build()).build();
        let client = Client::new(own, EndpointOverrides::from_variables(std::env::vars()));
        Caller {
            roles: Roles::new(client.clone(), config.clone()),
            client,
            region: config.region().map(ToString::to_string),
            allows_loopback: false,
            endpoints: AllowedEndpoints::default(),
            http_trace: None,
        }
    }

    /// Whether `apigateway:invoke` may call this address.
    pub(crate) fn allows_api(&self, address: &Address) -> bool {
        self.allows_loopback && address.is_loopback() || self.endpoints.allow_api(address)
    }

    /// Whether `eks:call` may call this address.
    pub(crate) fn allows_cluster(&self, address: &Address) -> bool {
        self.allows_loopback && address.is_loopback() || self.endpoints.allow_cluster(address)
    }

    /// Whether the `http:invoke` of this state may call this address.
    pub(crate) fn allows_http(&self, state_name: &str, address: &Address) -> bool {
        // Patterns are the operator's last word.
        let is_own_server = self.allows_loopback && address.is_loopback() && self.endpoints.http_is_unset();
        is_own_server || self.endpoints.allow_http(state_name, address)
    }

    /// How an operation is called for a task: under its role, and with its token.
    ///
    /// # Errors
    /// The role can not be assumed.
    pub(crate) async fn options(
        &self,
        service: &Service,
        operation: &Operation,
        request: &TaskRequest<'_>,
    ) -> Result<CallOptions, StateError> {
        let long = || {
            TimeoutConfig::builder()
                .read_timeout(LONG_TIMEOUT)
                .operation_attempt_timeout(LONG_TIMEOUT)
                .build()
        };
        let is_long = LONG.contains(&(&*service.name, &*operation.name));
        Ok(CallOptions {
            credentials: self.roles.credentials(request).await?,
            idempotency_token: Token::of(request).map(|token| token.uuid()),
            timeouts: is_long.then(long),
            ..CallOptions::default()
        })
    }
}

/// The timeouts of calls that come before a task's own.
pub(crate) fn preliminary_timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .read_timeout(PRELIMINARY_TIMEOUT)
        .operation_attempt_timeout(PRELIMINARY_TIMEOUT)
        .build()
}

/// The ARN of the state machine that an execution belongs to, made of the execution's.
pub(crate) fn state_machine_arn(execution_arn: &str) -> String {
    match *execution_arn.split(':').collect::<Vec<_>>() {
        ["arn", partition, service, region, account, _, machine, ..] => {
            format!("arn:{partition}:{service}:{region}:{account}:stateMachine:{machine}")
        }
        _ => execution_arn.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executions_name_their_machine() {
        let machine = "arn:aws:states:eu-west-1:111122223333:stateMachine:orders";
        for execution in ["express:orders:a:b", "execution:orders:a"] {
            let execution = format!("arn:aws:states:eu-west-1:111122223333:{execution}");
            assert_eq!(state_machine_arn(&execution), machine);
        }
    }
}
