//! Step Functions: executions of other state machines are recorded, and nothing runs.
//!
//! `StartExecution` takes any state machine. `StartSyncExecution` has to answer with an output, so that it needs one
//! from the seed file.

use crate::context::{Context, name_of, uuid};
use crate::protocol::{AwsError, required, text};
use crate::secrets_manager::epoch_seconds;
use expressway_asl::Document;
use expressway_asl::document::Object;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// State machines and executions.
#[derive(Debug, Default)]
pub(crate) struct StateMachines {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// JSON text of the output, by the state machine's name.
    outputs: BTreeMap<String, String>,
    /// Input, start and ARN, by the names of state machine and execution.
    started: BTreeMap<(String, String), (String, i64, String)>,
}

impl StateMachines {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_output(&self, machine: &str, output: &Document) {
        self.lock().outputs.insert(machine.to_owned(), output.to_json());
    }

    pub(crate) fn call(&self, context: &Context, action: &str, input: &Document) -> Result<Document, AwsError> {
        match action {
            "StartExecution" => self.start(context, input),
            "StartSyncExecution" => self.run(context, input),
            action => Err(AwsError::unknown_action("states", action)),
        }
    }

    fn start(&self, context: &Context, input: &Document) -> Result<Document, AwsError> {
        let machine = machine(input)?;
        let given = execution_input(input)?;
        let name = text(input, "name").map_or_else(uuid, str::to_owned);
        let mut state = self.lock();
        let key = (machine.to_owned(), name.clone());
        if let Some((_, _, arn)) = state.started.get(&key).filter(|(earlier, ..)| earlier != given) {
            let problem = format!("Execution Already Exists: '{arn}'");
            return Err(AwsError::new("ExecutionAlreadyExists", problem));
        }
        // The same name with the same input is the same execution.
        let (_, started, arn) = state.started.entry(key).or_insert_with(|| {
            context.record("states", machine, "execution", given);
            let arn = context.arn("states", &format!("execution:{machine}:{name}"));
            (given.to_owned(), context.now_millis(), arn)
        });
        Ok(Document::object([
            ("executionArn", arn.as_str().into()),
            ("startDate", epoch_seconds(*started)),
        ]))
    }

    fn run(&self, context: &Context, input: &Document) -> Result<Document, AwsError> {
        let machine = machine(input)?;
        let given = execution_input(input)?;
        let Some(output) = self.lock().outputs.get(machine).cloned() else {
            let problem = format!(
                "State Machine Does Not Exist: '{machine}' has no output in the seed file (`stateMachines`), which \
                 `StartSyncExecution` answers with in a local run"
            );
            return Err(AwsError::new("StateMachineDoesNotExist", problem));
        };
        let name = text(input, "name").map_or_else(uuid, str::to_owned);
        context.record("states", machine, "execution", given);
        let included = || Document::object([("included", Document::Bool(true))]);
        let now = epoch_seconds(context.now_millis());
        let billed = Document::object([
            ("billedMemoryUsedInMB", Document::from(64)),
            ("billedDurationInMilliseconds", Document::from(100)),
        ]);
        let answer: Object = [
            (
                "executionArn",
                context
                    .arn("states", &format!("express:{machine}:{name}:{}", uuid()))
                    .into(),
            ),
            (
                "stateMachineArn",
                context.arn("states", &format!("stateMachine:{machine}")).into(),
            ),
            ("name", name.into()),
            ("startDate", now.clone()),
            ("stopDate", now),
            ("status", Document::from("SUCCEEDED")),
            ("input", given.into()),
            ("inputDetails", included()),
            ("output", output.into()),
            ("outputDetails", included()),
            ("billingDetails", billed),
        ]
        .into_iter()
        .collect();
        Ok(answer.into())
    }
}

/// The name of the state machine, whatever version or alias is asked for.
fn machine(input: &Document) -> Result<&str, AwsError> {
    let arn = required(input, "stateMachineArn")?;
    let name = arn.split(":stateMachine:").nth(1);
    match name.and_then(|name| name.split(':').next()) {
        Some(name) => Ok(name),
        None => Err(AwsError::new("InvalidArn", format!("Invalid Arn: '{}'", name_of(arn)))),
    }
}

fn execution_input(input: &Document) -> Result<&str, AwsError> {
    let given = text(input, "input").unwrap_or("{}");
    match Document::parse(given) {
        Ok(_) => Ok(given),
        Err(error) => {
            let problem = format!("Invalid State Machine Execution Input: '{}'", error.message);
            Err(AwsError::new("InvalidExecutionInput", problem))
        }
    }
}
