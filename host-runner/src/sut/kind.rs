//! The systems under test and their variants, by name.

use clap::ValueEnum;

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

/// Variant of a system: how the service on Linux waits for datagrams, or who answers in the unikernel. Docs of variants are `--help` text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Responder {
    /// Blocking recvfrom and sendto
    #[default]
    Blocking,
    /// Non-blocking recvfrom in a loop, with SO_BUSY_POLL
    Busy,
    /// One io_uring, which sleeps between requests
    #[value(name = "io_uring")]
    IoUring,
    /// AF_XDP socket, polled, past the kernel's stack (linux-host on link tap only)
    #[value(name = "af_xdp")]
    AfXdp,
    /// In the unikernel, smoltcp's sockets instead of the reflector below them; no mode of a service on Linux
    #[value(skip)]
    Smoltcp,
}

impl Responder {
    /// Returns the name that results carry and the service knows.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Blocking => "blocking",
            Self::Busy => "busy",
            Self::IoUring => "io_uring",
            Self::AfXdp => "af_xdp",
            Self::Smoltcp => "smoltcp",
        }
    }
}
