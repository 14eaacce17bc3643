//! Effects once: the token of a task attempt, in the form that each service takes it.
//!
//! A run of an execution that starts again after a crash makes some calls again. Each attempt then has the token that
//! it had before ([`TaskRequest::token`]), and a service that knows tokens does the work once. What the definition
//! sets itself always counts.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use expressway_asl::Document;
use expressway_asl::document::{Object, Text};
use expressway_asl::resource::Resource;
use expressway_aws::Service;
use expressway_aws::model::names::same_but_first_case;
use expressway_engine::TaskRequest;
use std::borrow::Cow;

/// How often the effect of a task happens when its execution is run again after a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Guarantee {
    /// Once: the write and its record are one transaction, given the journal.
    ExactlyOnce,
    /// Once, if the callee heeds the token that the call carries.
    OnceByToken,
    /// Perhaps again.
    AtLeastOnce,
}

impl Guarantee {
    /// What holds for tasks that call this resource, by default.
    pub fn of(resource: &Resource) -> Guarantee {
        let (service, action) = match resource {
            Resource::Function { .. } => return Guarantee::OnceByToken,
            Resource::Optimized { service, action, .. } => (model_name(service), action),
            Resource::AwsSdk { service, action, .. } => (&**service, action),
        };
        if service == "dynamodb" && matches!(&**action, "putItem" | "updateItem" | "deleteItem") {
            return Guarantee::ExactlyOnce;
        }
        if matches!(service, "http" | "apigateway") && &**action == "invoke" || place(service, action).is_some() {
            return Guarantee::OnceByToken;
        }
        let takes_token = Service::find(service).and_then(|model| {
            let operation = model.operation(action)?;
            operation.idempotency_token_member(model)
        });
        match takes_token {
            Some(_) => Guarantee::OnceByToken,
            None => Guarantee::AtLeastOnce,
        }
    }
}

/// What the service part of an optimized integration is called in AWS SDK integrations.
pub(crate) fn model_name(service: &str) -> &str {
    match service {
        "states" => "sfn",
        "events" => "eventbridge",
        "elasticmapreduce" => "emr",
        "emr-containers" => "emrcontainers",
        "emr-serverless" => "emrserverless",
        same => same,
    }
}

/// The token of an attempt: 64 hexadecimal digits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token<'t>(&'t str);

impl<'t> Token<'t> {
    pub(crate) fn of(request: &'t TaskRequest<'_>) -> Option<Token<'t>> {
        request.token.as_deref().map(Token)
    }

    pub(crate) fn text(self) -> &'t str {
        self.0
    }

    /// Its first half as a UUID (version 4), what the SDKs send as tokens and all services take: some take 36
    /// characters at the most, some 32 at the least, and some only UUIDs.
    pub(crate) fn uuid(self) -> String {
        let digits = u128::from_str_radix(self.0.get(..32).unwrap_or_default(), 16).unwrap_or_default();
        let uuid = (digits & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
        let hex = format!("{uuid:032x}");
        let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
        [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
    }

    /// The client context of a Lambda function that gets this token: JSON in base64. Its `custom` holds strings only.
    pub(crate) fn client_context(self) -> String {
        let context = format!(r#"{{"custom":{{"expressway-idempotency-token":"{}"}}}}"#, self.0);
        STANDARD.encode(context)
    }
}

/// Where a token goes that no model marks as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// `MessageDeduplicationId`, if this parameter names a FIFO queue or topic.
    Deduplication(&'static str),
    /// The same in each item of the second parameter.
    DeduplicationOfEach(&'static str, &'static str),
    /// The name of an execution.
    Name,
    /// The client context of a function.
    ClientContext,
}

/// Where an operation takes a token, by its name in AWS SDK integrations.
fn place(service: &str, action: &str) -> Option<Place> {
    Some(match (service, action) {
        ("sqs", "sendMessage") => Place::Deduplication("QueueUrl"),
        ("sqs", "sendMessageBatch") => Place::DeduplicationOfEach("QueueUrl", "Entries"),
        ("sns", "publish") => Place::Deduplication("TopicArn"),
        ("sns", "publishBatch") => Place::DeduplicationOfEach("TopicArn", "PublishBatchRequestEntries"),
        ("sfn", "startExecution") => Place::Name,
        ("lambda", "invoke") => Place::ClientContext,
        _ => return None,
    })
}

/// The parameters with the token where the operation takes one, unless they set it themselves.
///
/// Tokens that a model marks go through [`expressway_aws::CallOptions`] instead.
pub(crate) fn with_token<'p>(
    service: &str,
    action: &str,
    parameters: &'p Document,
    token: Option<Token<'_>>,
) -> Cow<'p, Document> {
    let filled = || {
        let (token, object) = (token?, parameters.as_object()?);
        match place(service, action)? {
            Place::Deduplication(target) if is_fifo(object, target) => {
                set(object, "MessageDeduplicationId", || token.text().to_owned())
            }
            Place::DeduplicationOfEach(target, entries) if is_fifo(object, target) => with_each(object, entries, token),
            Place::Deduplication(_) | Place::DeduplicationOfEach(..) => None,
            Place::Name => set(object, "Name", || token.text().to_owned()),
            Place::ClientContext => set(object, "ClientContext", || token.client_context()),
        }
    };
    match filled() {
        Some(object) => Cow::Owned(object.into()),
        None => Cow::Borrowed(parameters),
    }
}

fn is_fifo(parameters: &Object, target: &str) -> bool {
    let given = get(parameters, target).or_else(|| get(parameters, "TargetArn"));
    given
        .and_then(Document::as_str)
        .is_some_and(|name| name.ends_with(".fifo"))
}

fn with_each(parameters: &Object, entries: &str, token: Token<'_>) -> Option<Object> {
    let key = key(parameters, entries)?;
    let items = parameters.get(&key)?.as_array()?.iter().enumerate();
    let items = items.map(|(index, item)| {
        let filled = item
            .as_object()
            .and_then(|item| set(item, "MessageDeduplicationId", || format!("{}-{index}", token.text())));
        filled.map_or_else(|| item.clone(), Document::from)
    });
    let items: Vec<Document> = items.collect();
    let mut object = parameters.clone();
    object.insert(key, items.into());
    Some(object)
}

/// The object with one more member, unless it has that member.
fn set(object: &Object, name: &'static str, value: impl FnOnce() -> String) -> Option<Object> {
    if get(object, name).is_some() {
        return None;
    }
    let mut object = object.clone();
    let key = key(&object, name).unwrap_or_else(|| name.into());
    object.insert(key, value().into());
    Some(object)
}

/// How parameters spell a name, whose first letter may have either case.
fn key(parameters: &Object, name: &str) -> Option<Text> {
    let mut keys = parameters.iter().map(|(key, _)| key);
    keys.find(|key| same_but_first_case(key, name)).cloned()
}

/// The value of a parameter; `null` is as good as none.
pub(crate) fn get<'o>(parameters: &'o Object, name: &str) -> Option<&'o Document> {
    parameters.get(&key(parameters, name)?).filter(|value| !value.is_null())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

    #[test]
    fn a_token_is_a_uuid_to_services() {
        assert_eq!(Token(TOKEN).uuid(), "00112233-4455-4677-8899-aabbccddeeff");
    }

    #[test]
    fn tokens_go_where_operations_take_them() {
        for (service, action, parameters, expected) in [
            (
                "sqs",
                "sendMessage",
                r#"{"QueueUrl":"https://q/1/a.fifo","MessageBody":"b"}"#,
                r#"{"QueueUrl":"https://q/1/a.fifo","MessageBody":"b","MessageDeduplicationId":"T"}"#,
            ),
            (
                "sqs",
                "sendMessage",
                r#"{"QueueUrl":"https://q/1/a"}"#,
                r#"{"QueueUrl":"https://q/1/a"}"#,
            ),
            (
                "sqs",
                "sendMessage",
                r#"{"QueueUrl":"a.fifo","MessageDeduplicationId":"mine"}"#,
                r#"{"QueueUrl":"a.fifo","MessageDeduplicationId":"mine"}"#,
            ),
            (
                "sqs",
                "sendMessageBatch",
                r#"{"QueueUrl":"a.fifo","Entries":[{"Id":"1"},{"Id":"2","messageDeduplicationId":"mine"},{"Id":"3"}]}"#,
                r#"{"QueueUrl":"a.fifo","Entries":[{"Id":"1","MessageDeduplicationId":"T-0"},{"Id":"2","messageDeduplicationId":"mine"},{"Id":"3","MessageDeduplicationId":"T-2"}]}"#,
            ),
            (
                "sns",
                "publish",
                r#"{"TargetArn":"arn:t.fifo"}"#,
                r#"{"TargetArn":"arn:t.fifo","MessageDeduplicationId":"T"}"#,
            ),
            (
                "sfn",
                "startExecution",
                r#"{"StateMachineArn":"m","Name":null}"#,
                r#"{"StateMachineArn":"m","Name":"T"}"#,
            ),
            ("sfn", "startExecution", r#"{"name":"n"}"#, r#"{"name":"n"}"#),
            (
                "sfn",
                "stopExecution",
                r#"{"ExecutionArn":"e"}"#,
                r#"{"ExecutionArn":"e"}"#,
            ),
        ] {
            let parameters = Document::parse(parameters).unwrap();
            let filled = with_token(service, action, &parameters, Some(Token(TOKEN)));
            assert_eq!(
                filled.to_json(),
                expected.replace('T', TOKEN).replace(&format!("{TOKEN}arget"), "Target")
            );
            assert_eq!(*with_token(service, action, &parameters, None), parameters);
        }
    }

    #[test]
    fn guarantees_follow_the_call() {
        let resource = |service: &str, action: &str, is_sdk: bool| {
            let (arn, service, action) = ("a".into(), service.into(), action.into());
            match is_sdk {
                true => Resource::AwsSdk { arn, service, action },
                false => Resource::Optimized { arn, service, action },
            }
        };
        for (service, action, is_sdk, expected) in [
            ("dynamodb", "putItem", false, Guarantee::ExactlyOnce),
            ("dynamodb", "updateItem", true, Guarantee::ExactlyOnce),
            ("dynamodb", "transactWriteItems", true, Guarantee::OnceByToken),
            ("states", "startExecution", false, Guarantee::OnceByToken),
            ("http", "invoke", false, Guarantee::OnceByToken),
            ("ecs", "runTask", false, Guarantee::OnceByToken),
            ("events", "putEvents", false, Guarantee::AtLeastOnce),
            ("s3", "deleteObject", true, Guarantee::AtLeastOnce),
        ] {
            assert_eq!(
                Guarantee::of(&resource(service, action, is_sdk)),
                expected,
                "{service}:{action}"
            );
        }
    }
}
