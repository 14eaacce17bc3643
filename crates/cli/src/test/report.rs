//! Results as people read them.

use super::difference::Difference;
use crate::style;
use std::io::{self, Write};
use std::time::Duration;

/// The tests of one file.
pub(super) struct FileResult<'t> {
    pub(super) name: &'t str,
    pub(super) tests: Vec<TestResult<'t>>,
}

/// What came of one test.
pub(super) struct TestResult<'t> {
    pub(super) name: &'t str,
    pub(super) ended: Ended,
    /// How long it took, on the wall clock.
    pub(super) time: Duration,
}

pub(super) enum Ended {
    Passed,
    Failed(Failed),
    /// Another test failed first.
    NotRun,
}

pub(super) struct Failed {
    /// What is wrong whatever was expected.
    pub(super) problems: Vec<String>,
    pub(super) differences: Vec<Difference>,
}

impl TestResult<'_> {
    /// What went wrong, without colours.
    pub(super) fn failure_lines(&self) -> Vec<String> {
        let Ended::Failed(failed) = &self.ended else {
            return Vec::new();
        };
        let differences = failed.differences.iter().map(|difference| {
            let or_nothing = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
            format!(
                "{}: expected {}, got {}",
                heading(difference),
                or_nothing(&difference.expected),
                or_nothing(&difference.actual)
            )
        });
        failed.problems.iter().cloned().chain(differences).collect()
    }
}

/// `output $.total`
fn heading(difference: &Difference) -> String {
    match difference.place.is_empty() {
        true => difference.what.to_owned(),
        false => format!("{} {}", difference.what, difference.place.trim_end()),
    }
}

/// Writes a line for each test, and what differs below those that failed.
pub(super) fn write(out: &mut dyn Write, files: &[FileResult<'_>]) -> io::Result<()> {
    let (title, faint) = (style::HEADING, style::FAINT);
    for file in files {
        writeln!(out, "{title}{}{title:#}", file.name)?;
        for test in &file.tests {
            let (mark_style, mark) = match test.ended {
                Ended::Passed => (style::SUCCESS, '+'),
                Ended::Failed(_) => (style::ERROR, 'x'),
                Ended::NotRun => (style::FAINT, '-'),
            };
            let note = match test.ended {
                Ended::NotRun => "  not run",
                _ => "",
            };
            writeln!(
                out,
                "  {mark_style}{mark}{mark_style:#} {}{faint}{note}{faint:#}",
                test.name
            )?;
            if let Ended::Failed(failed) = &test.ended {
                write_failed(out, failed)?;
            }
        }
    }
    Ok(())
}

fn write_failed(out: &mut dyn Write, failed: &Failed) -> io::Result<()> {
    let (bad, good) = (style::ERROR, style::SUCCESS);
    for problem in &failed.problems {
        writeln!(out, "      {bad}{}{bad:#}", printable(problem))?;
    }
    for difference in &failed.differences {
        writeln!(out, "      {}", heading(difference))?;
        let shown = |value: &Option<String>| value.as_deref().map_or_else(|| "nothing".to_owned(), printable);
        writeln!(out, "        {good}expected{good:#}  {}", shown(&difference.expected))?;
        writeln!(out, "        {bad}got{bad:#}       {}", shown(&difference.actual))?;
    }
    Ok(())
}

/// Text on one line of a terminal: control characters are shown as in Rust.
fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character.is_control() {
            true => out.extend(character.escape_default()),
            false => out.push(character),
        }
    }
    out
}

/// `3 passed, 1 failed, 2 not run`
pub(super) fn write_summary(out: &mut dyn Write, files: &[FileResult<'_>], time: Duration) -> io::Result<()> {
    let count = |is_meant: fn(&Ended) -> bool| {
        let tests = files.iter().flat_map(|file| &file.tests);
        tests.filter(|test| is_meant(&test.ended)).count()
    };
    let failed = count(|ended| matches!(ended, Ended::Failed(_)));
    let not_run = count(|ended| matches!(ended, Ended::NotRun));
    let style = if failed == 0 { style::SUCCESS } else { style::ERROR };
    let passed = count(|ended| matches!(ended, Ended::Passed));
    write!(out, "{style}{passed} passed, {failed} failed{style:#}")?;
    if not_run > 0 {
        write!(out, ", {not_run} not run")?;
    }
    writeln!(out, " in {:.2} s", time.as_secs_f64())
}
