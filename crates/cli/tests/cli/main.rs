//! The `expressway` command as its users meet it: arguments in, output and exit status out.

#![expect(clippy::panic, clippy::unwrap_used, reason = "these are tests")]

mod bench;
mod describe;
mod executions;
mod invoke;
mod local;
mod run;
mod test;
mod test_state;
mod usage;
mod validate;

use std::io::Write;
use std::process::{Command, Stdio};

/// What a command did.
struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// The command with these arguments, in the directory of the test data.
fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_expressway"));
    command
        .args(arguments)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data"))
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn expressway(arguments: &[&str]) -> Ran {
    ran(command(arguments), "")
}

/// Runs a command with this text on its standard input.
fn ran(mut command: Command, stdin: &str) -> Ran {
    if !stdin.is_empty() {
        command.stdin(Stdio::piped());
    }
    let mut child = command.spawn().unwrap();
    if let Some(mut pipe) = child.stdin.take() {
        pipe.write_all(stdin.as_bytes()).unwrap();
    }
    let output = child.wait_with_output().unwrap();
    Ran {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Ran {
    /// The member `name` of the one JSON object on standard output, as JSON text.
    fn member(&self, name: &str) -> String {
        let answer = expressway_asl::Document::parse(&self.stdout).unwrap();
        answer.get(name).map_or_else(|| "none".to_owned(), ToString::to_string)
    }
}
