//! `expressway describe`: what a definition is made of, above all which variables its states use.

use crate::definition::{Substitutions, machine_name};
use crate::failure::Failure;
use crate::run::Format;
use crate::{Exit, source, style};
use expressway_asl::document::{Array, Text};
use expressway_asl::program::VariableUse;
use expressway_asl::{Document, Inspection};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

/// Show which variables the states of a definition assign and refer to
///
/// Definitions of Standard workflows can be described too.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The definition, JSON or YAML; - is standard input
    #[arg(value_name = "DEFINITION")]
    definition: String,
    #[command(flatten)]
    substitutions: Substitutions,
    /// What to print: text, or an object with `variableReferences` as DescribeStateMachine returns it, and
    /// `variableAssignments` in the same form
    #[arg(long, default_value = "text")]
    format: Format,
}

const EXAMPLES: &str = "\
Examples:
  expressway describe orders.asl.json
  expressway describe orders.asl.json --format json | jq .variableReferences";

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let file = &arguments.definition;
    let text = source::read_file(file)?;
    let substitutions = arguments.substitutions.of(file)?;
    let inspection = expressway_asl::inspect(&text, &substitutions).map_err(|diagnostics| Failure::Definition {
        file: file.clone(),
        diagnostics,
    })?;
    let mut out = anstream::stdout().lock();
    match arguments.format {
        Format::Json => writeln!(out, "{}", to_json(&machine_name(file), inspection.variables()))?,
        Format::Text => write_text(&mut out, &inspection)?,
    }
    Ok(Exit::Success)
}

fn to_json(name: &str, variables: &VariableUse) -> Document {
    let by_state = |states: &BTreeMap<Text, BTreeSet<Text>>| {
        let names = |names: &BTreeSet<Text>| {
            let names: Array = names.iter().map(|name| Document::String(Text::clone(name))).collect();
            Document::Array(names)
        };
        let states = states.iter().map(|(state, used)| (Text::clone(state), names(used)));
        Document::Object(states.collect())
    };
    Document::object([
        ("name", Document::from(name)),
        ("variableReferences", by_state(&variables.references)),
        ("variableAssignments", by_state(&variables.assignments)),
    ])
}

/// A line for each state that uses variables.
fn write_text(out: &mut dyn Write, inspection: &Inspection) -> io::Result<()> {
    let VariableUse {
        references,
        assignments,
    } = inspection.variables();
    let states: BTreeSet<&Text> = references.keys().chain(assignments.keys()).collect();
    if states.is_empty() {
        return writeln!(out, "no state uses variables");
    }
    let (heading, faint) = (style::HEADING, style::FAINT);
    for state in states {
        writeln!(out, "{heading}{state}{heading:#}")?;
        for (what, used) in [
            ("refers to", references.get(state)),
            ("assigns", assignments.get(state)),
        ] {
            if let Some(used) = used {
                let names: Vec<String> = used.iter().map(|name| format!("${name}")).collect();
                writeln!(out, "  {faint}{what}{faint:#} {}", names.join(", "))?;
            }
        }
    }
    Ok(())
}
