//! What executions depend on: one row each.

use super::source::Kind;
use crate::config::Configuration;
use crate::event_source::Backoff;
use crate::testing::troubles::Sent;
use expressway_asl::Document;
use expressway_asl::error_name::ErrorName;
use expressway_durability::Level;
use expressway_durability::payloads::PayloadOptions;
use std::time::Duration;

/// What happens to a delivery that asks for the dependency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// It fails while the dependency is in trouble.
    Fails,
    /// It succeeds all the same.
    Succeeds,
    /// It fails with or without the trouble, with this error.
    FailsAnyway(&'static str),
}

pub(super) struct Dependency {
    pub(super) name: &'static str,
    /// Which sources come to need it.
    pub(super) concerns: fn(Kind) -> bool,
    pub(super) is_asked: fn(&Sent<'_>) -> bool,
    /// The state that asks for it.
    pub(super) state: &'static str,
    /// The input that brings it about, of the delivery with this id.
    pub(super) input: fn(&str) -> String,
    pub(super) configure: fn(&mut Configuration),
    pub(super) effect: Effect,
    /// Whether all executions need it, not only those that come to the state.
    pub(super) is_needed_by_all: bool,
    /// Whether a request that is lost stays lost: whether it may have been acted on is not known, and the definition says
    /// what to do.
    pub(super) is_called_once: bool,
    /// Whether an earlier delivery came while all was well.
    pub(super) is_second_delivery: bool,
    /// How long an invocation may take.
    pub(super) time: Duration,
    /// Errors that tell the truth about it; any error of a task if there are none.
    pub(super) errors: &'static [&'static str],
    /// What the log must mention, one of these; anything if there are none.
    pub(super) log: &'static [&'static str],
}

const DEPENDENCY: Dependency = Dependency {
    name: "",
    concerns: |_| true,
    is_asked: |_| false,
    state: CHARGE,
    input: |id| input(id, 0),
    time: Duration::from_secs(20),
    configure: |_| {},
    effect: Effect::Fails,
    is_needed_by_all: false,
    is_second_delivery: false,
    is_called_once: false,
    errors: &[],
    log: &[],
};

/// The table of executions.
const TABLE: Dependency = Dependency {
    configure: |configuration| guarded(configuration, Level::Execution),
    errors: &["Expressway.StoreUnavailable"],
    log: &["the table"],
    ..DEPENDENCY
};

/// The journal in it.
const JOURNAL: Dependency = Dependency {
    configure: |configuration| guarded(configuration, Level::Task),
    ..TABLE
};

/// The bucket.
const BUCKET: Dependency = Dependency {
    configure: stored,
    // A run that waits for it until the deadline does not know how long it would have to.
    errors: &["Expressway.StoreUnavailable", "States.Timeout"],
    ..DEPENDENCY
};

/// The bucket when the answer is made.
const BUCKET_OF_ANSWER: Dependency = Dependency {
    concerns: |kind| !matches!(kind, Kind::Batch | Kind::Stream),
    errors: &["Expressway.StoreUnavailable"],
    log: &["the bucket", "s3://"],
    ..BUCKET
};

/// Queues.
const QUEUE: Dependency = Dependency {
    concerns: |kind| kind == Kind::Batch,
    ..DEPENDENCY
};

const CHARGE: &str = r#""Type":"Task","Resource":"arn:aws:lambda:us-east-1:000000000000:function:charge""#;

const CHARGE_UNDER_ROLE: &str = r#""Type":"Task","Resource":"arn:aws:lambda:us-east-1:000000000000:function:charge",
    "Credentials":{"RoleArn":"arn:aws:iam::000000000000:role/charging"}"#;

/// Three tasks at once: the journal takes their answers together.
const CHARGE_THREE: &str = r#""Type":"Parallel","Branches":[
    {"StartAt":"A","States":{"A":{"Type":"Task","End":true,
        "Resource":"arn:aws:lambda:us-east-1:000000000000:function:charge"}}},
    {"StartAt":"B","States":{"B":{"Type":"Task","End":true,
        "Resource":"arn:aws:lambda:us-east-1:000000000000:function:charge"}}},
    {"StartAt":"C","States":{"C":{"Type":"Task","End":true,
        "Resource":"arn:aws:lambda:us-east-1:000000000000:function:charge"}}}]"#;

const LARGE: &str = r#""Type":"Task","Resource":"arn:aws:lambda:us-east-1:000000000000:function:large""#;

/// An answer that is more than a load balancer takes, whose body is one value.
const LARGE_BODY: &str = r#""Type":"Task","Resource":"arn:aws:lambda:us-east-1:000000000000:function:largeBody""#;

/// One whose body is put together.
const LARGE_BODIES: &str = r#""Type":"Task","Resource":"arn:aws:lambda:us-east-1:000000000000:function:largeBodies""#;

/// Looks inside a large value.
const LARGE_INSIDE: &str = r#""Type":"Task","Resource":"arn:aws:lambda:us-east-1:000000000000:function:large",
    "ResultSelector":{"words.$":"States.StringSplit($.inside.text, ' ')"}"#;

const PUT_ITEM: &str = r#""Type":"Task","Resource":"arn:aws:states:::dynamodb:putItem",
    "Parameters":{"TableName":"orders","Item":{"pk":{"S":"1"},"sk":{"S":"1"}}}"#;

const GET_PARAMETER: &str = r#""Type":"Task","Resource":"arn:aws:states:::aws-sdk:ssm:getParameter",
    "Parameters":{"Name":"/limit"}"#;

const HTTP: &str = r#""Type":"Task","Resource":"arn:aws:states:::http:invoke","Parameters":{"Method":"GET",
    "ApiEndpoint":"https://api.example.com/rates","Authentication":{
    "ConnectionArn":"arn:aws:events:us-east-1:000000000000:connection/rates/1"}}"#;

const API: &str = r#""Type":"Task","Resource":"arn:aws:states:::apigateway:invoke","Parameters":{"Method":"GET",
    "ApiEndpoint":"abc.execute-api.us-east-1.amazonaws.com","Path":"/rates","AuthType":"IAM_ROLE"}"#;

const FAIL: &str = r#""Type":"Fail","Error":"OrderInvalid","Cause":"no items""#;

/// An input that asks for the dependency.
fn input(id: &str, padding: usize) -> String {
    let padding = "x".repeat(padding);
    Document::object([("need", id.into()), ("padding", padding.into())]).to_json()
}

fn guarded(configuration: &mut Configuration, level: Level) {
    configuration.table = Some("executions".to_owned());
    configuration.idempotency = Some(level);
}

/// Keeps large values in the bucket, and none in memory.
fn stored(configuration: &mut Configuration) {
    configuration.payload_bytes = 16_384;
    configuration.payloads = Some(PayloadOptions {
        cache_bytes: 0,
        ..PayloadOptions::new("payloads")
    });
}

/// Tells queues when messages may come again.
fn spaced(configuration: &mut Configuration) {
    configuration.retry_backoff = Some(Backoff {
        interval: Duration::from_secs(10),
        rate: 2.0,
        delay_max: Duration::from_secs(900),
    });
}

fn is_record(sent: &Sent<'_>) -> bool {
    sent.body.contains(r#""sk":{"S":"execution"}"#)
}

pub(super) const DEPENDENCIES: &[Dependency] = &[
    Dependency {
        name: "table: claim",
        is_asked: |sent| sent.service == "dynamodb" && sent.action == "PutItem" && is_record(sent),
        is_needed_by_all: true,
        ..TABLE
    },
    Dependency {
        name: "table: claim, with a journal",
        is_asked: |sent| sent.service == "dynamodb" && sent.action == "PutItem" && is_record(sent),
        is_needed_by_all: true,
        ..JOURNAL
    },
    Dependency {
        name: "table: journal entry",
        is_asked: |sent| sent.service == "dynamodb" && sent.action == "PutItem" && !is_record(sent),
        errors: &["Expressway.StoreUnavailable", "States.Timeout"],
        log: &[],
        ..JOURNAL
    },
    Dependency {
        name: "table: journal entries of several tasks",
        is_asked: |sent| sent.service == "dynamodb" && sent.action == "TransactWriteItems",
        state: CHARGE_THREE,
        errors: &["Expressway.StoreUnavailable", "States.Timeout"],
        log: &[],
        ..JOURNAL
    },
    Dependency {
        name: "table: journal entry and write at once",
        is_asked: |sent| sent.service == "dynamodb" && sent.action == "TransactWriteItems",
        state: PUT_ITEM,
        errors: &[
            "Expressway.StoreUnavailable",
            "States.Timeout",
            // The write was refused, and it is for the definition to try it again.
            "DynamoDB.ProvisionedThroughputExceededException",
        ],
        log: &[],
        ..JOURNAL
    },
    Dependency {
        name: "table: take over",
        is_asked: |sent| sent.action == "UpdateItem" && sent.body.contains(":lease"),
        state: FAIL,
        effect: Effect::FailsAnyway("Expressway.StoreUnavailable"),
        is_second_delivery: true,
        ..JOURNAL
    },
    Dependency {
        name: "table: journal of an earlier run",
        is_asked: |sent| sent.service == "dynamodb" && sent.action == "Query",
        state: FAIL,
        effect: Effect::FailsAnyway("Expressway.StoreUnavailable"),
        is_second_delivery: true,
        ..JOURNAL
    },
    Dependency {
        name: "table: completion",
        is_asked: |sent| sent.service == "dynamodb" && sent.action == "UpdateItem",
        effect: Effect::Succeeds,
        // It is tried again until there is no time left.
        time: Duration::from_secs(5),
        log: &["its outcome is not on record"],
        ..TABLE
    },
    Dependency {
        name: "table: completion, then a value out of the bucket",
        is_asked: |sent| sent.service == "dynamodb" && sent.action == "UpdateItem",
        state: LARGE,
        configure: |configuration| {
            guarded(configuration, Level::Execution);
            stored(configuration);
        },
        effect: Effect::Succeeds,
        // It is tried again until there is no time left.
        time: Duration::from_secs(5),
        ..TABLE
    },
    Dependency {
        name: "table: release, then a request to the queue",
        concerns: |kind| kind == Kind::Batch,
        is_asked: |sent| sent.service == "dynamodb" && sent.action == "DeleteItem",
        state: FAIL,
        configure: |configuration| {
            guarded(configuration, Level::Execution);
            spaced(configuration);
        },
        effect: Effect::FailsAnyway("OrderInvalid"),
        // The table has not given up by then.
        time: Duration::from_secs(5),
        log: &["it will not run again before its lease ends"],
        ..TABLE
    },
    Dependency {
        name: "table: release",
        is_asked: |sent| sent.service == "dynamodb" && sent.action == "DeleteItem",
        state: FAIL,
        effect: Effect::FailsAnyway("OrderInvalid"),
        log: &["it will not run again before its lease ends"],
        ..TABLE
    },
    Dependency {
        name: "table: release, with a journal",
        is_asked: |sent| sent.action == "UpdateItem" && sent.body.contains(":released"),
        state: FAIL,
        effect: Effect::FailsAnyway("OrderInvalid"),
        log: &["it will not run again before its lease ends"],
        ..JOURNAL
    },
    Dependency {
        name: "bucket: input on record",
        is_asked: |sent| sent.service == "s3" && sent.action == "PUT",
        input: |id| input(id, 40_000),
        configure: |configuration| {
            guarded(configuration, Level::Task);
            configuration.payloads = Some(PayloadOptions::new("payloads"));
        },
        errors: &["Expressway.StoreUnavailable"],
        log: &["the bucket", "s3://"],
        ..BUCKET
    },
    Dependency {
        name: "bucket: input",
        is_asked: |sent| sent.service == "s3" && sent.action == "PUT",
        input: |id| input(id, 20_000),
        ..BUCKET
    },
    Dependency {
        name: "bucket: message that is a pointer",
        concerns: |kind| kind == Kind::Batch,
        is_asked: |sent| sent.service == "s3" && sent.action == "GET",
        input: |_| {
            let place = r#"{"s3BucketName":"payloads","s3Key":"payloads/outside"}"#;
            format!(r#"["software.amazon.payloadoffloading.PayloadS3Pointer",{place}]"#)
        },
        ..BUCKET
    },
    Dependency {
        name: "bucket: result of a task",
        is_asked: |sent| sent.service == "s3" && sent.action == "PUT",
        state: LARGE,
        ..BUCKET
    },
    Dependency {
        name: "bucket: value in an expression",
        is_asked: |sent| sent.service == "s3" && sent.action == "GET",
        state: LARGE_INSIDE,
        ..BUCKET
    },
    Dependency {
        name: "bucket: answer",
        is_asked: |sent| sent.service == "s3" && sent.action == "GET",
        state: LARGE,
        ..BUCKET_OF_ANSWER
    },
    Dependency {
        name: "bucket: answer of an earlier run",
        is_asked: |sent| sent.service == "s3" && sent.action == "GET",
        state: LARGE,
        configure: |configuration| {
            guarded(configuration, Level::Execution);
            stored(configuration);
        },
        is_second_delivery: true,
        ..BUCKET_OF_ANSWER
    },
    Dependency {
        name: "bucket: redirect to a value",
        concerns: |kind| matches!(kind, Kind::Http { bytes_max } if bytes_max < 6_000_000),
        is_asked: |sent| sent.service == "s3" && sent.action == "HEAD",
        state: LARGE_BODY,
        ..BUCKET_OF_ANSWER
    },
    Dependency {
        name: "bucket: redirect to a body that is put together",
        concerns: |kind| matches!(kind, Kind::Http { bytes_max } if bytes_max < 6_000_000),
        is_asked: |sent| sent.service == "s3" && sent.action == "PUT" && sent.body.len() > 1_000_000,
        state: LARGE_BODIES,
        ..BUCKET_OF_ANSWER
    },
    Dependency {
        name: "bucket: pointers in an answer",
        is_asked: |sent| sent.service == "s3" && sent.action == "GET",
        state: LARGE,
        configure: |configuration| {
            stored(configuration);
            configuration.large_response = crate::config::LargeResponse::Reference;
        },
        ..BUCKET_OF_ANSWER
    },
    Dependency {
        name: "queue: visibility",
        is_asked: |sent| sent.service == "sqs" && sent.action == "ChangeMessageVisibilityBatch",
        state: FAIL,
        configure: spaced,
        effect: Effect::FailsAnyway("OrderInvalid"),
        log: &["a message comes back when its queue says"],
        ..QUEUE
    },
    Dependency {
        name: "queue: final errors",
        is_asked: |sent| sent.service == "sqs" && sent.action == "SendMessage",
        state: FAIL,
        configure: |configuration| {
            guarded(configuration, Level::Execution);
            configuration.final_errors = vec![ErrorName::from("OrderInvalid")];
            configuration.final_errors_queue =
                Some("https://sqs.us-east-1.amazonaws.com/000000000000/invalid".to_owned());
        },
        errors: &["OrderInvalid"],
        log: &["a message with a final error goes back to its queue"],
        ..QUEUE
    },
    Dependency {
        name: "role",
        errors: &["States.TaskFailed"],
        is_asked: |sent| sent.service == "sts",
        state: CHARGE_UNDER_ROLE,
        ..DEPENDENCY
    },
    Dependency {
        name: "role, with a journal",
        errors: &["States.TaskFailed"],
        is_asked: |sent| sent.service == "sts",
        state: CHARGE_UNDER_ROLE,
        configure: |configuration| guarded(configuration, Level::Task),
        ..DEPENDENCY
    },
    Dependency {
        name: "connection",
        errors: &["Events.ConnectionResource.InternalError"],
        is_asked: |sent| sent.service == "events",
        state: HTTP,
        ..DEPENDENCY
    },
    Dependency {
        name: "secret",
        errors: &["Events.ConnectionResource.InternalError"],
        is_asked: |sent| sent.service == "secretsmanager",
        state: HTTP,
        ..DEPENDENCY
    },
    Dependency {
        name: "token",
        is_called_once: true,
        is_asked: |sent| sent.service == "auth.example.com",
        state: HTTP,
        ..DEPENDENCY
    },
    Dependency {
        name: "endpoint",
        is_called_once: true,
        is_asked: |sent| sent.service == "api.example.com",
        state: HTTP,
        ..DEPENDENCY
    },
    Dependency {
        name: "API",
        is_called_once: true,
        is_asked: |sent| sent.service == "execute-api",
        state: API,
        ..DEPENDENCY
    },
    Dependency {
        name: "function",
        is_called_once: true,
        is_asked: |sent| sent.service == "lambda",
        ..DEPENDENCY
    },
    Dependency {
        name: "function, with a journal",
        is_called_once: true,
        is_asked: |sent| sent.service == "lambda",
        configure: |configuration| guarded(configuration, Level::Task),
        ..DEPENDENCY
    },
    Dependency {
        name: "operation of a service",
        is_called_once: true,
        is_asked: |sent| sent.service == "ssm",
        state: GET_PARAMETER,
        ..DEPENDENCY
    },
];
