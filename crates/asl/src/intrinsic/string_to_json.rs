//! `States.StringToJson(text)`: the value that a JSON text stands for.

use super::{Arguments, Failure, Function, Kind, Reads};
use crate::document::Document;
use crate::scope::Scope;

pub(super) static FUNCTION: Function = Function {
    name: "States.StringToJson",
    parameters: &[Kind::Text],
    optional: 0,
    is_variadic: false,
    is_random: |_| false,
    reads: Reads::All,
    evaluate,
};

fn evaluate(arguments: Arguments<'_>, _scope: &dyn Scope) -> Result<Document, Failure> {
    let text = arguments.text(0)?;
    // Recorded: no text is no value, which is null.
    if text.trim().is_empty() {
        return Ok(Document::Null);
    }
    Document::parse(text).or_else(|error| Failure::because(error.to_string()))
}

#[cfg(test)]
mod tests {
    use crate::intrinsic::tests::{check, check_failure};

    #[test]
    fn reads_json() {
        for (text, expected) in [
            (r#""""#, "null"),
            (r#"" \n""#, "null"),
            (r#""null""#, "null"),
            (r#""-0""#, "0"),
            (r#""1.1""#, "1.1"),
            (r#"" {\"a\": [1, {}]} ""#, r#"{"a":[1,{}]}"#),
            (r#""\"text\"""#, r#""text""#),
        ] {
            check(text, "States.StringToJson($)", expected);
        }
        check(
            "{}",
            r#"States.StringToJson('{"a": "it\'s \{\}"}')"#,
            r#"{"a":"it's {}"}"#,
        );
    }

    #[test]
    fn says_what_is_wrong() {
        check_failure(
            r#""{bad}""#,
            "States.StringToJson($)",
            "Invalid arguments in States.StringToJson: Unexpected character ('b' (code 98)): was expecting double-quote \
             to start field name at line 1, column 2",
        );
        check_failure(
            "{}",
            "States.StringToJson($)",
            "Invalid arguments in States.StringToJson: argument 1 must be a string, not object",
        );
    }
}
