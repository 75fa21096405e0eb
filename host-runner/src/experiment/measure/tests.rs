//! Measurements over links in this process, good and bad.

use std::cell::Cell;

use jiff::Timestamp;

use super::*;
use crate::experiment::Interrupt;
use crate::link::fault::{FaultParameters, InjectedFaults, Rates, Share};
use crate::link::in_process::InProcessLink;
use crate::link::{LinkError, Received, Sent};
use crate::load::Limit;
use crate::machine::{Hint, MachineError};
use crate::stats::WarmUpEnd;
use crate::sut::null::BOOT_ID;
use crate::sut::null::immediate::faulty_link;

mod injected_faults;

/// A link that is broken from the start.
struct Broken;

impl Broken {
    fn error() -> LinkError {
        LinkError::Io {
            link: "broken",
            action: "sending",
            source: std::io::Error::other("no such thing"),
        }
    }
}

impl Link for Broken {
    fn name(&self) -> &'static str {
        "broken"
    }

    fn send(&mut self, _: &[u8]) -> Result<Sent, LinkError> {
        Err(Self::error())
    }

    fn receive(&mut self, _: &mut [u8], _: u64) -> Result<Option<Received>, LinkError> {
        Err(Self::error())
    }
}

const PLAN: Plan = Plan {
    timeout_ns: 60_000_000_000,
    measure: Limit::requests(10),
    ..Plan::FIXTURE
};

fn measure_loopback(plan: &Plan, faults: FaultParameters) -> Measured {
    let mut link = faulty_link(faults);
    let measured = measure(
        plan,
        &Conditions {
            boot_id: Some(BOOT_ID),
            ..Conditions::fixture(&Interrupt::default())
        },
        &mut link,
    );
    assert_eq!(measured.ended, Ended::Completed);
    let tally = &measured.tally;
    assert_eq!(tally.sent, tally.received + tally.lost);
    assert_eq!(measured.recorder.latency.count(), tally.sent);
    assert_eq!((tally.foreign, tally.stale), (0, 0));
    measured
}

#[test]
fn a_perfect_link_loses_nothing() {
    let measured = measure_loopback(&PLAN, FaultParameters::default());
    assert_eq!(measured.tally.received, 10);
    assert_eq!(measured.recorder.service.count(), 10);
}

#[test]
fn warm_up_ends_with_the_limit_if_not_before() {
    let mut link = InProcessLink::new(7);
    let interrupt = Interrupt::default();
    let plan = Plan {
        warmup: Limit::requests(5),
        ..PLAN
    };
    let mut settled = |settle_ns| {
        let measured = measure(
            &plan,
            &Conditions {
                settle_ns,
                ..Conditions::fixture(&interrupt)
            },
            &mut link,
        );
        assert_eq!(measured.ended, Ended::Completed);
        assert_eq!((measured.tally.sent, measured.tally.lost), (10, 0));
        (measured.tally.warmup_discarded, measured.warm_up)
    };
    assert_eq!(settled(None), (5, WarmUpEnd::Planned));
    // One window is compared with nothing.
    let (discarded, end) = settled(Some(1));
    assert!(discarded > 5);
    assert_eq!(end, WarmUpEnd::Unsettled);
}

#[test]
fn a_run_begins_when_its_first_measured_request_is_due_and_not_before_warm_up() {
    let warmup = Limit::lasting(50_000_000);
    let before = Timestamp::now();
    let measured = measure_loopback(&Plan { warmup, ..PLAN }, FaultParameters::default());
    let waited = measured.recorder.started_at.unwrap().duration_since(before);
    assert!(waited.as_millis() >= 50, "{waited}");
}

#[test]
fn warm_up_that_fails_is_the_end() {
    let interrupt = Interrupt::default();
    let measured = measure(
        &PLAN,
        &Conditions {
            settle_ns: Some(1),
            ..Conditions::fixture(&interrupt)
        },
        &mut Broken,
    );
    assert!(matches!(measured.ended, Ended::Failed(_)));
    assert_eq!(measured.tally.sent, 0);
}

#[test]
fn injected_faults_are_counted() {
    let plan = Plan {
        measure: Limit::requests(500),
        timeout_ns: 10_000_000,
        ..PLAN
    };
    let share = |millionths| Share::from_millionths(millionths).unwrap();
    let loss = Rates {
        loss: share(10_000),
        ..Rates::default()
    };
    let faults = FaultParameters {
        to_guest: loss,
        from_guest: Rates {
            duplicate: share(50_000),
            ..loss
        },
        seed: 42,
    };
    let measured = measure_loopback(&plan, faults);
    let injected: &InjectedFaults = measured.faults.as_ref().unwrap();
    let requests = injected.outcomes_from(measured.tally.measured_from);
    let injected_losses = requests.lost_to_guest + requests.lost_from_guest;
    let duplicated = injected.from_guest.duplicated;
    assert!(injected_losses > 0 && duplicated > 1);
    // A host that stands still for longer than the timeout adds losses of its own, and the
    // second copy of the last reply is not waited for.
    assert!(measured.tally.lost >= injected_losses);
    assert!(measured.tally.duplicated + measured.tally.late + 1 >= duplicated);
    assert!(measured.recorder.latency.max_ns() >= Some(plan.timeout_ns));
}

#[test]
fn a_dead_machine_explains_a_failed_link() {
    let checks = Cell::new(0);
    let health = || {
        checks.set(checks.get() + 1);
        match checks.get() {
            3.. => Err(ExperimentError::Machine(MachineError::Panicked {
                message: "out of luck".to_owned(),
                hint: Hint::None,
            })),
            _ => Ok(()),
        }
    };
    let interrupt = Interrupt::default();
    let measured = measure(
        &PLAN,
        &Conditions {
            health: &health,
            ..Conditions::fixture(&interrupt)
        },
        &mut Broken,
    );
    let expected = "the guest panicked: out of luck".to_owned();
    assert_eq!(measured.ended, Ended::Failed(expected));
    assert!(matches!(
        measured.failure,
        Some(ExperimentError::Machine(_))
    ));
}

#[test]
fn a_failed_link_alone_is_its_own_explanation() {
    let interrupt = Interrupt::default();
    let measured = measure(&PLAN, &Conditions::fixture(&interrupt), &mut Broken);
    let expected = "link broken: sending failed: no such thing".to_owned();
    assert_eq!(measured.ended, Ended::Failed(expected));
    assert_eq!(measured.tally.sent, 0);
}
