//! `expressway-aws-generator [--check] <wheel> <tables>`

use expressway_aws_generator::{Error, tables};
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "usage: expressway-aws-generator [--check] <botocore wheel> <tables directory>

Makes the tables from the wheel that the directory's SOURCE file names. With --check,
changes nothing and fails if the tables in the directory are other ones.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments.as_slice() {
        ["--check", wheel, directory] => run(wheel, directory, true),
        [wheel, directory] => run(wheel, directory, false),
        _ => Err(USAGE.to_owned()),
    };
    let (text, code) = match result {
        Ok(text) => (text, ExitCode::SUCCESS),
        Err(text) => (text, ExitCode::FAILURE),
    };
    // Nobody is left to hear that standard error is closed.
    let _ = writeln!(std::io::stderr(), "{text}");
    code
}

fn run(wheel: &str, directory: &str, check: bool) -> Result<String, String> {
    let directory = Path::new(directory);
    let made = tables::make(Path::new(wheel), directory).map_err(|error: Error| error.to_string())?;
    let done = if check {
        tables::check(&made, directory)
    } else {
        tables::write(&made, directory)
    };
    done.map_err(|error| error.to_string())?;
    Ok(tables::summary(&made))
}
