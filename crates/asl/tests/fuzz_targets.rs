//! The fuzz targets, run over a few mutations of a few seeds on every build. CONTRIBUTING.md says how to fuzz.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

#[path = "../../../fuzz/src/lib.rs"]
#[allow(unreachable_pub, reason = "it is the library of the fuzz targets")]
mod targets;

use proptest::prelude::*;
use proptest::sample::Index;

const DEFINITION: &str = include_str!("../../../examples/order-fulfilment/workflow.asl.json");

const YAML: &str = r#"
StartAt: A
States:
  A: {Type: Pass, Result: &r {n: 1.50}, ResultPath: $.a, Next: B}
  B:
    Type: Choice
    Choices: [{Not: {Variable: $.a.n, NumericEquals: 1}, Next: C}]
    Default: C
  C: {Type: Pass, QueryLanguage: JSONata, Output: '{% $states.input.a %}', Assign: {x: *r}, End: true}
"#;

const PATHS: &[&str] = &[
    "$.a['b c'][0]\n{\"a\":{\"b c\":[1]}}",
    "$..x[?(@.n > 1 && @.t =~ /a.*b/i)][1:-1]\n{\"x\":[{\"n\":2,\"t\":\"ab\"}]}",
    "$$.Execution['Name','Id'][(@.length-1)]\n{\"Execution\":{\"Name\":\"n\"}}",
    "$v.a.*[0,1]\n{\"v\":{\"a\":{\"k\":[1,2]}}}",
];

const INTRINSICS: &[&str] = &[
    "States.Format('{} \\'{}\\'', $.a, States.ArrayLength($.b))\n{\"a\":1,\"b\":[2]}",
    "States.StringToJson(States.JsonToString(States.JsonMerge($.a, $.a, false)))\n{\"a\":{\"x\":null}}",
    "States.ArrayPartition(States.ArrayRange(1, $.n, 2), 3)\n{\"n\":20}",
    "States.Base64Decode(States.Base64Encode($.t))\n{\"t\":\"\u{e9}\"}",
    "States.Hash(States.MathAdd(1.5, -1), 'SHA-512')\n{}",
];

const TEMPLATES: &[&str] = &[
    "{\"a\":[{\"b\":1}]}\n{\"x.$\":\"$.a[0].b\",\"y\":[{\"z.$\":\"States.UUID()\"}],\"c\":{\"d\":null}}",
    "[1]\n{\"all.$\":\"$\",\"context.$\":\"$$.x\"}",
];

const EXPRESSIONS: &[&str] = &[
    "$states.input.items[price > 1].(name & '-' & $string(price))^(>price)\n{\"items\":[{\"price\":2,\"name\":\"a\"}]}",
    "($f := function($n) { $n < 2 ? 1 : $n * $f($n - 1) }; $map([1..5], $f) ~> $sum())\n{}",
    "$merge($states.input.list.{ key: $partition([1,2,3], 2) })\n{\"list\":[{\"key\":\"k\"}]}",
];

const DOCUMENTS: &[&str] = &[
    "{\"a\":[1,-0,1.5e300,\"\\u00e9\\ud834\\udd1e\\n\",null,true,{}],\"a\":[]}",
    " [ 12345678901234567890.10 , \"\" ] ",
];

/// A change of some bytes: where, how many go, and what comes instead.
type Edit = (Index, u8, Vec<u8>);

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let token = prop::sample::select(vec![
        "$",
        ".",
        "[",
        "]",
        "'",
        "\"",
        "{",
        "}",
        "(",
        ")",
        ":",
        ",",
        "*",
        "-",
        "\\",
        "\n",
        "${N}",
        "&x ",
        "9999999999",
        "{%",
        "é",
        "\u{0}",
        "States.",
        "..",
    ]);
    let bytes = prop_oneof![
        4 => token.prop_map(|token| token.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..3),
    ];
    prop::collection::vec((any::<Index>(), 0_u8..6, bytes), 0..5)
}

fn mutated(seed: &str, edits: &[Edit]) -> Vec<u8> {
    let mut data = seed.as_bytes().to_vec();
    for (at, removed, inserted) in edits {
        let start = at.index(data.len() + 1);
        let end = (start + usize::from(*removed)).min(data.len());
        data.splice(start..end, inserted.iter().copied());
    }
    data
}

/// One of these.
fn any_of(seeds: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop::sample::select(seeds)
}

proptest! {
    #[test]
    fn definitions(seed in any_of(&[DEFINITION, YAML]), edits in edits()) {
        targets::definition(&mutated(seed, &edits));
    }

    #[test]
    fn paths(seed in any_of(PATHS), edits in edits()) {
        targets::path(&mutated(seed, &edits));
    }

    #[test]
    fn intrinsics(seed in any_of(INTRINSICS), edits in edits()) {
        targets::intrinsic(&mutated(seed, &edits));
    }

    #[test]
    fn templates(seed in any_of(TEMPLATES), edits in edits()) {
        targets::template(&mutated(seed, &edits));
    }

    #[test]
    fn expressions(seed in any_of(EXPRESSIONS), edits in edits()) {
        targets::jsonata(&mutated(seed, &edits));
    }

    #[test]
    fn documents(seed in any_of(DOCUMENTS), edits in edits()) {
        targets::document(&mutated(seed, &edits));
    }
}
