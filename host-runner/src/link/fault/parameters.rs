//! Parameters of the faults: the rates of each direction, and the seed.

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

impl Rates {
    /// Returns the parameters with these rates as text, each with its name.
    fn texts(&self) -> [(&'static str, Option<String>); 5] {
        let share = |share: Share| (share > Share::NONE).then(|| share.to_string());
        let Reorder { share: some, gap } = self.reorder;
        let reorder = share(some).map(|text| match gap {
            1 => text,
            gap => format!("{text}:{gap}"),
        });
        let Delay {
            share: some,
            delay_ns,
        } = self.delay;
        let delay = share(some).map(|text| match some {
            Share::ALL => time(delay_ns),
            _ => format!("{}:{text}", time(delay_ns)),
        });
        [
            ("loss", share(self.loss)),
            ("dup", share(self.duplicate)),
            ("corrupt", share(self.corrupt)),
            ("reorder", reorder),
            ("delay", delay),
        ]
    }
}

impl fmt::Display for FaultParameters {
    /// Writes them as the command line takes them: `loss=1%,delay.to=1ms:5%,seed=7`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let both = self
            .to_guest
            .texts()
            .into_iter()
            .zip(self.from_guest.texts());
        for ((name, to), (_, from)) in both {
            if to == from {
                if let Some(value) = to {
                    write!(f, "{name}={value},")?;
                }
                continue;
            }
            for (direction, value) in [("to", to), ("from", from)] {
                if let Some(value) = value {
                    write!(f, "{name}.{direction}={value},")?;
                }
            }
        }
        write!(f, "seed={}", self.seed)
    }
}

/// Returns a time in the largest unit that it is a whole number of.
fn time(ns: u64) -> String {
    let units = [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "us")];
    let unit = units
        .into_iter()
        .find(|(length_ns, _)| ns.is_multiple_of(*length_ns));
    let (length_ns, name) = unit.unwrap_or((1, "ns"));
    format!("{}{name}", ns / length_ns)
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

    #[test]
    fn parameters_are_written_once_where_both_directions_have_them() {
        let one = Share::from_millionths(10_000).unwrap();
        let to_guest = Rates {
            loss: one,
            reorder: Reorder { share: one, gap: 3 },
            delay: Delay {
                share: one,
                delay_ns: 1_500_000,
            },
            ..Rates::default()
        };
        let parameters = FaultParameters {
            to_guest,
            from_guest: Rates {
                delay: Delay::default(),
                duplicate: one,
                ..to_guest
            },
            seed: 7,
        };
        assert_eq!(
            parameters.to_string(),
            "loss=1%,dup.from=1%,reorder=1%:3,delay.to=1500us:1%,seed=7"
        );
        assert_eq!(FaultParameters::default().to_string(), "seed=0");
    }
}
