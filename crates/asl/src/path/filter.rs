//! Filters: `[?(@.price < 10 && !@.sold)]`.
//!
//! Comparisons follow the library that the service uses: a literal is text first, so `@.n == 2` also finds
//! `"2"`; values that cannot be compared, arrays and objects among them, make any comparison false; a missing
//! member does, too; and a lone path asks whether there is a value that is not null.

use super::parse::{Within, quoted, steps};
use super::pattern::Pattern;
use super::walk::{NULL, Walk, item};
use super::{Cursor, PathError, Step};
use crate::comparison::text_order;
use crate::document::{Document, Number};
use crate::resolve;
use crate::work;
use std::borrow::Cow;
use std::cmp::Ordering;

/// Parentheses and negations of a filter nest no deeper than this, so that parsing is bounded.
const NESTING_MAX: usize = 32;

/// A condition on an item.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Filter {
    Any(Vec<Filter>),
    All(Vec<Filter>),
    Not(Box<Filter>),
    /// `@.a`: there is a value, and it is not null.
    Exists(Operand),
    Compare(Operand, Comparison, Operand),
    Matches(Operand, Pattern),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Operand {
    /// `@...`: from the item.
    Item(Vec<Step>),
    /// `$...`: from the root of the document that the path is applied to.
    Root(Vec<Step>),
    Literal(Document),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Filter {
    /// Whether the condition holds for `item`.
    pub(super) fn accepts(&self, item: &Document, walk: Walk<'_>) -> bool {
        match self {
            Filter::Any(filters) => filters.iter().any(|filter| filter.accepts(item, walk)),
            Filter::All(filters) => filters.iter().all(|filter| filter.accepts(item, walk)),
            Filter::Not(filter) => !filter.accepts(item, walk),
            Filter::Exists(operand) => operand.find(item, walk).is_some_and(|value| !value.is_null()),
            Filter::Compare(left, comparison, right) => match (left.value(item, walk), right.value(item, walk)) {
                (Some(left), Some(right)) => {
                    let bytes = work::surface(&left).max(work::surface(&right));
                    walk.resolver.work(bytes) && comparison.holds(&left, &right)
                }
                _ => false,
            },
            Filter::Matches(operand, pattern) => match operand.value(item, walk).as_deref() {
                None | Some(Document::Null) => false,
                Some(value) if !walk.resolver.work(work::whole(value)) => false,
                Some(Document::String(text)) => pattern.matches(text, walk.resolver),
                Some(other) => {
                    let text = resolve::whole(other, walk.resolver).to_json();
                    pattern.matches(&text, walk.resolver)
                }
            },
        }
    }
}

impl Operand {
    /// The value; one that is kept elsewhere is loaded.
    fn value<'d>(&'d self, current: &'d Document, walk: Walk<'d>) -> Option<Cow<'d, Document>> {
        match self.find(current, walk)? {
            found if matches!(*found, Document::Reference(_)) => {
                Some(Cow::Owned(resolve::surface(found.into_owned(), walk.resolver)))
            }
            found => Some(found),
        }
    }

    /// What is there, which may be a reference.
    fn find<'d>(&'d self, current: &'d Document, walk: Walk<'d>) -> Option<Cow<'d, Document>> {
        match self {
            Operand::Item(steps) => follow(steps, current, walk),
            Operand::Root(steps) => follow(steps, walk.root, walk),
            Operand::Literal(value) => Some(Cow::Borrowed(value)),
        }
    }
}

fn follow<'d>(steps: &[Step], start: &'d Document, walk: Walk<'_>) -> Option<Cow<'d, Document>> {
    let Some((step, rest)) = steps.split_first() else {
        return Some(Cow::Borrowed(start));
    };
    match (step, start) {
        (_, Document::Reference(reference)) => {
            let value = walk.resolver.resolve(reference)?;
            follow(steps, &value, walk).map(|found| Cow::Owned(found.into_owned()))
        }
        (Step::Key(key), Document::Object(object)) => follow(rest, object.get(key)?, walk),
        // As at the end of a path, there is null past the end of an array.
        (Step::Index(index), Document::Array(array)) => follow(rest, item(array, *index).unwrap_or(&NULL), walk),
        _ => None,
    }
}

impl Comparison {
    fn holds(self, left: &Document, right: &Document) -> bool {
        let (is_null, other_is_null) = (is_nullish(left), is_nullish(right));
        if is_null || other_is_null {
            return match self {
                Comparison::Equal => is_null && other_is_null,
                Comparison::NotEqual => is_null != other_is_null,
                _ => false,
            };
        }
        match compare(left, right) {
            Compared::Ordered(ordering) => match self {
                Comparison::Equal => ordering.is_eq(),
                Comparison::NotEqual => ordering.is_ne(),
                Comparison::Less => ordering.is_lt(),
                Comparison::LessOrEqual => ordering.is_le(),
                Comparison::Greater => ordering.is_gt(),
                Comparison::GreaterOrEqual => ordering.is_ge(),
            },
            Compared::Different => self == Comparison::NotEqual,
            Compared::Incomparable => false,
        }
    }
}

fn is_nullish(value: &Document) -> bool {
    value.is_null() || value.as_str() == Some("null")
}

enum Compared {
    Ordered(Ordering),
    /// Of different kinds, where one is a text that does not say what the other is.
    Different,
    Incomparable,
}

fn compare(left: &Document, right: &Document) -> Compared {
    let ordered = |ordering: Option<Ordering>| ordering.map_or(Compared::Different, Compared::Ordered);
    match (left, right) {
        (Document::String(left), Document::String(right)) => Compared::Ordered(text_order(left, right)),
        (Document::Number(left), Document::Number(right)) => ordered(left.partial_cmp(right)),
        (Document::Bool(left), Document::Bool(right)) => Compared::Ordered(left.cmp(right)),
        (Document::String(text), Document::Number(number)) => {
            ordered(as_number(text).and_then(|text| text.partial_cmp(number)))
        }
        (Document::Number(number), Document::String(text)) => {
            ordered(as_number(text).and_then(|text| number.partial_cmp(&text)))
        }
        (Document::String(text), Document::Bool(value)) => ordered(as_bool(text).map(|text| text.cmp(value))),
        (Document::Bool(value), Document::String(text)) => ordered(as_bool(text).map(|text| value.cmp(&text))),
        _ => Compared::Incomparable,
    }
}

fn as_number(text: &str) -> Option<Number> {
    match Document::parse(text) {
        Ok(Document::Number(number)) => Some(number),
        _ => None,
    }
}

fn as_bool(text: &str) -> Option<bool> {
    ["false", "true"]
        .iter()
        .position(|word| word.eq_ignore_ascii_case(text))
        .map(|position| position == 1)
}

/// Parses a condition up to the parenthesis that closes it.
pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Filter, PathError> {
    any(cursor, 0)
}

fn any(cursor: &mut Cursor<'_>, nesting: usize) -> Result<Filter, PathError> {
    let mut filters = vec![all(cursor, nesting)?];
    while eat(cursor, "||") {
        filters.push(all(cursor, nesting)?);
    }
    Ok(joined(filters, Filter::Any))
}

fn all(cursor: &mut Cursor<'_>, nesting: usize) -> Result<Filter, PathError> {
    let mut filters = vec![single(cursor, nesting)?];
    while eat(cursor, "&&") {
        filters.push(single(cursor, nesting)?);
    }
    Ok(joined(filters, Filter::All))
}

fn joined(mut filters: Vec<Filter>, join: impl Fn(Vec<Filter>) -> Filter) -> Filter {
    match filters.len() {
        1 => filters.remove(0),
        _ => join(filters),
    }
}

fn eat(cursor: &mut Cursor<'_>, token: &str) -> bool {
    cursor.skip_blanks();
    cursor.eat(token)
}

fn single(cursor: &mut Cursor<'_>, nesting: usize) -> Result<Filter, PathError> {
    if nesting > NESTING_MAX {
        return Err(cursor.error(format!("a filter nests at most {NESTING_MAX} deep")));
    }
    if eat(cursor, "!") {
        return Ok(Filter::Not(Box::new(single(cursor, nesting + 1)?)));
    }
    if eat(cursor, "(") {
        let inner = any(cursor, nesting + 1)?;
        cursor.skip_blanks();
        cursor.expect(")")?;
        return Ok(inner);
    }
    let left = operand(cursor)?;
    if eat(cursor, "=~") {
        return Ok(Filter::Matches(left, pattern(cursor)?));
    }
    match comparison(cursor)? {
        Some(comparison) => Ok(Filter::Compare(left, comparison, operand(cursor)?)),
        None if matches!(left, Operand::Literal(_)) => Err(cursor.expected("a comparison")),
        None => Ok(Filter::Exists(left)),
    }
}

fn comparison(cursor: &mut Cursor<'_>) -> Result<Option<Comparison>, PathError> {
    const COMPARISONS: [(&str, Comparison); 6] = [
        ("==", Comparison::Equal),
        ("!=", Comparison::NotEqual),
        ("<=", Comparison::LessOrEqual),
        (">=", Comparison::GreaterOrEqual),
        ("<", Comparison::Less),
        (">", Comparison::Greater),
    ];
    cursor.skip_blanks();
    let found = COMPARISONS.iter().find(|(token, _)| cursor.rest().starts_with(token));
    if let Some((token, comparison)) = found {
        cursor.eat(token);
        return Ok(Some(*comparison));
    }
    match cursor.peek() {
        Some(')' | '&' | '|') | None => Ok(None),
        Some(letter) if letter.is_alphabetic() => {
            let start = cursor.rest();
            let word = start.split(|character: char| !character.is_alphanumeric()).next();
            let word = word.unwrap_or_default();
            Err(cursor.error(format!("Step Functions has no filter operator `{word}`")))
        }
        _ => Err(cursor.expected("a comparison such as `==`")),
    }
}

fn operand(cursor: &mut Cursor<'_>) -> Result<Operand, PathError> {
    cursor.skip_blanks();
    if cursor.eat("@") {
        return definite(cursor).map(Operand::Item);
    }
    if cursor.eat("$") {
        return definite(cursor).map(Operand::Root);
    }
    if matches!(cursor.peek(), Some('\'' | '"')) {
        return Ok(Operand::Literal(quoted(cursor)?.into()));
    }
    // Definitions do write `[?(@.Name==Receipt)]`.
    let is_bare = |character: char| !character.is_whitespace() && !"()[]{}'\"=!<>&|,@$~/".contains(character);
    match cursor.take_while(is_bare) {
        "" => Err(cursor.expected("a path or a literal")),
        bare => Ok(Operand::Literal(bare.into())),
    }
}

fn definite(cursor: &mut Cursor<'_>) -> Result<Vec<Step>, PathError> {
    let steps = steps(cursor, Within::Filter)?;
    match steps.iter().all(|step| matches!(step, Step::Key(_) | Step::Index(_))) {
        true => Ok(steps),
        false => Err(cursor.error("a path inside a filter leads to a single value")),
    }
}

fn pattern(cursor: &mut Cursor<'_>) -> Result<Pattern, PathError> {
    cursor.skip_blanks();
    cursor.expect("/")?;
    let start = cursor.offset();
    let mut text = String::new();
    loop {
        match cursor.next() {
            Some('/') => break,
            Some('\\') => match cursor.next() {
                Some('/') => text.push('/'),
                Some(escaped) => text.extend(['\\', escaped]),
                None => return Err(cursor.expected("a closing `/`")),
            },
            Some(character) => text.push(character),
            None => return Err(cursor.expected("a closing `/`")),
        }
    }
    let ignores_case = cursor.eat("i");
    Pattern::parse(&text, ignores_case).map_err(|message| PathError { message, offset: start })
}
