//! How calls are written, and what is said when they are wrong.

use super::*;
use crate::scope::TestScope;
use proptest::prelude::*;

/// Checks the result of an expression, as JSON.
pub(super) fn check(input: &str, expression: &str, expected: &str) {
    let intrinsic = Intrinsic::parse(expression).unwrap_or_else(|error| panic!("{expression}: {error}"));
    let result = intrinsic.evaluate(&TestScope::of(input));
    let result = result.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(result.to_json(), expected, "{expression}");
}

/// Checks why an expression has no result.
pub(super) fn check_failure(input: &str, expression: &str, expected: &str) {
    let intrinsic = Intrinsic::parse(expression).unwrap_or_else(|error| panic!("{expression}: {error}"));
    assert_eq!(
        intrinsic.evaluate(&TestScope::of(input)),
        Err(IntrinsicError::Failure {
            expression: expression.into(),
            detail: expected.to_owned(),
        })
    );
}

/// Checks why an expression is refused.
pub(super) fn check_refused(expression: &str, expected: &str) {
    let error = Intrinsic::parse(expression).expect_err(expression);
    assert_eq!(error.message, expected, "{expression}");
}

#[test]
fn arguments_are_literals_paths_and_calls() {
    let input = r#"{"a":{"b c":[1,2]},"k":"a,b)"}"#;
    for (expression, expected) in [
        ("States.Array(1,-2.5,1e2)", "[1,-2.5,100.0]"),
        ("States.Array( 'a' , null,true , false )", r#"["a",null,true,false]"#),
        (
            "States.Array('', 'it\\'s', '\\{\\}', '\\\\', '\"')",
            r#"["","it's","{}","\\","\""]"#,
        ),
        ("States.Array('{\"k\": [1]}')", r#"["{\"k\": [1]}"]"#),
        ("States.Array('a\nb')", r#"["a\nb"]"#),
        ("States.Array('a,b)', 'c')", r#"["a,b)","c"]"#),
        ("States.Array($.a['b c'][0], $.k)", r#"[1,"a,b)"]"#),
        ("States.Array($.a.b*, $)", "x"),
        ("States.Array($$.Execution.Name)", r#"["run"]"#),
        ("States.Array($name.key[0], $n)", "[1,7]"),
        ("States.Array($.a[?(@ == 'a,b)')])", "[[]]"),
        (
            "States.MathAdd(States.MathAdd(1, States.ArrayLength($.a['b c'])), 1)",
            "4",
        ),
        ("States.Array(1) ", "[1]"),
    ] {
        if expected == "x" {
            assert!(Intrinsic::parse(expression).is_ok());
        } else {
            check(input, expression, expected);
        }
    }
}

#[test]
fn calls_that_are_wrong_are_refused() {
    for (expression, message) in [
        (
            "",
            "expected the name of an intrinsic function, such as `States.Format`",
        ),
        ("States.Foo()", "unknown intrinsic function `States.Foo`"),
        (
            "States.format('a')",
            "unknown intrinsic function `States.format`, did you mean `States.Format`?",
        ),
        ("Format('a')", "unknown intrinsic function `Format`"),
        (
            " States.UUID()",
            "expected the name of an intrinsic function, such as `States.Format`",
        ),
        ("States.UUID ()", "expected `(` but found ` `"),
        ("States.UUID", "expected `(` but the text ends here"),
        (
            "States.UUID(",
            "expected an argument: text in apostrophes, a number, `null`, a boolean, a path or a call but the text ends here",
        ),
        ("States.UUID()()", "expected nothing after the call but found `(`"),
        ("States.UUID(1)", "`States.UUID` takes 0 arguments, not 1"),
        ("States.Format()", "`States.Format` takes at least 1 argument, not 0"),
        ("States.MathAdd(1)", "`States.MathAdd` takes 2 arguments, not 1"),
        (
            "States.MathRandom(1, 2, 3, 4)",
            "`States.MathRandom` takes 2 to 3 arguments, not 4",
        ),
        (
            "States.ArrayLength($.a, $.b)",
            "`States.ArrayLength` takes 1 argument, not 2",
        ),
        (
            "States.MathAdd('1', 2)",
            "argument 1 of `States.MathAdd` must be a number, not string",
        ),
        (
            "States.Hash('x', 1)",
            "argument 2 of `States.Hash` must be a string, not number",
        ),
        (
            "States.JsonMerge($, $, 0)",
            "argument 3 of `States.JsonMerge` must be a boolean, not number",
        ),
        ("States.ArrayLength(States.UUID())", "x"),
        (
            "States.ArrayLength(States.Format('a'))",
            "argument 1 of `States.ArrayLength` must be an array, not string",
        ),
        (
            "States.Array(1,)",
            "expected an argument: text in apostrophes, a number, `null`, a boolean, a path or a call but found `)`",
        ),
        ("States.Array(1 2)", "expected `,` but found `2`"),
        ("States.Array(01)", "`01` is not a number"),
        ("States.Array(1x)", "`1x` is not a number"),
        ("States.Array(nullx)", "expected `,` but found `x`"),
        (
            "States.Array(\"a\")",
            "expected an argument: text in apostrophes, a number, `null`, a boolean, a path or a call but found `\"`",
        ),
        ("States.Array('a", "expected a closing `'` but the text ends here"),
        (
            r"States.Array('a\n')",
            r"expected `'`, `{`, `}` or `\` after a backslash but found `n`",
        ),
        (
            r#"States.Array('a\"')"#,
            r#"expected `'`, `{`, `}` or `\` after a backslash but found `"`"#,
        ),
        (
            r"States.Array('a\",
            r"expected `'`, `{`, `}` or `\` after a backslash but the text ends here",
        ),
        ("States.Array($.)", "expected a name after `.` but the text ends here"),
    ] {
        if message == "x" {
            assert!(Intrinsic::parse(expression).is_ok());
        } else {
            check_refused(expression, message);
        }
    }
}

#[test]
fn errors_say_where() {
    for (expression, offset) in [
        ("States.Array(1, $.a[)", 20),
        ("States.Array(1, States.Foo())", 16),
        ("States.Array('a' 'b')", 17),
        ("States.Array(States.MathAdd(1))", 13),
    ] {
        assert_eq!(
            Intrinsic::parse(expression).expect_err(expression).offset,
            offset,
            "{expression}"
        );
    }
}

#[test]
fn calls_nest_ten_deep() {
    let nested = |depth: usize| format!("{}{}", "States.Array(".repeat(depth), ")".repeat(depth));
    assert!(Intrinsic::parse(&nested(11)).is_ok());
    check_refused(&nested(12), "calls nest at most 10 deep");
    assert!(Intrinsic::parse(&nested(100_000)).is_err());
}

#[test]
fn calls_that_depend_on_nothing_are_evaluated_once() {
    for (expression, constant) in [
        ("States.Format('{}-{}', 1, 'a')", Some(r#""1-a""#)),
        (
            "States.Array(States.MathAdd(1, 2), States.StringToJson('[]'))",
            Some("[3,[]]"),
        ),
        ("States.MathRandom(0, 10, 42)", Some("0")),
        ("States.MathRandom(0, 10)", None),
        ("States.UUID()", None),
        ("States.Array(States.UUID())", None),
        ("States.Array($.a)", None),
        ("States.StringToJson('{')", None),
    ] {
        let intrinsic = Intrinsic::parse(expression).expect(expression);
        assert_eq!(
            intrinsic.constant().map(Document::to_json).as_deref(),
            constant,
            "{expression}"
        );
    }
}

#[test]
fn a_path_that_leads_nowhere_is_named_in_the_words_of_the_service() {
    for (expression, detail) in [
        (
            "States.Format('{}', $.a.b)",
            r#"The JsonPath argument for the field '$.a.b' could not be found in the input '{"o":1,"i":[1]}'"#,
        ),
        (
            "States.Array(States.Array($.o, $.i[5]))",
            r#"The JsonPath argument for the field '$.i[5]' could not be found in the input '{"o":1,"i":[1]}'"#,
        ),
        (
            "States.Format('{}', $$.Nope.Deep)",
            r#"The JsonPath argument for the field '$.Nope.Deep' could not be found in the input '{"o":1,"i":[1]}'"#,
        ),
        (
            "States.Format('{}', $.o[0])",
            "Filter: [0] can only be applied to arrays. Current context is: 1",
        ),
    ] {
        let intrinsic = Intrinsic::parse(expression).expect(expression);
        let error = intrinsic
            .evaluate(&TestScope::of(r#"{"o":1,"i":[1]}"#))
            .expect_err(expression);
        assert_eq!(
            error,
            IntrinsicError::NoMatch {
                expression: expression.into(),
                detail: detail.to_owned(),
            }
        );
        assert_eq!(
            error.to_string(),
            format!("The function '{expression}' had the following error: {detail}")
        );
    }
}

#[test]
fn results_are_bounded() {
    let scope = TestScope::of(&format!("\"{}\"", "x".repeat(1_000_000)));
    let arguments = ["$"; 100].join(",");
    for expression in [
        format!("States.Array({arguments})"),
        format!("States.JsonToString(States.Array({}))", ["$"; 9].join(",")),
    ] {
        let error = Intrinsic::parse(&expression).unwrap().evaluate(&scope).unwrap_err();
        assert!(
            error.to_string().ends_with("the result is larger than 8388608 bytes"),
            "{error}"
        );
    }
}

#[test]
fn all_paths_are_seen() {
    let intrinsic = Intrinsic::parse("States.Format($.t, States.Array($$.State, $x.y), 'a')").expect("an expression");
    let mut seen = Vec::new();
    intrinsic.visit_paths(&mut |path| seen.push(path.to_string()));
    assert_eq!(seen, ["$.t", "$$.State", "$x.y"]);
}

proptest! {
    #[test]
    fn any_text_is_parsed_or_refused(text in r#"(States\.(Array|Format|Hash|UUID)\(|[$.'\\{}\[\](),a-c0-9 \n])*"#) {
        if let Ok(intrinsic) = Intrinsic::parse(&text) {
            let _ = intrinsic.evaluate(&TestScope::of(r#"{"a":[1,"b"],"b":{"c":null}}"#));
        }
    }

    #[test]
    fn any_literal_survives(literal in ".*") {
        let escaped = literal.replace('\\', r"\\").replace('\'', r"\'").replace('{', r"\{").replace('}', r"\}");
        let expected = Document::from(literal.as_str()).to_json();
        check("{}", &format!("States.Format('{escaped}')"), &expected);
        check("{}", &format!("States.Array('{escaped}')"), &format!("[{expected}]"));
    }
}
