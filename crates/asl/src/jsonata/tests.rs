use super::*;

/// What a test evaluates against: `$states` as one document, and variables.
pub(super) struct TestBindings {
    states: Document,
    variables: Document,
    time_left: Option<Duration>,
}

impl TestBindings {
    pub(super) fn of(states: &str) -> TestBindings {
        TestBindings {
            states: Document::parse(states).expect("JSON"),
            variables: Document::parse(r#"{"n":7,"text":"abc","list":[1,2,3],"big":9007199254740993}"#).expect("JSON"),
            time_left: None,
        }
    }

    pub(super) fn with_variables(self, variables: &str) -> TestBindings {
        TestBindings {
            variables: Document::parse(variables).expect("JSON"),
            ..self
        }
    }
}

impl crate::resolve::Resolver for TestBindings {}

impl Bindings for TestBindings {
    fn states(&self, member: &str) -> Option<Document> {
        self.states.get(member).cloned()
    }

    fn variable(&self, name: &str) -> Option<Document> {
        self.variables.get(name).cloned()
    }

    fn random(&self) -> u128 {
        7
    }

    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + std::time::Duration::from_millis(1_700_000_000_123)
    }

    fn time_left(&self) -> Option<Duration> {
        self.time_left
    }
}

const STATES_OF_TESTS: &str = r#"{
    "input": {"order": {"total": 150, "items": [{"sku": "a", "price": 2.5}, {"sku": "b", "price": 4}]},
              "one": [{"sku": "c", "price": 1}], "none": [], "null": null, "name": "Ada", "whole": 1.0, "n": 2,
              "nested": [[1, 2], [3]], "text": "a,b,c", "long": 9223372036854775807},
    "context": {"Execution": {"Name": "run"}}
}"#;

fn evaluate_text(expression: &str) -> Result<Option<Document>, EvaluationFailure> {
    let parsed = Jsonata::parse(expression).unwrap_or_else(|error| panic!("{expression}: {error}"));
    parsed.evaluate(&TestBindings::of(STATES_OF_TESTS))
}

fn show(outcome: Result<Option<Document>, EvaluationFailure>) -> String {
    match outcome {
        Ok(Some(document)) => document.to_json(),
        Ok(None) => "undefined".to_owned(),
        Err(failure) => failure.to_string(),
    }
}

fn check(rows: &[(&str, &str)]) {
    let mut wrong = String::new();
    for (expression, expected) in rows {
        let found = show(evaluate_text(expression));
        if found != *expected {
            wrong += &format!("{expression}\n    gives    {found}\n    expected {expected}\n");
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn follows_paths() {
    check(&[
        ("$states.input.order.total", "150"),
        ("$states.input.name", r#""Ada""#),
        ("$states.input.`null`", "null"),
        ("$states.input.missing", "undefined"),
        ("$states.input.name.first", "undefined"),
        ("$states.input.`null`.first", "undefined"),
        ("$states.result", "undefined"),
        ("$states.context.Execution.Name", r#""run""#),
        ("$states.input.one", r#"[{"sku":"c","price":1}]"#),
        ("$states.input.none", "[]"),
        ("$states.input.one.sku", r#""c""#),
        ("$states.input.order.items.sku", r#"["a","b"]"#),
        ("$states.input.order.items[0].sku", r#""a""#),
        ("$states.input.order.items[price > 3].sku", r#""b""#),
        ("$states.input.nested", "[[1,2],[3]]"),
        ("$n", "7"),
        ("$missing", "undefined"),
        ("$list[0]", "1"),
        ("$states.input.`order`.\"total\"", "150"),
    ]);
}

#[test]
fn numbers_keep_their_kind() {
    check(&[
        ("$states.input.order.total + 0", "150"),
        ("$states.input.order.total / 4", "37.5"),
        ("$states.input.whole", "1"),
        ("$states.input.long", "9223372036854775807"),
        ("$big", "9007199254740993"),
        // Computing with it needs a number of 53 bits, as in JavaScript.
        ("$big + 0", "9007199254740992"),
        ("1e21", "1e+21"),
        ("4611686018427387904", "4611686018427387904"),
        ("-0", "0"),
        ("1/0", r#""Infinity""#),
        ("[-1/0]", r#"["-Infinity"]"#),
    ]);
}

#[test]
fn functions_of_step_functions() {
    check(&[
        ("$partition([1,2,3,4], 2)", "[[1,2],[3,4]]"),
        ("$partition([1,2,3], 2.9)", "[[1,2],[3]]"),
        ("$partition([0], 5)", "[[0]]"),
        ("$partition([1,2])", "[[1,2]]"),
        ("$partition([], 1)", "undefined"),
        ("$partition([1], 0.5)", "undefined"),
        ("$partition([1], -1)", "D3137: Second argument must be zero or greater"),
        (
            "$partition('a', 1)",
            "T0412: Argument 1 of function \"partition\" must be an array of undefined",
        ),
        ("$range(0, 3, 1)", "[0,1,2,3]"),
        ("$range(0, 7, 3)", "[0,3,6]"),
        ("$range(5, 1, -2)", "[5,3,1]"),
        ("$range(-1.7, 2.9, 1.5)", "[-1,0,1,2]"),
        ("$range(1, 9, 9)", "1"),
        ("$range(1, 9, 0)", "undefined"),
        ("$range(1, 9, -1)", "undefined"),
        ("$range(1, 9)", "undefined"),
        (
            "$range('a', 9, 1)",
            "T0410: Argument 1 of function \"range\" does not match function signature",
        ),
        ("$count($range(1, 360145, 1))", "360145"),
        (
            "$range(1, 360146, 1)",
            "Expression evaluation memory limit exceeded: Check for excessive memory usage",
        ),
        ("$count($range(-9e18, 9e18, 9e18))", "3"),
        ("$hash('abc', 'MD5')", r#""900150983cd24fb0d6963f7d28e17f72""#),
        ("$hash('abc')", "undefined"),
        (
            "$hash('abc', 'CRC')",
            "D3137: Hash algorithm 'CRC' must be one of SHA-1, SHA-384, SHA-256, SHA-512, MD5",
        ),
        (
            "$hash(1, 'MD5')",
            "T0410: Argument 1 of function \"hash\" does not match function signature",
        ),
        ("$random(42)", "0.7275636800328681"),
        ("$random() < 1 and $random() != $random()", "true"),
        ("$uuid() = $uuid()", "false"),
        (
            "$match($uuid(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/).index",
            "0",
        ),
        (
            "$uuid(1)",
            "T0410: Argument 1 of function \"uuid\" does not match function signature",
        ),
        ("$parse('{\"a\":[1,2.50,null]}')", r#"{"a":[1,2.5,null]}"#),
        ("$parse('{')", "D3137: Invalid JSON"),
        ("$parse('')", "D3137: Invalid JSON"),
        ("$parse('{\"a\":{\"b\":1}}').a.b", "1"),
        ("$map(['1','[2]'], $parse)", "[1,[2]]"),
        ("$eval('1+1')", "T1006: Attempted to invoke a non-function"),
        ("$count($shuffle([1..10]))", "10"),
        ("$sort($shuffle([3,1,2]))", "[1,2,3]"),
        ("$millis()", "1700000000123"),
        ("$now()", r#""2023-11-14T22:13:20.123Z""#),
        ("$now('[Y]-[M]')", r#""2023-11""#),
        ("$now() = $fromMillis($millis())", "true"),
        ("$fromMillis(1.9)", r#""1970-01-01T00:00:00.001Z""#),
        ("$clone({'a':1})", r#"{"a":1}"#),
    ]);
}

#[test]
fn says_what_failed() {
    check(&[
        ("$nope(1)", "T1006: Attempted to invoke a non-function"),
        (
            "'a' + 1",
            "T2001: The left side of the \"+\" operator must evaluate to a number",
        ),
        (
            "1 - 'a'",
            "T2002: The right side of the \"-\" operator must evaluate to a number",
        ),
        ("-'a'", "D1002: Cannot negate a non-numeric value: \"a\""),
        (
            "1 < 'a'",
            "T2009: The values 1 and \"a\" either side of operator \"<\" must be of the same data type",
        ),
        (
            "true >= 1",
            "T2010: The expressions either side of operator \">=\" must evaluate to numeric or string values",
        ),
        (
            "$sum('a')",
            "T0412: Argument 1 of function \"sum\" must be an array of \"numbers\"",
        ),
        (
            "$abs('x')",
            "T0410: Argument 1 of function \"abs\" does not match function signature",
        ),
        (
            "$substring('a', 'b')",
            "T0410: Argument 2 of function \"substring\" does not match function signature",
        ),
        ("$number('x')", "D3030: Unable to cast value to a number: \"x\""),
        (
            "$sqrt(-4)",
            "D3060: The sqrt function cannot be applied to a negative number: -4",
        ),
        (
            "{1: 2}",
            "T1003: Key in object structure must evaluate to a string; got: 1",
        ),
        (
            "[1..'a']",
            "T2004: The right side of the range operator (..) must evaluate to an integer",
        ),
        ("$error('no luck')", "D3137: no luck"),
        ("$assert(false, 'wrong')", "D3141: wrong"),
        (
            "$map([1], function($x){$sum([$x]) + $length($states.input.n)})",
            "T0410: Argument 1 of function \"length\" does not match function signature",
        ),
        (
            "($f := function($x)<n:n>{ $x }; $f('1'))",
            "T0410: Argument 1 of function \"f\" does not match function signature",
        ),
        ("$substring('abc', 1e300)", "\"\""),
        ("$sum", "returned an unsupported result type."),
        ("[function($x){$x}]", "returned an unsupported result type."),
    ]);
}

#[test]
fn functions_see_variables_change() {
    check(&[
        ("($x := 1; $g := function() { $x }; $x := 2; $g())", "2"),
        (
            "($x := 1; $g := function() { $x }; $h := ($x := 5; $g()); $x := 2; [$g(), $h])",
            "[2,1]",
        ),
        ("($x := 1; $g := function($x) { $x }; $x := 2; $g(3))", "3"),
        (
            "($n := $n + 1; $g := function() { $n }; $n := $n + 1; [$n, $g()])",
            "[9,9]",
        ),
        (
            "($f := function() { 1 }; $g := function() { $f() }; $f := function() { 2 }; $g())",
            "2",
        ),
        (
            "($odd := 0; $even := function($n) { $n = 0 ? true : $odd($n - 1) }; \
             $odd := function($n) { $n = 0 ? false : $even($n - 1) }; $even(9))",
            "false",
        ),
        (
            "[1..3].($x := $; $g := function() { $x * 10 }; $x := $x + 1; $g())",
            "[20,30,40]",
        ),
        ("($x := 1; $x := $x + 1; $x)", "2"),
        (
            "($mk := function($n) { ($c := $n; $c := $c + 1; function() { $c }) }; $a := $mk(1); $b := $mk(5); [$a(), $b()])",
            "[2,6]",
        ),
    ]);
}

#[test]
fn words_the_whole_cause() {
    let cause = |expression| {
        let failure = evaluate_text(expression).expect_err("it fails");
        failure.cause(expression, "Output/a")
    };
    assert_eq!(
        cause("$nope()"),
        "The JSONata expression '$nope()' specified for the field 'Output/a' threw an error during evaluation. \
         T1006: Attempted to invoke a non-function"
    );
    assert_eq!(
        cause("$range(0,1e9,1)"),
        "The JSONata expression '$range(0,1e9,1)' specified for the field 'Output/a' threw an error during \
         evaluation: Expression evaluation memory limit exceeded: Check for excessive memory usage"
    );
    assert_eq!(
        cause("$sum"),
        "The JSONata expression '$sum' specified for the field 'Output/a' returned an unsupported result type."
    );
}

/// What an expression refers to, on one line.
fn references(expression: &str) -> String {
    let parsed = Jsonata::parse(expression).unwrap_or_else(|error| panic!("{expression}: {error}"));
    let References {
        states,
        variables,
        functions: _,
        top_level,
        names_root,
        calls_eval,
        unsupported_patterns,
    } = parsed.references();
    let mut parts = Vec::new();
    for reference in states {
        let member = reference.member.as_deref().unwrap_or("*");
        parts.push(
            [
                &["states", member],
                &*reference.path.iter().map(|key| &**key).collect::<Vec<_>>(),
            ]
            .concat()
            .join("."),
        );
    }
    parts.extend(variables.iter().map(|name| format!("${name}")));
    parts.extend(top_level.iter().map(|name| format!("top {name}")));
    parts.extend(names_root.then(|| "root".to_owned()));
    parts.extend(calls_eval.then(|| "eval".to_owned()));
    parts.extend(unsupported_patterns.iter().map(|pattern| format!("pattern {pattern}")));
    parts.join(", ")
}

#[test]
fn knows_what_expressions_refer_to() {
    let rows = [
        ("1 + 2", ""),
        ("$states.input.order.total > 100", "states.input.order.total"),
        (
            "$states.input.items[price > $limit].name",
            "states.input.items.price, states.input.items.name, $limit",
        ),
        ("$states", "states.*"),
        ("$states.result", "states.result"),
        (
            "$states.input.a & $states.context.Execution.Id",
            "states.input.a, states.context.Execution.Id",
        ),
        (
            "$map($states.input.items, function($v, $i){ $v.price * $i })",
            "states.input.items.price",
        ),
        ("$count($states.input.items)", "states.input.items"),
        (
            "$states.input.items ~> $filter(function($v){ $v.ok }) ~> $count",
            "states.input.items.ok",
        ),
        ("$a + $b.c", "$a, $b"),
        ("($x := $y; $x + $z)", "$y, $z"),
        ("($x := $x + 1; $x)", "$x"),
        (
            "($f := function($n){ $g($n) }; $g := function($n){ $n + $k }; $f(1))",
            "$k",
        ),
        ("function($p){ $p + $q }(1)", "$q"),
        ("$sum($list) + $nope(1)", "$list"),
        ("$states.input.a#$i.{'i': $i}", "states.input.a"),
        ("[$states.input.a#$i^($i){'i': $i}, $i]", "states.input.a, $i"),
        // There is no context value.
        ("phone & '!'", "top phone"),
        ("$.a", "top $"),
        ("$", "top $"),
        ("$$.a", "root"),
        ("{name: 1}", "top name"),
        ("$map($states.input.a, function($x){ b })", "states.input.a, top b"),
        ("$states.input.(a & b)^(c){d: e}", "states.input.a, states.input.b"),
        ("$states.input.a[$ > 1]", "states.input.a"),
        ("length('a')", "top length"),
        ("$eval('1')", "eval"),
        (r"$contains('a', /(?=a)/)", "pattern /(?=a)/"),
        (r"$contains('a', /(a)\1/i)", r"pattern /(a)\1/i"),
    ];
    let mut wrong = String::new();
    for (expression, expected) in rows {
        let found = references(expression);
        if found != expected {
            wrong += &format!("{expression}\n    gives    {found}\n    expected {expected}\n");
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn converts_only_what_is_reached() {
    let item = |at| format!(r#"{{"id":{at},"price":{at},"text":"{}"}}"#, "x".repeat(200));
    let input_of = |items: usize| {
        let items: Vec<_> = (0..items).map(item).collect();
        TestBindings::of(&format!(
            r#"{{"input":{{"order":{{"total":150}},"items":[{}]}},"result":{{"a":1}}}}"#,
            items.join(",")
        ))
    };
    let (small, large) = (input_of(1), input_of(1_000));
    assert!(large.states.json_bytes() > 220_000);
    for (expression, of_small, of_large) in [
        // Paths need no conversion at all.
        ("$states.input.order.total", 0, 0),
        ("$states.input", 0, 0),
        ("$states", 0, 0),
        // Nor do operators on them.
        ("$states.input.order.total > 100", 0, 0),
        ("$states.input.order.total > 100 and $states.result.a = 1", 0, 0),
        ("$states.input.order.total in [100, 150]", 1, 1),
        ("$abs($states.input.order.total) > 100 and $states.result.a = 1", 2, 2),
        ("$exists($states.input.items)", 0, 0),
        // One value of each item, not three.
        ("$sum($states.input.items.price)", 1, 1_000),
        ("$count($states.input.items[price > 10])", 1, 1_000),
        (
            "$map($states.input.items, function($item){ $item.price * 2 })",
            1,
            1_000,
        ),
        ("$states.input.items.price", 1, 1_000),
        ("$string($states.input.items)", 5, 4_001),
    ] {
        let parsed = Jsonata::parse(expression).expect(expression);
        for (input, expected) in [(&small, of_small), (&large, of_large)] {
            convert::conversions::take();
            parsed.evaluate(input).expect(expression);
            assert_eq!(convert::conversions::take(), expected, "{expression}");
        }
    }
}

#[test]
fn tells_expressions_from_strings() {
    for (text, expected) in [
        ("{% $a %}", Ok(Some("$a"))),
        ("{%$a%}", Ok(Some("$a"))),
        ("{%%}", Ok(Some(""))),
        ("{% '%}' & '{%' %}", Ok(Some("'%}' & '{%'"))),
        ("", Ok(None)),
        ("$a", Ok(None)),
        (" {% $a %} ", Ok(None)),
        ("a {% $a %} b", Ok(None)),
        ("{% $a", Err(HalfOpen)),
        ("$a %}", Err(HalfOpen)),
        ("{% $a %} ", Err(HalfOpen)),
        ("{%}", Err(HalfOpen)),
    ] {
        assert_eq!(expression_text(text), expected, "{text}");
    }
}

#[test]
fn is_shared_between_threads() {
    fn check<T: Send + Sync + Clone + fmt::Debug + 'static>(_: &T) {}
    let parsed = Jsonata::parse("$states.input.n + 1").expect("it parses");
    check(&parsed);
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let parsed = parsed.clone();
            std::thread::spawn(move || show(parsed.evaluate(&TestBindings::of(STATES_OF_TESTS))))
        })
        .collect();
    for thread in threads {
        assert_eq!(thread.join().expect("no panic"), "3");
    }
}

#[test]
fn an_evaluation_takes_no_longer_than_there_is_time() {
    let parsed = |text: &str| Jsonata::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let evaluate = |text: &str, time_left| {
        let bindings = TestBindings {
            time_left,
            ..TestBindings::of(STATES_OF_TESTS)
        };
        show(parsed(text).evaluate(&bindings))
    };
    let timeout = EvaluationFailure::from(Limit::Time).to_string();
    let endless = "($f := function($n) { $f($n + 1) }; $f(0))";
    let short = Some(Duration::from_millis(5));
    for (text, time_left, expected) in [
        ("$sum([1, 1])", None, "2"),
        ("$sum([1, 1])", Some(Duration::from_secs(60)), "2"),
        ("$sum([1, 1])", Some(Duration::ZERO), &*timeout),
        ("$states.input.n", Some(Duration::ZERO), "2"),
        (endless, short, &*timeout),
        (&*format!("{{'a': {endless}, 'b': {endless}}}"), short, &*timeout),
        (endless, Some(Duration::from_secs(60)), &*timeout),
    ] {
        assert_eq!(evaluate(text, time_left), expected, "{text} in {time_left:?}");
    }
}
