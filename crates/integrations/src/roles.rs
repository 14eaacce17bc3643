//! `Credentials` of Task states: roles that are assumed for single calls.

#![warn(clippy::arithmetic_side_effects)]

use crate::caller::{preliminary_timeouts, state_machine_arn};
use crate::shared::Shared;
use aws_config::SdkConfig;
use aws_config::identity::IdentityCache;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::future::ProvideCredentials as Provided;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_lambda::primitives::{DateTime, DateTimeFormat};
use expressway_asl::Document;
use expressway_asl::document::Text;
use expressway_asl::error_name::ErrorName;
use expressway_aws::{CallError, CallOptions, Client, Credentials, Service};
use expressway_engine::{StateError, TaskRequest};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

/// How many roles are kept at once. A definition can name any number of them by a path.
const ROLES_MAX: usize = 64;

/// How long before its end a session is not used any more.
const RESERVE: Duration = Duration::from_secs(5 * 60);

/// Sessions of roles, those used last at the end.
#[derive(Debug)]
pub(crate) struct Roles {
    client: Client,
    config: SdkConfig,
    roles: Mutex<Vec<Arc<Role>>>,
}

/// A role, and those who call under it.
#[derive(Debug)]
pub(crate) struct Role {
    session: Arc<Session>,
    credentials: Credentials,
    lambda: OnceLock<aws_sdk_lambda::Client>,
}

/// One session of a role after the other.
#[derive(Debug)]
struct Session {
    client: Client,
    config: SdkConfig,
    role_arn: Text,
    state_machine_arn: String,
    current: Shared<aws_credential_types::Credentials>,
}

#[derive(Debug)]
struct Provider(Arc<Session>);

impl ProvideCredentials for Provider {
    fn provide_credentials<'a>(&'a self) -> Provided<'a>
    where
        Self: 'a,
    {
        Provided::new(async move {
            let session = self.0.get().await;
            session.map_err(|error| CredentialsError::provider_error(error.cause.unwrap_or_default().to_string()))
        })
    }
}

impl Roles {
    pub(crate) fn new(client: Client, config: SdkConfig) -> Roles {
        Roles {
            client,
            config,
            roles: Mutex::default(),
        }
    }

    /// The credentials that a task asks for, if it does.
    ///
    /// # Errors
    /// `States.TaskFailed`: the role can not be assumed.
    pub(crate) async fn credentials(&self, request: &TaskRequest<'_>) -> Result<Option<Credentials>, StateError> {
        let role = self.role(request).await?;
        Ok(role.map(|role| role.credentials.clone()))
    }

    /// The client of Lambda for a task that runs under a role.
    ///
    /// # Errors
    /// `States.TaskFailed`: the role can not be assumed.
    pub(crate) async fn lambda(&self, request: &TaskRequest<'_>) -> Result<Option<aws_sdk_lambda::Client>, StateError> {
        let role = self.role(request).await?;
        Ok(role.map(|role| {
            let client = role.lambda.get_or_init(|| {
                let provider = SharedCredentialsProvider::new(Provider(Arc::clone(&role.session)));
                let config = self.config.to_builder().credentials_provider(provider);
                // The session keeps what it has by itself.
                crate::lambda::client(&config.identity_cache(IdentityCache::no_cache()).build())
            });
            client.clone()
        }))
    }

    async fn role(&self, request: &TaskRequest<'_>) -> Result<Option<Arc<Role>>, StateError> {
        let Some(role_arn) = &request.role_arn else {
            return Ok(None);
        };
        let role = self.find(role_arn, state_machine_arn(request.execution_arn));
        // Asked for here, since the error of the call would not tell why.
        role.session.get().await?;
        Ok(Some(role))
    }

    fn find(&self, role_arn: &Text, state_machine_arn: String) -> Arc<Role> {
        let mut roles = self.roles.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it = |role: &Arc<Role>| {
            *role.session.role_arn == **role_arn && role.session.state_machine_arn == state_machine_arn
        };
        let role = match roles.iter().position(is_it) {
            Some(index) => roles.remove(index),
            None => {
                let session = Arc::new(Session {
                    client: self.client.clone(),
                    config: self.config.clone(),
                    role_arn: Text::clone(role_arn),
                    state_machine_arn,
                    current: Shared::default(),
                });
                let provider = SharedCredentialsProvider::new(Provider(Arc::clone(&session)));
                Arc::new(Role {
                    session,
                    credentials: Credentials::kept_by(provider),
                    lambda: OnceLock::new(),
                })
            }
        };
        if roles.len() >= ROLES_MAX {
            roles.remove(0);
        }
        roles.push(Arc::clone(&role));
        role
    }
}

impl Session {
    async fn get(&self) -> Result<aws_credential_types::Credentials, StateError> {
        let now = || {
            self.config
                .time_source()
                .map_or_else(SystemTime::now, |source| source.now())
        };
        let is_good = |session: &aws_credential_types::Credentials| is_fresh(session.expiry(), now());
        self.current.get(is_good, || self.assume()).await
    }

    /// Assumes the role.
    ///
    /// The external id is the ARN of the state machine, so that trust policies written for Step Functions hold. The
    /// name of the session is the machine's; how Step Functions names it is not documented.
    ///
    /// # Source
    /// "Trust policy update for .sync calls" in the Step Functions guide: `sts:ExternalId`.
    async fn assume(&self) -> Result<aws_credential_types::Credentials, StateError> {
        let failed = |cause: String| StateError::new(ErrorName::TaskFailed, cause);
        let operation = Service::find("sts").and_then(|sts| Some((sts, sts.operation("assumeRole")?)));
        let (sts, operation) = operation.ok_or_else(|| failed("there is no model of STS".to_owned()))?;
        let parameters = Document::object([
            ("RoleArn", Document::String(Text::clone(&self.role_arn))),
            ("RoleSessionName", session_name(&self.state_machine_arn).into()),
            ("ExternalId", self.state_machine_arn.clone().into()),
        ]);
        let options = CallOptions {
            timeouts: Some(preliminary_timeouts()),
            ..CallOptions::default()
        };
        let answer = self.client.call(sts, operation, &parameters, &options).await;
        let answer = answer.map_err(|error| failed(self.refusal(&error)))?;
        let text = |key: &str| answer.get("Credentials")?.get(key)?.as_str().map(str::to_owned);
        let (Some(id), Some(secret)) = (text("AccessKeyId"), text("SecretAccessKey")) else {
            return Err(failed(format!(
                "STS gave no credentials for the role {}",
                self.role_arn
            )));
        };
        let expiry = text("Expiration").and_then(|text| expiry(&text));
        Ok(aws_credential_types::Credentials::new(
            id,
            secret,
            text("SessionToken"),
            expiry,
            "AssumeRole",
        ))
    }

    /// Why the role can not be assumed.
    ///
    /// # Source
    /// The words for a refusal are Step Functions' own, as public reports quote them. STS names the caller in its
    /// message; the rest of the message is for the owner of the role, not for whoever sees the execution.
    fn refusal(&self, error: &CallError) -> String {
        match error.answer() {
            Some(answer) if answer.code == "AccessDenied" => format!(
                "The role {} is not authorized to assume the task state's role, {}.",
                answer.message.as_deref().and_then(caller).unwrap_or_default(),
                self.role_arn
            ),
            _ => format!("The role {} can not be assumed: {}", self.role_arn, error.cause()),
        }
    }
}

/// Whether a session that ends then has more than the reserve left.
fn is_fresh(expiry: Option<SystemTime>, now: SystemTime) -> bool {
    expiry.is_none_or(|expiry| expiry.duration_since(now).is_ok_and(|left| left > RESERVE))
}

/// The expiry of a session, in the form in which STS writes it; `None` where it is no time of this system.
fn expiry(text: &str) -> Option<SystemTime> {
    let moment = DateTime::from_str(text, DateTimeFormat::DateTime).ok()?;
    SystemTime::try_from(moment).ok()
}

/// The role in `User: arn:aws:sts::111122223333:assumed-role/name/session is not authorized to ...`.
fn caller(message: &str) -> Option<String> {
    let user = message.strip_prefix("User: ")?.split_whitespace().next()?;
    let (account, role) = user.split_once(":assumed-role/")?;
    let role = role.rsplit_once('/').map_or(role, |(role, _)| role);
    Some(format!("{}:role/{role}", account.replacen(":sts:", ":iam:", 1)))
}

/// The name of the state machine, with only what names of sessions may have.
fn session_name(state_machine_arn: &str) -> String {
    const CHARACTERS_MAX: usize = 64;
    let name = state_machine_arn.rsplit(':').next().unwrap_or_default();
    let allowed = |character: char| character.is_ascii_alphanumeric() || "_+=,.@-".contains(character);
    let name = name
        .chars()
        .map(|character| if allowed(character) { character } else { '-' });
    let name: String = name.take(CHARACTERS_MAX).collect();
    if name.len() < 2 {
        format!("{name}-expressway")
    } else {
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_may_end_at_any_time() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        for (text, is_expected) in [
            ("0000-01-01T00:00:00Z", false),
            ("1969-12-31T23:59:59Z", false),
            ("2023-11-14T22:13:20Z", false),
            ("2023-11-14T22:18:20Z", false),
            ("2023-11-14T22:18:21Z", true),
            ("2554-07-21T23:34:34Z", true),
            ("9999-12-31T23:59:59.999999999Z", true),
            // No time that is known: kept like a session that says nothing.
            ("+292278994-08-17T07:12:55Z", true),
        ] {
            assert_eq!(is_fresh(expiry(text), now), is_expected, "{text}");
        }
    }

    #[test]
    fn the_caller_is_told_as_a_role() {
        let message = "User: arn:aws:sts::111122223333:assumed-role/orders/orders-fn is not authorized to perform: \
                       sts:AssumeRole on resource: arn:aws:iam::444455556666:role/target";
        assert_eq!(
            caller(message).as_deref(),
            Some("arn:aws:iam::111122223333:role/orders")
        );
        assert_eq!(caller("Access denied"), None);
    }

    #[test]
    fn sessions_are_named_like_machines() {
        for (arn, name) in [
            ("arn:aws:states:eu-west-1:1:stateMachine:orders", "orders"),
            ("arn:aws:states:eu-west-1:1:stateMachine:größe!", "gr--e-"),
            ("arn:aws:states:eu-west-1:1:stateMachine:x", "x-expressway"),
        ] {
            assert_eq!(session_name(arn), name);
        }
        assert_eq!(session_name(&format!("a:{}", "n".repeat(80))).len(), 64);
    }
}
