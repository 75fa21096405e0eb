//! Lines that may follow the reasons why a run is not valid.

use std::fmt;

use crate::host::doctor::busy::{self, Busy};

/// One thing to know about a run that is not valid, or to do about it.
#[derive(Clone, Copy, Debug)]
pub enum Remedy<'a> {
    /// The processes that had the CPU meanwhile, the busiest first; there is at least one.
    Busy(&'a [Busy]),
    /// Advice, in words.
    Advice(&'a str),
}

impl Remedy<'_> {
    /// Returns true if `other` says the same but for its figures: the same advice, or the same process as the
    /// busiest.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        let busiest = |busy: &[Busy]| busy.first().map(|process| process.name.clone());
        match (self, other) {
            (Self::Busy(one), Self::Busy(other)) => busiest(one) == busiest(other),
            (Self::Advice(one), Self::Advice(other)) => one == other,
            _ => false,
        }
    }
}

impl fmt::Display for Remedy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy(busy) => write!(f, "meanwhile busy: {}", busy::names(busy)),
            Self::Advice(advice) => write!(f, "to do: {advice}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn busy(name: &str, share: f64) -> Busy {
        Busy {
            pid: 1,
            name: name.to_owned(),
            share,
        }
    }

    #[test]
    fn figures_and_lesser_processes_make_no_difference() {
        let [one, again] = [[busy("rustc", 0.5)], [busy("rustc", 0.3)]];
        let more = [busy("rustc", 0.4), busy("cc", 0.1)];
        let other = [busy("cc", 0.5)];
        assert!(Remedy::Busy(&one).is_like(&Remedy::Busy(&again)));
        assert!(Remedy::Busy(&one).is_like(&Remedy::Busy(&more)));
        assert!(!Remedy::Busy(&one).is_like(&Remedy::Busy(&other)));
        assert!(Remedy::Advice("wait").is_like(&Remedy::Advice("wait")));
        assert!(!Remedy::Advice("wait").is_like(&Remedy::Advice("wait (long)")));
        assert!(!Remedy::Advice("rustc").is_like(&Remedy::Busy(&one)));
    }
}
