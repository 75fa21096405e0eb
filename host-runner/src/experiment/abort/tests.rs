//! Measurements that end with the limit that they are certain to miss.

use super::*;
use crate::experiment::measure::{Conditions, measure};
use crate::experiment::progress::Silent;
use crate::link::in_process::InProcessLink;
use crate::load::{Limit, Mode};
use crate::stats::Ended;

const HEAD: &str = "schema = \"fathom-objectives/1\"\n[[objective]]\n";

fn objectives(lines: &str) -> Objectives {
    Objectives::read(format!("{HEAD}{lines}\n").as_bytes(), "o.toml").unwrap()
}

/// More requests than can be measured in the time of a test.
const PLAN: Plan = Plan {
    mode: Mode::Closed,
    measure: Limit::requests(u32::MAX as u64),
    ..Plan::FIXTURE
};

/// Returns true if a run of `PLAN` with so many losses is ended by objectives with `lines`.
fn is_ended(lines: &str, lost: u64) -> bool {
    let interrupt = Interrupt::default();
    let caller = Caller {
        interrupt: &interrupt,
        monitor: &Silent,
    };
    let objectives = objectives(lines);
    let aborting = Aborting::new(caller, &objectives);
    let check = aborting.caller().monitor.run_check(&PLAN);
    let tally = Tally {
        sent: 10,
        lost,
        corrupted: 7,
        ..Tally::default()
    };
    if let Some(mut check) = check {
        check.run_so_far(1, &tally, &RunRecorder::new(&PLAN));
    }
    interrupt.is_set()
}

#[test]
fn objectives_that_say_so_end_a_run_of_their_mode_and_no_others_do() {
    let limit = "pass = ['lost <= 2']\nabort = true\non = { mode = 'MODE' }\n\
        [[objective]]\npass = ['corrupted == 0']";
    let closed = limit.replace("MODE", "closed");
    assert!(!is_ended(&closed, 2));
    assert!(is_ended(&closed, 3));
    assert!(!is_ended(&limit.replace("MODE", "open"), 3));
    assert!(!is_ended("pass = ['lost <= 2']", 3));
}

#[test]
fn a_measurement_ends_with_what_it_has_measured_and_a_message() {
    /// A caller that keeps its messages.
    #[derive(Default)]
    struct Messages(std::sync::Mutex<Vec<String>>);

    impl Monitor for Messages {
        fn message(&self, text: &dyn Display) {
            self.0.lock().unwrap().push(text.to_string());
        }

        fn begin(&self, _: Stage) -> Box<dyn StageMonitor + '_> {
            Box::new(Silent)
        }

        fn relay(&self) -> Option<SnapshotRelay> {
            None
        }

        fn run_check(&self, _: &Plan) -> Option<Box<dyn RunCheck>> {
            None
        }

        fn subject(&self, _: &Subject<'_>) -> Option<LiveView> {
            None
        }
    }

    for limit in ["p99.99 <= 0ns", "max <= 1ns"] {
        let (interrupt, messages) = (Interrupt::default(), Messages::default());
        let caller = Caller {
            interrupt: &interrupt,
            monitor: &messages,
        };
        let objectives = objectives(&format!("pass = ['{limit}']\nabort = true"));
        let aborting = Aborting::new(caller, &objectives);
        let conditions = Conditions {
            caller: aborting.caller(),
            ..Conditions::fixture(&interrupt)
        };
        // One in ten thousand of these may be above the limit, all of them are.
        let plan = Plan {
            measure: Limit::requests(100_000_000),
            ..PLAN
        };
        let measured = measure(&plan, &conditions, &mut InProcessLink::new(7));
        assert_eq!(measured.ended, Ended::Interrupted, "{limit}");
        assert!(measured.tally.sent < 100_000_000, "{limit}");
        let messages = messages.0.into_inner().unwrap();
        let expected = format!("`{limit}` is certain to be missed");
        assert!(
            messages.len() == 1 && messages[0].contains(&expected),
            "{messages:?}"
        );
    }
}
