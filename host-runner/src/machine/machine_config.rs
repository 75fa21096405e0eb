//! Configuration of a machine: every choice that shapes QEMU's command line, as plain data.

use std::ffi::OsString;
use std::fmt;
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use wire::Mac;

use crate::files::Destination;
use crate::host::emulators::qemu_program;

/// The guest's Ethernet address unless told otherwise: QEMU's own first choice.
pub const DEFAULT_MAC: Mac = Mac::new([0x52, 0x54, 0x00, 0x12, 0x34, 0x56]);

/// The least memory that the image boots in, in MiB.
pub const MIN_MEMORY_MIB: u32 = 16;

/// Memory of a guest unless told otherwise, in MiB.
pub const DEFAULT_MEMORY_MIB: u32 = 32;

/// Choice of an accelerator. Docs of variants are `--help` text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum AccelChoice {
    // `super::KVM_TRIAL`, in words.
    /// KVM if it boots the image within a second and a half, else TCG
    #[default]
    Auto,
    /// KVM or an error
    Kvm,
    /// QEMU's own binary translation
    Tcg,
}

const _: () = assert!(super::KVM_TRIAL.as_millis() == 1500);

/// Accelerator that the machine runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accel {
    /// The processor's own virtualisation, through `/dev/kvm`.
    Kvm,
    /// QEMU's own binary translation.
    Tcg,
}

impl Accel {
    /// The name that QEMU's `-accel` takes and results carry.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            Self::Tcg => "tcg",
        }
    }

    /// The CPU model that a guest gets if nobody names one.
    #[must_use]
    pub const fn default_cpu_model(self) -> &'static str {
        match self {
            Self::Kvm => "host",
            Self::Tcg => "max",
        }
    }
}

impl fmt::Display for Accel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Board that QEMU emulates. Docs of variants are `--help` text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum MachineType {
    /// i440FX and PIIX: conventional PCI.
    #[default]
    Pc,
    /// Q35 and ICH9: PCI Express.
    Q35,
}

impl MachineType {
    /// The name that QEMU's `-M` takes.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pc => "pc",
            Self::Q35 => "q35",
        }
    }
}

/// Network that QEMU's user network is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surroundings {
    /// The host's: others reach the forwarded port, and the guest reaches what listens on the host's loopback network.
    Host,
    /// A network namespace of QEMU's own, where the kernel allows one: one socket reaches the port, and the guest
    /// nothing.
    Own,
}

/// Peer of the guest's network device.
#[derive(Debug)]
pub enum Netdev {
    /// QEMU's user network: guest 10.0.2.15, router and DHCP server 10.0.2.2.
    User {
        /// The host's address that the forwarded port is bound to.
        host_addr: Ipv4Addr,
        /// The UDP port there that is forwarded to the guest; 0 picks a free one.
        host_port: u16,
        /// The guest's UDP port that it leads to.
        guest_port: u16,
        /// The network that has that port.
        surroundings: Surroundings,
        /// File for QEMU's capture of every frame, if there is to be one.
        pcap: Option<PathBuf>,
    },
    /// Ethernet frames over a Unix datagram socket.
    Unix {
        /// QEMU's end of the socket pair. Closed here when the machine has booted.
        socket: OwnedFd,
    },
    /// A tap device: Ethernet frames, without a header that leaves work to the receiver.
    Tap {
        /// A descriptor of the device. Closed here when the machine has booted.
        device: OwnedFd,
        /// File for QEMU's capture of every frame, if there is to be one.
        pcap: Option<PathBuf>,
        /// True if the host's kernel serves the guest's rings (vhost-net) and not QEMU.
        vhost: bool,
    },
    /// A back end of its own, which shares the guest's memory (vhost-user).
    VhostUser {
        /// The Unix socket that it listens on: opened as a place in the file system (`O_PATH`), so
        /// that it needs no name there.
        socket: OwnedFd,
    },
    /// No network device at all: what the image says to that is part of its interface.
    None,
}

/// A machine to boot.
#[derive(Debug)]
pub struct Config {
    /// The QEMU to run: a path, or a name to look for on the search path.
    pub qemu: PathBuf,
    /// The image: an ELF with a PVH entry note, or a Linux kernel with an `initrd`.
    pub image: PathBuf,
    /// A Linux kernel's initial file system.
    pub initrd: Option<PathBuf>,
    /// Accelerator to use.
    pub accel: AccelChoice,
    /// Board to emulate.
    pub machine: MachineType,
    /// CPU model for `-cpu`; without one, `host` under KVM and `max` under TCG.
    pub cpu: Option<String>,
    /// The guest's memory in MiB.
    pub memory_mib: u32,
    /// Peer of the network device.
    pub netdev: Netdev,
    /// True if the network device has no legacy interface beside the modern one (virtio 1.2 §7.4).
    pub modern_device: bool,
    /// MTU that the network device tells the guest, in bytes (`VIRTIO_NET_F_MTU`, virtio 1.2 §5.1.4); `None` if it tells
    /// none.
    pub mtu: Option<u16>,
    /// The guest's Ethernet address.
    pub mac: Mac,
    /// The image's boot arguments, as one line.
    pub boot_args: String,
    /// File for everything that the guest prints; replaced if it exists.
    pub console_log: Destination,
    /// Time that the guest may take from QEMU's start to its ready line.
    pub ready_timeout: Duration,
    /// Further arguments for QEMU, after all others.
    pub extra_qemu_args: Vec<OsString>,
}

impl Netdev {
    /// Returns the path of the capture that QEMU is to write, if it is to write one.
    pub(super) fn capture_path(&self) -> Option<&Path> {
        match self {
            Self::User { pcap, .. } | Self::Tap { pcap, .. } => pcap.as_deref(),
            Self::Unix { .. } | Self::VhostUser { .. } | Self::None => None,
        }
    }
}

impl Config {
    /// A machine with the defaults of the command line: the QEMU that the environment names,
    /// accelerator by trial, board `pc`, [`DEFAULT_MEMORY_MIB`], 30 s to get ready, no boot arguments.
    #[must_use]
    pub fn new(image: PathBuf, console_log: impl Into<Destination>, netdev: Netdev) -> Self {
        Self {
            qemu: qemu_program(),
            image,
            initrd: None,
            accel: AccelChoice::default(),
            machine: MachineType::default(),
            cpu: None,
            memory_mib: DEFAULT_MEMORY_MIB,
            netdev,
            modern_device: false,
            mtu: None,
            mac: DEFAULT_MAC,
            boot_args: String::new(),
            console_log: console_log.into(),
            ready_timeout: Duration::from_secs(30),
            extra_qemu_args: Vec::new(),
        }
    }
}
