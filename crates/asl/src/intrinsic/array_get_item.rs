//! `States.ArrayGetItem(array, index)`: the item at an index, counted from 0.

use super::{Arguments, Failure, Function, Kind, Reads};
use crate::document::Document;
use crate::scope::Scope;

pub(super) static FUNCTION: Function = Function {
    name: "States.ArrayGetItem",
    parameters: &[Kind::Array, Kind::Number],
    optional: 0,
    is_variadic: false,
    is_random: |_| false,
    reads: Reads::Surface,
    evaluate,
};

fn evaluate(arguments: Arguments<'_>, _scope: &dyn Scope) -> Result<Document, Failure> {
    let array = arguments.array(0)?;
    let index = arguments.truncated(1)?;
    // The service finds `null` in an empty array, and definitions take the first match of a filter this way.
    if array.is_empty() {
        return Ok(Document::Null);
    }
    match usize::try_from(index).ok().and_then(|index| array.get(index)) {
        Some(item) => Ok(item.clone()),
        None => Failure::because(format!("there is no item {index} in an array of {}", array.len())),
    }
}

#[cfg(test)]
mod tests {
    use crate::intrinsic::tests::{check, check_failure};

    #[test]
    fn counts_from_zero() {
        let input = r#"{"a":["x",{"k":1},null],"none":[],"i":2}"#;
        check(input, "States.ArrayGetItem($.a, 0)", r#""x""#);
        check(input, "States.ArrayGetItem($.a, 1)", r#"{"k":1}"#);
        check(input, "States.ArrayGetItem($.a, $.i)", "null");
        check(input, "States.ArrayGetItem($.a, 1.9)", r#"{"k":1}"#);
        check(input, "States.ArrayGetItem($.none, 0)", "null");
    }

    #[test]
    fn has_no_items_outside_the_array() {
        for index in ["3", "-1"] {
            check_failure(
                r#"{"a":[1,2,3]}"#,
                &format!("States.ArrayGetItem($.a, {index})"),
                &format!("Invalid arguments in States.ArrayGetItem: there is no item {index} in an array of 3"),
            );
        }
    }
}
