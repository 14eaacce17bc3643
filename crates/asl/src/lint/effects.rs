//! Tasks that do their work again when they are tried again.

use super::{Around, Linter};
use crate::compile::place::Place;
use crate::definition::Value;
use crate::diagnostic::Code;
use crate::error_name::ErrorName;
use crate::program::{Retrier, State};
use crate::resource::Resource;

/// What happens twice, and how to avoid it.
pub(super) struct Effect {
    what: &'static str,
    help: &'static str,
}

/// What keeps an operation from being done twice.
enum Guard {
    /// Nothing.
    Nothing,
    /// A member of its parameters, such as a token.
    Member(&'static str),
    /// The queue or topic that this member names is first-in-first-out, which drops repeated messages.
    Fifo(&'static str),
    /// The update sets values and does not count, or it has a condition.
    SetsValues,
}

/// Operations that are not idempotent by themselves. A Lambda function may be or not, so none is named here.
///
/// # Source
/// The API references of the services.
const OPERATIONS: &[(&str, &str, Guard, Effect)] = &[
    ("sqs", "sendMessage", Guard::Fifo("QueueUrl"), MESSAGE),
    ("sqs", "sendMessageBatch", Guard::Fifo("QueueUrl"), MESSAGE),
    ("sns", "publish", Guard::Fifo("TopicArn"), NOTIFICATION),
    ("sns", "publishBatch", Guard::Fifo("TopicArn"), NOTIFICATION),
    ("events", "putEvents", Guard::Nothing, EVENT),
    ("eventbridge", "putEvents", Guard::Nothing, EVENT),
    ("kinesis", "putRecord", Guard::Nothing, RECORD),
    ("kinesis", "putRecords", Guard::Nothing, RECORD),
    ("firehose", "putRecord", Guard::Nothing, RECORD),
    ("firehose", "putRecordBatch", Guard::Nothing, RECORD),
    ("ses", "sendEmail", Guard::Nothing, EMAIL),
    ("sesv2", "sendEmail", Guard::Nothing, EMAIL),
    ("dynamodb", "updateItem", Guard::SetsValues, UPDATE),
    ("states", "startExecution", Guard::Member("Name"), EXECUTION),
    ("sfn", "startExecution", Guard::Member("Name"), EXECUTION),
    ("ecs", "runTask", Guard::Member("ClientToken"), CONTAINER),
    ("batch", "submitJob", Guard::Nothing, JOB),
];

const MESSAGE: Effect = Effect {
    what: "send the message",
    help: "use a FIFO queue with MessageDeduplicationId, or retry only errors that say that nothing was sent, such as \
           throttling",
};
const NOTIFICATION: Effect = Effect {
    what: "publish the message",
    help: "use a FIFO topic with MessageDeduplicationId, or retry only errors that say that nothing was published, \
           such as throttling",
};
const EVENT: Effect = Effect {
    what: "put the events",
    help: "give each event an id in its Detail by which its receivers know it again, or retry only errors that say \
           that nothing was put, such as throttling",
};
const RECORD: Effect = Effect {
    what: "put the record",
    help: "give each record an id by which its receivers know it again, or retry only errors that say that nothing \
           was put, such as throttling",
};
const EMAIL: Effect = Effect {
    what: "send the mail",
    help: "retry only errors that say that nothing was sent, such as throttling",
};
const UPDATE: Effect = Effect {
    what: "change the item",
    help: "add a ConditionExpression that holds only before the update, or set the value instead of adding to it",
};
const EXECUTION: Effect = Effect {
    what: "start an execution",
    help: "give it a Name that is the same at each attempt, such as one made of $$.Execution.Name",
};
const CONTAINER: Effect = Effect {
    what: "run the task",
    help: "give it a ClientToken that is the same at each attempt",
};
const JOB: Effect = Effect {
    what: "submit the job",
    help: "retry only errors that say that nothing was submitted, such as throttling",
};

/// What the task does that must not be done twice, as far as the definition tells.
pub(super) fn effect(state: &Place<'_>, resource: &Resource) -> Option<Effect> {
    let (Resource::Optimized { service, action, .. } | Resource::AwsSdk { service, action, .. }) = resource else {
        return None;
    };
    let (.., guard, effect) = OPERATIONS
        .iter()
        .find(|(known, operation, ..)| **service == **known && **action == **operation)?;
    let parameters = state.member("Parameters").or_else(|| state.member("Arguments"));
    let member = |name: &str| {
        let parameters = parameters.as_ref()?;
        let given = |place: Place<'_>| place.node.as_str().map_or_else(String::new, |text| text.to_string());
        parameters.member(name).map(given).or_else(|| {
            let path = parameters.member(&format!("{name}.$"));
            path.map(|_| String::new())
        })
    };
    // What is built as a whole by an expression is not known.
    if parameters
        .as_ref()
        .is_some_and(|place| !matches!(place.node.value, Value::Object(_)))
    {
        return None;
    }
    let is_guarded = match guard {
        Guard::Nothing => false,
        Guard::Member(name) => member(name).is_some(),
        Guard::Fifo(target) => {
            member("MessageGroupId").is_some() || member(target).is_some_and(|target| target.ends_with(".fifo"))
        }
        Guard::SetsValues => {
            let update = member("UpdateExpression").unwrap_or_default();
            member("ConditionExpression").is_some() || !adds(&update)
        }
    };
    (!is_guarded).then_some(Effect { ..*effect })
}

/// Whether an update expression of DynamoDB depends on what is there: `ADD n :one`, `SET n = n + :one`,
/// `SET l = list_append(l, :more)`.
fn adds(update: &str) -> bool {
    let mut words = update.split(|character: char| character.is_whitespace() || character == ',');
    words.any(|word| word.eq_ignore_ascii_case("add") || word == "+" || word == "-") || update.contains("list_append")
}

/// Whether a retrier is for errors after which the work may have been done.
fn may_repeat(retrier: &Retrier) -> bool {
    retrier.max_attempts > 0
        && retrier.errors.names().iter().any(|name| match name {
            ErrorName::All | ErrorName::TaskFailed | ErrorName::Timeout | ErrorName::HeartbeatTimeout => true,
            name => name.as_str().ends_with(".SdkClientException"),
        })
}

impl Linter {
    pub(super) fn repeated_effect(
        &mut self,
        place: &Place<'_>,
        state: &State,
        effect: &Effect,
        around: Option<&Around<'_>>,
    ) {
        let (name, what, help) = (&state.name, effect.what, effect.help);
        let own = state.retry.iter().position(may_repeat);
        let retry = place.member("Retry");
        let mut entries = retry.as_ref().and_then(Place::items).into_iter().flatten();
        if let Some(names) = own
            .and_then(|at| entries.nth(at))
            .as_ref()
            .and_then(|entry| entry.member("ErrorEquals"))
        {
            let message = format!(
                "The task '{name}' may {what} more than once: it is tried again after errors that do not tell whether it was done"
            );
            self.findings.warn(&names, Code::RepeatedEffect, message, help);
        } else if let Some(around) = Around::find_retrier(around, may_repeat)
            && let Some(resource) = place.member("Resource")
        {
            let message = format!(
                "The task '{name}' may {what} more than once: '{around}' is tried again with all that is inside it"
            );
            self.findings.warn(&resource, Code::RepeatedEffect, message, help);
        }
    }
}
