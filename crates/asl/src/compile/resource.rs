//! The `Resource` of a Task state.

use super::Compiler;
use super::place::Place;
use crate::document::Text;
use crate::resource::{OPTIMIZED, Resource};

impl Compiler {
    pub(super) fn resource(&mut self, place: &Place<'_>) -> Option<Resource> {
        let arn = self.text(place)?;
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let ["arn", partition, service, region, account, rest] = parts.as_slice() else {
            self.unrecognized(place, &arn);
            return None;
        };
        match (*service, *region, *account) {
            ("lambda", _, _) if !partition.is_empty() && rest.strip_prefix("function:").is_some_and(is_function) => {
                Some(Resource::Function { arn: Text::clone(&arn) })
            }
            ("states", "", "") => self.integration(place, &arn, rest),
            ("states", _, _) if rest.starts_with("activity:") => {
                self.schema_error(place, "Express state machine does not support Activity ARN");
                None
            }
            _ => {
                self.unrecognized(place, &arn);
                None
            }
        }
    }

    fn integration(&mut self, place: &Place<'_>, arn: &Text, rest: &str) -> Option<Resource> {
        let (rest, pattern) = rest
            .split_once('.')
            .map_or((rest, None), |(rest, pattern)| (rest, Some(pattern)));
        match pattern {
            None => {}
            Some("sync" | "sync:2") => {
                self.schema_error(
                    place,
                    "Express state machine does not support '.sync' service integration",
                );
                return None;
            }
            Some("waitForTaskToken") => {
                // With a blank at the end, as recorded.
                let message = "Express state machine does not support '.waitForTaskToken' service integration ";
                self.schema_error(place, message);
                return None;
            }
            Some(_) => {
                self.unrecognized(place, arn);
                return None;
            }
        }
        if let Some(("aws-sdk", service_and_action)) = rest.split_once(':') {
            let Some((service, action)) = service_and_action.split_once(':') else {
                self.unrecognized(place, arn);
                return None;
            };
            let is_word = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
            if !is_word(service) || !is_word(action) || !action.starts_with(|c: char| c.is_ascii_lowercase()) {
                self.unrecognized(place, arn);
                return None;
            }
            return Some(Resource::AwsSdk {
                arn: Text::clone(arn),
                service: service.into(),
                action: action.into(),
            });
        }
        let (service, action) = rest.split_once(':').unwrap_or((rest, ""));
        match OPTIMIZED.iter().find(|(known, _)| *known == service) {
            Some((_, actions)) if actions.contains(&action) => Some(Resource::Optimized {
                arn: Text::clone(arn),
                service: service.into(),
                action: action.into(),
            }),
            Some((_, actions)) => {
                self.unrecognized(place, arn);
                self.did_you_mean(action, actions.iter().copied());
                None
            }
            None => {
                self.unrecognized(place, arn);
                self.did_you_mean(service, OPTIMIZED.iter().map(|(known, _)| *known));
                None
            }
        }
    }

    fn unrecognized(&mut self, place: &Place<'_>, arn: &str) {
        let message = format!(
            "The resource provided {arn} is not recognized. The value is not a valid resource ARN, or the resource \
             is not available in this region."
        );
        self.schema_error(place, message);
        if arn.contains("${") {
            self.help("give a value for the substitution");
        }
    }
}

/// A function name, perhaps with a version or alias.
fn is_function(rest: &str) -> bool {
    let mut parts = rest.split(':');
    let is_name = |name: &str| !name.is_empty() && !name.contains(['/', ' ']);
    parts.next().is_some_and(is_name) && parts.next().is_none_or(is_name) && parts.next().is_none()
}
