//! The `fathom` command: everything is in the library; here an outcome becomes an exit code.
#![forbid(unsafe_code)]
#![warn(clippy::print_stdout, clippy::print_stderr)]

use std::process::ExitCode;

use clap::Parser as _;
use fathom::cli::{Cli, help};
use fathom::host::rights;
use fathom::terminal::say;

fn main() -> ExitCode {
    let cli = parse();
    if let Err(error) = rights::keep_only(cli.command.capability_use()) {
        say(format!("privileges can't be given up: {error}"));
    }
    match fathom::cli::main(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(error.with_causes());
            ExitCode::from(error.exit_code())
        }
    }
}

/// The command line, or the end with a message about it.
fn parse() -> Cli {
    Cli::try_parse().unwrap_or_else(|error| help::with_suggestion(error).exit())
}
