//! Paths: JSONPath as Step Functions understands it.
//!
//! The service speaks the dialect of the Jayway JsonPath library, in its version 2.0.0 over Jackson trees:
//! its error texts, `null` for an index past the end of an array, and `[]` for a wildcard below a missing
//! property all come from there. A path is parsed once, when a definition is compiled; evaluating it walks
//! the parsed steps and takes out what it finds without copying.

mod cursor;
mod filter;
mod no_match;
mod parse;
mod pattern;
mod reference;
mod walk;

use crate::document::{Document, Text};
use crate::scope::Scope;
use filter::Filter;
use std::fmt;

pub(crate) use cursor::Cursor;
pub use no_match::NoMatch;
pub use reference::{PlaceError, ReferencePath};

/// A parsed path, such as `$.order.items[0]`, `$$.Execution.Name` or `$variable.member`.
#[derive(Clone, PartialEq)]
pub struct Path {
    text: Text,
    root: Root,
    steps: Box<[Step]>,
}

/// What a path starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Root {
    /// `$`: the input, or what stands for it where the path is used.
    Input,
    /// `$$`: the Context object.
    Context,
    /// `$name`: a variable.
    Variable(Text),
}

/// Why a text is not a path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PathError {
    /// What is wrong.
    pub message: String,
    /// Where, in bytes from the beginning of the path.
    pub offset: usize,
}

#[derive(Clone, Debug, PartialEq)]
enum Step {
    /// `.name`, `['name']`
    Key(Text),
    /// `[0]`; a negative index counts from the end.
    Index(i64),
    /// `['a','b']`: a new object of those members that are there.
    Keys(Box<[Text]>),
    /// `[0,1]`
    Indexes(Box<[i64]>),
    /// `[1:5]`, `[1:]`, `[:-1]`
    Slice(Option<i64>, Option<i64>),
    /// `.*`, `[*]`
    Wildcard,
    /// `..`: the next step applies here and to everything below.
    Deep,
    /// `[?(...)]`
    Filter(Filter),
}

/// Where a step of a path leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lead<'p> {
    /// To this member.
    Key(&'p Text),
    /// To this item, counted from 0.
    Index(usize),
    /// To several values, or to one that depends on the data.
    Elsewhere,
}

impl Step {
    /// Whether the step leads to one value at most.
    fn is_definite(&self) -> bool {
        matches!(self, Step::Key(_) | Step::Index(_) | Step::Keys(_))
    }
}

impl Path {
    /// Parses a path.
    ///
    /// # Errors
    /// The text is not a path, or uses something that Step Functions does not support.
    pub fn parse(text: &str) -> Result<Path, PathError> {
        parse::path(text)
    }

    /// The path as written.
    pub fn text(&self) -> &Text {
        &self.text
    }

    /// What the path starts from.
    pub fn root(&self) -> &Root {
        &self.root
    }

    /// Whether the path leads to a single value, which must be there. Any other path gives an array of what
    /// it finds, which may be empty.
    pub fn is_definite(&self) -> bool {
        self.steps.iter().all(Step::is_definite)
    }

    /// Whether the path is its root and nothing else, as `$` and `$$` are.
    pub fn is_root(&self) -> bool {
        self.steps.is_empty()
    }

    /// The names of members that the path begins with: `Execution`, `Name` for `$$.Execution.Name[0]`.
    pub fn leading_keys(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().map_while(|step| match step {
            Step::Key(key) => Some(&**key),
            _ => None,
        })
    }

    /// The steps, as far as they tell where they lead.
    pub(crate) fn leads(&self) -> impl Iterator<Item = Lead<'_>> {
        self.steps.iter().map(|step| match step {
            Step::Key(key) => Lead::Key(key),
            Step::Index(index) => usize::try_from(*index).map_or(Lead::Elsewhere, Lead::Index),
            _ => Lead::Elsewhere,
        })
    }

    /// The value at this path.
    ///
    /// As in payload templates, an index past the end of its array gives `null` when it ends a path
    /// (`$.items[5]`). Costs a few lookups and one reference count for a path to a single value; the array
    /// of any other path shares its items with the document.
    ///
    /// # Errors
    /// The path leads to a single value, and it is not there.
    pub fn evaluate(&self, scope: &dyn Scope) -> Result<Document, NoMatch> {
        self.in_scope(scope, |path, document| path.select(document, scope))
    }

    /// The value at this path, as Choice rules and intrinsic functions look for it: an index past the end of
    /// its array is a missing value too.
    ///
    /// # Errors
    /// The path leads to a single value, and it is not there.
    pub fn find(&self, scope: &dyn Scope) -> Result<Document, NoMatch> {
        self.in_scope(scope, |path, document| path.select_present(document, scope))
    }

    fn in_scope(
        &self,
        scope: &dyn Scope,
        select: impl Fn(&Path, &Document) -> Result<Document, NoMatch>,
    ) -> Result<Document, NoMatch> {
        match &self.root {
            Root::Input => select(self, scope.input()),
            Root::Context => select(self, &scope.context()),
            Root::Variable(name) => match scope.variable(name) {
                Some(value) => select(self, &value),
                None => Err(NoMatch::unassigned(&self.text, name)),
            },
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Path({})", self.text)
    }
}

/// Steps in the brackets that the service writes in its messages: `['a'][0]`.
fn write_steps(steps: &[Step], out: &mut String) {
    let join = |texts: &mut dyn Iterator<Item = String>, separator: &str| texts.collect::<Vec<_>>().join(separator);
    for step in steps {
        let text = match step {
            Step::Key(key) => format!("['{key}']"),
            Step::Index(index) => format!("[{index}]"),
            Step::Keys(keys) => format!("[{}]", join(&mut keys.iter().map(|key| format!("'{key}'")), ", ")),
            Step::Indexes(indexes) => format!("[{}]", join(&mut indexes.iter().map(i64::to_string), ",")),
            Step::Slice(from, to) => {
                let bound = |bound: &Option<i64>| bound.map(|bound| bound.to_string()).unwrap_or_default();
                format!("[{}:{}]", bound(from), bound(to))
            }
            Step::Wildcard => "[*]".to_owned(),
            Step::Deep => "..".to_owned(),
            Step::Filter(_) => "[?]".to_owned(),
        };
        out.push_str(&text);
    }
}

#[cfg(test)]
mod tests;
