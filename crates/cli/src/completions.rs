//! `expressway completions`: completion of arguments in the shell.

use crate::failure::Failure;
use crate::{Cli, Exit};
use clap::CommandFactory;
use clap_complete::Shell;
use std::io::Write;

/// Print the script that makes a shell complete arguments
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The shell
    shell: Shell,
}

const EXAMPLES: &str = "\
Examples:
  expressway completions bash > ~/.local/share/bash-completion/completions/expressway
  expressway completions zsh  > ~/.zfunc/_expressway
  expressway completions fish > ~/.config/fish/completions/expressway.fish";

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    // Through a buffer, because the generator panics where it can not write.
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "expressway", &mut script);
    anstream::stdout().lock().write_all(&script)?;
    Ok(Exit::Success)
}
