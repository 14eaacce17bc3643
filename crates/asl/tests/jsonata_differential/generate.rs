//! Expressions and inputs, made from a seed.

/// A small generator of random numbers (SplitMix64); the same seed gives the same expressions.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn pick<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }
}

/// What `$states` and the variables are, in turn.
pub(crate) const INPUTS: [(&str, &str); 5] = [
    (
        r#"{"input":{"a":1,"b":2.5,"s":"hello world","t":true,"n":null,"items":[{"k":"x","v":3,"tags":["p","q"]},{"k":"y","v":1,"tags":[]},{"k":"z","v":2,"tags":["p"]}],"o":{"k":"deep","v":7,"in":{"v":[1,2,3]}},"list":[3,1,2],"words":["b","a","c","a"],"e":[],"one":[5]},"context":{"Execution":{"Name":"run-1"}}}"#,
        r#"{"x":4,"y":"text","l":[1,2,3,4],"o":{"k":"kv","v":9}}"#,
    ),
    (
        r#"{"input":{"a":"7","b":0,"s":"","t":false,"n":null,"items":{"k":"only","v":10,"tags":"single"},"o":[{"k":"m","v":1},{"k":"n","v":2,"in":{"v":4}}],"list":[],"words":"word","e":{},"one":5}}"#,
        r#"{"x":0,"y":"","l":[],"o":{}}"#,
    ),
    (
        r#"{"input":{"a":-3.75,"b":1e10,"s":"naïve ☃ 😀 text","t":true,"items":[{"k":"x","v":3},{"k":"x","v":"3"},{"v":null},{"k":"y"}],"o":{"v":{"v":{"v":1}}},"list":[[1,2],[3,[4]]],"words":["x",1,true,null],"one":["5"]},"result":{"a":1}}"#,
        r#"{"x":-1.5,"y":"a,b;c","l":[[1],[2,3]],"o":{"k":[1],"v":{"v":2}}}"#,
    ),
    (
        r#"{"input":{"items":[{"k":"c","v":30,"tags":["r"],"sub":[{"v":1},{"v":2}]},{"k":"a","v":10,"tags":["r","s"],"sub":[{"v":3}]},{"k":"b","v":20,"tags":["t"],"sub":[]}],"a":123456.789,"b":12,"s":"2024-02-29T12:34:56.789Z","list":[10,20,30,40],"words":["delta","Alpha","charlie"],"o":{"k":"v","k2":"v2"}}}"#,
        r#"{"x":2,"y":"12,345.67","l":["1","2"],"o":{"v":1}}"#,
    ),
    (r#"{}"#, r#"{}"#),
];

/// Every builtin and every construct at least once, on whatever the input is.
pub(crate) const TEMPLATES: &[&str] = include!("templates.in");

const NAMES: [&str; 12] = [
    "a", "b", "s", "t", "n", "items", "o", "list", "words", "e", "one", "missing",
];
const FIELDS: [&str; 7] = ["k", "v", "tags", "in", "sub", "v.v", "nothing"];

/// A random expression.
pub(crate) fn expression(random: &mut Random, depth: usize) -> String {
    if depth == 0 {
        return atom(random);
    }
    let below = depth - 1;
    let part = |random: &mut Random| expression(random, below);
    match random.below(24) {
        0..=2 => {
            let operator = random.pick(&["+", "-", "*", "/", "%"]);
            format!("{} {operator} {}", operand(random, below), operand(random, below))
        }
        3 | 4 => {
            let operator = random.pick(&["=", "!=", "<", "<=", ">", ">=", "in"]);
            format!("({}) {operator} ({})", part(random), part(random))
        }
        5 => {
            let operator = random.pick(&["and", "or"]);
            format!("({}) {operator} ({})", part(random), part(random))
        }
        6 | 7 => format!("({}) & ({})", part(random), part(random)),
        8 => format!("({}) ? ({}) : ({})", part(random), part(random), part(random)),
        9 => format!("[{}, {}]", part(random), part(random)),
        10 => format!("{{\"p\": {}, \"q\": {}}}", part(random), part(random)),
        11 => format!("($z := {}; [$z, {}])", part(random), part(random)),
        12 | 13 => format!("{}[{}]", path(random), filter(random)),
        14 => format!(
            "{}^({}{})",
            path(random),
            random.pick(&["", ">", "<"]),
            random.pick(&FIELDS)
        ),
        15 => format!(
            "{}{{{}: {}}}",
            path(random),
            random.pick(&["k", "$string(v)", "'all'"]),
            random.pick(&FIELDS)
        ),
        16 => format!("{}.({})", path(random), inner(random)),
        17 => {
            let function = random.pick(&["map", "filter", "single"]);
            format!(
                "${function}({}, function($v, $i) {{ {} }})",
                path(random),
                random.pick(&["$v.v", "$i > 0", "$v", "$v.k = 'x'", "$v & $i", "$exists($v.tags)"])
            )
        }
        18 => format!(
            "$reduce({}, function($l, $r) {{ {} }})",
            path(random),
            random.pick(&["$l & $r", "$append($l, $r)", "$l", "$l + $r"])
        ),
        19 | 20 => {
            let function = random.pick(&[
                "string",
                "length",
                "number",
                "abs",
                "floor",
                "ceil",
                "round",
                "sum",
                "max",
                "min",
                "average",
                "count",
                "boolean",
                "not",
                "exists",
                "type",
                "keys",
                "spread",
                "reverse",
                "distinct",
                "sort",
                "uppercase",
                "lowercase",
                "trim",
                "merge",
                "zip",
                "sqrt",
                "base64encode",
                "encodeUrl",
                "values",
            ]);
            format!("${function}({})", part(random))
        }
        21 => {
            let function = random.pick(&[
                "append",
                "contains",
                "split",
                "join",
                "substringBefore",
                "substringAfter",
                "substring",
                "lookup",
                "power",
                "round",
                "pad",
                "formatNumber",
                "formatBase",
                "match",
                "string",
                "zip",
            ]);
            format!("${function}({}, {})", part(random), part(random))
        }
        22 => format!(
            "{} ~> ${}",
            path(random),
            random.pick(&["count", "string", "sum", "keys", "reverse", "distinct", "type"])
        ),
        _ => format!(
            "{}{}",
            path(random),
            random.pick(&["[]", "[0]", "[-1]", "[[0,1]]", "[true]", ".*", ".**", ".**.v", "#$i.$i"])
        ),
    }
}

/// An expression with a character left out, doubled, or replaced by another one.
pub(crate) fn broken(random: &mut Random, expression: &str) -> String {
    let mut characters: Vec<char> = expression.chars().collect();
    let at = random.below(characters.len());
    match random.below(3) {
        0 => {
            characters.remove(at);
        }
        1 => characters.insert(at, characters[at]),
        _ => {
            let others: Vec<char> = "()[]{},.'\"`$:;?~>!@#%^&*/+-=<|1a ".chars().collect();
            characters[at] = others[random.below(others.len())];
        }
    }
    characters.into_iter().collect()
}

fn operand(random: &mut Random, depth: usize) -> String {
    match random.below(3) {
        0 => format!("({})", expression(random, depth)),
        1 => path(random),
        _ => random
            .pick(&["1", "2.5", "-3", "0", "10", "1e3", "$x", "'a'"])
            .to_owned(),
    }
}

fn atom(random: &mut Random) -> String {
    match random.below(4) {
        0 | 1 => path(random),
        2 => random
            .pick(&[
                "1",
                "0",
                "-1",
                "2.5",
                "0.1",
                "1e21",
                "123456789",
                "'a'",
                "''",
                "'1'",
                "'x y'",
                "true",
                "false",
                "null",
                "[]",
                "{}",
                "[1]",
                "[1, 2]",
                "['a', 'b']",
                "{'k': 1}",
                "'-12.5e2'",
                "[null]",
                "[[]]",
                "'é😀'",
            ])
            .to_owned(),
        _ => random
            .pick(&["$x", "$y", "$l", "$o", "$o.k", "$o.v", "$missing", "[1..3]", "$l[0]"])
            .to_owned(),
    }
}

fn path(random: &mut Random) -> String {
    let mut path = format!("$states.input.{}", random.pick(&NAMES));
    while random.below(3) == 0 {
        path += ".";
        path += random.pick(&FIELDS);
    }
    path
}

fn filter(random: &mut Random) -> String {
    match random.below(3) {
        0 => random
            .pick(&[
                "0",
                "-1",
                "1",
                "v > 1",
                "k = 'x'",
                "$exists(tags)",
                "$ > 1",
                "'p' in tags",
                "v",
            ])
            .to_owned(),
        1 => format!(
            "{} {} {}",
            random.pick(&FIELDS),
            random.pick(&["=", "!=", ">", "<="]),
            atom(random)
        ),
        _ => format!(
            "{} and {}",
            random.pick(&["v > 1", "k", "true"]),
            random.pick(&["v < 3", "tags", "$x"])
        ),
    }
}

fn inner(random: &mut Random) -> String {
    random
        .pick(&[
            "k & '-' & v",
            "v * 2",
            "{'n': k}",
            "[k, v]",
            "$",
            "$.v",
            "$string()",
            "tags[0]",
            "($q := v; $q + 1)",
            "$sum(v)",
            "sub.v",
            "$count(tags)",
            "v ? k : 'none'",
            "$lookup($, 'k')",
        ])
        .to_owned()
}
