//! The end of the machine, whichever way it is brought about: when, and which.
//!
//! | what happened | what is done |
//! |---|---|
//! | it can't start: a bad argument, no network device, a panic while it boots | [`PanicEnd::Exit`]: it would come to the same again, for ever |
//! | it can't go on: a panic, a failed device | [`PanicEnd::Reset`]: nobody may be there to start it again, and a fresh boot is good for most of what can happen |
//! | the power button | switched off |
//!
//! The boot argument `panic=` decides otherwise in the first two cases, once it is read. How a machine is switched
//! off, reset or halted is [`arch`](crate::arch)'s. No unsafe code.
#![forbid(unsafe_code)]

use core::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use crate::args::PanicEnd;

static READY: AtomicBool = AtomicBool::new(false);

/// Value of `panic=`: 0 for nothing, else its number in [`ENDS`] and one.
static ARGUMENT: AtomicU8 = AtomicU8::new(0);
const ENDS: [PanicEnd; 3] = [PanicEnd::Reset, PanicEnd::Exit, PanicEnd::Halt];

/// Sets what `panic=` says.
pub fn ends_by(argument: Option<PanicEnd>) {
    let number = ENDS.iter().position(|&end| Some(end) == argument);
    let number = number.map_or(0, |number| number as u8 + 1);
    ARGUMENT.store(number, Ordering::Relaxed);
}

/// Notes that the service was ready.
pub fn was_ready() {
    READY.store(true, Ordering::Relaxed);
}

/// Returns the end of a machine that fails now.
#[must_use]
pub fn of_failure() -> PanicEnd {
    let argument = usize::from(ARGUMENT.load(Ordering::Relaxed));
    let argument = argument.checked_sub(1).and_then(|number| ENDS.get(number));
    choose(argument.copied(), READY.load(Ordering::Relaxed))
}

/// Returns the end of a machine that can't go on: what `panic=` says, else what is right for a service that
/// was ready or was not.
#[must_use]
fn choose(argument: Option<PanicEnd>, was_ready: bool) -> PanicEnd {
    argument.unwrap_or(if was_ready {
        PanicEnd::Reset
    } else {
        PanicEnd::Exit
    })
}

/// Period at which the power button is looked at, in nanoseconds: people and orchestrators wait for seconds, and each look
/// leaves the virtual machine.
pub const BUTTON_PERIOD_NS: u64 = 100_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_that_was_ready_comes_back_and_one_that_was_not_stays_down() {
        assert_eq!(choose(None, false), PanicEnd::Exit);
        assert_eq!(choose(None, true), PanicEnd::Reset);
        for end in [PanicEnd::Reset, PanicEnd::Exit, PanicEnd::Halt] {
            assert_eq!(choose(Some(end), false), end);
            assert_eq!(choose(Some(end), true), end);
        }
    }
}
