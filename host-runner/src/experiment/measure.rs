//! One measurement: the wait for a quiet host, warm-up, load, and what the host did meanwhile.

use std::sync::mpsc::SyncSender;
use std::thread;
use std::time::{Duration, Instant};

use super::measured::Measured;
use super::progress::{Stage, StageMonitor};
use super::{Caller, ExperimentError, Validity};
use crate::clock;
use crate::host::activity::Observed;
use crate::host::doctor::busy::Times;
use crate::host::gaps::{self, Gaps};
use crate::host::kernel_counters::{KernelCounters, Threads};
use crate::host::noise::Noise;
use crate::host::quiet::{self, Quiet};
use crate::host::thread::CpuUse;
use crate::link::Link;
use crate::load::{self, Ending, Failure, Limit, LoadContext, Plan, Progress, Tally};
use crate::record::run::Undelivered;
use crate::stats::intervals::FinishedInterval;
use crate::stats::{Ended, RunRecorder};
use crate::terminal;

mod warm_up;

use warm_up::WarmedUp;

/// Duration for which a thread spins right after the run to find the host's noise floor, in nanoseconds.
const AFTER_NS: u64 = 50_000_000;

/// Longest wait of a failed link for word that its machine has ended: the likelier cause.
const EXIT_CAUSE_TIMEOUT: Duration = Duration::from_millis(500);

/// Conditions of a measurement, beside its plan.
#[derive(Clone, Copy)]
pub struct Conditions<'a> {
    /// Longest time beyond the plan's own for which warm-up goes on until latency has settled, in
    /// nanoseconds; `None` to leave it at the plan's.
    pub settle_ns: Option<u64>,
    /// The boot that replies must come from; `None` for that of the first reply.
    pub boot_id: Option<u32>,
    /// The service's threads that are observed.
    pub threads: Threads,
    /// Returns the CPU time that the service itself has taken so far of the CPUs that it shares with the
    /// measuring thread.
    pub own_threads: &'a dyn Fn() -> Option<CpuUse>,
    /// Returns an error once there is nothing left to measure; called about every millisecond.
    pub health: &'a dyn Fn() -> Result<(), ExperimentError>,
    /// Requirements that the result has to meet, and the time to wait for a quiet host.
    pub validity: Validity,
    /// The CPUs and processes whose activity is recorded.
    pub observed: Option<&'a Observed>,
    /// Receiver of intervals that are over.
    pub keeper: Option<&'a SyncSender<FinishedInterval>>,
    /// The caller.
    pub caller: Caller<'a>,
}

#[cfg(test)]
impl<'a> Conditions<'a> {
    /// Returns those of a measurement that waits for nothing, tells nobody and looks at no machine.
    pub fn fixture(interrupt: &'a super::Interrupt) -> Self {
        Self {
            settle_ns: None,
            boot_id: Some(7),
            threads: Threads::default(),
            own_threads: &|| None,
            health: &|| Ok(()),
            validity: Validity {
                policy: crate::stats::Policy::default(),
                quiet_ns: 0,
            },
            observed: None,
            keeper: None,
            caller: Caller {
                interrupt,
                monitor: &super::progress::Silent,
            },
        }
    }
}

/// Measures by `plan` on `link`.
pub fn measure(plan: &Plan, conditions: &Conditions<'_>, link: &mut dyn Link) -> Measured {
    let mut stage = conditions.caller.monitor.begin(Stage::Measurement);
    let mut recorder = RunRecorder::new(plan);
    if let Some(keeper) = conditions.keeper {
        recorder.intervals.hand_over_to(keeper.clone());
    }
    recorder.relay = conditions.caller.monitor.relay();
    recorder.check = conditions.caller.monitor.run_check(plan);
    let times = Times::now();
    let quiet = wait_for_quiet(conditions);
    stage.load_begins();
    let warmed = match conditions.settle_ns {
        Some(limit_ns) => warm_up::settle(
            plan,
            limit_ns,
            conditions,
            link,
            &mut recorder,
            stage.as_mut(),
        ),
        None => WarmedUp::default(),
    };
    let plan = &Plan {
        warmup: match conditions.settle_ns {
            Some(_) => Limit::NOTHING,
            None => plan.warmup,
        },
        ..*plan
    };
    let activity_before = conditions.observed.map(Observed::before);
    // What warm-up saw is not of the run.
    link.take_gaps();
    link.drop_waiting();
    link.take_too_long();
    link.take_faults();
    let drops_before = link.queue_drops();
    let before = KernelCounters::now(&conditions.threads);
    let own_before = (conditions.own_threads)();
    let (mut tally, ending) = match warmed.broken_off {
        None => put_load(plan, conditions, link, &mut recorder, stage.as_mut()),
        Some(ending) => (Tally::default(), ending),
    };
    tally.warmup_discarded += warmed.requests;
    recorder.end(tally.sending_ns);
    (recorder.relay, recorder.check) = (None, None);
    let noise = before.noise_until(&before.read_again(&conditions.threads), quiet.floor);
    let noise = noise.with_own(own_since(own_before, (conditions.own_threads)()));
    let gaps = link.take_gaps();
    let undelivered = Undelivered {
        waiting: link.drop_waiting(),
        too_long: link.take_too_long(),
        dropped_by_host: (link.queue_drops().zip(drops_before))
            .map(|(now, before)| now.saturating_sub(before)),
    };
    let faults = link.take_faults();
    let stalls = (recorder.stalls).worst(|from_ns, to_ns| {
        gaps.as_ref()
            .map(|gaps| gaps.longest_within(from_ns, to_ns))
    });
    let host_activity = conditions.observed.zip(activity_before);
    let host_activity = host_activity.map(|(observed, before)| observed.since(before));
    let noise = Noise {
        own_floor_ns: quiet.own_ns,
        waited_for_quiet_ns: Some(quiet.waited_ns),
        was_quiet: Some(quiet.is_quiet),
        beside: gaps.as_ref().map(Gaps::summary),
        after: Some(gaps::spin(clock::now_ns, AFTER_NS)),
        ..noise
    };
    recorder.gaps = gaps.map(|gaps| gaps.lengths);
    let busy = Times::now().busy_since(&times, std::process::id());
    drop(stage);
    let (ended, failure) = outcome(ending, conditions);
    Measured {
        tally,
        recorder,
        noise,
        ended,
        failure,
        warm_up: warmed.end,
        faults,
        undelivered,
        busy,
        host_activity,
        policy: conditions.validity.policy,
        stalls,
    }
}

/// Waits until the host is quiet, or as long as the conditions allow.
fn wait_for_quiet(conditions: &Conditions<'_>) -> Quiet {
    let own_threads_ns = || (conditions.own_threads)().map(|threads| threads.ran_ns);
    quiet::wait(
        clock::now_ns,
        conditions.validity.quiet_ns,
        own_threads_ns,
        || conditions.caller.interrupt.is_set(),
    )
}

/// Puts the load of `plan` on the service.
fn put_load(
    plan: &Plan,
    conditions: &Conditions<'_>,
    link: &mut dyn Link,
    recorder: &mut RunRecorder,
    stage: &mut dyn StageMonitor,
) -> (Tally, Ending<Failure<ExperimentError>>) {
    let context = LoadContext {
        link,
        observer: recorder,
        now_ns: clock::now_ns,
        cancel: conditions.caller.interrupt.flag(),
        check: |progress: &Progress| {
            stage.load(plan, progress);
            (conditions.health)()
        },
    };
    load::run(plan, conditions.boot_id, context)
}

/// Returns the difference of two readings, if there are both.
fn own_since(before: Option<CpuUse>, now: Option<CpuUse>) -> Option<CpuUse> {
    let (before, now) = before.zip(now)?;
    now.since(before)
}

/// Returns how a measurement ended, and the failure if that was one.
fn outcome(
    ending: Ending<Failure<ExperimentError>>,
    conditions: &Conditions<'_>,
) -> (Ended, Option<ExperimentError>) {
    let error = match ending {
        Ending::Completed => return (Ended::Completed, None),
        Ending::Interrupted => return (Ended::Interrupted, None),
        Ending::Failed(Failure::Unhealthy(error)) => error,
        Ending::Failed(Failure::Link(error)) => {
            await_exit_cause(conditions.health).unwrap_or_else(|| error.into())
        }
    };
    let reason = terminal::one_line(&error.with_causes());
    (Ended::Failed(reason), Some(error))
}

/// Waits a little for word that the machine has ended, and returns the cause.
fn await_exit_cause(health: &dyn Fn() -> Result<(), ExperimentError>) -> Option<ExperimentError> {
    let deadline = Instant::now() + EXIT_CAUSE_TIMEOUT;
    while Instant::now() < deadline {
        if let Err(error) = health() {
            return Some(error);
        }
        thread::sleep(Duration::from_millis(5));
    }
    None
}

#[cfg(test)]
mod tests;
