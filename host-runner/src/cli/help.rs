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
  fathom probe example.net:9000 --count 100 --json result.json";

/// Examples of `fathom status`.
pub const STATUS: &str = "\
Examples:
  fathom status 127.0.0.1:9000
  fathom status 192.0.2.7:9000 --json";

/// Examples of `fathom report`.
pub const REPORT: &str = "\
Examples:
  fathom report results/latest                      write its report.html and report.md again
  fathom report results/A results/B --out both      two results in one report";

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
mod tests {
    use clap::Parser as _;

    use super::super::error::CliError;
    use super::*;
    use crate::experiment::ExperimentError;

    /// Every command's help, short and long.
    fn helps() -> Vec<(String, [String; 2])> {
        let mut command = Cli::command().term_width(100);
        command.build();
        let both = |command: &Command| {
            [
                command.clone().render_help().to_string(),
                command.clone().render_long_help().to_string(),
            ]
        };
        let of = |command: &Command| (command.get_name().to_owned(), both(command));
        let subcommands = command
            .get_subcommands()
            .filter(|it| it.get_name() != "help" && !it.is_hide_set());
        std::iter::once(&command)
            .chain(subcommands)
            .map(of)
            .collect()
    }

    #[test]
    fn every_help_ends_with_examples_that_parse() {
        let helps = helps();
        assert_eq!(helps.len(), 9);
        for (name, help) in helps
            .iter()
            .flat_map(|(name, both)| both.iter().map(move |it| (name, it)))
        {
            let (before, after) = help.split_once("Examples:\n").expect("examples");
            assert!(before.contains("Options:"), "{name}:\n{help}");
            assert!(after.lines().count() < 14, "{name}:\n{help}");
            let examples: Vec<&str> = after
                .lines()
                .take_while(|line| line.starts_with("  fathom "))
                .collect();
            assert!(examples.len() >= 2, "{name}:\n{help}");
            for example in examples {
                let command = example.trim_start().split("   ").next().unwrap();
                let command = command.split(" | ").next().unwrap();
                if let Err(error) = Cli::try_parse_from(command.split_whitespace()) {
                    panic!("{command}: {error}");
                }
            }
        }
    }

    #[test]
    fn the_short_help_fits_on_a_screen_or_nearly() {
        for (name, [short, long]) in helps() {
            assert!(short.lines().count() <= 60, "{name}:\n{short}");
            assert!(short.lines().count() <= long.lines().count(), "{name}");
        }
    }

    #[test]
    fn a_misspelled_command_comes_with_the_nearest() {
        for (given, meant) in [
            ("rnu", "run"),
            ("rum", "run"),
            ("prob", "probe"),
            ("docter", "doctor"),
            ("sevre", "serve"),
        ] {
            let error = with_suggestion(Cli::try_parse_from(["fathom", given]).unwrap_err());
            let text = error.to_string();
            assert!(text.contains(&format!("'{meant}'")), "{given}: {text}");
            assert_eq!(error.exit_code(), 2);
        }
        for given in ["xyzzy", "go", ""] {
            let error = with_suggestion(Cli::try_parse_from(["fathom", given]).unwrap_err());
            assert!(!error.to_string().contains("similar"), "{error}");
        }
    }

    /// `docs/results.md` and `--help` list the same codes, and no text promises another. The page also says
    /// that none of them gets through `make`.
    #[test]
    fn exit_codes_are_the_same_everywhere() {
        let results = include_str!("../../../docs/results.md");
        assert!(results.contains(&exit_codes()), "{}", exit_codes());
        assert_eq!(results.matches("Exit codes:").count(), 1);
        assert!(results.contains("`make` exits with 2 whatever a recipe returns"));
        for (name, both) in helps() {
            for help in both {
                assert!(help.contains(&exit_codes()) || name != "fathom", "{help}");
            }
        }
        let listed = EXIT_CODES.map(|(code, _)| code);
        for error in [
            ExperimentError::Interrupted.into(),
            CliError::Usage("usage"),
            ExperimentError::Invalid {
                reasons: Vec::new(),
            }
            .into(),
        ] {
            assert!(listed.contains(&error.exit_code()), "{error}");
        }
    }
}
