//! The `expressway` command: runs, checks and measures Amazon States Language workflows on a developer's machine,
//! with the engine that runs them in Lambda.
//!
//! One file per subcommand. What they share: [`definition`] and [`source`] read what the arguments name, [`tasks`]
//! decides who does the work of Task states, [`identity`] makes up who an execution is, [`failure`] says what
//! the user got wrong, and [`style`] holds the colours.

mod answer;
mod bench;
mod completions;
mod definition;
mod describe;
mod embedded;
mod executions;
mod failure;
mod identity;
mod interrupt;
mod invoke;
mod local;
mod progress;
mod run;
mod snippet;
mod source;
mod style;
mod tasks;
mod test;
mod test_state;
mod validate;

use clap::{Parser, Subcommand, ValueEnum};
use failure::Failure;
use std::process::ExitCode;

/// Runs AWS Step Functions Express workflows, inside Lambda and here
#[derive(Parser)]
#[command(name = "expressway", version, max_term_width = 110, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// When to use colours; `auto` does on a terminal, unless NO_COLOR is set
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_possible_values = true
    )]
    color: Color,
}

const EXIT_CODES: &str = "\
Exit status: 0 success; 1 the execution did not succeed, or a definition has errors; 2 wrong usage, or a definition \
that can not run; 130 aborted by Ctrl-C.";

#[derive(Subcommand)]
enum Command {
    Run(run::Arguments),
    Invoke(invoke::Arguments),
    Test(test::Arguments),
    TestState(test_state::Arguments),
    Validate(validate::Arguments),
    Describe(describe::Arguments),
    Executions(executions::Arguments),
    Bench(bench::Arguments),
    Completions(completions::Arguments),
}

#[derive(Clone, Copy, ValueEnum)]
enum Color {
    Auto,
    Always,
    Never,
}

/// How a command ended that was used rightly.
enum Exit {
    Success,
    /// The execution did not succeed, or a definition has errors.
    Negative,
    /// Not all files could be read, which was told already.
    Misused,
    /// By Ctrl-C.
    Aborted,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let choice = match cli.color {
        Color::Auto => anstream::ColorChoice::Auto,
        Color::Always => anstream::ColorChoice::Always,
        Color::Never => anstream::ColorChoice::Never,
    };
    choice.write_global();
    let result = match cli.command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Invoke(arguments) => invoke::run(&arguments),
        Command::Test(arguments) => test::run(&arguments),
        Command::TestState(arguments) => test_state::run(&arguments),
        Command::Validate(arguments) => validate::run(&arguments),
        Command::Describe(arguments) => describe::run(&arguments),
        Command::Executions(arguments) => executions::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Completions(arguments) => completions::run(&arguments),
    };
    match result {
        Ok(Exit::Success) => ExitCode::SUCCESS,
        Ok(Exit::Negative) => ExitCode::from(1),
        Ok(Exit::Misused) => ExitCode::from(2),
        Ok(Exit::Aborted) => ExitCode::from(130),
        Err(failure) => {
            failure.report();
            failure.exit_code()
        }
    }
}

/// The runtime of a command. One thread, like the function has at most memory sizes, and cheap to start.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::usage(format!("cannot start: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
