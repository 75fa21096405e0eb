//! Parts of `--help` below the options: examples, and exit codes.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, CommandFactory as _};

use super::Cli;
use super::error::EXIT_CODES;

/// Examples of all commands.
const OVERVIEW: &str = "\
Examples:
  fathom run                                        boot the unikernel and measure it for 5 s
  fathom compare --links tap                        beside a Linux guest, in alternating rounds
  fathom probe 127.0.0.1:9000                       measure a service that already runs
  fathom doctor                                     what on this host disturbs measurements

`fathom COMMAND -h` lists a command's main options, `--help` all of them.";

/// Examples of `fathom run`.
pub const RUN: &str = "\
Examples:
  fathom run --duration 2s                          closed loop, shared memory
  fathom run --link tap --mode open --rate 20000    open loop, a client's view
  fathom run --sweep                                latency against load
  fathom run --target linux-guest:busy --link tap   a Linux guest that polls
  fathom run --count 1000 --json - | jq .runs       the record, for scripts";

/// Examples of `fathom compare`.
pub const COMPARE: &str = "\
Examples:
  fathom compare --within 5m                        the default systems, shared memory
  fathom compare --targets hermit,linux-guest:busy,linux-host:busy,null --links tap
  fathom compare --targets hermit,hermit            an A/A test
  fathom compare --require 'p99 <= 50% of linux-guest:busy on hermit'
  fathom compare --repeat 3 --no-why                fewer rounds, no instruction counts";

/// Examples of `fathom serve`.
pub const SERVE: &str = "\
Examples:
  fathom serve                                      on a free UDP port of 127.0.0.1, which it names
  fathom serve --host-port 9000 --log info";

/// Examples of `fathom probe`.
pub const PROBE: &str = "\
Examples:
  fathom probe 127.0.0.1:9000                       closed loop for 5 s
  fathom probe [::1]:9000 --mode open --rate 1000 --duration 10s
  fathom probe example.net:9000 --count 100 --json result.json
  fathom probe 10.0.0.5:9000 10.0.0.6:9000 --exporter 9464 --rate 10     until Ctrl-C, with metrics";

/// Examples of `fathom status`.
pub const STATUS: &str = "\
Examples:
  fathom status 127.0.0.1:9000
  fathom status 192.0.2.7:9000 --json";

/// Examples of `fathom log`.
pub const LOG: &str = "\
Examples:
  fathom log 127.0.0.1:9000                         what is in force
  fathom log 192.0.2.7:9000 info --budget 1KiB/s";

/// Examples of `fathom report`.
pub const REPORT: &str = "\
Examples:
  fathom report results/latest                      write its report.html and report.md again
  fathom report results/A results/B --out both      two results in one report";

/// Examples of `fathom merge`.
pub const MERGE: &str = "\
Examples:
  fathom merge results/node1 results/node2 --out all
  fathom merge logs --out all                       every log in the directory, and in those below it
  fathom merge berlin=a.hlog paris=b.hlog --out all nodes with names of their own";

/// Examples of `fathom check`.
pub const CHECK: &str = "\
Examples:
  fathom check results/latest --require 'p99 <= 2us' --require 'lost == 0'
  fathom check results/head --objectives objectives.toml --baseline results/base
  fathom check results/latest --require 'p99 <= +5% of baseline' --against 5 results";

/// Examples of `fathom diff`.
pub const DIFF: &str = "\
Examples:
  fathom diff results/base results/head             counted figures, then latency by rounds
  fathom diff results/base results/head --margin 10% --percentiles p50,p99
  fathom diff results/base results/head --exact     counted figures alone, on any machine
  fathom diff results/base results/head --anyway kernel --json -";

/// Examples of `fathom history`.
pub const HISTORY: &str = "\
Examples:
  fathom history results                            all results, and results/history.html
  fathom history results --fail-on regression       exit code 3 if the newest are worse
  fathom history results --csv history.csv          a row for each result";

/// Examples of `fathom image`.
pub const IMAGE: &str = "\
Examples:
  fathom image new --out dist                       every format
  fathom image show dist/fathom.img                 what it holds
  fathom image set dist/fathom.qcow2 ip=192.0.2.5/24 gw=192.0.2.1";

/// Examples of `fathom image new`.
pub const IMAGE_NEW: &str = "\
Examples:
  fathom image new --out dist                       every format; the address comes by DHCP
  fathom image new --out dist --arg ip=192.0.2.5/24 --arg gw=192.0.2.1
  fathom image new --out dist --format raw,qcow2    no packages for clouds";

/// Examples of `fathom image show`.
pub const IMAGE_SHOW: &str = "\
Examples:
  fathom image show dist/fathom.img
  fathom image show target/fathom.elf";

/// Examples of `fathom image set`.
pub const IMAGE_SET: &str = "\
Examples:
  fathom image set dist/fathom.img ip=192.0.2.5/24 gw=192.0.2.1 port=9001
  fathom image set dist/fathom.qcow2 --file fathom.cfg
  fathom image set dist/fathom.qcow2 --clear        no arguments: the address comes by DHCP";

/// Examples of `fathom doctor`.
pub const DOCTOR: &str = "\
Examples:
  fathom doctor
  fathom doctor --json";

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
/// Jaro similarity, which finds nothing in names as short as `rnu`.
#[must_use]
pub fn with_suggestion(mut error: clap::Error) -> clap::Error {
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
