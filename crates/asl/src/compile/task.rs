//! Task, Wait and Fail states.

use super::place::Place;
use super::query::Reserved;
use super::{Compiler, Language};
use crate::call::Call;
use crate::program::{Count, FailText, StateKind, Task, Wait};
use crate::timestamp::Timestamp;

impl Compiler {
    pub(super) fn task(&mut self, place: &Place<'_>, language: Language) -> Option<StateKind> {
        self.required(place, &["Resource"]);
        let timeout = self.task_seconds(place, "TimeoutSeconds", "TimeoutSecondsPath", language);
        let heartbeat = self.task_seconds(place, "HeartbeatSeconds", "HeartbeatSecondsPath", language);
        if let (Some(Count::Literal(timeout)), Some(Count::Literal(heartbeat))) = (&timeout, &heartbeat)
            && heartbeat >= timeout
        {
            self.schema_error(
                place,
                "The value of 'HeartbeatSeconds' must be smaller than that of 'TimeoutSeconds'",
            );
        }
        let credentials = place.member("Credentials").and_then(|place| {
            if place.member("RoleArn").is_none() && place.member("RoleArn.$").is_none() {
                self.schema_error(&place, "The field 'RoleArn' is required but was missing");
            }
            self.construction(&place, "", language, Reserved::Input)
        });
        let resource_place = place.member("Resource")?;
        let resource = self.resource(&resource_place)?;
        let is_jsonata = language == Language::Jsonata;
        let parameters = place.member(if is_jsonata { "Arguments" } else { "Parameters" });
        self.calls.push(Call {
            state_name: place.name().into(),
            resource: resource.clone(),
            resource_spot: resource_place.spot(),
            parameters: parameters.map(|place| (place.node.clone(), place.spot())),
            is_jsonata,
        });
        let resources = &mut self.requirements.resources;
        if !resources.iter().any(|(known, _)| *known == resource) {
            resources.push((resource.clone(), place.name().into()));
        }
        if credentials.is_some() && self.requirements.credentials.is_none() {
            self.requirements.credentials = Some(place.name().into());
        }
        Some(StateKind::Task(Box::new(Task {
            resource,
            timeout,
            heartbeat,
            credentials,
        })))
    }

    fn task_seconds(&mut self, place: &Place<'_>, literal: &str, path: &str, language: Language) -> Option<Count> {
        let field = self.at_most_one(place, &[literal, path])?;
        self.count_or_path(&field, language, 1)
    }

    /// A number, a path to one in a field named `...Path`, or an expression in JSONata.
    pub(super) fn count_or_path(&mut self, field: &Place<'_>, language: Language, least: u64) -> Option<Count> {
        if field.name().ends_with("Path") {
            return self.definite_path(field).map(Count::Path);
        }
        if language == Language::Jsonata && field.node.as_str().is_some() {
            return self.query(field, "", Reserved::Input).map(Count::Query);
        }
        self.seconds(field, least).map(Count::Literal)
    }

    pub(super) fn wait(&mut self, place: &Place<'_>, language: Language) -> Option<StateKind> {
        const FIELDS: &[&str] = &["Seconds", "SecondsPath", "Timestamp", "TimestampPath"];
        let Some(field) = self.at_most_one(place, FIELDS) else {
            self.schema_error(
                place,
                format!("One of these fields is required: [{}]", FIELDS.join(", ")),
            );
            return None;
        };
        let is_expression =
            language == Language::Jsonata && field.node.as_str().is_some_and(|text| text.starts_with("{%"));
        let wait = match &*field.name() {
            "Seconds" if is_expression => Wait::SecondsQuery(self.query(&field, "", Reserved::Input)?),
            "Timestamp" if is_expression => Wait::TimestampQuery(self.query(&field, "", Reserved::Input)?),
            "Seconds" => Wait::Seconds(self.seconds(&field, 0)?),
            "SecondsPath" => Wait::SecondsPath(self.definite_path(&field)?),
            "TimestampPath" => Wait::TimestampPath(self.definite_path(&field)?),
            _ => {
                let timestamp = self.text(&field).and_then(|text| Timestamp::parse(&text));
                if timestamp.is_none() {
                    self.schema_error(&field, "String does not match RFC3339 timestamp");
                    self.help("such as 2016-03-14T01:59:00Z");
                }
                Wait::Timestamp(timestamp?)
            }
        };
        Some(StateKind::Wait(wait))
    }

    pub(super) fn fail(&mut self, place: &Place<'_>, language: Language) -> StateKind {
        let mut text = |literal: &str, path: &str| {
            let field = self.at_most_one(place, &[literal, path])?;
            if field.name() == path {
                self.expression(&field).map(FailText::Expression)
            } else if language == Language::Jsonata {
                self.query(&field, "", Reserved::Input).map(FailText::Query)
            } else {
                self.text(&field).map(FailText::Literal)
            }
        };
        StateKind::Fail {
            error: text("Error", "ErrorPath"),
            cause: text("Cause", "CausePath"),
        }
    }
}
