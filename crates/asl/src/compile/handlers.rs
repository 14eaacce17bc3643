//! Retry and Catch.

use super::place::Place;
use super::query::Reserved;
use super::{Compiler, Language, StateIds};
use crate::definition::Value;
use crate::error_name::{ErrorMatcher, ErrorName};
use crate::program::{Catcher, Retrier};
use std::time::Duration;

const MAX_DELAY_SECONDS_LIMIT: u64 = 31_622_400;

impl Compiler {
    pub(super) fn retry(&mut self, state: &Place<'_>) -> Vec<Retrier> {
        let Some(retry) = state.member("Retry") else {
            return Vec::new();
        };
        let Some(entries) = retry.items() else {
            self.schema_error(&retry, "The field 'Retry' must be an array");
            return Vec::new();
        };
        let count = entries.len();
        entries
            .enumerate()
            .filter_map(|(at, entry)| self.retrier(&entry, at + 1 == count))
            .collect()
    }

    fn retrier(&mut self, place: &Place<'_>, is_last: bool) -> Option<Retrier> {
        const FIELDS: &[&str] = &[
            "Comment",
            "ErrorEquals",
            "IntervalSeconds",
            "MaxAttempts",
            "BackoffRate",
            "MaxDelaySeconds",
            "JitterStrategy",
        ];
        self.known_fields(place, FIELDS);
        let errors = self.error_equals(place, is_last);
        let mut number = |field: &str, least, default| {
            place
                .member(field)
                .map_or(Some(default), |place| self.count(&place, least))
        };
        let interval = number("IntervalSeconds", 1, 1);
        let max_attempts = number("MaxAttempts", 0, 3);
        let max_delay = place.member("MaxDelaySeconds").map(|place| {
            let seconds = self.seconds(&place, 1)?;
            if seconds > MAX_DELAY_SECONDS_LIMIT {
                let message = format!("The field 'MaxDelaySeconds' must be at most {MAX_DELAY_SECONDS_LIMIT}");
                self.schema_error(&place, message);
            }
            Some(Duration::from_secs(seconds))
        });
        let backoff_rate = match place.member("BackoffRate") {
            None => 2.0,
            Some(place) => match &place.node.value {
                Value::Number(rate) if rate.as_f64() >= 1.0 => rate.as_f64(),
                _ => {
                    self.schema_error(&place, "The field 'BackoffRate' must be a number of at least 1.0");
                    1.0
                }
            },
        };
        let full_jitter = place.member("JitterStrategy").is_some_and(|place| {
            match place.node.as_str().map(|text| &**text) {
                Some("FULL") => return true,
                Some("NONE") => {}
                _ => self.one_of(&place, &["NONE", "FULL"]),
            }
            false
        });
        Some(Retrier {
            errors: errors?,
            interval: Duration::from_secs(interval?),
            max_attempts: max_attempts?,
            backoff_rate,
            max_delay: max_delay.flatten(),
            full_jitter,
        })
    }

    pub(super) fn catch(&mut self, state: &Place<'_>, ids: &StateIds<'_>, language: Language) -> Vec<Catcher> {
        let Some(catch) = state.member("Catch") else {
            return Vec::new();
        };
        let Some(entries) = catch.items() else {
            self.schema_error(&catch, "The field 'Catch' must be an array");
            return Vec::new();
        };
        let count = entries.len();
        entries
            .enumerate()
            .filter_map(|(at, entry)| self.catcher(&entry, ids, language, at + 1 == count))
            .collect()
    }

    fn catcher(&mut self, place: &Place<'_>, ids: &StateIds<'_>, language: Language, is_last: bool) -> Option<Catcher> {
        self.known_fields(
            place,
            &["Comment", "ErrorEquals", "Next", "ResultPath", "Assign", "Output"],
        );
        self.fields_of_language(place, language);
        self.required(place, &["Next"]);
        let errors = self.error_equals(place, is_last);
        let result_path = self.placement(place);
        let within = format!("Catch[{}]/", place.name());
        let assign = self.assign(place, &within, language, Reserved::ErrorOutput);
        let output = match language {
            Language::JsonPath => None,
            Language::Jsonata => place
                .member("Output")
                .and_then(|place| self.query(&place, &within, Reserved::ErrorOutput)),
        };
        let next = place.member("Next").and_then(|next| self.target(&next, ids));
        Some(Catcher {
            errors: errors?,
            result_path,
            output,
            assign,
            next: next?,
        })
    }

    fn error_equals(&mut self, place: &Place<'_>, is_last: bool) -> Option<ErrorMatcher> {
        self.required(place, &["ErrorEquals"])?;
        let field = place.member("ErrorEquals")?;
        let Some(items) = field.items() else {
            self.schema_error(&field, "The field 'ErrorEquals' must be an array of error names");
            return None;
        };
        let names: Vec<ErrorName> = items
            .filter_map(|item| self.text(&item))
            .map(|name| ErrorName::from(&*name))
            .collect();
        if names.is_empty() {
            self.schema_error(&field, "Value cannot be empty");
            return None;
        }
        if names.contains(&ErrorName::All) && (names.len() > 1 || !is_last) {
            let message = "States.ALL must appear alone, and only in the last entry of Retry or Catch";
            self.schema_error(&field, message);
        }
        Some(ErrorMatcher::new(names))
    }
}
