//! Runs a definition with the engine alone: no function, no event.

use expressway_asl::Document;
use expressway_engine::{
    Engine, Environment, ExecutionRequest, Identity, Options, Outcome, SystemClock, SystemEntropy, TaskBudget,
    TaskRunner,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The ARN of every execution.
pub const EXECUTION: &str = "arn:aws:states:eu-west-1:111122223333:express:orders:e-1:4a5b";

/// The ARN of its state machine.
pub const MACHINE: &str = "arn:aws:states:eu-west-1:111122223333:stateMachine:orders";

/// Runs a definition; gives its output as JSON text, or what else came of it.
///
/// # Errors
/// The definition is not valid.
pub async fn run(definition: &str, tasks: impl TaskRunner + 'static) -> Result<String, String> {
    let compilation = expressway_asl::compile(definition, &BTreeMap::new());
    let program = compilation.map_err(|diagnostics| format!("{diagnostics:?}"))?.program;
    let environment = Environment {
        tasks: Arc::new(tasks),
        clock: Arc::new(SystemClock::new()),
        entropy: Arc::new(SystemEntropy),
        budget: TaskBudget::new(1),
        payloads: None,
    };
    let request = ExecutionRequest {
        input: Document::Null,
        identity: Identity {
            execution_arn: EXECUTION.into(),
            execution_name: "e-1".into(),
            state_machine_arn: MACHINE.into(),
            state_machine_name: "orders".into(),
            role_arn: None,
            region: "eu-west-1".into(),
            redrive_count: None,
        },
        deadline: None,
        replay: None,
    };
    let engine = Engine::new(Arc::new(program), Options::default());
    Ok(match engine.run(&environment, request, None).await.outcome {
        Outcome::Succeeded(output) => output.to_json(),
        other => format!("{other:?}"),
    })
}
