//! Plans that the options of a load make, and options that make none.

use clap::Parser as _;

use super::super::RunArgs;
use super::*;
use crate::cli::{Cli, CliError, Command};
use crate::load::{Limit, Mode};
use crate::sut::SystemKind;

fn run_args(line: &str) -> RunArgs {
    let line = ["fathom", "run"].into_iter().chain(line.split_whitespace());
    match Cli::try_parse_from(line).unwrap().command {
        Command::Run(args) => *args,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_defaults_are_the_documented_ones() {
    let args = run_args("");
    assert_eq!((args.name.kind, args.link), (SystemKind::Hermit, None));
    assert_eq!((args.guest.memory, args.guest.port), (None, 9000));
    let plan = args.load.spec().plan().unwrap();
    assert_eq!((plan.mode, plan.payload_len), (Mode::Closed, 64));
    assert_eq!(plan.timeout_ns, 1_000_000_000);
    assert_eq!(plan.warmup.duration_ns, Some(500_000_000));
    let five_seconds = Limit::lasting(5_000_000_000);
    assert_eq!(plan.measure, five_seconds);
}

#[test]
fn a_count_alone_takes_as_long_as_it_takes() {
    let measure = |line| run_args(line).load.spec().plan().unwrap().measure;
    assert_eq!(measure("--count 7").duration_ns, None);
    assert_eq!(measure("--count 7").count, Some(7));
    let both = measure("--count 7 --duration 2s");
    assert_eq!(
        (both.duration_ns, both.count),
        (Some(2_000_000_000), Some(7))
    );
}

#[test]
fn an_open_loop_has_a_rate_and_a_closed_one_has_none() {
    let rate = |rate| Mode::Open {
        rate: Rate::nearest(rate),
        arrivals: Arrivals::Poisson,
    };
    let mode = |line: &str| run_args(line).load.spec().plan().map(|plan| plan.mode);
    assert_eq!(mode("--mode open").unwrap(), rate(997.0));
    assert_eq!(mode("--mode open --rate 5000").unwrap(), rate(5000.0));
    for (text, per_second) in [("0.2", 0.2), ("100k", 1e5), ("1e6", 1e6), ("1.5M", 1.5e6)] {
        let line = format!("--mode open --timeout 100ms --rate {text}");
        assert_eq!(mode(&line).unwrap(), rate(per_second), "{text}");
    }
    let even = Mode::Open {
        rate: Rate::per_second(997),
        arrivals: Arrivals::Even,
    };
    assert_eq!(mode("--mode open --arrivals even").unwrap(), even);
    for line in [
        "--rate 5000",
        "--arrivals even",
        "--mode pipeline --arrivals even",
    ] {
        assert_eq!(
            CliError::from(mode(line).unwrap_err()).exit_code(),
            2,
            "{line}"
        );
    }
    assert_eq!(run_args("").load.spec().sweep(), None);
    assert_eq!(
        run_args("--sweep").load.spec().sweep(),
        Some(Arrivals::Poisson)
    );
    assert_eq!(
        run_args("--sweep --arrivals even").load.spec().sweep(),
        Some(Arrivals::Even)
    );
}

#[test]
fn a_pipeline_has_a_depth_and_the_others_have_none() {
    let pipeline = |depth| Mode::Pipeline {
        depth: NonZeroU16::new(depth).unwrap(),
    };
    let mode = |line| run_args(line).load.spec().plan().map(|plan| plan.mode);
    assert_eq!(mode("--mode pipeline").unwrap(), pipeline(32));
    assert_eq!(mode("--mode pipeline --depth 256").unwrap(), pipeline(256));
    for line in [
        "--depth 4",
        "--mode open --depth 4",
        "--mode pipeline --rate 5",
        "--mode pipeline --depth 257",
    ] {
        assert_eq!(
            CliError::from(mode(line).unwrap_err()).exit_code(),
            2,
            "{line}"
        );
    }
}

#[test]
fn a_sweep_begins_with_a_pipeline_and_chooses_its_own_rates() {
    let plan = run_args("--sweep --depth 16").load.spec().plan().unwrap();
    let depth = NonZeroU16::new(16).unwrap();
    assert_eq!(plan.mode, Mode::Pipeline { depth });
    assert_eq!(plan.measure.duration_ns, Some(2_000_000_000));
    let plan = run_args("--sweep --duration 3s")
        .load
        .spec()
        .plan()
        .unwrap();
    assert_eq!(plan.measure.duration_ns, Some(3_000_000_000));
    for option in ["--mode open", "--rate 5", "--count 5"] {
        let line = format!("fathom run --sweep {option}");
        assert!(Cli::try_parse_from(line.split_whitespace()).is_err());
    }
}

#[test]
fn options_without_a_measurement_are_a_usage_error() {
    for line in [
        "--payload 43",
        "--payload 9189",
        "--timeout 0s",
        "--duration 0s",
        "--mode open --rate 3000000",
        "--mode open --rate 3M",
    ] {
        let error = CliError::from(run_args(line).load.spec().plan().unwrap_err());
        assert_eq!(error.exit_code(), 2, "{line}: {error}");
    }
    for (rate, complaint) in [
        ("0", "above 0"),
        ("-5", "above 0"),
        ("NaN", "no number"),
        ("5G", "highest rate"),
    ] {
        let line = ["fathom", "run", "--mode", "open", "--rate", rate];
        let error = Cli::try_parse_from(line).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains(complaint), "{error}");
    }
}
