//! `States.Format(template, ...)`: the template with its `{}` replaced by the other arguments.

use super::{Arguments, Failure, Function, Kind, RESULT_BYTES_MAX, Reads};
use crate::document::Document;
use crate::scope::Scope;

pub(super) static FUNCTION: Function = Function {
    name: "States.Format",
    parameters: &[Kind::Text],
    optional: 0,
    is_variadic: true,
    is_random: |_| false,
    reads: Reads::All,
    evaluate,
};

fn evaluate(arguments: Arguments<'_>, _scope: &dyn Scope) -> Result<Document, Failure> {
    let template = Template::parse(arguments.text(0)?)?;
    template.fill(arguments.0.get(1..).unwrap_or_default())
}

/// The texts before, between and after the `{}` of a template.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Template {
    first: String,
    others: Vec<String>,
}

impl Template {
    /// Parses a template, in which a backslash takes the meaning from `{`, `}` and `\`.
    pub(super) fn parse(text: &str) -> Result<Template, Failure> {
        let mut parts = Vec::new();
        let mut part = String::new();
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            match character {
                '\\' if characters.as_str().starts_with(['{', '}', '\\']) => part.extend(characters.next()),
                '{' => match characters.next() {
                    Some('}') => parts.push(std::mem::take(&mut part)),
                    _ => return Err(Failure::Template("matching '}' not found for '{'.")),
                },
                '}' => return Err(Failure::Template("matching '{' not found for '}'.")),
                _ => part.push(character),
            }
        }
        parts.push(part);
        let first = parts.remove(0);
        Ok(Template { first, others: parts })
    }

    /// Whether there are as many arguments as `{}`.
    pub(super) fn check(&self, arguments: usize) -> Result<(), Failure> {
        match arguments == self.others.len() {
            true => Ok(()),
            false => Failure::because("number of arguments do not match the occurrences of {}."),
        }
    }

    pub(super) fn fill(&self, arguments: &[Document]) -> Result<Document, Failure> {
        self.check(arguments.len())?;
        let mut text = self.first.clone();
        for (argument, part) in arguments.iter().zip(&self.others) {
            if text.len() + argument.json_bytes() > RESULT_BYTES_MAX {
                return Err(Failure::too_large());
            }
            write(argument, &mut text);
            text.push_str(part);
        }
        Ok(text.into())
    }
}

/// Writes a value as the service does: texts as they are, arrays and objects as Java prints lists and maps.
///
/// Recorded: an object becomes `{Arg1=1, Arg2=[]}`.
fn write(value: &Document, out: &mut String) {
    match value {
        Document::String(text) => out.push_str(text),
        Document::Array(array) => {
            out.push('[');
            for (at, item) in array.iter().enumerate() {
                if at > 0 {
                    out.push_str(", ");
                }
                write(item, out);
            }
            out.push(']');
        }
        Document::Object(object) => {
            out.push('{');
            for (at, (key, value)) in object.iter().enumerate() {
                if at > 0 {
                    out.push_str(", ");
                }
                out.push_str(key);
                out.push('=');
                write(value, out);
            }
            out.push('}');
        }
        scalar => scalar.write_json(out),
    }
}

#[cfg(test)]
mod tests {
    use crate::intrinsic::Intrinsic;
    use crate::intrinsic::tests::{check, check_failure, check_refused};
    use crate::scope::TestScope;

    #[test]
    fn fills_a_template() {
        let input = r#"{"n":"Ada","t":"{}-{}","e":"\\{{}\\}","o":{"k":"v","l":[1,null,{}]},"f":1.1,"z":null}"#;
        for (arguments, expected) in [
            ("'no gaps'", "no gaps"),
            ("''", ""),
            ("'Hello {}', $.n", "Hello Ada"),
            ("'{}{}', 1, true", "1true"),
            ("$.t, 'a', 'b'", "a-b"),
            ("$.e, 'a'", "{a}"),
            ("'{} {}', $.f, $.z", "1.1 null"),
            ("'{}', $.o", "{k=v, l=[1, null, {}]}"),
            (r"'\{\}{}\'\\', 1", r"{}1'\"),
            (r#"'"{}"', 'x'"#, r#""x""#),
            ("'{}', States.JsonToString($.o)", r#"{"k":"v","l":[1,null,{}]}"#),
            ("'{}', '{}'", "{}"),
        ] {
            let expected = crate::document::Document::from(expected).to_json();
            check(input, &format!("States.Format({arguments})"), &expected);
        }
    }

    #[test]
    fn a_broken_template_is_refused_or_fails() {
        for (template, message) in [
            (
                "a {",
                "Invalid template in States.Format: matching '}' not found for '{'.",
            ),
            (
                "{{}}",
                "Invalid template in States.Format: matching '}' not found for '{'.",
            ),
            (
                "a }",
                "Invalid template in States.Format: matching '{' not found for '}'.",
            ),
            (
                "{}{}",
                "Invalid arguments in States.Format: number of arguments do not match the occurrences of {}.",
            ),
        ] {
            check_refused(&format!("States.Format('{template}', 1)"), message);
            check_failure(&format!("\"{template}\""), "States.Format($, 1)", message);
        }
        check_failure(
            "1",
            "States.Format($)",
            "Invalid arguments in States.Format: argument 1 must be a string, not number",
        );
    }

    #[test]
    fn does_not_fill_the_memory() {
        let scope = TestScope::of(&format!("\"{}\"", "x".repeat(200_000)));
        let expression = format!("States.Format('{}'{})", "{}".repeat(1000), ", $".repeat(1000));
        let error = Intrinsic::parse(&expression).unwrap().evaluate(&scope).unwrap_err();
        assert!(error.to_string().ends_with("the result is larger than 8388608 bytes"));
    }
}
