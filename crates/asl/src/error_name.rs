//! Error names of the language, and which of them a retrier or catcher matches.

use crate::document::Text;
use std::fmt;

macro_rules! error_names {
    ($($(#[doc = $doc:literal])* $variant:ident = $text:literal),+ $(,)?) => {
        /// The name of an error that a state raised.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorName {
            $($(#[doc = $doc])* $variant,)+
            /// A name that a function, a service or a Fail state gave.
            Custom(Text),
        }

        impl ErrorName {
            /// The name as definitions write it.
            pub fn as_str(&self) -> &str {
                match self {
                    $(ErrorName::$variant => $text,)+
                    ErrorName::Custom(name) => name,
                }
            }
        }

        impl From<&str> for ErrorName {
            fn from(name: &str) -> ErrorName {
                match name {
                    $($text => ErrorName::$variant,)+
                    _ => ErrorName::Custom(name.into()),
                }
            }
        }

        #[cfg(test)]
        const PREDEFINED: &[&str] = &[$($text),+];
    };
}

error_names! {
    /// A wildcard for any error name; never raised.
    All = "States.ALL",
    /// A branch of a Parallel state failed.
    BranchFailed = "States.BranchFailed",
    /// A result, state output or effective input is over 262,144 bytes.
    DataLimitExceeded = "States.DataLimitExceeded",
    /// A Map state failed because more items failed than it tolerates.
    ExceedToleratedFailureThreshold = "States.ExceedToleratedFailureThreshold",
    /// A task sent no heartbeat for longer than `HeartbeatSeconds`.
    HeartbeatTimeout = "States.HeartbeatTimeout",
    /// An HTTP task got no answer in time.
    HttpSocket = "States.Http.Socket",
    /// An intrinsic function failed.
    IntrinsicFailure = "States.IntrinsicFailure",
    /// A Map state could not read its items.
    ItemReaderFailed = "States.ItemReaderFailed",
    /// No rule of a Choice state matched, and it has no default.
    NoChoiceMatched = "States.NoChoiceMatched",
    /// A path of a payload template found nothing; the service says `States.Runtime` instead.
    ParameterPathFailure = "States.ParameterPathFailure",
    /// The execution may not call what a task names.
    Permissions = "States.Permissions",
    /// A JSONata expression failed.
    QueryEvaluationError = "States.QueryEvaluationError",
    /// A `ResultPath` does not fit the state's input.
    ResultPathMatchFailure = "States.ResultPathMatchFailure",
    /// A Map state could not write its results.
    ResultWriterFailed = "States.ResultWriterFailed",
    /// The definition does not fit the data. Nothing catches or retries it.
    Runtime = "States.Runtime",
    /// A task failed without a better name; as a wildcard, any error but a timeout.
    TaskFailed = "States.TaskFailed",
    /// A task or the execution took too long.
    Timeout = "States.Timeout",
}

impl fmt::Display for ErrorName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The `ErrorEquals` of a retrier or catcher.
#[derive(Clone, Debug)]
pub struct ErrorMatcher {
    names: Box<[ErrorName]>,
}

impl ErrorMatcher {
    /// Matches these names, with the meaning that they have in `ErrorEquals`.
    pub fn new(names: impl IntoIterator<Item = ErrorName>) -> ErrorMatcher {
        ErrorMatcher {
            names: names.into_iter().collect(),
        }
    }

    /// Whether an error of this name (a Fail state may give none) is meant.
    ///
    /// `States.Runtime` is never meant, whatever is listed. `States.ALL` means any other error, also
    /// `States.DataLimitExceeded`: the documentation says otherwise, the recorded executions
    /// `*catch_state_all_data_limit_exceeded*` decide.
    pub fn matches(&self, error: Option<&ErrorName>) -> bool {
        if error == Some(&ErrorName::Runtime) {
            return false;
        }
        let is_timeout = matches!(error, Some(ErrorName::Timeout | ErrorName::HeartbeatTimeout));
        self.names.iter().any(|name| match name {
            ErrorName::All => true,
            ErrorName::TaskFailed => !is_timeout,
            // A missing heartbeat is a timeout too (ASL spec, "Timeouts").
            ErrorName::Timeout => is_timeout,
            name => Some(name) == error,
        })
    }

    /// The names as written.
    pub fn names(&self) -> &[ErrorName] {
        &self.names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_in_and_out() {
        for name in PREDEFINED
            .iter()
            .chain(&["Lambda.Unknown", "States.Http.StatusCode.503", ""])
        {
            assert_eq!(ErrorName::from(*name).as_str(), *name);
        }
    }

    #[test]
    fn matchers_mean_what_the_service_does() {
        for (equals, error, expected) in [
            ("States.ALL", "Custom", true),
            ("States.ALL", "States.Timeout", true),
            ("States.ALL", "States.DataLimitExceeded", true),
            ("States.ALL", "States.Runtime", false),
            ("States.Runtime", "States.Runtime", false),
            ("States.TaskFailed", "Custom", true),
            ("States.TaskFailed", "Lambda.ResourceNotFoundException", true),
            ("States.TaskFailed", "States.Timeout", false),
            ("States.TaskFailed", "States.HeartbeatTimeout", false),
            ("States.Timeout", "States.HeartbeatTimeout", true),
            ("States.HeartbeatTimeout", "States.Timeout", false),
            ("Custom", "Custom", true),
            ("Custom", "custom", false),
            ("States.DataLimitExceeded", "States.DataLimitExceeded", true),
        ] {
            let matcher = ErrorMatcher::new([ErrorName::from(equals)]);
            assert_eq!(
                matcher.matches(Some(&ErrorName::from(error))),
                expected,
                "{equals} for {error}"
            );
        }
        assert!(
            ErrorMatcher::new([ErrorName::All]).matches(None),
            "a Fail state without Error"
        );
        assert!(!ErrorMatcher::new([ErrorName::from("Custom")]).matches(None));
    }
}
