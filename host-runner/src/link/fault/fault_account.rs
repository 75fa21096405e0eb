//! The account of injected faults: counts by direction, and the outcome of each request.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::fate::{Direction, Fate};
use super::parameters::FaultParameters;

/// Number of frames with datagrams of the service in one direction, those of warm-up included, by what was done to
/// them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DirectionCounts {
    /// All frames that came to the injector.
    pub frames: u64,
    /// Frames that were dropped.
    pub lost: u64,
    /// Frames in which a bit was inverted.
    pub corrupted: u64,
    /// Frames that were sent on twice.
    pub duplicated: u64,
    /// Frames that were held back for others to overtake.
    pub reordered: u64,
    /// Frames that were held back for a time.
    pub delayed: u64,
}

/// Number of measured requests, by what became of them. A request of which an intact copy arrived counts as arrived,
/// whatever became of another copy; so does an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RequestOutcomes {
    /// Requests that were lost on the way to the guest.
    pub lost_to_guest: u64,
    /// Requests that were damaged on the way to the guest.
    pub corrupted_to_guest: u64,
    /// Requests that were delivered intact, and never answered.
    pub unanswered: u64,
    /// Requests whose answer was lost on the way back.
    pub lost_from_guest: u64,
    /// Requests whose answer was damaged on the way back.
    pub corrupted_from_guest: u64,
    /// Requests whose answer was delivered intact, in time or not.
    pub answered: u64,
}

impl RequestOutcomes {
    /// Returns the number of requests.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.lost_to_guest
            + self.corrupted_to_guest
            + self.unanswered
            + self.lost_from_guest
            + self.corrupted_from_guest
            + self.answered
    }
}

/// Outcome of a request so far, in the order in which a later one replaces an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outcome {
    NotSent,
    LostToGuest,
    CorruptedToGuest,
    Delivered,
    LostFromGuest,
    CorruptedFromGuest,
    Answered,
}

impl Outcome {
    /// Returns the outcome so far of a request one of whose frames had `fate` in `direction`.
    pub(super) const fn of(fate: &Fate, direction: Direction) -> Self {
        match (direction, fate.is_lost, fate.corruption.is_some()) {
            (Direction::ToGuest, true, _) => Self::LostToGuest,
            (Direction::ToGuest, false, true) => Self::CorruptedToGuest,
            (Direction::ToGuest, false, false) => Self::Delivered,
            (Direction::FromGuest, true, _) => Self::LostFromGuest,
            (Direction::FromGuest, false, true) => Self::CorruptedFromGuest,
            (Direction::FromGuest, false, false) => Self::Answered,
        }
    }
}

/// Faults that were injected since the account was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InjectedFaults {
    /// Parameters of the injector.
    pub parameters: FaultParameters,
    /// Frames to the guest.
    pub to_guest: DirectionCounts,
    /// Intact frames to the guest that went on, second copies included.
    pub delivered: u64,
    /// Frames from the guest.
    pub from_guest: DirectionCounts,
    /// The outcome of each request, by its number: a byte each.
    outcomes: Vec<Outcome>,
}

impl InjectedFaults {
    /// Opens an account of an injector with `parameters`.
    #[must_use]
    pub(super) fn new(parameters: FaultParameters) -> Self {
        Self {
            parameters,
            ..Self::default()
        }
    }

    /// Returns what became of the requests from number `first` on.
    #[must_use]
    pub fn outcomes_from(&self, first: u64) -> RequestOutcomes {
        let first = usize::try_from(first).unwrap_or(usize::MAX);
        let mut counts = RequestOutcomes::default();
        for outcome in self.outcomes.get(first..).unwrap_or_default() {
            *match outcome {
                Outcome::NotSent => continue,
                Outcome::LostToGuest => &mut counts.lost_to_guest,
                Outcome::CorruptedToGuest => &mut counts.corrupted_to_guest,
                Outcome::Delivered => &mut counts.unanswered,
                Outcome::LostFromGuest => &mut counts.lost_from_guest,
                Outcome::CorruptedFromGuest => &mut counts.corrupted_from_guest,
                Outcome::Answered => &mut counts.answered,
            } += 1;
        }
        counts
    }

    /// Notes that request `number` was sent, with its `outcome`.
    pub(super) fn sent(&mut self, number: u64, outcome: Outcome) {
        // Numbers are the client's own, and begin at zero.
        let index = usize::try_from(number).unwrap_or(usize::MAX);
        if index >= self.outcomes.len() {
            self.outcomes
                .resize(index.saturating_add(1), Outcome::NotSent);
        }
        self.replace(index, outcome);
    }

    /// Notes that an answer to request `number` came, with its `outcome`. A number that was never sent is nobody's.
    pub(super) fn answered(&mut self, number: u64, outcome: Outcome) {
        let index = usize::try_from(number).unwrap_or(usize::MAX);
        if index < self.outcomes.len() {
            self.replace(index, outcome);
        }
    }

    fn replace(&mut self, index: usize, outcome: Outcome) {
        let known = &mut self.outcomes[index];
        *known = (*known).max(outcome);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_of_several_copies_counts() {
        let mut faults = InjectedFaults::new(FaultParameters::default());
        for (number, outcome) in [
            (0, Outcome::LostToGuest),
            (1, Outcome::CorruptedToGuest),
            (2, Outcome::Delivered),
            (3, Outcome::Delivered),
            (4, Outcome::Delivered),
            (6, Outcome::Delivered),
        ] {
            faults.sent(number, outcome);
        }
        faults.answered(3, Outcome::LostFromGuest);
        faults.answered(4, Outcome::LostFromGuest);
        faults.answered(4, Outcome::Answered);
        faults.answered(4, Outcome::CorruptedFromGuest);
        faults.answered(6, Outcome::CorruptedFromGuest);
        faults.answered(7, Outcome::Answered);
        faults.answered(u64::MAX, Outcome::Answered);
        let outcomes = faults.outcomes_from(0);
        let expected = RequestOutcomes {
            lost_to_guest: 1,
            corrupted_to_guest: 1,
            unanswered: 1,
            lost_from_guest: 1,
            corrupted_from_guest: 1,
            answered: 1,
        };
        assert_eq!((outcomes, outcomes.total()), (expected, 6));
        assert_eq!(faults.outcomes_from(4).total(), 2);
        assert_eq!(faults.outcomes_from(u64::MAX), RequestOutcomes::default());
    }
}
