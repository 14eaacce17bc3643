//! Diagnostics with the line of the definition that they are about.

use crate::style;
use expressway_asl::diagnostic::{Diagnostic, Diagnostics, Severity};
use std::fmt;
use std::io::{self, Write};

/// Writes all diagnostics about a file.
pub(crate) fn write_all(out: &mut dyn Write, file: &str, diagnostics: &Diagnostics) -> io::Result<()> {
    diagnostics
        .list
        .iter()
        .try_for_each(|diagnostic| write_one(out, file, diagnostics, diagnostic))
}

/// `2 errors, 1 warning`
pub(crate) fn summary<'a>(diagnostics: impl Iterator<Item = &'a Diagnostic>) -> String {
    let (mut errors, mut warnings) = (0, 0);
    for diagnostic in diagnostics {
        match diagnostic.severity {
            Severity::Error => errors += 1,
            Severity::Warning => warnings += 1,
        }
    }
    match (errors, warnings) {
        (errors, 0) => count(errors, "error"),
        (0, warnings) => count(warnings, "warning"),
        (errors, warnings) => format!("{}, {}", count(errors, "error"), count(warnings, "warning")),
    }
}

fn count(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

/// Writes one diagnostic:
///
/// ```text
/// error[MISSING_TRANSITION_TARGET]: Missing 'Next' target: Chrage
///   --> orders.asl.json:12:15
///    |
/// 12 |       "Next": "Chrage"
///    |               ^^^^^^^^
///    = at /States/Check/Next
///    = help: did you mean `Charge`?
/// ```
pub(crate) fn write_one(
    out: &mut dyn Write,
    file: &str,
    diagnostics: &Diagnostics,
    diagnostic: &Diagnostic,
) -> io::Result<()> {
    let (style, word) = match diagnostic.severity {
        Severity::Error => (style::ERROR, "error"),
        Severity::Warning => (style::WARNING, "warning"),
    };
    let (place, heading) = (style::PLACE, style::HEADING);
    let code = diagnostic.code.as_str();
    // Some messages of the service quote the definition from their second line on; it is shown below.
    let message = diagnostic.message.lines().next().unwrap_or_default();
    writeln!(out, "{style}{word}[{code}]{style:#}{heading}: {message}{heading:#}")?;
    let (line, column) = diagnostics.line_and_column(diagnostic);
    let gutter = " ".repeat(line.to_string().len());
    writeln!(out, "{gutter}{place}-->{place:#} {file}:{line}:{column}")?;
    if let Some(excerpt) = Excerpt::of(&diagnostics.text, diagnostic) {
        writeln!(out, "{gutter} {place}|{place:#}")?;
        writeln!(out, "{place}{line} |{place:#} {}", excerpt.line)?;
        writeln!(
            out,
            "{gutter} {place}|{place:#} {}{style}{}{style:#}",
            excerpt.indent, excerpt.marks
        )?;
    }
    if let Some(pointer) = &diagnostic.pointer {
        writeln!(out, "{gutter} {place}={place:#} at {pointer}")?;
    }
    if let Some(help) = &diagnostic.help {
        writeln!(out, "{gutter} {place}={place:#} {heading}help{heading:#}: {help}")?;
    }
    writeln!(out)
}

/// The part of the line to show, and the marks below it.
#[derive(Debug, PartialEq)]
struct Excerpt {
    line: String,
    indent: String,
    marks: String,
}

/// How much of a line to show before and after the marked place, in characters: a definition may be one line.
const BEFORE_MAX: usize = 60;
const AFTER_MAX: usize = 40;
const MARKED_MAX: usize = 100;

impl Excerpt {
    fn of(text: &str, diagnostic: &Diagnostic) -> Option<Excerpt> {
        let (before, after) = text.split_at_checked(diagnostic.span.start)?;
        let before = before.rsplit('\n').next().unwrap_or_default();
        let after = after.split(['\n', '\r']).next().unwrap_or_default();
        if before.trim().is_empty() && after.trim().is_empty() {
            return None;
        }
        let length = diagnostic.span.end.saturating_sub(diagnostic.span.start);
        // A span over several lines is marked to the end of its first one.
        let (marked, after) = after.split_at_checked(length).unwrap_or((after, ""));
        let before = last_characters(before, BEFORE_MAX);
        let marked = first_characters(marked, MARKED_MAX);
        let after = match marked.is_cut {
            true => Cut::default(),
            false => first_characters(after, AFTER_MAX),
        };
        Some(Excerpt {
            line: format!("{before}{marked}{after}").trim_end().to_owned(),
            indent: " ".repeat(before.width()),
            marks: "^".repeat(marked.width().max(1)),
        })
    }
}

/// A piece of a line, and whether something was left out at its end (or beginning, for what stands before).
#[derive(Default)]
struct Cut {
    text: String,
    is_cut: bool,
    at_the_front: bool,
}

impl Cut {
    fn width(&self) -> usize {
        self.text.chars().count() + if self.is_cut { ELLIPSIS.len() } else { 0 }
    }
}

const ELLIPSIS: &str = "...";

impl fmt::Display for Cut {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = &self.text;
        match (self.is_cut, self.at_the_front) {
            (false, _) => write!(formatter, "{text}"),
            (true, true) => write!(formatter, "{ELLIPSIS}{text}"),
            (true, false) => write!(formatter, "{text}{ELLIPSIS}"),
        }
    }
}

fn first_characters(text: &str, max: usize) -> Cut {
    let shown: String = text.chars().take(max).map(printable).collect();
    Cut {
        is_cut: text.chars().nth(max).is_some(),
        at_the_front: false,
        text: shown,
    }
}

fn last_characters(text: &str, max: usize) -> Cut {
    let skipped = text.chars().count().saturating_sub(max);
    Cut {
        text: text.chars().skip(skipped).map(printable).collect(),
        is_cut: skipped > 0,
        at_the_front: true,
    }
}

/// Tabs and other control characters take one place, so that the marks stand where they should.
fn printable(character: char) -> char {
    if character.is_control() { ' ' } else { character }
}

#[cfg(test)]
mod tests;
