//! Placement under the loads that `fathom run` asks for.

use clap::Parser as _;

use super::super::{Cli, Command};
use super::*;
use crate::load::ladder;

/// The plans that `fathom run` with `options` carries out, one after the other.
fn plans(options: &str) -> Vec<Plan> {
    let line = format!("fathom run {options}");
    let Command::Run(args) = Cli::try_parse_from(line.split_whitespace())
        .unwrap()
        .command
    else {
        panic!("{line}");
    };
    let first = args.load.plan().unwrap();
    let steps = ladder::steps(&first, args.load.arrivals(), 1000.0).into_iter();
    let steps = steps.filter(|_| args.load.sweep).map(|step| step.plan);
    std::iter::once(first).chain(steps).collect()
}

#[test]
fn an_open_loop_on_a_link_that_sleeps_has_a_place_of_its_own() {
    let works = |options, link| -> Vec<Work> {
        let plans = plans(options).into_iter();
        plans.map(|plan| work(link, plan.mode)).collect()
    };
    for link in [LinkKind::User, LinkKind::Unix, LinkKind::Tap] {
        assert_eq!(works("", link), [Work::Replies]);
        assert_eq!(works("--mode open", link), [Work::Schedule]);
        assert_eq!(works("--sweep", link)[1..], [Work::Schedule; 10]);
    }
    assert_eq!(works("--sweep", LinkKind::VhostUser), [Work::Polls; 11]);
}

#[test]
fn placement_follows_the_plan() {
    let placed = |options, link| -> Vec<bool> {
        let plans = plans(options).into_iter();
        plans.map(|plan| is_placed(link, plan.mode)).collect()
    };
    for link in [LinkKind::User, LinkKind::Unix, LinkKind::Tap] {
        assert_eq!(placed("", link), [true]);
        assert_eq!(placed("--mode open", link), [true]);
        assert_eq!(placed("--mode pipeline", link), [false]);
        // Which begins with a pipeline, and goes on with open loops.
        let expected = std::iter::once(false).chain([true; 10]);
        assert_eq!(placed("--sweep", link), expected.collect::<Vec<_>>());
    }
    assert_eq!(placed("--sweep", LinkKind::VhostUser), [true; 11]);
}
