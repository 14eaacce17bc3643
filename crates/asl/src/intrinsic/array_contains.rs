//! `States.ArrayContains(array, value)`: whether an item equals the value.

use super::{Arguments, Failure, Function, Kind, Reads};
use crate::document::Document;
use crate::scope::Scope;

pub(super) static FUNCTION: Function = Function {
    name: "States.ArrayContains",
    parameters: &[Kind::Array, Kind::Any],
    optional: 0,
    is_variadic: false,
    is_random: |_| false,
    reads: Reads::All,
    evaluate,
};

fn evaluate(arguments: Arguments<'_>, _scope: &dyn Scope) -> Result<Document, Failure> {
    Ok(arguments.array(0)?.contains(arguments.any(1)?).into())
}

#[cfg(test)]
mod tests {
    use crate::intrinsic::tests::{check, check_failure};

    #[test]
    fn compares_deeply() {
        for (input, expected) in [
            (r#"{"a":[],"v":null}"#, "false"),
            (r#"{"a":[],"v":[]}"#, "false"),
            (r#"{"a":[true,false],"v":true}"#, "true"),
            (r#"{"a":[1,[2,{"k":3}]],"v":[2,{"k":3.0}]}"#, "true"),
            (r#"{"a":[{"x":1,"y":2}],"v":{"y":2,"x":1}}"#, "true"),
            (r#"{"a":["1"],"v":1}"#, "false"),
            (r#"{"a":[0],"v":false}"#, "false"),
        ] {
            check(input, "States.ArrayContains($.a, $.v)", expected);
        }
    }

    #[test]
    fn only_looks_into_arrays() {
        check_failure(
            r#"{"a":{}}"#,
            "States.ArrayContains($.a, 1)",
            "Invalid arguments in States.ArrayContains: argument 1 must be an array, not object",
        );
    }
}
