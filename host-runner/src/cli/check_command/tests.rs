//! The command line of `fathom check`, and of objectives before anything boots.

use clap::Parser;

use super::*;
use crate::cli::{Cli, Command};

/// Returns the outcome of the command line `words`, behind `fathom`.
fn outcome(words: &[&str]) -> Result<(), CliError> {
    let cli = Cli::try_parse_from(std::iter::once(&"fathom").chain(words));
    match cli.expect("it can be parsed").command {
        Command::Check(args) => run(&args),
        Command::Run(args) => crate::cli::run_command::run(&args),
        Command::Compare(args) => crate::cli::compare_command::run(&args),
        Command::Probe(args) => crate::cli::probe_command::run(&args),
        other => panic!("{other:?}"),
    }
}

fn refusal(words: &[&str]) -> (u8, String) {
    let error = outcome(words).expect_err("it is refused");
    (error.exit_code(), error.with_causes())
}

#[test]
fn a_mistake_in_an_objective_is_usage_before_anything_boots() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("o.toml");
    std::fs::write(
        &file,
        "schema = \"fathom-objectives/1\"\n[[objective]]\npass = ['p99 <= 2']\n",
    )
    .unwrap();
    let path = file.to_str().unwrap();
    let none = directory.path().join("none");
    for (words, complaint) in [
        (
            &["run", "--require", "lots == 0"][..],
            "--require 'lots == 0', column 1: unknown metric `lots`",
        ),
        (
            &["run", "--require", "p99 <= 2us on hermitt"],
            "did you mean `hermit`",
        ),
        (
            &["run", "--require", "p99 <= +5% of baseline"],
            "--baseline DIR",
        ),
        (
            &["run", "--warn-at", "p99 <= 2"],
            "--warn-at 'p99 <= 2', column 8: `2`: the unit is missing",
        ),
        (
            &["run", "--objectives", path],
            "o.toml:3:17: `2`: the unit is missing",
        ),
        (
            &["compare", "--require", "p99 <= 50% of linux-gest:busy"],
            "did you mean `linux-guest:busy`",
        ),
        (
            &["probe", "127.0.0.1:9", "--require", "p99 <= 2us on hermit"],
            "there is remote on udp, closed loop",
        ),
        (&["check", "results/x"], "there is nothing to check"),
        (
            &[
                "check",
                "x",
                "--require",
                "lost == 0",
                "--against",
                "0",
                "results",
            ],
            "1 to 100",
        ),
        (
            &["run", "--objectives", none.to_str().unwrap()],
            "--objectives",
        ),
    ] {
        let (code, said) = refusal(words);
        assert_eq!(code, 2, "{words:?}: {said}");
        assert!(said.contains(complaint), "{words:?}: {said}");
    }
}

#[test]
fn a_result_that_is_not_there_or_empty_passes_no_gate() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    let require = ["check", path, "--require", "lost == 0"];
    let (code, said) = refusal(&require);
    assert_eq!(code, 1, "{said}");
    let environment = crate::record::EnvironmentBuilder::examine(String::new(), None).record();
    let record = crate::record::Record::new(environment, Vec::new());
    std::fs::write(
        directory.path().join("result.json"),
        record.to_json().unwrap(),
    )
    .unwrap();
    let (code, said) = refusal(&require);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("holds no measurement"), "{said}");
}
