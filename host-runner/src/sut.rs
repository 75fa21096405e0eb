//! Systems under test: what can be measured, and all that is known of each.
//!
//! - [`hermit`]: the service in a Hermit unikernel, on the reflector or on smoltcp;
//! - [`hermit_sockets`]: the unikernel on Hermit's own sockets;
//! - [`linux_guest`]: a stock Linux kernel in QEMU whose process 1 is the responder;
//! - [`linux_host`]: the responder as a process on this host;
//! - [`linux_service`]: what the two have in common;
//! - `image_label`: names that tell images of one system apart;
//! - [`null`]: a thread of this process in the service's place.
//!
//! Each implements [`System`]. [`SystemSpec`] says which one is to be started and how it is reached,
//! [`SystemSpec::check`] whether that goes together, [`System::prepare`] finds the parts, and
//! [`LaunchPlan::start`] makes a [`RunningSystem`] of them: booted or started, with the link to it open.
//! Whatever boots a guest and opens a link to it does so through [`guest`].
#![forbid(unsafe_code)]

use std::fmt::Debug;
use std::path::Path;

pub mod address;
pub mod boot_args;
mod built;
mod compatibility;
mod error;
pub mod guest;
pub mod hermit;
pub mod hermit_sockets;
mod image_label;
mod kind;
mod launch;
mod link_choice;
pub mod linux_guest;
pub mod linux_host;
pub mod linux_service;
mod name;
pub mod null;
mod running;
mod service_kind;
mod system_spec;

use built::built;
pub use built::built_file;
pub use error::SutError;
pub use image_label::ImageLabel;
pub use kind::{Responder, SystemKind};
pub use launch::{BootImage, LaunchPlan, Watch};
pub use link_choice::LinkChoice;
pub use name::SystemName;
pub use running::{Backend, Emulator, Facts, RunningSystem};
pub use service_kind::ServiceKind;
pub use system_spec::{GuestSpec, LinuxSpec, LogLevel, SMOLTCP, SystemSpec};

/// Facts about one system under test that do not depend on a run of it.
pub trait System: Debug + Sync {
    /// Returns which system it is.
    fn kind(&self) -> SystemKind;

    /// Returns where the replies of the variant `responder` are made, as the first line of every output says.
    /// The variant is a name from a record, perhaps of an older program; `None` for one that is not known.
    fn answered_by(&self, responder: Option<&str>) -> Option<&'static str>;

    /// Reads a variant of the system, as it stands after the colon of a system's name.
    ///
    /// # Errors
    ///
    /// A message if the system has no such variant.
    fn responder(&self, _name: &str) -> Result<Responder, String> {
        Err(format!("{} has no mode", self.kind().name()))
    }

    /// Returns the variant that the system has unless another is named; `None` if it needs none.
    fn default_responder(&self) -> Option<Responder> {
        None
    }

    /// Returns the link to the system unless another is named: the best that needs no privilege.
    fn default_link(&self) -> LinkChoice;

    /// Returns the reason why the system can't be reached over `link`; `None` if it can.
    fn link_problem(&self, link: LinkChoice) -> Option<&'static str>;

    /// Returns the first option of `spec` that the system can't have, as a message; `None` if there is none.
    fn problem(&self, spec: &SystemSpec) -> Option<&'static str>;

    /// Returns `spec` without the options that mean nothing to the system: those of a comparison are meant
    /// for several.
    fn without_foreign_options(&self, spec: SystemSpec) -> SystemSpec;

    /// Finds the parts of the system; what has to be made of them goes to `scratch`.
    ///
    /// # Errors
    ///
    /// [`SutError::Missing`] and its like if a part is missing or unfit, [`SutError::Incompatible`] if the
    /// boot arguments can't be handed over, [`SutError::TooLittleMemory`].
    fn prepare(&self, spec: &SystemSpec, scratch: &Path) -> Result<LaunchPlan, SutError>;

    /// Returns the usual duration of start and end with the measurements of the host around them, in seconds,
    /// as measured under TCG on two cores.
    fn start_s(&self) -> f64;

    /// Returns what counting the cost of an echo takes; `None` for a system without a guest.
    fn counting(&self) -> Option<Counting>;
}

/// Requirements of counting the cost of an echo to a guest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Counting {
    /// Usual duration of a boot in which QEMU traces doorbells and interrupts, in seconds.
    pub traced_s: f64,
    /// Usual duration of a boot in which instructions are counted as well, in seconds.
    pub counted_s: f64,
    /// The place where requests wait in the guest.
    pub queue: RequestQueue,
    /// Clock that QEMU's instruction counter gives the guest.
    pub clock: CountingClock,
}

/// Place where requests wait until the service in a guest takes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestQueue {
    /// The network device's receive ring.
    Ring,
    /// The buffer of a socket.
    Socket,
}

/// Way in which a guest comes to a clock that counts its instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountingClock {
    /// Takes this boot argument for the frequency.
    BootArgument(&'static str),
    /// Finds the frequency by itself, unless this boot argument names another.
    Calibrated(&'static str),
}
