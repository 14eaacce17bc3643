//! What results of optimized integrations tell about the answer: status and headers.

use expressway_asl::Document;
use expressway_asl::document::Object;
use std::collections::BTreeMap;

/// The services that write `connection` without a capital.
///
/// # Source
/// Recorded: `services/sfn_task_service*`, `services/sns_task_service*`, `services/sqs_task_service*`.
const LOWER_CASE_CONNECTION: &[&str] = &["sns", "sqs", "states"];

/// Values by the name of their header, spelled as services spell it, sorted without regard to case.
pub(crate) fn headers<'h>(headers: impl IntoIterator<Item = (&'h str, &'h str)>) -> Vec<(String, Vec<Document>)> {
    let mut by_name: BTreeMap<String, (String, Vec<Document>)> = BTreeMap::new();
    for (name, value) in headers {
        let (_, values) = by_name
            .entry(name.to_ascii_lowercase())
            .or_insert_with(|| (spelled(name), Vec::new()));
        values.push(value.into());
    }
    by_name.into_values().collect()
}

/// Adds `SdkHttpMetadata` and `SdkResponseMetadata` to the result of an optimized integration.
pub(crate) fn insert<'h>(
    result: &mut Object,
    service: &str,
    status: u16,
    answer_headers: impl IntoIterator<Item = (&'h str, &'h str)>,
) {
    let mut headers = headers(answer_headers);
    if LOWER_CASE_CONNECTION.contains(&service) {
        let mut names = headers.iter_mut().map(|(name, _)| name);
        if let Some(name) = names.find(|name| *name == "Connection") {
            name.make_ascii_lowercase();
        }
    }
    let last = |values: &Vec<Document>| values.last().cloned().unwrap_or_default();
    let id = headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("x-amzn-requestid"));
    let id = id.map(|(_, values)| last(values)).unwrap_or_default();
    let single: Object = headers.iter().map(|(name, values)| (&**name, last(values))).collect();
    let all: Object = headers
        .iter()
        .map(|(name, values)| (&**name, Document::from(values.clone())))
        .collect();
    let http_metadata = Document::object([
        ("AllHttpHeaders", all.into()),
        ("HttpHeaders", single.into()),
        ("HttpStatusCode", Document::from(i64::from(status))),
    ]);
    result.insert("SdkHttpMetadata", http_metadata);
    result.insert("SdkResponseMetadata", Document::object([("RequestId", id)]));
}

/// A header's name as services spell it. Our HTTP client gives all names in lower case.
///
/// # Source
/// Recorded: `services/*_task_service*`.
fn spelled(name: &str) -> String {
    match &*name.to_ascii_lowercase() {
        "x-amzn-requestid" => "x-amzn-RequestId".to_owned(),
        "x-amzn-remapped-content-length" => "x-amzn-Remapped-Content-Length".to_owned(),
        lower @ ("x-amz-crc32" | "x-amz-apigw-id") => lower.to_owned(),
        lower => {
            let words = lower.split('-').map(|word| {
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
    fn headers_are_spelled_as_services_spell_them() {
        for (name, expected) in [
            ("content-type", "Content-Type"),
            ("date", "Date"),
            ("x-amz-executed-version", "X-Amz-Executed-Version"),
            ("x-amzn-trace-id", "X-Amzn-Trace-Id"),
            ("x-amzn-requestid", "x-amzn-RequestId"),
            ("x-amzn-remapped-content-length", "x-amzn-Remapped-Content-Length"),
            ("X-Amz-Crc32", "x-amz-crc32"),
            ("-", "-"),
        ] {
            assert_eq!(spelled(name), expected);
        }
    }

    #[test]
    fn metadata_holds_every_value_of_a_header() {
        let headers = [("date", "today"), ("x-amzn-requestid", "r-1"), ("a", "1"), ("A", "2")];
        let mut result = Object::new();
        insert(&mut result, "lambda", 200, headers);
        assert_eq!(
            Document::from(result).to_json(),
            r#"{"SdkHttpMetadata":{"AllHttpHeaders":{"A":["1","2"],"Date":["today"],"x-amzn-RequestId":["r-1"]},"#
                .to_owned()
                + r#""HttpHeaders":{"A":"2","Date":"today","x-amzn-RequestId":"r-1"},"HttpStatusCode":200},"#
                + r#""SdkResponseMetadata":{"RequestId":"r-1"}}"#
        );
    }

    #[test]
    fn some_services_write_connection_without_a_capital() {
        for (service, name) in [("sqs", "connection"), ("dynamodb", "Connection")] {
            let mut result = Object::new();
            insert(&mut result, service, 200, [("connection", "keep-alive")]);
            let metadata = result.get("SdkHttpMetadata").unwrap();
            assert!(metadata.get("HttpHeaders").unwrap().get(name).is_some());
        }
    }
}
