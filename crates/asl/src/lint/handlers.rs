//! Entries of Retry and Catch that no error comes to.

use super::Linter;
use crate::compile::place::Place;
use crate::diagnostic::Code;
use crate::error_name::{ErrorMatcher, ErrorName};
use crate::program::State;

impl Linter {
    pub(super) fn unreachable_handlers(&mut self, place: &Place<'_>, state: &State) {
        let retriers = state.retry.iter().map(|retrier| &retrier.errors);
        self.unreachable(place, "Retry", &retriers.collect::<Vec<_>>());
        let catchers = state.catch.iter().map(|catcher| &catcher.errors);
        self.unreachable(place, "Catch", &catchers.collect::<Vec<_>>());
    }

    fn unreachable(&mut self, place: &Place<'_>, field: &str, matchers: &[&ErrorMatcher]) {
        let Some(entries) = place.member(field) else {
            return;
        };
        for (at, (entry, matcher)) in entries.items().into_iter().flatten().zip(matchers).enumerate() {
            let Some(names) = entry.member("ErrorEquals") else {
                continue;
            };
            if matcher.names().iter().all(|name| *name == ErrorName::Runtime) {
                let message = format!("No error comes to this entry of {field}: nothing handles States.Runtime");
                let help = "States.Runtime means that the definition does not fit the data: correct its paths";
                self.findings.warn(&names, Code::UnreachableHandler, message, help);
                continue;
            }
            let earlier = matchers.iter().take(at);
            let is_taken = |name: &ErrorName| earlier.clone().any(|earlier| covers(earlier, name));
            if matcher.names().iter().all(is_taken) {
                let message =
                    format!("No error comes to this entry of {field}: those before it match all that it names");
                self.findings.warn(
                    &names,
                    Code::UnreachableHandler,
                    message,
                    "put it before the more general ones, or remove it",
                );
            }
        }
    }
}

/// Whether whatever `name` matches is matched by `earlier`.
fn covers(earlier: &ErrorMatcher, name: &ErrorName) -> bool {
    let has = |wanted: &ErrorName| earlier.names().contains(wanted);
    match name {
        ErrorName::Runtime => true,
        ErrorName::All => has(&ErrorName::All),
        ErrorName::TaskFailed | ErrorName::Timeout => has(&ErrorName::All) || has(name),
        name => earlier.matches(Some(name)),
    }
}
