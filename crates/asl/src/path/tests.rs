//! Rows of a document, a path and what the path leads to.

use super::*;
use crate::document::DEPTH_MAX;
use crate::resolve::NoValues;
use crate::scope::TestScope;
use proptest::prelude::*;

fn parsed(text: &str) -> Path {
    Path::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn check(input: &str, path: &str, expected: &str) {
    match parsed(path).evaluate(&TestScope::of(input)) {
        Ok(found) => assert_eq!(found.to_json(), expected, "{path} of {input}"),
        Err(error) => panic!("{error} of {input}"),
    }
}

fn check_no_match(input: &str, path: &str, expected: &str) {
    match parsed(path).evaluate(&TestScope::of(input)) {
        Ok(found) => panic!("{path} of {input} is {found}"),
        Err(error) => assert_eq!(error.detail(), expected, "{path} of {input}"),
    }
}

fn check_refused(path: &str, offset: usize, message: &str) {
    let error = Path::parse(path).expect_err(path);
    assert_eq!((error.offset, error.message.as_str()), (offset, message), "{path}");
}

#[test]
fn names_and_indexes_lead_to_a_single_value() {
    for (input, path, expected) in [
        ("5", "$", "5"),
        (r#"{"a":{"b":[10,{"c":null}]}}"#, "$.a.b[1].c", "null"),
        (r#"{"a":{"b":1}}"#, "$['a'][\"b\"]", "1"),
        (r#"{"detail-type":1}"#, "$.detail-type", "1"),
        (r#"{"a:b":{"c@d":1}}"#, "$.a:b.c@d", "1"),
        (r#"{"$id":1,"ü":2,"a*":3}"#, "$.$id", "1"),
        (r#"{"$id":1,"ü":2,"a*":3}"#, "$.ü", "2"),
        (r#"{"$id":1,"ü":2,"a*":3}"#, "$.a*", "3"),
        (r#"{"a b":1,"c.d":2,"e]f":3,"it's":4}"#, "$['a b']", "1"),
        (r#"{"a b":1,"c.d":2,"e]f":3,"it's":4}"#, "$['c.d']", "2"),
        (r#"{"a b":1,"c.d":2,"e]f":3,"it's":4}"#, "$['e]f']", "3"),
        (r#"{"a b":1,"c.d":2,"e]f":3,"it's":4}"#, r"$['it\'s']", "4"),
        (r#"{"a b":1,"c.d":2,"e]f":3,"it's":4}"#, "$[\"it's\"]", "4"),
        (r#"{"a\\b":1}"#, r"$['a\b']", "1"),
        (r#"{"*":1}"#, "$['*']", "1"),
        (r#"{"":1}"#, "$['']", "1"),
        ("[[1,2]]", "$[0][1]", "2"),
        ("[1,2]", "$.[0]", "1"),
        (r#"{"a":[{"b":1}]}"#, "$.a.[0].b", "1"),
        (r#"{"a":[1,2]}"#, "$.a[ 0 ]", "1"),
        (r#"{"a":1}"#, "$.a ", "1"),
        (r#"{"a":1}"#, "$[ 'a' ]", "1"),
        (r#"{"a":[1,2,3]}"#, "$.a[-1]", "3"),
        (r#"{"a":[1,2,3]}"#, "$.a[(@.length-1)]", "3"),
        (r#"{"a":[1,2,3]}"#, "$.a[(@.size() - 2)]", "2"),
        (r#"{"a":1,"b":2,"c":3}"#, "$['c','a']", r#"{"c":3,"a":1}"#),
        (r#"{"a":1,"b":2,"c":3}"#, "$['a', 'z']", r#"{"a":1}"#),
    ] {
        check(input, path, expected);
        assert!(parsed(path).is_definite(), "{path}");
    }
}

#[test]
fn an_index_past_the_end_is_null_to_templates_and_missing_to_others() {
    for path in ["$.a[2]", "$.a[-3]", "$.a[(@.length-3)]"] {
        check(r#"{"a":[1,2]}"#, path, "null");
    }
    let error = parsed("$.a[2]")
        .find(&TestScope::of(r#"{"a":[1,2]}"#))
        .expect_err("missing");
    assert_eq!(
        error.to_string(),
        "Invalid path '$.a[2]' : No results for path: $['a'][2]"
    );
    let found = parsed("$.a")
        .find(&TestScope::of(r#"{"a":null}"#))
        .expect("there is null");
    assert!(found.is_null());
}

#[test]
fn a_missing_value_is_described_in_the_words_of_the_service() {
    for (input, path, detail) in [
        ("{}", "$.a", "No results for path: $['a']"),
        ("{}", "$['a b']", "No results for path: $['a b']"),
        (r#"{"a":{}}"#, "$.a.b", "No results for path: $['a']['b']"),
        ("{}", "$.no.such.path", "Missing property in path $['no']"),
        (r#"{"a":{}}"#, "$.a.b[0]", "Missing property in path $['a']['b']"),
        ("{}", "$.a[0]", "Missing property in path $['a']"),
        (r#"{"a":1}"#, "$.a.b", "Property ['b'] not found in path $['a']"),
        (r#"{"a":[]}"#, "$.a.b.c", "Property ['b'] not found in path $['a']"),
        (
            r#"{"a":[1]}"#,
            "$.a.length()",
            "Property ['length()'] not found in path $['a']",
        ),
        ("null", "$.a", "Property ['a'] not found in path $"),
        ("[]", "$['a','b']", "Property ['a', 'b'] not found in path $"),
        (r#"{"a":[1]}"#, "$.a[5].x", "Property ['x'] not found in path $['a'][5]"),
        (r#"{"a":null}"#, "$.a[0]", "The path $['a'] is null"),
        (r#"{"a":null}"#, "$.a[0:1]", "The path $['a'] is null"),
        (
            r#"{"a":1}"#,
            "$.a[0]",
            "Filter: [0] can only be applied to arrays. Current context is: 1",
        ),
        (
            r#"{"a":{"x":1}}"#,
            "$.a[0].b.c",
            r#"Filter: [0]['b']['c'] can only be applied to arrays. Current context is: {"x":1}"#,
        ),
        (
            r#"{"a":"s"}"#,
            "$.a[:1]",
            "Filter: [:1] can only be applied to arrays. Current context is: s",
        ),
        (
            r#"["s"]"#,
            "$[0][1]",
            r#"Filter: [1] can only be applied to arrays. Current context is: "s""#,
        ),
        (
            r#"{"a":5}"#,
            "$.a[?(@.x)].y",
            "Filter: [?]['y'] can not be applied to primitives. Current context is: 5",
        ),
        (r#"{"a":5}"#, "$.a.b[*]", "Property ['b'] not found in path $['a']"),
        ("{}", "$$.Execution.Nope", "No results for path: $['Execution']['Nope']"),
        ("{}", "$name.nope", "No results for path: $['nope']"),
        (
            "{}",
            "$unknown.x",
            "The variable 'unknown' has not been assigned a value",
        ),
    ] {
        check_no_match(input, path, detail);
    }
    let error = parsed("$.a[0]")
        .evaluate(&TestScope::of(r#"{"a":1}"#))
        .expect_err("no match");
    assert!(error.is_wrong_kind());
    assert_eq!(&**error.path(), "$.a[0]");
}

#[test]
fn other_paths_give_an_array() {
    for (input, path, expected) in [
        (r#"{"a":[1,2,3,4]}"#, "$.a[1:3]", "[2,3]"),
        (r#"{"a":[1,2,3,4]}"#, "$.a[1:]", "[2,3,4]"),
        (r#"{"a":[1,2,3,4]}"#, "$.a[:2]", "[1,2]"),
        (r#"{"a":[1,2,3,4]}"#, "$.a[-2:]", "[3,4]"),
        (r#"{"a":[1,2,3,4]}"#, "$.a[:-1]", "[1,2,3]"),
        (r#"{"a":[1,2,3,4]}"#, "$.a[1:-1]", "[2,3]"),
        (r#"{"a":[1,2,3,4]}"#, "$.a[:]", "[1,2,3,4]"),
        (r#"{"a":[1,2,3,4]}"#, "$.a[3:1]", "[]"),
        (r#"{"a":[1,2,3,4]}"#, "$.a[2:99]", "[3,4]"),
        (r#"{"a":[1,2,3,4]}"#, "$.a[ 0 : 1 ]", "[1]"),
        (r#"{"a":[1,2,3]}"#, "$.a[0,2]", "[1,3]"),
        (r#"{"a":[1,2,3]}"#, "$.a[-1, 0]", "[3,1]"),
        (r#"{"a":[1]}"#, "$.a[0,7]", "[1,null]"),
        (r#"{"a":[1,2]}"#, "$.a[*]", "[1,2]"),
        (r#"{"a":{"x":1,"y":[2]}}"#, "$.a.*", "[1,[2]]"),
        (r#"{"a":[{"b":1},{"c":2},3,{"b":4}]}"#, "$.a[*].b", "[1,4]"),
        (r#"{"a":[{"b":1},{"c":2}]}"#, "$.a[0:2].b", "[1]"),
        (r#"{"a":[[1],[]]}"#, "$.a[*][0]", "[1,null]"),
        (r#"{"a":[{"b":[{"c":1},{"c":2}]},{"b":[]}]}"#, "$.a[*].b[*].c", "[1,2]"),
        (
            r#"{"a":[{"x":1,"y":2,"z":3}]}"#,
            "$.a[*]['x','y']",
            r#"[{"x":1,"y":2}]"#,
        ),
        ("5", "$[*]", "[]"),
        ("{}", "$[*].type", "[]"),
        (r#"{"a":null}"#, "$.a[*]", "[]"),
        (r#"{"a":"s"}"#, "$.a[*]", "[]"),
    ] {
        check(input, path, expected);
        assert!(!parsed(path).is_definite(), "{path}");
    }
}

#[test]
fn below_a_missing_member_there_is_nothing() {
    for path in [
        "$.items[*]",
        "$.item.items[1:5]",
        "$.items[1:].v",
        "$.a.b[*].c",
        "$.a..b",
        "$.a[?(@.x)]",
        "$.a[0,1]",
    ] {
        check("{}", path, "[]");
    }
}

#[test]
fn two_dots_come_by_everything_from_the_outside_in() {
    for (input, path, expected) in [
        (r#"{"b":{"b":1},"c":[{"b":2}]}"#, "$..b", r#"[{"b":1},1,2]"#),
        (r#"{"a":[1,{"b":2}],"c":3}"#, "$..*", r#"[[1,{"b":2}],3,1,{"b":2},2]"#),
        (r#"{"a":[1,[2]],"c":[]}"#, "$..[0]", "[1,2]"),
        (r#"{"a":[1,2,[3,4]]}"#, "$..[1:]", "[2,[3,4],4]"),
        (r#"{"b":{"c":1},"x":{"b":{"d":1}}}"#, "$..b.c", "[1]"),
        (r#"{"d":{"x":{"a":[1,2]}}}"#, "$.d..a", "[[1,2]]"),
        (r#"{"d":{"x":{"a":[1,2]}}}"#, "$.d..a[*]", "[1,2]"),
        (r#"{"a":{"a":{"b":1}}}"#, "$..a..b", "[1,1]"),
        (r#"{"x":{"a":1,"b":2},"a":5}"#, "$..['a','b']", r#"[{"a":1,"b":2}]"#),
        (r#"{"a":[{"x":1}],"b":{"x":2,"y":3}}"#, "$..[?(@.x)].x", "[1,2]"),
        (r#"{"x":1,"a":[2]}"#, "$..[?(@.x)].x", "[1]"),
        ("5", "$..a", "[]"),
    ] {
        check(input, path, expected);
    }
}

#[test]
fn filters_choose_items() {
    let rows = [
        (r#"[{"x":1},{"x":2},{"y":1},5,null]"#, "@.x > 1", "[1]"),
        (r#"[{"x":1},{"x":2}]"#, "@.x >= 1 && @.x<2", "[0]"),
        (r#"[{"x":1},{"x":2},{"x":3}]"#, "@.x == 1 || @.x == 3", "[0,2]"),
        (
            r#"[{"x":1,"y":0},{"x":2,"y":1},{"x":2,"y":0}]"#,
            "@.x == 1 || @.x == 2 && @.y == 1",
            "[0,1]",
        ),
        (
            r#"[{"x":1,"y":0},{"x":2,"y":1},{"x":2,"y":0}]"#,
            "(@.x == 1 || @.x == 2) && @.y == 1",
            "[1]",
        ),
        (r#"[{"x":1},{"x":2}]"#, "!(@.x == 1)", "[1]"),
        (r#"[{"x":"a"},{"x":"b"}]"#, "@.x == 'a'", "[0]"),
        (r#"[{"x":"a"},{"x":"b"}]"#, "@.x == \"b\"", "[1]"),
        (r#"[{"x":"Receipt"},{"x":"Bill"}]"#, "@.x==Receipt", "[0]"),
        (r#"[{"x":"it's"},{"x":"a) && b]"}]"#, r"@.x == 'it\'s'", "[0]"),
        (r#"[{"x":"it's"},{"x":"a) && b]"}]"#, "@.x == 'a) && b]'", "[1]"),
        (r#"[{"x":2},{"x":"2"},{"x":2.0},{"x":"2.0"}]"#, "@.x == 2", "[0,1,2]"),
        (r#"[{"x":2},{"x":"2"},{"x":true}]"#, "@.x == '2'", "[0,1]"),
        (
            r#"[{"x":200},{"x":"200"},{"x":"500"},{"x":"none"},{}]"#,
            "@.x != '200'",
            "[2,3]",
        ),
        (r#"[{"x":"one"},{"x":1}]"#, "@.x != 'one'", "[1]"),
        (
            r#"[{"x":true},{"x":"true"},{"x":false},{"x":1}]"#,
            "@.x == true",
            "[0,1]",
        ),
        (r#"[{"x":null},{"x":"null"},{"x":1},{}]"#, "@.x == null", "[0,1]"),
        (r#"[{"x":null},{"x":[]},{"x":0},{}]"#, "@.x != null", "[1,2]"),
        (r#"[{"x":null},{"x":1}]"#, "@.x < 5", "[1]"),
        (r#"[{"x":[1]},{"x":{}},{"x":1}]"#, "@.x == 1", "[2]"),
        (r#"[{"x":[1]},{"x":{}},{"x":1}]"#, "@.x != 2", "[2]"),
        (r#"[{"x":false},{"x":null},{"x":[]},{}]"#, "@.x", "[0,2]"),
        (r#"[{"x":false},{"x":null},{"x":[]},{}]"#, "!@.x", "[1,3]"),
        (r#"[{"x":{"y":1}},{"x":1}]"#, "@.x.y", "[0]"),
        (r#"[{"x":[3,4]},{"x":[]}]"#, "@.x[-1] == 4", "[0]"),
        (r#"[{"x":[]},{"x":[1]},{"x":1}]"#, "@.x[0] != 1", "[0]"),
        (r#"[{"x":[]},{"x":[1]},{"x":1}]"#, "@.x[0]", "[1]"),
        (r#"[{"a-b":1},{"a-b":2}]"#, "@.a-b == 1", "[0]"),
        (r#"[{"a b":1},{}]"#, "@['a b'] == 1", "[0]"),
        (r#"[{"x":1,"y":1},{"x":1,"y":2}]"#, "@.x == @.y", "[0]"),
        (r#"[{"x":1},{"x":2}]"#, "@.x == $[1].x", "[1]"),
        (r#"[{"x":1},{"x":2}]"#, "1 == @.x", "[0]"),
        (r#"[{"x":1},{"x":2}]"#, "@.x == $.nope", "[]"),
        (r#"[{"x":-1.5}]"#, "@.x == -1.5", "[0]"),
        (
            r#"[{"d":"2024-06-01"},{"d":"2023-06-01"}]"#,
            "@.d > '2024-01-01'",
            "[0]",
        ),
        ("[1,2,3]", "@ >= 2", "[1,2]"),
        ("[1,null,false]", "@", "[0,2]"),
        (r#"[{"x":"foo"},{"x":"food"},{"x":"FOO"}]"#, "@.x =~ /fo*/", "[0]"),
        (r#"[{"x":"foo"},{"x":"food"},{"x":"FOO"}]"#, "@.x =~ /fo.*/i", "[0,1,2]"),
        (r#"[{"x":"a/b"},{"x":12},{"x":null}]"#, r"@.x =~ /a\/b|\d+/", "[0,1]"),
    ];
    for (items, filter, places) in rows {
        let input = Document::parse(items).expect(items);
        let places = Document::parse(places).expect(places);
        let chosen: Document = places
            .as_array()
            .expect("an array")
            .iter()
            .filter_map(|place| input.as_array()?.get(place.as_i64()? as usize).cloned())
            .collect::<Vec<_>>()
            .into();
        check(items, &format!("$[?({filter})]"), &chosen.to_json());
    }
}

#[test]
fn filters_ask_objects_about_themselves() {
    check(r#"{"a":{"x":1}}"#, "$.a[?(@.x == 1)].x", "[1]");
    check(r#"{"a":{"x":1}}"#, "$.a[?(@.x == 2)].x", "[]");
    check(r#"{"a":[{"x":1,"y":[7]},{"x":1}]}"#, "$.a[?(@.x==1)].y[0]", "[7]");
    check(r#"{"x":[{"v":1},{"v":2}]}"#, "$.[?(@.v > 1)]", "[]");
    check(r#"[{"v":1},{"v":2}]"#, "$.[?(@.v > 1)]", r#"[{"v":2}]"#);
}

#[test]
fn roots_are_the_input_the_context_and_variables() {
    check("{}", "$$.Execution.Name", r#""run""#);
    check("{}", "$$", r#"{"Execution":{"Name":"run"},"State":{"Name":"S"}}"#);
    check("{}", "$$['State'].*", r#"["S"]"#);
    check("{}", "$n", "7");
    check("{}", "$name.key[1]", "2");
    check("{}", "$name.key[*]", "[1,2]");
    assert_eq!(parsed("$").root(), &Root::Input);
    assert_eq!(parsed("$$.a").root(), &Root::Context);
    assert_eq!(parsed("$naïve_1.a").root(), &Root::Variable("naïve_1".into()));
    assert_eq!(parsed("$[0]").root(), &Root::Input);
    assert!(parsed("$$").is_root() && parsed("$x").is_root() && !parsed("$.x").is_root());
    let keys: Vec<_> = parsed("$$.Execution['Input'].a[0].b")
        .leading_keys()
        .map(str::to_owned)
        .collect();
    assert_eq!(keys, ["Execution", "Input", "a"]);
}

#[test]
fn what_is_not_a_path_is_refused() {
    for (path, offset, message) in [
        ("", 0, "expected a path, which begins with `$`, but the text ends here"),
        ("a", 0, "expected a path, which begins with `$`, but found `a`"),
        (" $.a", 0, "expected a path, which begins with `$`, but found ` `"),
        ("$.", 2, "expected a name after `.` but the text ends here"),
        ("$.a.", 4, "expected a name after `.` but the text ends here"),
        ("$..", 3, "expected a name after `.` but the text ends here"),
        ("$...a", 3, "expected a name after `.` but found `.`"),
        ("$*", 1, "expected `.` or `[` but found `*`"),
        ("$1", 1, "expected `.` or `[` but found `1`"),
        ("$.a]", 3, "expected `.` or `[` but found `]`"),
        (
            "$.a b",
            4,
            "a name with blanks stands in brackets and quotes, as in `$['a b']`",
        ),
        ("$['a']b", 6, "expected `.` or `[` but found `b`"),
        (
            "$[",
            2,
            "expected an index, a name in quotes, `*`, a slice or a filter but the text ends here",
        ),
        (
            "$[]",
            2,
            "expected an index, a name in quotes, `*`, a slice or a filter but found `]`",
        ),
        (
            "$[a]",
            2,
            "expected an index, a name in quotes, `*`, a slice or a filter but found `a`",
        ),
        ("$[0", 3, "expected `]` but the text ends here"),
        ("$[0.5]", 3, "expected `]` but found `.`"),
        ("$[1,]", 4, "`` is not an index"),
        ("$[-]", 3, "`-` is not an index"),
        ("$[99999999999999999999]", 22, "`99999999999999999999` is not an index"),
        ("$[0:4:2]", 6, "slices with a step are not supported"),
        ("$['a]", 5, "expected a closing `'` but the text ends here"),
        ("$['a',b]", 6, "expected a name in quotes but found `b`"),
        (
            "$['a','b'].c",
            10,
            "several names in one pair of brackets can only end a path",
        ),
        (
            "$['a','b']..c",
            10,
            "several names in one pair of brackets can only end a path",
        ),
        ("$[(@.length)]", 11, "expected `-` but found `)`"),
        ("$[(@.length-0)]", 14, "an index that counts from the end is at least 1"),
        ("$[(1+1)]", 3, "expected `@` but found `1`"),
        (
            "$[(@.x-1)]",
            5,
            "scripts in brackets are not supported, except `(@.length-1)`",
        ),
        ("$[?]", 3, "expected `(` but found `]`"),
        ("$[?@.x]", 3, "expected `(` but found `@`"),
        ("$[?()]", 4, "expected a path or a literal but found `)`"),
        ("$[?(@.x == )]", 11, "expected a path or a literal but found `)`"),
        ("$[?(@.x = 1)]", 8, "expected a comparison such as `==` but found `=`"),
        ("$[?(@.x in ['a'])]", 8, "Step Functions has no filter operator `in`"),
        ("$[?(@.x size 2)]", 8, "Step Functions has no filter operator `size`"),
        ("$[?(1)]", 5, "expected a comparison but found `)`"),
        ("$[?((@.x)]", 9, "expected `)` but found `]`"),
        ("$[?(@.x && )]", 11, "expected a path or a literal but found `)`"),
        (
            "$[?(@.x[*] == 1)]",
            10,
            "a path inside a filter leads to a single value",
        ),
        (
            "$[?(@[?(@.y)])]",
            6,
            "expected an index, a name in quotes, `*`, a slice or a filter but found `?`",
        ),
        ("$[?(@.x =~ 'a')]", 11, "expected `/` but found `'`"),
        ("$[?(@.x =~ /a)]", 15, "expected a closing `/` but the text ends here"),
        (
            "$[?(@.x =~ /(?=a)/)]",
            12,
            "the pattern has a `?` that is not supported there",
        ),
    ] {
        check_refused(path, offset, message);
    }
}

#[test]
fn paths_and_filters_are_bounded() {
    assert!(Path::parse(&format!("${}", ".a".repeat(256))).is_ok());
    check_refused(&format!("${}", ".a".repeat(257)), 513, "a path has at most 256 steps");
    let nested = |depth: usize| format!("$[?({}@.a{})]", "(".repeat(depth), ")".repeat(depth));
    assert!(Path::parse(&nested(32)).is_ok());
    assert!(Path::parse(&nested(33)).is_err());
    assert!(Path::parse(&nested(100_000)).is_err());
    assert!(Path::parse(&format!("$[?({}@.a)]", "!".repeat(100_000))).is_err());
    assert!(Path::parse(&format!("$[?({}", "@[?(".repeat(100_000))).is_err());
}

#[test]
fn work_is_bounded() {
    let depth = DEPTH_MAX as usize;
    let deep = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    check(&deep, "$..[?(@.a)]", "[]");
    check_no_match(&deep, "$..*..*..*..*", "The path leads to more than 4000000 values");
}

#[test]
fn patterns_match_whole_texts() {
    for (pattern, matching, others) in [
        ("", &[""][..], &["a"][..]),
        ("abc", &["abc"], &["ab", "abcd", "ABC"]),
        ("a.c", &["abc", "a-c"], &["ac", "a\nc"]),
        ("a*b+c?", &["b", "aabbc", "ab"], &["a", "acc", ""]),
        ("(ab|c)*d", &["d", "abcd", "cabd"], &["ad", "abab"]),
        ("(?:a|)b", &["ab", "b"], &["a"]),
        ("a{2}b{1,2}c{0,}", &["aab", "aabbccc"], &["ab", "aabbbc"]),
        ("(){5}a", &["a"], &[""]),
        ("(a*)*b", &["aaab", "b"], &["aaa"]),
        ("[a-c_]+[^0-9]", &["a_x", "bc-"], &["a1", "dx"]),
        (r"[\w.-]+@[\w]+\.com", &["a.b-c@d.com"], &["@d.com", "a@d-com"]),
        (r"\d{4}-\d\d", &["2024-01"], &["24-01"]),
        (r"\S+\s\D", &["ab c"], &["ab 1"]),
        (r"\.\*\/\\", &[r".*/\"], &["a"]),
        ("^a$", &["a"], &["ba"]),
        ("(^a|b)*$", &["", "ab", "abb"], &["ba"]),
        ("a.*?b", &["ab", "axxb"], &["a"]),
        ("[]", &[], &[]),
        ("日.語", &["日本語"], &["日語"]),
    ] {
        let Ok(parsed) = pattern::Pattern::parse(pattern, false) else {
            assert_eq!(pattern, "[]");
            continue;
        };
        for text in matching {
            assert!(parsed.matches(text, &NoValues), "{pattern} {text}");
        }
        for text in others {
            assert!(!parsed.matches(text, &NoValues), "{pattern} {text}");
        }
    }
    for pattern in [
        "(a", "a)", "[a", "*a", "a**", "a{2", "a{3,2}", "a{,2}", "{", "}", "]", r"\1", r"\b", r"\p{L}", "(?i)a", "a++",
        "(?<n>a)", "[b-a]", "[^]", r"\", "^*", r"[\D]",
    ] {
        assert!(pattern::Pattern::parse(pattern, false).is_err(), "{pattern}");
    }
    assert!(pattern::Pattern::parse("((a{100}){100}){100}", false).is_err());
    assert!(pattern::Pattern::parse(&"(".repeat(100_000), false).is_err());
    assert!(pattern::Pattern::parse("((((){1000}){1000}){1000}){1000}", false).is_ok());
    let slow_elsewhere = pattern::Pattern::parse("(a|a)*(a|a)*b", false).expect("a pattern");
    assert!(!slow_elsewhere.matches(&"a".repeat(10_000), &NoValues));
}

#[test]
fn results_share_their_values_with_the_document() {
    let input = TestScope::of(&format!(r#"{{"a":[{{"b":"{}"}}]}}"#, "x".repeat(1000)));
    let address = |document: &Document| document.as_str().map(str::as_ptr);
    let direct = parsed("$.a[0].b").evaluate(&input).expect("found");
    let listed = parsed("$.a[*].b").evaluate(&input).expect("found");
    assert_eq!(address(&direct), address(&listed.as_array().expect("an array")[0]));
}

fn any_path() -> impl Strategy<Value = String> {
    let step = prop_oneof![
        "\\.[ab]",
        "\\['[ab]'\\]",
        "\\[-?[0-2]\\]",
        "\\[[01]?:[12]?\\]",
        "\\[\\*\\]|\\.\\*|\\.\\.[ab*]",
        "\\[0,1\\]|\\['a','b'\\]|\\[\\(@\\.length-1\\)\\]",
        "\\[\\?\\(@\\.[ab] (==|!=|<|>=) ('a'|1|null|true|@\\.a|\\$\\.b)\\)\\]",
    ];
    prop::collection::vec(step, 0..5).prop_map(|steps| format!("${}", steps.concat()))
}

fn any_document() -> impl Strategy<Value = Document> {
    let leaf = prop_oneof![
        Just(Document::Null),
        any::<bool>().prop_map(Document::from),
        (-2_i64..3).prop_map(Document::from),
        "[ab1]?".prop_map(Document::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Document::from),
            prop::collection::vec(("[abc]", inner), 0..4)
                .prop_map(|members| Document::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_text_is_parsed_or_refused(text in r#"\$[$.\[\]'"*?()@=!<>&|~/,:a-c0-3 \\-]{0,24}|.*"#) {
        if let Ok(path) = Path::parse(&text) {
            prop_assert!(text.starts_with(&**path.text()));
            prop_assert_eq!(&Path::parse(path.text()), &Ok(path.clone()));
            let _ = path.select(&Document::parse(r#"{"a":[{"b":1},[2]],"b":"c"}"#).unwrap(), &NoValues);
        }
    }

    #[test]
    fn any_path_leads_somewhere_or_nowhere(path in any_path(), document in any_document()) {
        if let Ok(path) = Path::parse(&path) {
            match path.select(&document, &NoValues) {
                Ok(found) => {
                    prop_assert!(path.is_definite() || found.as_array().is_some());
                    prop_assert_eq!(found.json_bytes(), found.to_json().len());
                }
                Err(error) => prop_assert!(!error.detail().is_empty()),
            }
        }
    }

    #[test]
    fn any_pattern_is_parsed_or_refused(text in r"[ab()|*+?{}1,\[\]^$.\\dw-]{0,16}") {
        if let Ok(pattern) = pattern::Pattern::parse(&text, true) {
            let _ = pattern.matches("abAB1", &NoValues);
        }
    }
}
