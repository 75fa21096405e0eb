//! Judgement of a run that is under way, by what is known beside it. The run itself is judged when it is over, by
//! everything ([`crate::stats::validity`]): stalls, gaps, the guest's threads.

use super::live_snapshot::{Standing, shown};
use crate::histogram::DurationHistogram;
use crate::load::Tally;
use crate::quantity;
use crate::stats::interference::{Interference, ThreadWaits, Waits};
use crate::stats::percentile_rule::Percentile;
use crate::stats::reason::{TakenBy, Thread};
use crate::stats::state::{gap_ns, is_wide};

/// Requests that the host can have hit, or did not send, are held against a percentile from this share of those beyond
/// it on, as in the judgement of a whole run.
const SHARE: f64 = 0.1;

/// Everything that is known of a run so far.
#[derive(Debug)]
pub struct SoFar<'a> {
    /// Latency since requests were due.
    pub latency: &'a DurationHistogram,
    /// Lateness of sends, in an open loop.
    pub lateness: Option<&'a DurationHistogram>,
    /// The counts.
    pub tally: &'a Tally,
    /// Waits of the measuring thread for its CPU, if the kernel tells.
    pub waits: Option<Waits>,
    /// Number of requests in flight, on average.
    pub in_flight: f64,
}

/// Judges a run so far.
#[must_use]
pub fn judge(so_far: &SoFar<'_>) -> Standing {
    let mut standing = Standing::default();
    for percentile in shown() {
        if so_far.latency.count() < percentile.samples_needed() {
            break;
        }
        if let Some(reason) = so_far.spoilt(&percentile) {
            standing.reasons.push(reason);
            break;
        }
        standing.valid_to = Some(percentile.name);
        if standing.reasons.is_empty() {
            standing.reasons.extend(so_far.bounded(&percentile));
        }
    }
    standing
}

impl SoFar<'_> {
    fn beyond(&self, percentile: &Percentile) -> u64 {
        self.latency.count() / percentile.one_in
    }

    /// Returns why `percentile` is no statement about the service, if it is none.
    fn spoilt(&self, percentile: &Percentile) -> Option<String> {
        let name = percentile.name;
        let much = SHARE * self.beyond(percentile) as f64;
        let dropped = self.tally.dropped_locally;
        if dropped as f64 > much {
            let count = quantity::count(dropped);
            return Some(format!(
                "{name}: {count} due requests did not leave this host"
            ));
        }
        let waits = self.waits?;
        let value_ns = self.latency.quantile_ns(percentile.quantile);
        let median_ns = self.latency.quantile_ns(0.5);
        let host = Interference {
            waits: vec![ThreadWaits {
                thread: Thread::Measuring,
                taken_by: TakenBy::Programs,
                waits,
            }],
            in_flight: self.in_flight,
            ..Interference::default()
        };
        let hits = host.hits(gap_ns(value_ns, median_ns)).unwrap_or_default();
        (hits > much).then(|| format!("{name} can be this host's, which took the CPU"))
    }

    /// Returns why the value of `percentile` is no exact one, if it is none.
    fn bounded(&self, percentile: &Percentile) -> Option<String> {
        let name = percentile.name;
        if self.tally.lost > self.beyond(percentile) {
            let lost = quantity::count(self.tally.lost);
            return Some(format!(
                "from {name} on a lower bound, with {lost} requests lost"
            ));
        }
        let lateness_ns = self.lateness?.quantile_ns(percentile.quantile);
        let value_ns = self.latency.quantile_ns(percentile.quantile);
        let resolution_ns = self.tally.resolution_ns.unwrap_or_default();
        let is_late = is_wide(
            value_ns.saturating_sub(lateness_ns),
            value_ns,
            resolution_ns,
        );
        is_late.then(|| format!("from {name} on a range: the generator sends late"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latency(count: u64) -> DurationHistogram {
        DurationHistogram::of_values((0..count).map(|index| 1000 + index % 100 * 10))
    }

    fn so_far<'a>(latency: &'a DurationHistogram, tally: &'a Tally) -> SoFar<'a> {
        SoFar {
            latency,
            lateness: None,
            tally,
            waits: None,
            in_flight: 1.0,
        }
    }

    #[test]
    fn a_run_holds_as_far_as_it_has_samples() {
        let tally = Tally::default();
        for (count, valid_to) in [
            (19, None),
            (20, Some("p50")),
            (1000, Some("p99")),
            (10_000, Some("p99.9")),
        ] {
            let standing = judge(&so_far(&latency(count), &tally));
            assert_eq!(standing.valid_to, valid_to);
            assert!(standing.reasons.is_empty());
        }
    }

    #[test]
    fn lost_requests_make_bounds_and_unsent_ones_spoil() {
        let latency = latency(10_000);
        let lost = Tally {
            lost: 20,
            ..Tally::default()
        };
        let standing = judge(&so_far(&latency, &lost));
        assert_eq!(standing.valid_to, Some("p99.9"));
        assert_eq!(
            standing.reasons,
            ["from p99.9 on a lower bound, with 20 requests lost"]
        );
        let dropped = Tally {
            dropped_locally: 20,
            ..Tally::default()
        };
        let standing = judge(&so_far(&latency, &dropped));
        assert_eq!(standing.valid_to, Some("p90"));
        assert!(
            standing.reasons[0].starts_with("p99: 20 due"),
            "{standing:?}"
        );
    }

    #[test]
    fn a_late_generator_makes_ranges_and_a_taken_cpu_spoils() {
        let latency = latency(10_000);
        let tally = Tally::default();
        let lateness = latency.clone();
        let late = judge(&SoFar {
            lateness: Some(&lateness),
            ..so_far(&latency, &tally)
        });
        assert_eq!(late.valid_to, Some("p99.9"));
        assert!(late.reasons[0].contains("sends late"), "{late:?}");
        let waits = Waits {
            count: 50,
            after_sleep: 0,
            total_ns: 500_000,
        };
        let taken = judge(&SoFar {
            waits: Some(waits),
            ..so_far(&latency, &tally)
        });
        assert_eq!(taken.valid_to, Some("p90"));
        assert!(
            taken.reasons[0].starts_with("p99 can be this host's"),
            "{taken:?}"
        );
    }
}
