//! Places where requests were lost, by the service's counters before and after a run, and by the link.

use serde::{Deserialize, Serialize};
use wire::Counters;

use super::readings::CounterReadings;

/// Numbers of requests that went without an answer, by where they or their answers were lost. `refused_here` is the
/// run's `dropped_locally`; `not_received_by_guest`, `dropped_by_guest` and `answer_lost` add up to the run's `lost`, as
/// far as what is in flight at the two readings allows; the others are parts of `not_received_by_guest`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct Losses {
    /// Requests that this host gave up sending.
    pub refused_here: u64,
    /// Requests sent that never reached the service.
    pub not_received_by_guest: u64,
    /// Requests among those that still waited for one of the guest's receive buffers when the run ended: in this program,
    /// or in the socket that QEMU reads frames from.
    #[serde(default)]
    pub waiting_at_end: u64,
    /// Requests among those that a full queue of this host's kernel dropped: the socket that the service, or QEMU for it,
    /// receives on, or the tap device's. Null where there is no such queue, or the kernel does not tell.
    #[serde(default)]
    pub dropped_by_host: Option<u64>,
    /// Requests among those that the network device dropped because the guest's receive buffers had no room for so long
    /// a frame, on a link whose device is this program. Absent if there were none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub too_long_for_guest: u64,
    /// Requests that the service received and dropped.
    pub dropped_by_guest: u64,
    /// Requests answered whose answer did not come back in time.
    pub answer_lost: u64,
}

/// Numbers of requests that the service was never given, as far as the link tells, warm-up's included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Undelivered {
    /// Requests that still waited for a receive buffer when the run ended.
    pub waiting: u64,
    /// Requests that full queues of this host's kernel dropped; `None` where that is not known.
    pub dropped_by_host: Option<u64>,
    /// Requests for which the guest's receive buffers had no room, where this program is the device.
    pub too_long: u64,
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
    /// Requests that the service was never given, as far as the link tells.
    pub undelivered: Undelivered,
}

/// Number of requests that the service received and answered between two readings of its counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Served {
    pub(super) received: u64,
    pub(super) answered: u64,
}

impl Served {
    /// Returns the numbers; `None` if one of the two readings is missing.
    pub(super) fn between(counters: &CounterReadings) -> Option<Self> {
        let (before, after) = counters.before.zip(counters.after)?;
        let more = |count: fn(&Counters) -> u64| count(&after).saturating_sub(count(&before));
        Some(Self {
            received: more(|counters| counters.datagrams_received),
            answered: more(|counters| {
                counters.replied + counters.unsupported + counters.echoed + counters.stamp_replies
            }),
        })
    }

    /// Returns the number of requests that it received and did not answer.
    pub(super) const fn dropped(&self) -> u64 {
        self.received.saturating_sub(self.answered)
    }
}

impl Losses {
    /// Returns where requests were lost, by the service's `counters`; `None` if one of the two readings is missing.
    /// A loss in warm-up, which is in the counters too, is taken for one of the measurement's, as long as that has
    /// lost as many.
    #[must_use]
    pub fn of(counters: &CounterReadings, sent: &Sent) -> Option<Self> {
        let served = Served::between(counters)?;
        let not_received = sent.sent.saturating_sub(served.received);
        Some(Self::split(sent, not_received, served.dropped()))
    }

    /// Returns where requests were lost of which `not_received` never reached the service, and `dropped` were dropped
    /// there; no more of each than were lost.
    pub(super) fn split(sent: &Sent, not_received: u64, dropped: u64) -> Self {
        let not_received_by_guest = not_received.min(sent.lost);
        let left = sent.lost - not_received_by_guest;
        let dropped_by_guest = dropped.min(left);
        let Undelivered {
            waiting,
            dropped_by_host,
            too_long,
        } = sent.undelivered;
        let waiting_at_end = waiting.min(not_received_by_guest);
        let too_long_for_guest = too_long.min(not_received_by_guest - waiting_at_end);
        let rest = not_received_by_guest - waiting_at_end - too_long_for_guest;
        Self {
            refused_here: sent.dropped_locally,
            not_received_by_guest,
            waiting_at_end,
            too_long_for_guest,
            dropped_by_host: dropped_by_host.map(|dropped| dropped.min(rest)),
            dropped_by_guest,
            answer_lost: left - dropped_by_guest,
        }
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
const fn is_zero(number: &u64) -> bool {
    *number == 0
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
            undelivered: Undelivered {
                waiting: 20,
                too_long: 3,
                dropped_by_host: Some(15),
            },
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
            ..
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

    #[test]
    fn parts_of_what_never_reached_the_service_are_no_more_than_all_of_it() {
        let parts = |lost, received| {
            let losses = losses(1000, lost, received, received);
            (
                losses.waiting_at_end,
                losses.too_long_for_guest,
                losses.dropped_by_host,
            )
        };
        assert_eq!(parts(50, 950), (20, 3, Some(15)));
        assert_eq!(parts(50, 975), (20, 3, Some(2)));
        assert_eq!(parts(50, 978), (20, 2, Some(0)));
        assert_eq!(parts(50, 990), (10, 0, Some(0)));
        assert_eq!(parts(0, 1000), (0, 0, Some(0)));
    }
}
