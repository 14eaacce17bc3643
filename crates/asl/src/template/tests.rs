//! What templates become, and what is said about those that are wrong.

use super::*;
use crate::error_name::ErrorName;
use crate::scope::TestScope;
use proptest::prelude::*;

fn document(text: &str) -> Document {
    Document::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn compiled(template: &str) -> Template {
    Template::compile(&document(template)).unwrap_or_else(|errors| panic!("{template}: {errors:?}"))
}

fn check(input: &str, template: &str, expected: &str) {
    let result = compiled(template).evaluate(&TestScope::of(input));
    assert_eq!(
        result.map(|result| result.to_json()),
        Ok(expected.to_owned()),
        "{template}"
    );
}

#[test]
fn expressions_become_their_values() {
    let input = r#"{"a":{"b":[1,2]},"n":null}"#;
    for (template, expected) in [
        ("{}", "{}"),
        ("5", "5"),
        (r#"{"x.$":"$.a.b[0]"}"#, r#"{"x":1}"#),
        (r#"{"x.$":"$"}"#, r#"{"x":{"a":{"b":[1,2]},"n":null}}"#),
        (r#"{"x.$":"$$.Execution.Name","y.$":"$n"}"#, r#"{"x":"run","y":7}"#),
        (r#"{"x.$":"States.Format('{}', $.a.b[1])"}"#, r#"{"x":"2"}"#),
        (
            r#"{"x.$":"$.n","y.$":"$.a.b[9]","z.$":"$.q[*]"}"#,
            r#"{"x":null,"y":null,"z":[]}"#,
        ),
        (
            r#"{"z":1,"x.$":"$.n","a":{"c":[{"y.$":"$.a.b"},3]}}"#,
            r#"{"z":1,"x":null,"a":{"c":[{"y":[1,2]},3]}}"#,
        ),
        (r#"[{"x.$":"$.n"},"$.n"]"#, r#"[{"x":null},"$.n"]"#),
        (
            r#"{"x":"$.a","y.$z":"$.a",".$":"$.n"}"#,
            r#"{"x":"$.a","y.$z":"$.a","":null}"#,
        ),
        (r#"{"x.$.$":"$.n"}"#, r#"{"x.$":null}"#),
    ] {
        check(input, template, expected);
    }
}

#[test]
fn all_errors_are_found_with_their_places() {
    let template = r#"{
        "a.$": "x", "b": [{}, {"c/d~.$": 5}], "e": 1, "e.$": "$.e",
        "f": {"g.$": "States.UUID(1)"}, "h.$": "$.a[", "ok.$": "$.a"
    }"#;
    let errors = Template::compile(&document(template)).expect_err("errors");
    let found: Vec<_> = errors
        .iter()
        .map(|error| {
            (
                error.pointer.as_str(),
                error.message.as_str(),
                error.help.as_deref().unwrap_or(""),
            )
        })
        .collect();
    let invalid = |field: &str| {
        format!("The value for the field '{field}' must be a valid JSONPath or a valid intrinsic function call")
    };
    assert_eq!(
        found,
        [
            ("/a.$", &*invalid("a.$"), "unknown intrinsic function `x`"),
            ("/b/1/c~1d~0.$", &*invalid("c/d~.$"), "expected a string, not number"),
            ("/e.$", "The field 'e' is given twice, as 'e' and as 'e.$'", ""),
            ("/f/g.$", &*invalid("g.$"), "`States.UUID` takes 0 arguments, not 1"),
            (
                "/h.$",
                &*invalid("h.$"),
                "expected an index, a name in quotes, `*`, a slice or a filter but the text ends here"
            ),
        ]
    );
}

#[test]
fn a_missing_value_is_named_in_the_words_of_the_service() {
    for (template, detail) in [
        (
            r#"{"x":{"y.$":"$.no.such"}}"#,
            r#"The JSONPath '$.no.such' specified for the field 'y.$' could not be found in the input '{"a":1}'"#,
        ),
        (
            r#"{"x.$":"$$.Nope"}"#,
            "The JSONPath '$$.Nope' specified for the field 'x.$' could not be found in the input \
             '{\"Execution\":{\"Name\":\"run\"},\"State\":{\"Name\":\"S\"}}'",
        ),
        (
            r#"{"x.$":"$.a[0]"}"#,
            "Filter: [0] can only be applied to arrays. Current context is: 1",
        ),
        (
            r#"{"x.$":"States.Array($.b)"}"#,
            "The function 'States.Array($.b)' had the following error: The JsonPath argument for the field '$.b' \
             could not be found in the input '{\"a\":1}'",
        ),
        (
            r#"{"x.$":"States.ArrayLength($.a)"}"#,
            "The function 'States.ArrayLength($.a)' had the following error: Invalid arguments in \
             States.ArrayLength: argument 1 must be an array, not number",
        ),
    ] {
        let error = compiled(template)
            .evaluate(&TestScope::of(r#"{"a":1}"#))
            .expect_err(template);
        assert_eq!((error.name, error.detail.as_str()), (ErrorName::Runtime, detail));
    }
}

#[test]
fn parts_without_expressions_are_shared() {
    let template = compiled(r#"{"big":{"text":"long enough"},"x.$":"$"}"#);
    let results = [0, 1].map(|_| template.evaluate(&TestScope::of("{}")).expect("a result"));
    let [first, second] = results.map(|result| {
        let text = result
            .get("big")
            .and_then(|big| big.get("text"))
            .and_then(Document::as_str);
        text.map(str::as_ptr)
    });
    assert!(first.is_some());
    assert_eq!(first, second);
}

#[test]
fn all_paths_are_seen() {
    let template = compiled(r#"{"a.$":"$.a","b":[{"c.$":"States.Array($$.State, $v)"}],"d":"$.no"}"#);
    let mut seen = Vec::new();
    template.visit_paths(&mut |path| seen.push(path.to_string()));
    assert_eq!(seen, ["$.a", "$$.State", "$v"]);
}

proptest! {
    #[test]
    fn a_template_without_expressions_is_its_own_result(keys in prop::collection::vec("[a-c$.]{0,3}", 0..4)) {
        let members = keys.iter().filter(|key| !key.ends_with(SUFFIX)).map(|key| (key.as_str(), Document::from("$.a")));
        let template = Document::Object(members.collect());
        let result = Template::compile(&template).unwrap().evaluate(&TestScope::of("{}"));
        prop_assert_eq!(result, Ok(template));
    }
}
