//! The faults of one frame.

use super::parameters::Rates;
use crate::random::SplitMix64;

/// Direction of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To the guest.
    ToGuest,
    /// From the guest.
    FromGuest,
}

/// Faults of a frame. A frame that is lost has no others. A frame with a wrong bit is duplicated with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fate {
    /// True if it never arrives.
    pub is_lost: bool,
    /// Any number, which chooses the bit that is wrong, if one is.
    pub corruption: Option<u64>,
    /// True if it arrives twice.
    pub is_duplicated: bool,
    /// The rule by which it is held back, if it is.
    pub hold: Option<Hold>,
}

impl Fate {
    /// Returns true if the frame goes on at once: it is neither lost nor held back.
    #[must_use]
    pub const fn passes_now(&self) -> bool {
        !self.is_lost && self.hold.is_none()
    }
}

/// Rule by which a frame is held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// Until so many later frames have passed.
    Overtaken {
        /// Number of them.
        by: u8,
    },
    /// For a time.
    Delayed {
        /// The time, in nanoseconds.
        delay_ns: u64,
    },
}

/// Generator of the faults in one direction.
#[derive(Clone, Debug)]
pub struct FateGenerator {
    rates: Rates,
    key: u64,
}

impl FateGenerator {
    /// Returns a generator of faults at `rates`.
    #[must_use]
    pub fn new(rates: Rates, direction: Direction, seed: u64) -> Self {
        let direction = match direction {
            Direction::ToGuest => 0,
            Direction::FromGuest => u64::MAX,
        };
        Self {
            rates,
            key: SplitMix64(seed ^ direction).next_u64(),
        }
    }

    /// Returns the faults of frame `number`, from 0 on. Each fault is drawn whatever the others are: another rate of
    /// one leaves the others where they were.
    #[must_use]
    pub fn fate(&self, number: u64) -> Fate {
        let mut random = SplitMix64(SplitMix64(self.key ^ number).next_u64());
        let [lost, corrupted, bit, duplicated, reordered, delayed] =
            std::array::from_fn(|_| random.next_u64());
        if self.rates.loss.has(lost) {
            return Fate {
                is_lost: true,
                ..Fate::default()
            };
        }
        let reorder = self.rates.reorder;
        let delay = self.rates.delay;
        Fate {
            is_lost: false,
            corruption: self.rates.corrupt.has(corrupted).then_some(bit),
            is_duplicated: self.rates.duplicate.has(duplicated),
            hold: if reorder.share.has(reordered) {
                Some(Hold::Overtaken { by: reorder.gap })
            } else if delay.share.has(delayed) {
                Some(Hold::Delayed {
                    delay_ns: delay.delay_ns,
                })
            } else {
                None
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::parameters::{Delay, Reorder, Share};
    use super::*;

    const FRAMES: u64 = 100_000;

    fn percent(percent: u32) -> Share {
        Share::from_millionths(percent * 10_000).unwrap()
    }

    fn rates() -> Rates {
        Rates {
            loss: percent(10),
            duplicate: percent(5),
            corrupt: percent(20),
            reorder: Reorder {
                share: percent(2),
                gap: 3,
            },
            delay: Delay {
                share: percent(4),
                delay_ns: 5,
            },
        }
    }

    fn fates(rates: Rates, direction: Direction, seed: u64) -> Vec<Fate> {
        let generator = FateGenerator::new(rates, direction, seed);
        (0..FRAMES).map(|number| generator.fate(number)).collect()
    }

    #[test]
    fn each_fault_is_as_frequent_as_its_rate() {
        let fates = fates(rates(), Direction::ToGuest, 1);
        let count = |has: fn(&Fate) -> bool| fates.iter().filter(|&fate| has(fate)).count() as f64;
        let lost = count(|fate| fate.is_lost);
        let passed = FRAMES as f64 - lost;
        // Five standard deviations of a binomial count.
        let expect = |count: f64, of: f64, share: f64| {
            let deviation = (of * share * (1.0 - share)).sqrt();
            assert!(
                (count - of * share).abs() < 5.0 * deviation,
                "{count} of {of}"
            );
        };
        expect(lost, FRAMES as f64, 0.1);
        expect(count(|fate| fate.is_duplicated), passed, 0.05);
        expect(count(|fate| fate.corruption.is_some()), passed, 0.2);
        let overtaken = |fate: &Fate| fate.hold == Some(Hold::Overtaken { by: 3 });
        expect(count(overtaken), passed, 0.02);
        let delayed = |fate: &Fate| fate.hold == Some(Hold::Delayed { delay_ns: 5 });
        expect(count(delayed), passed, 0.98 * 0.04);
    }

    #[test]
    fn seed_and_direction_decide() {
        let here = || fates(rates(), Direction::ToGuest, 1);
        assert_eq!(here(), here());
        assert_ne!(here(), fates(rates(), Direction::ToGuest, 2));
        assert_ne!(here(), fates(rates(), Direction::FromGuest, 1));
    }

    #[test]
    fn a_rate_leaves_other_faults_where_they_were() {
        let without_loss = Rates {
            loss: Share::NONE,
            ..rates()
        };
        let with = fates(rates(), Direction::ToGuest, 1);
        let without = fates(without_loss, Direction::ToGuest, 1);
        let passed = |fates: (&Fate, &Fate)| fates.0.is_lost || fates.0 == fates.1;
        assert!(with.iter().zip(&without).all(passed));
    }
}
