//! `States.JsonToString(value)`: the compact JSON text of a value.

use super::{Arguments, Failure, Function, Kind, Reads};
use crate::document::Document;
use crate::scope::Scope;

pub(super) static FUNCTION: Function = Function {
    name: "States.JsonToString",
    parameters: &[Kind::Any],
    optional: 0,
    is_variadic: false,
    is_random: |_| false,
    reads: Reads::All,
    evaluate,
};

fn evaluate(arguments: Arguments<'_>, _scope: &dyn Scope) -> Result<Document, Failure> {
    let value = arguments.any(0)?;
    match value.json_bytes() <= super::RESULT_BYTES_MAX {
        true => Ok(value.to_json().into()),
        false => Err(Failure::too_large()),
    }
}

#[cfg(test)]
mod tests {
    use crate::intrinsic::tests::check;

    #[test]
    fn writes_compact_json() {
        for (input, expected) in [
            ("0", r#""0""#),
            ("1.1", r#""1.1""#),
            ("null", r#""null""#),
            (r#""text""#, r#""\"text\"""#),
            (r#"[1, 2, "x"]"#, r#""[1,2,\"x\"]""#),
            (r#"{ "b": {}, "a": [true] }"#, r#""{\"b\":{},\"a\":[true]}""#),
        ] {
            check(input, "States.JsonToString($)", expected);
        }
        check("{}", "States.JsonToString('x')", r#""\"x\"""#);
    }
}
