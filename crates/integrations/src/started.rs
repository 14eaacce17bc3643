//! Executions of Step Functions that an earlier run of the same attempt has started.

use crate::caller::Caller;
use crate::effect::{self, Token};
use expressway_asl::Document;
use expressway_asl::document::Object;
use expressway_aws::{CallError, CallOptions, CallOutput, Service};
use expressway_engine::TaskRequest;

/// What `StartExecution` would have answered, if the execution was refused because it is there already, and if it is
/// there because this very attempt was made before: its name is the attempt's token.
///
/// Asks `DescribeExecution`. Where that is not allowed there is nothing to tell, and the refusal stands.
pub(crate) async fn before(
    caller: &Caller,
    action: &str,
    request: &TaskRequest<'_>,
    error: &CallError,
    options: &CallOptions,
) -> Option<CallOutput> {
    let token = Token::of(request)?;
    if action != "startExecution" || error.answer()?.code != "ExecutionAlreadyExists" {
        return None;
    }
    let parameters = request.input.as_object()?;
    if effect::get(parameters, "Name").is_some() {
        return None;
    }
    let machine = effect::get(parameters, "StateMachineArn")?.as_str()?;
    let execution = machine.replacen(":stateMachine:", ":execution:", 1);
    // Without the version or alias behind the machine's name.
    let execution: Vec<&str> = execution.split(':').take(7).collect();
    let execution = format!("{}:{}", execution.join(":"), token.text());
    let sfn = Service::find("sfn")?;
    let describe = sfn.operation("describeExecution")?;
    let described = Document::object([("ExecutionArn", execution.into())]);
    let described = caller.client.call_with_metadata(sfn, describe, &described, options);
    let described = described.await.ok()?;
    let mut result = Object::new();
    for key in ["ExecutionArn", "StartDate"] {
        result.insert(key, described.result.get(key)?.clone());
    }
    Some(CallOutput {
        result: result.into(),
        ..described
    })
}
