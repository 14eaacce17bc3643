//! The definition that a command works on.

use crate::failure::Failure;
use crate::source::{self, STANDARD_INPUT};
use crate::{snippet, style};
use expressway_asl::call::Call;
use expressway_asl::diagnostic::{Code, Diagnostic, Diagnostics};
use expressway_asl::program::Program;
use expressway_asl::{Compilation, Document};
use expressway_integrations::check as check_calls;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Which definition, and what replaces its `${Name}`.
#[derive(clap::Args)]
pub(crate) struct DefinitionArguments {
    /// The definition, JSON or YAML; - is standard input
    #[arg(value_name = "DEFINITION")]
    file: String,
    #[command(flatten)]
    substitutions: Substitutions,
}

/// What replaces `${Name}` in definitions.
#[derive(clap::Args)]
pub(crate) struct Substitutions {
    /// Values for `${Name}` in the definition, an object [default: the file beside DEFINITION that ends in
    /// .substitutions.json instead of .json or .yaml]
    #[arg(long, value_name = "FILE|JSON", display_order = 50)]
    substitutions: Option<String>,
}

/// A definition that compiled.
pub(crate) struct Definition {
    /// The file's name as given.
    pub(crate) file: String,
    /// Its text.
    pub(crate) text: String,
    /// What its state machine is called: the name of the file without `.asl.json` and the like.
    pub(crate) name: String,
    pub(crate) program: Arc<Program>,
    /// What it calls that can not be called from here. Mocked, it runs all the same.
    pub(crate) not_supported: Vec<Diagnostic>,
    /// What its Task states call, as written.
    pub(crate) calls: Vec<Call>,
}

impl DefinitionArguments {
    /// The file's name as given.
    pub(crate) fn file(&self) -> &str {
        &self.file
    }

    /// What the state machine is called.
    pub(crate) fn name(&self) -> String {
        machine_name(&self.file)
    }

    /// Reads and compiles the definition.
    pub(crate) fn load(&self) -> Result<Definition, Failure> {
        self.load_with(&BTreeMap::new())
    }

    /// Reads and compiles the definition. `configured` counts unless there is `--substitutions`.
    pub(crate) fn load_with(&self, configured: &BTreeMap<String, String>) -> Result<Definition, Failure> {
        let (text, values) = read(&self.file, &self.substitutions, configured)?;
        match expressway_asl::compile(&text, &values) {
            Ok(compilation) => {
                let Checked {
                    program,
                    warnings,
                    not_supported,
                    calls,
                } = checked(compilation).map_err(|diagnostics| Failure::Definition {
                    file: self.file.clone(),
                    diagnostics,
                })?;
                self.mention(&warnings);
                Ok(Definition {
                    file: self.file.clone(),
                    text,
                    name: self.name(),
                    program: Arc::new(program),
                    not_supported,
                    calls,
                })
            }
            Err(diagnostics) => Err(Failure::Definition {
                file: self.file.clone(),
                diagnostics,
            }),
        }
    }

    /// Says on standard error that there are warnings: the definition runs, but perhaps not as meant.
    fn mention(&self, warnings: &Diagnostics) {
        if warnings.list.is_empty() {
            return;
        }
        let (warning, file) = (style::WARNING, &self.file);
        let summary = snippet::summary(warnings.list.iter());
        // When standard error is closed, nobody wants to know.
        let _ = writeln!(
            anstream::stderr().lock(),
            "{warning}warning{warning:#}: `{file}` has {summary}, shown by `expressway validate {file}`"
        );
    }
}

/// A definition whose calls were checked too.
pub(crate) struct Checked {
    pub(crate) program: Program,
    pub(crate) warnings: Diagnostics,
    /// What it calls that can not be called from here.
    pub(crate) not_supported: Vec<Diagnostic>,
    pub(crate) calls: Vec<Call>,
}

/// Checks the calls of a definition.
///
/// # Errors
/// Calls that the service refuses too.
pub(crate) fn checked(compilation: Compilation) -> Result<Checked, Diagnostics> {
    let mut warnings = compilation.warnings;
    let is_supported = |finding: &Diagnostic| finding.code != Code::NotSupported;
    let (known, not_supported) = check_calls(&compilation.calls).into_iter().partition(is_supported);
    merge(&mut warnings, known);
    match warnings.has_errors() {
        true => Err(warnings),
        false => Ok(Checked {
            program: compilation.program,
            warnings,
            not_supported,
            calls: compilation.calls,
        }),
    }
}

/// Adds findings about calls to those about the language, in the order of the text.
pub(crate) fn merge(diagnostics: &mut Diagnostics, found: Vec<Diagnostic>) {
    diagnostics.list.extend(found);
    let order = |finding: &Diagnostic| (finding.pointer.is_none(), finding.span.start);
    diagnostics.list.sort_by_key(order);
}

/// Reads and compiles one definition, and looks for what is doubtful about it. What is wrong with the definition is a
/// result, not a failure.
pub(crate) fn check(file: &str, substitutions: &Substitutions) -> Result<Result<Compilation, Diagnostics>, Failure> {
    let (text, values) = read(file, substitutions, &BTreeMap::new())?;
    Ok(expressway_asl::check(&text, &values))
}

fn read(
    file: &str,
    substitutions: &Substitutions,
    configured: &BTreeMap<String, String>,
) -> Result<(String, BTreeMap<String, String>), Failure> {
    Ok((source::read_file(file)?, substitutions.values(file, configured)?))
}

impl Substitutions {
    /// Those of the file beside the definition, if there is one.
    pub(crate) fn beside() -> Substitutions {
        Substitutions { substitutions: None }
    }

    /// The values for this definition.
    pub(crate) fn of(&self, definition: &str) -> Result<BTreeMap<String, String>, Failure> {
        self.values(definition, &BTreeMap::new())
    }

    fn values(
        &self,
        definition: &str,
        configured: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, Failure> {
        match (&self.substitutions, substitutions_beside(definition)) {
            (Some(given), _) => parse_values("--substitutions", given),
            _ if !configured.is_empty() => Ok(configured.clone()),
            (None, Some(beside)) => parse_values(&beside, &beside),
            (None, None) => Ok(BTreeMap::new()),
        }
    }
}

/// `workflow.asl.substitutions.json` for `workflow.asl.json`, if it exists.
fn substitutions_beside(definition: &str) -> Option<String> {
    let beside = format!("{}.substitutions.json", without_ending(definition));
    (definition != STANDARD_INPUT && Path::new(&beside).is_file()).then_some(beside)
}

fn parse_values(argument: &str, value: &str) -> Result<BTreeMap<String, String>, Failure> {
    let document = source::read_document(argument, value)?;
    let invalid = |problem: String| Failure::usage(format!("`{argument}` {problem}"));
    let object = document.as_object();
    let object = object.ok_or_else(|| invalid("must be an object of names and values".to_owned()))?;
    let values = object.iter().map(|(name, value)| match value {
        Document::String(text) => Ok((name.to_string(), text.to_string())),
        Document::Number(_) | Document::Bool(_) => Ok((name.to_string(), value.to_json())),
        _ => Err(invalid(format!(
            "has a value for `{name}` that is neither text nor a number"
        ))),
    });
    values.collect()
}

/// The name of the state machine that a definition in this file defines.
pub(crate) fn machine_name(file: &str) -> String {
    if file == STANDARD_INPUT {
        return "stdin".to_owned();
    }
    let name = PathBuf::from(without_ending(file));
    let name = name.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = name.unwrap_or_default();
    name.strip_suffix(".asl").unwrap_or(&name).to_owned()
}

pub(crate) fn without_ending(file: &str) -> &str {
    [".json", ".yaml", ".yml"]
        .iter()
        .find_map(|ending| file.strip_suffix(ending))
        .unwrap_or(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_are_called_like_their_files() {
        for (file, expected) in [
            ("orders.asl.json", "orders"),
            ("a/b/orders.json", "orders"),
            ("../orders.asl.yaml", "orders"),
            ("orders.v2.yml", "orders.v2"),
            ("orders", "orders"),
            ("-", "stdin"),
        ] {
            assert_eq!(machine_name(file), expected, "{file}");
        }
    }

    #[test]
    fn substitutions_are_text() {
        let given = r#"{"Arn": "arn:aws:x", "Count": 3.0, "On": true}"#;
        let values = parse_values("--substitutions", given).map_err(|_| ()).unwrap();
        let values: Vec<_> = values.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(values, [("Arn", "arn:aws:x"), ("Count", "3.0"), ("On", "true")]);
        for invalid in ["[]", r#"{"a": {}}"#, r#"{"a": null}"#, "{"] {
            assert!(parse_values("--substitutions", invalid).is_err(), "{invalid}");
        }
    }
}
