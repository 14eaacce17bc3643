//! Execution records and journals, against a DynamoDB in this process.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "these are tests")]

mod claims;
mod journal;
mod operator;
mod outcomes;

use expressway_asl::Document;
use expressway_durability::{
    Claim, ClaimRequest, Fingerprint, Grant, Key, KeyParts, Level, RecordOptions, Records, Refusal, Table,
};
use expressway_tests::dynamodb::{self, DynamoDb};
use std::time::{Duration, SystemTime};

const LEVELS: [Level; 2] = [Level::Execution, Level::Task];

/// How long a run of these tests may take, in seconds.
const LEASE: u64 = 60;

/// How long its outcome is remembered, in seconds.
const RETENTION: u64 = 3_600;

/// Seconds after the tests' beginning of time.
fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_750_000_000 + seconds)
}

/// A table, and what DynamoDB has in it.
struct Store {
    dynamodb: DynamoDb,
    table: dynamodb::Table,
}

impl Store {
    async fn new() -> Store {
        let dynamodb = DynamoDb::start().await.unwrap();
        let table = dynamodb.table().await.unwrap();
        Store { dynamodb, table }
    }

    fn table(&self) -> Table {
        let aws = dynamodb::configuration(&format!("http://{}", self.dynamodb.authority()));
        Table::new(&aws, self.table.name())
    }

    fn records(&self, level: Level) -> Records {
        self.records_with(RecordOptions {
            retention: Duration::from_secs(RETENTION),
            ..RecordOptions::new(level)
        })
    }

    fn records_with(&self, options: RecordOptions) -> Records {
        Records::new(self.table(), options)
    }

    /// An attribute of the only record.
    async fn attribute(&self, name: &str) -> String {
        let records = self.table.records().await.unwrap();
        let [record] = records.as_slice() else {
            panic!("{records:?}");
        };
        dynamodb::text(record, name)
    }
}

/// A claim by a run that begins at this second, whose input is its owner.
fn request(owner: &str, seconds: u64) -> ClaimRequest {
    ClaimRequest {
        key: Key::new(KeyParts {
            state_machine_arn: "machine",
            source: "test",
            caller: None,
            key: "k",
        }),
        source: "test",
        source_id: Some("id".to_owned()),
        fingerprint: Some(Fingerprint::of(&Document::Null)),
        definition: Fingerprint::of(&"definition".into()),
        input: owner.into(),
        execution_arn: format!("execution of {owner}").into(),
        seed: u128::from(seconds) + 1,
        owner: owner.to_owned(),
        lease_until: at(seconds + LEASE),
        now: at(seconds),
    }
}

/// What a claim gives in short.
fn short(claim: &Claim) -> String {
    match claim {
        Claim::Granted(grant) if grant.is_resumed() => format!("resumed {}", grant.execution_arn()),
        Claim::Granted(grant) => format!("new {}", grant.execution_arn()),
        Claim::Finished(finished) => match &finished.result {
            Ok(output) => format!("finished {}: {output}", finished.execution_arn),
            Err(error) => format!(
                "failed {}: {}, {}",
                finished.execution_arn,
                error.name.as_ref().map_or("-", |name| name.as_str()),
                error.cause.as_deref().unwrap_or("-")
            ),
        },
        Claim::Refused { execution_arn, reason } => match reason {
            Refusal::Running { since, until } => {
                let seconds = |time: &SystemTime| time.duration_since(at(0)).unwrap().as_secs();
                format!("running {execution_arn}: {} to {}", seconds(since), seconds(until))
            }
            other => format!("{other:?} {execution_arn}"),
        },
    }
}

async fn granted(records: &Records, owner: &str, seconds: u64) -> Box<Grant> {
    match records.claim(&request(owner, seconds)).await.unwrap() {
        Claim::Granted(grant) => grant,
        other => panic!("{}", short(&other)),
    }
}

async fn claim(records: &Records, request: &ClaimRequest) -> String {
    short(&records.claim(request).await.unwrap())
}
