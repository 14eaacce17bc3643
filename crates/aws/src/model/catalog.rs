//! All services, by name, decoded when first asked for.

use super::table::{Reader, TableError, decompress, read_limits, read_service};
use super::{Limits, Service};
use std::sync::{LazyLock, OnceLock};

/// Made by the generator; see `tables/SOURCE`.
static SERVICES: &[u8] = include_bytes!("../../tables/services.bin");
static LIMITS: &[u8] = include_bytes!("../../tables/limits.bin");

static CATALOG: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    // A broken table cannot get past the tests; without it there are no services.
    let tables = read_index(SERVICES).unwrap_or_default();
    let entry = |table| Entry {
        table,
        service: OnceLock::new(),
    };
    tables.into_iter().map(entry).collect()
});

struct Entry {
    table: Table,
    service: OnceLock<Option<Service>>,
}

/// A table of one service in one of the files.
struct Table {
    arn_name: &'static str,
    model_name: &'static str,
    compressed: &'static [u8],
    bytes: usize,
}

impl Entry {
    fn service(&self) -> Option<&Service> {
        self.service.get_or_init(|| self.decode().ok()).as_ref()
    }

    fn decode(&self) -> Result<Service, TableError> {
        read_service(&self.table.decompress()?)
    }
}

impl Table {
    fn decompress(&self) -> Result<Vec<u8>, TableError> {
        decompress(self.compressed, self.bytes)
    }
}

pub(super) fn find(arn_name: &str) -> Option<&'static Service> {
    entry(arn_name)?.service()
}

/// The entry of this name. botocore has one service under two names of its own (Pinpoint SMS Voice); the first
/// one counts.
fn entry(arn_name: &str) -> Option<&'static Entry> {
    let at = CATALOG.partition_point(|entry| entry.table.arn_name < arn_name);
    CATALOG.get(at).filter(|entry| entry.table.arn_name == arn_name)
}

pub(super) fn decode(arn_name: &str) -> Option<Result<Service, TableError>> {
    entry(arn_name).map(Entry::decode)
}

pub(super) fn limits(arn_name: &str) -> Option<Result<Limits, TableError>> {
    let tables = match read_index(LIMITS) {
        Ok(tables) => tables,
        Err(error) => return Some(Err(error)),
    };
    let table = tables.into_iter().find(|table| table.arn_name == arn_name)?;
    Some(table.decompress().and_then(|table| read_limits(&table)))
}

/// The names of all services: in Step Functions (`sfn`), and in the model (`stepfunctions`). Decodes nothing.
pub fn services() -> impl Iterator<Item = (&'static str, &'static str)> {
    CATALOG
        .iter()
        .map(|entry| (entry.table.arn_name, entry.table.model_name))
}

fn read_index(file: &'static [u8]) -> Result<Vec<Table>, TableError> {
    let mut reader = Reader::new(file);
    let count = reader.length()?;
    let mut tables = Vec::with_capacity(count);
    let mut lengths = Vec::with_capacity(count);
    for _ in 0..count {
        tables.push(Table {
            arn_name: reader.str()?,
            model_name: reader.str()?,
            compressed: &[],
            bytes: reader.number()? as usize,
        });
        lengths.push(reader.number()? as usize);
    }
    for (table, length) in tables.iter_mut().zip(lengths) {
        table.compressed = reader.take(length)?;
    }
    Ok(tables)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_decodes() {
        assert!(CATALOG.len() > 400, "{} services", CATALOG.len());
        assert!(CATALOG.is_sorted_by_key(|entry| (entry.table.arn_name, entry.table.model_name)));
        for entry in CATALOG.iter() {
            let (arn_name, model_name) = (entry.table.arn_name, entry.table.model_name);
            let service = entry.decode().unwrap_or_else(|error| panic!("{model_name}: {error}"));
            assert_eq!(*service.name, *model_name);
            assert_eq!(super::super::names::arn_name(&service.service_id), arn_name);
            assert!(!service.operations.is_empty(), "{arn_name} has no operations");
            let limits = limits(arn_name).expect(arn_name);
            limits.unwrap_or_else(|error| panic!("limits of {model_name}: {error}"));
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
