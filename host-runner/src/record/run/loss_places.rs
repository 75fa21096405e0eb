//! Places where requests were lost, by the service's counters before and after a run.

use serde::{Deserialize, Serialize};
use wire::Counters;

use super::readings::CounterReadings;

/// Numbers of requests that went without an answer, by where they or their answers were lost. They add up
/// to the run's `lost` and `dropped_locally`, as far as what is in flight at the two readings allows.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct Losses {
    /// Requests that this host gave up sending.
    pub refused_here: u64,
    /// Requests sent that never reached the service.
    pub not_received_by_guest: u64,
    /// Requests that the service received and dropped.
    pub dropped_by_guest: u64,
    /// Requests answered whose answer did not come back in time.
    pub answer_lost: u64,
}

/// Number of requests of a measurement, by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Requests that left this host, those of warm-up included.
    pub sent: u64,
    /// Requests of the measurement without an answer by their timeout.
    pub lost: u64,
    /// Requests of the measurement that this host gave up sending.
    pub dropped_locally: u64,
}

impl Losses {
    /// Returns where requests were lost, by the service's `counters`; `None` if one of the two readings is missing.
    /// A loss in warm-up, which is in the counters too, is taken for one of the measurement's, as long as that has
    /// lost as many.
    #[must_use]
    pub fn of(counters: &CounterReadings, sent: &Sent) -> Option<Self> {
        let (before, after) = counters.before.zip(counters.after)?;
        let more = |count: fn(&Counters) -> u64| count(&after).saturating_sub(count(&before));
        let received = more(|counters| counters.datagrams_received);
        let answered = more(|counters| counters.replied + counters.unsupported + counters.echoed);
        let not_received_by_guest = sent.sent.saturating_sub(received).min(sent.lost);
        let left = sent.lost - not_received_by_guest;
        let dropped_by_guest = received.saturating_sub(answered).min(left);
        Some(Self {
            refused_here: sent.dropped_locally,
            not_received_by_guest,
            dropped_by_guest,
            answer_lost: left - dropped_by_guest,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: Counters = Counters {
        datagrams_received: 100,
        replied: 90,
        dropped_magic: 10,
        ..Counters::ZERO
    };

    /// After `received` more requests, of which `replied` were answered.
    fn losses(sent: u64, lost: u64, received: u64, replied: u64) -> Losses {
        let after = Counters {
            datagrams_received: 100 + received,
            replied: 90 + replied,
            ..BEFORE
        };
        let sent = Sent {
            sent,
            lost,
            dropped_locally: 7,
        };
        let counters = CounterReadings {
            before: Some(BEFORE),
            after: Some(after),
        };
        Losses::of(&counters, &sent).unwrap()
    }

    fn parts(losses: Losses) -> [u64; 4] {
        let Losses {
            refused_here,
            not_received_by_guest,
            dropped_by_guest,
            answer_lost,
        } = losses;
        [
            refused_here,
            not_received_by_guest,
            dropped_by_guest,
            answer_lost,
        ]
    }

    #[test]
    fn every_loss_is_put_where_the_counters_show_it() {
        assert_eq!(parts(losses(1000, 0, 1000, 1000)), [7, 0, 0, 0]);
        assert_eq!(parts(losses(1000, 50, 950, 950)), [7, 50, 0, 0]);
        assert_eq!(parts(losses(1000, 50, 1000, 950)), [7, 0, 50, 0]);
        assert_eq!(parts(losses(1000, 50, 1000, 1000)), [7, 0, 0, 50]);
        assert_eq!(parts(losses(1000, 60, 970, 960)), [7, 30, 10, 20]);
    }

    #[test]
    fn the_parts_add_up_to_what_was_lost_whatever_the_counters_say() {
        // Of warm-up five were lost, of the measurement two; and somebody else asked as well.
        for (received, replied) in [(995, 995), (2000, 2000), (0, 0), (2000, 0)] {
            let [_, rest @ ..] = parts(losses(1000, 2, received, replied));
            assert_eq!(rest.iter().sum::<u64>(), 2, "{received} {replied}");
        }
    }
}
