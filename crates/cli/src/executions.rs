//! `expressway executions`: what the function's table has on record, and what an operator does about it.

use crate::failure::Failure;
use crate::run::Format;
use crate::{Exit, identity, style};
use clap::Subcommand;
use expressway_asl::Document;
use expressway_asl::document::{Object, Text};
use expressway_asl::timestamp::Timestamp;
use expressway_durability::{ExecutionRecord, Key, KeyParts, RecordFilter, Table, TaskRecord};
use expressway_standins::{Functions, Options, StandIns};
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::time::SystemTime;

/// Look at executions on record, forget them, or end their leases
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

const EXAMPLES: &str = "\
Examples:
  expressway executions list --table orders-executions --status RUNNING
  expressway executions show --table orders-executions 059f36b4-87a3-44ab-83d2-661975830a7d
  expressway executions release --table orders-executions arn:aws:states:eu-west-1:111122223333:express:orders:9f8a...:5d1f...
  expressway executions forget --table orders-executions --machine arn:aws:states:eu-west-1:111122223333:stateMachine:orders --source http order-4711

KEY is an execution's ARN as the log has it, its name, or the id of the message or event. An ARN is found by one \
request; for anything else the whole table is read, unless --machine and --source say whose key it is. Raw keys are \
not in the table: those that callers chose can only be found that way.

AWS credentials are needed: dynamodb:GetItem and Query for `show`, Scan for `list` and for ids, DeleteItem for \
`forget`, UpdateItem for `release`.";

#[derive(Subcommand)]
enum Action {
    /// Show executions: status, lease, outcome, and the tasks on record
    Show {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        keys: Keys,
        /// Show outputs, results and causes too, which may be personal data
        #[arg(long)]
        data: bool,
    },
    /// List executions
    List {
        #[command(flatten)]
        place: Place,
        /// Only those of this state machine
        #[arg(long, value_name = "ARN")]
        machine: Option<String>,
        /// Only those in this status
        #[arg(long, value_parser = ["RUNNING", "RELEASED", "SUCCEEDED", "FAILED"])]
        status: Option<String>,
        /// How many at most
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: usize,
    },
    /// Delete records and their journals: the next delivery is a new execution, and runs all tasks again
    Forget {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        keys: Keys,
        /// Even if a run may be at work on it
        #[arg(long)]
        force: bool,
    },
    /// End leases of runs that are dead: the next delivery goes on at once instead of waiting for the lease to end
    Release {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        keys: Keys,
    },
}

#[derive(clap::Args)]
struct Place {
    /// The function's table, by name or ARN
    #[arg(long, env = "EXPRESSWAY_TABLE", value_name = "NAME|ARN")]
    table: String,
    /// Look into the directory of `invoke --local --state DIR` instead of AWS
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// What to print [default: text on a terminal, else json]
    #[arg(long)]
    format: Option<Format>,
}

#[derive(clap::Args)]
struct Keys {
    /// ARNs or names of executions, or ids of messages or events
    #[arg(required = true, value_name = "KEY")]
    keys: Vec<String>,
    /// The state machine whose keys they are
    #[arg(long, value_name = "ARN", requires = "source")]
    machine: Option<String>,
    /// The kind of source whose keys they are, such as http, sqs or eventbridge
    #[arg(long, value_name = "KIND", requires = "machine")]
    source: Option<String>,
    /// The caller whose keys they are: the value of EXPRESSWAY_CALLER, as JSON
    #[arg(long, value_name = "JSON", requires = "source")]
    caller: Option<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    crate::runtime()?.block_on(async {
        match &arguments.action {
            Action::Show { place, keys, data } => show(place, keys, *data).await,
            Action::List {
                place,
                machine,
                status,
                limit,
            } => {
                let filter = RecordFilter {
                    state_machine_arn: machine.clone(),
                    status: status.clone(),
                    name: None,
                };
                list(place, &filter, *limit).await
            }
            Action::Forget { place, keys, force } => forget(place, keys, *force).await,
            Action::Release { place, keys } => release(place, keys).await,
        }
    })
}

async fn show(place: &Place, keys: &Keys, data: bool) -> Result<Exit, Failure> {
    let table = place.open().await?;
    let (records, exit) = keys.find(&table).await?;
    let mut documents = Vec::new();
    for record in &records {
        let tasks = table.tasks(&record.key).await.map_err(failed)?;
        documents.push(to_document(record, Some(&tasks), data));
    }
    place.write(documents)?;
    Ok(exit)
}

async fn list(place: &Place, filter: &RecordFilter, limit: usize) -> Result<Exit, Failure> {
    let table = place.open().await?;
    let records = table.list(filter, limit, &progress).await.map_err(failed)?;
    let documents = records.iter().map(|record| to_document(record, None, false));
    place.write(documents.collect())?;
    if records.len() == limit {
        note(&format!("there may be more than {limit}: --limit shows more"));
    }
    Ok(Exit::Success)
}

async fn forget(place: &Place, keys: &Keys, force: bool) -> Result<Exit, Failure> {
    let table = place.open().await?;
    let (records, mut exit) = keys.find(&table).await?;
    for record in records {
        if record.is_leased(SystemTime::now()) && !force {
            note(&format!(
                "{} was not forgotten: a run may be at work on it until {}; --force does it nevertheless",
                record.execution_arn,
                time(record.lease_until)
            ));
            exit = Exit::Negative;
            continue;
        }
        let items = table.forget(&record.key).await.map_err(failed)?;
        note(&format!("{} is forgotten: {items} items deleted", record.execution_arn));
    }
    Ok(exit)
}

async fn release(place: &Place, keys: &Keys) -> Result<Exit, Failure> {
    let table = place.open().await?;
    let (records, mut exit) = keys.find(&table).await?;
    for record in records {
        let released = table.end_lease(&record).await.map_err(failed)?;
        match released {
            true => note(&format!("{} is free for the next delivery", record.execution_arn)),
            false => {
                note(&format!(
                    "{} has no lease: it is {}",
                    record.execution_arn, record.status
                ));
                exit = Exit::Negative;
            }
        }
    }
    Ok(exit)
}

impl Place {
    async fn open(&self) -> Result<Table, Failure> {
        let aws = match &self.state {
            None => expressway_integrations::configuration().await,
            Some(directory) => {
                let stand_ins = StandIns::open(Options {
                    directory: Some(directory.clone()),
                    region: Some(identity::region()),
                    functions: Functions::default(),
                    time: None,
                    listener: None,
                });
                let stand_ins = stand_ins
                    .map_err(|error| Failure::usage(format!("failed to use the --state directory: {error}")))?;
                stand_ins.config()
            }
        };
        Ok(Table::new(&aws, &self.table))
    }

    fn write(&self, documents: Vec<Document>) -> Result<(), Failure> {
        let format = self.format.unwrap_or(match io::stdout().is_terminal() {
            true => Format::Text,
            false => Format::Json,
        });
        let mut out = anstream::stdout().lock();
        match format {
            Format::Json => writeln!(out, "{}", Document::from(documents).to_json())?,
            Format::Text => {
                for document in &documents {
                    write_text(&mut out, document)?;
                }
            }
        }
        Ok(())
    }
}

impl Keys {
    /// The records that the arguments name; says which there are not.
    async fn find(&self, table: &Table) -> Result<(Vec<ExecutionRecord>, Exit), Failure> {
        let mut records = Vec::new();
        let mut exit = Exit::Success;
        for name in &self.keys {
            let found = match self.key(name)? {
                Some(key) => table.record(&key).await.map_err(failed)?.into_iter().collect(),
                None => {
                    let filter = RecordFilter {
                        name: Some(name.clone()),
                        ..RecordFilter::default()
                    };
                    table.list(&filter, usize::MAX, &progress).await.map_err(failed)?
                }
            };
            if found.is_empty() {
                note(&format!("there is no execution `{name}` on record"));
                exit = Exit::Negative;
            }
            records.extend(found);
        }
        Ok((records, exit))
    }

    /// The key that a name stands for, if that can be told from it.
    fn key(&self, name: &str) -> Result<Option<Key>, Failure> {
        if let (Some(machine), Some(source)) = (&self.machine, &self.source) {
            let caller = self.caller.as_deref().map(Document::parse).transpose();
            let caller = caller.map_err(|error| Failure::usage(format!("--caller is not JSON: {error}")))?;
            return Ok(Some(Key::new(KeyParts {
                state_machine_arn: machine,
                source,
                caller: caller.as_ref(),
                key: name,
            })));
        }
        // arn:aws:states:eu-west-1:111122223333:express:orders:NAME:UUID
        Ok(match name.split(':').collect::<Vec<_>>().as_slice() {
            [
                "arn",
                partition,
                "states",
                region,
                account,
                "express",
                machine,
                digits,
                _,
            ] => {
                let machine = format!("arn:{partition}:states:{region}:{account}:stateMachine:{machine}");
                Some(Key::from_digits(&machine, digits))
            }
            _ => None,
        })
    }
}

fn failed(error: expressway_durability::StoreError) -> Failure {
    Failure::usage(error.to_string())
}

/// Says something that is no data.
fn note(text: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}

/// Says how far reading a table has come.
fn progress(items: usize) {
    if io::stderr().is_terminal() {
        let _ = write!(anstream::stderr().lock(), "\r{items} items read\x1b[K\r");
    }
}

fn time(time: Option<SystemTime>) -> String {
    time.map(|time| Timestamp::from(time).to_string()).unwrap_or_default()
}

fn to_document(record: &ExecutionRecord, tasks: Option<&[TaskRecord]>, data: bool) -> Document {
    let text = |text: &Option<Text>| text.clone().map(Document::String);
    let at = |at: Option<SystemTime>| at.map(|_| Document::from(time(at)));
    let members = [
        ("executionArn", Some(Document::String(record.execution_arn.clone()))),
        ("status", Some(Document::String(record.status.clone()))),
        ("source", text(&record.source)),
        ("sourceId", text(&record.source_id)),
        ("round", i64::try_from(record.round).ok().map(Document::from)),
        ("started", at(record.started)),
        ("claimed", at(record.claimed)),
        ("leaseUntil", at(record.lease_until)),
        ("stopped", at(record.stopped)),
        ("expiresAt", at(record.expires_at)),
        ("owner", Some(Document::String(record.owner.clone()))),
        ("error", text(&record.error)),
        ("cause", text(&record.cause).filter(|_| data)),
        ("output", record.output.clone().filter(|_| data)),
        (
            "tasks",
            tasks.map(|tasks| Document::from(tasks.iter().map(|task| task_document(task, data)).collect::<Vec<_>>())),
        ),
    ];
    let members = members
        .into_iter()
        .filter_map(|(name, value)| Some((Text::from(name), value?)));
    Document::Object(members.collect::<Object>())
}

fn task_document(task: &TaskRecord, data: bool) -> Document {
    let bytes = task
        .result
        .as_ref()
        .and_then(|result| i64::try_from(result.json_bytes()).ok());
    let members = [
        ("state", task.state.clone().map(Document::String)),
        ("ended", task.ended.map(|_| time(task.ended).into())),
        ("resultBytes", bytes.map(Document::from)),
        ("error", task.error.clone().map(Document::String)),
        (
            "round",
            task.failed
                .and_then(|(round, _)| i64::try_from(round).ok())
                .map(Document::from),
        ),
        ("attempt", task.failed.map(|(_, attempt)| i64::from(attempt).into())),
        ("token", Some(Document::String(task.token.clone()))),
        ("result", task.result.clone().filter(|_| data)),
        ("cause", task.cause.clone().map(Document::String).filter(|_| data)),
    ];
    let members = members
        .into_iter()
        .filter_map(|(name, value)| Some((Text::from(name), value?)));
    Document::Object(members.collect::<Object>())
}

/// A record as lines of names and values, and its tasks as a table.
fn write_text(out: &mut dyn Write, record: &Document) -> io::Result<()> {
    let heading = style::HEADING;
    let faint = style::FAINT;
    for (name, value) in record.as_object().into_iter().flat_map(Object::iter) {
        let shown = value.as_str().map_or_else(|| value.to_json(), str::to_owned);
        match &**name {
            "executionArn" => writeln!(out, "{heading}{shown}{heading:#}")?,
            "tasks" => {
                for task in value.as_array().into_iter().flat_map(|tasks| tasks.iter()) {
                    let member = |name: &str| {
                        let value = task.get(name);
                        value.map_or_else(String::new, |value| {
                            value.as_str().map_or_else(|| value.to_json(), str::to_owned)
                        })
                    };
                    let ending = match task.get("error") {
                        Some(_) => format!(
                            "failed {} (round {}, attempt {})",
                            member("error"),
                            member("round"),
                            member("attempt")
                        ),
                        None => format!("{} bytes", member("resultBytes")),
                    };
                    let data = member("result") + &member("cause");
                    writeln!(
                        out,
                        "  {} {:24} {ending} {faint}{data}{faint:#}",
                        member("ended"),
                        member("state")
                    )?;
                }
            }
            name => writeln!(out, "  {name:12} {shown}")?,
        }
    }
    writeln!(out)
}
