//! Measuring against a thread in the service's place: bounded in time, without a bar and without Ctrl-C.

use std::sync::atomic::AtomicBool;

use crate::clock;
use crate::link::Link;
use crate::load::{self, LoadContext, Plan, Tally};
use crate::stats::RunRecorder;
use crate::sut::null::BOOT_ID;

/// The end of a measurement that takes too long.
#[derive(Debug)]
struct Overdue;

/// Measures by `plan` on `link`, at whose other end such a thread answers, for `most_ns` nanoseconds at most.
pub fn measure<L: Link + ?Sized>(link: &mut L, plan: &Plan, most_ns: u64) -> (Tally, RunRecorder) {
    let ends_ns = clock::now_ns().saturating_add(most_ns);
    let mut recorder = RunRecorder::new(plan);
    let context = LoadContext {
        link,
        observer: &mut recorder,
        now_ns: clock::now_ns,
        cancel: &AtomicBool::new(false),
        check: |_: &_| match clock::now_ns() < ends_ns {
            true => Ok(()),
            false => Err(Overdue),
        },
    };
    let (tally, _) = load::run(plan, Some(BOOT_ID), context);
    (tally, recorder)
}
