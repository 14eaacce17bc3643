//! `events:putEvents`: entries name their execution, and entries that fail fail the task.

use super::Integration;
use crate::caller::{Caller, state_machine_arn};
use crate::effect;
use expressway_asl::Document;
use expressway_asl::document::Object;
use expressway_engine::{StateError, TaskRequest};

/// Puts events on a bus.
///
/// The ARNs of the execution and of its state machine are added to the `Resources` of each entry, on the wire only.
/// The result has no metadata.
///
/// # Errors
/// `EventBridge.FailedEntry` if any entry failed, with the whole answer as the cause. A retry sends all entries again.
///
/// # Source
/// Recorded: `services/events_task_service*`. "Call EventBridge with Step Functions" in the AWS documentation.
pub(super) async fn put(
    integration: &Integration<'_>,
    caller: &Caller,
    request: &TaskRequest<'_>,
) -> Result<Document, StateError> {
    integration.check_parameters(&request.input)?;
    let input = with_resources(&request.input, request.execution_arn);
    let result = integration.send(caller, request, &input).await?.result;
    let member = |key: &str| result.get(key).cloned();
    let failed = member("FailedEntryCount").unwrap_or_else(|| 0.into());
    let entries = member("Entries").unwrap_or_else(|| Vec::new().into());
    let has_failed = failed.as_i64() != Some(0);
    let result = Document::object([("Entries", entries), ("FailedEntryCount", failed)]);
    match has_failed {
        true => Err(StateError::new("EventBridge.FailedEntry", result.to_json())),
        false => Ok(result),
    }
}

fn with_resources(input: &Document, execution_arn: &str) -> Document {
    let Some(entries) = input
        .as_object()
        .and_then(|object| effect::get(object, "Entries")?.as_array())
    else {
        return input.clone();
    };
    let entries = entries.iter().map(|entry| {
        let Some(entry) = entry.as_object() else {
            return entry.clone();
        };
        let given = effect::get(entry, "Resources").and_then(Document::as_array);
        let mut resources: Vec<Document> = given.iter().flat_map(|given| given.iter().cloned()).collect();
        resources.push(execution_arn.into());
        resources.push(state_machine_arn(execution_arn).into());
        let others = entry.iter().filter(|(key, _)| !key.eq_ignore_ascii_case("Resources"));
        let mut entry: Object = others.map(|(key, value)| (key.clone(), value.clone())).collect();
        entry.insert("Resources", resources.into());
        entry.into()
    });
    Document::object([("Entries", entries.collect::<Vec<Document>>().into())])
}
