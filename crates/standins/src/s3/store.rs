//! Buckets and their objects: in memory, and in a directory if they are to stay.
//!
//! In the directory a bucket is a folder with `objects/`, the contents, and `meta/`, what is known of each, under file
//! names that are made of the keys. No part of a key or of a bucket's name can lead out of it.

use base64::prelude::{BASE64_STANDARD, Engine};
use hyper::body::Bytes;
use md5::{Digest, Md5};
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Sha1, Sha256};
use s3s::dto::{Checksum, ETagCondition};
use s3s::{S3Result, s3_error};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::{fs, io};

/// All buckets, by name.
#[derive(Debug, Default)]
pub(crate) struct Store {
    buckets: Mutex<BTreeMap<String, BTreeMap<String, Stored>>>,
    directory: Option<PathBuf>,
}

/// An object that is being written.
#[derive(Clone, Debug, Default)]
pub(crate) struct NewObject {
    pub(crate) content: Bytes,
    pub(crate) content_type: Option<String>,
    pub(crate) content_encoding: Option<String>,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) crc32: Option<String>,
    pub(crate) sha256: Option<String>,
}

/// An object that is there.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Stored {
    key: String,
    #[serde(skip)]
    pub(super) content: Bytes,
    content_type: Option<String>,
    pub(super) content_encoding: Option<String>,
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) crc32: Option<String>,
    pub(super) sha256: Option<String>,
    /// MD5 of the content, without quotes.
    pub(super) e_tag: String,
    /// Milliseconds since 1970.
    pub(super) modified: i64,
}

/// One page of a bucket's objects.
pub(super) struct Listing {
    pub(super) objects: Vec<(String, Stored)>,
    pub(super) prefixes: BTreeSet<String>,
    /// Where the next page begins, if there is one.
    pub(super) next: Option<String>,
}

impl Stored {
    pub(super) fn is(&self, condition: &ETagCondition) -> bool {
        match condition {
            ETagCondition::Any => true,
            ETagCondition::ETag(e_tag) => e_tag.value() == self.e_tag,
        }
    }

    pub(super) fn content_type(&self) -> &str {
        self.content_type.as_deref().unwrap_or("binary/octet-stream")
    }

    pub(super) fn to_new(&self) -> NewObject {
        NewObject {
            content: self.content.clone(),
            content_type: self.content_type.clone(),
            content_encoding: self.content_encoding.clone(),
            metadata: self.metadata.clone(),
            crc32: self.crc32.clone(),
            sha256: self.sha256.clone(),
        }
    }
}

impl Store {
    /// Buckets in memory; with a directory, those that are in it, and there they stay.
    pub(crate) fn open(directory: Option<PathBuf>) -> io::Result<Store> {
        let mut buckets = BTreeMap::new();
        if let Some(directory) = &directory {
            fs::create_dir_all(directory)?;
            for bucket in fs::read_dir(directory)? {
                let bucket = bucket?;
                let objects = read_bucket(&bucket.path())?;
                buckets.insert(bucket.file_name().to_string_lossy().into_owned(), objects);
            }
        }
        Ok(Store {
            buckets: Mutex::new(buckets),
            directory,
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, BTreeMap<String, Stored>>> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn exists(&self, bucket: &str) -> bool {
        self.lock().contains_key(bucket)
    }

    pub(super) fn buckets(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    pub(super) fn check_bucket(&self, bucket: &str) -> S3Result<()> {
        match self.exists(bucket) {
            true => Ok(()),
            false => Err(no_bucket()),
        }
    }

    pub(crate) fn create_bucket(&self, bucket: &str) -> S3Result<()> {
        let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
        let is_edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let bytes = bucket.as_bytes();
        let is_valid = (3..=63).contains(&bytes.len()) && bytes.iter().all(|byte| is_name(*byte));
        if !is_valid || !is_edge(bytes.first()) || !is_edge(bytes.last()) || bucket.contains("..") {
            return Err(s3_error!(InvalidBucketName, "The specified bucket is not valid."));
        }
        let mut buckets = self.lock();
        if buckets.contains_key(bucket) {
            return Err(s3_error!(BucketAlreadyOwnedByYou));
        }
        if let Some(files) = self.files(bucket) {
            files.create()?;
        }
        buckets.insert(bucket.to_owned(), BTreeMap::new());
        Ok(())
    }

    pub(super) fn delete_bucket(&self, bucket: &str) -> S3Result<()> {
        let mut buckets = self.lock();
        if !buckets.get(bucket).ok_or_else(no_bucket)?.is_empty() {
            return Err(s3_error!(BucketNotEmpty, "The bucket you tried to delete is not empty"));
        }
        if let Some(files) = self.files(bucket) {
            fs::remove_dir_all(files.0).map_err(failed)?;
        }
        buckets.remove(bucket);
        Ok(())
    }

    /// Writes an object if what is there now allows it, and gives the object's ETag.
    pub(crate) fn put(
        &self,
        bucket: &str,
        key: &str,
        object: NewObject,
        now: i64,
        condition: impl FnOnce(Option<&Stored>) -> S3Result<()>,
    ) -> S3Result<String> {
        let mut buckets = self.lock();
        let objects = buckets.get_mut(bucket).ok_or_else(no_bucket)?;
        condition(objects.get(key))?;
        let e_tag: String = Md5::digest(&object.content)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let stored = Stored {
            key: key.to_owned(),
            content: object.content,
            content_type: object.content_type,
            content_encoding: object.content_encoding,
            metadata: object.metadata,
            crc32: object.crc32,
            sha256: object.sha256,
            e_tag: e_tag.clone(),
            modified: now,
        };
        if let Some(files) = self.files(bucket) {
            files.write(&stored)?;
        }
        objects.insert(key.to_owned(), stored);
        Ok(e_tag)
    }

    pub(super) fn get(&self, bucket: &str, key: &str) -> S3Result<Stored> {
        let buckets = self.lock();
        let stored = buckets.get(bucket).ok_or_else(no_bucket)?.get(key);
        stored
            .cloned()
            .ok_or_else(|| s3_error!(NoSuchKey, "The specified key does not exist."))
    }

    /// Deletes an object if what is there allows it, and tells whether there was one.
    pub(super) fn delete(
        &self,
        bucket: &str,
        key: &str,
        condition: impl FnOnce(Option<&Stored>) -> S3Result<()>,
    ) -> S3Result<bool> {
        let mut buckets = self.lock();
        let objects = buckets.get_mut(bucket).ok_or_else(no_bucket)?;
        condition(objects.get(key))?;
        let Some(stored) = objects.remove(key) else {
            return Ok(false);
        };
        if let Some(files) = self.files(bucket) {
            files.remove(&stored.key)?;
        }
        Ok(true)
    }

    pub(super) fn list(
        &self,
        bucket: &str,
        prefix: &str,
        after: &str,
        delimiter: Option<&str>,
        page_size: usize,
    ) -> S3Result<Listing> {
        let buckets = self.lock();
        let objects = buckets.get(bucket).ok_or_else(no_bucket)?;
        let mut listing = Listing {
            objects: Vec::new(),
            prefixes: BTreeSet::new(),
            next: None,
        };
        let mut last = String::new();
        let rest = (Bound::Excluded(after.to_owned()), Bound::Unbounded);
        for (key, stored) in objects.range::<String, _>(rest) {
            let Some(name) = key.strip_prefix(prefix) else { continue };
            let common = delimiter.and_then(|delimiter| {
                let (folder, _) = name.split_once(delimiter)?;
                Some(format!("{prefix}{folder}{delimiter}"))
            });
            // A page that ended inside a common prefix has told of it already.
            if common
                .as_ref()
                .is_some_and(|common| listing.prefixes.contains(common) || after.starts_with(common))
            {
                last.clone_from(key);
                continue;
            }
            if listing.objects.len() + listing.prefixes.len() == page_size {
                listing.next = Some(last).filter(|last| !last.is_empty());
                break;
            }
            last.clone_from(key);
            match common {
                Some(common) => {
                    listing.prefixes.insert(common);
                }
                None => listing.objects.push((key.clone(), stored.clone())),
            }
        }
        Ok(listing)
    }

    fn files(&self, bucket: &str) -> Option<BucketFiles> {
        Some(BucketFiles(self.directory.as_ref()?.join(bucket)))
    }
}

fn no_bucket() -> s3s::S3Error {
    s3_error!(NoSuchBucket, "The specified bucket does not exist")
}

fn failed(error: io::Error) -> s3s::S3Error {
    s3_error!(InternalError, "{error}")
}

/// The folder of a bucket.
struct BucketFiles(PathBuf);

impl BucketFiles {
    fn create(&self) -> S3Result<()> {
        fs::create_dir_all(self.0.join("objects")).map_err(failed)?;
        fs::create_dir_all(self.0.join("meta")).map_err(failed)
    }

    /// The content first: an object without what is known of it is none.
    fn write(&self, stored: &Stored) -> S3Result<()> {
        let meta = serde_json::to_vec(stored).map_err(|error| failed(error.into()))?;
        let name = file_name(&stored.key);
        replace_file(&self.0.join("objects").join(&name), &stored.content).map_err(failed)?;
        replace_file(&self.0.join("meta").join(&name), &meta).map_err(failed)
    }

    fn remove(&self, key: &str) -> S3Result<()> {
        let name = file_name(key);
        fs::remove_file(self.0.join("meta").join(&name)).map_err(failed)?;
        fs::remove_file(self.0.join("objects").join(&name)).map_err(failed)
    }
}

fn read_bucket(folder: &Path) -> io::Result<BTreeMap<String, Stored>> {
    let mut objects = BTreeMap::new();
    for meta in fs::read_dir(folder.join("meta"))? {
        let meta = meta?;
        if meta.file_name().to_string_lossy().ends_with(TEMPORARY) {
            continue;
        }
        let mut stored: Stored = serde_json::from_slice(&fs::read(meta.path())?)?;
        stored.content = fs::read(folder.join("objects").join(meta.file_name()))?.into();
        objects.insert(stored.key.clone(), stored);
    }
    Ok(objects)
}

/// What is written to is called so until it is whole. No object's file name ends like this.
const TEMPORARY: &str = "+new";

/// Replaces a file as a whole.
pub(crate) fn replace_file(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(TEMPORARY);
    fs::write(&temporary, content)?;
    fs::rename(&temporary, path)
}

/// A file name for a key: readable when the key is short, and different for different keys.
fn file_name(key: &str) -> String {
    const LENGTH_MAX: usize = 200;
    let mut name = String::new();
    for byte in key.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => name.push(char::from(byte)),
            // Not at the beginning: `.` and `..` are no names. Capitals are written out, as some file systems take
            // them for small letters.
            b'.' if !name.is_empty() => name.push('.'),
            byte => name.push_str(&format!("%{byte:02x}")),
        }
    }
    if name.len() <= LENGTH_MAX {
        return name;
    }
    let hash: String = sha2::Sha256::digest(key)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("@{hash}")
}

/// # Errors
/// `BadDigest`: the content is not what `Content-MD5` says.
pub(super) fn check_digest(content: &[u8], md5: Option<&str>) -> S3Result<()> {
    match md5 {
        Some(given) if given != BASE64_STANDARD.encode(Md5::digest(content)) => Err(s3_error!(
            BadDigest,
            "The Content-MD5 you specified did not match what we received."
        )),
        _ => Ok(()),
    }
}

/// Checks the checksums that came with the content, and gives them.
///
/// # Errors
/// `BadDigest`: the content is not what one of them says.
pub(super) fn check_checksums(content: &[u8], given: Checksum) -> S3Result<Checksum> {
    let mut hasher = ChecksumHasher {
        crc32: given.checksum_crc32.as_ref().map(|_| Crc32::new()),
        crc32c: given.checksum_crc32c.as_ref().map(|_| Crc32c::new()),
        crc64nvme: given.checksum_crc64nvme.as_ref().map(|_| Crc64Nvme::new()),
        sha1: given.checksum_sha1.as_ref().map(|_| Sha1::new()),
        sha256: given.checksum_sha256.as_ref().map(|_| Sha256::new()),
    };
    hasher.update(content);
    let calculated = hasher.finalize();
    for (name, given, calculated) in [
        ("crc32", &given.checksum_crc32, &calculated.checksum_crc32),
        ("crc32c", &given.checksum_crc32c, &calculated.checksum_crc32c),
        ("crc64nvme", &given.checksum_crc64nvme, &calculated.checksum_crc64nvme),
        ("sha1", &given.checksum_sha1, &calculated.checksum_sha1),
        ("sha256", &given.checksum_sha256, &calculated.checksum_sha256),
    ] {
        if given != calculated {
            return Err(s3_error!(
                BadDigest,
                "The {name} you specified did not match the calculated checksum."
            ));
        }
    }
    Ok(calculated)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_make_file_names_that_stay_where_they_are() {
        for (key, name) in [
            ("a/b.json", "a%2fb.json"),
            ("..", "%2e."),
            ("../x", "%2e.%2fx"),
            ("A", "%41"),
            ("a%2fb", "a%252fb"),
            ("é", "%c3%a9"),
        ] {
            assert_eq!(file_name(key), name);
        }
        let long = file_name(&"x".repeat(1024));
        assert!(long.starts_with('@') && long.len() == 65, "{long}");
        assert_ne!(file_name(&"x".repeat(1023)), long);
    }
}
