//! Warm-up until latency has settled.

use super::Conditions;
use crate::clock;
use crate::experiment::ExperimentError;
use crate::experiment::progress::StageMonitor;
use crate::link::Link;
use crate::load::{self, Ending, Failure, Limit, LoadContext, Plan, Progress};
use crate::stats::settling::{Settling, WINDOW_NS};
use crate::stats::{RunRecorder, WarmUpEnd};

/// Result of a warm-up.
#[derive(Debug, Default)]
pub(super) struct WarmedUp {
    /// Requests that were sent.
    pub requests: u64,
    /// End of the warm-up.
    pub end: WarmUpEnd,
    /// The ending, if the warm-up did not get to its own.
    pub broken_off: Option<Ending<Failure<ExperimentError>>>,
}

/// Warms up as planned and then, window by window, until latency has settled or `limit_ns` is over.
pub(super) fn settle(
    plan: &Plan,
    limit_ns: u64,
    conditions: &Conditions<'_>,
    link: &mut dyn Link,
    recorder: &mut RunRecorder,
    stage: &mut dyn StageMonitor,
) -> WarmedUp {
    let mut warmed = WarmedUp {
        end: WarmUpEnd::Unsettled,
        ..WarmedUp::default()
    };
    let mut window = Plan {
        measure: Limit::lasting(WINDOW_NS),
        ..*plan
    };
    let mut settling = Settling::default();
    let mut windows_ns = 0;
    while warmed.end != WarmUpEnd::Settled && windows_ns < limit_ns {
        let mut observer = recorder.warm_up();
        let context = LoadContext {
            link: &mut *link,
            observer: &mut observer,
            now_ns: clock::now_ns,
            cancel: conditions.caller.interrupt.flag(),
            check: |_: &Progress| {
                stage.wait();
                (conditions.health)()
            },
        };
        let (tally, ending) = load::run(&window, conditions.boot_id, context);
        warmed.requests += tally.warmup_discarded + tally.sent;
        if !matches!(ending, Ending::Completed) {
            warmed.broken_off = Some(ending);
            return warmed;
        }
        if settling.add(&observer.latency) {
            warmed.end = WarmUpEnd::Settled;
        }
        windows_ns += tally.elapsed_ns.max(WINDOW_NS);
        window.warmup = Limit::NOTHING;
    }
    warmed
}
