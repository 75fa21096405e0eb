//! A system that has been started, whichever it is.

use rustix::process::Pid;
use wire::Counters;

use super::SutError;
use crate::host::assignment::Assignment;
use crate::host::kernel_counters::Threads;
use crate::host::placement::{Placement, Work};
use crate::host::process_rights::ProcessRights;
use crate::host::thread::CpuUse;
use crate::link::Link;
use crate::machine::{Accel, Vhost};

/// A system that answers, and the link to it. Dropped, it ends.
///
/// Both belong to the thread that started them. Placing it changes that thread's own CPUs and priority, so
/// the next system is best started on another thread.
pub struct RunningSystem {
    /// The guest, process or thread that answers.
    pub backend: Box<dyn Backend>,
    /// The link.
    pub link: Box<dyn Link>,
    /// Facts that were known once it was ready.
    pub facts: Facts,
}

/// Facts about a running system.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The service's address and port, as the client sees them, or a description if it has none.
    pub address: String,
    /// The boot that replies come from.
    pub boot_id: u32,
    /// Time of its start in nanoseconds of [`crate::clock`]; `None` for a thread of this process.
    pub started_at_ns: Option<u64>,
    /// The accelerator of its machine.
    pub accel: Option<Accel>,
    /// Time from QEMU's start to the ready line, in nanoseconds of [`crate::clock`].
    pub boot_ns: Option<u64>,
    /// Time from the jump into the image to the ready line, in microseconds of the guest's clock.
    pub guest_boot_us: Option<u64>,
    /// Size of what was loaded to start it, in bytes.
    pub image_bytes: Option<u64>,
    /// The guest's memory in bytes.
    pub memory_bytes: Option<u64>,
    /// Choice between the host's kernel and QEMU for the guest's rings, on link tap.
    pub vhost: Option<Vhost>,
}

/// The machine of a guest, as QEMU describes it.
#[derive(Clone, Debug)]
pub struct Emulator {
    /// QEMU's version; `None` if it does not tell.
    pub version: Option<String>,
    /// The accelerator.
    pub accel: Accel,
    /// Reason for that accelerator.
    pub accel_reason: String,
    /// Rights of QEMU's process; `None` if the kernel does not tell.
    pub rights: Option<ProcessRights>,
}

/// A guest, a process or a thread that answers. Methods that only some of them have return `None` elsewhere.
pub trait Backend {
    /// Checks that it still serves. Costs one relaxed atomic load while it does.
    ///
    /// # Errors
    ///
    /// [`SutError::Machine`], [`SutError::Refused`] or [`SutError::Ended`] if it does not.
    fn check(&self) -> Result<(), SutError>;

    /// Gives what answers and the calling thread, which does `work`, the CPUs of `assignment`, or leaves
    /// everything as it is and says why.
    fn place(&mut self, work: Work, assignment: Option<&Assignment>) -> Placement;

    /// Returns the name of the thread that gets a CPU of its own.
    fn placed_thread(&self) -> &'static str;

    /// Returns true if the placement depends on the measuring thread's work, and may be changed with it.
    fn is_placed_by_work(&self) -> bool {
        false
    }

    /// Returns the threads that decide how soon a request is answered. `is_polled` is true if the link is.
    fn threads(&mut self, is_polled: bool) -> Threads;

    /// Returns its process, if that is another than this one.
    fn pid(&self) -> Option<Pid> {
        None
    }

    /// Returns the CPU time of those of its threads that share the CPUs of the measuring thread.
    fn own_threads(&self) -> Option<CpuUse> {
        None
    }

    /// Returns the part of its memory that is in the host's, in bytes.
    fn resident_bytes(&self) -> Option<u64> {
        None
    }

    /// Returns true if a guest's memory was allocated before the guest started.
    fn is_preallocated(&self) -> Option<bool> {
        None
    }

    /// Returns the outcome of locking a guest's memory; the error is the reason in words.
    fn memory_lock(&self) -> Option<Result<(), String>> {
        None
    }

    /// Returns the service's counters, where they can be read without a request.
    fn counters(&mut self) -> Option<Counters> {
        None
    }

    /// Returns the machine, for guests.
    fn emulator(&mut self) -> Option<Emulator> {
        None
    }

    /// Ends it: a machine is asked to end, and killed if it does not.
    fn shutdown(self: Box<Self>) {}
}
