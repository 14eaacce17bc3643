//! `States.StringSplit(text, separators)`: the pieces between separators.

use super::{Arguments, Failure, Function, Kind, Reads};
use crate::document::{Array, Document};
use crate::scope::Scope;

pub(super) static FUNCTION: Function = Function {
    name: "States.StringSplit",
    parameters: &[Kind::Text, Kind::Text],
    optional: 0,
    is_variadic: false,
    is_random: |_| false,
    reads: Reads::All,
    evaluate,
};

/// Every character of the second argument is a separator, and empty pieces are left out.
///
/// Recorded: `", , ,"` split at `","` is `[" "," "]`.
fn evaluate(arguments: Arguments<'_>, _scope: &dyn Scope) -> Result<Document, Failure> {
    let text = arguments.text(0)?;
    let separators = arguments.text(1)?;
    let pieces: Array = text
        .split(|character| separators.contains(character))
        .filter(|piece| !piece.is_empty())
        .map(Document::from)
        .collect();
    Ok(pieces.into())
}

#[cfg(test)]
mod tests {
    use crate::intrinsic::tests::{check, check_failure};

    #[test]
    fn splits_at_any_separator() {
        for (text, separators, expected) in [
            ("1,2,3", ",", r#"["1","2","3"]"#),
            ("a.b+c", ".+", r#"["a","b","c"]"#),
            (",,,,", ",", "[]"),
            ("", ",", "[]"),
            (", , ,", ",", r#"[" "," "]"#),
            ("a,,b", ",", r#"["a","b"]"#),
            ("1a2b3ab4", "ab", r#"["1","2","3","4"]"#),
            ("abc", "", r#"["abc"]"#),
            ("a|b", "|", r#"["a","b"]"#),
            ("one→two", "→", r#"["one","two"]"#),
            ("one\\ntwo", "\n", r#"["one","two"]"#),
        ] {
            check(
                &format!("\"{text}\""),
                &format!("States.StringSplit($, '{separators}')"),
                expected,
            );
        }
    }

    #[test]
    fn splits_texts_only() {
        check_failure(
            r#"{"t":"a","s":null}"#,
            "States.StringSplit($.t, $.s)",
            "Invalid arguments in States.StringSplit: argument 2 must be a string, not null",
        );
    }
}
