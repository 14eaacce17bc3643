//! Large values in S3.
//!
//! A value lies under `<prefix>/<SHA-256 of its text>`. It is written only if nothing is there yet, so storing it
//! again uploads nothing twice; and what comes back is checked against its key.

mod cache;
mod tasks;

pub use tasks::LargePayloadTasks;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation};
use aws_sdk_s3::error::DisplayErrorContext;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use cache::Cache;
use expressway_asl::Document;
use expressway_asl::document::{Kind, Reference, Stored, Text};
use expressway_engine::{Fault, PayloadFuture, PayloadStore, resolve};
use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::Semaphore;

/// How long S3 may take to begin an answer.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// How long one attempt to move an object may take.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(60);

/// How often a request is made before the bucket counts as unavailable.
const ATTEMPTS_MAX: u32 = 4;

/// How many objects are moved at once.
const TRANSFERS_MAX: usize = 32;

/// The largest object that is loaded for somebody else's pointer, whose size is not known beforehand: what fits into
/// memory beside everything else, and many times what a queue takes.
const FOREIGN_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The largest value that is put together of others for one URL, in bytes of JSON text.
const LINKED_BYTES_MAX: usize = 64 * 1024 * 1024;

/// How much of what was stored or loaded is kept at hand when nothing else is asked for, in bytes of text.
pub const CACHE_BYTES_DEFAULT: usize = 32 * 1024 * 1024;

/// Where large values go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayloadOptions {
    /// The bucket.
    pub bucket: String,
    /// What keys begin with, without a slash at its end; may be empty.
    pub prefix: String,
    /// How much of what was stored or loaded is kept at hand, in bytes of text.
    pub cache_bytes: usize,
    /// The buckets besides this one that pointers from outside may lead to.
    pub allowed_buckets: Vec<String>,
}

impl PayloadOptions {
    /// This bucket, and defaults.
    pub fn new(bucket: impl Into<String>) -> PayloadOptions {
        PayloadOptions {
            bucket: bucket.into(),
            prefix: "payloads".to_owned(),
            cache_bytes: CACHE_BYTES_DEFAULT,
            allowed_buckets: Vec::new(),
        }
    }
}

/// Keeps large values in a bucket.
pub struct S3Payloads {
    client: Client,
    bucket: Text,
    /// With a slash at its end, unless it is empty.
    prefix: String,
    allowed_buckets: Vec<String>,
    cache: Mutex<Cache>,
    /// Values that are being loaded: who wants one of them waits instead of loading it, too.
    loading: Mutex<HashMap<Place, Weak<tokio::sync::Mutex<()>>>>,
    transfers: Semaphore,
}

/// A bucket and a key.
type Place = (Text, Text);

impl fmt::Debug for S3Payloads {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "S3Payloads(s3://{}/{})", self.bucket, self.prefix)
    }
}

/// A pointer leads to a bucket that nobody has allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the message points to an object in the bucket `{bucket}`, which is not among the allowed ones")]
pub struct ForeignBucket {
    /// The bucket.
    pub bucket: Text,
}

impl S3Payloads {
    /// A store that makes its requests with this configuration.
    pub fn new(config: &SdkConfig, options: PayloadOptions) -> S3Payloads {
        let prefix = options.prefix.trim_matches('/');
        S3Payloads {
            client: client(config),
            bucket: options.bucket.into(),
            prefix: match prefix {
                "" => String::new(),
                prefix => format!("{prefix}/"),
            },
            allowed_buckets: options.allowed_buckets,
            cache: Mutex::new(Cache::new(options.cache_bytes)),
            loading: Mutex::default(),
            transfers: Semaphore::new(TRANSFERS_MAX),
        }
    }

    /// The value that a pointer of somebody else stands for: the text that lies there, as a string or as the JSON that
    /// it spells. `bytes` is how long it is said to be.
    ///
    /// # Errors
    /// The bucket is neither our own nor one that is allowed.
    pub fn outside(
        &self,
        (bucket, key): Place,
        bytes: Option<usize>,
        is_string: bool,
    ) -> Result<Reference, ForeignBucket> {
        match *bucket == *self.bucket || self.allowed_buckets.iter().any(|allowed| **allowed == *bucket) {
            true => Ok(Reference::outside(bucket, key, bytes, is_string)),
            false => Err(ForeignBucket { bucket }),
        }
    }

    /// A URL under which whoever has it can download a value, for this long: a string as its text, anything else as
    /// JSON. None if the value is larger than what can be put together here.
    ///
    /// # Errors
    /// The value can not be put together or stored, or there are no credentials to sign the URL with.
    pub async fn link(&self, value: &Document, valid: Duration) -> Result<Option<String>, Fault> {
        if let Document::Reference(reference) = value
            && reference.is_readable()
        {
            return self.presigned(reference, reference.kind(), valid).await.map(Some);
        }
        if value.total_bytes() > LINKED_BYTES_MAX {
            return Ok(None);
        }
        let whole = resolve(self, value.clone(), usize::MAX).await?;
        let kind = whole.known_kind();
        let text = match &whole {
            Document::String(text) => text.to_string(),
            other => other.to_json(),
        };
        let reference = self.put_text(&text).await?;
        self.presigned(&reference, kind, valid).await.map(Some)
    }

    async fn presigned(&self, reference: &Reference, kind: Option<Kind>, valid: Duration) -> Result<String, Fault> {
        let config = PresigningConfig::expires_in(valid).map_err(|error| fault("sign a URL for", reference, error))?;
        let request = self
            .client
            .get_object()
            .bucket(&**reference.bucket())
            .key(&**reference.key())
            .response_content_type(content_type(kind));
        let presigned = request.presigned(config).await;
        match presigned {
            Ok(request) => Ok(request.uri().to_owned()),
            Err(error) => Err(fault("sign a URL for", reference, error)),
        }
    }

    /// Stores a text as it is, for somebody else to read; gives the reference to it.
    ///
    /// # Errors
    /// It can not be stored.
    pub async fn put_text(&self, text: &str) -> Result<Reference, Fault> {
        let stored = self.prepare(&text.into());
        let reference = stored.reference.clone();
        self.upload(&stored.reference, stored.text).await?;
        Ok(reference)
    }

    async fn upload(&self, reference: &Reference, text: String) -> Result<(), Fault> {
        /// S3 says this when two writers meet at one key.
        const CONFLICT: u16 = 409;
        const EXISTS: u16 = 412;
        let _permit = self.transfers.acquire().await;
        // A share of the text for each attempt, not a copy.
        let body = aws_sdk_s3::primitives::SdkBody::from(text.into_bytes());
        let mut conflicts = 0;
        loop {
            let body = body
                .try_clone()
                .ok_or_else(|| Fault::Bug("the body of an object can not be sent again".into()))?;
            let put = self
                .client
                .put_object()
                .bucket(&**reference.bucket())
                .key(&**reference.key())
                .content_type(content_type(reference.kind()))
                .if_none_match("*")
                .body(ByteStream::new(body));
            match put.send().await {
                Ok(_) => return Ok(()),
                Err(error) => match status(&error) {
                    // The same text is there already: its key says so.
                    Some(EXISTS) => return Ok(()),
                    Some(CONFLICT) if conflicts < ATTEMPTS_MAX => conflicts += 1,
                    _ => return Err(fault("store", reference, error)),
                },
            }
        }
    }

    async fn download(&self, reference: &Reference) -> Result<Document, Fault> {
        let _permit = self.transfers.acquire().await;
        let get = self
            .client
            .get_object()
            .bucket(&**reference.bucket())
            .key(&**reference.key());
        let mut object = get.send().await.map_err(|error| fault("load", reference, error))?;
        let bytes_max = match reference.is_ours() {
            true => reference.bytes(),
            false => FOREIGN_BYTES_MAX,
        };
        let too_long = || fault("load", reference, TooLong { bytes_max });
        let mut text = Vec::new();
        if let Some(length) = object.content_length().and_then(|length| usize::try_from(length).ok()) {
            if length > bytes_max {
                return Err(too_long());
            }
            text.reserve_exact(length);
        }
        while let Some(chunk) = object.body.next().await {
            let chunk = chunk.map_err(|error| fault("load", reference, error))?;
            if text.len() + chunk.len() > bytes_max {
                return Err(too_long());
            }
            text.extend_from_slice(&chunk);
        }
        let text = String::from_utf8(text).map_err(|error| fault("load", reference, error.utf8_error()))?;
        reference.read(&text).map_err(|error| fault("load", reference, error))
    }

    fn remember(&self, reference: &Reference, value: &Document) {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.insert(
            place(reference),
            value.clone(),
            reference.bytes().max(value.json_bytes()),
        );
    }
}

impl PayloadStore for S3Payloads {
    fn prepare(&self, document: &Document) -> Stored {
        Reference::store(document, &self.bucket, &self.prefix)
    }

    fn put(&self, stored: Stored, value: Document) -> PayloadFuture<'_, ()> {
        Box::pin(async move {
            // What is at hand has been stored or loaded before.
            if self.cached(&stored.reference).is_none() {
                self.upload(&stored.reference, stored.text).await?;
                self.remember(&stored.reference, &value);
            }
            Ok(())
        })
    }

    fn get<'a>(&'a self, reference: &'a Reference) -> PayloadFuture<'a, Document> {
        Box::pin(async move {
            let loading = {
                let mut loading = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
                loading.retain(|_, others| others.strong_count() > 0);
                let known = loading.get(&place(reference)).and_then(Weak::upgrade);
                known.unwrap_or_else(|| {
                    let new = Arc::default();
                    loading.insert(place(reference), Arc::downgrade(&new));
                    new
                })
            };
            let _turn = loading.lock().await;
            if let Some(value) = self.cached(reference) {
                return Ok(value);
            }
            let value = self.download(reference).await?;
            self.remember(reference, &value);
            Ok(value)
        })
    }

    fn cached(&self, reference: &Reference) -> Option<Document> {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let value = cache.get(&place(reference))?;
        // One text can be a string and the JSON of another value.
        let is_right = reference.kind().is_none() || reference.kind() == value.known_kind();
        is_right.then_some(value)
    }
}

/// Loads the text of an object, such as a definition; the latest version if none is named.
///
/// # Errors
/// It is not there, may not be read, is larger than `bytes_max`, or no text.
pub async fn load_text(
    config: &SdkConfig,
    bucket: &str,
    key: &str,
    version: Option<&str>,
    bytes_max: usize,
) -> Result<String, String> {
    let get = client(config)
        .get_object()
        .bucket(bucket)
        .key(key)
        .set_version_id(version.map(str::to_owned));
    let mut object = get
        .send()
        .await
        .map_err(|error| DisplayErrorContext(error).to_string())?;
    let mut text = Vec::new();
    while let Some(chunk) = object.body.next().await {
        let chunk = chunk.map_err(|error| DisplayErrorContext(error).to_string())?;
        if text.len() + chunk.len() > bytes_max {
            return Err(TooLong { bytes_max }.to_string());
        }
        text.extend_from_slice(&chunk);
    }
    String::from_utf8(text).map_err(|error| error.to_string())
}

fn client(config: &SdkConfig) -> Client {
    let mut timeouts = TimeoutConfig::builder()
        .read_timeout(READ_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT);
    timeouts.set_connect_timeout(config.timeout_config().and_then(TimeoutConfig::connect_timeout));
    let mut builder = aws_sdk_s3::config::Builder::from(config)
        .timeout_config(timeouts.build())
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS_MAX))
        // The signature covers the digest of what goes out, and keys are digests of what comes back.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    // Servers that stand in for S3 are reached by one name for all buckets.
    let has_endpoint = config.endpoint_url().is_some()
        || ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"]
            .iter()
            .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
    if has_endpoint {
        builder = builder.force_path_style(true);
    }
    Client::from_conf(builder.build())
}

#[derive(Debug, thiserror::Error)]
#[error("the object has more than {bytes_max} bytes")]
struct TooLong {
    bytes_max: usize,
}

fn place(reference: &Reference) -> Place {
    (Text::clone(reference.bucket()), Text::clone(reference.key()))
}

fn content_type(kind: Option<Kind>) -> &'static str {
    match kind {
        Some(Kind::String) | None => "text/plain; charset=utf-8",
        Some(_) => "application/json",
    }
}

fn status<E>(error: &SdkError<E, HttpResponse>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}

fn fault(what: &str, reference: &Reference, error: impl Error) -> Fault {
    let (bucket, key) = (reference.bucket(), reference.key());
    let error = DisplayErrorContext(error);
    Fault::Store(format!("can not {what} `s3://{bucket}/{key}`: {error}").into())
}
