//! `States.Array(...)`: an array of its arguments.

use super::{Arguments, Failure, Function, Reads};
use crate::document::Document;
use crate::scope::Scope;

pub(super) static FUNCTION: Function = Function {
    name: "States.Array",
    parameters: &[],
    optional: 0,
    is_variadic: true,
    is_random: |_| false,
    reads: Reads::Nothing,
    evaluate,
};

fn evaluate(arguments: Arguments<'_>, _scope: &dyn Scope) -> Result<Document, Failure> {
    Ok(Document::from(arguments.0.to_vec()))
}

#[cfg(test)]
mod tests {
    use crate::intrinsic::tests::check;

    #[test]
    fn gathers_its_arguments() {
        check("{}", "States.Array()", "[]");
        check("{}", "States.Array(1, 'two', null, true)", r#"[1,"two",null,true]"#);
        check(r#"{"a":{"b":[]}}"#, "States.Array($.a, $.a.b)", r#"[{"b":[]},[]]"#);
        check("{}", "States.Array(States.Array(1))", "[[1]]");
    }
}
