//! All services, by name, decoded when first asked for.

use super::table::{Reader, TableError, decompress, read_limits, read_service};
use super::{Limits, Service};
use std::sync::{LazyLock, OnceLock};

/// Made by the generator; see `tables/SOURCE`.
static SERVICES: LazyLock<Catalog<Service>> =
    LazyLock::new(|| Catalog::new(include_bytes!("../../tables/services.bin"), read_service));
static LIMITS: LazyLock<Catalog<Limits>> =
    LazyLock::new(|| Catalog::new(include_bytes!("../../tables/limits.bin"), read_limits));

/// What one of the files holds of each service.
struct Catalog<T> {
    /// Sorted by their names in ARNs.
    entries: Vec<Entry<T>>,
    read: fn(&[u8]) -> Result<T, TableError>,
}

struct Entry<T> {
    arn_name: &'static str,
    model_name: &'static str,
    compressed: &'static [u8],
    bytes: usize,
    decoded: OnceLock<Option<T>>,
}

impl<T> Catalog<T> {
    fn new(file: &'static [u8], read: fn(&[u8]) -> Result<T, TableError>) -> Catalog<T> {
        // A broken file cannot get past the tests; without it there are no services.
        let entries = read_index(file).unwrap_or_default();
        Catalog { entries, read }
    }

    /// The entry of this name. botocore has one service under two names of its own (Pinpoint SMS Voice); the first
    /// one counts.
    fn entry(&self, arn_name: &str) -> Option<&Entry<T>> {
        let at = self.entries.partition_point(|entry| entry.arn_name < arn_name);
        self.entries.get(at).filter(|entry| entry.arn_name == arn_name)
    }

    fn find(&self, arn_name: &str) -> Option<&T> {
        let entry = self.entry(arn_name)?;
        entry.decoded.get_or_init(|| self.decode(entry).ok()).as_ref()
    }

    fn decode(&self, entry: &Entry<T>) -> Result<T, TableError> {
        (self.read)(&decompress(entry.compressed, entry.bytes)?)
    }
}

pub(super) fn find(arn_name: &str) -> Option<&'static Service> {
    SERVICES.find(arn_name)
}

pub(super) fn limits(arn_name: &str) -> Option<&'static Limits> {
    LIMITS.find(arn_name)
}

pub(super) fn decode(arn_name: &str) -> Option<Result<Service, TableError>> {
    SERVICES.entry(arn_name).map(|entry| SERVICES.decode(entry))
}

/// The names of all services: in Step Functions (`sfn`), and in the model (`stepfunctions`). Decodes nothing.
pub fn services() -> impl Iterator<Item = (&'static str, &'static str)> {
    let entries = SERVICES.entries.iter();
    entries.map(|entry| (entry.arn_name, entry.model_name))
}

fn read_index<T>(file: &'static [u8]) -> Result<Vec<Entry<T>>, TableError> {
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
            decoded: OnceLock::new(),
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
        assert!(SERVICES.entries.len() > 400, "{} services", SERVICES.entries.len());
        assert!((SERVICES.entries).is_sorted_by_key(|entry| (entry.arn_name, entry.model_name)));
        for entry in &SERVICES.entries {
            let service = SERVICES.decode(entry);
            let service = service.unwrap_or_else(|error| panic!("{}: {error}", entry.model_name));
            assert_eq!(*service.name, *entry.model_name);
            assert_eq!(super::super::names::arn_name(&service.service_id), entry.arn_name);
            assert!(!service.operations.is_empty(), "{} has no operations", entry.arn_name);
        }
        assert_eq!(LIMITS.entries.len(), SERVICES.entries.len());
        for entry in &LIMITS.entries {
            let limits = LIMITS.decode(entry);
            limits.unwrap_or_else(|error| panic!("limits of {}: {error}", entry.model_name));
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
