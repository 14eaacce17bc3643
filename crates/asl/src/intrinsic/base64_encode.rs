//! `States.Base64Encode(text)`: the UTF-8 of a text in Base64.

use super::arguments::check_length;
use super::{Arguments, Failure, Function, Kind, Reads};
use crate::document::Document;
use crate::scope::Scope;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

pub(super) static FUNCTION: Function = Function {
    name: "States.Base64Encode",
    parameters: &[Kind::Text],
    optional: 0,
    is_variadic: false,
    is_random: |_| false,
    reads: Reads::All,
    evaluate,
};

fn evaluate(arguments: Arguments<'_>, _scope: &dyn Scope) -> Result<Document, Failure> {
    let text = arguments.text(0)?;
    check_length(text)?;
    Ok(STANDARD.encode(text).into())
}

#[cfg(test)]
mod tests {
    use crate::intrinsic::tests::{check, check_failure};

    #[test]
    fn encodes_utf_8() {
        check("{}", "States.Base64Encode('')", r#""""#);
        check(
            "{}",
            "States.Base64Encode('Data to encode')",
            r#""RGF0YSB0byBlbmNvZGU=""#,
        );
        check(r#""é✓""#, "States.Base64Encode($)", r#""w6ninJM=""#);
    }

    #[test]
    fn limits_the_text() {
        let text = |length: usize| format!("\"{}\"", "é".repeat(length));
        check(
            &text(10_000),
            "States.ArrayLength(States.Array(States.Base64Encode($)))",
            "1",
        );
        check_failure(
            &text(10_001),
            "States.Base64Encode($)",
            "Invalid arguments in States.Base64Encode: the text is longer than 10000 characters",
        );
        check_failure(
            "1",
            "States.Base64Encode($)",
            "Invalid arguments in States.Base64Encode: argument 1 must be a string, not number",
        );
    }
}
