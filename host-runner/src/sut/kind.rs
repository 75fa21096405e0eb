//! The systems under test and their variants, by name.

use clap::ValueEnum;
use clap::builder::PossibleValue;
use wire::Mode;

use super::System;
use super::hermit::Hermit;
use super::hermit_sockets::HermitSockets;
use super::linux_guest::LinuxGuest;
use super::linux_host::LinuxHost;
use super::null::Null;

/// A system under test. Docs of variants are `--help` text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum SystemKind {
    /// The service in a Hermit unikernel
    #[default]
    Hermit,
    /// The same on Hermit's own sockets, driver and network stack
    HermitSockets,
    /// The service as the only process of a Linux guest, on the same machine
    LinuxGuest,
    /// The service as a process on this host
    LinuxHost,
    /// A thread that answers in the guest's place: the floor of every other figure
    Null,
}

impl SystemKind {
    /// Returns what is known of the system.
    #[must_use]
    pub fn system(self) -> &'static dyn System {
        match self {
            Self::Hermit => &Hermit,
            Self::HermitSockets => &HermitSockets,
            Self::LinuxGuest => &LinuxGuest,
            Self::LinuxHost => &LinuxHost,
            Self::Null => &Null,
        }
    }

    /// Returns true if it is one of this project's images, alone in a guest.
    #[must_use]
    pub const fn is_unikernel(self) -> bool {
        matches!(self, Self::Hermit | Self::HermitSockets)
    }

    /// Returns the name that results carry.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hermit => "hermit",
            Self::HermitSockets => "hermit-sockets",
            Self::LinuxGuest => "linux-guest",
            Self::LinuxHost => "linux-host",
            Self::Null => "null",
        }
    }
}

/// Variant of a system: the mode of the service on Linux, or who answers in the unikernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Responder {
    /// The service on Linux in this mode.
    Linux(Mode),
    /// In the unikernel, smoltcp's sockets instead of the reflector below them; no mode of a service on Linux.
    Smoltcp,
}

impl Default for Responder {
    fn default() -> Self {
        Self::Linux(Mode::default())
    }
}

impl Responder {
    /// Returns the name that results carry and the service knows.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Linux(mode) => mode.name(),
            Self::Smoltcp => "smoltcp",
        }
    }
}

impl ValueEnum for Responder {
    fn value_variants<'a>() -> &'a [Self] {
        &LINUX_MODES
    }

    /// Returns the name and help of a mode of the service on Linux; `None` for smoltcp, which `--target` names.
    fn to_possible_value(&self) -> Option<PossibleValue> {
        let Self::Linux(mode) = self else {
            return None;
        };
        let help = match mode {
            Mode::Blocking => "Blocking recvfrom and sendto",
            Mode::Busy => "Non-blocking recvfrom in a loop, with SO_BUSY_POLL",
            Mode::IoUring => "One io_uring, which sleeps between requests",
            Mode::AfXdp => {
                "AF_XDP socket, polled, past the kernel's stack (linux-host on link tap only)"
            }
        };
        Some(PossibleValue::new(mode.name()).help(help))
    }
}

/// Every mode as a variant.
const LINUX_MODES: [Responder; Mode::ALL.len()] = {
    let mut variants = [Responder::Smoltcp; Mode::ALL.len()];
    let mut i = 0;
    while i < variants.len() {
        variants[i] = Responder::Linux(Mode::ALL[i]);
        i += 1;
    }
    variants
};
