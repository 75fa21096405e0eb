//! Texts of `--help`, and the documentation that repeats them.

use clap::Parser as _;

use super::super::error::CliError;
use super::*;
use crate::documentation::commands;
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
        .filter(|command| command.get_name() != "help" && !command.is_hide_set());
    std::iter::once(&command)
        .chain(subcommands)
        .map(of)
        .collect()
}

#[test]
fn every_help_ends_with_examples_that_parse() {
    let helps = helps();
    assert!(helps.len() >= 11, "{}", helps.len());
    for (name, help) in helps
        .iter()
        .flat_map(|(name, both)| both.iter().map(move |help| (name, help)))
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
            for words in commands(command) {
                if let Err(error) = Cli::try_parse_from(words) {
                    panic!("{command}: {error}");
                }
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
fn serve_lists_no_option_without_effect() {
    let helps = helps();
    let has_vhost = |command: &str| {
        let (_, [_, long]) = helps.iter().find(|(name, _)| name == command).unwrap();
        long.contains("--vhost")
    };
    assert!(has_vhost("run") && !has_vhost("serve"));
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
    for given in ["xyzzy", "zz", ""] {
        let error = with_suggestion(Cli::try_parse_from(["fathom", given]).unwrap_err());
        assert!(!error.to_string().contains("similar"), "{error}");
    }
}

/// `docs/results.md` and `--help` list the same codes, and no text promises another. The page also says
/// that none of them gets through `make`.
#[test]
fn exit_codes_are_the_same_everywhere() {
    let results = include_str!("../../../../docs/results.md");
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
        CliError::Regression("of a test".to_owned()),
        CliError::Undecided("in a test".to_owned()),
        ExperimentError::Invalid {
            reasons: Vec::new(),
        }
        .into(),
    ] {
        assert!(listed.contains(&error.exit_code()), "{error}");
    }
}
