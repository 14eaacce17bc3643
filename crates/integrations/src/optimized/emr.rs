//! `elasticmapreduce:*`: actions with names and parameters of their own.
//!
//! # Source
//! "Create and manage Amazon EMR clusters with Step Functions" in the AWS documentation.

use super::Integration;
use crate::caller::Caller;
use crate::parameters::{self, Parameters};
use expressway_asl::Document;
use expressway_asl::document::Object;
use expressway_aws::CallOutput;
use expressway_engine::{StateError, TaskRequest};

/// The operation behind an action.
pub(super) fn operation(action: &str) -> &str {
    match action {
        "addStep" => "addJobFlowSteps",
        "cancelStep" => "cancelSteps",
        "createCluster" => "runJobFlow",
        "modifyInstanceFleetByName" => "modifyInstanceFleet",
        "modifyInstanceGroupByName" => "modifyInstanceGroups",
        "setClusterTerminationProtection" => "setTerminationProtection",
        "terminateCluster" => "terminateJobFlows",
        other => other,
    }
}

/// The parameters of an action, all of which must be there; none where they are the operation's.
pub(super) fn parameters(action: &str) -> Option<&'static [&'static str]> {
    Some(match action {
        "addStep" => &["ClusterId", "Step"],
        "cancelStep" => &["ClusterId", "StepId"],
        "modifyInstanceFleetByName" => &["ClusterId", "InstanceFleetName", "InstanceFleet"],
        "modifyInstanceGroupByName" => &["ClusterId", "InstanceGroupName", "InstanceGroup"],
        "setClusterTerminationProtection" => &["ClusterId", "TerminationProtected"],
        "terminateCluster" => &["ClusterId"],
        _ => return None,
    })
}

pub(super) async fn call(
    integration: &Integration<'_>,
    action: &str,
    caller: &Caller,
    request: &TaskRequest<'_>,
) -> Result<Document, StateError> {
    let list = |value: Document| Document::from(vec![value]);
    let input = &request.input;
    let sent = match action {
        "addStep" => {
            let [cluster, step] = members(input, ["ClusterId", "Step"])?;
            Document::object([("JobFlowId", cluster), ("Steps", list(step))])
        }
        "cancelStep" => {
            let [cluster, step] = members(input, ["ClusterId", "StepId"])?;
            Document::object([("ClusterId", cluster), ("StepIds", list(step))])
        }
        "setClusterTerminationProtection" => {
            let [cluster, protected] = members(input, ["ClusterId", "TerminationProtected"])?;
            Document::object([("JobFlowIds", list(cluster)), ("TerminationProtected", protected)])
        }
        "terminateCluster" => {
            let [cluster] = members(input, ["ClusterId"])?;
            Document::object([("JobFlowIds", list(cluster))])
        }
        "modifyInstanceFleetByName" => {
            let [cluster, name, change] = members(input, ["ClusterId", "InstanceFleetName", "InstanceFleet"])?;
            let fleets = ("listInstanceFleets", "InstanceFleets", "InstanceFleetId");
            let change = with_id(integration, caller, request, fleets, [&cluster, &name], &change).await?;
            Document::object([("ClusterId", cluster), ("InstanceFleet", change)])
        }
        "modifyInstanceGroupByName" => {
            let [cluster, name, change] = members(input, ["ClusterId", "InstanceGroupName", "InstanceGroup"])?;
            let groups = ("listInstanceGroups", "InstanceGroups", "InstanceGroupId");
            let change = with_id(integration, caller, request, groups, [&cluster, &name], &change).await?;
            Document::object([("ClusterId", cluster), ("InstanceGroups", list(change))])
        }
        _ => {
            integration.check_parameters(input)?;
            input.clone()
        }
    };
    let output = integration.send(caller, request, &sent).await?;
    Ok(integration.with_metadata(renamed(action, output)))
}

/// The result under the names that the actions have for what the operations call otherwise.
fn renamed(action: &str, output: CallOutput) -> CallOutput {
    let first = |key: &str| output.result.get(key)?.as_array()?.first().cloned();
    let result = match action {
        "createCluster" => output.result.get("JobFlowId").cloned().map(|id| ("ClusterId", id)),
        "addStep" => first("StepIds").map(|id| ("StepId", id)),
        "cancelStep" => first("CancelStepsInfoList").map(|info| ("CancelStepsInfo", info)),
        _ => None,
    };
    CallOutput {
        result: result.map_or_else(|| Object::new().into(), |member| Document::object([member])),
        ..output
    }
}

/// The parameters of these names, all of which must be there, and no others.
fn members<const N: usize>(input: &Document, names: [&str; N]) -> Result<[Document; N], StateError> {
    let mut parameters = Parameters::new(input, &names);
    let values = names.map(|name| {
        let value = parameters.get(name).cloned();
        if value.is_none() {
            parameters.fault(parameters::missing(name));
        }
        value.unwrap_or_default()
    });
    parameters.check()?;
    Ok(values)
}

/// The change with the id of the fleet or group of this name, which the service is asked for.
async fn with_id(
    integration: &Integration<'_>,
    caller: &Caller,
    request: &TaskRequest<'_>,
    (action, list, id_member): (&str, &str, &'static str),
    [cluster, name]: [&Document; 2],
    change: &Document,
) -> Result<Document, StateError> {
    let unusable = |fault: String| parameters::unusable(&request.input, &fault);
    let operation = integration.model.operation(action);
    let operation = operation.ok_or_else(|| unusable(format!("there is no operation `{action}`")))?;
    let mut listed = Document::object([("ClusterId", cluster.clone())]);
    let options = caller.options(integration.model, operation, request).await?;
    loop {
        let page = caller
            .client
            .call(integration.model, operation, &listed, &options)
            .await;
        let page = page.map_err(|error| integration.error(error, request))?;
        let mut items = page
            .get(list)
            .and_then(Document::as_array)
            .into_iter()
            .flat_map(|items| items.iter());
        let id = items
            .find(|item| item.get("Name") == Some(name))
            .and_then(|item| item.get("Id"));
        if let Some(id) = id {
            let mut change = change.as_object().cloned().unwrap_or_default();
            change.insert(id_member, id.clone());
            return Ok(change.into());
        }
        let Some(marker) = page.get("Marker").filter(|marker| !marker.is_null()) else {
            return Err(unusable(format!("the cluster has nothing called {name}")));
        };
        listed = Document::object([("ClusterId", cluster.clone()), ("Marker", marker.clone())]);
    }
}
