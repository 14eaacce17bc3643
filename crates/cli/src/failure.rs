//! What keeps a command from doing its work, and how it is told.

use crate::{snippet, source, style};
use expressway_asl::diagnostic::Diagnostics;
use std::io::{self, Write};
use std::process::ExitCode;

/// The user's mistake, in most cases.
pub(crate) enum Failure {
    /// Wrong arguments, or files that can not be read.
    Usage { message: String, help: Option<String> },
    /// A definition that can not run.
    Definition { file: String, diagnostics: Diagnostics },
    /// An execution that did not succeed, where its outcome is not what was asked for.
    Execution(String),
    /// The output went nowhere.
    Output(io::Error),
}

impl Failure {
    pub(crate) fn usage(message: impl Into<String>) -> Failure {
        Failure::Usage {
            message: message.into(),
            help: None,
        }
    }

    pub(crate) fn with_help(message: impl Into<String>, help: impl Into<String>) -> Failure {
        Failure::Usage {
            message: message.into(),
            help: Some(help.into()),
        }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Failure::Execution(_) => ExitCode::from(1),
            Failure::Usage { .. } | Failure::Definition { .. } | Failure::Output(_) => ExitCode::from(2),
        }
    }

    /// Tells it on standard error.
    pub(crate) fn report(&self) {
        let mut stderr = anstream::stderr().lock();
        // If standard error is closed, there is nobody left to tell.
        let _ = self.write(&mut stderr);
    }

    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let (error, heading) = (style::ERROR, style::HEADING);
        match self {
            Failure::Usage { message, help } => {
                writeln!(out, "{error}error{error:#}: {message}")?;
                match help {
                    Some(help) => writeln!(out, "{heading}help{heading:#}: {help}"),
                    None => Ok(()),
                }
            }
            Failure::Definition { file, diagnostics } => {
                let file = source::display_name(file);
                snippet::write_all(out, file, diagnostics)?;
                let summary = snippet::summary(diagnostics.list.iter());
                writeln!(out, "{error}error{error:#}: `{file}` can not run: {summary}")
            }
            Failure::Execution(message) => writeln!(out, "{error}error{error:#}: {message}"),
            // Whoever read the output has seen enough.
            Failure::Output(problem) if problem.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Failure::Output(problem) => writeln!(out, "{error}error{error:#}: cannot write the output: {problem}"),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Output(error)
    }
}
