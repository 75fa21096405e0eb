//! The `fathom` command: everything is in the library; here an outcome becomes an exit code.
#![forbid(unsafe_code)]
#![warn(clippy::print_stdout, clippy::print_stderr)]

use std::process::ExitCode;

use clap::Parser as _;
use fathom::cli::say::say;

fn main() -> ExitCode {
    match fathom::cli::main(fathom::cli::Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(error.with_causes());
            ExitCode::from(error.exit_code())
        }
    }
}
