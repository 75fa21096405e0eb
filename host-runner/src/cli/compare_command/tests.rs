//! Comparisons that the options ask for.

use clap::{CommandFactory as _, Parser as _};

use super::*;
use crate::cli::{Cli, Command};
use crate::experiment::compare::case::Case;
use crate::experiment::compare::run_store::RunStore;
use crate::experiment::compare::tests::repetition;
use crate::load::Rate;
use crate::record::{EnvironmentBuilder, ObjectiveState, Run};
use crate::stats::Ended;

fn parse<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<CompareArgs, clap::Error> {
    match Cli::try_parse_from(["fathom", "compare"].into_iter().chain(words))?.command {
        Command::Compare(args) => Ok(*args),
        other => panic!("{other:?}"),
    }
}

fn args(line: &str) -> CompareArgs {
    parse(line.split_whitespace()).unwrap()
}

/// Returns the destination of the results of `args`, their cases, and a store for that many rounds of closed loops.
fn prepared(args: &CompareArgs, rounds: u32) -> (Output, Vec<Case>, RunStore) {
    let spec = args.spec().unwrap();
    let judging = args.result.judging("test", || spec.groups()).unwrap();
    let output = Output::prepare(&args.result.output, judging).unwrap();
    let (cases, skipped) = spec.cases();
    let environment = EnvironmentBuilder::examine("poll: a test".to_owned(), None);
    let costs = spec.cost_analysis;
    let store = RunStore::new(environment, &cases, &["closed"], skipped, rounds, costs);
    (output, cases, store)
}

fn loads_of(line: &str) -> Result<Loads, CliError> {
    Ok(args(line).spec()?.loads)
}

#[test]
fn there_are_both_loads_unless_one_is_named() {
    let modes = |line| loads_of(line).unwrap().modes();
    assert_eq!(modes(""), ["closed", "open"]);
    assert_eq!(modes("--rate 5000"), ["closed", "open"]);
    assert_eq!(modes("--mode closed"), ["closed"]);
    assert_eq!(modes("--mode open"), ["open"]);
    assert_eq!(modes("--mode pipeline --depth 4"), ["pipeline"]);
    assert!(loads_of("").unwrap().derives_rate());
    assert!(!loads_of("--mode open").unwrap().derives_rate());
    let given = loads_of("--rate 5k").unwrap().rate();
    assert_eq!(given, Some(Rate::per_second(5000)));
    for line in ["--mode closed --rate 5", "--depth 4", "--rate 3M"] {
        assert_eq!(loads_of(line).unwrap_err().exit_code(), 2, "{line}");
    }
}

/// Whatever is left out, the advice is about options of this command.
#[test]
fn advice_names_options_of_this_command() {
    let everything = "--links vhost-user,unix,tap,user,loopback --targets hermit,hermit-sockets,\
                      linux-guest,linux-host,linux-host:af_xdp,null";
    let mut count = 0;
    for options in ["", "--ip dhcp", "--ip6 fd00::5/64", "--memory 64"] {
        let spec = args(&format!("{everything} {options}")).spec().unwrap();
        let (_, skipped) = spec.cases();
        for skipped in &skipped {
            let words = skipped.reason.split([' ', '`', ',', ':']);
            for option in words.filter(|word| word.starts_with("--")) {
                let command = Cli::command();
                let compare = command.find_subcommand("compare").unwrap();
                let mut known = compare.get_arguments().filter_map(clap::Arg::get_long);
                assert!(
                    known.any(|known| known == &option[2..]),
                    "{option}: {}",
                    skipped.reason
                );
                count += 1;
            }
        }
    }
    assert!(count > 20, "{count}");
}

/// The presets of the Makefile come first, and the options of its user after them.
#[test]
fn later_options_override_presets() {
    let makefile = include_str!("../../../../Makefile").replace("\\\n", " ");
    let lines = makefile
        .lines()
        .filter(|line| line.contains("compare --targets"));
    let presets: Vec<_> = lines
        .map(|line| {
            let (_, options) = line.split_once("compare ").unwrap();
            options
                .replace("$(ARGS)", "")
                .replace("$(ALL_TARGETS)", "null,hermit")
        })
        .collect();
    assert_eq!(presets.len(), 2, "make compare and make compare-full");
    for preset in presets {
        let again = "--targets null --links unix --repeat 9 --duration 3s --warmup 1s --settle 4s \
                     --retries 1 --within 7s --seed 2";
        let args = args(&format!("{preset} {again}"));
        assert_eq!((args.targets.len(), args.links.len()), (1, 1));
        assert_eq!((args.repeat, args.retries, args.load.seed), (9, 1, 2));
        let seconds = [args.load.warmup, args.settle].map(|time| time.as_secs());
        assert_eq!(seconds, [1, 4]);
        let seconds =
            [args.load.duration, args.within].map(|limit| limit.map(|time| time.as_secs()));
        assert_eq!(seconds, [Some(3), Some(7)]);
    }
}

#[test]
fn options_that_no_comparison_has_are_usage_errors() {
    for line in [
        "--sweep",
        "--pcap file",
        "--host-port 7",
        "--duration 0s",
        "--boot-arg path=smoltcp",
    ] {
        assert_eq!(args(line).spec().unwrap_err().exit_code(), 2, "{line}");
    }
    for line in [
        "--targets plan9",
        "--links pigeon",
        "--repeat 0",
        "--targets ,",
    ] {
        assert!(parse(line.split_whitespace()).is_err(), "{line}");
    }
}

/// The record has none of it, nor have the documents, which are made of the record.
#[test]
fn without_the_cost_analysis_no_document_has_its_table() {
    let documents = |options: &str| {
        let directory = tempfile::tempdir().unwrap();
        let out = directory.path().join("out");
        let options = format!("{options} --targets hermit,null --out {}", out.display());
        let (output, cases, mut store) = prepared(&args(&options), 1);
        for case in cases {
            let target = case.variant.target_name();
            let (run, measured) = repetition(&target, 1, 40_000, Ended::Completed);
            let run = Run {
                first_reply_ms: Some(150.0),
                ..run
            };
            store.add(run, &measured, &output).unwrap();
        }
        store.finish(&output).unwrap();
        let file = |name| std::fs::read_to_string(out.join(name)).unwrap();
        let json: serde_json::Value = serde_json::from_str(&file("result.json")).unwrap();
        (
            json["why"].is_array(),
            file("report.md").contains("first reply"),
            file("report.html").contains("first reply"),
        )
    };
    assert_eq!(documents(""), (true, true, true));
    assert_eq!(documents("--no-why"), (false, false, false));
}

/// Three rounds of `hermit`, about twice as fast as `null`.
#[test]
fn objectives_are_judged_when_results_are_published() {
    let outcome = |requirement: &[&str]| {
        let directory = tempfile::tempdir().unwrap();
        let out = directory.path().join("out");
        let junit = directory.path().join("junit.xml");
        let line = format!(
            "--targets hermit,null --mode closed --no-why --github=off --out {} --junit {}",
            out.display(),
            junit.display()
        );
        let words = line.split(' ').chain(requirement.iter().copied());
        let (output, cases, mut store) = prepared(&parse(words).unwrap(), 3);
        for round in 1..=3 {
            for case in &cases {
                let target = case.variant.target_name();
                let level_ns = if target == "null" { 40_000 } else { 20_000 };
                let level_ns = level_ns + u64::from(round) * 100;
                let (run, measured) = repetition(&target, round, level_ns, Ended::Completed);
                store.add(run, &measured, &output).unwrap();
            }
        }
        store.finish(&output).unwrap();
        let source = crate::record::read::read(&out).unwrap();
        let states = source
            .record
            .objectives
            .iter()
            .map(|objective| objective.state);
        let states: Vec<ObjectiveState> = states.collect();
        assert_eq!(
            source.record.objective_summary.is_some(),
            !states.is_empty()
        );
        let documents = ["report.md", "report.html"]
            .map(|name| std::fs::read_to_string(out.join(name)).unwrap());
        assert!(
            documents
                .iter()
                .all(|text| text.contains("Objectives") != states.is_empty())
        );
        assert!(
            std::fs::read_to_string(junit)
                .unwrap()
                .contains("<testcase")
        );
        let code = output.decide(Ok(())).map_err(|error| error.exit_code());
        (states, code)
    };
    use ObjectiveState::{Met, Missed, Undecided};
    assert_eq!(outcome(&[]), (vec![], Ok(())));
    let half = "p50 <= 80% of null on hermit";
    assert_eq!(outcome(&["--require", half]), (vec![Met], Ok(())));
    let third = "p50 <= 30% of null on hermit";
    assert_eq!(
        outcome(&["--require", half, "--require", third]),
        (vec![Met, Missed], Err(3))
    );
    assert_eq!(
        outcome(&["--require", half, "--warn-at", third]),
        (vec![Met, Missed], Ok(()))
    );
    let rare = "p99.99 <= 1s on hermit";
    assert_eq!(
        outcome(&["--require", half, "--require", rare]),
        (vec![Met, Undecided], Err(4))
    );
}
