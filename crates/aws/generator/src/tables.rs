//! Puts the files of the tables together.

use crate::wheel::{ServiceFiles, Wheel};
use crate::{Error, service, write};
use expressway_asl::Document;
use expressway_asl::document::Object;
use expressway_aws::model::{TableError, names, read_limits, read_service};
use std::path::Path;

/// zstd's strongest level that needs no more memory to decompress.
const COMPRESSION_LEVEL: i32 = 19;

/// One file of the tables.
pub struct File {
    /// Its name in the directory.
    pub name: &'static str,
    /// What it holds.
    pub bytes: Vec<u8>,
}

/// Makes all files from the wheel that `SOURCE` in this directory names.
///
/// # Errors
/// It is another wheel, or one that this generator does not understand.
pub fn make(wheel: &Path, directory: &Path) -> Result<Vec<File>, Error> {
    let source = directory.join("SOURCE");
    let text = std::fs::read_to_string(&source).map_err(|error| Error::File(source.display().to_string(), error))?;
    let sha256 = text
        .lines()
        .find_map(|line| line.strip_prefix("sha256 "))
        .unwrap_or_default();
    let mut wheel = Wheel::open(wheel, sha256.trim())?;
    let (services, limits) = services(&wheel.services()?)?;
    let partitions = without_descriptions(&wheel.json("botocore/data/partitions.json")?);
    Ok(vec![
        file("services.bin", services),
        file("limits.bin", limits),
        file("partitions.json", partitions.to_json().into_bytes()),
        file("LICENSE.txt", wheel.text(".dist-info/LICENSE.txt")?.into_bytes()),
        file("NOTICE", wheel.text(".dist-info/NOTICE")?.into_bytes()),
    ])
}

/// Writes the files.
///
/// # Errors
/// One cannot be written.
pub fn write(files: &[File], directory: &Path) -> Result<(), Error> {
    files.iter().try_for_each(|file| {
        let path = directory.join(file.name);
        std::fs::write(&path, &file.bytes).map_err(|error| Error::File(path.display().to_string(), error))
    })
}

/// Compares the files with those in the directory.
///
/// # Errors
/// Names the first that differs.
pub fn check(files: &[File], directory: &Path) -> Result<(), Error> {
    files.iter().try_for_each(|file| {
        let path = directory.join(file.name);
        let found = std::fs::read(&path).map_err(|error| Error::File(path.display().to_string(), error))?;
        if found == file.bytes {
            Ok(())
        } else {
            Err(Error::Differs(path.display().to_string()))
        }
    })
}

/// The sizes of the files, for people.
pub fn summary(files: &[File]) -> String {
    let lines: Vec<String> = files
        .iter()
        .map(|file| format!("{:>9} {}", file.bytes.len(), file.name))
        .collect();
    lines.join("\n")
}

fn file(name: &'static str, bytes: Vec<u8>) -> File {
    File { name, bytes }
}

struct Entry {
    arn_name: String,
    model_name: String,
    service: Table,
    limits: Table,
}

struct Table {
    bytes: usize,
    compressed: Vec<u8>,
}

/// The tables of all services, and those of their limits.
fn services(files: &[ServiceFiles]) -> Result<(Vec<u8>, Vec<u8>), Error> {
    let entries = files.iter().map(|files| {
        entry(files).map_err(|problem| Error::Model {
            file: files.name.clone(),
            problem,
        })
    });
    let mut entries = entries.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by(|left, right| left.arn_name.cmp(&right.arn_name));
    let services = indexed(&entries, |entry| &entry.service);
    Ok((services, indexed(&entries, |entry| &entry.limits)))
}

/// An index of all services, in the order of their names in ARNs, then their tables in that order.
fn indexed(entries: &[Entry], table: impl Fn(&Entry) -> &Table) -> Vec<u8> {
    let mut out = Vec::new();
    write::number(&mut out, entries.len() as u32);
    for entry in entries {
        write::str(&mut out, &entry.arn_name);
        write::str(&mut out, &entry.model_name);
        write::number(&mut out, table(entry).bytes as u32);
        write::number(&mut out, table(entry).compressed.len() as u32);
    }
    out.extend(entries.iter().flat_map(|entry| &table(entry).compressed));
    out
}

fn entry(files: &ServiceFiles) -> Result<Entry, String> {
    let (service, limits) = service::read(&files.name, &files.model, &files.endpoint_rules)?;
    let service_table = write::service(&service)?;
    let limits_table = write::limits(&limits);
    let as_text = |error: TableError| error.to_string();
    if read_service(&service_table).map_err(as_text)? != service {
        return Err("the table reads back as another service".to_owned());
    }
    if read_limits(&limits_table).map_err(as_text)? != limits {
        return Err("the table reads back as other limits".to_owned());
    }
    Ok(Entry {
        arn_name: names::arn_name(&service.service_id),
        model_name: files.name.clone(),
        service: compressed(&service_table)?,
        limits: compressed(&limits_table)?,
    })
}

fn compressed(table: &[u8]) -> Result<Table, String> {
    Ok(Table {
        bytes: table.len(),
        compressed: zstd::bulk::compress(table, COMPRESSION_LEVEL).map_err(|error| error.to_string())?,
    })
}

fn without_descriptions(json: &Document) -> Document {
    match json {
        Document::Object(members) => members
            .iter()
            .filter(|(key, _)| &***key != "description")
            .map(|(key, value)| (key.clone(), without_descriptions(value)))
            .collect::<Object>()
            .into(),
        Document::Array(items) => items.iter().map(without_descriptions).collect::<Vec<_>>().into(),
        scalar => scalar.clone(),
    }
}
