//! The way from an experiment to the view's thread, without a terminal.

use super::*;
use crate::host::assignment::Cpus;
use crate::host::topology::{self, Relation};
use crate::load::Plan;
use crate::record::RunPosition;

fn lines() -> LiveMonitor {
    LiveMonitor {
        display: Display::Lines,
        objectives: Vec::new(),
        view: Some(ViewThread::start(Display::Lines).unwrap()),
    }
}

fn subject(plan: &Plan, cpus: Option<Cpus>) -> Subject<'_> {
    Subject {
        target: "hermit",
        link: "unix",
        position: RunPosition::First,
        plan,
        cpus,
        thread: rustix::thread::gettid(),
    }
}

#[test]
fn a_measurement_is_told_where_its_view_runs() {
    let live = lines();
    let all: Vec<usize> = topology::allowed().into_iter().collect();
    let plan = Plan::FIXTURE;
    let pair = |guest, measuring| {
        Some(Cpus {
            guest,
            measuring,
            relation: Relation::Unknown,
        })
    };
    // CPUs that this process does not have leave all of its own.
    let elsewhere = live.subject(&subject(&plan, pair(5000, 5001)));
    assert_eq!(elsewhere, Some(LiveView::SpareCpus));
    if let [guest, measuring] = all[..] {
        let shared = live.subject(&subject(&plan, pair(guest, measuring)));
        assert_eq!(shared, Some(LiveView::SharedCpus));
        let unplaced = live.subject(&subject(&plan, None));
        assert_eq!(unplaced, Some(LiveView::SharedCpus));
    }
}

#[test]
fn without_a_view_nothing_is_handed_over() {
    for display in [Display::Progress, Display::Messages] {
        let live = LiveMonitor {
            display,
            objectives: Vec::new(),
            view: None,
        };
        assert_eq!(live.subject(&subject(&Plan::FIXTURE, None)), None);
        assert!(live.relay().is_none());
    }
    let live = lines();
    assert!(live.relay().is_some());
}
