//! Text into steps.

use super::filter::{self, Filter};
use super::{Cursor, Path, PathError, Root, Step};
use crate::document::Text;

/// Walking a path takes a place on the stack for every step.
const STEPS_MAX: usize = 256;

/// Where a name after a dot ends: where the next step begins or, inside a filter, where the operand ends.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Within {
    Path,
    Filter,
}

impl Within {
    fn ends_name(self, character: char) -> bool {
        match character {
            '.' | '[' | ']' => true,
            ')' | '=' | '!' | '<' | '>' | '&' | '|' | '~' | ',' => self == Within::Filter,
            _ => character.is_whitespace(),
        }
    }
}

/// Parses a whole path.
pub(super) fn path(text: &str) -> Result<Path, PathError> {
    let mut cursor = Cursor::new(text);
    if !cursor.eat("$") {
        return Err(cursor.expected("a path, which begins with `$`,"));
    }
    let root = if cursor.eat("$") {
        Root::Context
    } else if cursor.peek().is_some_and(starts_name) {
        Root::Variable(cursor.take_while(continues_name).into())
    } else {
        Root::Input
    };
    let steps = steps(&mut cursor, Within::Path)?;
    cursor.skip_blanks();
    if !cursor.is_at_end() {
        return Err(
            match cursor.rest().len() < cursor.offset() && text.contains(char::is_whitespace) {
                true => cursor.error("a name with blanks stands in brackets and quotes, as in `$['a b']`"),
                false => cursor.expected("`.` or `[`"),
            },
        );
    }
    Ok(Path {
        text: text.trim_end().into(),
        root,
        steps: steps.into(),
    })
}

/// Whether a variable's name may begin with this character.
fn starts_name(character: char) -> bool {
    character.is_alphabetic() || character == '_'
}

fn continues_name(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Parses steps up to the end of the path or, inside a filter, of the operand.
pub(super) fn steps(cursor: &mut Cursor<'_>, within: Within) -> Result<Vec<Step>, PathError> {
    let mut steps: Vec<Step> = Vec::new();
    while cursor.rest().starts_with(['.', '[']) {
        if matches!(steps.last(), Some(Step::Keys(_))) {
            return Err(cursor.error("several names in one pair of brackets can only end a path"));
        }
        if steps.len() >= STEPS_MAX {
            return Err(cursor.error(format!("a path has at most {STEPS_MAX} steps")));
        }
        let is_deep = cursor.eat("..");
        if is_deep {
            steps.push(Step::Deep);
        }
        // Definitions do write `$.a.[0]`.
        let step = if cursor.eat("[") || !is_deep && cursor.eat(".[") {
            bracket(cursor, within)?
        } else if is_deep || cursor.eat(".") {
            name(cursor, within)?
        } else {
            return Err(cursor.expected("`.` or `[`"));
        };
        steps.push(step);
    }
    Ok(steps)
}

fn name(cursor: &mut Cursor<'_>, within: Within) -> Result<Step, PathError> {
    match cursor.take_while(|character| !within.ends_name(character)) {
        "" => Err(cursor.expected("a name after `.`")),
        "*" => Ok(Step::Wildcard),
        name => Ok(Step::Key(name.into())),
    }
}

/// Parses what follows `[`.
fn bracket(cursor: &mut Cursor<'_>, within: Within) -> Result<Step, PathError> {
    cursor.skip_blanks();
    let step = match cursor.peek() {
        Some('\'' | '"') => keys(cursor)?,
        Some('*') => {
            cursor.next();
            Step::Wildcard
        }
        Some('?') if within == Within::Path => {
            cursor.next();
            Step::Filter(filter_in_parentheses(cursor)?)
        }
        Some('(') => Step::Index(index_from_end(cursor)?),
        Some('0'..='9' | '-' | ':') => indexes(cursor)?,
        _ => return Err(cursor.expected("an index, a name in quotes, `*`, a slice or a filter")),
    };
    cursor.skip_blanks();
    cursor.expect("]")?;
    Ok(step)
}

fn keys(cursor: &mut Cursor<'_>) -> Result<Step, PathError> {
    let first: Text = quoted(cursor)?.into();
    let mut others = Vec::new();
    while another(cursor) {
        others.push(quoted(cursor)?.into());
    }
    Ok(match others.is_empty() {
        true => Step::Key(first),
        false => Step::Keys(std::iter::once(first).chain(others).collect()),
    })
}

/// Goes past a comma, if it is next.
fn another(cursor: &mut Cursor<'_>) -> bool {
    cursor.skip_blanks();
    let found = cursor.eat(",");
    cursor.skip_blanks();
    found
}

/// Parses a text in single or double quotes. A backslash makes a quote or a backslash part of the text; before
/// anything else it stands for itself.
pub(super) fn quoted(cursor: &mut Cursor<'_>) -> Result<String, PathError> {
    let quote = match cursor.peek() {
        Some(quote @ ('\'' | '"')) => quote,
        _ => return Err(cursor.expected("a name in quotes")),
    };
    cursor.next();
    let mut text = String::new();
    while let Some(character) = cursor.next() {
        match character {
            '\\' if matches!(cursor.peek(), Some('\'' | '"' | '\\')) => text.extend(cursor.next()),
            _ if character == quote => return Ok(text),
            _ => text.push(character),
        }
    }
    Err(cursor.expected(&format!("a closing `{quote}`")))
}

fn filter_in_parentheses(cursor: &mut Cursor<'_>) -> Result<Filter, PathError> {
    cursor.skip_blanks();
    cursor.expect("(")?;
    let filter = filter::parse(cursor)?;
    cursor.skip_blanks();
    cursor.expect(")")?;
    Ok(filter)
}

/// Parses `(@.length-1)` or `(@.size()-1)`.
fn index_from_end(cursor: &mut Cursor<'_>) -> Result<i64, PathError> {
    let parts = ["(", "@", "."];
    for part in parts {
        cursor.expect(part)?;
        cursor.skip_blanks();
    }
    if !["length()", "length", "size()", "size"]
        .iter()
        .any(|word| cursor.eat(word))
    {
        return Err(cursor.error("scripts in brackets are not supported, except `(@.length-1)`"));
    }
    cursor.skip_blanks();
    cursor.expect("-")?;
    cursor.skip_blanks();
    let index = integer(cursor)?;
    cursor.skip_blanks();
    cursor.expect(")")?;
    match index {
        1.. => Ok(-index),
        _ => Err(cursor.error("an index that counts from the end is at least 1")),
    }
}

fn indexes(cursor: &mut Cursor<'_>) -> Result<Step, PathError> {
    let first = bound(cursor)?;
    cursor.skip_blanks();
    if cursor.eat(":") {
        cursor.skip_blanks();
        let last = bound(cursor)?;
        cursor.skip_blanks();
        return match cursor.eat(":") {
            true => Err(cursor.error("slices with a step are not supported")),
            false => Ok(Step::Slice(first, last)),
        };
    }
    let first = first.ok_or_else(|| cursor.expected("an index"))?;
    let mut all = vec![first];
    while another(cursor) {
        all.push(integer(cursor)?);
    }
    Ok(match all.len() {
        1 => Step::Index(first),
        _ => Step::Indexes(all.into()),
    })
}

/// An end of a slice, which may be left open.
fn bound(cursor: &mut Cursor<'_>) -> Result<Option<i64>, PathError> {
    match cursor.peek() {
        Some('0'..='9' | '-') => integer(cursor).map(Some),
        _ => Ok(None),
    }
}

fn integer(cursor: &mut Cursor<'_>) -> Result<i64, PathError> {
    let start = cursor.rest();
    cursor.eat("-");
    cursor.take_while(|character| character.is_ascii_digit());
    let length = start.len() - cursor.rest().len();
    let digits = start.get(..length).unwrap_or_default();
    digits
        .parse()
        .map_err(|_| cursor.error(format!("`{digits}` is not an index")))
}
