//! Reading objects.

use super::error::{CHANGED, TOO_LARGE, UNREADABLE, fault, status, unavailable, unread};
use super::{ATTEMPTS_MAX, S3Payloads};
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use expressway_asl::Document;
use expressway_asl::document::{Kind, Reference, parsed_bytes};
use expressway_engine::Fault;
use sha2::{Digest, Sha256};
use std::error::Error;
use std::time::SystemTime;

/// What tells one content of an object from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Version {
    ETag(String),
    /// The SHA-256 of the content, where the store gives no tags.
    Content([u8; 32]),
}

/// A value that was loaded.
pub(super) struct Loaded {
    pub(super) value: Document,
    pub(super) version: Version,
    /// When the object was last written, if S3 said so.
    pub(super) modified: Option<SystemTime>,
    /// How much memory the value takes, at most.
    pub(super) bytes: usize,
}

/// Why the content of an object did not arrive.
enum Broken {
    /// The connection ended before the object did.
    Cut(Box<dyn Error + Send + Sync>),
    Fault(Fault),
}

impl S3Payloads {
    /// Loads a value; of an outside object the pinned version, if there is one.
    pub(super) async fn download(&self, reference: &Reference, pinned: Option<&Version>) -> Result<Loaded, Fault> {
        let _permit = self.transfers.acquire().await;
        let mut attempts = 1;
        let (bytes, version, modified) = loop {
            match self.fetch(reference, pinned).await {
                Ok(fetched) => break fetched,
                Err(Broken::Cut(_)) if attempts < ATTEMPTS_MAX => attempts += 1,
                Err(Broken::Cut(error)) => return Err(unavailable("load", reference, &*error)),
                Err(Broken::Fault(fault)) => return Err(fault),
            }
        };
        let version = version.unwrap_or_else(|| Version::Content(Sha256::digest(&bytes).into()));
        if pinned.is_some_and(|pinned| *pinned != version) {
            return Err(overwritten(reference));
        }
        let text = String::from_utf8(bytes).map_err(|error| {
            // What was stored is text.
            let name = if reference.is_ours() { CHANGED } else { UNREADABLE };
            fault(name, reference, format_args!("holds no text in UTF-8: {error}"))
        })?;
        let bytes = memory_bytes(reference, &text);
        let bytes_max = self.options.parsed_bytes_max;
        if !reference.is_ours() && bytes > bytes_max {
            let reason = format!("holds a value that takes {bytes} bytes of memory, at most {bytes_max} are allowed");
            return Err(fault(TOO_LARGE, reference, reason));
        }
        let value = reference.read(&text).map_err(|error| {
            let name = if error.is_other_text() { CHANGED } else { UNREADABLE };
            fault(name, reference, error.reason())
        })?;
        Ok(Loaded {
            value,
            version,
            modified,
            bytes,
        })
    }

    /// Compares the whole content of an own object with its digest.
    pub(super) async fn compare_content(&self, reference: &Reference) -> Result<(), Fault> {
        let content = match self.fetch(reference, None).await {
            Ok((content, ..)) => content,
            Err(Broken::Cut(error)) => return Err(unavailable("load", reference, &*error)),
            Err(Broken::Fault(fault)) => return Err(fault),
        };
        let digest: [u8; 32] = Sha256::digest(&content).into();
        match reference.digest() == Some(&digest) {
            true => Ok(()),
            false => Err(fault(
                CHANGED,
                reference,
                "does not hold what was stored there: its checksum differs",
            )),
        }
    }

    async fn fetch(
        &self,
        reference: &Reference,
        pinned: Option<&Version>,
    ) -> Result<(Vec<u8>, Option<Version>, Option<SystemTime>), Broken> {
        const PRECONDITION_FAILED: u16 = 412;
        let get = self
            .client
            .get_object()
            .bucket(&**reference.bucket())
            .key(&**reference.key())
            .set_if_match(match pinned {
                Some(Version::ETag(tag)) => Some(tag.clone()),
                _ => None,
            });
        let object = get.send().await.map_err(|error| {
            Broken::Fault(match status(&error) {
                Some(PRECONDITION_FAILED) => overwritten(reference),
                _ => unread("load", reference, error),
            })
        })?;
        let version = object.e_tag().map(|tag| Version::ETag(tag.to_owned()));
        let modified = object.last_modified().and_then(|time| SystemTime::try_from(*time).ok());
        let content = self.content(reference, object).await?;
        Ok((content, version, modified))
    }

    async fn content(&self, reference: &Reference, mut object: GetObjectOutput) -> Result<Vec<u8>, Broken> {
        let bytes_max = match reference.is_ours() {
            true => reference.bytes(),
            false => self.options.outside_bytes_max,
        };
        let too_long = || {
            Broken::Fault(match reference.is_ours() {
                true => fault(CHANGED, reference, format_args!("has more than its {bytes_max} bytes")),
                false => fault(
                    TOO_LARGE,
                    reference,
                    format_args!("has more than the {bytes_max} bytes that the function's memory allows"),
                ),
            })
        };
        let length = object.content_length().and_then(|length| usize::try_from(length).ok());
        if length.is_some_and(|length| length > bytes_max) {
            return Err(too_long());
        }
        let mut content = Vec::new();
        content.reserve_exact(length.unwrap_or_default());
        while let Some(chunk) = object.body.next().await {
            let chunk = chunk.map_err(|error| Broken::Cut(error.into()))?;
            if content.len() + chunk.len() > bytes_max {
                return Err(too_long());
            }
            content.extend_from_slice(&chunk);
        }
        match length {
            Some(length) if content.len() < length => Err(Broken::Cut("the object ended early".into())),
            _ => Ok(content),
        }
    }
}

/// How much memory the value of a stored text takes, at most.
pub(super) fn memory_bytes(reference: &Reference, text: &str) -> usize {
    match reference.kind() {
        Some(Kind::String) => text.len(),
        _ => parsed_bytes(text.as_bytes()),
    }
}

fn overwritten(reference: &Reference) -> Fault {
    fault(
        CHANGED,
        reference,
        "was overwritten after the execution first read it; senders must give each message an object of its own",
    )
}
