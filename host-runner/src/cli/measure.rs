//! Measuring with a progress bar, and with an eye on the machine and on the host.

use std::thread;
use std::time::{Duration, Instant};

use super::CliError;
use super::interrupt::Interrupt;
use super::progress::Bar;
use crate::clock;
use crate::experiment::Validity;
use crate::experiment::progress::{Stage, StageMonitor as _};
use crate::host::activity::{HostActivity, Observed};
use crate::host::doctor::busy::{Busy, Times};
use crate::host::noise::Noise;
use crate::host::noise::{self, KernelCounters, Lost, Threads};
use crate::host::quiet;
use crate::host::thread::CpuUse;
use crate::link::Link;
use crate::load::{self, Bench, Ending, Limit, Plan, Progress, Tally};
use crate::record::{Run, Setting};
use crate::stats::reason::Code;
use crate::stats::settling::{Settling, WINDOW_NS};
use crate::stats::{Ended, Policy, Reason, RunRecorder, Stall};
use crate::terminal;

/// For how long a thread spins right after the run to see the host's noise floor.
const AFTER_NS: u64 = 50_000_000;

/// How long a failed link may wait for word that its machine is gone: the likelier cause.
const OBITUARY_TIMEOUT: Duration = Duration::from_millis(500);

/// What came of a measurement.
#[derive(Debug)]
pub struct Measured {
    /// The counts.
    pub tally: Tally,
    /// The distributions.
    pub recorder: RunRecorder,
    /// What the host did meanwhile.
    pub noise: Noise,
    /// How it ended.
    pub ended: Ended,
    /// The failure that ended it, if one did.
    pub failure: Option<CliError>,
    /// Whether latency settled during warm-up, if that was waited for.
    pub warmup_settled: Option<bool>,
    /// Other programs that had much of a CPU meanwhile.
    pub busy: Vec<Busy>,
    /// Activity of the host on the CPUs in use.
    pub host_activity: Option<HostActivity>,
    /// Requirements that it has to meet.
    pub policy: Policy,
    /// The worst stalls.
    pub stalls: Vec<Stall>,
}

impl Measured {
    /// The record of it for the report.
    #[must_use]
    pub fn record(&self, setting: Setting, plan: &Plan) -> Run {
        let run = Run::new(
            setting,
            plan,
            &self.tally,
            &self.recorder,
            self.noise,
            &self.ended,
            self.policy,
        );
        let mut reasons = run.reasons;
        if self.warmup_settled == Some(false) {
            reasons.push(Reason::of(Code::Unsettled));
        }
        Run {
            reasons,
            warmup_settled: self.warmup_settled,
            busy_processes: self.busy.clone(),
            host_activity: self.host_activity.clone(),
            stalls: self.stalls.clone(),
            ..run
        }
    }
}

/// Conditions of a measurement, beside its plan.
#[derive(Clone, Copy, Debug)]
pub struct Conditions<'a> {
    /// Warm-up goes on until latency has settled, but no longer than this beyond the plan's own, in
    /// nanoseconds; `None` to leave it at the plan's.
    pub settle_ns: Option<u64>,
    /// The boot that replies must come from; `None` for that of the first reply.
    pub boot_id: Option<u32>,
    /// The service's threads that are observed.
    pub threads: Threads,
    /// Requirements that the result has to meet, and the time to wait for a quiet host.
    pub validity: Validity,
    /// The CPUs and processes whose activity is recorded.
    pub observed: Option<&'a Observed>,
    /// Tells of Ctrl-C.
    pub interrupt: &'a Interrupt,
}

/// Measures by `plan`. `health` says whether there is still something to measure, `own_threads` what
/// the service itself has taken so far of the CPUs that it shares with this thread.
pub fn measure<E: Into<CliError>>(
    plan: &Plan,
    conditions: &Conditions<'_>,
    link: &mut dyn Link,
    own_threads: &dyn Fn() -> Option<CpuUse>,
    mut health: impl FnMut() -> Result<(), E>,
) -> Measured {
    let &Conditions {
        settle_ns,
        boot_id,
        threads,
        validity,
        observed,
        interrupt,
    } = conditions;
    let mut bar = Bar::new(Stage::Measurement);
    let mut recorder = RunRecorder::new(plan);
    let times = Times::now();
    let own_threads_ns = || own_threads().map(|it| it.ran_ns);
    let quiet = quiet::wait(clock::now_ns, validity.quiet_ns, own_threads_ns, || {
        interrupt.is_set()
    });
    let floor = quiet.floor;
    bar.load_begins(plan);
    let mut warmed = Warmed::default();
    let mut unsettled = None;
    let mut plan = *plan;
    if let Some(limit_ns) = settle_ns {
        (warmed, unsettled) = settle(
            &plan,
            limit_ns,
            boot_id,
            link,
            interrupt,
            &mut recorder,
            || {
                bar.wait();
                health()
            },
        );
        plan.warmup = Limit::NOTHING;
    }
    let plan = &plan;
    let activity_before = observed.map(Observed::before);
    // What warm-up saw is not of the run.
    link.take_gaps();
    let before = KernelCounters::now(&threads);
    let own_before = own_threads();
    let bench = Bench {
        link: &mut *link,
        observer: &mut recorder,
        now_ns: clock::now_ns,
        cancel: interrupt.flag(),
        check: |progress: &Progress| {
            bar.load(plan, progress);
            health()
        },
    };
    let (mut tally, ending) = match unsettled {
        None => load::run(plan, boot_id, bench),
        Some(ending) => (Tally::default(), ending),
    };
    tally.warmup_discarded += warmed.requests;
    recorder.end(tally.sending_ns);
    let noise = Noise::new(floor, &before, &before.again(&threads));
    let noise = noise.with_own(own_since(own_before, own_threads()));
    let gaps = link.take_gaps();
    let stalls = (recorder.stalls).worst(|from_ns, to_ns| {
        gaps.as_ref()
            .map(|gaps| gaps.longest_within(from_ns, to_ns))
    });
    let host_activity = observed.zip(activity_before);
    let host_activity = host_activity.map(|(observed, before)| observed.since(before));
    let noise = Noise {
        own_floor_ns: quiet.own_ns,
        waited_for_quiet_ns: Some(quiet.waited_ns),
        was_quiet: Some(quiet.is_quiet),
        beside: gaps.as_ref().map(Lost::from),
        after: Some(noise::spin(clock::now_ns, AFTER_NS).into()),
        ..noise
    };
    recorder.gaps = gaps.map(|gaps| gaps.lengths);
    let busy = Times::now().busy_since(&times, std::process::id());
    drop(bar);
    let (ended, failure) = match ending {
        Ending::Completed => (Ended::Completed, None),
        Ending::Cancelled => (Ended::Interrupted, None),
        Ending::Unhealthy(error) => failed(error.into()),
        Ending::LinkFailed(error) => failed(obituary(health).unwrap_or_else(|| error.into())),
    };
    Measured {
        tally,
        recorder,
        noise,
        ended,
        failure,
        warmup_settled: settle_ns.map(|_| warmed.is_settled),
        busy,
        host_activity,
        policy: validity.policy,
        stalls,
    }
}

/// The difference of two readings, if there are both.
fn own_since(before: Option<CpuUse>, now: Option<CpuUse>) -> Option<CpuUse> {
    let (before, now) = before.zip(now)?;
    now.since(before)
}

/// What came of warming up.
#[derive(Clone, Copy, Debug, Default)]
struct Warmed {
    requests: u64,
    is_settled: bool,
}

/// Warms up as planned and then, window by window, until latency has settled or `limit_ns` is over:
/// the ending, if it ended otherwise.
fn settle<E: Into<CliError>>(
    plan: &Plan,
    limit_ns: u64,
    boot_id: Option<u32>,
    link: &mut dyn Link,
    interrupt: &Interrupt,
    recorder: &mut RunRecorder,
    mut health: impl FnMut() -> Result<(), E>,
) -> (Warmed, Option<Ending<E>>) {
    let mut warmed = Warmed::default();
    let mut window = Plan {
        measure: Limit {
            duration_ns: Some(WINDOW_NS),
            count: None,
        },
        ..*plan
    };
    let mut settling = Settling::default();
    let mut windows_ns = 0;
    while !warmed.is_settled && windows_ns < limit_ns {
        let mut observer = recorder.warm_up();
        let bench = Bench {
            link: &mut *link,
            observer: &mut observer,
            now_ns: clock::now_ns,
            cancel: interrupt.flag(),
            check: |_: &Progress| health(),
        };
        let (tally, ending) = load::run(&window, boot_id, bench);
        warmed.requests += tally.warmup_discarded + tally.sent;
        if !matches!(ending, Ending::Completed) {
            return (warmed, Some(ending));
        }
        warmed.is_settled = settling.add(&observer.latency);
        windows_ns += tally.elapsed_ns.max(WINDOW_NS);
        window.warmup = Limit::NOTHING;
    }
    (warmed, None)
}

fn failed(error: CliError) -> (Ended, Option<CliError>) {
    let reason = terminal::one_line(&error.with_causes());
    (Ended::Failed(reason), Some(error))
}

/// Waits a little for word that the machine is gone.
fn obituary<E: Into<CliError>>(mut health: impl FnMut() -> Result<(), E>) -> Option<CliError> {
    let deadline = Instant::now() + OBITUARY_TIMEOUT;
    while Instant::now() < deadline {
        if let Err(error) = health() {
            return Some(error.into());
        }
        thread::sleep(Duration::from_millis(5));
    }
    None
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::link::fault::{Faults, Faulty, Injected};
    use crate::link::in_process::InProcessLink;
    use crate::link::{LinkError, Received, Sent};
    use crate::load::{Limit, Mode};
    use crate::machine::{Hint, MachineError};

    fn conditions(interrupt: &Interrupt) -> Conditions<'_> {
        Conditions {
            settle_ns: None,
            boot_id: Some(7),
            threads: Threads::default(),
            validity: Validity {
                policy: Policy::default(),
                quiet_ns: 0,
            },
            observed: None,
            interrupt,
        }
    }

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
        mode: Mode::Closed,
        payload_len: 64,
        timeout_ns: 60_000_000_000,
        warmup: Limit::NOTHING,
        measure: Limit {
            duration_ns: None,
            count: Some(10),
        },
        seed: 1,
        protocol: crate::load::Protocol::Fathom,
        wait_rule: crate::load::WaitRule::Sleep,
    };

    fn measure_loopback(plan: &Plan, faults: Faults) -> (Measured, Injected) {
        let mut link = Faulty::new(InProcessLink::new(7), faults, 42);
        let measured = measure(
            plan,
            &conditions(&Interrupt::default()),
            &mut link,
            &|| None,
            || Ok::<(), CliError>(()),
        );
        assert_eq!(measured.ended, Ended::Completed);
        let tally = &measured.tally;
        assert_eq!(tally.sent, tally.received + tally.lost);
        assert_eq!(measured.recorder.latency.count(), tally.sent);
        assert_eq!((tally.foreign, tally.stale), (0, 0));
        (measured, *link.injected())
    }

    #[test]
    fn a_perfect_link_loses_nothing() {
        let (measured, _) = measure_loopback(&PLAN, Faults::default());
        assert_eq!(measured.tally.received, 10);
        assert_eq!(measured.recorder.service.count(), 10);
    }

    #[test]
    fn warm_up_ends_with_the_limit_if_not_before() {
        let mut link = InProcessLink::new(7);
        let interrupt = Interrupt::default();
        let plan = Plan {
            warmup: Limit {
                duration_ns: None,
                count: Some(5),
            },
            ..PLAN
        };
        let mut settled = |settle_ns| {
            let health = || Ok::<(), CliError>(());
            let measured = measure(
                &plan,
                &Conditions {
                    settle_ns,
                    ..conditions(&interrupt)
                },
                &mut link,
                &|| None,
                health,
            );
            assert_eq!(measured.ended, Ended::Completed);
            assert_eq!((measured.tally.sent, measured.tally.lost), (10, 0));
            (measured.tally.warmup_discarded, measured.warmup_settled)
        };
        assert_eq!(settled(None), (5, None));
        // One window is compared with nothing.
        let (discarded, is_settled) = settled(Some(1));
        assert!(discarded > 5);
        assert_eq!(is_settled, Some(false));
    }

    #[test]
    fn a_run_begins_when_its_first_measured_request_is_due_and_not_before_warm_up() {
        let warmup = Limit {
            duration_ns: Some(50_000_000),
            count: None,
        };
        let before = Timestamp::now();
        let (measured, _) = measure_loopback(&Plan { warmup, ..PLAN }, Faults::default());
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
                ..conditions(&interrupt)
            },
            &mut Broken,
            &|| None,
            || Ok::<(), CliError>(()),
        );
        assert!(matches!(measured.ended, Ended::Failed(_)));
        assert_eq!(measured.tally.sent, 0);
    }

    #[test]
    fn what_a_bad_link_does_is_counted() {
        let plan = Plan {
            measure: Limit {
                duration_ns: None,
                count: Some(500),
            },
            timeout_ns: 10_000_000,
            ..PLAN
        };
        let faults = Faults {
            lose_request: 0.01,
            lose_reply: 0.01,
            duplicate: 0.05,
            ..Faults::default()
        };
        let (measured, injected) = measure_loopback(&plan, faults);
        let injected_losses = injected.lost_requests + injected.lost_replies;
        assert!(injected_losses > 0 && injected.duplicated > 1);
        // A host that stands still for longer than the timeout adds losses of its own, and the
        // second copy of the last reply is not waited for.
        assert!(measured.tally.lost >= injected_losses);
        assert!(measured.tally.duplicated + measured.tally.late + 1 >= injected.duplicated);
        assert!(measured.recorder.latency.max_ns() >= Some(plan.timeout_ns));
    }

    #[test]
    fn a_dead_machine_explains_a_failed_link() {
        let mut checks = 0;
        let health = || {
            checks += 1;
            match checks {
                3.. => Err(MachineError::Panicked {
                    message: "out of luck".to_owned(),
                    hint: Hint::None,
                }),
                _ => Ok(()),
            }
        };
        let interrupt = Interrupt::default();
        let measured = measure(
            &PLAN,
            &conditions(&interrupt),
            &mut Broken,
            &|| None,
            health,
        );
        let expected = "the guest panicked: out of luck".to_owned();
        assert_eq!(measured.ended, Ended::Failed(expected));
        assert!(matches!(measured.failure, Some(CliError::Machine(_))));
    }

    #[test]
    fn a_failed_link_alone_is_its_own_explanation() {
        let interrupt = Interrupt::default();
        let measured = measure(
            &PLAN,
            &conditions(&interrupt),
            &mut Broken,
            &|| None,
            || Ok::<(), CliError>(()),
        );
        let expected = "link broken: sending failed: no such thing".to_owned();
        assert_eq!(measured.ended, Ended::Failed(expected));
        assert_eq!(measured.tally.sent, 0);
    }
}
