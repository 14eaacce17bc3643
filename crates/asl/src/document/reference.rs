//! Values that are kept outside of the document.

use super::{Document, Object, Text, stored_text, write};
use sha2::{Digest, Sha256};
use std::fmt;
use std::sync::Arc;

/// What kind of JSON value something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

#[derive(Clone)]
struct Inner {
    bucket: Text,
    key: Text,
    /// The SHA-256 of the stored text, of our own values.
    digest: Option<[u8; 32]>,
    /// When the reference was made, in seconds since 1970.
    stored: Option<u64>,
    kind: Option<Kind>,
    bytes: usize,
    total_bytes: usize,
    depth: u32,
    inline_bytes: usize,
}

/// What a reference stands for: two references are the same value exactly if their identities are equal.
///
/// An own value is what its digest says, wherever it lies. An outside value is what lies at a place, so its identity
/// holds only for readers that see one version of that place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Identity {
    /// A value that this program stored.
    Own {
        /// The SHA-256 of the stored text.
        digest: [u8; 32],
        /// One text can be a string and the JSON of another value.
        kind: Option<Kind>,
    },
    /// A value that others stored, and can overwrite.
    Outside {
        /// Its bucket.
        bucket: Text,
        /// Its key.
        key: Text,
        /// [`Kind::String`] if the text itself is the value, `None` if it is parsed.
        kind: Option<Kind>,
    },
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
    is_other_text: bool,
}

impl ReadError {
    /// What is wrong with the object, to follow its place in a sentence.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Whether the text is another one than was stored; if not, it is that text but stands for no value.
    pub fn is_other_text(&self) -> bool {
        self.is_other_text
    }
}

impl Reference {
    /// A reference to this value, which is to be stored in `bucket` under `prefix` and its digest.
    ///
    /// Costs writing and hashing the whole text.
    pub fn store(document: &Document, bucket: &Text, prefix: &str) -> Stored {
        let text = match document {
            Document::String(text) => text.to_string(),
            // Without times: the same value must have the same digest on any day.
            other => stored_text::encode_undated(other),
        };
        let mut inner = stored(text.as_bytes(), bucket, prefix);
        inner.kind = document.known_kind();
        inner.total_bytes = document.total_bytes();
        inner.depth = document.depth();
        let reference = Reference::new(inner);
        Stored { reference, text }
    }

    /// Returns a reference to bytes that are to be stored as they are, for others to read: nothing reads them back.
    pub fn store_bytes(bytes: &[u8], bucket: &Text, prefix: &str) -> Reference {
        Reference::new(stored(bytes, bucket, prefix))
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
            stored: None,
            kind: is_string.then_some(Kind::String),
            bytes,
            total_bytes: bytes,
            depth: 0,
            inline_bytes: 0,
        })
    }

    fn new(mut inner: Inner) -> Reference {
        // The same with and without a time: how long a document counts must not depend on where it was read.
        inner.inline_bytes = stored_text::reference_bytes(members(&inner, inner.digest.map(|_| STORED_WIDEST)));
        Reference(Arc::new(inner))
    }

    /// The same reference with the time at which its value was stored, in seconds since 1970.
    #[must_use]
    pub fn stored_at(&self, seconds: u64) -> Reference {
        let mut inner = (*self.0).clone();
        inner.stored = Some(seconds.min(STORED_WIDEST));
        Reference(Arc::new(inner))
    }

    /// When the value was stored or found to be stored, in seconds since 1970. Only own values know it, and not those
    /// whose references lie inside of other stored values.
    pub fn stored(&self) -> Option<u64> {
        self.0.stored
    }

    /// What the reference stands for.
    pub fn identity(&self) -> Identity {
        let kind = self.0.kind;
        match self.0.digest {
            Some(digest) => Identity::Own { digest, kind },
            None => Identity::Outside {
                bucket: Text::clone(&self.0.bucket),
                key: Text::clone(&self.0.key),
                kind,
            },
        }
    }

    /// The SHA-256 of the stored text, if this program stored it.
    pub fn digest(&self) -> Option<&[u8; 32]> {
        self.0.digest.as_ref()
    }

    /// The value, out of the text that was stored.
    ///
    /// # Errors
    /// The text is not the one that was stored, or not one that stands for a value.
    pub fn read(&self, text: &str) -> Result<Document, ReadError> {
        let error = |reason: String, is_other_text| ReadError {
            bucket: Text::clone(&self.0.bucket),
            key: Text::clone(&self.0.key),
            reason,
            is_other_text,
        };
        let is_as_stored = |digest: &[u8; 32]| <[u8; 32]>::from(Sha256::digest(text.as_bytes())) == *digest;
        if !self.0.digest.as_ref().is_none_or(is_as_stored) {
            return Err(error(
                "does not hold what was stored there: its checksum differs".to_owned(),
                true,
            ));
        }
        match (self.0.kind, &self.0.digest) {
            (Some(Kind::String), _) => Ok(text.into()),
            (Some(_), Some(_)) => {
                stored_text::decode(text).map_err(|reason| error(format!("is unreadable: {reason}"), false))
            }
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

    /// What [`stored_text`] writes for the reference, with or without the time at which it was stored.
    pub(super) fn to_members(&self, is_dated: bool) -> Object {
        members(&self.0, self.0.stored.filter(|_| is_dated))
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
            stored: count("stored").and_then(|seconds| seconds.try_into().ok()),
            kind,
            bytes,
            total_bytes,
            depth,
            inline_bytes: 0,
        }))
    }
}

fn stored(bytes: &[u8], bucket: &Text, prefix: &str) -> Inner {
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    Inner {
        bucket: Text::clone(bucket),
        key: format!("{prefix}{}", hexadecimal(&digest)).into(),
        digest: Some(digest),
        stored: None,
        kind: Some(Kind::String),
        bytes: bytes.len(),
        total_bytes: bytes.len(),
        depth: 0,
        inline_bytes: 0,
    }
}

/// The longest time that is written.
const STORED_WIDEST: u64 = 9_999_999_999;

fn members(inner: &Inner, stored: Option<u64>) -> Object {
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
    if let Some(seconds) = stored {
        members.insert("stored", Document::from(seconds as i64));
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

/// By what they stand for, see [`Identity`].
impl PartialEq for Reference {
    fn eq(&self, other: &Reference) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.identity() == other.identity()
    }
}

impl fmt::Debug for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Reference(s3://{}/{})", self.0.bucket, self.0.key)
    }
}
