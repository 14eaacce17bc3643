//! What is said when a path leads nowhere.

use super::{Path, Step, write_steps};
use crate::document::{Document, Text};

/// A path that leads to a single value found none.
///
/// It displays as the service words it for `InputPath`, `OutputPath` and the other `...Path` fields.
/// Recorded: `Invalid path '$.X' : No results for path: $['X']`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Invalid path '{path}' : {detail}")]
pub struct NoMatch {
    path: Text,
    detail: String,
    is_wrong_kind: bool,
}

impl NoMatch {
    /// The path as written.
    pub fn path(&self) -> &Text {
        &self.path
    }

    /// Where the path came to an end, without the path itself.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// Whether an index or a filter met something that it cannot be applied to, rather than nothing. In
    /// payload templates the service reports this with [`NoMatch::detail`] alone.
    pub fn is_wrong_kind(&self) -> bool {
        self.is_wrong_kind
    }

    pub(super) fn unassigned(path: &Text, variable: &str) -> NoMatch {
        NoMatch {
            path: Text::clone(path),
            detail: format!("The variable '{variable}' has not been assigned a value"),
            is_wrong_kind: false,
        }
    }
}

/// Builds the messages of a path whose step number `failed` found nothing in `at`.
pub(super) struct Failure<'p> {
    pub(super) path: &'p Path,
    pub(super) failed: usize,
}

impl Failure<'_> {
    /// A member that is not there, or an index past the end.
    pub(super) fn missing(&self) -> NoMatch {
        let is_last = self.failed + 1 >= self.path.steps.len();
        let reached = self.reached(self.failed + 1);
        self.no_match(match is_last {
            true => format!("No results for path: {reached}"),
            false => format!("Missing property in path {reached}"),
        })
    }

    /// A name was applied to something that is not an object, or an index or filter to something else that
    /// has no items.
    pub(super) fn wrong_kind(&self, at: &Document) -> NoMatch {
        let reached = self.reached(self.failed);
        let steps = self.path.steps.get(self.failed..).unwrap_or_default();
        let mut rest = String::new();
        match (steps.first(), at) {
            (Some(step @ (Step::Key(_) | Step::Keys(_))), _) => {
                write_steps(std::slice::from_ref(step), &mut rest);
                self.no_match(format!("Property {rest} not found in path {reached}"))
            }
            (Some(Step::Filter(_)), _) => {
                write_steps(steps, &mut rest);
                self.misuse(format!("Filter: {rest} can not be applied to primitives"), at)
            }
            (_, Document::Null) => self.no_match(format!("The path {reached} is null")),
            _ => {
                write_steps(steps, &mut rest);
                self.misuse(format!("Filter: {rest} can only be applied to arrays"), at)
            }
        }
    }

    /// The path came to so many values that going on would take too long.
    pub(super) fn too_many(&self, limit: usize) -> NoMatch {
        self.no_match(format!("The path leads to more than {limit} values"))
    }

    fn reached(&self, steps: usize) -> String {
        let mut text = "$".to_owned();
        write_steps(self.path.steps.get(..steps).unwrap_or_default(), &mut text);
        text
    }

    fn misuse(&self, message: String, at: &Document) -> NoMatch {
        // The library shows the text of a member as it is, and that of an item as JSON.
        let before = self
            .failed
            .checked_sub(1)
            .and_then(|before| self.path.steps.get(before));
        let found = match (before, at) {
            (Some(Step::Key(_)), Document::String(text)) => text.to_string(),
            _ => at.to_json(),
        };
        NoMatch {
            is_wrong_kind: true,
            ..self.no_match(format!("{message}. Current context is: {found}"))
        }
    }

    fn no_match(&self, detail: String) -> NoMatch {
        NoMatch {
            path: Text::clone(&self.path.text),
            detail,
            is_wrong_kind: false,
        }
    }
}
