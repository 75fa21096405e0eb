//! The targets on Linux: from options to what is booted or started.

use std::path::{Path, PathBuf};

use super::CliError;
use super::boot_args;
use super::interrupt::Interrupt;
use super::machine::built;
use crate::files::Destination;
use crate::link::tap::Pair;
use crate::link::udp::{LOOPBACK, UdpLink};
use crate::link::{Family, Link, LinkKind};
use crate::record::ReportError;
use crate::sut::LinkChoice;
use crate::sut::address::Ip;
use crate::sut::linux_guest::{self, DEFAULT_MEMORY_MIB, Network, Parts};
use crate::sut::linux_host::{Host, Place};
use crate::sut::{BootImage, Responder, SMOLTCP, SutError, SystemKind, SystemSpec};

/// What both are looked for by.
const RESPONDER: &str = "fathom-responder";

/// Problem with options for Linux where there is none.
pub const NO_LINUX: &str = "this target has no Linux: use `--responder`, `--kernel` and `--modules` with a target that has one";

/// Checks that the options go together with the target.
///
/// # Errors
///
/// [`CliError::Usage`] for the first that doesn't.
pub fn check(system: &SystemSpec) -> Result<(), CliError> {
    let (guest, linux) = (&system.guest, &system.linux);
    let kernel = linux.kernel.is_some() || linux.modules.is_some();
    let is_ipv6 = system.family == Family::V6;
    let problem = match system.kind {
        SystemKind::Hermit
            if system.responder == Some(Responder::Smoltcp)
                && guest.answer_path().is_some_and(|path| path != SMOLTCP) =>
        {
            Some(
                "`--boot-arg path=` names another than `--target hermit:smoltcp`: leave one of them out",
            )
        }
        SystemKind::Null if is_ipv6 || guest.pcap.is_some() => {
            Some("null has no guest: leave out `--ipv6` and `--pcap`")
        }
        SystemKind::Null if guest.ip.is_some() => Some("null has no guest: leave out `--ip`"),
        SystemKind::Hermit | SystemKind::HermitSockets | SystemKind::Null if kernel => {
            Some(NO_LINUX)
        }
        SystemKind::LinuxGuest if is_ipv6 => {
            Some("the Linux guest's service has no IPv6 address: leave out `--ipv6`")
        }
        SystemKind::LinuxGuest if guest.ip6.is_some() => {
            Some("the Linux guest's service has no IPv6 address: leave out `--ip6`")
        }
        SystemKind::LinuxGuest if guest.ip == Some(Ip::Dhcp) => {
            Some("the Linux guest asks no DHCP server: use `--ip A.B.C.D/N`")
        }
        SystemKind::LinuxGuest if !guest.boot_args.is_empty() || guest.log.is_some() => {
            Some("`--boot-arg` and `--log` are the unikernel's: leave them out")
        }
        SystemKind::LinuxGuest if guest.image.is_some() => {
            Some("the Linux guest has no image: name a kernel with `--kernel PATH`")
        }
        SystemKind::LinuxGuest | SystemKind::LinuxHost
            if system.responder == Some(Responder::AfXdp) && !is_wire(system) =>
        {
            Some("af_xdp takes frames from one end of a wire: use `--target linux-host --link tap`")
        }
        SystemKind::LinuxHost if is_ipv6 => {
            Some("linux-host has no IPv6 address: leave out `--ipv6`")
        }
        SystemKind::LinuxHost if guest.pcap.is_some() => {
            Some("there is no QEMU to capture what goes to linux-host: leave out `--pcap`")
        }
        SystemKind::LinuxHost if kernel => {
            Some("linux-host runs on the host's own kernel: leave out `--kernel` and `--modules`")
        }
        _ => None,
    };
    problem.map_or(Ok(()), |problem| Err(CliError::Usage(problem)))
}

/// Returns whether the service is a process at one end of a wire of its own.
fn is_wire(system: &SystemSpec) -> bool {
    system.kind == SystemKind::LinuxHost && system.link == LinkChoice::Link(LinkKind::Tap)
}

/// Puts the guest together, with its file system in `scratch`.
///
/// # Errors
///
/// [`CliError::Sut`] if a part is missing.
pub fn guest(system: &SystemSpec, scratch: &Path) -> Result<BootImage, CliError> {
    let (kernel, modules) = (system.linux.kernel.clone(), system.linux.modules.clone());
    let parts = Parts {
        tsc_khz: boot_args::guest_tsc_khz(&system.guest),
        ..Parts::locate(&built(RESPONDER)?, kernel, modules)
    };
    let (ip, gateway) = boot_args::static_network(&system.guest);
    let network = Network {
        ip,
        gateway,
        port: system.guest.port,
    };
    let memory_mib = system.guest.memory_mib.unwrap_or(DEFAULT_MEMORY_MIB);
    let responder = system.responder.unwrap_or_default();
    Ok(parts.assemble(scratch.join("initrd"), responder, network, memory_mib)?)
}

/// The responder that a host target runs.
///
/// # Errors
///
/// As [`built`].
pub fn responder() -> Result<PathBuf, CliError> {
    Ok(linux_guest::responder(&built(RESPONDER)?))
}

/// Starts the responder on this host, with its output in `log`, and opens the link to it.
///
/// # Errors
///
/// [`CliError::Interrupted`] on Ctrl-C, else what was in the way.
pub fn host(
    system: &SystemSpec,
    log: Destination,
    interrupt: &Interrupt,
) -> Result<(Host, Box<dyn Link>), CliError> {
    let LinkChoice::Link(_) = system.link else {
        let host = start(system, Place::loopback(), log, interrupt)?;
        let link = UdpLink::connect(LOOPBACK, host.address())?;
        return Ok((host, Box::new(link)));
    };
    let (network, _) = boot_args::static_network(&system.guest);
    let pair = Pair::make(network)?;
    let namespace = pair.service().map_err(|source| CliError::Setup {
        what: "the service's network namespace",
        source,
    })?;
    let place = Place {
        listen: (network.0, system.guest.port).into(),
        namespace: Some(namespace),
    };
    let host = start(system, place, log, interrupt)?;
    let link = pair.join(host.ready())?;
    Ok((host, Box::new(link)))
}

fn start(
    system: &SystemSpec,
    place: Place,
    log: Destination,
    interrupt: &Interrupt,
) -> Result<Host, CliError> {
    let log = log.create().map_err(ReportError::unwritable(log.path()))?;
    let program = responder()?;
    let mode = system.responder.unwrap_or_default();
    match Host::start(&program, mode, place, log, &|| interrupt.is_set()) {
        Ok(host) => Ok(host),
        Err(SutError::Cancelled) => Err(CliError::Interrupted),
        Err(error) => Err(error.into()),
    }
}
