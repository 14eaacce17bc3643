//! Watches attempts and answers: what was sent, and how much comes back.

use super::http::{could_not_connect, find};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeDeserializationInterceptorContextMut, BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
    InterceptorContext,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::retries::classifiers::{ClassifyRetry, RetryAction, RetryClassifierPriority};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use http_body_util::{LengthLimitError, Limited};
use std::error::Error;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// The attempts of one call.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    count: AtomicU32,
    /// Whether the attempt under way has come to sending.
    is_sending: AtomicBool,
    may_have_been_sent: AtomicBool,
}

impl Attempts {
    pub(super) fn interceptor(attempts: &Arc<Attempts>) -> impl Intercept + use<> {
        AttemptWatch(attempts.clone())
    }

    pub(super) fn count(&self) -> u32 {
        self.count.load(Ordering::Relaxed)
    }

    /// Whether any attempt got further than to open a connection.
    pub(super) fn may_have_been_sent(&self) -> bool {
        self.may_have_been_sent.load(Ordering::Relaxed)
    }
}

#[derive(Debug)]
struct AttemptWatch(Arc<Attempts>);

#[dyn_dispatch_hint]
impl Intercept for AttemptWatch {
    fn name(&self) -> &'static str {
        "AttemptWatch"
    }

    fn read_before_attempt(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.count.fetch_add(1, Ordering::Relaxed);
        self.0.is_sending.store(false, Ordering::Relaxed);
        Ok(())
    }

    fn read_before_transmit(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.is_sending.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let error = context.output_or_error().and_then(Result::err);
        let could_not_connect = error.is_some_and(|error| {
            let connector = error.as_connector_error();
            connector.is_some_and(|error| error.is_user() || could_not_connect(error))
        });
        if self.0.is_sending.load(Ordering::Relaxed) && !could_not_connect {
            self.0.may_have_been_sent.store(true, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Ends an answer that is longer than this many bytes.
#[derive(Debug)]
pub(super) struct AnswerLimit(pub(super) usize);

#[dyn_dispatch_hint]
impl Intercept for AnswerLimit {
    fn name(&self) -> &'static str {
        "AnswerLimit"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response_mut().body_mut();
        let whole = mem::replace(body, SdkBody::taken());
        *body = SdkBody::from_body_1_x(Limited::new(whole, self.0));
        Ok(())
    }
}

pub(super) fn is_too_large(error: &(dyn Error + 'static)) -> bool {
    find::<LengthLimitError>(error).is_some()
}

/// An answer that is too large once will be so again.
#[derive(Debug)]
pub(super) struct AnswerLimitClassifier;

impl ClassifyRetry for AnswerLimitClassifier {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        match context.output_or_error() {
            Some(Err(error)) if is_too_large(error) => RetryAction::RetryForbidden,
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "answer limit"
    }

    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}
