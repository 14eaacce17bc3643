//! All services, by name, decoded when first asked for.

use super::Service;
use super::table::{Reader, TableError, read_service};
use std::sync::{LazyLock, OnceLock};

/// Made by the generator; see `tables/SOURCE`.
static SERVICES: &[u8] = include_bytes!("../../tables/services.bin");

static CATALOG: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    // A broken table cannot get past the tests; without it there are no services.
    read_index(SERVICES).unwrap_or_default()
});

struct Entry {
    arn_name: &'static str,
    model_name: &'static str,
    compressed: &'static [u8],
    bytes: usize,
    service: OnceLock<Option<Service>>,
}

impl Entry {
    fn service(&self) -> Option<&Service> {
        self.service.get_or_init(|| self.decode().ok()).as_ref()
    }

    fn decode(&self) -> Result<Service, TableError> {
        read_service(&super::table::decompress(self.compressed, self.bytes)?)
    }
}

pub(super) fn find(arn_name: &str) -> Option<&'static Service> {
    entry(arn_name)?.service()
}

/// The entry of this name. botocore has one service under two names of its own (Pinpoint SMS Voice); the first
/// one counts.
fn entry(arn_name: &str) -> Option<&'static Entry> {
    let at = CATALOG.partition_point(|entry| entry.arn_name < arn_name);
    CATALOG.get(at).filter(|entry| entry.arn_name == arn_name)
}

pub(super) fn decode(arn_name: &str) -> Option<Result<Service, TableError>> {
    entry(arn_name).map(Entry::decode)
}

/// The names of all services: in Step Functions (`sfn`), and in the model (`stepfunctions`). Decodes nothing.
pub fn services() -> impl Iterator<Item = (&'static str, &'static str)> {
    CATALOG.iter().map(|entry| (entry.arn_name, entry.model_name))
}

fn read_index(file: &'static [u8]) -> Result<Vec<Entry>, TableError> {
    let mut reader = Reader::new(file);
    let count = reader.length()?;
    let mut entries = Vec::with_capacity(count);
    let mut lengths = Vec::with_capacity(count);
    for _ in 0..count {
        entries.push(Entry {
            arn_name: reader.str()?,
            model_name: reader.str()?,
            compressed: &[],
            bytes: reader.number()? as usize,
            service: OnceLock::new(),
        });
        lengths.push(reader.number()? as usize);
    }
    for (entry, length) in entries.iter_mut().zip(lengths) {
        entry.compressed = reader.take(length)?;
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_decodes() {
        assert!(CATALOG.len() > 400, "{} services", CATALOG.len());
        assert!(CATALOG.is_sorted_by_key(|entry| (entry.arn_name, entry.model_name)));
        for entry in CATALOG.iter() {
            let service = entry
                .decode()
                .unwrap_or_else(|error| panic!("{}: {error}", entry.model_name));
            assert_eq!(*service.name, *entry.model_name);
            assert_eq!(super::super::names::arn_name(&service.service_id), entry.arn_name);
            assert!(!service.operations.is_empty(), "{} has no operations", entry.arn_name);
        }
    }

    #[test]
    fn services_are_found_by_their_name_in_step_functions() {
        for (arn_name, action, operation) in [
            ("dynamodb", "getItem", "GetItem"),
            ("sfn", "startExecution", "StartExecution"),
            ("cloudwatchlogs", "putLogEvents", "PutLogEvents"),
            ("rds", "describeDBInstances", "DescribeDBInstances"),
            ("eventbridge", "putEvents", "PutEvents"),
        ] {
            let service = find(arn_name).expect(arn_name);
            assert_eq!(&*service.operation(action).expect(action).name, operation);
        }
        assert!(find("stepfunctions").is_none(), "the model's name is not the ARN's");
        assert!(find("nonsense").is_none());
    }
}
