//! Whether a result means what it says: a pure decision from what was seen.

use crate::load::Tally;
use crate::quantity;

use super::summary::PERCENTILES;
use super::{Noise, Recorder, Recording};

/// The share of CPU time that others may have had.
const MAX_STEAL_SHARE: f64 = 0.01;

/// The share of its time that a thread may lose that only spins. Timer interrupts and the like
/// take well under a hundredth; what takes a tenth is another program.
const MAX_FLOOR_SHARE: f64 = 0.1;

/// A generator that sends later than the latency divided by this measures itself.
const LATENCY_PER_LATENESS: u64 = 10;

/// How a measurement ended, as far as it matters to its result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// As planned.
    Completed,
    /// By the user.
    Interrupted,
    /// By a failure: what it was.
    Failed(String),
}

impl Ended {
    /// Whether there would have been more to measure.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        *self != Self::Completed
    }
}

/// Advice for a generator that was late.
const IF_LATE: &str =
    "lower `--rate`, use `--link tap`, where nobody polls, or a host with three CPUs or more";

/// Advice for a host that other programs keep busy.
const IF_CROWDED: &str =
    "end what else runs (`fathom doctor` names it), or use a host with more CPUs";

/// Advice for a hypervisor that gives the CPUs to others.
const IF_STOLEN: &str =
    "use a host whose CPUs no other virtual machine has, or another time of day";

/// Advice for a service that restarted.
const IF_RESTARTED: &str = "measure again, once the service stays up";

/// Advice for latencies beyond what a histogram holds.
const IF_SATURATED: &str = "lower `--timeout`";

/// Returns advice on the reasons, each piece once; none where nothing helps but to look into the failure.
#[must_use]
pub fn advice(tally: &Tally, recorder: &Recorder, noise: &Noise) -> Vec<&'static str> {
    let is_crowded = noise.foreign_floor_share() > MAX_FLOOR_SHARE
        || noise.foreign_beside_share() > MAX_FLOOR_SHARE;
    let open = recorder.open.as_ref();
    let is_late = open.is_some_and(|open| lateness(&recorder.latency, &open.lateness).is_some());
    let is_stolen = noise
        .steal_share
        .is_some_and(|share| share > MAX_STEAL_SHARE);
    [
        (tally.foreign > 0, IF_RESTARTED),
        (recorder.latency.saturated() > 0, IF_SATURATED),
        (is_stolen, IF_STOLEN),
        (is_crowded, IF_CROWDED),
        (is_late, IF_LATE),
    ]
    .into_iter()
    .filter_map(|(applies, advice)| applies.then_some(advice))
    .collect()
}

/// Every reason why the measurement is invalid; none, if it is valid.
#[must_use]
pub fn reasons(ended: &Ended, tally: &Tally, recorder: &Recorder, noise: &Noise) -> Vec<String> {
    let ended = match ended {
        Ended::Completed => None,
        Ended::Interrupted => Some("interrupted".to_owned()),
        Ended::Failed(what) => Some(what.clone()),
    };
    let nothing = (tally.received == 0).then(|| "nothing was received".to_owned());
    let foreign = (tally.foreign > 0).then(|| {
        format!(
            "the service was restarted: replies from another boot: {}",
            quantity::count(tally.foreign)
        )
    });
    let saturated = (recorder.latency.saturated() > 0).then(|| {
        format!(
            "latencies beyond what a histogram holds: {}",
            quantity::count(recorder.latency.saturated())
        )
    });
    let steal = noise
        .steal_share
        .filter(|&share| share > MAX_STEAL_SHARE)
        .map(|share| {
            format!(
                "{} of the CPU time went to others (steal)",
                quantity::share(share)
            )
        });
    let floor_share = noise.foreign_floor_share();
    let crowded = (floor_share > MAX_FLOOR_SHARE).then(|| {
        format!(
            "other programs had the CPU: just before the run a thread that only spins lost {} of \
             its time",
            quantity::share(floor_share)
        )
    });
    let beside_share = noise.foreign_beside_share();
    let beside = (beside_share > MAX_FLOOR_SHARE).then(|| {
        format!(
            "other programs had the CPU: during the run the measuring thread, which polls, lost {} of \
             its time",
            quantity::share(beside_share)
        )
    });
    let late = recorder
        .open
        .as_ref()
        .and_then(|open| lateness(&recorder.latency, &open.lateness));
    [
        ended, nothing, foreign, saturated, steal, crowded, beside, late,
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Whether the generator was late: p99.9 of lateness against p99.9 of latency, or, with too few
/// samples for that, the highest percentile that there are enough for.
fn lateness(latency: &Recording, lateness: &Recording) -> Option<String> {
    let (percentile, latency_ns, lateness_ns) = PERCENTILES
        .iter()
        .filter(|percentile| percentile.quantile <= 0.999)
        .rev()
        .find_map(|percentile| {
            Some((
                percentile,
                percentile.of(latency)?,
                percentile.of(lateness)?,
            ))
        })?;
    (lateness_ns > latency_ns / LATENCY_PER_LATENESS).then(|| {
        format!(
            "the generator was late: {name} of lateness is {}, over a tenth of {name} of \
             latency, {}",
            quantity::time(lateness_ns as f64),
            quantity::time(latency_ns as f64),
            name = percentile.name,
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::{Limit, Loss, Mode, Observer, Plan, Rate, Sample, SendErrors};
    use crate::stats::noise::Lost;

    const GOOD: Tally = Tally {
        warmup_discarded: 0,
        sent: 10_000,
        received: 10_000,
        lost: 0,
        dropped_locally: 0,
        in_flight_at_end: 0,
        late: 0,
        duplicated: 0,
        reordered: 0,
        corrupted: 0,
        foreign: 0,
        stale: 0,
        send_errors: SendErrors::NONE,
        completed: 10_000,
        started_ns: 0,
        sending_ns: 1_000_000_000,
        first_sent_ns: 0,
        last_sent_ns: 1_000_000_000,
        last_due_ns: 1_000_000_000,
        last_reply_ns: 1_000_000_000,
        clock_read_ns: None,
        resolution_ns: None,
        blocked_ns: 0,
        elapsed_ns: 1_000_000_000,
    };

    /// An open loop's recorder with `count` replies.
    fn recorder(count: u64, latency_ns: u64, lateness_ns: u64) -> Recorder {
        let rate = Rate::per_second(1000);
        let mut recorder = Recorder::new(&Plan {
            mode: Mode::Open {
                rate,
                arrivals: crate::load::Arrivals::Even,
            },
            payload_len: 64,
            timeout_ns: 1_000_000_000,
            warmup: Limit::NOTHING,
            measure: Limit::NOTHING,
            seed: 0,
            protocol: crate::load::Protocol::Fathom,
        });
        for _ in 0..count {
            recorder.sent(lateness_ns);
            recorder.replied(Sample {
                at_ns: 0,
                latency_ns,
                round_trip_ns: latency_ns,
                is_waited_for: true,
                guest_times: None,
            });
        }
        recorder
    }

    fn judge(ended: &Ended, tally: Tally, recorder: &Recorder, steal_share: f64) -> Vec<String> {
        let noise = Noise {
            steal_share: Some(steal_share),
            ..Noise::default()
        };
        reasons(ended, &tally, recorder, &noise)
    }

    #[test]
    fn a_good_run_is_valid() {
        let recorder = recorder(10_000, 100_000, 10_000);
        let none: [&str; 0] = [];
        assert_eq!(judge(&Ended::Completed, GOOD, &recorder, 0.01), none);
    }

    #[test]
    fn every_kind_of_noise_comes_with_advice_once() {
        let advice = |tally, lateness_ns, noise: &Noise| {
            advice(&tally, &recorder(1000, 100_000, lateness_ns), noise)
        };
        let quiet = Noise::default();
        let none: [&str; 0] = [];
        assert_eq!(advice(GOOD, 0, &quiet), none);
        assert_eq!(advice(GOOD, 20_000, &quiet), [IF_LATE]);
        let restarted = Tally { foreign: 1, ..GOOD };
        assert_eq!(advice(restarted, 0, &quiet), [IF_RESTARTED]);
        let busy = Lost {
            share: 0.5,
            ..Lost::default()
        };
        let noisy = Noise {
            steal_share: Some(0.5),
            floor_share: 0.5,
            beside: Some(busy),
            ..quiet
        };
        assert_eq!(
            advice(GOOD, 20_000, &noisy),
            [IF_STOLEN, IF_CROWDED, IF_LATE]
        );
    }

    #[test]
    fn a_late_generator_is_named_by_the_percentile_that_there_is() {
        for (count, name) in [(10_000, "p99.9 "), (1000, "p99 "), (20, "p50 ")] {
            let reasons = judge(
                &Ended::Completed,
                GOOD,
                &recorder(count, 99_000, 10_000),
                0.0,
            );
            assert!(reasons[0].contains(name), "{reasons:?}");
        }
        // Too few samples to accuse anyone.
        assert!(judge(&Ended::Completed, GOOD, &recorder(19, 1, 1), 0.0).is_empty());
    }

    #[test]
    fn each_reason_is_given() {
        let good = recorder(10, 100_000, 0);
        assert_eq!(
            judge(&Ended::Interrupted, GOOD, &good, 0.0),
            ["interrupted"]
        );
        let died = Ended::Failed("QEMU ended".to_owned());
        assert_eq!(judge(&died, GOOD, &good, 0.0), ["QEMU ended"]);
        let steal = judge(&Ended::Completed, GOOD, &good, 0.0234);
        assert_eq!(steal, ["2.34 % of the CPU time went to others (steal)"]);
        let nothing = Tally {
            received: 0,
            ..GOOD
        };
        assert_eq!(
            judge(&Ended::Interrupted, nothing, &good, 0.0),
            ["interrupted", "nothing was received"]
        );
        let foreign = Tally { foreign: 2, ..GOOD };
        assert!(judge(&Ended::Completed, foreign, &good, 0.0)[0].ends_with("another boot: 2"));
    }

    #[test]
    fn a_host_that_others_use_is_named() {
        let crowded = |floor_share| {
            let noise = Noise {
                floor_share,
                ..Noise::default()
            };
            reasons(&Ended::Completed, &GOOD, &recorder(10, 100_000, 0), &noise)
        };
        assert!(crowded(0.1).is_empty());
        assert!(crowded(0.25)[0].contains("lost 25.0 % of its time"));
        let beside = |share| {
            let lost = Lost {
                share,
                ..Lost::default()
            };
            let noise = Noise {
                beside: Some(lost),
                after: Some(Lost { share: 1.0, ..lost }),
                ..Noise::default()
            };
            reasons(&Ended::Completed, &GOOD, &recorder(10, 100_000, 0), &noise)
        };
        assert!(beside(0.1).is_empty(), "what comes after is told, no more");
        assert!(beside(0.12)[0].contains("during the run"));
    }

    #[test]
    fn what_does_not_fit_is_never_silent() {
        let mut recorder = recorder(10, 100_000, 0);
        recorder.lost(Loss {
            at_ns: 0,
            latency_ns: u64::MAX,
            round_trip_ns: 1,
            is_waited_for: true,
        });
        assert!(judge(&Ended::Completed, GOOD, &recorder, 0.0)[0].contains("histogram holds: 1"));
    }
}
