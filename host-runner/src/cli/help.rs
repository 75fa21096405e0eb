//! Parts of `--help` below the options: examples, and exit codes.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, CommandFactory as _};

use super::Cli;
use super::error::EXIT_CODES;
use crate::experiment::probe::continuous_options;

/// Returns the text of a file in `help/`, without the line break at its end.
macro_rules! text {
    ($name:literal) => {
        include_str!(concat!("help/", $name, ".txt")).trim_ascii_end()
    };
}

/// Examples of all commands.
const OVERVIEW: &str = text!("overview");

/// Examples of `fathom run`.
pub const RUN: &str = text!("run");

/// Examples of `fathom compare`.
pub const COMPARE: &str = text!("compare");

/// Examples of `fathom serve`.
pub const SERVE: &str = text!("serve");

/// Examples of `fathom probe`.
pub const PROBE: &str = text!("probe");

/// Examples of `fathom status`.
pub const STATUS: &str = text!("status");

/// Examples of `fathom log`.
pub const LOG: &str = text!("log");

/// Examples of `fathom report`.
pub const REPORT: &str = text!("report");

/// Examples of `fathom merge`.
pub const MERGE: &str = text!("merge");

/// Examples of `fathom check`.
pub const CHECK: &str = text!("check");

/// Examples of `fathom diff`.
pub const DIFF: &str = text!("diff");

/// Examples of `fathom history`.
pub const HISTORY: &str = text!("history");

/// Examples of `fathom image`.
pub const IMAGE: &str = text!("image");

/// Examples of `fathom image new`.
pub const IMAGE_NEW: &str = text!("image_new");

/// Examples of `fathom image show`.
pub const IMAGE_SHOW: &str = text!("image_show");

/// Examples of `fathom image set`.
pub const IMAGE_SET: &str = text!("image_set");

/// Examples of `fathom doctor`.
pub const DOCTOR: &str = text!("doctor");

/// The examples of all commands and the exit codes.
#[must_use]
pub fn overview() -> String {
    format!("{OVERVIEW}\n\n{}", exit_codes())
}

/// The exit codes, in one line.
#[must_use]
pub fn exit_codes() -> String {
    let codes: Vec<String> = EXIT_CODES
        .iter()
        .map(|(code, meaning)| format!("{code} {meaning}"))
        .collect();
    format!("Exit codes: {}.", codes.join(", "))
}

/// Largest edit distance of a misspelled name to the one that is suggested: a transposition and one more
/// letter.
const FAR: usize = 2;

/// Adds a suggestion to the error of a command that there is not, where clap has none: it compares by
/// Jaro similarity, which finds nothing in names as short as `rnu`. A conflict with a continuous measurement gets
/// its reason.
#[must_use]
pub fn with_suggestion(mut error: clap::Error) -> clap::Error {
    if let Some(reason) = continuous_options::reason_in(&error.to_string()) {
        let tip = ContextValue::StyledStrs(vec![reason.into()]);
        error.insert(ContextKind::Suggested, tip);
    }
    let is_unknown = error.kind() == ErrorKind::InvalidSubcommand;
    let has_suggestion = error.get(ContextKind::SuggestedSubcommand).is_some();
    let Some(ContextValue::String(given)) = error.get(ContextKind::InvalidSubcommand) else {
        return error;
    };
    if is_unknown
        && !has_suggestion
        && let Some(name) = nearest(given)
    {
        let names = ContextValue::Strings(vec![name]);
        error.insert(ContextKind::SuggestedSubcommand, names);
    }
    error
}

/// The command whose name is the nearest to `given`, if one is near.
fn nearest(given: &str) -> Option<String> {
    let command = Cli::command();
    let names = command.get_subcommands().map(Command::get_name);
    let (distance, name) = names
        .map(|name| (strsim::damerau_levenshtein(given, name), name))
        .min()?;
    (distance <= FAR && distance < name.len()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests;
