//! A service that is up, whichever kind it is, and what this host knows of it.

use rustix::process::Pid;
use wire::Counters;

use super::super::CliError;
use crate::host::noise::Threads;
use crate::host::placement::Work;
use crate::host::thread::CpuUse;
use crate::link::LinkKind;
use crate::link::reflector::Reflector;
use crate::machine::Machine;
use crate::record::Image;
use crate::sut::linux_host::Host;

/// Guest, process of this host, or thread of this program that answers.
pub(super) enum Service {
    Guest {
        machine: Box<Machine>,
        image: Image,
        kind: LinkKind,
        /// The measuring thread's work for which it was placed, if it was.
        placed_for: Option<Work>,
    },
    Host(Host),
    Thread {
        reflector: Reflector,
    },
}

impl Service {
    pub(super) fn resident_bytes(&self) -> Option<u64> {
        match self {
            Self::Guest { machine, .. } => machine.resident_bytes(),
            Self::Host(host) => host.resident_bytes(),
            Self::Thread { .. } => None,
        }
    }

    /// Returns the time that its emulation has taken so far of the CPUs that it shares with the measuring
    /// thread.
    pub(super) fn own_threads(&self) -> Option<CpuUse> {
        match self {
            Self::Guest { machine, .. } => machine.own_threads(),
            Self::Host(_) | Self::Thread { .. } => None,
        }
    }

    /// Returns QEMU's process, or the responder's.
    pub(super) fn pid(&self) -> Option<Pid> {
        match self {
            Self::Guest { machine, .. } => Some(machine.pid()),
            Self::Host(host) => Some(host.pid()),
            Self::Thread { .. } => None,
        }
    }

    /// Returns the threads that decide how soon a request is answered. QEMU's main loop carries each message
    /// unless the link is polled.
    pub(super) fn threads(&mut self, is_polled: bool) -> Threads {
        match self {
            Self::Guest { machine, .. } => Threads {
                answering: machine.vcpu(),
                carrying: Some(machine.pid()).filter(|_| !is_polled),
            },
            Self::Host(host) => Threads {
                answering: Some(host.pid()),
                carrying: None,
            },
            Self::Thread { reflector } => Threads {
                answering: reflector.thread_id(),
                carrying: None,
            },
        }
    }

    pub(super) fn is_preallocated(&self) -> Option<bool> {
        match self {
            Self::Guest { machine, .. } => Some(machine.is_preallocated()),
            Self::Host(_) | Self::Thread { .. } => None,
        }
    }

    /// Returns why a guest's memory is not locked, if it is not.
    pub(super) fn memory_lock(&self) -> Option<Result<(), String>> {
        match self {
            Self::Guest { machine, .. } => Some(machine.memory_lock()),
            Self::Host(_) | Self::Thread { .. } => None,
        }
    }

    /// Returns the service's counters, where they can be read without asking it.
    pub(super) fn counters(&mut self) -> Option<Counters> {
        match self {
            Self::Guest { machine, .. } => machine.counters().ok(),
            Self::Host(_) | Self::Thread { .. } => None,
        }
    }

    pub(super) fn check(&self) -> Result<(), CliError> {
        match self {
            Self::Guest { machine, .. } => Ok(machine.check()?),
            Self::Host(host) => Ok(host.check()?),
            Self::Thread { .. } => Ok(()),
        }
    }
}
