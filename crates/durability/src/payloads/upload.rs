//! Writing objects, and keeping them from expiring.

use super::cache::Slot;
use super::error::{CHANGED, fault, gone, status, unavailable, unread};
use super::{ATTEMPTS_MAX, Presentation, S3Payloads, lock};
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumMode, MetadataDirective};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use expressway_asl::Document;
use expressway_asl::document::{Kind, Reference};
use expressway_asl::resolve::map_references;
use expressway_engine::{Fault, PayloadStore};
use futures_util::{StreamExt, TryStreamExt, stream};
use std::collections::HashSet;
use std::time::{Duration, SystemTime};

/// How old an object may be without being renewed when it is needed again.
///
/// With a lifecycle rule of a day more than outcomes are remembered: a value may be this old when it is stored again,
/// is on record for this long until a run that takes over renews it, and each of the runs takes 15 minutes.
pub(super) const RENEWED_AFTER: Duration = Duration::from_secs(6 * 3600);

/// How many objects are renewed at once.
const RENEWALS_MAX: usize = 8;

/// S3 says this when two writers meet at one key.
const CONFLICT: u16 = 409;

/// S3 says this when a condition of a request does not hold.
const PRECONDITION_FAILED: u16 = 412;

const NOT_FOUND: u16 = 404;

/// What lies where an own value is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Value {
        /// When the object was last written.
        modified: SystemTime,
    },
    Nothing,
}

impl S3Payloads {
    /// Makes sure that the values to which the document refers, and those to which they refer, stay in the bucket for
    /// as long as if they were stored now. Objects of others are left alone.
    ///
    /// For a run that takes over what an earlier one recorded. References of the last six hours cost nothing, older
    /// ones a HEAD request each and, if their objects are that old, a copy in place; values with references in them are
    /// loaded, too.
    ///
    /// # Errors
    /// [`Fault::Payload`]: a value is gone, or is not what was stored. [`Fault::Store`]: S3 cannot be reached.
    pub async fn renew(&self, document: &Document) -> Result<(), Fault> {
        let mut seen = HashSet::new();
        let mut waiting = Vec::new();
        let mut find = |document: &Document, waiting: &mut Vec<Reference>| {
            map_references(document, &mut |reference| {
                if reference.is_ours() && !self.is_dated_recently(reference) && seen.insert(reference.identity()) {
                    waiting.push(reference.clone());
                }
                Document::Null
            });
        };
        find(document, &mut waiting);
        while !waiting.is_empty() {
            let renewals = stream::iter(std::mem::take(&mut waiting)).map(|reference| async move {
                self.renew_one(&reference).await?;
                match reference.is_readable() {
                    true => Ok(Document::Null),
                    false => self.get(&reference).await,
                }
            });
            let inside: Vec<Document> = renewals.buffer_unordered(RENEWALS_MAX).try_collect().await?;
            inside.iter().for_each(|document| find(document, &mut waiting));
        }
        Ok(())
    }

    fn is_dated_recently(&self, reference: &Reference) -> bool {
        let stored = reference.stored().map(Duration::from_secs);
        stored.is_some_and(|stored| self.is_recent(SystemTime::UNIX_EPOCH + stored))
    }

    pub(super) fn is_recent(&self, modified: SystemTime) -> bool {
        // The time of S3's answer may be ahead of this machine's.
        let age = (self.now)().duration_since(modified).unwrap_or_default();
        age < RENEWED_AFTER
    }

    /// Whether an own value is known to be in the bucket for long enough.
    pub(super) fn is_kept(&self, reference: &Reference) -> bool {
        let modified = lock(&self.cache).modified(&Slot::own(reference));
        modified.is_some_and(|modified| self.is_recent(modified))
    }

    /// Checks that an own object is there and holds what was stored, and renews it if it is old.
    pub(super) async fn renew_one(&self, reference: &Reference) -> Result<(), Fault> {
        if self.is_kept(reference) {
            return Ok(());
        }
        let _permit = self.transfers.acquire().await;
        match self.check(reference).await? {
            Found::Value { modified } => {
                lock(&self.cache).renewed(&Slot::own(reference), modified);
                Ok(())
            }
            Found::Nothing => Err(gone(reference)),
        }
    }

    /// Stores bytes under their digest, or renews them if they are there; returns when the object was last written.
    pub(super) async fn upload(
        &self,
        reference: &Reference,
        bytes: Vec<u8>,
        content_type: &str,
    ) -> Result<SystemTime, Fault> {
        let _permit = self.transfers.acquire().await;
        // A share of the bytes for each attempt, not a copy.
        let body = SdkBody::from(bytes);
        let mut attempts = 1;
        loop {
            let body = body
                .try_clone()
                .ok_or_else(|| Fault::Bug("the body of an object cannot be sent again".into()))?;
            let put = self
                .client
                .put_object()
                .bucket(&**reference.bucket())
                .key(&**reference.key())
                .content_type(content_type)
                .set_checksum_sha256(checksum(reference))
                .if_none_match("*")
                .body(ByteStream::new(body));
            let Err(error) = put.send().await else {
                return Ok((self.now)());
            };
            match status(&error) {
                Some(PRECONDITION_FAILED) => {
                    if let Found::Value { modified } = self.check(reference).await? {
                        return Ok(modified);
                    }
                    // It was deleted in between.
                }
                Some(CONFLICT) => {}
                _ => return Err(unavailable("store", reference, error)),
            }
            if attempts == ATTEMPTS_MAX {
                return Err(unavailable("store", reference, error));
            }
            attempts += 1;
        }
    }

    /// Compares an object with what was stored there, and renews it if it is old.
    async fn check(&self, reference: &Reference) -> Result<Found, Fault> {
        for _ in 0..ATTEMPTS_MAX {
            let head = self
                .client
                .head_object()
                .bucket(&**reference.bucket())
                .key(&**reference.key())
                .checksum_mode(ChecksumMode::Enabled);
            let head = match head.send().await {
                Ok(head) => head,
                Err(error) if status(&error) == Some(NOT_FOUND) => return Ok(Found::Nothing),
                Err(error) => return Err(unread("look at", reference, error)),
            };
            self.compare(reference, &head).await?;
            let modified = head.last_modified().and_then(|time| SystemTime::try_from(*time).ok());
            if let Some(modified) = modified.filter(|modified| self.is_recent(*modified)) {
                return Ok(Found::Value { modified });
            }
            if let Some(found) = self.copy(reference, &head).await? {
                return Ok(found);
            }
        }
        let problem = "others keep writing to it, no program but this one may".to_owned();
        Err(unavailable("renew", reference, std::io::Error::other(problem)))
    }

    async fn compare(&self, reference: &Reference, head: &HeadObjectOutput) -> Result<(), Fault> {
        let other = |reason: String| Err(fault(CHANGED, reference, reason));
        let bytes = head.content_length().unwrap_or_default();
        if usize::try_from(bytes) != Ok(reference.bytes()) {
            let expected = reference.bytes();
            return other(format!(
                "does not hold what was stored there: {bytes} bytes instead of {expected}"
            ));
        }
        match head.checksum_sha256() {
            // A checksum of parts, which has their number at its end, says nothing of the whole.
            Some(checksum) if !checksum.contains('-') => match Some(checksum) == self::checksum(reference).as_deref() {
                true => Ok(()),
                false => other("does not hold what was stored there: its checksum differs".to_owned()),
            },
            // The store keeps no such checksums, or the object was stored without one.
            _ => self.compare_content(reference).await,
        }
    }

    /// Copies an object onto itself, which sets the time that lifecycle rules count from; `None` if it was written since
    /// it was looked at.
    async fn copy(&self, reference: &Reference, head: &HeadObjectOutput) -> Result<Option<Found>, Fault> {
        let key = percent_encoded(reference.key());
        let source = match &**reference.bucket() {
            access_point if access_point.starts_with("arn:") => format!("{access_point}/object/{key}"),
            bucket => format!("{bucket}/{key}"),
        };
        let copy = self
            .client
            .copy_object()
            .bucket(&**reference.bucket())
            .key(&**reference.key())
            .copy_source(source)
            .set_copy_source_if_match(head.e_tag().map(str::to_owned))
            // S3 refuses to copy an object onto itself if nothing about it is said anew.
            .metadata_directive(MetadataDirective::Replace)
            .content_type(head.content_type().unwrap_or(content_type(reference.kind())))
            .checksum_algorithm(ChecksumAlgorithm::Sha256);
        match copy.send().await {
            Ok(_) => Ok(Some(Found::Value { modified: (self.now)() })),
            Err(error) => match status(&error) {
                Some(NOT_FOUND) => Ok(Some(Found::Nothing)),
                Some(CONFLICT | PRECONDITION_FAILED) => Ok(None),
                _ => Err(unread("renew", reference, error)),
            },
        }
    }

    /// Signs a URL from which an object can be downloaded.
    pub(super) async fn presigned(
        &self,
        reference: &Reference,
        presentation: &Presentation,
        valid: Duration,
    ) -> Result<String, Fault> {
        let config =
            PresigningConfig::expires_in(valid).map_err(|error| unavailable("sign a URL for", reference, error))?;
        let content_type_default = || content_type(reference.kind()).to_owned();
        let presentation = presentation.clone();
        let request = self
            .client
            .get_object()
            .bucket(&**reference.bucket())
            .key(&**reference.key())
            .response_content_type(presentation.content_type.unwrap_or_else(content_type_default))
            .set_response_content_disposition(presentation.content_disposition)
            .set_response_content_encoding(presentation.content_encoding)
            .set_response_content_language(presentation.content_language)
            .set_response_cache_control(presentation.cache_control);
        match request.presigned(config).await {
            Ok(request) => Ok(request.uri().to_owned()),
            Err(error) => Err(unavailable("sign a URL for", reference, error)),
        }
    }
}

pub(super) fn content_type(kind: Option<Kind>) -> &'static str {
    match kind {
        Some(Kind::String) | None => "text/plain; charset=utf-8",
        Some(_) => "application/json",
    }
}

/// The SHA-256 of an own value as S3 writes it.
fn checksum(reference: &Reference) -> Option<String> {
    reference.digest().map(|digest| STANDARD.encode(digest))
}

/// A key as a header takes it.
fn percent_encoded(key: &str) -> String {
    let mut encoded = String::with_capacity(key.len());
    for byte in key.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => encoded.push(byte.into()),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}
