//! The targets on Linux: from options to what is booted or started.

use std::path::{Path, PathBuf};

use super::CliError;
use super::args::{RunArgs, SMOLTCP};
use super::boot_args;
use super::interrupt::Interrupt;
use super::machine::built;
use super::values::Ip;
use crate::files::Destination;
use crate::link::tap::Pair;
use crate::link::user::{LOOPBACK, UdpLink};
use crate::link::{Link, LinkKind};
use crate::record::ReportError;
use crate::sut::LinkChoice;
use crate::sut::linux_guest::{self, DEFAULT_MEMORY_MIB, Network, Parts};
use crate::sut::linux_host::{Host, Place};
use crate::sut::{BootImage, Responder, SutError, SystemKind};

/// What both are looked for by.
const RESPONDER: &str = "fathom-responder";

/// Options that don't go together with the target.
///
/// # Errors
///
/// [`CliError::Usage`] for the first that doesn't.
pub fn check(args: &RunArgs) -> Result<(), CliError> {
    let linux = &args.linux;
    let is_named_twice = args.name.responder.is_some() && linux.responder.is_some();
    let kernel = linux.kernel.is_some() || linux.modules.is_some();
    let is_smoltcp = args.responder() == Some(Responder::Smoltcp);
    let problem = match args.target() {
        SystemKind::Hermit
            if is_smoltcp && args.guest.path() != Some(SMOLTCP) && args.guest.path().is_some() =>
        {
            Some(
                "`--boot-arg path=` names another than `--target hermit:smoltcp`: leave one of them out",
            )
        }
        _ if is_named_twice && args.name.responder != linux.responder => {
            Some("`--target` names another mode than `--responder`: leave one of them out")
        }
        SystemKind::Null if args.ipv6 || args.guest.pcap.is_some() => {
            Some("null has no guest: leave out `--ipv6` and `--pcap`")
        }
        SystemKind::Null if args.guest.ip.is_some() => Some("null has no guest: leave out `--ip`"),
        SystemKind::Hermit | SystemKind::HermitSockets | SystemKind::Null
            if kernel || linux.responder.is_some() =>
        {
            Some(
                "this target has no Linux: use `--responder`, `--kernel` and `--modules` with a target that has one",
            )
        }
        SystemKind::LinuxGuest if args.ipv6 => {
            Some("the Linux guest's service has no IPv6 address: leave out `--ipv6`")
        }
        SystemKind::LinuxGuest if args.guest.ip6.is_some() => {
            Some("the Linux guest's service has no IPv6 address: leave out `--ip6`")
        }
        SystemKind::LinuxGuest if args.guest.ip == Some(Ip::Dhcp) => {
            Some("the Linux guest asks no DHCP server: use `--ip A.B.C.D/N`")
        }
        SystemKind::LinuxGuest if !args.guest.boot_arg.is_empty() || args.guest.log.is_some() => {
            Some("`--boot-arg` and `--log` are the unikernel's: leave them out")
        }
        SystemKind::LinuxGuest if args.guest.image.is_some() => {
            Some("the Linux guest has no image: name a kernel with `--kernel PATH`")
        }
        SystemKind::LinuxGuest | SystemKind::LinuxHost
            if args.responder() == Some(Responder::AfXdp) && !is_wire(args) =>
        {
            Some("af_xdp takes frames from one end of a wire: use `--target linux-host --link tap`")
        }
        SystemKind::LinuxHost if args.ipv6 => {
            Some("linux-host has no IPv6 address: leave out `--ipv6`")
        }
        SystemKind::LinuxHost if args.guest.pcap.is_some() => {
            Some("there is no QEMU to capture what goes to linux-host: leave out `--pcap`")
        }
        SystemKind::LinuxHost if kernel => {
            Some("linux-host runs on the host's own kernel: leave out `--kernel` and `--modules`")
        }
        _ => None,
    };
    problem.map_or(Ok(()), |problem| Err(CliError::Usage(problem)))
}

/// Whether the service is a process at one end of a wire of its own.
fn is_wire(args: &RunArgs) -> bool {
    args.target() == SystemKind::LinuxHost && args.link == Some(LinkChoice::Link(LinkKind::Tap))
}

/// Puts the guest together, with its file system in `scratch`.
///
/// # Errors
///
/// [`CliError::Sut`] if a part is missing.
pub fn guest(args: &RunArgs, scratch: &Path) -> Result<BootImage, CliError> {
    let (kernel, modules) = (args.linux.kernel.clone(), args.linux.modules.clone());
    let parts = Parts {
        tsc_khz: boot_args::guest_tsc_khz(&args.guest),
        ..Parts::locate(&built(RESPONDER)?, kernel, modules)
    };
    let (ip, gateway) = boot_args::static_network(&args.guest);
    let network = Network {
        ip,
        gateway,
        port: args.guest.port,
    };
    let memory_mib = args.guest.memory.unwrap_or(DEFAULT_MEMORY_MIB);
    let responder = args.responder().unwrap_or_default();
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
    args: &RunArgs,
    way: LinkChoice,
    log: Destination,
    interrupt: &Interrupt,
) -> Result<(Host, Box<dyn Link>), CliError> {
    let LinkChoice::Link(_) = way else {
        let host = start(args, Place::loopback(), log, interrupt)?;
        let link = UdpLink::connect(LOOPBACK, host.address())?;
        return Ok((host, Box::new(link)));
    };
    let (network, _) = boot_args::static_network(&args.guest);
    let pair = Pair::make(network)?;
    let namespace = pair.service().map_err(|source| CliError::Setup {
        what: "the service's network namespace",
        source,
    })?;
    let place = Place {
        listen: (network.0, args.guest.port).into(),
        namespace: Some(namespace),
    };
    let host = start(args, place, log, interrupt)?;
    let link = pair.join(host.ready())?;
    Ok((host, Box::new(link)))
}

fn start(
    args: &RunArgs,
    place: Place,
    log: Destination,
    interrupt: &Interrupt,
) -> Result<Host, CliError> {
    let log = log.create().map_err(ReportError::unwritable(log.path()))?;
    let program = responder()?;
    let mode = args.responder().unwrap_or_default();
    match Host::start(&program, mode, place, log, &|| interrupt.is_set()) {
        Ok(host) => Ok(host),
        Err(SutError::Cancelled) => Err(CliError::Interrupted),
        Err(error) => Err(error.into()),
    }
}
