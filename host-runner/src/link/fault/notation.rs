//! Notation of faults, as the command line and results have them:
//! `loss=1%,dup.from=0.5%,reorder=1%:3,delay=1ms:5%,seed=7`.

use std::fmt;
use std::str::FromStr;

use super::parameters::{Delay, FaultParameters, Rates, Reorder, Share};
use crate::quantity::parse::{as_ns, duration};
use crate::random::seed;

/// Directions of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Directions {
    Both,
    ToGuest,
    FromGuest,
}

impl FromStr for FaultParameters {
    type Err = String;

    /// Reads faults: NAME=VALUE, separated by commas. NAME is `loss`, `dup`, `corrupt`, `reorder` or `delay`, for one
    /// direction with `.to` (to the guest) or `.from` behind it, or `seed`.
    ///
    /// # Errors
    ///
    /// A message about the first that can't be read, or if none is there.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut parameters = Self::default();
        for fault in text.split(',') {
            let (name, value) = fault.split_once('=').ok_or_else(|| {
                format!("`{fault}` is no NAME=VALUE: write, for example, loss=1%,seed=7")
            })?;
            if name == "seed" {
                parameters.seed = seed(value)?;
                continue;
            }
            let (name, directions) = match name.split_once('.') {
                None => (name, Directions::Both),
                Some((name, "to")) => (name, Directions::ToGuest),
                Some((name, "from")) => (name, Directions::FromGuest),
                Some((_, other)) => {
                    return Err(format!(
                        "unknown direction `{other}`: use to, which is to the guest, or from"
                    ));
                }
            };
            if directions != Directions::FromGuest {
                set(&mut parameters.to_guest, name, value)?;
            }
            if directions != Directions::ToGuest {
                set(&mut parameters.from_guest, name, value)?;
            }
        }
        if [parameters.to_guest, parameters.from_guest] == [Rates::default(); 2] {
            return Err("no fault is named: write, for example, loss=1%".to_owned());
        }
        Ok(parameters)
    }
}

/// Sets the fault `name` in one direction.
fn set(rates: &mut Rates, name: &str, value: &str) -> Result<(), String> {
    match name {
        "loss" => rates.loss = value.parse()?,
        "dup" => rates.duplicate = value.parse()?,
        "corrupt" => rates.corrupt = value.parse()?,
        "reorder" => rates.reorder = value.parse()?,
        "delay" => rates.delay = value.parse()?,
        _ => {
            return Err(format!(
                "unknown fault `{name}`: use loss, dup, corrupt, reorder, delay or seed"
            ));
        }
    }
    Ok(())
}

impl FromStr for Share {
    type Err = String;

    /// Reads a share in percent, with up to four decimals.
    fn from_str(text: &str) -> Result<Self, String> {
        let millionths = || -> Option<u32> {
            let (whole, fraction) = match text.strip_suffix('%')?.split_once('.') {
                None => (text.strip_suffix('%')?, ""),
                Some((_, "")) => return None,
                Some(parts) => parts,
            };
            let is_number = |digits: &str| digits.bytes().all(|digit| digit.is_ascii_digit());
            if whole.is_empty() || whole.len() > 3 || fraction.len() > 4 {
                return None;
            }
            if !is_number(whole) || !is_number(fraction) {
                return None;
            }
            let fraction: u32 = format!("{fraction:0<4}").parse().ok()?;
            Some(whole.parse::<u32>().ok()? * 10_000 + fraction)
        };
        let share = millionths().and_then(Self::from_millionths);
        let share = share.filter(|share| *share > Self::NONE);
        share.ok_or_else(|| {
            format!("`{text}` is no share: write 0.0001% to 100%, with up to four decimals")
        })
    }
}

impl FromStr for Reorder {
    type Err = String;

    /// Reads SHARE or SHARE:GAP.
    fn from_str(text: &str) -> Result<Self, String> {
        let Some((some, gap)) = text.split_once(':') else {
            return Ok(Self {
                share: text.parse()?,
                ..Self::default()
            });
        };
        let gap = gap.parse().ok().filter(|gap| *gap > 0).ok_or_else(|| {
            format!("`{gap}` is no number of frames that overtake another: write 1 to 255")
        })?;
        Ok(Self {
            share: some.parse()?,
            gap,
        })
    }
}

impl FromStr for Delay {
    type Err = String;

    /// Reads TIME or TIME:SHARE.
    fn from_str(text: &str) -> Result<Self, String> {
        let (time, share) = match text.split_once(':') {
            None => (text, Share::ALL),
            Some((time, some)) => (time, some.parse()?),
        };
        let delay_ns = as_ns(duration(time)?);
        if delay_ns == 0 {
            return Err("a delay of nothing is none: write, for example, 1ms".to_owned());
        }
        Ok(Self { share, delay_ns })
    }
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

    fn faults(text: &str) -> Result<FaultParameters, String> {
        text.parse()
    }

    #[test]
    fn what_is_read_is_written_alike() {
        for text in [
            "loss=1%,seed=0",
            "loss=15%,corrupt=15%,seed=7",
            "loss=1%,dup.from=0.5%,corrupt.to=0.0001%,reorder=1%:3,delay=1ms:5%,seed=9",
            "reorder.to=100%,delay.from=250us,seed=9007199254740991",
        ] {
            assert_eq!(faults(text).unwrap().to_string(), text);
        }
        let short = faults("delay=1.5ms:12.5%,loss.to=1%,loss.from=2.50%").unwrap();
        let long = "loss.to=1%,loss.from=2.5%,delay=1500us:12.5%,seed=0";
        assert_eq!(short.to_string(), long);
        // The last of two holds.
        let twice = faults("loss=1%,loss.to=2%").unwrap();
        assert_eq!(twice.to_string(), "loss.to=2%,loss.from=1%,seed=0");
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, message) in [
            (
                "",
                "`` is no NAME=VALUE: write, for example, loss=1%,seed=7",
            ),
            (
                "loss",
                "`loss` is no NAME=VALUE: write, for example, loss=1%,seed=7",
            ),
            ("seed=7", "no fault is named: write, for example, loss=1%"),
            (
                "lost=1%",
                "unknown fault `lost`: use loss, dup, corrupt, reorder, delay or seed",
            ),
            (
                "loss.up=1%",
                "unknown direction `up`: use to, which is to the guest, or from",
            ),
            (
                "loss=1",
                "`1` is no share: write 0.0001% to 100%, with up to four decimals",
            ),
            (
                "reorder=1%:0",
                "`0` is no number of frames that overtake another: write 1 to 255",
            ),
            (
                "delay=0ms",
                "a delay of nothing is none: write, for example, 1ms",
            ),
            (
                "delay=5",
                "the unit is missing: write, for example, 10s or 500ms",
            ),
        ] {
            assert_eq!(faults(text), Err(message.to_owned()), "{text}");
        }
        for share in [
            "0%",
            "101%",
            "100.0001%",
            "1.%",
            ".5%",
            "1.00001%",
            "-1%",
            "+1%",
            "1e1%",
        ] {
            let error = faults(&format!("dup={share}")).unwrap_err();
            assert!(error.contains("is no share"), "{share}: {error}");
        }
        assert!(faults("loss=1%,seed=x").unwrap_err().contains("a seed is"));
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
