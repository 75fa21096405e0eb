//! From a configuration to a guest that is ready: attempts, fallback, and what each failure means.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::{Duration, Instant};

use linux_process::privileges::Identity;

use super::accel::{self, Plan};
use super::child;
use super::command::{self, Attempt};
use super::error::{Hint, MachineError};
use super::guest_memory::GuestMemory;
use super::image_check;
use super::inherited::{Inherited, Lent};
use super::machine_config::{Accel, Config, Netdev, Surroundings};
use super::qemu_process::{Process, Seen};
use super::qmp::Monitor;
use super::{BootEvent, KVM_TRIAL, own_network, sandbox};
use crate::host::emulators::Probe;
use crate::host::qemu_user::{Launch, QemuUser};
use crate::terminal;

/// Time that a KVM that was asked for by name may take: one that works needs a tenth of a second.
const KVM_TIMEOUT: Duration = Duration::from_secs(5);

/// Interval at which the caller is asked whether it has given up.
const CANCEL_INTERVAL: Duration = Duration::from_millis(20);

/// Number of free ports that are tried: another process may take one before QEMU does.
const PORT_TRIES: usize = 5;

/// QEMU's message when the forwarded port is taken.
const PORT_IN_USE: &str = "Could not set up host forwarding rule";

/// A guest that is ready.
#[derive(Debug)]
pub(super) struct Booted {
    pub process: Process,
    pub monitor: Monitor,
    pub ready: wire::Ready,
    pub accel: Accel,
    pub accel_reason: String,
    pub boot_host_ns: u64,
    pub host_port: Option<u16>,
    pub memory: GuestMemory,
    /// A socket in QEMU's own network, if it has one.
    pub client_socket: Option<UdpSocket>,
    /// The reason why QEMU runs as this process's user, if it does.
    pub own_user_reason: Option<String>,
}

/// A QEMU that was started, and what came of its start.
struct Started {
    process: Process,
    monitor: Monitor,
    client_socket: Option<UdpSocket>,
    own_user_reason: Option<String>,
    /// Files that QEMU opens by its own right until it is ready.
    _lent: Option<Lent>,
}

/// Boots `config` on the accelerator that it asks for, or the best that works; `probe` says
/// whether there is KVM.
pub(super) fn boot(
    config: &Config,
    probe: impl FnOnce() -> Probe,
    cancelled: &dyn Fn() -> bool,
    on_event: &mut dyn FnMut(BootEvent),
) -> Result<Booted, MachineError> {
    // What a kernel with an initial file system looks like is the firmware's affair.
    if config.initrd.is_none() {
        image_check::check(&config.image, config.memory_mib)?;
    }
    let log = config.console_log.create();
    let log = log.map_err(|source| MachineError::ConsoleLog {
        path: config.console_log.path().to_owned(),
        source,
    })?;
    let mut boot = Boot {
        config,
        log,
        cancelled,
        on_event,
    };
    match accel::plan(config.accel, probe) {
        Plan::Only { accel, reason } => match accel {
            Accel::Kvm => boot.on_kvm(reason),
            Accel::Tcg => boot.on(accel, config.ready_timeout, reason),
        },
        Plan::Refuse { reason } => Err(MachineError::KvmUnusable { reason }),
        Plan::TryKvm => boot.on_kvm_or_tcg(),
    }
}

struct Boot<'a> {
    config: &'a Config,
    log: File,
    cancelled: &'a dyn Fn() -> bool,
    on_event: &'a mut dyn FnMut(BootEvent),
}

impl Boot<'_> {
    fn on_kvm(&mut self, reason: String) -> Result<Booted, MachineError> {
        let timeout = KVM_TIMEOUT.min(self.config.ready_timeout);
        match self.on(Accel::Kvm, timeout, reason) {
            Err(error @ (MachineError::Died { .. } | MachineError::NotReady { .. })) => {
                Err(MachineError::KvmUnusable {
                    reason: in_one_line(&error),
                })
            }
            outcome => outcome,
        }
    }

    fn on_kvm_or_tcg(&mut self) -> Result<Booted, MachineError> {
        let trial = KVM_TRIAL.min(self.config.ready_timeout);
        let error = match self.on(Accel::Kvm, trial, "KVM booted the image".to_owned()) {
            Err(error) if is_kvms_fault(&error) => error,
            outcome => return outcome,
        };
        let reason = format!("KVM was tried first: {}", in_one_line(&error));
        (self.on_event)(BootEvent::FellBack {
            reason: reason.clone(),
        });
        self.on(Accel::Tcg, self.config.ready_timeout, reason)
    }

    /// Boots on `accel`, with as many free ports as it takes.
    fn on(
        &mut self,
        accel: Accel,
        timeout: Duration,
        accel_reason: String,
    ) -> Result<Booted, MachineError> {
        let (host_addr, asked_for) = match self.config.netdev {
            Netdev::User {
                host_addr,
                host_port,
                ..
            } => (host_addr, host_port),
            Netdev::Unix { .. } | Netdev::Tap { .. } | Netdev::VhostUser { .. } | Netdev::None => {
                return self.once(accel, timeout, accel_reason, 0);
            }
        };
        if asked_for != 0 {
            return self.once(accel, timeout, accel_reason, asked_for);
        }
        let mut tries = 1;
        loop {
            let port = free_port(host_addr).map_err(|source| MachineError::Setup {
                what: "a free UDP port",
                source,
            })?;
            match self.once(accel, timeout, accel_reason.clone(), port) {
                Err(MachineError::PortInUse { .. }) if tries < PORT_TRIES => tries += 1,
                outcome => return outcome,
            }
        }
    }

    /// One QEMU, ready or dead.
    fn once(
        &mut self,
        accel: Accel,
        timeout: Duration,
        accel_reason: String,
        host_port: u16,
    ) -> Result<Booted, MachineError> {
        (self.on_event)(BootEvent::Starting { accel });
        let memory = GuestMemory::new(self.config.memory_mib);
        let memory = memory.map_err(|source| MachineError::Setup {
            what: "the guest's memory",
            source,
        })?;
        let sandbox = sandbox::is_known();
        let started = self.start(accel, host_port, &memory, sandbox)?;
        let outcome = self.wait(&started.process, timeout, host_port);
        if let Err(MachineError::Died { stderr, .. }) = &outcome
            && sandbox
            && sandbox::is_refused(stderr)
        {
            return self.once(accel, timeout, accel_reason, host_port);
        }
        let ready = outcome?;
        let Started {
            process,
            monitor,
            client_socket,
            own_user_reason,
            ..
        } = started;
        let ready_at_ns = process.seen(|seen| seen.ready_at_ns);
        let boot_host_ns = ready_at_ns.saturating_sub(process.started_at_ns());
        (self.on_event)(BootEvent::Ready { boot_host_ns });
        Ok(Booted {
            process,
            monitor,
            ready,
            accel,
            accel_reason,
            boot_host_ns,
            host_port: (host_port != 0).then_some(host_port),
            memory,
            client_socket,
            own_user_reason,
        })
    }

    fn start(
        &self,
        accel: Accel,
        host_port: u16,
        memory: &GuestMemory,
        sandbox: bool,
    ) -> Result<Started, MachineError> {
        let setup = |what| move |source| MachineError::Setup { what, source };
        let (identity, own_user_reason) = self.user(accel).map_err(setup("a user"))?;
        let (ours, theirs) = UnixStream::pair().map_err(setup("a monitor socket"))?;
        let inherited = Inherited::of(self.config, theirs, memory)?;
        let lent = identity
            .as_ref()
            .map(|identity| inherited.lend(identity))
            .transpose()
            .map_err(setup("a capture file"))?;
        let attempt = Attempt {
            accel,
            host_port,
            sandbox,
            files: inherited.numbers(),
        };
        let network = match self.config.netdev {
            Netdev::User {
                surroundings: Surroundings::Own,
                ..
            } => Some(own_network::pair().map_err(setup("a network namespace"))?),
            _ => None,
        };
        let (socket, maker) = network.unzip();
        let mut command = Command::new(&self.config.qemu);
        command.args(command::arguments(self.config, attempt));
        child::confine(&mut command, maker, identity);
        child::tie_to_this_thread(&mut command, inherited.into_vec());
        let log = self.log.try_clone().map_err(setup("a console log"))?;
        let process = Process::start(command, log).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => MachineError::QemuMissing {
                program: self.config.qemu.clone(),
            },
            _ => MachineError::QemuNotStarted {
                program: self.config.qemu.clone(),
                source,
            },
        })?;
        let monitor = Monitor::new(ours).map_err(|source| MachineError::Monitor {
            action: "connecting to it",
            source,
        })?;
        Ok(Started {
            process,
            monitor,
            client_socket: socket.and_then(own_network::Socket::take),
            own_user_reason,
            _lent: lent.flatten(),
        })
    }

    /// Returns the user that QEMU is to run as on `accel`; or `None` for this process's own, with the reason.
    fn user(&self, accel: Accel) -> io::Result<(Option<Identity>, Option<String>)> {
        if !self.config.extra_qemu_args.is_empty() {
            // They may name files of this user's, as a trace does.
            return Ok((None, Some("QEMU has further arguments".to_owned())));
        }
        let launch = Launch {
            program: &self.config.qemu,
            has_kvm: accel == Accel::Kvm,
        };
        Ok(match QemuUser::decide(launch)? {
            QemuUser::Own { reason } => (None, Some(reason)),
            QemuUser::Other { identity, .. } => (Some(identity), None),
        })
    }

    fn wait(
        &self,
        process: &Process,
        timeout: Duration,
        host_port: u16,
    ) -> Result<wire::Ready, MachineError> {
        let hint = Hint::from_memory(self.config.memory_mib);
        let deadline = Instant::now() + timeout;
        let settled = |seen: &Seen| outcome(seen, hint).is_some();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if process.wait_until(left.min(CANCEL_INTERVAL), settled) {
                break;
            }
            if (self.cancelled)() {
                return Err(MachineError::Cancelled);
            }
            if left.is_zero() {
                return Err(MachineError::NotReady {
                    waited_ms: timeout.as_millis(),
                    console: process.seen(|seen| seen.console.tail()),
                    hint,
                });
            }
        }
        match process.seen(|seen| outcome(seen, hint)) {
            Some(Ok(ready)) => Ok(ready),
            Some(Err(MachineError::Died { stderr, .. })) if stderr.contains(PORT_IN_USE) => {
                Err(MachineError::PortInUse { port: host_port })
            }
            Some(Err(error)) => Err(error),
            None => Err(MachineError::Cancelled),
        }
    }
}

/// Returns whether what was seen of a booting machine settles the matter, and how.
fn outcome(seen: &Seen, hint: Hint) -> Option<Result<wire::Ready, MachineError>> {
    if let Some(error) = failure(seen, hint) {
        return Some(Err(error));
    }
    let ready = seen.console.ready()?;
    Some(ready.map_err(MachineError::BadReadyLine))
}

/// Returns what ended the run, if anything did. A message of the guest goes before QEMU's exit status, for the
/// one is the cause of the other.
pub(super) fn failure(seen: &Seen, hint: Hint) -> Option<MachineError> {
    if let Some(message) = seen.console.fatal() {
        let message = message.to_owned();
        return Some(MachineError::Fatal { message, hint });
    }
    if let Some(message) = seen.console.panic().filter(|_| seen.panic_settled) {
        return Some(MachineError::Panicked { message, hint });
    }
    seen.exit.map(|status| MachineError::Died {
        status,
        stderr: seen.stderr.text(),
        hint,
    })
}

/// Returns whether TCG may do better: not where the guest itself refused, or the host has other trouble.
fn is_kvms_fault(error: &MachineError) -> bool {
    match error {
        MachineError::Panicked { .. }
        | MachineError::Died { .. }
        | MachineError::NotReady { .. }
        | MachineError::KvmUnusable { .. } => true,
        MachineError::QemuMissing { .. }
        | MachineError::QemuNotStarted { .. }
        | MachineError::ImageMissing { .. }
        | MachineError::NotAnImage { .. }
        | MachineError::TooLittleMemory { .. }
        | MachineError::ConsoleLog { .. }
        | MachineError::Setup { .. }
        | MachineError::PortInUse { .. }
        | MachineError::Fatal { .. }
        | MachineError::BadReadyLine(_)
        | MachineError::NoCounters
        | MachineError::Cancelled
        | MachineError::Monitor { .. } => false,
    }
}

fn in_one_line(error: &MachineError) -> String {
    terminal::one_line(&error.to_string())
}

/// Returns a UDP port of `host_addr` that nothing has at this moment.
fn free_port(host_addr: Ipv4Addr) -> io::Result<u16> {
    Ok(UdpSocket::bind((host_addr, 0))?.local_addr()?.port())
}
