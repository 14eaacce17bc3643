//! Opens a botocore wheel.

use crate::Error;
use expressway_asl::Document;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use zip::ZipArchive;

/// A botocore wheel.
pub struct Wheel {
    archive: ZipArchive<File>,
    names: BTreeSet<String>,
}

/// The files of one service, in its newest version.
pub struct ServiceFiles {
    /// The name of its directory.
    pub name: String,
    /// The model, with botocore's own additions.
    pub model: Document,
    /// The endpoint rules.
    pub endpoint_rules: Document,
}

impl Wheel {
    /// Opens the wheel, which must have this SHA-256.
    ///
    /// # Errors
    /// The file cannot be read, is another one, or is no wheel.
    pub fn open(path: &Path, sha256: &str) -> Result<Wheel, Error> {
        let of_file = |error| Error::File(path.display().to_string(), error);
        let bytes = std::fs::read(path).map_err(of_file)?;
        let found: String = Sha256::digest(&bytes)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        if found != sha256 {
            return Err(Error::OtherWheel {
                expected: sha256.to_owned(),
                found,
            });
        }
        let archive = ZipArchive::new(File::open(path).map_err(of_file)?);
        let archive = archive.map_err(|error| of_file(std::io::Error::other(error)))?;
        let names = archive
            .file_names()
            .filter_map(Result::ok)
            .map(|name| name.into_owned())
            .collect();
        Ok(Wheel { archive, names })
    }

    /// The text of a file whose name ends like this, such as botocore's licence.
    ///
    /// # Errors
    /// There is no such file.
    pub fn text(&mut self, end: &str) -> Result<String, Error> {
        let name = self.names.iter().find(|name| name.ends_with(end)).cloned();
        let name = name.ok_or_else(|| problem(end, "no such file in the wheel"))?;
        let bytes = self.read(&name)?;
        String::from_utf8(bytes).map_err(|_| problem(&name, "no text"))
    }

    /// A JSON file, compressed or not.
    ///
    /// # Errors
    /// There is no such file, or it is not JSON.
    pub fn json(&mut self, name: &str) -> Result<Document, Error> {
        let packed = format!("{name}.gz");
        let mut bytes = Vec::new();
        if self.names.contains(&packed) {
            let file = self.read(&packed)?;
            let unpacked = flate2::read::GzDecoder::new(file.as_slice()).read_to_end(&mut bytes);
            unpacked.map_err(|error| problem(&packed, error))?;
        } else {
            bytes = self.read(name)?;
        }
        expressway_asl::document::parse(&bytes).map_err(|error| problem(name, error))
    }

    /// All services.
    ///
    /// # Errors
    /// A file of one cannot be read.
    pub fn services(&mut self) -> Result<Vec<ServiceFiles>, Error> {
        let mut newest = BTreeMap::new();
        // Names are sorted and versions are dates, so the last one stays.
        for name in &self.names {
            let directory = name
                .strip_suffix("/service-2.json")
                .or(name.strip_suffix("/service-2.json.gz"));
            let parts = directory.and_then(|path| path.strip_prefix("botocore/data/")?.split_once('/'));
            if let Some((service, version)) = parts {
                newest.insert(service.to_owned(), version.to_owned());
            }
        }
        let files = newest.into_iter().map(|(name, version)| self.service(name, &version));
        files.collect()
    }

    fn service(&mut self, name: String, version: &str) -> Result<ServiceFiles, Error> {
        let directory = format!("botocore/data/{name}/{version}");
        let mut model = self.json(&format!("{directory}/service-2.json"))?;
        let extras = format!("{directory}/service-2.sdk-extras.json");
        if self.names.contains(&extras) {
            let extras = self.json(&extras)?;
            merge(&mut model, extras.get("merge").unwrap_or(&Document::Null));
        }
        Ok(ServiceFiles {
            model,
            endpoint_rules: self.json(&format!("{directory}/endpoint-rule-set-1.json"))?,
            name,
        })
    }

    fn read(&mut self, name: &str) -> Result<Vec<u8>, Error> {
        let mut file = self.archive.by_name(name).map_err(|error| problem(name, error))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|error| problem(name, error))?;
        Ok(bytes)
    }
}

fn problem(file: &str, problem: impl ToString) -> Error {
    Error::Model {
        file: file.to_owned(),
        problem: problem.to_string(),
    }
}

/// Sets the members of `extras` in `model`, deeply.
///
/// `SourceRegion` stays out: SDKs take it to sign a second request into the first, which this client does not.
fn merge(model: &mut Document, extras: &Document) {
    match (model, extras) {
        (Document::Object(model), Document::Object(extras)) => {
            for (key, extra) in extras.iter().filter(|(key, _)| &***key != "SourceRegion") {
                let mut value = model.get(key).cloned().unwrap_or_default();
                merge(&mut value, extra);
                model.insert(key.clone(), value);
            }
        }
        (model, extra) => *model = extra.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extras_add_and_replace_members() {
        let mut model = Document::parse(r#"{"a": {"b": 1, "c": 2}}"#).unwrap();
        merge(
            &mut model,
            &Document::parse(r#"{"a": {"b": 3, "SourceRegion": {}}, "d": [4]}"#).unwrap(),
        );
        assert_eq!(model.to_json(), r#"{"a":{"b":3,"c":2},"d":[4]}"#);
    }
}
