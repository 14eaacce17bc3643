//! What is known of an answer besides its output: status and headers.

use crate::metadata;
use aws_sdk_lambda::config::interceptors::BeforeDeserializationInterceptorContextMut;
use aws_sdk_lambda::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_lambda::error::BoxError;
use aws_sdk_lambda::primitives::SdkBody;
use expressway_asl::document::Object;
use http_body_util::Limited;
use std::sync::{Arc, Mutex, PoisonError};

/// The most bytes of an answer that are read: Lambda's own limit on what a function returns.
const ANSWER_BYTES_MAX: usize = 6_291_556;

/// Notes status and headers of an answer as it arrives, and stops reading where no answer of Lambda goes on.
#[derive(Clone, Debug, Default)]
pub(super) struct Answer {
    head: Arc<Mutex<Head>>,
}

#[derive(Debug, Default)]
struct Head {
    status: u16,
    headers: Vec<(String, String)>,
}

impl Intercept for Answer {
    fn name(&self) -> &'static str {
        "Answer"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response_mut();
        let headers = response.headers().iter();
        let head = Head {
            status: response.status().as_u16(),
            headers: headers
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        };
        *self.head.lock().unwrap_or_else(PoisonError::into_inner) = head;

        let body = response.body_mut();
        let whole = std::mem::replace(body, SdkBody::taken());
        *body = SdkBody::from_body_1_x(Limited::new(whole, ANSWER_BYTES_MAX));
        Ok(())
    }
}

impl Answer {
    /// Adds `SdkHttpMetadata` and `SdkResponseMetadata` to the result of an optimized integration.
    pub(super) fn insert_metadata(&self, result: &mut Object) {
        let head = self.head.lock().unwrap_or_else(PoisonError::into_inner);
        let headers = head.headers.iter().map(|(name, value)| (&**name, &**value));
        metadata::insert(result, "lambda", head.status, headers);
    }
}
