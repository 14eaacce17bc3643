//! What is known of an answer besides its output: status and headers.

use aws_sdk_lambda::config::interceptors::BeforeDeserializationInterceptorContextMut;
use aws_sdk_lambda::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_lambda::error::BoxError;
use aws_sdk_lambda::primitives::SdkBody;
use expressway_asl::Document;
use expressway_asl::document::Object;
use http_body_util::Limited;
use std::collections::BTreeMap;
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
            headers: headers.map(|(name, value)| (spelled(name), value.to_owned())).collect(),
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
        // By name, whatever its case, as the service sorts them.
        let mut by_name: BTreeMap<String, (&str, Vec<Document>)> = BTreeMap::new();
        for (name, value) in &head.headers {
            let (_, values) = by_name
                .entry(name.to_ascii_lowercase())
                .or_insert_with(|| (name, Vec::new()));
            values.push(value.as_str().into());
        }
        let request_id = by_name.get("x-amzn-requestid").and_then(|(_, values)| values.last());
        let response_metadata = Document::object([("RequestId", request_id.cloned().unwrap_or_default())]);
        let single = by_name
            .values()
            .map(|(name, values)| (*name, values.last().cloned().unwrap_or_default()));
        let single: Object = single.collect();
        let all: Object = by_name
            .values()
            .map(|(name, values)| (*name, Document::from(values.clone())))
            .collect();
        let http_metadata = Document::object([
            ("AllHttpHeaders", all.into()),
            ("HttpHeaders", single.into()),
            ("HttpStatusCode", Document::from(i64::from(head.status))),
        ]);
        result.insert("SdkHttpMetadata", http_metadata);
        result.insert("SdkResponseMetadata", response_metadata);
    }
}

/// A header's name as Lambda spells it. Our HTTP client gives all names in lower case.
///
/// # Source
/// Recorded: `services/lambda_task_service*`.
fn spelled(name: &str) -> String {
    match name {
        "x-amzn-requestid" => "x-amzn-RequestId".to_owned(),
        "x-amzn-remapped-content-length" => "x-amzn-Remapped-Content-Length".to_owned(),
        _ => {
            let words = name.split('-').map(|word| {
                let (first, rest) = word.split_at_checked(1).unwrap_or_default();
                first.to_ascii_uppercase() + rest
            });
            words.collect::<Vec<_>>().join("-")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_spelled_as_lambda_spells_them() {
        for (name, expected) in [
            ("content-type", "Content-Type"),
            ("date", "Date"),
            ("x-amz-executed-version", "X-Amz-Executed-Version"),
            ("x-amzn-trace-id", "X-Amzn-Trace-Id"),
            ("x-amzn-requestid", "x-amzn-RequestId"),
            ("x-amzn-remapped-content-length", "x-amzn-Remapped-Content-Length"),
            ("-", "-"),
        ] {
            assert_eq!(spelled(name), expected);
        }
    }

    #[test]
    fn metadata_holds_every_value_of_a_header() {
        let answer = Answer::default();
        *answer.head.lock().unwrap() = Head {
            status: 200,
            headers: [("Date", "today"), ("x-amzn-RequestId", "r-1"), ("A", "1"), ("A", "2")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
        };
        let mut result = Object::new();
        answer.insert_metadata(&mut result);
        assert_eq!(
            Document::from(result).to_json(),
            r#"{"SdkHttpMetadata":{"AllHttpHeaders":{"A":["1","2"],"Date":["today"],"x-amzn-RequestId":["r-1"]},"#
                .to_owned()
                + r#""HttpHeaders":{"A":"2","Date":"today","x-amzn-RequestId":"r-1"},"HttpStatusCode":200},"#
                + r#""SdkResponseMetadata":{"RequestId":"r-1"}}"#
        );
    }
}
