//! What all stand-ins share: who and where they are, the time, and the record of what they did.

use expressway_asl::intrinsic::version_4;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// Tells the time.
pub type TimeSource = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// Hears what a user should know and no answer can say.
pub type Listener = Arc<dyn Fn(&str) + Send + Sync>;

/// The account of everything that stand-ins make. Accounts and regions in ARNs and URLs of requests are not looked
/// at: definitions bring those of their production.
pub const ACCOUNT: &str = "111111111111";

/// One thing that changed because of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    /// The service, as in `arn:aws:states:::aws-sdk:<service>:...`.
    pub service: &'static str,
    /// The table, queue, bucket and so on.
    pub resource: String,
    /// What was done, such as `put` or `message`.
    pub action: &'static str,
    /// What it was done with: JSON text, or a key.
    pub detail: String,
}

/// Shared by all stand-ins of one [`StandIns`](crate::StandIns).
pub(crate) struct Context {
    pub(crate) region: String,
    time: TimeSource,
    listener: Option<Listener>,
    effects: Mutex<Vec<Effect>>,
}

impl Context {
    pub(crate) fn new(region: String, time: Option<TimeSource>, listener: Option<Listener>) -> Context {
        Context {
            region,
            time: time.unwrap_or_else(|| Arc::new(SystemTime::now)),
            listener,
            effects: Mutex::default(),
        }
    }

    pub(crate) fn now(&self) -> SystemTime {
        (self.time)()
    }

    /// Milliseconds since 1970.
    pub(crate) fn now_millis(&self) -> i64 {
        let since_epoch = self.now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
    }

    pub(crate) fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:aws:{service}:{}:{ACCOUNT}:{resource}", self.region)
    }

    pub(crate) fn record(
        &self,
        service: &'static str,
        resource: impl Into<String>,
        action: &'static str,
        detail: impl Into<String>,
    ) {
        let effect = Effect {
            service,
            resource: resource.into(),
            action,
            detail: detail.into(),
        };
        self.effects.lock().unwrap_or_else(PoisonError::into_inner).push(effect);
    }

    pub(crate) fn effects(&self) -> Vec<Effect> {
        self.effects.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn forget_effects(&self) {
        self.effects.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    pub(crate) fn tell(&self, notice: &str) {
        if let Some(listener) = &self.listener {
            listener(notice);
        }
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Context")
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

/// A random UUID, version 4.
pub(crate) fn uuid() -> String {
    version_4(fastrand::u128(..))
}

/// The last part of an ARN or of a URL: what people call the thing.
pub(crate) fn name_of(reference: &str) -> &str {
    reference.rsplit(['/', ':']).next().unwrap_or(reference)
}
