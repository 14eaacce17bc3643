//! Text into calls.

use super::arguments::Kind;
use super::{Argument, Call, FUNCTIONS, Function, Intrinsic, ParseError, format};
use crate::document::Document;
use crate::path::{Cursor, Path};
use crate::resolve::Resolver;
use crate::scope::Scope;

/// Calls nest no deeper than this below the outermost one (service quota).
const NESTING_MAX: usize = 10;

pub(super) fn intrinsic(text: &str) -> Result<Intrinsic, ParseError> {
    let mut cursor = Cursor::new(text);
    let call = call(&mut cursor, 0)?;
    cursor.skip_blanks();
    match cursor.is_at_end() {
        true => Ok(Intrinsic {
            text: text.trim_end().into(),
            call,
        }),
        false => Err(cursor.expected("nothing after the call")),
    }
}

fn call(cursor: &mut Cursor<'_>, nesting: usize) -> Result<Argument, ParseError> {
    if nesting > NESTING_MAX {
        return Err(cursor.error(format!("calls nest at most {NESTING_MAX} deep")));
    }
    let start = cursor.offset();
    let name = cursor.take_while(|character| character.is_alphanumeric() || character == '.' || character == '_');
    let at_name = |message: String| ParseError { message, offset: start };
    let function = *FUNCTIONS
        .iter()
        .find(|function| function.name == name)
        .ok_or_else(|| at_name(unknown(name)))?;
    cursor.expect("(")?;
    let mut arguments = Vec::new();
    let mut template = None;
    cursor.skip_blanks();
    if !cursor.eat(")") {
        loop {
            if std::ptr::eq(function, &format::FUNCTION) && arguments.is_empty() && template.is_none() {
                template = literal_template(cursor)?;
                if template.is_none() {
                    arguments.push(argument(cursor, nesting)?);
                }
            } else {
                arguments.push(argument(cursor, nesting)?);
            }
            cursor.skip_blanks();
            if cursor.eat(")") {
                break;
            }
            cursor.expect(",")?;
            cursor.skip_blanks();
        }
    }
    check_number(function, arguments.len() + usize::from(template.is_some())).map_err(at_name)?;
    match &template {
        Some(template) => template
            .check(arguments.len())
            .map_err(|failure| at_name(failure.describe(function.name)))?,
        None => check_kinds(function, &arguments).map_err(at_name)?,
    }
    let call = Call {
        function,
        template,
        arguments,
    };
    Ok(fold(call))
}

fn unknown(name: &str) -> String {
    if name.is_empty() {
        return "expected the name of an intrinsic function, such as `States.Format`".to_owned();
    }
    let similar = FUNCTIONS
        .iter()
        .find(|function| function.name.eq_ignore_ascii_case(name));
    match similar {
        Some(function) => format!("unknown intrinsic function `{name}`, did you mean `{}`?", function.name),
        None => format!("unknown intrinsic function `{name}`"),
    }
}

fn check_number(function: &Function, given: usize) -> Result<(), String> {
    let most = function.parameters.len();
    let least = most - function.optional;
    if given >= least && (given <= most || function.is_variadic) {
        return Ok(());
    }
    let expected = match (function.is_variadic, least == most) {
        (true, _) => format!("at least {least}"),
        (false, true) => least.to_string(),
        (false, false) => format!("{least} to {most}"),
    };
    let plural = if expected == "1" || expected.ends_with(" 1") {
        ""
    } else {
        "s"
    };
    Err(format!(
        "`{}` takes {expected} argument{plural}, not {given}",
        function.name
    ))
}

fn check_kinds(function: &Function, arguments: &[Argument]) -> Result<(), String> {
    let wrong = arguments
        .iter()
        .zip(function.parameters)
        .enumerate()
        .find_map(|(place, (argument, kind))| match argument {
            Argument::Constant(value) if !kind.includes(value) => Some((place, *kind, value)),
            _ => None,
        });
    match wrong {
        None => Ok(()),
        Some((place, kind, value)) => Err(format!(
            "argument {} of `{}` must be {}, not {}",
            place + 1,
            function.name,
            Kind::description(kind),
            value.kind()
        )),
    }
}

/// Evaluates a call that depends on nothing. One that fails is kept, to fail when its state runs.
fn fold(call: Call) -> Argument {
    let is_constant = |argument: &Argument| matches!(argument, Argument::Constant(_));
    if call.arguments.iter().all(is_constant)
        && !(call.function.is_random)(call.arguments.len())
        && let Ok(result) = call.evaluate(&Nothing)
    {
        return Argument::Constant(result);
    }
    Argument::Call(Box::new(call))
}

/// The scope of a call that depends on nothing.
struct Nothing;

impl Resolver for Nothing {}

impl Scope for Nothing {
    fn input(&self) -> &Document {
        static NULL: Document = Document::Null;
        &NULL
    }

    fn context(&self) -> Document {
        Document::Null
    }

    fn variable(&self, _name: &str) -> Option<Document> {
        None
    }

    fn random(&self) -> u128 {
        0
    }
}

fn argument(cursor: &mut Cursor<'_>, nesting: usize) -> Result<Argument, ParseError> {
    match cursor.peek() {
        Some('$') => path(cursor),
        Some('\'') => Ok(Argument::Constant(literal(cursor, Escapes::Resolved)?.into())),
        Some('0'..='9' | '-') => number(cursor),
        _ if cursor.rest().starts_with("States.") => call(cursor, nesting + 1),
        _ => word(cursor),
    }
}

fn word(cursor: &mut Cursor<'_>) -> Result<Argument, ParseError> {
    for (word, value) in [("null", Document::Null), ("true", true.into()), ("false", false.into())] {
        if cursor.rest().starts_with(word) {
            cursor.eat(word);
            return Ok(Argument::Constant(value));
        }
    }
    Err(cursor.expected("an argument: text in apostrophes, a number, `null`, a boolean, a path or a call"))
}

fn number(cursor: &mut Cursor<'_>) -> Result<Argument, ParseError> {
    let start = cursor.offset();
    let token = cursor.take_while(|character| character.is_ascii_alphanumeric() || "+-.".contains(character));
    match Document::parse(token) {
        Ok(number @ Document::Number(_)) => Ok(Argument::Constant(number)),
        _ => Err(ParseError {
            message: format!("`{token}` is not a number"),
            offset: start,
        }),
    }
}

/// Parses a path. It ends before a comma or parenthesis that is not inside brackets or parentheses of its own.
fn path(cursor: &mut Cursor<'_>) -> Result<Argument, ParseError> {
    let start = cursor.offset();
    let rest = cursor.rest();
    let text = rest.get(..path_bytes(rest)).unwrap_or(rest);
    cursor.eat(text);
    Path::parse(text).map(Argument::Path).map_err(|error| ParseError {
        message: error.message,
        offset: start + error.offset,
    })
}

fn path_bytes(rest: &str) -> usize {
    let mut brackets = 0_usize;
    let mut parentheses = 0_usize;
    let mut quote = None;
    let mut characters = rest.char_indices();
    while let Some((at, character)) = characters.next() {
        match (quote, character) {
            (Some(_), '\\') => {
                characters.next();
            }
            (Some(open), _) => quote = Some(open).filter(|open| *open != character),
            (None, '\'' | '"') if brackets > 0 => quote = Some(character),
            (None, '[') => brackets += 1,
            (None, ']') => brackets = brackets.saturating_sub(1),
            (None, '(') => parentheses += 1,
            (None, ')') if parentheses > 0 => parentheses -= 1,
            (None, ')' | ',') if brackets == 0 && parentheses == 0 => return at,
            _ => {}
        }
    }
    rest.len()
}

/// What becomes of the escapes of a literal.
#[derive(Clone, Copy, PartialEq)]
enum Escapes {
    Resolved,
    /// The template of `States.Format` tells `\{` from `{` later.
    Kept,
}

/// Parses a text in apostrophes, in which a backslash stands before `'`, `{`, `}` or `\` and nothing else.
///
/// Recorded: any other escape is refused when the state machine is created.
fn literal(cursor: &mut Cursor<'_>, escapes: Escapes) -> Result<String, ParseError> {
    cursor.expect("'")?;
    let mut text = String::new();
    loop {
        match cursor.peek() {
            Some('\'') => {
                cursor.next();
                return Ok(text);
            }
            Some('\\') => {
                cursor.next();
                let Some(escaped @ ('\'' | '{' | '}' | '\\')) = cursor.peek() else {
                    return Err(cursor.expected(r"`'`, `{`, `}` or `\` after a backslash"));
                };
                if escapes == Escapes::Kept && escaped != '\'' {
                    text.push('\\');
                }
                text.push(escaped);
            }
            Some(character) => text.push(character),
            None => return Err(cursor.expected("a closing `'`")),
        }
        cursor.next();
    }
}

/// The template of `States.Format`, if it is a literal.
fn literal_template(cursor: &mut Cursor<'_>) -> Result<Option<format::Template>, ParseError> {
    if cursor.peek() != Some('\'') {
        return Ok(None);
    }
    let start = cursor.offset();
    let text = literal(cursor, Escapes::Kept)?;
    format::Template::parse(&text).map(Some).map_err(|failure| ParseError {
        message: failure.describe(format::FUNCTION.name),
        offset: start,
    })
}
