//! From a system's parts to a running system.

use std::path::PathBuf;

use super::{RunningSystem, SutError, SystemSpec, guest, linux_host, null};
use crate::files::Destination;
use crate::machine::BootEvent;

/// The parts of a system, all found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LaunchPlan {
    /// A guest, booted from this image.
    Guest(BootImage),
    /// A process on this host, of this program.
    Process(PathBuf),
    /// A thread of this process.
    Thread,
}

/// A caller's hold on a start: it hears of a boot's events, and can cancel.
pub struct Watch<'a> {
    /// Returns true once the caller has given up; asked every few milliseconds.
    pub is_cancelled: &'a dyn Fn() -> bool,
    /// Receives the events of a guest's boot.
    pub on_boot: &'a mut dyn FnMut(BootEvent),
}

impl LaunchPlan {
    /// Starts the system as `spec` describes it and opens the link to it, on the thread that will use the
    /// link. What a guest or a process prints goes to `console_log`.
    ///
    /// # Errors
    ///
    /// [`SutError::Cancelled`] if the caller has given up; [`SutError::Machine`], [`SutError::Link`],
    /// [`SutError::NotStarted`] and their like for what failed.
    pub fn start(
        self,
        spec: &SystemSpec,
        console_log: Destination,
        watch: &mut Watch<'_>,
    ) -> Result<RunningSystem, SutError> {
        match self {
            Self::Guest(image) => guest::start(spec, image, console_log, watch),
            Self::Process(program) => linux_host::start(spec, &program, console_log, watch),
            Self::Thread => null::start(spec),
        }
    }
}

/// An image that a machine boots, with all that it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootImage {
    /// The image or the kernel.
    pub image: PathBuf,
    /// The kernel's initial file system, if it takes one.
    pub initrd: Option<PathBuf>,
    /// The boot arguments as one line.
    pub boot_args: String,
    /// The guest's memory in MiB.
    pub memory_mib: u32,
    /// True if its driver needs a network device without the legacy interface.
    pub modern_device: bool,
}

impl BootImage {
    /// Returns the size of what is loaded to boot it, in bytes; `None` if a file is not there.
    #[must_use]
    pub fn bytes(&self) -> Option<u64> {
        let files = std::iter::once(&self.image).chain(&self.initrd);
        let sizes = files.map(|path| path.metadata().ok().map(|metadata| metadata.len()));
        sizes.sum()
    }
}
