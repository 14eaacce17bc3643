//! One row for each thing that the spec says about a test.

use super::*;
use crate::resolve::NoValues;
use proptest::prelude::*;

fn check(variable: &str, name: &str, operand: &str) -> bool {
    let document = |text: &str| Document::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let (operator, is_path) = Operator::from_name(name).unwrap_or_else(|| panic!("{name}"));
    assert!(!is_path);
    operator.test(&document(variable), &document(operand), &NoValues)
}

#[test]
fn tests_that_pass() {
    for (variable, name, operand) in [
        (r#""Hello""#, "StringEquals", r#""Hello""#),
        (r#""""#, "StringEquals", r#""""#),
        (r#""A""#, "StringLessThan", r#""A ""#),
        (r#""B""#, "StringLessThan", r#""a""#),
        (r#""AB""#, "StringGreaterThan", r#""A""#),
        (r#""A""#, "StringLessThanEquals", r#""A""#),
        (r#""A""#, "StringGreaterThanEquals", r#""A""#),
        ("1", "NumericEquals", "1.0"),
        ("100", "NumericEquals", "1e2"),
        ("9007199254740993", "NumericGreaterThan", "9007199254740992"),
        ("-0", "NumericEquals", "0"),
        ("1.5", "NumericGreaterThan", "1"),
        ("1", "NumericLessThanEquals", "1"),
        ("2", "NumericGreaterThanEquals", "1"),
        ("true", "BooleanEquals", "true"),
        ("false", "BooleanEquals", "false"),
        (
            r#""2024-01-01T00:00:00Z""#,
            "TimestampEquals",
            r#""2024-01-01T01:00:00+01:00""#,
        ),
        (
            r#""2024-01-01T00:00:00.5Z""#,
            "TimestampEquals",
            r#""2024-01-01T00:00:00.500Z""#,
        ),
        (
            r#""2024-01-01T00:00:00Z""#,
            "TimestampLessThan",
            r#""2024-01-01T00:00:00.000000001Z""#,
        ),
        (
            r#""2024-01-01T00:00:00-01:00""#,
            "TimestampGreaterThan",
            r#""2024-01-01T00:00:00Z""#,
        ),
        (
            r#""2024-01-01T00:00:00Z""#,
            "TimestampLessThanEquals",
            r#""2024-01-01T00:00:00Z""#,
        ),
        (
            r#""2024-01-01T00:00:00Z""#,
            "TimestampGreaterThanEquals",
            r#""2024-01-01T00:00:00Z""#,
        ),
        ("null", "IsNull", "true"),
        ("0", "IsNull", "false"),
        ("null", "IsPresent", "true"),
        ("1.5", "IsNumeric", "true"),
        (r#""1""#, "IsNumeric", "false"),
        (r#""""#, "IsString", "true"),
        ("[]", "IsString", "false"),
        ("false", "IsBoolean", "true"),
        ("0", "IsBoolean", "false"),
        (r#""2024-01-01T00:00:00+00:00""#, "IsTimestamp", "true"),
        (r#""2024-01-01T00:00:00""#, "IsTimestamp", "false"),
        (r#""2024-01-01""#, "IsTimestamp", "false"),
        ("1704067200", "IsTimestamp", "false"),
    ] {
        assert!(check(variable, name, operand), "{variable} {name} {operand}");
    }
}

#[test]
fn tests_that_do_not_pass() {
    for (variable, name, operand) in [
        (r#""1""#, "NumericEquals", "1"),
        ("1", "StringEquals", r#""1""#),
        ("null", "StringEquals", r#""""#),
        ("true", "StringEquals", r#""true""#),
        (r#""true""#, "BooleanEquals", "true"),
        ("null", "BooleanEquals", "false"),
        ("0", "BooleanEquals", "false"),
        ("[1]", "NumericEquals", "1"),
        ("null", "NumericLessThan", "1"),
        ("null", "NumericGreaterThanEquals", "0"),
        (r#""2024-01-01""#, "TimestampLessThan", r#""2025-01-01T00:00:00Z""#),
        (r#""b""#, "StringLessThan", r#""a""#),
        ("null", "IsPresent", "false"),
        ("null", "IsNull", "false"),
        ("1", "IsNumeric", "false"),
    ] {
        assert!(!check(variable, name, operand), "{variable} {name} {operand}");
    }
}

#[test]
fn an_operand_that_a_path_found_may_be_of_any_kind() {
    for name in [
        "StringEquals",
        "NumericEquals",
        "BooleanEquals",
        "TimestampEquals",
        "IsNull",
        "StringMatches",
    ] {
        assert!(!check("{}", name, "{}"), "{name}");
    }
}

#[test]
fn asterisks_stand_for_any_text() {
    for (text, pattern, expected) in [
        ("log-2024.txt", "log-*.txt", true),
        ("log-.txt", "log-*.txt", true),
        ("log-2024.csv", "log-*.txt", false),
        ("a", "a", true),
        ("ab", "a", false),
        ("", "", true),
        ("", "*", true),
        ("anything\nat all", "*", true),
        ("xaaab", "*a*b", true),
        ("xaaabc", "*a*b", false),
        ("abcabc", "*abc", true),
        ("foo*bar", r"foo\*bar", true),
        ("fooXbar", r"foo\*bar", false),
        (r"foo\bar", r"foo\\bar", true),
        (r"foo\anything", r"foo\\*", true),
        (r"a\b", r"a\b", true),
        (r"a\", r"a\", true),
        ("a?c", "a?c", true),
        ("abc", "a?c", false),
        ("héllo", "h*o", true),
    ] {
        let operator = Operator::StringMatches;
        assert_eq!(
            operator.test(&text.into(), &pattern.into(), &NoValues),
            expected,
            "{text} {pattern}"
        );
    }
}

#[test]
fn texts_are_ordered_by_utf_16() {
    assert_eq!(text_order("é", "z"), Ordering::Greater);
    assert_eq!(text_order("\u{1F600}", "\u{FF5E}"), Ordering::Less);
    assert_eq!("\u{1F600}".cmp("\u{FF5E}"), Ordering::Greater);
}

#[test]
fn names_are_those_of_the_spec() {
    for name in Operator::names() {
        let (operator, is_path) = Operator::from_name(name).unwrap_or_else(|| panic!("{name}"));
        let suffix = if is_path { "Path" } else { "" };
        assert_eq!(format!("{operator}{suffix}"), name);
        assert_eq!(operator.is_presence(), name == "IsPresent");
        if !is_path {
            let with_path = format!("{name}Path");
            assert_eq!(Operator::from_name(&with_path).is_some(), operator.takes_path());
            assert_eq!(Operator::names().any(|name| name == with_path), operator.takes_path());
        }
    }
    for name in [
        "",
        "Path",
        "String",
        "StringPath",
        "BooleanLessThan",
        "stringEquals",
        "Variable",
        "IsNumber",
    ] {
        assert_eq!(Operator::from_name(name), None, "{name}");
    }
}

#[test]
fn operands_of_a_definition_are_checked() {
    for (name, literal, expected) in [
        ("StringEquals", "1", Err("must be a string")),
        ("StringMatches", "[]", Err("must be a string")),
        ("NumericEquals", r#""1""#, Err("must be a number")),
        ("BooleanEquals", "0", Err("must be a boolean")),
        ("IsPresent", "null", Err("must be a boolean")),
        (
            "TimestampLessThan",
            r#""2024-01-01""#,
            Err("must be an RFC 3339 timestamp"),
        ),
        ("TimestampLessThan", r#""2024-01-01T00:00:00Z""#, Ok(())),
        ("NumericLessThan", "1.5", Ok(())),
        ("IsNull", "true", Ok(())),
    ] {
        let (operator, _) = Operator::from_name(name).expect(name);
        let literal = Document::parse(literal).expect(literal);
        assert_eq!(
            operator.check_literal(&literal),
            expected.map_err(str::to_owned),
            "{name}"
        );
    }
}

proptest! {
    #[test]
    fn a_text_matches_itself_and_what_asterisks_cut_out(before in ".*", within in ".*", after in ".*") {
        let escape = |text: &str| text.replace('\\', r"\\").replace('*', r"\*");
        let text = format!("{before}{within}{after}");
        prop_assert!(matches(&text, &escape(&text)));
        let pattern = format!("{}*{}", escape(&before), escape(&after));
        prop_assert!(matches(&text, &pattern));
    }

    #[test]
    fn any_text_matches_any_pattern_or_does_not(text in r"[ab*\\]{0,12}", pattern in r"[ab*\\]{0,12}") {
        let _ = matches(&text, &pattern);
    }
}
