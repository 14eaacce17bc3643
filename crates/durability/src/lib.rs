//! Makes at-least-once delivery safe.
//!
//! Every source delivers an event at least once. [`Records`] keeps one record per execution in a DynamoDB table of the
//! user's: [`Records::claim`] grants an execution to one run at a time, and tells a delivery that comes later how
//! the execution ended, or that it still runs. At level [`Level::Task`] a [`Journal`] beside it keeps what each task
//! answered, so that a run that takes up an execution again repeats none of them.
//!
//! The table has the string keys `pk` and `sk` and the TTL attribute `expires_at`, and can be shared:
//!
//! | item | `pk` | `sk` |
//! | --- | --- | --- |
//! | execution record | ARN of the state machine, `#`, digest of the key | `execution` |
//! | a task's result | the same | `task#`, start of the execution (ms), `#ok#`, token of the task |
//! | a task's failed attempt | the same | `task#`, start (ms), `#failed#`, round, `#`, token, `#`, number of the attempt |
//!
//! Results count for as long as the record lives. Failed attempts count within one *round*: a run that crashed or
//! came to its deadline is continued in the same round and meets the same failures; after an execution has failed, the
//! next delivery begins a new round, which tries again what failed and repeats nothing that succeeded.
//!
//! [`payloads`] keeps values in S3 that are too large for state data.

mod journal;
mod key;
mod operator;
pub mod payloads;
mod record;
mod table;

pub use journal::{Journal, JournaledTasks};
pub use key::{Fingerprint, Key, KeyParts};
pub use operator::{ExecutionRecord, RecordFilter, TaskRecord};
pub use record::{
    Claim, ClaimRequest, Completion, DefinitionChange, Finished, Grant, Level, RecordOptions, Records, Refusal, Release,
};
pub use table::{StoreError, Table};
