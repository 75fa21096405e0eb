//! The service as a process on this host: no guest, no QEMU. What is left of a round trip is Linux's own
//! network stack and the wake-ups of two processes.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Pid;
use wire::Mode;

use super::{
    Backend, Counting, Facts, LaunchPlan, LinkChoice, LinuxSpec, Responder, RunningSystem,
    SutError, System, SystemKind, SystemSpec, Watch, boot_args, built, linux_service,
};
use crate::files::Destination;
use crate::host::assignment::Assignment;
use crate::host::kernel_counters::Threads;
use crate::host::placement::{self, Answering, DeviceThreads, Placement, Work};
use crate::link::queue_drops::QueueDrops;
use crate::link::tap::Pair;
use crate::link::udp::{LOOPBACK, UdpLink};
use crate::link::{Family, Link, LinkKind, Mtu};
use crate::machine::VhostChoice;
use crate::machine::child;
use crate::machine::qemu_process::{Process, Seen};

/// Longest time that the responder may take to start: a process needs milliseconds.
const READY_TIMEOUT: Duration = Duration::from_secs(10);

/// Time between two questions whether the caller has given up.
const CANCEL_INTERVAL: Duration = Duration::from_millis(20);

/// The service as a process on this host.
#[derive(Debug)]
pub struct LinuxHost;

impl System for LinuxHost {
    fn kind(&self) -> SystemKind {
        SystemKind::LinuxHost
    }

    fn answered_by(&self, responder: Option<&str>) -> Option<&'static str> {
        Some(match responder {
            Some("busy") => {
                "native: answered by a process that polls this kernel's UDP socket, no guest"
            }
            Some("io_uring") => {
                "native: answered by a process through io_uring and this kernel's UDP socket, no guest"
            }
            Some("af_xdp") => "native: answered by a process past this kernel's stack, no guest",
            _ => "native: answered by a process that sleeps on this kernel's UDP socket, no guest",
        })
    }

    fn responder(&self, name: &str) -> Result<Responder, String> {
        linux_service::responder_named(name)
    }

    fn default_responder(&self) -> Option<Responder> {
        Some(Responder::default())
    }

    fn default_link(&self) -> LinkChoice {
        LinkChoice::Loopback
    }

    fn link_problem(&self, link: LinkChoice) -> Option<&'static str> {
        match link {
            LinkChoice::Link(LinkKind::Tap) | LinkChoice::Loopback => None,
            LinkChoice::Link(_) => Some(
                "linux-host has no virtual network card: it is reached over link `loopback` or `tap`, \
                 choose one with `--link`",
            ),
        }
    }

    fn problem(&self, spec: &SystemSpec) -> Option<&'static str> {
        let is_wire = spec.link == LinkChoice::Link(LinkKind::Tap);
        if spec.responder == Some(Responder::Linux(Mode::AfXdp)) && !is_wire {
            Some(linux_service::AF_XDP_NEEDS_A_WIRE)
        } else if spec.responder == Some(Responder::Linux(Mode::AfXdp))
            && spec.guest.mtu > Mtu::ETHERNET
        {
            Some("AF_XDP's frames hold packets of 1500 bytes: leave out `--mtu`")
        } else if spec.family == Family::V6 {
            Some("linux-host has no IPv6 address: leave out `--ipv6`")
        } else if spec.guest.pcap.is_some() {
            Some("there is no QEMU to capture what goes to linux-host: leave out `--pcap`")
        } else if spec.linux != LinuxSpec::default() {
            Some("linux-host runs on the host's own kernel: leave out `--kernel` and `--modules`")
        } else {
            None
        }
    }

    fn without_foreign_options(&self, spec: SystemSpec) -> SystemSpec {
        without_guest_options(spec)
    }

    fn prepare(&self, _: &SystemSpec, _: &Path) -> Result<LaunchPlan, SutError> {
        let program = linux_service::program(&built(linux_service::RESPONDER)?);
        Ok(LaunchPlan::Process(program))
    }

    fn start_s(&self) -> f64 {
        1.0
    }

    fn counting(&self) -> Option<Counting> {
        None
    }
}

/// Returns `spec` without the options of guests.
pub(super) fn without_guest_options(spec: SystemSpec) -> SystemSpec {
    let mut guest = spec.guest.without_unikernel().without_log();
    guest.vhost = VhostChoice::default();
    if spec.link == LinkChoice::Loopback {
        guest.mtu = Mtu::default();
    }
    SystemSpec {
        guest,
        linux: LinuxSpec::default(),
        ..spec
    }
}

/// Starts the responder `program` and opens the link to it.
pub(super) fn start(
    spec: &SystemSpec,
    program: &Path,
    log: Destination,
    watch: &mut Watch<'_>,
) -> Result<RunningSystem, SutError> {
    let (process, link) = match spec.link {
        LinkChoice::Link(_) => start_on_a_wire(spec, program, log, watch)?,
        LinkChoice::Loopback => {
            let process = start_at(spec, program, ListenAddress::loopback(), log, watch)?;
            let address = process.address();
            let drops = QueueDrops::of_socket(None, Family::V4, address.port());
            let link = UdpLink::connect(LOOPBACK, address)?.with_drops(drops.ok());
            link.set_class(spec.dscp)?;
            (process, Box::new(link) as Box<dyn Link>)
        }
    };
    let facts = Facts {
        address: process.address().to_string(),
        boot_id: process.ready().boot_id,
        started_at_ns: Some(process.started_at_ns()),
        image_bytes: program.metadata().ok().map(|metadata| metadata.len()),
        ..Facts::default()
    };
    Ok(RunningSystem {
        backend: Box::new(process),
        link,
        facts,
    })
}

/// Starts the responder in a network namespace of its own, at one end of a veth pair.
fn start_on_a_wire(
    spec: &SystemSpec,
    program: &Path,
    log: Destination,
    watch: &mut Watch<'_>,
) -> Result<(ResponderProcess, Box<dyn Link>), SutError> {
    let (network, _) = boot_args::static_network(&spec.guest);
    let pair = Pair::make(network, spec.guest.mtu)?;
    let namespace = pair.service().map_err(SutError::Namespace)?;
    let address = ListenAddress {
        listen: (network.address, spec.guest.port).into(),
        stamp_port: spec.service.port(&spec.guest),
        namespace: Some(namespace),
    };
    let process = start_at(spec, program, address, log, watch)?;
    let mut ready = *process.ready();
    ready.port = spec.service.port(&spec.guest).unwrap_or(ready.port);
    let link = pair.join(&ready)?.in_class(spec.dscp)?;
    Ok((process, Box::new(link)))
}

fn start_at(
    spec: &SystemSpec,
    program: &Path,
    address: ListenAddress,
    log: Destination,
    watch: &Watch<'_>,
) -> Result<ResponderProcess, SutError> {
    let log = log.create().map_err(|source| SutError::Log {
        path: log.path().to_owned(),
        source,
    })?;
    let mode = spec.responder.unwrap_or_default();
    ResponderProcess::start(program, mode, address, log, watch.is_cancelled)
}

/// Address that a responder serves at.
#[derive(Debug)]
pub struct ListenAddress {
    /// IP address and port; port 0 picks a free one.
    pub listen: SocketAddr,
    /// UDP port of STAMP's reflector at the same address, if it is to be served.
    pub stamp_port: Option<u16>,
    /// The network namespace that has this address, if it is not this process's own.
    pub namespace: Option<OwnedFd>,
}

impl ListenAddress {
    /// Returns a free port on the host's loopback network.
    #[must_use]
    pub fn loopback() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            stamp_port: None,
            namespace: None,
        }
    }
}

/// A responder that serves, or did. Dropped, it is killed.
#[derive(Debug)]
pub struct ResponderProcess {
    process: Process,
    ready: wire::Ready,
}

impl ResponderProcess {
    /// Starts `program` in `mode` at `address`, and waits until it is ready. What it prints goes to `log`.
    ///
    /// # Errors
    ///
    /// [`SutError`] if it can't be started or refuses; no process is left running.
    pub fn start(
        program: &Path,
        mode: Responder,
        address: ListenAddress,
        log: File,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Self, SutError> {
        let mut command = Command::new(program);
        command.args(["--mode", mode.name(), "--listen"]);
        command.arg(address.listen.to_string());
        if let Some(port) = address.stamp_port {
            let stamp = SocketAddr::new(address.listen.ip(), port);
            command.args(["--stamp", &stamp.to_string()]);
        }
        if let Some(namespace) = address.namespace {
            child::enter(&mut command, namespace);
        }
        child::tie_to_this_thread(&mut command, Vec::new());
        let process = Process::start(command, log).map_err(|source| SutError::NotStarted {
            path: program.to_owned(),
            source,
        })?;
        let ready = wait(&process, cancelled)?;
        Ok(Self { process, ready })
    }

    /// Returns its ready line.
    #[must_use]
    pub const fn ready(&self) -> &wire::Ready {
        &self.ready
    }

    /// Returns the time of its start in nanoseconds of [`crate::clock`].
    #[must_use]
    pub const fn started_at_ns(&self) -> u64 {
        self.process.started_at_ns()
    }

    /// Returns the address that it serves at.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        let ip = self.ready.ip.map_or(Ipv4Addr::LOCALHOST, |ip| ip.address);
        (ip, self.ready.port).into()
    }
}

impl Backend for ResponderProcess {
    fn check(&self) -> Result<(), SutError> {
        if !self.process.in_trouble() {
            return Ok(());
        }
        self.process.seen(failure).map_or(Ok(()), Err)
    }

    /// First thread is the one that serves. The measuring thread gets the right to go first, whatever its
    /// work.
    fn place(&mut self, _: Work, assignment: Option<&Assignment>) -> Placement {
        let pid = self.process.pid();
        let answering = Answering {
            process: pid,
            thread: pid,
            device: DeviceThreads::OfProcess,
        };
        placement::place(&answering, Work::Schedule, assignment)
    }

    fn placed_thread(&self) -> &'static str {
        "the responder"
    }

    fn threads(&mut self, _: bool) -> Threads {
        Threads {
            answering: Some(self.process.pid()),
            carrying: None,
        }
    }

    fn pid(&self) -> Option<Pid> {
        Some(self.process.pid())
    }

    fn resident_bytes(&self) -> Option<u64> {
        self.process.resident_bytes()
    }
}

fn wait(process: &Process, cancelled: &dyn Fn() -> bool) -> Result<wire::Ready, SutError> {
    let deadline = Instant::now() + READY_TIMEOUT;
    let settled = |seen: &Seen| seen.console.ready().is_some() || failure(seen).is_some();
    while !process.wait_until(CANCEL_INTERVAL, settled) {
        if cancelled() {
            return Err(SutError::Cancelled);
        }
        if Instant::now() >= deadline {
            return Err(SutError::NotReady {
                waited_ms: READY_TIMEOUT.as_millis(),
            });
        }
    }
    process.seen(|seen| match (failure(seen), seen.console.ready()) {
        (Some(error), _) => Err(error),
        (None, Some(ready)) => ready.map_err(SutError::BadReadyLine),
        // Settled is one or the other.
        (None, None) => Err(SutError::Cancelled),
    })
}

/// Returns the cause of its end, if it has ended: its own words go before the exit status.
fn failure(seen: &Seen) -> Option<SutError> {
    if let Some(message) = seen.console.fatal() {
        let message = message.to_owned();
        return Some(SutError::Refused { message });
    }
    seen.exit.map(|status| SutError::Ended {
        status,
        stderr: seen.stderr.text(),
    })
}

#[cfg(test)]
mod tests;
