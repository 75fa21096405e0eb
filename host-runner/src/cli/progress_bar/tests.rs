//! Progress bars.

use super::*;
use crate::load::Limit;

#[test]
fn nothing_is_drawn_when_a_request_is_about_to_be_due() {
    let may_draw = |phase, due_in_ns| {
        super::may_draw(&Progress {
            phase,
            elapsed_ns: 0,
            sent: 0,
            lost: 0,
            due_in_ns,
            is_idle: true,
        })
    };
    assert!(!may_draw(Phase::Measuring, Some(0)));
    assert!(!may_draw(Phase::Measuring, Some(999_999)));
    assert!(may_draw(Phase::Measuring, Some(1_000_000)));
    assert!(may_draw(Phase::WarmUp, Some(0)));
    assert!(may_draw(Phase::Draining, None) && may_draw(Phase::Measuring, None));
}

#[test]
fn the_bar_stands_at_the_nearer_limit() {
    let plan = |duration_ns, count| Plan {
        timeout_ns: 1,
        measure: Limit { duration_ns, count },
        seed: 0,
        ..Plan::FIXTURE
    };
    let progress = Progress {
        phase: Phase::Measuring,
        elapsed_ns: 500,
        sent: 10,
        lost: 0,
        due_in_ns: None,
        is_idle: true,
    };
    for (plan, expected) in [
        (plan(Some(1000), None), (500, 1000)),
        (plan(None, Some(40)), (10, 40)),
        (plan(Some(1000), Some(40)), (20, 40)),
        (plan(Some(5000), Some(40)), (10, 40)),
    ] {
        assert_eq!((position(&plan, &progress), length(&plan)), expected);
    }
}
