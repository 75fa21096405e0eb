//! Faults that were injected beside a measurement.

use serde::{Deserialize, Serialize};

use super::loss_places::{Losses, Sent, Served, Undelivered};
use super::readings::CounterReadings;
use crate::link::fault::{DirectionCounts, InjectedFaults, RequestOutcomes};
use crate::load::Tally;

/// Faults that were injected on the link, and what became of the requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct FaultRecord {
    /// The parameters, as `--fault` takes them.
    pub parameters: String,
    /// Seed of the generator.
    pub seed: u64,
    /// Requests on the way to the guest.
    pub to_guest: DirectionCounts,
    /// Answers on the way from the guest.
    pub from_guest: DirectionCounts,
    /// Outcomes of the measured requests. The sum is the run's `sent`; all but those `answered` are `lost`, or in
    /// flight at the end.
    pub requests: RequestOutcomes,
    /// Requests that were answered and are lost all the same: the answer came after the timeout.
    pub answered_late: u64,
}

impl FaultRecord {
    /// Returns the record of `faults`, injected beside the measurement that `tally` counts.
    #[must_use]
    pub fn new(faults: &InjectedFaults, tally: &Tally) -> Self {
        let requests = faults.outcomes_from(tally.measured_from);
        Self {
            parameters: faults.parameters.to_string(),
            seed: faults.parameters.seed,
            to_guest: faults.to_guest,
            from_guest: faults.from_guest,
            requests,
            answered_late: requests.answered.saturating_sub(tally.received),
        }
    }

    /// Returns where requests were lost, by what was injected and, for those that were sent on and not answered, by the
    /// service's `counters`, of which `delivered` intact frames are to be accounted for. Without the counters each of
    /// those counts as dropped by the service, but for what the link tells of.
    #[must_use]
    pub(super) fn losses(&self, delivered: u64, counters: &CounterReadings, sent: &Sent) -> Losses {
        let requests = &self.requests;
        let (missing, dropped) = match Served::between(counters) {
            Some(served) => {
                let missing = delivered.saturating_sub(served.received);
                (missing, served.dropped())
            }
            None => {
                let Undelivered {
                    waiting, too_long, ..
                } = sent.undelivered;
                (waiting + too_long, u64::MAX)
            }
        };
        let missing = missing.min(requests.unanswered);
        let dropped = dropped.min(requests.unanswered - missing);
        let not_received = requests.lost_to_guest + requests.corrupted_to_guest + missing;
        Losses::split(sent, not_received, dropped)
    }
}

#[cfg(test)]
mod tests {
    use wire::Counters;

    use super::*;

    /// After a thousand requests, of which the injector lost ten each way and damaged five on the way there.
    fn record(unanswered: u64) -> FaultRecord {
        FaultRecord {
            parameters: String::new(),
            seed: 0,
            to_guest: DirectionCounts {
                frames: 1000,
                lost: 10,
                corrupted: 5,
                ..DirectionCounts::default()
            },
            from_guest: DirectionCounts::default(),
            requests: RequestOutcomes {
                lost_to_guest: 10,
                corrupted_to_guest: 5,
                unanswered,
                lost_from_guest: 10,
                corrupted_from_guest: 0,
                answered: 975 - unanswered,
            },
            answered_late: 3,
        }
    }

    fn losses(unanswered: u64, waiting: u64, served: Option<(u64, u64)>) -> [u64; 4] {
        let after = served.map(|(datagrams_received, replied)| Counters {
            datagrams_received,
            replied,
            ..Counters::ZERO
        });
        let counters = CounterReadings {
            before: Some(Counters::ZERO),
            after,
        };
        let sent = Sent {
            sent: 1000,
            lost: 28 + unanswered,
            dropped_locally: 0,
            undelivered: Undelivered {
                waiting,
                ..Undelivered::default()
            },
        };
        let losses = record(unanswered).losses(985, &counters, &sent);
        [
            losses.not_received_by_guest,
            losses.waiting_at_end,
            losses.dropped_by_guest,
            losses.answer_lost,
        ]
    }

    #[test]
    fn requests_that_were_delivered_and_not_answered_are_put_where_the_counters_show_them() {
        assert_eq!(losses(0, 0, Some((985, 985))), [15, 0, 0, 13]);
        // They waited for a receive buffer when the run ended.
        assert_eq!(losses(200, 200, Some((785, 785))), [215, 200, 0, 13]);
        // Half of them did.
        assert_eq!(losses(200, 100, Some((885, 785))), [115, 100, 100, 13]);
        // They were answered, and nobody looked for the answers any more.
        assert_eq!(losses(200, 0, Some((985, 985))), [15, 0, 0, 213]);
        assert_eq!(losses(200, 150, None), [165, 150, 50, 13]);
    }
}
