//! `fathom man` and `fathom completions`: manual pages and shell completions, made of the command line's
//! own description for those who install the program.

use std::io;

use clap::{Args, Command, CommandFactory as _};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use super::error::EXIT_CODES;
use super::output::print;
use super::{Cli, CliError};
use crate::record::RecordError;

/// Name of the program.
const PROGRAM: &str = "fathom";

/// `fathom man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// Command, such as `run` or `image new`; without one, the page of fathom itself
    #[arg(value_name = "COMMAND")]
    pub command: Vec<String>,
    /// List the names of all pages instead
    #[arg(long, conflicts_with = "command")]
    pub list: bool,
}

/// `fathom completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// Shell
    pub shell: Shell,
}

/// Prints a manual page, or the names of all pages.
///
/// # Errors
///
/// [`CliError::Usage`] if there is no such command; else if standard output can't be written.
pub fn run(args: &ManArgs) -> Result<(), CliError> {
    let program = described();
    if args.list {
        return Ok(print(&names(&program).join("\n"))?);
    }
    let mut command = &program;
    for name in &args.command {
        command = command
            .find_subcommand(name)
            .ok_or(CliError::Usage("there is no such command"))?;
    }
    let page = page(command.clone()).map_err(RecordError::unwritable("standard output"))?;
    Ok(print(&page)?)
}

/// Prints the completions of a shell.
///
/// # Errors
///
/// If standard output can't be written.
pub fn completions(args: &CompletionsArgs) -> Result<(), CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut described(), PROGRAM, &mut script);
    Ok(print(&String::from_utf8_lossy(&script))?)
}

/// The command line without `help` beside each command, which has pages of its own.
fn described() -> Command {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    command
}

/// Returns the names of the pages of `command` and the commands below it that users see.
fn names(command: &Command) -> Vec<String> {
    let own = command.get_display_name().unwrap_or(command.get_name());
    let below = command
        .get_subcommands()
        .filter(|command| !command.is_hide_set());
    std::iter::once(own.to_owned())
        .chain(below.flat_map(names))
        .collect()
}

/// Returns the manual page of `command`, in roff.
fn page(mut command: Command) -> io::Result<String> {
    let usage = command.render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").to_owned();
    let examples = command.get_after_help().map(ToString::to_string);
    let has_commands = command.has_subcommands();
    let source = format!("{PROGRAM} {}", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command.override_usage(usage))
        .source(source)
        .manual("Fathom");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if has_commands {
        man.render_subcommands_section(&mut page)?;
    }
    let mut rest = Roff::new();
    if let Some(examples) = examples {
        rest.control("SH", ["EXAMPLES"]).control("nf", []);
        for line in examples.lines().filter(|line| line.starts_with("  ")) {
            rest.text([roman(line)]);
        }
        rest.control("fi", []);
    }
    rest.control("SH", ["EXIT STATUS"]);
    for (code, meaning) in EXIT_CODES {
        rest.control("TP", []).text([roman(code.to_string())]);
        rest.text([roman(meaning)]);
    }
    rest.to_writer(&mut page)?;
    String::from_utf8(page).map_err(io::Error::other)
}

#[cfg(test)]
mod tests;
