//! Parameters of the faults: the rates of each direction, and the seed; `notation` has them as text.

use std::fmt;

/// A share of the frames of a direction, in millionths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u32);

impl Share {
    /// No frame.
    pub const NONE: Self = Self(0);
    /// Every frame.
    pub const ALL: Self = Self(Self::WHOLE);

    const WHOLE: u32 = 1_000_000;

    /// Returns `millionths` of all; `None` if that is more than all.
    #[must_use]
    pub const fn from_millionths(millionths: u32) -> Option<Self> {
        if millionths > Self::WHOLE {
            return None;
        }
        Some(Self(millionths))
    }

    /// Returns true for a share of `number`s out of all, if they are spread evenly.
    #[must_use]
    pub(super) const fn has(self, number: u64) -> bool {
        // The upper half times a million, without its lower half: a number under a million, as likely as any other.
        ((number >> 32) * Self::WHOLE as u64) >> 32 < self.0 as u64
    }
}

impl fmt::Display for Share {
    /// Writes it in percent, with as many digits as it takes: `0.5%`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (percent, rest) = (self.0 / 10_000, self.0 % 10_000);
        if rest == 0 {
            return write!(f, "{percent}%");
        }
        let rest = format!("{rest:04}");
        write!(f, "{percent}.{}%", rest.trim_end_matches('0'))
    }
}

/// Frames that later ones overtake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reorder {
    /// Their share.
    pub share: Share,
    /// Number of frames that overtake each.
    pub gap: u8,
}

impl Default for Reorder {
    fn default() -> Self {
        Self {
            share: Share::NONE,
            gap: 1,
        }
    }
}

/// Frames that are held back for a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delay {
    /// Their share.
    pub share: Share,
    /// The time, in nanoseconds.
    pub delay_ns: u64,
}

/// Rates of the faults in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// Frames that never arrive.
    pub loss: Share,
    /// Frames that arrive twice.
    pub duplicate: Share,
    /// Frames in which one bit is wrong.
    pub corrupt: Share,
    /// Frames that later ones overtake.
    pub reorder: Reorder,
    /// Frames that are late.
    pub delay: Delay,
}

/// The faults of a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FaultParameters {
    /// On the way to the guest: requests.
    pub to_guest: Rates,
    /// On the way from the guest: answers.
    pub from_guest: Rates,
    /// Seed of the generator.
    pub seed: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_written_with_as_many_digits_as_it_takes() {
        for (millionths, text) in [
            (0, "0%"),
            (1, "0.0001%"),
            (5_000, "0.5%"),
            (10_000, "1%"),
            (123_400, "12.34%"),
            (1_000_000, "100%"),
        ] {
            let share = Share::from_millionths(millionths).unwrap();
            assert_eq!(share.to_string(), text);
        }
        assert_eq!(Share::from_millionths(1_000_001), None);
    }

    #[test]
    fn a_share_has_all_numbers_or_none_at_its_ends() {
        for number in [0, 1, u64::MAX / 2, u64::MAX] {
            assert!(Share::ALL.has(number));
            assert!(!Share::NONE.has(number));
        }
        let half = Share::from_millionths(500_000).unwrap();
        assert!(half.has(u64::MAX / 2) && !half.has(u64::MAX / 2 + 1));
    }
}
