//! Specification of a system under test: what is started, and the link to it, as plain data.
#![forbid(unsafe_code)]

use std::net::Ipv4Addr;
use std::path::PathBuf;

use clap::ValueEnum;

use super::address::{Ip, Ip6};
use super::{LinkChoice, Responder, ServiceKind, SystemKind};
use crate::link::dscp::Dscp;
use crate::link::{Family, FaultParameters, LinkKind, Mtu};
use crate::machine::{AccelChoice, MachineType, VhostChoice};

/// A system under test with everything that shapes its start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemSpec {
    /// The system.
    pub kind: SystemKind,
    /// Variant: how the service on Linux waits for datagrams, or smoltcp if that answers in the
    /// unikernel; `None` elsewhere.
    pub responder: Option<Responder>,
    /// The link that it is reached over.
    pub link: LinkChoice,
    /// The family of the address that requests go to.
    pub family: Family,
    /// Faults to inject on the link.
    pub fault: Option<FaultParameters>,
    /// The service that requests go to.
    pub service: ServiceKind,
    /// The class of requests.
    pub dscp: Dscp,
    /// The guest, for systems that have one.
    pub guest: GuestSpec,
    /// The parts of a Linux guest.
    pub linux: LinuxSpec,
}

/// A guest: image, machine, addresses and boot arguments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GuestSpec {
    /// The image to boot; `None` for the built one.
    pub image: Option<PathBuf>,
    /// The accelerator.
    pub accel: AccelChoice,
    /// Memory in MiB; `None` for the system's default.
    pub memory_mib: Option<u32>,
    /// The board that QEMU emulates.
    pub machine: MachineType,
    /// QEMU's CPU model; `None` for `host` under KVM and `max` under TCG.
    pub cpu: Option<String>,
    /// The service's UDP port.
    pub port: u16,
    /// The host's UDP port that leads to the service, on link user; 0 picks a free one.
    pub host_port: u16,
    /// The IPv4 address; `None` for that of QEMU's user network.
    pub ip: Option<Ip>,
    /// The IPv6 address beside the link-local one.
    pub ip6: Option<Ip6>,
    /// The IPv4 gateway; `None` for that of QEMU's user network if `ip` is `None` as well, else for none.
    pub gateway: Option<Ipv4Addr>,
    /// The capture file for every frame.
    pub pcap: Option<PathBuf>,
    /// Service of the guest's rings by the host's kernel, on link tap.
    pub vhost: VhostChoice,
    /// The longest packet of the network that is made for the link, guest or not.
    pub mtu: Mtu,
    /// The level of what the guest logs to its console.
    pub log: Option<LogLevel>,
    /// Further boot arguments, each of which replaces one of the same name.
    pub boot_args: Vec<String>,
}

/// The parts of a Linux guest that are not the built ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinuxSpec {
    /// The kernel.
    pub kernel: Option<PathBuf>,
    /// The kernel's modules; `None` beside a `kernel` if that has virtio-net built in.
    pub modules: Option<PathBuf>,
}

/// The longest packet of the host's loopback network, in bytes (Linux, `drivers/net/loopback.c`).
const LOOPBACK_MTU: u32 = 65_536;

impl SystemSpec {
    /// Returns the longest packet that reaches the service, in bytes.
    #[must_use]
    pub fn path_mtu(&self) -> u32 {
        match self.link {
            LinkChoice::Link(_) => self.guest.mtu.bytes().into(),
            LinkChoice::Loopback => LOOPBACK_MTU,
        }
    }

    /// Returns the reason why the link, or the system on it, can't have the MTU that was asked for.
    pub(super) fn mtu_problem(&self) -> Option<&'static str> {
        let mtu = self.guest.mtu;
        match self.link {
            LinkChoice::Loopback if mtu != Mtu::ETHERNET => {
                Some("the loopback network has an MTU of its own, 65536: leave out `--mtu`")
            }
            LinkChoice::Link(LinkKind::User) if mtu > Mtu::ETHERNET => Some(
                "QEMU's user network carries packets of 1500 bytes: use `--mtu` with another link",
            ),
            LinkChoice::Link(_) if self.family == Family::V6 && mtu < Mtu::MIN_IPV6 => {
                Some("IPv6 needs packets of 1280 bytes: choose a larger `--mtu`")
            }
            LinkChoice::Link(_) | LinkChoice::Loopback => None,
        }
    }
}

/// The boot argument that names who answers in the unikernel.
const ANSWER_PATH: &str = "path";

/// Value for smoltcp's sockets.
pub const SMOLTCP: &str = Responder::Smoltcp.name();

impl GuestSpec {
    /// Returns the value of the boot argument `path`, the last of which holds.
    #[must_use]
    pub fn answer_path(&self) -> Option<&str> {
        self.value_of(ANSWER_PATH)
    }

    /// Returns the value of the boot argument `name`, the last of which holds.
    #[must_use]
    pub fn value_of(&self, name: &str) -> Option<&str> {
        let mut values = self.boot_args.iter().rev();
        values.find_map(|argument| argument.strip_prefix(name)?.strip_prefix('='))
    }

    /// Has `responder` answer in the unikernel if it is smoltcp's sockets, unless a boot argument names who does.
    #[must_use]
    pub fn answered_by(mut self, responder: Option<Responder>) -> Self {
        if responder == Some(Responder::Smoltcp) && self.answer_path().is_none() {
            let argument = format!("{ANSWER_PATH}={SMOLTCP}");
            self.boot_args.insert(0, argument);
        }
        self
    }
}

impl GuestSpec {
    /// Returns the guest without the image and the boot arguments, which are the unikernel's.
    #[must_use]
    pub(super) fn without_unikernel(self) -> Self {
        Self {
            image: None,
            boot_args: Vec::new(),
            ..self
        }
    }

    /// Returns the guest without a level for its log.
    #[must_use]
    pub(super) fn without_log(self) -> Self {
        Self { log: None, ..self }
    }
}

/// The level of a guest's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "the names say it")]
pub enum LogLevel {
    Off,
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl LogLevel {
    /// Returns the name that the guest knows.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}
