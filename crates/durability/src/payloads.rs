//! Large values in S3.
//!
//! A value lies under `<prefix>/<SHA-256 of its text>`. It is written only if nothing is there yet; what is there is
//! compared with it, and renewed if it is old, so that a lifecycle rule deletes nothing that was stored again. What comes
//! back is checked against its key.
//!
//! Objects of others, to which pointers in messages lead, can be overwritten at any time. What one execution read of
//! them stays with that execution: see [`PayloadStore::for_execution`].

mod allowed;
mod cache;
mod download;
mod error;
mod execution;
mod tasks;
mod upload;

pub use allowed::ForeignBucket;
pub use error::{CHANGED, MISSING, TOO_LARGE, UNREADABLE};
pub use tasks::LargePayloadTasks;

use allowed::Area;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation};
use aws_sdk_s3::error::DisplayErrorContext;
use cache::{Cache, Slot};
use execution::ExecutionPayloads;
use expressway_asl::Document;
use expressway_asl::document::{Reference, Stored, Text};
use expressway_engine::{Fault, PayloadFuture, PayloadStore, resolve};
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, SystemTime};
use tokio::sync::Semaphore;

/// How long S3 may take to begin an answer.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// How long one attempt to move an object may take.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(60);

/// How long an attempt to load a text may take that a start waits for: two of them fit into the ten seconds that
/// Lambda gives a function to start.
const TEXT_ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);

/// How often a request is made before the bucket counts as unavailable.
const ATTEMPTS_MAX: u32 = 4;

/// How many objects are moved at once.
const TRANSFERS_MAX: usize = 32;

/// How much of what was stored or loaded is kept at hand when nothing else is asked for, in bytes of memory.
pub const CACHE_BYTES_DEFAULT: usize = 32 * MIB;

const MIB: usize = 1024 * 1024;

/// Where large values go, and how much memory they may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayloadOptions {
    /// The bucket.
    pub bucket: String,
    /// What keys begin with, without a slash at its end; may be empty.
    pub prefix: String,
    /// How much of what was stored or loaded is kept at hand, in bytes of memory.
    pub cache_bytes: usize,
    /// Where pointers from outside may lead besides the prefix in this bucket: `bucket`, or `bucket/prefix` for keys
    /// below whole path segments.
    pub allowed_buckets: Vec<String>,
    /// The largest object that is loaded for a pointer of others, in bytes.
    pub outside_bytes_max: usize,
    /// The most memory that the value in such an object may take once it is parsed, in bytes: small values take up to
    /// 80 times their JSON text.
    pub parsed_bytes_max: usize,
    /// The largest value that is put together of others for one URL, in bytes of JSON text.
    pub linked_bytes_max: usize,
}

impl PayloadOptions {
    /// This bucket, and defaults.
    pub fn new(bucket: impl Into<String>) -> PayloadOptions {
        PayloadOptions {
            bucket: bucket.into(),
            prefix: "payloads".to_owned(),
            cache_bytes: CACHE_BYTES_DEFAULT,
            allowed_buckets: Vec::new(),
            outside_bytes_max: 64 * MIB,
            parsed_bytes_max: 256 * MIB,
            linked_bytes_max: 64 * MIB,
        }
    }

    /// The same with bounds for a process that has this many bytes of memory, never above the defaults: a sixteenth for
    /// what is kept at hand, an eighth for an object of others and for a value that is put together, a quarter for a
    /// parsed value.
    #[must_use]
    pub fn for_memory(self, bytes: usize) -> PayloadOptions {
        let defaults = PayloadOptions::new("");
        PayloadOptions {
            cache_bytes: defaults.cache_bytes.min(bytes / 16),
            outside_bytes_max: defaults.outside_bytes_max.min(bytes / 8),
            parsed_bytes_max: defaults.parsed_bytes_max.min(bytes / 4),
            linked_bytes_max: defaults.linked_bytes_max.min(bytes / 8),
            ..self
        }
    }
}

/// How a download presents itself, besides its bytes: values of the headers of the same name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Presentation {
    /// By the kind of the value if there is none.
    pub content_type: Option<String>,
    /// `content-disposition`
    pub content_disposition: Option<String>,
    /// `content-encoding`
    pub content_encoding: Option<String>,
    /// `content-language`
    pub content_language: Option<String>,
    /// `cache-control`
    pub cache_control: Option<String>,
}

/// Keeps large values in a bucket.
pub struct S3Payloads {
    client: Client,
    bucket: Text,
    options: PayloadOptions,
    /// Where pointers may lead, the own prefix first.
    allowed: Vec<Area>,
    cache: Mutex<Cache>,
    /// Values that are being loaded: who wants one of them waits instead of loading it, too.
    loading: Mutex<HashMap<Slot, Weak<tokio::sync::Mutex<()>>>>,
    transfers: Semaphore,
    /// How many executions have been given a view of their own.
    executions: AtomicU64,
    /// Tells the time. No clock of an invocation: those stand still between invocations.
    now: Box<dyn Fn() -> SystemTime + Send + Sync>,
}

impl fmt::Debug for S3Payloads {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "S3Payloads(s3://{}/{})", self.bucket, self.prefix())
    }
}

impl S3Payloads {
    /// A store that makes its requests with this configuration.
    pub fn new(config: &SdkConfig, options: PayloadOptions) -> S3Payloads {
        let own = Area::new(&options.bucket, &options.prefix);
        let others = options.allowed_buckets.iter().map(|entry| Area::parse(entry));
        S3Payloads {
            client: client(config, READ_TIMEOUT, ATTEMPT_TIMEOUT),
            bucket: options.bucket.as_str().into(),
            allowed: std::iter::once(own).chain(others).collect(),
            cache: Mutex::new(Cache::new(options.cache_bytes)),
            options,
            loading: Mutex::default(),
            transfers: Semaphore::new(TRANSFERS_MAX),
            executions: AtomicU64::new(0),
            now: Box::new(SystemTime::now),
        }
    }

    /// The same store with another clock, which decides when values are renewed.
    #[must_use]
    pub fn with_clock(mut self, now: impl Fn() -> SystemTime + Send + Sync + 'static) -> S3Payloads {
        self.now = Box::new(now);
        self
    }

    /// What own keys begin with, with a slash at its end unless it is empty.
    fn prefix(&self) -> &str {
        self.allowed.first().map_or("", Area::prefix)
    }

    /// The largest value that [`link`](S3Payloads::link) puts together, in bytes of JSON text.
    pub fn linked_bytes_max(&self) -> usize {
        self.options.linked_bytes_max
    }

    /// The value that a pointer of somebody else stands for: the text that lies there, as a string or as the JSON that
    /// it spells. `bytes` is how long it is said to be.
    ///
    /// # Errors
    /// The place is neither below the own prefix nor one that is allowed.
    pub fn outside(
        &self,
        (bucket, key): (Text, Text),
        bytes: Option<usize>,
        is_string: bool,
    ) -> Result<Reference, ForeignBucket> {
        allowed::check(&self.allowed, &bucket, &key)?;
        // Senders may claim anything. What is too much is found out when the object is loaded.
        let bytes = bytes.map(|bytes| bytes.min(self.options.outside_bytes_max));
        Ok(Reference::outside(bucket, key, bytes, is_string))
    }

    /// A URL that lets its bearer download a value, for this long: a string as its text, anything else as
    /// JSON. `None` if the value is larger than what can be put together here.
    ///
    /// # Errors
    /// The value is gone, cannot be put together or stored, or there are no credentials to sign the URL with.
    pub async fn link(
        &self,
        value: &Document,
        presentation: &Presentation,
        valid: Duration,
    ) -> Result<Option<String>, Fault> {
        if let Document::Reference(reference) = value
            && reference.is_readable()
            && reference.is_ours()
        {
            // An earlier run may have stored it, and a URL must not lead to nothing.
            self.renew_one(reference).await?;
            return self.presigned(reference, presentation, valid).await.map(Some);
        }
        if value.total_bytes() > self.options.linked_bytes_max {
            return Ok(None);
        }
        let whole = resolve(self, value.clone(), usize::MAX).await?;
        let mut presentation = presentation.clone();
        let default = || upload::content_type(whole.known_kind()).to_owned();
        presentation.content_type.get_or_insert_with(default);
        let text = match &whole {
            Document::String(text) => text.to_string(),
            other => other.to_json(),
        };
        drop(whole);
        self.link_bytes(text.into_bytes(), &presentation, valid).await.map(Some)
    }

    /// A URL that lets its bearer download these bytes, for this long.
    ///
    /// # Errors
    /// They cannot be stored, or there are no credentials to sign the URL with.
    pub async fn link_bytes(
        &self,
        bytes: Vec<u8>,
        presentation: &Presentation,
        valid: Duration,
    ) -> Result<String, Fault> {
        let content_type = presentation.content_type.as_deref();
        let reference = self
            .put_bytes(bytes, content_type.unwrap_or("application/octet-stream"))
            .await?;
        self.presigned(&reference, presentation, valid).await
    }

    /// Stores bytes as they are, for others to read; returns the reference to them.
    ///
    /// # Errors
    /// They cannot be stored.
    pub async fn put_bytes(&self, bytes: Vec<u8>, content_type: &str) -> Result<Reference, Fault> {
        let reference = Reference::store_bytes(&bytes, &self.bucket, self.prefix()).stored_at(self.seconds());
        self.upload(&reference, bytes, content_type).await?;
        Ok(reference)
    }

    fn seconds(&self) -> u64 {
        let since = (self.now)().duration_since(SystemTime::UNIX_EPOCH);
        since.unwrap_or_default().as_secs()
    }

    /// The lock for a value that is being loaded.
    fn turn(&self, slot: &Slot) -> Arc<tokio::sync::Mutex<()>> {
        let mut loading = lock(&self.loading);
        loading.retain(|_, others| others.strong_count() > 0);
        let known = loading.get(slot).and_then(Weak::upgrade);
        known.unwrap_or_else(|| {
            let new = Arc::default();
            loading.insert(slot.clone(), Arc::downgrade(&new));
            new
        })
    }

    async fn load(&self, reference: &Reference) -> Result<Document, Fault> {
        if !reference.is_ours() {
            // Outside of an execution there is nothing to share the value with.
            return Ok(self.download(reference, None).await?.value);
        }
        let slot = Slot::own(reference);
        let turn = self.turn(&slot);
        let _turn = turn.lock().await;
        if let Some(value) = lock(&self.cache).get(&slot) {
            return Ok(value);
        }
        let loaded = self.download(reference, None).await?;
        lock(&self.cache).insert(slot, loaded.value.clone(), loaded.bytes, loaded.modified);
        Ok(loaded.value)
    }

    async fn store(&self, stored: Stored, value: Document) -> Result<(), Fault> {
        let Stored { reference, text } = stored;
        if self.is_kept(&reference) {
            return Ok(());
        }
        let slot = Slot::own(&reference);
        let bytes = download::memory_bytes(&reference, &text);
        let content_type = upload::content_type(reference.kind());
        let modified = self.upload(&reference, text.into_bytes(), content_type).await?;
        lock(&self.cache).insert(slot, value, bytes, Some(modified));
        Ok(())
    }
}

impl PayloadStore for S3Payloads {
    fn for_execution(self: Arc<Self>) -> Arc<dyn PayloadStore> {
        let id = self.executions.fetch_add(1, Ordering::Relaxed);
        Arc::new(ExecutionPayloads::new(self, id))
    }

    fn prepare(&self, document: &Document) -> Stored {
        let stored = Reference::store(document, &self.bucket, self.prefix());
        Stored {
            reference: stored.reference.stored_at(self.seconds()),
            ..stored
        }
    }

    fn put(&self, stored: Stored, value: Document) -> PayloadFuture<'_, ()> {
        Box::pin(self.store(stored, value))
    }

    fn get<'a>(&'a self, reference: &'a Reference) -> PayloadFuture<'a, Document> {
        Box::pin(self.load(reference))
    }

    fn cached(&self, reference: &Reference) -> Option<Document> {
        lock(&self.cache).get(&Slot::own(reference))
    }
}

/// Nothing panics while one of these is locked.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
    let get = client(config, TEXT_ATTEMPT_TIMEOUT, TEXT_ATTEMPT_TIMEOUT)
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
            return Err(format!("the object has more than {bytes_max} bytes"));
        }
        text.extend_from_slice(&chunk);
    }
    String::from_utf8(text).map_err(|error| error.to_string())
}

fn client(config: &SdkConfig, read_timeout: Duration, attempt_timeout: Duration) -> Client {
    let mut timeouts = TimeoutConfig::builder()
        .read_timeout(read_timeout)
        .operation_attempt_timeout(attempt_timeout);
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
