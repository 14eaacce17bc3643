//! Event patterns, which filter policies of SNS are too: which events they match.
//!
//! # Source
//! EventBridge user guide, "Comparison operators for use in event patterns".

use expressway_asl::Document;
use expressway_asl::document::Object;

/// The comparisons that a pattern may ask for.
const COMPARISONS: &[&str] = &[
    "anything-but",
    "cidr",
    "equals-ignore-case",
    "exists",
    "numeric",
    "prefix",
    "suffix",
    "wildcard",
];

/// Says what is wrong with a pattern.
pub(crate) fn check(text: &str) -> Result<(), String> {
    let pattern = Document::parse(text).map_err(|error| format!("Event pattern is not valid. Reason: {error}"))?;
    check_object(&pattern)
}

fn check_object(pattern: &Document) -> Result<(), String> {
    let invalid = |reason: String| Err(format!("Event pattern is not valid. Reason: {reason}"));
    let Some(object) = pattern.as_object().filter(|object| !object.is_empty()) else {
        return invalid("a pattern must be an object that is not empty".to_owned());
    };
    for (name, value) in object.iter() {
        match value {
            Document::Array(alternatives) if &**name == "$or" => alternatives.iter().try_for_each(check_object)?,
            Document::Array(alternatives) => {
                for comparison in alternatives
                    .iter()
                    .filter_map(Document::as_object)
                    .flat_map(Object::iter)
                {
                    let (comparison, _) = comparison;
                    if !COMPARISONS.contains(&&**comparison) {
                        return invalid(format!("Unrecognized match type {comparison}"));
                    }
                    if &**comparison == "cidr" {
                        return invalid("`cidr` is not available in a local run".to_owned());
                    }
                }
            }
            Document::Object(_) => check_object(value)?,
            _ => return invalid(format!("\"{name}\" must be an object or an array")),
        }
    }
    Ok(())
}

/// Whether an event has all that a pattern asks for.
pub(crate) fn matches(pattern: &Document, event: &Document) -> bool {
    let mut members = pattern.as_object().into_iter().flat_map(Object::iter);
    members.all(|(name, asked)| match asked {
        Document::Array(alternatives) if &**name == "$or" => alternatives.iter().any(|one| matches(one, event)),
        Document::Array(alternatives) => {
            let value = event.get(name);
            alternatives.iter().any(|comparison| matches_value(comparison, value))
        }
        asked => event.get(name).is_some_and(|value| matches(asked, value)),
    })
}

/// A value that is an array matches when one of its items does.
fn matches_value(comparison: &Document, value: Option<&Document>) -> bool {
    if let Some(exists) = comparison.get("exists").and_then(Document::as_bool) {
        return exists == value.is_some();
    }
    match value {
        None => false,
        Some(Document::Array(items)) => items.iter().any(|item| compare(comparison, item)),
        Some(value) => compare(comparison, value),
    }
}

fn compare(comparison: &Document, value: &Document) -> bool {
    let Some((name, operand)) = comparison.as_object().and_then(|object| object.iter().next()) else {
        return equals(comparison, value);
    };
    let folded = |text: &str| text.to_lowercase();
    let case = |operand: &Document, holds: fn(&str, &str) -> bool| match value.as_str() {
        None => false,
        Some(text) => match operand.get("equals-ignore-case").and_then(Document::as_str) {
            Some(operand) => holds(&folded(text), &folded(operand)),
            None => operand.as_str().is_some_and(|operand| holds(text, operand)),
        },
    };
    match &**name {
        "prefix" => case(operand, |text, prefix| text.starts_with(prefix)),
        "suffix" => case(operand, |text, suffix| text.ends_with(suffix)),
        "equals-ignore-case" => match (value.as_str(), operand.as_str()) {
            (Some(text), Some(operand)) => folded(text) == folded(operand),
            _ => false,
        },
        "wildcard" => match (value.as_str(), operand.as_str()) {
            (Some(text), Some(operand)) => wildcard(operand, text),
            _ => false,
        },
        "anything-but" => match operand {
            Document::Array(operands) => !operands.iter().any(|operand| equals(operand, value)),
            Document::Object(_) => !compare(operand, value),
            operand => !equals(operand, value),
        },
        "numeric" => numeric(operand, value),
        _ => false,
    }
}

fn equals(operand: &Document, value: &Document) -> bool {
    match (operand.as_number(), value.as_number()) {
        (Some(operand), Some(value)) => operand.as_f64() == value.as_f64(),
        _ => operand == value,
    }
}

/// `["<", 10]`, `[">=", 0, "<", 5]`.
fn numeric(operand: &Document, value: &Document) -> bool {
    let (Some(conditions), Some(value)) = (operand.as_array(), value.as_number()) else {
        return false;
    };
    let value = value.as_f64();
    conditions.chunks(2).all(|condition| {
        let [operator, limit] = condition else { return false };
        let Some(limit) = limit.as_number() else { return false };
        let limit = limit.as_f64();
        match operator.as_str() {
            Some("<") => value < limit,
            Some("<=") => value <= limit,
            Some(">") => value > limit,
            Some(">=") => value >= limit,
            Some("=") => value == limit,
            _ => false,
        }
    })
}

/// `*` stands for any text.
fn wildcard(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let Some(last) = parts.next_back() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_the_guide_says() {
        let event = r#"{
            "source": "shop.orders", "detail-type": "Order Confirmed", "resources": ["a", "b"],
            "detail": {"total": 59.70, "currency": "EUR", "customer": {"id": "C-1"}, "note": null}
        }"#;
        let event = Document::parse(event).unwrap();
        for (pattern, expected) in [
            (r#"{"source": ["shop.orders"]}"#, true),
            (r#"{"source": ["other", "shop.orders"], "resources": ["b"]}"#, true),
            (r#"{"source": ["other"]}"#, false),
            (r#"{"source": [{"prefix": "shop."}]}"#, true),
            (r#"{"source": [{"suffix": ".orders"}]}"#, true),
            (r#"{"source": [{"prefix": {"equals-ignore-case": "SHOP"}}]}"#, true),
            (r#"{"source": [{"wildcard": "s*.o*s"}]}"#, true),
            (r#"{"source": [{"wildcard": "s*x"}]}"#, false),
            (r#"{"source": [{"wildcard": "shop.orders"}]}"#, true),
            (r#"{"detail": {"currency": [{"anything-but": ["USD", "GBP"]}]}}"#, true),
            (r#"{"detail": {"currency": [{"anything-but": "EUR"}]}}"#, false),
            (
                r#"{"detail": {"currency": [{"anything-but": {"prefix": "E"}}]}}"#,
                false,
            ),
            (r#"{"detail": {"total": [59.7]}}"#, true),
            (r#"{"detail": {"total": [{"numeric": [">", 10, "<=", 59.7]}]}}"#, true),
            (r#"{"detail": {"total": [{"numeric": ["<", 10]}]}}"#, false),
            (r#"{"detail": {"coupon": [{"exists": false}]}}"#, true),
            (r#"{"detail": {"note": [null]}}"#, true),
            (r#"{"detail": {"customer": {"id": ["C-1"]}}}"#, true),
            (r#"{"detail": {"customer": {"id": ["C-2"]}}}"#, false),
            (
                r#"{"$or": [{"source": ["x"]}, {"detail": {"currency": ["EUR"]}}]}"#,
                true,
            ),
            (r#"{"$or": [{"source": ["x"]}, {"source": ["y"]}]}"#, false),
        ] {
            assert_eq!(check(pattern), Ok(()), "{pattern}");
            assert_eq!(
                matches(&Document::parse(pattern).unwrap(), &event),
                expected,
                "{pattern}"
            );
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for pattern in [
            "[]",
            "{}",
            r#"{"source": "x"}"#,
            r#"{"source": [{"prefixx": "x"}]}"#,
            "{",
        ] {
            assert!(check(pattern).is_err(), "{pattern}");
        }
    }
}
