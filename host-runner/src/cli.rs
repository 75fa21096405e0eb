//! The command line and the commands behind it.
//!
//! - [`args`]: options and arguments, and the plain specifications that they make;
//! - [`output`]: where results go;
//! - [`ctrl_c`](mod@ctrl_c): Ctrl-C;
//! - [`run_command`], [`compare_command`], [`serve_command`], [`probe_command`], [`status_command`],
//!   [`log_command`], [`report_command`], [`check_command`], [`merge_command`], [`diff_command`],
//!   [`history_command`], [`image_command`], [`doctor_command`]: the commands;
//! - [`manual`]: manual pages and shell completions;
//! - [`error`]: why a command failed, and the exit code for it;
//! - [`help`]: examples, exit codes, and suggestions.
#![forbid(unsafe_code)]

use clap::{Parser, Subcommand};

pub mod args;
pub mod check_command;
pub mod compare_command;
pub mod ctrl_c;
pub mod diff_command;
pub mod doctor_command;
pub mod error;
pub mod help;
pub mod history_command;
pub mod image_command;
pub mod log_command;
pub mod manual;
pub mod merge_command;
pub mod output;
pub mod probe_command;
pub mod report_command;
pub mod run_command;
pub mod serve_command;
pub mod status_command;

pub use error::CliError;

use crate::host::rights::CapabilityUse;

/// Measures the tail latency of a UDP service: in a Hermit unikernel, in a Linux guest, or wherever it runs.
#[derive(Debug, Parser)]
#[command(name = "fathom", version, max_term_width = 100, after_help = help::overview())]
pub struct Cli {
    /// The command that is to be carried out.
    #[command(subcommand)]
    pub command: Command,
}

/// Commands of `fathom`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Boot a service, measure its round-trip latency, write a report, shut down
    #[command(after_help = help::RUN)]
    Run(Box<args::RunArgs>),
    /// Measure several systems in alternating rounds of fresh boots, and say whether they differ
    #[command(after_help = help::COMPARE)]
    Compare(Box<compare_command::CompareArgs>),
    /// Boot the unikernel and keep it up until Ctrl-C
    #[command(after_help = help::SERVE)]
    Serve(args::ServeArgs),
    /// Measure a service that is already running
    #[command(after_help = help::PROBE)]
    Probe(Box<args::ProbeArgs>),
    /// Show the uptime and counters of a running service
    #[command(after_help = help::STATUS)]
    Status(status_command::StatusArgs),
    /// Show or change the level and budget of a running service's log
    #[command(after_help = help::LOG)]
    Log(log_command::LogArgs),
    /// Make a report from one or several results
    #[command(after_help = help::REPORT)]
    Report(report_command::ReportArgs),
    /// Add up what several nodes measured, exactly
    #[command(after_help = help::MERGE)]
    Merge(merge_command::MergeArgs),
    /// Hold results against objectives: limits on latency, losses and costs
    #[command(after_help = help::CHECK)]
    Check(check_command::CheckArgs),
    /// Say whether a result is worse than another
    #[command(after_help = help::DIFF)]
    Diff(diff_command::DiffArgs),
    /// Find the results from which on latencies were others, and what changed there
    #[command(after_help = help::HISTORY)]
    History(history_command::HistoryArgs),
    /// Make disk images of the unikernel, show their contents, or change their boot arguments
    #[command(after_help = help::IMAGE)]
    Image(image_command::ImageArgs),
    /// Check this host for what disturbs a measurement, with remedies
    #[command(after_help = help::DOCTOR)]
    Doctor(doctor_command::DoctorArgs),
    /// Print a manual page
    #[command(hide = true)]
    Man(manual::ManArgs),
    /// Print the completions of a shell
    #[command(hide = true)]
    Completions(manual::CompletionsArgs),
}

impl Command {
    /// Returns the use that the command has of capabilities.
    #[must_use]
    pub const fn capability_use(&self) -> CapabilityUse {
        match self {
            Self::Run(_) | Self::Compare(_) | Self::Serve(_) | Self::Doctor(_) => {
                CapabilityUse::Starting
            }
            Self::Probe(_) => CapabilityUse::Measuring,
            Self::Status(_)
            | Self::Log(_)
            | Self::Report(_)
            | Self::Merge(_)
            | Self::Check(_)
            | Self::Diff(_)
            | Self::History(_)
            | Self::Image(_)
            | Self::Man(_)
            | Self::Completions(_) => CapabilityUse::Files,
        }
    }
}

/// Does what the command line says.
///
/// # Errors
///
/// [`CliError`] if it can't be done, or if what came of it is not to be trusted.
pub fn main(cli: Cli) -> Result<(), CliError> {
    match cli.command {
        Command::Run(args) => run_command::run(&args),
        Command::Compare(args) => compare_command::run(&args),
        Command::Serve(args) => serve_command::run(&args),
        Command::Probe(args) => probe_command::run(&args),
        Command::Status(args) => status_command::run(&args),
        Command::Log(args) => log_command::run(&args),
        Command::Report(args) => report_command::run(&args),
        Command::Merge(args) => merge_command::run(&args),
        Command::Check(args) => check_command::run(&args),
        Command::Diff(args) => diff_command::run(&args),
        Command::History(args) => history_command::run(&args),
        Command::Image(args) => image_command::run(&args),
        Command::Doctor(args) => doctor_command::run(&args),
        Command::Man(args) => manual::run(&args),
        Command::Completions(args) => manual::completions(&args),
    }
}

#[cfg(test)]
mod tests;
