//! Progress bars.

use super::*;

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
