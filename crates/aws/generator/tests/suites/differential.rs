//! Every operation of every service, compared with botocore.
//!
//! `differential.py` makes the cases; `BOTOCORE_CASES` names the file.

use crate::protocols::{check_answer, check_request};
use expressway_asl::Document;
use expressway_aws::{Service, model};
use std::collections::{BTreeMap, HashMap};
use std::io::BufRead;

/// Operations in which we differ from botocore on purpose.
const KNOWN: &[(&str, &str)] = &[
    // JSON that a member holds as text: botocore leaves it JSON, which no service takes; Java writes text.
    ("bedrock-agent", "PutResourcePolicy"),
    ("braket", "CreateQuantumTask"),
    ("grafana", "CreateWorkspace"),
    ("grafana", "UpdateWorkspaceConfiguration"),
    ("lookoutequipment", "CreateDataset"),
    ("lookoutequipment", "CreateModel"),
    ("networkmanager", "PutCoreNetworkPolicy"),
    ("networkmanager", "PutResourcePolicy"),
    ("omics", "PutS3AccessPolicy"),
    ("personalize-events", "PutActions"),
    ("personalize-events", "PutEvents"),
    ("personalize-events", "PutItems"),
    ("personalize-events", "PutUsers"),
    ("rum", "PutRumEvents"),
    ("sagemaker", "CreateFlowDefinition"),
    ("schemas", "PutResourcePolicy"),
    // A member of SDKs that sign a second request into the first, which we do not.
    ("docdb", "CopyDBClusterSnapshot"),
    ("docdb", "CreateDBCluster"),
    ("neptune", "CopyDBClusterSnapshot"),
    ("neptune", "CreateDBCluster"),
    ("rds", "CopyDBClusterSnapshot"),
    ("rds", "CopyDBSnapshot"),
    ("rds", "CreateDBCluster"),
    ("rds", "CreateDBInstanceReadReplica"),
    ("rds", "StartDBInstanceAutomatedBackupsReplication"),
    // A list and a scalar share an element: botocore gives up on the scalar.
    ("s3", "GetBucketNotification"),
];

#[test]
fn every_operation_is_as_in_botocore() {
    let Some(cases) = std::env::var_os("BOTOCORE_CASES") else {
        super::skipped("BOTOCORE_CASES does not name the cases of differential.py");
        return;
    };
    let arn_names: HashMap<&str, &str> = model::services().map(|(arn_name, name)| (name, arn_name)).collect();
    let mut counts: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    let mut failed = Vec::new();
    for line in std::io::BufReader::new(std::fs::File::open(cases).unwrap()).lines() {
        let case = Document::parse(&line.unwrap()).unwrap();
        let text = |key: &str| case.get(key).and_then(Document::as_str).unwrap();
        let (name, operation_name) = (text("service"), text("operation"));
        let service = Service::find(arn_names.get(name).unwrap()).unwrap();
        let operation = service.operation(operation_name).unwrap();
        let (kind, result) = match case.get("response") {
            None => ("requests", check_request(service, operation, &case)),
            Some(_) => ("answers", check_answer(service, operation, &case)),
        };
        let outcome = match result {
            Ok(()) => "equal",
            Err(_) if is_known(name, operation_name) => "known",
            Err(problem) => {
                failed.push(format!("{kind} {name} {operation_name}: {problem}"));
                "different"
            }
        };
        *counts.entry((kind, outcome)).or_default() += 1;
    }
    eprintln!("compared with botocore: {counts:?}");
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

fn is_known(service: &str, operation: &str) -> bool {
    KNOWN.contains(&(service, operation))
}
