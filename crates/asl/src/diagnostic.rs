//! What is wrong with a definition: found when it is compiled, all of it at once.

use std::fmt;

/// One finding about a definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// What kind of finding it is. Errors carry the codes of `ValidateStateMachineDefinition`.
    pub code: Code,
    /// Whether the definition can run all the same.
    pub severity: Severity,
    /// What is wrong; for errors that Step Functions knows, in its words.
    pub message: String,
    /// JSON Pointer to the place, such as `/States/Charge/Retry/0`; none for the definition as a whole.
    pub pointer: Option<String>,
    /// The same place as Step Functions writes it, such as `/States/Charge/Retry[0]`.
    pub location: Option<String>,
    /// Where that place is in the text.
    pub span: Span,
    /// What to do about it.
    pub help: Option<String>,
}

/// A part of a definition's text, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Span {
    /// Offset of the first byte.
    pub start: usize,
    /// Offset behind the last byte.
    pub end: usize,
}

impl Span {
    /// Line and column of its first byte in this text, counted from 1.
    pub fn line_and_column(self, text: &str) -> (usize, usize) {
        crate::document::line_and_column(text, self.start)
    }
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The definition can not run.
    Error,
    /// The definition runs, but probably not as meant.
    Warning,
}

/// The kinds of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The text is not JSON (or YAML).
    InvalidJsonDescription,
    /// A field is missing, unknown, or has the wrong value.
    SchemaValidationFailed,
    /// `StartAt`, `Next` or `Default` name no state, or nothing leads to a state.
    MissingTransitionTarget,
    /// A machine has no state that ends it.
    MissingEndState,
    /// Two states have the same name.
    DuplicateStateName,
    /// A state's name is empty or too long.
    InvalidStateName,
    /// Map and Parallel states nest too deeply.
    TooDeeplyNested,
    /// A field appears twice in the same object.
    DuplicateField,
    /// A JSONata expression can not be parsed.
    InvalidJsonataExpression,
    /// A JSONata expression refers to what it can not see.
    UnsupportedJsonataExpression,
    /// A variable is referenced or assigned where that has no effect.
    VariableScope,
    /// A field has no effect where it stands.
    NoEffect,
    /// A substitution `${Name}` has no value.
    UnknownSubstitution,
    /// Valid in Step Functions, but not supported here.
    NotSupported,
    /// A task is not tried again after errors that pass.
    MissingRetry,
    /// What a state waits for ends after the execution.
    TimeLimit,
    /// A retrier or catcher that no error comes to.
    UnreachableHandler,
    /// A task that is tried again may do its work twice.
    RepeatedEffect,
    /// An error is caught, and nothing is made of it.
    SwallowedError,
    /// Data is, or may become, larger than the service allows.
    DataTooLarge,
    /// A path leads to what can not be there.
    UnknownMember,
    /// A parameter of a task has a value that its service does not expect.
    UnexpectedValue,
}

impl Code {
    /// The code as `ValidateStateMachineDefinition` gives it; ours where it has none.
    pub fn as_str(self) -> &'static str {
        match self {
            Code::InvalidJsonDescription => "INVALID_JSON_DESCRIPTION",
            Code::SchemaValidationFailed => "SCHEMA_VALIDATION_FAILED",
            Code::MissingTransitionTarget => "MISSING_TRANSITION_TARGET",
            Code::MissingEndState => "MISSING_END_STATE",
            Code::DuplicateStateName => "DUPLICATE_STATE_NAME",
            Code::InvalidStateName => "INVALID_STATE_NAME",
            Code::TooDeeplyNested => "TOO_DEEPLY_NESTED",
            Code::DuplicateField => "DUPLICATE_FIELD",
            Code::InvalidJsonataExpression => "INVALID_JSONATA_EXPRESSION",
            Code::UnsupportedJsonataExpression => "UNSUPPORTED_JSONATA_EXPRESSION",
            Code::VariableScope => "VARIABLE_SCOPE",
            Code::NoEffect => "NO_EFFECT",
            Code::UnknownSubstitution => "UNKNOWN_SUBSTITUTION",
            Code::NotSupported => "NOT_SUPPORTED",
            Code::MissingRetry => "MISSING_RETRY",
            Code::TimeLimit => "TIME_LIMIT",
            Code::UnreachableHandler => "UNREACHABLE_HANDLER",
            Code::RepeatedEffect => "REPEATED_EFFECT",
            Code::SwallowedError => "SWALLOWED_ERROR",
            Code::DataTooLarge => "DATA_TOO_LARGE",
            Code::UnknownMember => "UNKNOWN_MEMBER",
            Code::UnexpectedValue => "UNEXPECTED_VALUE",
        }
    }

    /// All kinds of which there are warnings, each with what it says. Those that [`crate::check`] looks for come
    /// first.
    pub const WARNINGS: &[(Code, &str)] = &[
        (
            Code::MissingRetry,
            "A Task without Retry for the errors that its service raises when it is busy",
        ),
        (
            Code::TimeLimit,
            "A Wait or the retries of a state that end after TimeoutSeconds, or after the 300 s of Express",
        ),
        (
            Code::UnreachableHandler,
            "An entry of Retry or Catch that no error comes to: those before it match all that it names",
        ),
        (
            Code::RepeatedEffect,
            "A task that is tried again though it may have done its work, such as a message sent twice",
        ),
        (
            Code::SwallowedError,
            "A Catch for all errors that drops the error and lets the execution succeed",
        ),
        (
            Code::DataTooLarge,
            "A state whose data is over 262,144 bytes, or is sure to grow with what it works on",
        ),
        (
            Code::UnknownMember,
            "A path to a member that no earlier state can have produced",
        ),
        (
            Code::UnexpectedValue,
            "A parameter of a task whose value its service does not know, or that is too small or too large for it",
        ),
        (Code::DuplicateField, "A field that appears twice in an object"),
        (Code::NoEffect, "A field that means nothing where it stands"),
        (
            Code::SchemaValidationFailed,
            "A field that Step Functions itself warns about",
        ),
        (Code::UnknownSubstitution, "A ${Name} without a value"),
        (
            Code::VariableScope,
            "A variable that nothing assigns, or that is assigned where it has no effect",
        ),
    ];
}

impl Severity {
    /// `ERROR` or `WARNING`.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "ERROR",
            Severity::Warning => "WARNING",
        }
    }
}

/// As `CreateStateMachine` words it: `CODE: message at /location`.
impl fmt::Display for Diagnostic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.code.as_str(), self.message)?;
        match &self.location {
            Some(location) => write!(formatter, " at {location}"),
            None => Ok(()),
        }
    }
}

/// All findings about one definition, with its text to show them in.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics {
    /// The findings, in the order of the text.
    pub list: Vec<Diagnostic>,
    /// The definition as it was given.
    pub text: String,
}

/// One finding a line, each with its line and column: `12:7: error: CODE: message at /location`.
impl fmt::Display for Diagnostics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, diagnostic) in self.list.iter().enumerate() {
            let (line, column) = self.line_and_column(diagnostic);
            let end = if at == 0 { "" } else { "\n" };
            let severity = diagnostic.severity.as_str().to_ascii_lowercase();
            write!(formatter, "{end}{line}:{column}: {severity}: {diagnostic}")?;
            if let Some(help) = &diagnostic.help {
                write!(formatter, " ({help})")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

impl Diagnostics {
    /// Whether any finding keeps the definition from running.
    pub fn has_errors(&self) -> bool {
        self.list
            .iter()
            .any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// Line and column, counted from 1, of a finding.
    pub fn line_and_column(&self, diagnostic: &Diagnostic) -> (usize, usize) {
        diagnostic.span.line_and_column(&self.text)
    }
}
