//! The QEMU process, from its command line to its end.
//!
//! [`Machine::boot`] starts QEMU on an image and waits for the service's ready line;
//! [`Machine::check`] says, for the price of an atomic load, whether it still runs;
//! [`Machine::counters`] reads the service's counters out of the guest's memory. A machine that is
//! dropped is killed, and one whose instrument is killed dies with it.

mod accel;
mod boot;
pub(crate) mod child;
mod command;
mod console;
mod error;
mod guest_memory;
mod image_check;
mod inherited;
mod machine_config;
pub(crate) mod own_network;
pub(crate) mod qemu_process;
mod qmp;
mod sandbox;
mod sealed;
#[cfg(test)]
mod tests;
mod vhost;

use std::io;
use std::net::UdpSocket;
use std::time::Duration;

use rustix::process::{Pid, Signal};

use crate::clock;
use crate::host::assignment::Assignment;
use crate::host::emulators::probe_kvm;
use crate::host::placement::{self, Answering, DeviceThreads, Placement, Work};
use crate::host::process_rights::ProcessRights;
use crate::host::thread::CpuUse;
use boot::Booted;

pub use error::{Hint, MachineError};
pub use machine_config::{
    Accel, AccelChoice, Config, DEFAULT_MAC, DEFAULT_MEMORY_MIB, MachineType, Netdev, Surroundings,
};
pub use qmp::QmpError;
pub use vhost::{NoVhost, Vhost, VhostChoice};

/// Time for which `auto` lets KVM boot the image before it falls back to TCG.
pub const KVM_TRIAL: Duration = Duration::from_millis(1500);

/// Number of readings of the counters until they stand still, and their time, in nanoseconds: QEMU may
/// answer, but slowly.
const COUNTER_READINGS: u32 = 50;
const COUNTERS_NS: u64 = 2_000_000_000;

/// Event of a machine's boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BootEvent {
    /// QEMU is being started.
    Starting {
        /// On this accelerator.
        accel: Accel,
    },
    /// KVM did not do; TCG is next.
    FellBack {
        /// The attempt and its outcome.
        reason: String,
    },
    /// The guest is ready to serve.
    Ready {
        /// From QEMU's start to the ready line, in nanoseconds of [`crate::clock`].
        boot_host_ns: u64,
    },
}

/// Time that QEMU may take to end when asked, and again when told.
const END_TIMEOUT: Duration = Duration::from_secs(1);

/// A running QEMU with a guest that is ready, or was. Dropped, it is killed.
#[derive(Debug)]
pub struct Machine {
    booted: Booted,
    hint: Hint,
    memory_mib: u32,
    /// True if the host's kernel serves the guest's rings.
    has_vhost: bool,
    /// The virtual CPU's thread, where QEMU's others share the one CPU of the measuring thread.
    vcpu_apart: Option<Pid>,
    /// The virtual CPU's thread, once it was asked for.
    vcpu: Option<Pid>,
}

impl Machine {
    /// Boots `config` and waits until the guest is ready.
    ///
    /// `cancelled` is asked every few milliseconds; `on_event` hears how far it is.
    ///
    /// # Errors
    ///
    /// Any [`MachineError`]; no QEMU is left running.
    pub fn boot(
        config: Config,
        cancelled: &dyn Fn() -> bool,
        on_event: &mut dyn FnMut(BootEvent),
    ) -> Result<Self, MachineError> {
        Ok(Self {
            booted: boot::boot(&config, probe_kvm, cancelled, on_event)?,
            hint: Hint::from_memory(config.memory_mib),
            memory_mib: config.memory_mib,
            has_vhost: false,
            vcpu_apart: None,
            vcpu: None,
        })
    }

    /// Returns the guest's ready line.
    #[must_use]
    pub const fn ready(&self) -> &wire::Ready {
        &self.booted.ready
    }

    /// The accelerator that it runs on.
    #[must_use]
    pub const fn accel(&self) -> Accel {
        self.booted.accel
    }

    /// Returns the reason for that one.
    #[must_use]
    pub fn accel_reason(&self) -> &str {
        &self.booted.accel_reason
    }

    /// From QEMU's start to the ready line, in nanoseconds of [`crate::clock`].
    #[must_use]
    pub const fn boot_host_ns(&self) -> u64 {
        self.booted.boot_host_ns
    }

    /// Returns the time of QEMU's start, in nanoseconds of [`crate::clock`].
    #[must_use]
    pub const fn started_at_ns(&self) -> u64 {
        self.booted.process.started_at_ns()
    }

    /// Returns QEMU's process.
    #[must_use]
    pub fn pid(&self) -> Pid {
        self.booted.process.pid()
    }

    /// Returns QEMU's resident memory, in bytes: its own, and what the guest has touched of
    /// the memory that it was given, shared or not. `None` if QEMU is gone.
    #[must_use]
    pub fn resident_bytes(&self) -> Option<u64> {
        self.booted.process.resident_bytes()
    }

    /// Returns whether the guest's memory was allocated before the guest started.
    #[must_use]
    pub const fn is_preallocated(&self) -> bool {
        guest_memory::is_allocated_early(self.memory_mib)
    }

    /// Returns whether the guest's memory is locked.
    ///
    /// # Errors
    ///
    /// The reason why it is not, in words.
    pub fn memory_lock(&self) -> Result<(), String> {
        let obstacle = self.booted.memory.obstacle();
        obstacle.map_or(Ok(()), |obstacle| Err(obstacle.to_owned()))
    }

    /// Returns the host's UDP port that leads to the service, with [`Netdev::User`].
    #[must_use]
    pub const fn host_port(&self) -> Option<u16> {
        self.booted.host_port
    }

    /// Returns a socket in the network that has the host's port, if that is QEMU's own ([`Surroundings::Own`]).
    ///
    /// # Errors
    ///
    /// Those of dup(2).
    pub fn client_socket(&self) -> io::Result<Option<UdpSocket>> {
        let socket = self.booted.client_socket.as_ref();
        socket.map(UdpSocket::try_clone).transpose()
    }

    /// Returns the rights of QEMU's process; `None` if it is gone, or the kernel does not tell.
    #[must_use]
    pub fn rights(&self) -> Option<ProcessRights> {
        let rights = ProcessRights::read(&self.booted.process.status()?)?;
        Some(ProcessRights {
            own_user_reason: self.booted.own_user_reason.clone(),
            own_network: self.booted.client_socket.is_some(),
            ..rights
        })
    }

    /// Returns whether the machine still runs: one relaxed atomic load while it does.
    ///
    /// # Errors
    ///
    /// [`MachineError::Panicked`], [`MachineError::Fatal`] or [`MachineError::Died`].
    pub fn check(&self) -> Result<(), MachineError> {
        if !self.booted.process.in_trouble() {
            return Ok(());
        }
        match self
            .booted
            .process
            .seen(|seen| boot::failure(seen, self.hint))
        {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// The service's counters, read from the guest's memory while it runs, when two readings a
    /// millisecond apart agree: the service counts an answer after it has sent it, and may be held
    /// up in between. Under traffic that never pauses, a reading of the moment.
    ///
    /// # Errors
    ///
    /// [`MachineError::Monitor`] if QEMU does not answer as it should within a few seconds, and
    /// [`MachineError::NoCounters`] if the guest did not say where its counters are.
    pub fn counters(&mut self) -> Result<wire::Counters, MachineError> {
        let address = self.booted.ready.counters.ok_or(MachineError::NoCounters)?;
        let mut read = || {
            let words = self.booted.monitor.read_words(address);
            words.map_err(|source| MachineError::Monitor {
                action: "reading the service's counters",
                source,
            })
        };
        let words = standstill(&mut read, clock::now_ns)?;
        Ok(wire::Counters::from_array(words))
    }

    /// Gives the virtual CPU and the calling thread, which is to measure, the CPUs of `assignment`, the
    /// latter with the right to go first unless its `work` is to poll; or leaves all as it is and says why.
    pub fn place(&mut self, work: Work, assignment: Option<&Assignment>) -> Placement {
        let vcpu = self.booted.monitor.vcpu_thread();
        match vcpu.map(Pid::from_raw) {
            Ok(Some(vcpu)) => {
                let qemu = self.booted.process.pid();
                let answering = Answering {
                    process: qemu,
                    thread: vcpu,
                    device: if self.has_vhost {
                        DeviceThreads::OfKernel
                    } else {
                        DeviceThreads::OfProcess
                    },
                };
                let placement = placement::place(&answering, work, assignment);
                self.vcpu_apart = placement.is_shared().then_some(vcpu);
                placement
            }
            Ok(None) => Placement::Unchanged("QEMU has no thread for the virtual CPU".to_owned()),
            Err(error) => Placement::Unchanged(format!("QEMU's threads are unknown: {error}")),
        }
    }

    /// Returns what QEMU's threads but the virtual CPU's have run so far on the CPU of the measuring thread.
    /// `None` where that may have been another CPU.
    #[must_use]
    pub fn own_threads(&self) -> Option<CpuUse> {
        placement::others_ran(self.booted.process.pid(), self.vcpu_apart?)
    }

    /// Returns whether the guest's network device is served by a back end outside QEMU (vhost); `None` if
    /// QEMU can't tell, as one before 7.2.
    pub fn vhost_has_started(&mut self) -> Option<bool> {
        let has_started = self.booted.monitor.vhost_has_started().ok();
        self.has_vhost = has_started == Some(true);
        has_started
    }

    /// Returns the virtual CPU's thread; `None` if QEMU does not tell.
    pub fn vcpu(&mut self) -> Option<Pid> {
        if self.vcpu.is_none() {
            let vcpu = self.booted.monitor.vcpu_thread().ok();
            self.vcpu = vcpu.and_then(Pid::from_raw);
        }
        self.vcpu
    }

    /// QEMU's version, as it says itself, such as `7.2.22`.
    ///
    /// # Errors
    ///
    /// As [`Machine::counters`].
    pub fn qemu_version(&mut self) -> Result<String, MachineError> {
        self.booted
            .monitor
            .version()
            .map_err(|source| MachineError::Monitor {
                action: "telling its version",
                source,
            })
    }

    /// Ends QEMU, politely at first, and waits until it is gone. One that has stopped answering is killed.
    pub fn shutdown(mut self) {
        if self.booted.monitor.is_late() {
            return;
        }
        let asked = self.booted.monitor.quit().is_ok();
        let process = &self.booted.process;
        if asked && process.wait_for_exit(END_TIMEOUT) {
            return;
        }
        process.signal(Signal::TERM);
        // What is left after this, the drop kills.
        process.wait_for_exit(END_TIMEOUT);
    }
}

/// Reads until two readings a millisecond apart agree, or for some time: the last reading.
fn standstill<T: PartialEq, E>(
    mut read: impl FnMut() -> Result<T, E>,
    mut now_ns: impl FnMut() -> u64,
) -> Result<T, E> {
    let ends_ns = now_ns().saturating_add(COUNTERS_NS);
    let mut last = read()?;
    for _ in 0..COUNTER_READINGS {
        std::thread::sleep(Duration::from_millis(1));
        let before = std::mem::replace(&mut last, read()?);
        if last == before || now_ns() >= ends_ns {
            break;
        }
    }
    Ok(last)
}
