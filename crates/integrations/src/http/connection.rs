//! EventBridge connections: who one is to somebody else's API.
//!
//! Step Functions has a permission of its own to take credentials out of a connection. A function reads the
//! connection (`events:DescribeConnection`) and the secret that EventBridge keeps for it
//! (`secretsmanager:GetSecretValue`), whose layout is EventBridge's.

#![warn(clippy::arithmetic_side_effects)]

use crate::caller::{Caller, preliminary_timeouts, state_machine_arn};
use crate::shared::Shared;
use crate::web::{self, Address};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use expressway_asl::Document;
use expressway_asl::document::Object;
use expressway_asl::error_name::ErrorName;
use expressway_aws::{CallError, CallOptions, PlainRequest, Service};
use expressway_engine::{StateError, TaskRequest};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How many connections are kept at once. A definition can name any number of them by a path.
const CONNECTIONS_MAX: usize = 64;

/// How long what a connection says is kept: as long as a change of it may go unnoticed.
const KEPT_FOR: Duration = Duration::from_secs(5 * 60);

/// How long before its end a token is not used any more.
const TOKEN_RESERVE: Duration = Duration::from_secs(30);

/// How long a token is kept that does not say how long it is good for.
const TOKEN_KEPT_FOR: Duration = Duration::from_secs(5 * 60);

const TOKEN_TIMEOUT: Duration = Duration::from_secs(30);

/// The connections that were used, those used last at the end.
#[derive(Debug, Default)]
pub(crate) struct Connections(Mutex<Vec<Kept>>);

#[derive(Clone, Debug)]
struct Kept {
    /// The connection's ARN, the role that asks and the machine that it asks for.
    key: [String; 3],
    cell: Arc<Shared<Arc<Connection>>>,
}

/// A connection and its secret.
pub(crate) struct Connection {
    read: Instant,
    secret: Document,
    authorization: Authorization,
    token: Shared<Arc<Token>>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Nothing of the secret.
        formatter
            .debug_struct("Connection")
            .field("authorization", &self.authorization)
            .finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Authorization {
    ApiKey,
    Basic,
    OAuth,
}

struct Token {
    /// `Bearer ...`
    header: String,
    made: Instant,
    good_for: Duration,
    /// Whether a request before the current one has carried it: if not, a new one is no better.
    is_used: AtomicBool,
}

/// What a connection adds to a request.
#[derive(Clone, Default)]
pub(super) struct Additions {
    pub(super) headers: Vec<(String, String)>,
    pub(super) query: Vec<(String, String)>,
    pub(super) body: Vec<(String, Document)>,
}

impl Connections {
    /// The connection of this ARN.
    ///
    /// # Errors
    /// `Events.ConnectionResource.*`: it is not there, not ready, or must not be read.
    pub(super) async fn get(
        &self,
        caller: &Caller,
        arn: &str,
        request: &TaskRequest<'_>,
    ) -> Result<Arc<Connection>, StateError> {
        let role = request.role_arn.as_deref().unwrap_or_default();
        let kept = self.find([
            arn.to_owned(),
            role.to_owned(),
            state_machine_arn(request.execution_arn),
        ]);
        let is_good = |connection: &Arc<Connection>| connection.read.elapsed() < KEPT_FOR;
        let read = async || Ok(Arc::new(Connection::read(caller, arn, request).await?));
        kept.cell.get(is_good, read).await
    }

    fn find(&self, key: [String; 3]) -> Kept {
        let mut list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = match list.iter().position(|kept| kept.key == key) {
            Some(index) => list.remove(index),
            None => Kept {
                key,
                cell: Arc::default(),
            },
        };
        if list.len() >= CONNECTIONS_MAX {
            list.remove(0);
        }
        list.push(kept.clone());
        kept
    }
}

impl Connection {
    async fn read(caller: &Caller, arn: &str, request: &TaskRequest<'_>) -> Result<Connection, StateError> {
        let name = arn.split(":connection/").nth(1).and_then(|rest| rest.split('/').next());
        let name =
            name.ok_or_else(|| failure("ResourceNotFound", format!("`{arn}` is not the ARN of a connection")))?;
        let described = Document::object([("Name", name.into())]);
        let described = call(caller, request, ("eventbridge", "describeConnection"), described).await?;
        let text = |key: &str| described.get(key).and_then(Document::as_str).unwrap_or_default();
        match text("ConnectionState") {
            "AUTHORIZED" => {}
            state @ ("AUTHORIZING" | "CREATING" | "UPDATING") => {
                return Err(failure(
                    "AuthInProgress",
                    format!("The connection {arn} is in the state {state}"),
                ));
            }
            state => {
                let cause = format!("The connection {arn} is in the state {state}");
                return Err(failure("InvalidConnectionState", cause));
            }
        }
        let is_private = described.get("InvocationConnectivityParameters");
        if is_private.is_some_and(|parameters| !parameters.is_null()) {
            let cause = format!("The connection {arn} leads to a private API, which is not supported");
            return Err(failure("InvalidPrivateConnectionState", cause));
        }
        let authorization = match text("AuthorizationType") {
            "API_KEY" => Authorization::ApiKey,
            "BASIC" => Authorization::Basic,
            "OAUTH_CLIENT_CREDENTIALS" => Authorization::OAuth,
            other => {
                let cause = format!("The connection {arn} has the authorization type {other}, which is not supported");
                return Err(failure("InvalidConnectionState", cause));
            }
        };
        let secret = Document::object([("SecretId", text("SecretArn").into())]);
        let secret = call(caller, request, ("secretsmanager", "getSecretValue"), secret).await?;
        let secret = secret.get("SecretString").and_then(Document::as_str);
        let secret = secret.and_then(|text| Document::parse(text).ok());
        let secret = secret.ok_or_else(|| failure("InternalError", format!("The secret of {arn} is not JSON")))?;
        Ok(Connection {
            read: Instant::now(),
            secret,
            authorization,
            token: Shared::default(),
        })
    }

    /// What it adds to a request.
    ///
    /// # Errors
    /// There is no token to be had.
    pub(super) async fn additions(&self, caller: &Caller) -> Result<Additions, StateError> {
        let mut additions = Additions::of(self.secret.get("invocation_http_parameters"));
        let header = match self.authorization {
            Authorization::ApiKey => (self.text("api_key_name"), self.text("api_key_value")),
            Authorization::Basic => {
                let user = format!("{}:{}", self.text("username"), self.text("password"));
                ("Authorization".to_owned(), format!("Basic {}", STANDARD.encode(user)))
            }
            Authorization::OAuth => ("Authorization".to_owned(), self.token(caller).await?),
        };
        additions.headers.push(header);
        Ok(additions)
    }

    /// Drops the token that requests carried, if there was one that was not made for the last of them.
    pub(super) async fn forget_token(&self) -> bool {
        let token = self.token.take().await;
        token.is_some_and(|token| token.is_used.load(Ordering::Relaxed))
    }

    async fn token(&self, caller: &Caller) -> Result<String, StateError> {
        let is_good = |token: &Arc<Token>| {
            let is_good = token.is_good();
            token.is_used.fetch_or(is_good, Ordering::Relaxed);
            is_good
        };
        let made = async || Ok(Arc::new(self.make_token(caller).await?));
        Ok(self.token.get(is_good, made).await?.header.clone())
    }

    /// Exchanges the client's id and secret for a token (RFC 6749, 4.4).
    async fn make_token(&self, caller: &Caller) -> Result<Token, StateError> {
        let refused = |problem: &str| {
            let cause = format!("The authorization endpoint of the connection {problem}");
            failure("InvalidConnectionState", cause)
        };
        let mut own = Additions::of(self.secret.get("oauth_http_parameters"));
        let endpoint = self.text("authorization_endpoint");
        let mut address =
            Address::parse(&endpoint, caller.allows_loopback).ok_or_else(|| refused("is not an address"))?;
        let method = Some(self.text("http_method")).filter(|method| !method.is_empty());
        let method = method.unwrap_or_else(|| "POST".to_owned());
        let mut fields: Vec<(String, String)> = vec![
            ("grant_type".to_owned(), "client_credentials".to_owned()),
            ("client_id".to_owned(), self.text("client_id")),
            ("client_secret".to_owned(), self.text("client_secret")),
        ];
        fields.retain(|(name, _)| !own.body.iter().any(|(own, _)| own == name));
        fields.extend(own.body.iter().map(|(name, value)| (name.clone(), web::text(value))));
        let content_type = own
            .headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        let is_json = content_type.is_some_and(|(_, value)| value.contains("json"));
        address.push_query(&own.query);
        let mut body = String::new();
        if method == "GET" {
            address.push_query(&fields);
        } else {
            let fields: Object = fields.into_iter().map(|(name, value)| (name, value.into())).collect();
            body = match is_json {
                true => Document::from(fields).to_json(),
                false => super::form::encode(&fields.into(), super::ArrayFormat::Repeat),
            };
            if content_type.is_none() {
                let form = "application/x-www-form-urlencoded".to_owned();
                own.headers.push(("Content-Type".to_owned(), form));
            }
        }
        let sent = PlainRequest {
            method,
            origin: address.origin,
            path: address.path,
            headers: own.headers,
            body: body.into_bytes(),
            signing: None,
            timeout: TOKEN_TIMEOUT,
            answer_bytes_max: web::ANSWER_BYTES_MAX,
        };
        let answer = caller.client.exchange(sent).await;
        let answer = answer.map_err(|error| StateError::new(ErrorName::HttpSocket, error.cause()))?;
        if !(200..300).contains(&answer.status) {
            return Err(refused(&format!("answered with status {}", answer.status)));
        }
        let answer = std::str::from_utf8(&answer.body)
            .ok()
            .and_then(|text| Document::parse(text).ok());
        let answer = answer.unwrap_or_default();
        let token = answer.get("access_token").and_then(Document::as_str);
        let token = token.ok_or_else(|| refused("gave no token"))?;
        Ok(Token::new(token, &answer))
    }

    fn text(&self, key: &str) -> String {
        self.secret.get(key).map(web::text).unwrap_or_default()
    }
}

impl Token {
    /// A token, and how long it is good for as the answer of the authorization endpoint says.
    fn new(token: &str, answer: &Document) -> Token {
        let seconds = answer.get("expires_in").and_then(Document::as_i64);
        let seconds = seconds.and_then(|seconds| u64::try_from(seconds).ok());
        let good_for = seconds.map_or(TOKEN_KEPT_FOR, Duration::from_secs);
        Token {
            header: format!("Bearer {token}"),
            made: Instant::now(),
            good_for: good_for.saturating_sub(TOKEN_RESERVE),
            is_used: AtomicBool::new(false),
        }
    }

    fn is_good(&self) -> bool {
        self.made.elapsed() < self.good_for
    }
}

impl Additions {
    /// Reads `{"header_parameters": [{"key", "value"}], "query_string_parameters": [..], "body_parameters": [..]}`.
    fn of(parameters: Option<&Document>) -> Additions {
        let list = |name: &str| {
            let items = parameters.and_then(|parameters| parameters.get(name)?.as_array());
            let items = items.into_iter().flat_map(|items| items.iter());
            let pair = |item: &Document| {
                let key = item.get("key").and_then(Document::as_str)?.to_owned();
                Some((key, item.get("value").cloned().unwrap_or_default()))
            };
            items.filter_map(pair).collect::<Vec<_>>()
        };
        let texts = |name: &str| {
            let pairs = list(name).into_iter();
            pairs.map(|(key, value)| (key, web::text(&value))).collect()
        };
        Additions {
            headers: texts("header_parameters"),
            query: texts("query_string_parameters"),
            body: list("body_parameters"),
        }
    }
}

fn failure(name: &str, cause: String) -> StateError {
    StateError::new(format!("Events.ConnectionResource.{name}").as_str(), cause)
}

async fn call(
    caller: &Caller,
    request: &TaskRequest<'_>,
    (service, action): (&str, &str),
    parameters: Document,
) -> Result<Document, StateError> {
    let found = Service::find(service).and_then(|model| Some((model, model.operation(action)?)));
    let (model, operation) =
        found.ok_or_else(|| failure("InternalError", format!("there is no model of {service}:{action}")))?;
    let options = CallOptions {
        timeouts: Some(preliminary_timeouts()),
        ..caller.options(model, operation, request).await?
    };
    let result = caller.client.call(model, operation, &parameters, &options).await;
    result.map_err(|error| {
        let name = match error.answer().map(|answer| &*answer.code) {
            Some("AccessDeniedException") => "AccessDenied",
            Some("ResourceNotFoundException") => "ResourceNotFound",
            Some("ConcurrentModificationException") => "ConcurrentModification",
            _ => "InternalError",
        };
        match error {
            CallError::Answered(answer) => failure(name, answer.cause()),
            error => failure(name, error.cause()),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_may_be_good_for_any_time() {
        for (answer, is_good) in [
            ("{}", true),
            (r#"{"expires_in": null}"#, true),
            (r#"{"expires_in": "3600"}"#, true),
            (r#"{"expires_in": 0}"#, false),
            (r#"{"expires_in": 30}"#, false),
            (r#"{"expires_in": 3600}"#, true),
            (r#"{"expires_in": 3600.5}"#, true),
            (r#"{"expires_in": -1}"#, true),
            (r#"{"expires_in": 2147483648}"#, true),
            (r#"{"expires_in": 9007199254740992}"#, true),
            (r#"{"expires_in": 9223372036854775807}"#, true),
            (r#"{"expires_in": 1e400}"#, true),
        ] {
            let token = Token::new("t", &Document::parse(answer).unwrap());
            assert_eq!(token.is_good(), is_good, "{answer}");
        }
    }
}
