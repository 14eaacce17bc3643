//! `States.JsonMerge(first, second, false)`: the members of both objects; those of the second win.

use super::{Arguments, Failure, Function, Kind, Reads};
use crate::document::{Document, Text};
use crate::scope::Scope;

pub(super) static FUNCTION: Function = Function {
    name: "States.JsonMerge",
    parameters: &[Kind::Object, Kind::Object, Kind::Flag],
    optional: 0,
    is_variadic: false,
    is_random: |_| false,
    reads: Reads::Surface,
    evaluate,
};

fn evaluate(arguments: Arguments<'_>, _scope: &dyn Scope) -> Result<Document, Failure> {
    // The list of members is copied on the first insertion; the values stay shared.
    let mut merged = arguments.object(0)?.clone();
    let second = arguments.object(1)?;
    if arguments.flag(2)? {
        return Failure::because("only shallow merging is supported, with `false` as argument 3");
    }
    for (key, value) in second.iter() {
        merged.insert(Text::clone(key), value.clone());
    }
    Ok(merged.into())
}

#[cfg(test)]
mod tests {
    use crate::intrinsic::tests::{check, check_failure};

    #[test]
    fn merges_the_top_level() {
        let input = r#"{"a":{"x":{"p":1},"y":2},"b":{"x":{"q":3},"z":null},"none":{}}"#;
        check(
            input,
            "States.JsonMerge($.a, $.b, false)",
            r#"{"x":{"q":3},"y":2,"z":null}"#,
        );
        check(input, "States.JsonMerge($.a, $.none, false)", r#"{"x":{"p":1},"y":2}"#);
        check(
            input,
            "States.JsonMerge($.none, $.b, 'false')",
            r#"{"x":{"q":3},"z":null}"#,
        );
        check(
            "{}",
            r#"States.JsonMerge(States.StringToJson('{"l":1}'), $, false)"#,
            r#"{"l":1}"#,
        );
    }

    #[test]
    fn does_not_merge_deeply() {
        check_failure(
            "{}",
            "States.JsonMerge($, $, true)",
            "Invalid arguments in States.JsonMerge: only shallow merging is supported, with `false` as argument 3",
        );
    }

    #[test]
    fn merges_objects_only() {
        check_failure(
            r#"{"a":null}"#,
            "States.JsonMerge($.a, $, false)",
            "Invalid arguments in States.JsonMerge: argument 1 must be an object, not null",
        );
    }
}
