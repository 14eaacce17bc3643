//! Readers of single fields, and the findings they report.

use super::place::Place;
use super::{Compiler, Language};
use crate::definition::Value;
use crate::diagnostic::{Code, Diagnostic, Severity, Span};
use crate::document::Text;
use crate::path::{Path, ReferencePath, Root};
use crate::program::{Placement, Selection};
use crate::template::{Expression, Template};

/// No count or time in a definition may be this large or larger.
const NUMBER_LIMIT: u64 = 99_999_999;

impl Compiler {
    pub(super) fn push(
        &mut self,
        code: Code,
        severity: Severity,
        message: String,
        location: Option<String>,
        span: Span,
    ) {
        self.list.push(Diagnostic {
            code,
            severity,
            message,
            pointer: None,
            location,
            span,
            help: None,
        });
    }

    pub(super) fn push_at(&mut self, place: &Place<'_>, code: Code, severity: Severity, message: impl Into<String>) {
        self.push(code, severity, message.into(), Some(place.location()), place.span());
        if let Some(last) = self.list.last_mut() {
            last.pointer = Some(place.pointer());
        }
    }

    pub(super) fn error(&mut self, place: &Place<'_>, code: Code, message: impl Into<String>) {
        self.push_at(place, code, Severity::Error, message);
    }

    pub(super) fn schema_error(&mut self, place: &Place<'_>, message: impl Into<String>) {
        self.error(place, Code::SchemaValidationFailed, message);
    }

    pub(super) fn not_supported(&mut self, place: &Place<'_>, message: impl Into<String>) {
        self.error(place, Code::NotSupported, message);
    }

    /// Adds advice to the last finding.
    pub(super) fn help(&mut self, help: impl Into<String>) {
        if let Some(last) = self.list.last_mut() {
            last.help = Some(help.into());
        }
    }

    /// Adds the most similar of the known names to the last finding.
    pub(super) fn did_you_mean<'k>(&mut self, name: &str, known: impl IntoIterator<Item = &'k str>) {
        let distance = |known: &&str| edit_distance(&name.to_lowercase(), &known.to_lowercase());
        let nearest = known.into_iter().map(|known| (distance(&known), known)).min();
        if let Some((distance, known)) = nearest
            && distance <= 1 + name.chars().count() / 4
        {
            self.help(format!("did you mean '{known}'?"));
        }
    }

    /// Reports fields that nothing here knows, and fields that repeat.
    pub(super) fn known_fields(&mut self, place: &Place<'_>, known: &[&str]) {
        for (at, member) in place.members().iter().enumerate() {
            if !known.contains(&&*member.key) {
                self.schema_error(place, format!("Field '{}' is not supported", member.key));
                if let Some(last) = self.list.last_mut() {
                    last.span = member.key_span;
                }
                self.did_you_mean(&member.key, known.iter().copied());
            }
            if place.members().iter().take(at).any(|earlier| earlier.key == member.key) {
                self.push_at(
                    &place.at(member),
                    Code::DuplicateField,
                    Severity::Warning,
                    format!("The field '{}' appears more than once, the last one counts", member.key),
                );
            }
        }
    }

    /// Reports those of the fields that are missing, in one finding.
    pub(super) fn required(&mut self, place: &Place<'_>, fields: &[&str]) -> Option<()> {
        let missing: Vec<_> = fields
            .iter()
            .copied()
            .filter(|field| place.member(field).is_none())
            .collect();
        if missing.is_empty() {
            return Some(());
        }
        self.schema_error(place, format!("These fields are required: [{}]", missing.join(", ")));
        for field in missing {
            let mut present = place.members().iter().map(|member| &*member.key);
            let similar = present.find(|key| edit_distance(&key.to_lowercase(), &field.to_lowercase()) <= 2);
            if let Some(similar) = similar {
                self.help(format!("did you mean '{field}' by '{similar}'?"));
            }
        }
        None
    }

    /// Reports fields that exclude each other; gives the one that is there.
    pub(super) fn at_most_one<'p>(&mut self, place: &'p Place<'p>, fields: &[&str]) -> Option<Place<'p>> {
        let mut found = fields.iter().filter_map(|field| place.member(field));
        let first = found.next()?;
        if found.next().is_some() {
            self.schema_error(
                place,
                format!("Only one of these fields is allowed: [{}]", fields.join(", ")),
            );
        }
        Some(first)
    }

    pub(super) fn one_of(&mut self, place: &Place<'_>, values: &[&str]) {
        let message = format!(
            "The field '{}' should have one of these values: [{}]",
            place.name(),
            values.join(", ")
        );
        self.schema_error(place, message);
        if let Some(text) = place.node.as_str() {
            let text = Text::clone(text);
            self.did_you_mean(&text, values.iter().copied());
        }
    }

    pub(super) fn text(&mut self, place: &Place<'_>) -> Option<Text> {
        let text = place.node.as_str().cloned();
        if text.is_none() {
            self.schema_error(place, format!("The field '{}' must be a string", place.name()));
        }
        text
    }

    /// A whole number of at least `least`.
    pub(super) fn count(&mut self, place: &Place<'_>, least: u64) -> Option<u64> {
        let number = match &place.node.value {
            Value::Number(number) => number.as_i64().and_then(|number| u64::try_from(number).ok()),
            _ => None,
        };
        let number = number.filter(|number| (least..=NUMBER_LIMIT).contains(number));
        if number.is_none() {
            let message = format!(
                "The field '{}' must be a whole number between {least} and {NUMBER_LIMIT}",
                place.name()
            );
            self.schema_error(place, message);
        }
        number
    }

    /// A number of seconds of at least `least`.
    pub(super) fn seconds(&mut self, place: &Place<'_>, least: u64) -> Option<u64> {
        let seconds = self.count(place, least);
        if seconds.is_none() {
            self.help("in seconds");
        }
        seconds
    }

    pub(super) fn path(&mut self, place: &Place<'_>) -> Option<Path> {
        let text = self.text(place)?;
        match Path::parse(&text) {
            Ok(path) => {
                self.refers_to(place, &path);
                Some(path)
            }
            Err(error) => {
                self.schema_error(
                    place,
                    format!("The value for the field '{}' must be a valid JSONPath", place.name()),
                );
                self.help(error.to_string());
                None
            }
        }
    }

    /// A path that finds at most one value.
    pub(super) fn definite_path(&mut self, place: &Place<'_>) -> Option<Path> {
        let path = self.path(place)?;
        if !path.is_definite() {
            let message = format!(
                "The value for the field '{}' must be a valid Reference Path",
                place.name()
            );
            self.schema_error(place, message);
            self.help("wildcards, slices, filters and '..' may find several values");
            return None;
        }
        Some(path)
    }

    pub(super) fn selection(&mut self, place: &Place<'_>, field: &str) -> Selection {
        match place.member(field) {
            None => Selection::Whole,
            Some(place) if place.is_null() => Selection::Nothing,
            Some(place) => match self.path(&place) {
                Some(path) if path.is_root() && *path.root() == Root::Input => Selection::Whole,
                Some(path) => Selection::Path(path),
                None => Selection::Whole,
            },
        }
    }

    pub(super) fn placement(&mut self, place: &Place<'_>) -> Placement {
        let Some(place) = place.member("ResultPath") else {
            return Placement::Whole;
        };
        if place.is_null() {
            return Placement::Discard;
        }
        let Some(text) = self.text(&place) else {
            return Placement::Whole;
        };
        match ReferencePath::parse_for_result(&text) {
            Ok(path) if path.as_path().is_root() => Placement::Whole,
            Ok(path) => Placement::At(path),
            Err(error) => {
                self.schema_error(
                    &place,
                    "The value for the field 'ResultPath' must be a valid Reference Path",
                );
                self.help(error.to_string());
                Placement::Whole
            }
        }
    }

    pub(super) fn template(&mut self, place: &Place<'_>) -> Option<Template> {
        match Template::compile(&place.node.to_document()) {
            Ok(template) => {
                template.visit_paths(&mut |path| self.refers_to(place, path));
                Some(template)
            }
            Err(errors) => {
                for error in errors {
                    self.schema_error(place, error.message);
                    if let Some(help) = error.help {
                        self.help(help);
                    }
                }
                None
            }
        }
    }

    /// A path or an intrinsic function in a field of its own.
    pub(super) fn expression(&mut self, place: &Place<'_>) -> Option<Expression> {
        let text = self.text(place)?;
        match Expression::parse(&text) {
            Ok(expression) => {
                expression.visit_paths(&mut |path| self.refers_to(place, path));
                Some(expression)
            }
            Err(error) => {
                let message = format!(
                    "The value for the field '{}' must be a valid JSONPath or a valid intrinsic function call",
                    place.name()
                );
                self.schema_error(place, message);
                self.help(error.to_string());
                None
            }
        }
    }

    /// The query language that this object asks for, or else the one around it.
    pub(super) fn query_language(&mut self, place: &Place<'_>, inherited: Language) -> Language {
        let Some(language) = place.member("QueryLanguage") else {
            return inherited;
        };
        match language.node.as_str().map(|text| &**text) {
            Some("JSONPath") if inherited == Language::Jsonata => {
                let message = "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine";
                self.schema_error(place, message);
                inherited
            }
            Some("JSONPath") => Language::JsonPath,
            Some("JSONata") => Language::Jsonata,
            _ => {
                self.one_of(&language, &["JSONPath", "JSONata"]);
                inherited
            }
        }
    }
}

/// The Levenshtein distance of two texts; long ones count as different.
fn edit_distance(left: &str, right: &str) -> usize {
    const CHARACTERS_MAX: usize = 100;
    let right: Vec<char> = right.chars().collect();
    if left.chars().count() > CHARACTERS_MAX || right.len() > CHARACTERS_MAX {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (at, character) in left.chars().enumerate() {
        let mut diagonal = at;
        let mut left_of = at + 1;
        let mut next = vec![left_of];
        for (other, above) in right.iter().zip(row.iter().skip(1)) {
            let cost = diagonal + usize::from(character != *other);
            left_of = cost.min(above + 1).min(left_of + 1);
            diagonal = *above;
            next.push(left_of);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}
