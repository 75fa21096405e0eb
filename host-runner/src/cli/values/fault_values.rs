//! Faults as they are written on the command line: `loss=1%,dup.from=0.5%,reorder=1%:3,delay=1ms:5%,seed=7`.

use super::{as_ns, duration, seed};
use crate::link::FaultParameters;
use crate::link::fault::{Delay, Rates, Reorder, Share};

/// Directions of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Directions {
    Both,
    ToGuest,
    FromGuest,
}

/// Reads faults: NAME=VALUE, separated by commas. NAME is `loss`, `dup`, `corrupt`, `reorder` or `delay`, for one
/// direction with `.to` (to the guest) or `.from` behind it, or `seed`.
///
/// # Errors
///
/// The fault of the first that can't be read, or that none is there.
pub fn fault_parameters(text: &str) -> Result<FaultParameters, String> {
    let mut parameters = FaultParameters::default();
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

/// Sets the fault `name` in one direction.
fn set(rates: &mut Rates, name: &str, value: &str) -> Result<(), String> {
    match name {
        "loss" => rates.loss = share(value)?,
        "dup" => rates.duplicate = share(value)?,
        "corrupt" => rates.corrupt = share(value)?,
        "reorder" => rates.reorder = reorder(value)?,
        "delay" => rates.delay = delay(value)?,
        _ => {
            return Err(format!(
                "unknown fault `{name}`: use loss, dup, corrupt, reorder, delay or seed"
            ));
        }
    }
    Ok(())
}

/// Reads a share in percent, with up to four decimals.
fn share(text: &str) -> Result<Share, String> {
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
    let share = millionths().and_then(Share::from_millionths);
    let share = share.filter(|share| *share > Share::NONE);
    share.ok_or_else(|| {
        format!("`{text}` is no share: write 0.0001% to 100%, with up to four decimals")
    })
}

/// Reads SHARE or SHARE:GAP.
fn reorder(text: &str) -> Result<Reorder, String> {
    let Some((some, gap)) = text.split_once(':') else {
        return Ok(Reorder {
            share: share(text)?,
            ..Reorder::default()
        });
    };
    let gap = gap.parse().ok().filter(|gap| *gap > 0).ok_or_else(|| {
        format!("`{gap}` is no number of frames that overtake another: write 1 to 255")
    })?;
    Ok(Reorder {
        share: share(some)?,
        gap,
    })
}

/// Reads TIME or TIME:SHARE.
fn delay(text: &str) -> Result<Delay, String> {
    let (time, share) = match text.split_once(':') {
        None => (text, Share::ALL),
        Some((time, some)) => (time, share(some)?),
    };
    let delay_ns = as_ns(duration(time)?);
    if delay_ns == 0 {
        return Err("a delay of nothing is none: write, for example, 1ms".to_owned());
    }
    Ok(Delay { share, delay_ns })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_written_alike() {
        for text in [
            "loss=1%,seed=0",
            "loss=15%,corrupt=15%,seed=7",
            "loss=1%,dup.from=0.5%,corrupt.to=0.0001%,reorder=1%:3,delay=1ms:5%,seed=9",
            "reorder.to=100%,delay.from=250us,seed=9007199254740991",
        ] {
            assert_eq!(fault_parameters(text).unwrap().to_string(), text);
        }
        let short = fault_parameters("delay=1.5ms:12.5%,loss.to=1%,loss.from=2.50%").unwrap();
        let long = "loss.to=1%,loss.from=2.5%,delay=1500us:12.5%,seed=0";
        assert_eq!(short.to_string(), long);
        // The last of two holds.
        let twice = fault_parameters("loss=1%,loss.to=2%").unwrap();
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
            assert_eq!(fault_parameters(text), Err(message.to_owned()), "{text}");
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
            let error = fault_parameters(&format!("dup={share}")).unwrap_err();
            assert!(error.contains("is no share"), "{share}: {error}");
        }
        assert!(
            fault_parameters("loss=1%,seed=x")
                .unwrap_err()
                .contains("a seed is")
        );
    }
}
