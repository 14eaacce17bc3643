//! `States.ArrayLength(array)`: how many items there are.

use super::{Arguments, Failure, Function, Kind, Reads};
use crate::document::Document;
use crate::scope::Scope;

pub(super) static FUNCTION: Function = Function {
    name: "States.ArrayLength",
    parameters: &[Kind::Array],
    optional: 0,
    is_variadic: false,
    is_random: |_| false,
    reads: Reads::Surface,
    evaluate,
};

fn evaluate(arguments: Arguments<'_>, _scope: &dyn Scope) -> Result<Document, Failure> {
    Ok(Document::from(arguments.array(0)?.len() as i64))
}

#[cfg(test)]
mod tests {
    use crate::intrinsic::tests::{check, check_failure};

    #[test]
    fn counts_items() {
        check("[]", "States.ArrayLength($)", "0");
        check("[null,[1,2]]", "States.ArrayLength($)", "2");
        check(r#"{"items":[1,2]}"#, "States.ArrayLength($.items[*].nope)", "0");
    }

    #[test]
    fn texts_have_no_items() {
        check_failure(
            r#""text""#,
            "States.ArrayLength($)",
            "Invalid arguments in States.ArrayLength: argument 1 must be an array, not string",
        );
    }
}
