//! Placement under the loads that `fathom run` can put on a service.

use std::num::NonZeroU16;

use super::*;
use crate::load::{Arrivals, Limit, Plan, Rate, ladder};

const CLOSED: Mode = Mode::Closed;
const OPEN: Mode = Mode::Open {
    rate: Rate::per_second(997),
    arrivals: Arrivals::Poisson,
};
const PIPELINE: Mode = Mode::Pipeline {
    depth: NonZeroU16::new(32).unwrap(),
};

/// Returns the modes of a sweep: the pipeline, and the ladder under what it achieved.
fn sweep() -> Vec<Mode> {
    let pipeline = Plan {
        mode: PIPELINE,
        measure: Limit::requests(1000),
        ..Plan::FIXTURE
    };
    let steps =
        ladder::steps(&pipeline, Arrivals::Poisson, &ladder::Reach::up_to(1000.0)).into_iter();
    std::iter::once(PIPELINE)
        .chain(steps.map(|step| step.plan.mode))
        .collect()
}

fn works(is_polled: bool, modes: &[Mode]) -> Vec<Option<Work>> {
    modes.iter().map(|&mode| work(is_polled, mode)).collect()
}

#[test]
fn an_open_loop_on_a_link_that_sleeps_has_a_place_of_its_own() {
    assert_eq!(works(false, &[CLOSED]), [Some(Work::Replies)]);
    assert_eq!(works(false, &[OPEN]), [Some(Work::Schedule)]);
    assert_eq!(works(false, &sweep())[1..], [Some(Work::Schedule); 10]);
    assert_eq!(works(true, &sweep()), [Some(Work::Polls); 11]);
}

#[test]
fn placement_follows_the_plan() {
    assert_eq!(works(false, &[PIPELINE]), [None]);
    // Which begins with a pipeline, and goes on with open loops.
    let is_placed: Vec<bool> = (works(false, &sweep()).iter())
        .map(Option::is_some)
        .collect();
    let expected = std::iter::once(false).chain([true; 10]);
    assert_eq!(is_placed, expected.collect::<Vec<_>>());
}
