//! `expressway validate`: what is wrong with definitions.

use crate::definition::{self, Substitutions};
use crate::failure::Failure;
use crate::run::Format;
use crate::{Exit, snippet, source, style};
use clap::ValueEnum;
use expressway_asl::Document;
use expressway_asl::diagnostic::{Code, Diagnostic, Diagnostics, Severity};
use expressway_asl::document::{Array, Object};
use expressway_integrations::check_with_values;
use std::io::{self, Write};

/// Check definitions, and show what is wrong with them
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The definitions, JSON or YAML; - is standard input
    #[arg(value_name = "FILE", required_unless_present = "list_warnings")]
    files: Vec<String>,
    #[command(flatten)]
    substitutions: Substitutions,
    /// The least severity to report
    #[arg(long, default_value = "warning", ignore_case = true)]
    severity: LeastSeverity,
    /// Do not report warnings of this name; `warnings` for all. Can be given several times
    #[arg(long, value_name = "NAME", value_parser = warning_name)]
    allow: Vec<Named>,
    /// Report warnings of this name as errors; `warnings` for all. What --allow names is not reported
    #[arg(long, value_name = "NAME", value_parser = warning_name)]
    deny: Vec<Named>,
    /// List the names of all warnings, and what they say
    #[arg(long)]
    list_warnings: bool,
    /// What to print: text, or for each file one line of JSON like ValidateStateMachineDefinition's answer, with
    /// the name of the file added
    #[arg(long, default_value = "text")]
    format: Format,
}

const EXAMPLES: &str = "\
Examples:
  expressway validate orders.asl.json
  expressway validate workflows/*.asl.yaml --severity error
  expressway validate orders.asl.json --allow MISSING_RETRY --deny warnings
  expressway validate --format json orders.asl.json | jq -r '.diagnostics[].message'

The exit status is 1 if any definition has errors; warnings do not count, unless --deny makes errors of them.";

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LeastSeverity {
    Error,
    Warning,
}

/// What `--allow` and `--deny` name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Named {
    All,
    One(Code),
}

impl Named {
    fn means(self, diagnostic: &Diagnostic) -> bool {
        diagnostic.severity == Severity::Warning && (self == Named::All || self == Named::One(diagnostic.code))
    }
}

fn warning_name(name: &str) -> Result<Named, String> {
    if name.eq_ignore_ascii_case("warnings") {
        return Ok(Named::All);
    }
    let mut known = Code::WARNINGS.iter().map(|(code, _)| *code);
    match known.find(|code| code.as_str().eq_ignore_ascii_case(name)) {
        Some(code) => Ok(Named::One(code)),
        None => Err("no warning has this name, --list-warnings shows them all".to_owned()),
    }
}

fn list_warnings(out: &mut dyn Write) -> io::Result<()> {
    let names = Code::WARNINGS.iter().map(|(code, _)| code.as_str());
    let width = names.map(str::len).max().unwrap_or_default();
    for (code, meaning) in Code::WARNINGS {
        writeln!(out, "{:width$}  {meaning}", code.as_str())?;
    }
    Ok(())
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let mut out = anstream::stdout().lock();
    if arguments.list_warnings {
        list_warnings(&mut out)?;
        return Ok(Exit::Success);
    }
    let mut found = Vec::new();
    let mut unreadable = None;
    for file in &arguments.files {
        let diagnostics = match diagnostics(arguments, file) {
            Ok(diagnostics) => diagnostics,
            // One file that can not be read keeps nobody from hearing about the others.
            Err(failure) => {
                failure.report();
                unreadable = Some(());
                continue;
            }
        };
        match arguments.format {
            Format::Text => write_text(&mut out, source::display_name(file), &diagnostics)?,
            Format::Json => writeln!(out, "{}", to_json(file, &diagnostics.list))?,
        }
        found.extend(diagnostics.list);
    }
    if arguments.format == Format::Text && arguments.files.len() > 1 && !found.is_empty() {
        writeln!(
            out,
            "{} in {} files",
            snippet::summary(found.iter()),
            arguments.files.len()
        )?;
    }
    match unreadable {
        Some(()) => Ok(Exit::Misused),
        None if found.iter().any(is_error) => Ok(Exit::Negative),
        None => Ok(Exit::Success),
    }
}

fn diagnostics(arguments: &Arguments, file: &str) -> Result<Diagnostics, Failure> {
    let mut diagnostics = match definition::check(file, &arguments.substitutions)? {
        Ok(compilation) => {
            let mut findings = compilation.warnings;
            definition::merge(&mut findings, check_with_values(&compilation.calls));
            findings
        }
        Err(diagnostics) => diagnostics,
    };
    let is_any = |named: &[Named], diagnostic: &Diagnostic| named.iter().any(|named| named.means(diagnostic));
    diagnostics
        .list
        .retain(|diagnostic| !is_any(&arguments.allow, diagnostic));
    for diagnostic in &mut diagnostics.list {
        if is_any(&arguments.deny, diagnostic) {
            diagnostic.severity = Severity::Error;
        }
    }
    if arguments.severity == LeastSeverity::Error {
        diagnostics.list.retain(is_error);
    }
    Ok(diagnostics)
}

fn is_error(diagnostic: &Diagnostic) -> bool {
    diagnostic.severity == Severity::Error
}

fn write_text(out: &mut dyn Write, file: &str, diagnostics: &Diagnostics) -> io::Result<()> {
    let success = style::SUCCESS;
    snippet::write_all(out, file, diagnostics)?;
    match diagnostics.list.as_slice() {
        [] => writeln!(out, "{file}: {success}valid{success:#}"),
        list if list.iter().any(is_error) => {
            let bad = style::ERROR;
            writeln!(out, "{file}: {bad}not valid{bad:#}, {}", snippet::summary(list.iter()))
        }
        list => writeln!(
            out,
            "{file}: {success}valid{success:#}, {}",
            snippet::summary(list.iter())
        ),
    }
}

/// The answer of ValidateStateMachineDefinition, with the name of the file.
fn to_json(file: &str, list: &[Diagnostic]) -> Document {
    let result = if list.iter().any(is_error) { "FAIL" } else { "OK" };
    let diagnostics: Array = list.iter().map(diagnostic_to_json).collect();
    Document::object([
        ("file", file.into()),
        ("result", result.into()),
        ("diagnostics", diagnostics.into()),
        ("truncated", Document::Bool(false)),
    ])
}

fn diagnostic_to_json(diagnostic: &Diagnostic) -> Document {
    let mut object: Object = [
        ("severity", diagnostic.severity.as_str().into()),
        ("code", diagnostic.code.as_str().into()),
        ("message", Document::from(diagnostic.message.clone())),
    ]
    .into_iter()
    .collect();
    if let Some(location) = &diagnostic.location {
        object.insert("location", location.as_str().into());
    }
    object.into()
}
