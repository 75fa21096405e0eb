//! Modes of the service on Linux: a name that the instrument gives and `fathom-responder` takes.

use core::fmt;
use core::str::FromStr;

/// Way in which the service on Linux receives datagrams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// `recvfrom` and `sendto`, asleep in between.
    #[default]
    Blocking,
    /// `recvfrom` that does not wait, again and again, with the kernel polling the device.
    Busy,
    /// One io_uring, asleep in between.
    IoUring,
    /// Frames past the kernel's stack, polled.
    AfXdp,
}

impl Mode {
    /// All modes.
    pub const ALL: [Self; 4] = [Self::Blocking, Self::Busy, Self::IoUring, Self::AfXdp];

    /// Returns its name in arguments and results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Blocking => "blocking",
            Self::Busy => "busy",
            Self::IoUring => "io_uring",
            Self::AfXdp => "af_xdp",
        }
    }
}

/// The text is no mode's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAMode;

impl fmt::Display for NotAMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the modes are ")?;
        let [others @ .., last] = Mode::ALL;
        for (i, mode) in others.iter().enumerate() {
            let separator = if i == 0 { "" } else { ", " };
            write!(f, "{separator}{}", mode.name())?;
        }
        write!(f, " and {}", last.name())
    }
}

impl core::error::Error for NotAMode {}

impl FromStr for Mode {
    type Err = NotAMode;

    /// Reads a mode's name, in lower case.
    fn from_str(text: &str) -> Result<Self, NotAMode> {
        let found = Self::ALL.into_iter().find(|mode| mode.name() == text);
        found.ok_or(NotAMode)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn every_mode_has_its_name() {
        for mode in Mode::ALL {
            assert_eq!(mode.name().parse(), Ok(mode));
        }
        assert_eq!("epoll".parse::<Mode>(), Err(NotAMode));
        assert_eq!(
            NotAMode.to_string(),
            "the modes are blocking, busy, io_uring and af_xdp"
        );
    }
}
