//! Values that are kept outside of the document.

use super::{Document, Object, Text, stored_text, write};
use sha2::{Digest, Sha256};
use std::fmt;
use std::sync::Arc;

/// What kind of JSON value something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Boolean,
    /// A number.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

impl Kind {
    const ALL: [Kind; 6] = [
        Kind::Null,
        Kind::Boolean,
        Kind::Number,
        Kind::String,
        Kind::Array,
        Kind::Object,
    ];

    /// The name of the kind, in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Null => "null",
            Kind::Boolean => "boolean",
            Kind::Number => "number",
            Kind::String => "string",
            Kind::Array => "array",
            Kind::Object => "object",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// The class names that the Extended Client libraries of SQS and SNS begin a pointer with, today's first.
const POINTER_CLASSES: [&str; 2] = [
    "software.amazon.payloadoffloading.PayloadS3Pointer",
    "com.amazon.sqs.javamessaging.MessageS3Pointer",
];

/// Stands for a value that is kept in a bucket.
///
/// Our own values lie under the SHA-256 of what is stored, so the same value is stored once, and what comes back
/// can be checked. A value that somebody else has put somewhere has a place, and nothing more is known about it.
#[derive(Clone)]
pub struct Reference(Arc<Inner>);

struct Inner {
    bucket: Text,
    key: Text,
    /// The SHA-256 of the stored text, of our own values.
    digest: Option<[u8; 32]>,
    kind: Option<Kind>,
    bytes: usize,
    total_bytes: usize,
    depth: u32,
    inline_bytes: usize,
}

/// A value on its way into a bucket.
#[derive(Clone, Debug)]
pub struct Stored {
    /// What stands for it from now on.
    pub reference: Reference,
    /// What is stored: the text itself of a string, the JSON text of anything else.
    pub text: String,
}

/// What came back from a bucket is not what a reference stands for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`s3://{bucket}/{key}` {reason}")]
pub struct ReadError {
    bucket: Text,
    key: Text,
    reason: String,
}

impl Reference {
    /// A reference to this value, which is to be stored in `bucket` under `prefix` and its digest.
    ///
    /// Costs writing and hashing the whole text.
    pub fn store(document: &Document, bucket: &Text, prefix: &str) -> Stored {
        let text = match document {
            Document::String(text) => text.to_string(),
            other => stored_text::encode(other),
        };
        let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
        let key = format!("{prefix}{}", hexadecimal(&digest));
        let reference = Reference::new(Inner {
            bucket: Text::clone(bucket),
            key: key.into(),
            digest: Some(digest),
            kind: document.known_kind(),
            bytes: text.len(),
            total_bytes: document.total_bytes(),
            depth: document.depth(),
            inline_bytes: 0,
        });
        Stored { reference, text }
    }

    /// A reference to what somebody else has stored: a text, which is a string or whatever JSON value it spells.
    ///
    /// `bytes` is how long it is said to be, if that is known.
    pub fn outside(bucket: Text, key: Text, bytes: Option<usize>, is_string: bool) -> Reference {
        let bytes = bytes.unwrap_or(0);
        Reference::new(Inner {
            bucket,
            key,
            digest: None,
            kind: is_string.then_some(Kind::String),
            bytes,
            total_bytes: bytes,
            depth: 0,
            inline_bytes: 0,
        })
    }

    fn new(mut inner: Inner) -> Reference {
        inner.inline_bytes = stored_text::reference_bytes(members(&inner));
        Reference(Arc::new(inner))
    }

    /// The value, out of the text that was stored.
    ///
    /// # Errors
    /// The text is not the one that was stored, or not one that stands for a value.
    pub fn read(&self, text: &str) -> Result<Document, ReadError> {
        let error = |reason: String| ReadError {
            bucket: Text::clone(&self.0.bucket),
            key: Text::clone(&self.0.key),
            reason,
        };
        let is_as_stored = |digest: &[u8; 32]| <[u8; 32]>::from(Sha256::digest(text.as_bytes())) == *digest;
        if !self.0.digest.as_ref().is_none_or(is_as_stored) {
            return Err(error(
                "does not hold what was stored there: its checksum differs".to_owned(),
            ));
        }
        match (self.0.kind, &self.0.digest) {
            (Some(Kind::String), _) => Ok(text.into()),
            (Some(_), Some(_)) => stored_text::decode(text).map_err(|reason| error(format!("is unreadable: {reason}"))),
            // What others have stored holds no references of ours, whatever it looks like.
            _ => Ok(Document::parse(text).unwrap_or_else(|_| text.into())),
        }
    }

    /// The bucket that the value is in.
    pub fn bucket(&self) -> &Text {
        &self.0.bucket
    }

    /// The key of the value in its bucket.
    pub fn key(&self) -> &Text {
        &self.0.key
    }

    /// Whether we have stored the value ourselves, so that it can be checked.
    pub fn is_ours(&self) -> bool {
        self.0.digest.is_some()
    }

    /// Whether what is stored is the text of a string or the JSON of a value as anyone can read it: without references
    /// in it, and without what keeps data apart from them.
    pub fn is_readable(&self) -> bool {
        self.0.kind == Some(Kind::String) || self.is_ours() && self.0.bytes == self.0.total_bytes
    }

    /// What kind of value it is, if that is known without looking.
    pub fn kind(&self) -> Option<Kind> {
        self.0.kind
    }

    /// The length of the stored text in bytes; 0 if it is not known.
    pub fn bytes(&self) -> usize {
        self.0.bytes
    }

    /// The length of the JSON text of the value with everything in it that is kept outside, too.
    pub fn total_bytes(&self) -> usize {
        self.0.total_bytes
    }

    /// How deeply arrays and objects nest in the value.
    pub fn depth(&self) -> u32 {
        self.0.depth
    }

    /// How many bytes the reference counts for where it stands: those of its text where data is kept, which is longer
    /// than its pointer.
    pub fn inline_bytes(&self) -> usize {
        self.0.inline_bytes
    }

    /// The pointer that SQS's and SNS's Extended Client libraries know:
    /// `["software.amazon.payloadoffloading.PayloadS3Pointer",{"s3BucketName":"b","s3Key":"k"}]`.
    pub fn pointer(&self) -> String {
        let mut out = String::with_capacity(self.0.inline_bytes);
        self.write_pointer(&mut out);
        out
    }

    pub(super) fn write_pointer(&self, out: &mut String) {
        out.push_str("[\"");
        out.extend(POINTER_CLASSES.first().copied());
        out.push_str("\",{\"s3BucketName\":");
        write::string(&self.0.bucket, out);
        out.push_str(",\"s3Key\":");
        write::string(&self.0.key, out);
        out.push_str("}]");
    }

    /// Bucket and key of a pointer, in today's or the older form; none if the text is no pointer.
    pub fn parse_pointer(text: &str) -> Option<(Text, Text)> {
        if !text.trim_start().starts_with('[') {
            return None;
        }
        let pointer = Document::parse(text).ok()?;
        let [Document::String(class), place] = &**pointer.as_array()? else {
            return None;
        };
        if !POINTER_CLASSES.contains(&&**class) {
            return None;
        }
        let member = |name: &str| match place.get(name) {
            Some(Document::String(text)) => Some(Text::clone(text)),
            _ => None,
        };
        Some((member("s3BucketName")?, member("s3Key")?))
    }

    /// What [`stored_text`] writes for the reference.
    pub(super) fn to_members(&self) -> Object {
        members(&self.0)
    }

    pub(super) fn from_members(members: &Document) -> Option<Reference> {
        let text = |name: &str| match members.get(name) {
            Some(Document::String(text)) => Some(Text::clone(text)),
            _ => None,
        };
        let count = |name: &str| members.get(name).and_then(Document::as_i64);
        let key = text("key")?;
        let bytes = count("bytes")?.try_into().ok()?;
        // Only our own values have a depth.
        let (digest, total_bytes, depth) = match count("depth") {
            Some(depth) => {
                let digits = key.get(key.len().checked_sub(2 * size_of::<[u8; 32]>())?..)?;
                let total_bytes = count("totalBytes")?.try_into().ok()?;
                (Some(from_hexadecimal(digits)?), total_bytes, depth.try_into().ok()?)
            }
            None => (None, bytes, 0),
        };
        let kind = match text("kind") {
            Some(name) => Some(Kind::from_name(&name)?),
            None => None,
        };
        Some(Reference::new(Inner {
            bucket: text("bucket")?,
            key,
            digest,
            kind,
            bytes,
            total_bytes,
            depth,
            inline_bytes: 0,
        }))
    }
}

fn members(inner: &Inner) -> Object {
    let text = |text: &Text| Document::String(Text::clone(text));
    let count = |count: usize| Document::from(count as i64);
    let mut members = Object::new();
    members.insert("bucket", text(&inner.bucket));
    members.insert("key", text(&inner.key));
    if let Some(kind) = inner.kind {
        members.insert("kind", kind.as_str().into());
    }
    members.insert("bytes", count(inner.bytes));
    if inner.digest.is_some() {
        members.insert("totalBytes", count(inner.total_bytes));
        members.insert("depth", Document::from(i64::from(inner.depth)));
    }
    members
}

fn hexadecimal(digest: &[u8; 32]) -> String {
    let digits = digest.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

fn from_hexadecimal(digits: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> = digits
        .chars()
        .map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<_>>()?;
    let (pairs, []) = digits.as_chunks::<2>() else {
        return None;
    };
    let bytes: Vec<u8> = pairs.iter().map(|[high, low]| high << 4 | low).collect();
    bytes.try_into().ok()
}

/// By what is stored, else by its place.
impl PartialEq for Reference {
    fn eq(&self, other: &Reference) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
            || match (&self.0.digest, &other.0.digest) {
                (Some(left), Some(right)) => left == right && self.0.kind == other.0.kind,
                (None, None) => self.0.bucket == other.0.bucket && self.0.key == other.0.key,
                _ => false,
            }
    }
}

impl fmt::Debug for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Reference(s3://{}/{})", self.0.bucket, self.0.key)
    }
}
