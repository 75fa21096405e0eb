//! Guests in QEMU: the one place where a guest is configured, booted, linked and placed.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use rustix::process::Pid;
use wire::Counters;

use super::{
    Backend, BootImage, Emulator, Facts, GuestSpec, LinkChoice, RunningSystem, SutError,
    SystemSpec, Watch,
};
use crate::files::Destination;
use crate::host::assignment::Assignment;
use crate::host::kernel_counters::Threads;
use crate::host::placement::{Placement, Work};
use crate::host::thread::CpuUse;
use crate::link::{self, Family, Link, LinkKind, Opener};
use crate::machine::{Config, Machine, MachineError, Netdev, Vhost, VhostChoice};

/// The link to a guest unless another is named.
pub(super) const DEFAULT_LINK: LinkChoice = LinkChoice::Link(LinkKind::VhostUser);

/// The thread of a guest that gets a CPU of its own.
const VIRTUAL_CPU: &str = "the virtual CPU";

/// A guest that is configured and not booted yet.
#[derive(Debug)]
pub struct GuestLaunch {
    /// The machine. What measures a guest in a way of its own changes this.
    pub config: Config,
    opener: Opener,
    vhost: Option<Vhost>,
    vhost_choice: VhostChoice,
}

/// A guest that is ready, and the link to it.
pub struct Guest {
    /// The machine.
    pub machine: Machine,
    /// The link.
    pub link: Box<dyn Link>,
    /// Choice between the host's kernel and QEMU for the guest's rings, on link tap.
    pub vhost: Option<Vhost>,
}

impl GuestLaunch {
    /// Configures the guest that `spec` describes, which boots `image`. What it prints goes to `console_log`.
    ///
    /// # Errors
    ///
    /// [`SutError::Incompatible`] if the link leads to no guest, [`SutError::NoVhost`] if vhost-net was asked
    /// for and can't be had, [`SutError::Link`] if this host has not got what the link is made of.
    pub fn new(
        spec: &SystemSpec,
        image: BootImage,
        console_log: Destination,
    ) -> Result<Self, SutError> {
        let LinkChoice::Link(kind) = spec.link else {
            let problem = link_problem(spec.link).unwrap_or_default();
            return Err(SutError::Incompatible(problem));
        };
        let guest = &spec.guest;
        let vhost = vhost_for(kind, guest)?;
        let (netdev, opener) = link::prepare(link::Options {
            kind,
            family: spec.family,
            host_port: guest.host_port,
            guest_port: guest.port,
            service_port: spec.service.port(guest),
            dscp: spec.dscp,
            pcap: guest.pcap.clone(),
            vhost: vhost.as_ref().is_some_and(|vhost| vhost.is_on),
            fault: spec.fault,
            mtu: guest.mtu,
        })?;
        Ok(Self {
            config: config(guest, image, netdev, console_log),
            opener,
            vhost,
            vhost_choice: guest.vhost,
        })
    }

    /// Boots the guest and opens the link.
    ///
    /// # Errors
    ///
    /// [`SutError::Cancelled`] if the caller has given up, [`SutError::Machine`] if the guest does not get
    /// ready, [`SutError::NoVhost`] if vhost-net was asked for and QEMU does without, [`SutError::Link`] if
    /// the service can't be reached.
    pub fn boot(self, watch: &mut Watch<'_>) -> Result<Guest, SutError> {
        let Self {
            config,
            opener,
            vhost,
            vhost_choice,
        } = self;
        let mut machine = boot_machine(config, watch)?;
        let vhost = match vhost {
            Some(vhost) if vhost.is_on => {
                let has_started = machine.vhost_has_started();
                Some(vhost.confirm(vhost_choice, has_started)?)
            }
            vhost => vhost,
        };
        let link = opener.open(&machine)?;
        Ok(Guest {
            machine,
            link,
            vhost,
        })
    }
}

/// Boots a machine.
///
/// # Errors
///
/// [`SutError::Cancelled`] if the caller has given up, [`SutError::Machine`] if the guest does not get ready.
pub fn boot_machine(config: Config, watch: &mut Watch<'_>) -> Result<Machine, SutError> {
    match Machine::boot(config, watch.is_cancelled, watch.on_boot) {
        Ok(machine) => Ok(machine),
        Err(MachineError::Cancelled) => Err(SutError::Cancelled),
        Err(error) => Err(error.into()),
    }
}

/// Returns the machine that boots `image` as `guest` describes it.
#[must_use]
pub fn config(
    guest: &GuestSpec,
    image: BootImage,
    netdev: Netdev,
    console_log: Destination,
) -> Config {
    Config {
        initrd: image.initrd,
        accel: guest.accel,
        machine: guest.machine,
        cpu: guest.cpu.clone(),
        memory_mib: image.memory_mib,
        modern_device: image.modern_device,
        mtu: guest.mtu.unusual(),
        boot_args: image.boot_args,
        ..Config::new(image.image, console_log, netdev)
    }
}

/// Boots a guest to be measured.
pub(super) fn start(
    spec: &SystemSpec,
    image: BootImage,
    console_log: Destination,
    watch: &mut Watch<'_>,
) -> Result<RunningSystem, SutError> {
    let image_bytes = image.bytes();
    let memory_bytes = u64::from(image.memory_mib) << 20;
    let launch = GuestLaunch::new(spec, image, console_log)?;
    let Guest {
        machine,
        link,
        vhost,
    } = launch.boot(watch)?;
    let ready = machine.ready();
    let facts = Facts {
        address: address(spec, &machine).to_string(),
        boot_id: ready.boot_id,
        started_at_ns: Some(machine.started_at_ns()),
        accel: Some(machine.accel()),
        boot_ns: Some(machine.boot_host_ns()),
        guest_boot_us: Some(ready.boot_us),
        image_bytes,
        memory_bytes: Some(memory_bytes),
        vhost,
    };
    Ok(RunningSystem {
        backend: Box::new(machine),
        link,
        facts,
    })
}

impl Backend for Machine {
    fn check(&self) -> Result<(), SutError> {
        Ok(Self::check(self)?)
    }

    fn place(&mut self, work: Work, assignment: Option<&Assignment>) -> Placement {
        Self::place(self, work, assignment)
    }

    fn placed_thread(&self) -> &'static str {
        VIRTUAL_CPU
    }

    fn is_placed_by_work(&self) -> bool {
        true
    }

    /// QEMU's main loop carries each message unless the link is polled.
    fn threads(&mut self, is_polled: bool) -> Threads {
        Threads {
            answering: self.vcpu(),
            carrying: Some(Self::pid(self)).filter(|_| !is_polled),
        }
    }

    fn pid(&self) -> Option<Pid> {
        Some(Self::pid(self))
    }

    fn own_threads(&self) -> Option<CpuUse> {
        Self::own_threads(self)
    }

    fn resident_bytes(&self) -> Option<u64> {
        Self::resident_bytes(self)
    }

    fn is_preallocated(&self) -> Option<bool> {
        Some(Self::is_preallocated(self))
    }

    fn memory_lock(&self) -> Option<Result<(), String>> {
        Some(Self::memory_lock(self))
    }

    fn counters(&mut self) -> Option<Counters> {
        Self::counters(self).ok()
    }

    fn emulator(&mut self) -> Option<Emulator> {
        Some(Emulator {
            version: self.qemu_version().ok(),
            accel: self.accel(),
            accel_reason: self.accel_reason().to_owned(),
            rights: self.rights(),
        })
    }

    fn shutdown(self: Box<Self>) {
        Self::shutdown(*self);
    }
}

/// Returns the reason why a guest can't be reached over `link`; `None` if it can.
pub(super) const fn link_problem(link: LinkChoice) -> Option<&'static str> {
    match link {
        LinkChoice::Link(_) => None,
        LinkChoice::Loopback => Some(
            "a guest is not reached over loopback, only a process on the host is: choose another link with `--link`",
        ),
    }
}

/// Returns `spec` without a choice about vhost-net where the link has no tap device.
pub(super) fn without_vhost_elsewhere(mut spec: SystemSpec) -> SystemSpec {
    if spec.link != LinkChoice::Link(LinkKind::Tap) {
        spec.guest.vhost = VhostChoice::default();
    }
    spec
}

/// Decides who serves the rings of a guest on link `kind`, where there is a choice.
fn vhost_for(kind: LinkKind, guest: &GuestSpec) -> Result<Option<Vhost>, SutError> {
    if kind != LinkKind::Tap {
        return Ok(None);
    }
    Ok(Some(Vhost::decide(guest.vhost, guest.pcap.is_some())?))
}

/// Returns the address that requests to the guest go to.
fn address(spec: &SystemSpec, machine: &Machine) -> SocketAddr {
    let ready = machine.ready();
    let port = spec.service.port(&spec.guest).unwrap_or(ready.port);
    match (machine.host_port(), spec.family, ready.ip) {
        (Some(port), _, _) => SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        (None, Family::V6, _) | (None, _, None) => {
            let any = Ipv6Addr::UNSPECIFIED;
            SocketAddr::from((ready.ip6.map_or(any, |ip6| ip6.address), port))
        }
        (None, Family::V4, Some(ip)) => SocketAddr::from((ip.address, port)),
    }
}
