//! What a document keeps, how large it says it is, and what it refuses to read.

use super::*;
use proptest::prelude::*;

fn parsed(text: &str) -> Document {
    Document::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn text_comes_out_as_it_went_in() {
    for text in [
        "null",
        "true",
        "0",
        "-1",
        "1.5",
        "1e+100",
        "9223372036854775807",
        "9223372036854775808",
        "123456789012345678901234567890",
        "0.1234567890123456789012",
        "1e400",
        r#""""#,
        r#""a\"b\\c\n\u0001é𝄞""#,
        "[]",
        "{}",
        r#"{"b":1,"a":[{},[],{"c":null}]}"#,
    ] {
        assert_eq!(parsed(text).to_json(), text);
        assert_eq!(parsed(text).json_bytes(), text.len(), "{text}");
    }
}

#[test]
fn numbers_compare_by_value() {
    for (left, right) in [("1", "1.0"), ("100", "1e2"), ("-0", "0"), ("1e400", "1e400")] {
        assert_eq!(parsed(left), parsed(right));
    }
    for (left, right) in [
        ("9007199254740992", "9007199254740993"),
        ("9223372036854775808", "9223372036854775809"),
    ] {
        assert_ne!(parsed(left), parsed(right));
    }
}

#[test]
fn the_last_of_equal_keys_wins_in_the_place_of_the_first() {
    assert_eq!(parsed(r#"{"a":1,"b":2,"a":3}"#).to_json(), r#"{"a":3,"b":2}"#);
}

#[test]
fn refuses_in_the_words_of_the_service() {
    for (text, message) in [
        (
            "not some json",
            "Unrecognized token 'not': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')",
        ),
        (
            "{'not': 'json'",
            "Unexpected character (''' (code 39)): was expecting double-quote to start field name",
        ),
        ("", "Unexpected end-of-input: expected a JSON value"),
        (
            "[1",
            "Unexpected end-of-input: was expecting comma to separate Array entries",
        ),
        ("01", "Invalid numeric value: Leading zeroes not allowed"),
        (
            "\"\u{1}\"",
            "Illegal unquoted character ((CTRL-CHAR, code 1)): has to be escaped using backslash",
        ),
        (r#""\ud800""#, "Incomplete surrogate pair in a \\u escape sequence"),
        (
            "{} {}",
            "Unexpected character ('{' (code 123)): was expecting end of input after the JSON text",
        ),
    ] {
        assert_eq!(
            Document::parse(text).map_err(|error| error.message),
            Err(message.to_owned()),
            "{text}"
        );
    }
    let error = parse(b"{\"a\":\n \"\xff\"}").expect_err("not UTF-8");
    assert_eq!(
        (error.message.as_str(), error.line, error.column),
        ("Invalid UTF-8", 2, 3)
    );
}

#[test]
fn depth_is_bounded() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(parsed(&nested(DEPTH_MAX as usize)).depth(), DEPTH_MAX);
    assert!(Document::parse(&nested(DEPTH_MAX as usize + 1)).is_err());
    assert!(Document::parse(&"[".repeat(1_000_000)).is_err());
}

#[test]
fn large_objects_find_their_members() {
    let object: Object = (0..1000).map(|n| (format!("key{n}"), Document::from(n))).collect();
    assert_eq!(object.get("key999").and_then(Document::as_i64), Some(999));
    assert_eq!(object.get("key1000"), None);
    assert_eq!(
        Document::Object(object.clone()),
        parsed(&Document::Object(object).to_json())
    );
}

#[test]
fn writing_leaves_other_holders_alone() {
    let mut object = Object::from_iter([("a", Document::from(1))]);
    let before = object.clone();
    object.insert("a", "changed".into());
    assert_eq!(before.get("a").and_then(Document::as_i64), Some(1));
    assert_eq!(
        Document::Object(object.clone()).json_bytes(),
        Document::Object(object).to_json().len()
    );
}

#[test]
fn indented_text_is_for_people() {
    assert_eq!(
        parsed(r#"{"a":[1,{}],"b":{}}"#).to_json_pretty(),
        "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": {}\n}"
    );
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        ".*".prop_map(Into::into),
    ];
    leaf.prop_recursive(5, 128, 20, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..20).prop_map(Into::into),
            prop::collection::vec((".*", inner), 0..20)
                .prop_map(|members| members.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

proptest! {
    #[test]
    fn agrees_with_serde_json(value in any_json()) {
        let text = serde_json::to_string(&value).unwrap();
        let document = parsed(&text);
        prop_assert_eq!(document.json_bytes(), document.to_json().len());
        prop_assert_eq!(document.to_json(), text);
        prop_assert_eq!(&parsed(&serde_json::to_string_pretty(&value).unwrap()), &document);
        prop_assert_eq!(parsed(&document.to_json_pretty()), document);
    }

    #[test]
    fn accepts_what_serde_json_accepts(text in r#"[\[\]{}",:0-9eE+.\-truefalsn \\\\u]{0,24}"#) {
        let theirs = serde_json::from_str::<serde_json::Value>(&text);
        // serde_json refuses numbers beyond the range of f64, which are kept here.
        if !theirs.as_ref().is_err_and(|error| error.to_string().contains("out of range")) {
            prop_assert_eq!(Document::parse(&text).is_ok(), theirs.is_ok(), "{}", text);
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = parse(&bytes);
    }
}

fn reference(value: &str) -> Document {
    Reference::store(&parsed(value), &"bucket".into(), "large/")
        .reference
        .into()
}

#[test]
fn a_reference_counts_for_little_and_shows_as_a_pointer() {
    let long = Document::from("x".repeat(100_000));
    let stored = Reference::store(&long, &"bucket".into(), "large/");
    assert_eq!(stored.text.len(), 100_000, "a string lies there as it is");
    let document = Document::object([("a", stored.reference.clone().into()), ("b", 1.into())]);
    assert!(document.json_bytes() < 400);
    assert!(document.has_references() && document.total_bytes() > 100_000);
    assert_eq!(document.get("a").unwrap().kind(), "string");
    let text = document.to_json();
    let pointer = parsed(&text).get("a").unwrap().to_json();
    assert_eq!(
        Reference::parse_pointer(&pointer),
        Some(("bucket".into(), Text::clone(stored.reference.key())))
    );
    assert!(encode(&document).len() <= document.json_bytes());
    assert_eq!(stored.reference.read(&stored.text), Ok(long));
}

#[test]
fn references_are_equal_by_what_is_stored() {
    assert_eq!(reference("[1,2]"), reference("[1,2]"));
    assert_ne!(reference("[1,2]"), reference("[1,3]"));
    assert_ne!(reference("[1,2]"), parsed("[1,2]"));
}

#[test]
fn containers_know_whether_a_reference_is_in_them() {
    let mut object = Object::new();
    object.insert("a", Document::from(vec![reference("[1]")]));
    assert!(Document::from(object.clone()).has_references());
    object.insert("a", Document::Null);
    assert!(!Document::from(object.clone()).has_references());
    object.insert("b", reference("[1]"));
    object.take("b");
    assert!(!Document::from(object).has_references());
}

#[test]
fn what_is_read_must_be_what_was_stored() {
    let stored = Reference::store(&parsed(r#"{"a":[1]}"#), &"bucket".into(), "");
    let error = stored.reference.read(r#"{"a":[2]}"#).unwrap_err();
    assert!(error.to_string().contains("its checksum differs"), "{error}");
}

#[test]
fn nobody_outside_can_make_references() {
    let forged = encode(&reference("[1]"));
    assert!(decode(&forged).unwrap().has_references());
    assert!(!parsed(&forged).has_references());
    let theirs = Reference::outside("bucket".into(), "key".into(), None, false);
    assert!(!theirs.read(&forged).unwrap().has_references());
    // Their text inside our data is data.
    let data = Document::object([("theirs", parsed(&forged))]);
    assert_eq!(decode(&encode(&data)), Ok(data));
    assert!(decode(r#"{"expressway:reference":{"bucket":"b"}}"#).is_err());
}

fn with_references() -> impl Strategy<Value = Document> {
    let leaf = prop_oneof![
        Just(Document::Null),
        (-9_i64..9).prop_map(Document::from),
        "[a-c]{0,2}".prop_map(|text| reference(&Document::from(text).to_json())),
        Just(reference(r#"{"%expressway:reference":[1]}"#)),
        Just(Reference::outside("b".into(), "k".into(), Some(7), true).into()),
    ];
    let key = prop_oneof![
        Just("expressway:reference".to_owned()),
        Just("%expressway:reference".to_owned()),
        Just("%%expressway:reference".to_owned()),
        "[ab]"
    ];
    leaf.prop_recursive(4, 24, 3, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Document::from),
            prop::collection::vec((key.clone(), inner), 0..3)
                .prop_map(|members| Document::Object(members.into_iter().collect())),
        ]
    })
}

#[test]
fn what_others_wrote_is_repaired_only_where_that_is_asked_for() {
    for (text, expected, is_repaired) in [
        (&br#"{"a":1}"#[..], r#"{"a":1}"#, false),
        (b"\xef\xbb\xbf{}", "{}", false),
        (b"\"M\xfcller\"", "\"M\u{fffd}ller\"", true),
        (br#""\ud800""#, "\"\u{fffd}\"", true),
        (br#""\udc00 a""#, "\"\u{fffd} a\"", true),
        (br#""\ud800\ud83d\ude00""#, "\"\u{fffd}\u{1f600}\"", true),
        (br#""\ud800\u0041""#, "\"\u{fffd}A\"", true),
        (br#"{"\ud800":1}"#, "{\"\u{fffd}\":1}", true),
        (br#""\ud83d\ude00""#, "\"\u{1f600}\"", false),
    ] {
        let lossy = parse_lossy(text).unwrap();
        assert_eq!((&*lossy.document.to_json(), lossy.is_repaired), (expected, is_repaired));
        let is_strict = !is_repaired && !text.starts_with(b"\xef");
        assert_eq!(parse(text).is_ok(), is_strict, "{expected}");
    }
    for wrong in [&b""[..], b"{\xff}", br#""\ud800\u00""#, b"\xef\xbb\xbf\xef\xbb\xbf{}"] {
        assert!(parse_lossy(wrong).is_err(), "{wrong:?}");
    }
}

proptest! {
    #[test]
    fn references_survive_their_text(document in with_references()) {
        let text = encode(&document);
        let again = decode(&text).unwrap();
        prop_assert_eq!(&again, &document);
        prop_assert_eq!(again.has_references(), document.has_references());
        prop_assert_eq!(again.total_bytes(), document.total_bytes());
        let stored = Reference::store(&document, &"bucket".into(), "");
        if !matches!(document, Document::Reference(_)) {
            prop_assert_eq!(stored.reference.read(&stored.text).unwrap(), document);
        }
    }
}

/// Deeper documents than the limit come up for a moment: a template around data, a stored value inside of data.
#[test]
fn all_that_goes_through_documents_takes_twice_their_depth_on_a_small_stack() {
    let on_a_small_stack = || {
        let nested = |leaf: i64| {
            (0..DEPTH_MAX).fold(Document::from(leaf), |inner, _| {
                Document::object([("k", Document::from(vec![inner]))])
            })
        };
        let (one, other, different) = (nested(1), nested(1), nested(2));
        assert_eq!(one.depth(), 2 * DEPTH_MAX);
        assert_eq!(one, other);
        assert_ne!(one, different);
        assert_eq!(one.to_json().len(), one.json_bytes());
        assert!(one.to_json_pretty().len() > one.json_bytes());
        assert_eq!(one.to_string().len(), format!("{one:?}").len());
        assert_eq!(encode(&one).len(), one.json_bytes());
        let stored = Reference::store(&one, &"bucket".into(), "").reference;
        let around = Document::object([("a", one.clone()), ("r", stored.into())]);
        assert!(encode(&around).len() > one.json_bytes());
        let replaced = crate::resolve::map_references(&around, &mut |_| other.clone());
        assert!(!replaced.has_references());
        let mut changed = replaced.clone();
        if let Document::Object(members) = &mut changed {
            members.insert("a", Document::Null);
        }
        assert_ne!(changed, replaced);
    };
    let thread = std::thread::Builder::new().stack_size(2 * 1024 * 1024);
    thread.spawn(on_a_small_stack).unwrap().join().unwrap();
}
