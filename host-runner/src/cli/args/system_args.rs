//! Options for the system under test.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use clap::Args;

use super::option_file::{KEY_BYTES, key};
use crate::files;
use crate::link::Mtu;
use crate::machine::{AccelChoice, MachineType, VhostChoice};
use crate::sut::address::{Ip, Ip6};
use crate::sut::{GuestSpec, LinuxSpec, LogLevel, Responder};

/// Guest to boot, and the machine for it.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Guest")]
pub struct GuestArgs {
    /// Image to boot [default: fathom.elf; of hermit-sockets: fathom-sockets.elf; built or installed with this command]
    #[arg(long, value_name = "PATH")]
    pub image: Option<PathBuf>,
    /// Accelerator of QEMU
    #[arg(long, value_enum, default_value_t)]
    pub accel: AccelChoice,
    /// Memory of the guest in MiB [default: 32; of a Linux guest: 128]
    #[arg(long, value_name = "MIB", hide_short_help = true)]
    pub memory: Option<u32>,
    /// Board that QEMU emulates
    #[arg(long, value_enum, default_value_t, hide_short_help = true)]
    pub machine: MachineType,
    /// CPU model that QEMU emulates [default: host under KVM, max under TCG]
    #[arg(long, value_name = "MODEL", hide_short_help = true)]
    pub cpu: Option<String>,
    /// UDP port of the service in the guest
    #[arg(long, default_value_t = wire::DEFAULT_PORT, value_parser = clap::value_parser!(u16).range(1..), hide_short_help = true)]
    pub port: u16,
    /// UDP port of this host that is forwarded to the service (serve, and link user); 0 picks a free one
    #[arg(long, default_value_t = 0, hide_short_help = true)]
    pub host_port: u16,
    /// IPv4 address of the guest: A.B.C.D/N, or dhcp (serve, and link user) [default: 10.0.2.15/24]
    #[arg(long, hide_short_help = true)]
    pub ip: Option<Ip>,
    /// IPv6 address of the guest, ADDRESS/N, beside its link-local one
    #[arg(long, hide_short_help = true)]
    pub ip6: Option<Ip6>,
    /// IPv4 gateway of the guest [default: 10.0.2.2 with the default address, else none]
    #[arg(long, value_name = "A.B.C.D", hide_short_help = true)]
    pub gw: Option<Ipv4Addr>,
    /// Write every Ethernet frame to this file, in pcap format
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub pcap: Option<PathBuf>,
    /// Use of vhost-net, by which the host's kernel serves the guest's network device (link tap only)
    #[arg(long, value_enum, default_value_t, hide_short_help = true)]
    pub vhost: VhostChoice,
    /// MTU of the link's network, 576 to 9216 bytes, of which the guest is told (VIRTIO_NET_F_MTU); above 1500 not on link
    /// user
    #[arg(long, value_name = "BYTES", default_value_t, hide_short_help = true)]
    pub mtu: Mtu,
    /// Log level of the guest's console
    #[arg(long, value_name = "LEVEL", value_enum, hide_short_help = true)]
    pub log: Option<LogLevel>,
    /// Boot argument for the guest, such as path=smoltcp; replaces one of the same name (repeatable); stamp-key=@FILE
    /// reads the key from a file
    #[arg(long, value_name = "ARG", hide_short_help = true, value_parser = boot_arg)]
    pub boot_arg: Vec<String>,
}

/// Reads a boot argument, with a key's file in the key's place.
fn boot_arg(text: &str) -> Result<String, String> {
    let Some(path) = text.strip_prefix("stamp-key=@") else {
        return Ok(text.to_owned());
    };
    let content = files::read(Path::new(path), KEY_BYTES).map_err(|error| error.to_string())?;
    key(content)
        .map(|key| format!("stamp-key={key:x}"))
        .map_err(|error| error.to_string())
}

impl GuestArgs {
    /// Returns the guest that the options describe.
    #[must_use]
    pub fn spec(&self) -> GuestSpec {
        GuestSpec {
            image: self.image.clone(),
            accel: self.accel,
            memory_mib: self.memory,
            machine: self.machine,
            cpu: self.cpu.clone(),
            port: self.port,
            host_port: self.host_port,
            ip: self.ip,
            ip6: self.ip6,
            gateway: self.gw,
            pcap: self.pcap.clone(),
            vhost: self.vhost,
            mtu: self.mtu,
            log: self.log,
            boot_args: self.boot_arg.clone(),
        }
    }
}

/// Kernel of a Linux guest.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Linux")]
pub struct KernelArgs {
    /// Kernel of the Linux guest [default: the one that `make linux-guest` fetched]
    #[arg(long, value_name = "PATH", hide_short_help = true)]
    pub kernel: Option<PathBuf>,
    /// Directory of that kernel's modules; without it, a --kernel needs virtio-net built in
    #[arg(long, value_name = "DIR", hide_short_help = true)]
    pub modules: Option<PathBuf>,
}

/// Service on Linux.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Linux")]
pub struct LinuxArgs {
    /// Way in which the service on Linux waits for datagrams [default: blocking]
    #[arg(long, value_enum)]
    pub responder: Option<Responder>,
    /// Kernel of a Linux guest.
    #[command(flatten)]
    pub kernel: KernelArgs,
}

impl KernelArgs {
    /// Returns the parts of a Linux guest that the options name.
    #[must_use]
    pub fn spec(&self) -> LinuxSpec {
        LinuxSpec {
            kernel: self.kernel.clone(),
            modules: self.modules.clone(),
        }
    }
}
