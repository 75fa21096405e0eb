//! What can be asked for on the command line.
//!
//! - `client_args`: what a client on ordinary sockets does;
//! - `load_args`: what load to put on a service;
//! - `probe_args`: `fathom probe`;
//! - `request_args`: requests to a service of somebody's own;
//! - `into_specs`: plain specifications, from the arguments;
//! - `validity_args`: what a result has to live up to.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::values::duration;
use crate::host::assignment::Requested;
use crate::host::cpu_latency::HostIdle;
use crate::machine::{AccelChoice, MachineType, VhostChoice};
use crate::stats;
use crate::sut::address::{Ip, Ip6};
use crate::sut::{LinkChoice, LogLevel, Responder, SystemName};

mod client_args;
mod into_specs;
mod load_args;
mod probe_args;
mod request_args;
mod validity_args;

pub use client_args::ClientArgs;
pub use load_args::{LoadArgs, ModeName};
pub use probe_args::{ProbeArgs, with_port};
pub use request_args::RequestArgs;
pub use validity_args::ValidityArgs;

/// `fathom run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// System under test: hermit, hermit:smoltcp, hermit-sockets, linux-guest:MODE, linux-host:MODE (MODE is blocking, busy,
    /// io_uring or, for linux-host on link tap, af_xdp), null
    #[arg(long = "target", value_name = "NAME", default_value = "hermit")]
    pub name: SystemName,
    /// Path of the datagrams to the service [default: vhost-user; loopback for linux-host]
    #[arg(long, value_enum)]
    pub link: Option<LinkChoice>,
    /// Measure over IPv6 (not on link user)
    #[arg(long)]
    pub ipv6: bool,
    /// What load to put on the service.
    #[command(flatten)]
    pub load: LoadArgs,
    /// Content of the requests.
    #[command(flatten)]
    pub request: RequestArgs,
    /// Requirements that the result has to meet.
    #[command(flatten)]
    pub validity: ValidityArgs,
    /// Where results go.
    #[command(flatten)]
    pub output: OutputArgs,
    /// What the service on Linux is made of.
    #[command(flatten)]
    pub linux: LinuxArgs,
    /// What the host does meanwhile.
    #[command(flatten)]
    pub host: HostArgs,
    /// What to boot, and on what.
    #[command(flatten)]
    pub guest: GuestArgs,
}

/// What the host does while something is measured on it.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Host")]
pub struct HostArgs {
    /// State of this host's idle CPUs during a measurement
    #[arg(
        long,
        value_enum,
        value_name = "WHAT",
        default_value_t,
        hide_short_help = true
    )]
    pub host_idle: HostIdle,
    /// Longest wait for another fathom that measures on this host
    #[arg(long, value_parser = duration, value_name = "DURATION", overrides_with = "wait", default_value = "10m", hide_short_help = true)]
    pub wait: Duration,
    /// Do not wait for another fathom that measures on this host; both records say so
    #[arg(long, hide_short_help = true)]
    pub concurrent: bool,
    /// CPU of the guest and CPU of the measuring thread [default: chosen by the caches they share]
    #[arg(
        long,
        value_name = "A,B",
        overrides_with = "cpus",
        hide_short_help = true
    )]
    pub cpus: Option<Requested>,
}

/// What the service on Linux is made of.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Linux")]
pub struct LinuxArgs {
    /// Way in which the service on Linux waits for datagrams [default: blocking]
    #[arg(long, value_enum)]
    pub responder: Option<Responder>,
    /// Kernel of the Linux guest [default: target/linux-guest/vmlinuz]
    #[arg(long, value_name = "PATH", hide_short_help = true)]
    pub kernel: Option<PathBuf>,
    /// Directory of that kernel's modules; without it, a --kernel needs virtio-net built in
    #[arg(long, value_name = "DIR", hide_short_help = true)]
    pub modules: Option<PathBuf>,
}

/// `fathom serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// What to boot, and on what.
    #[command(flatten)]
    pub guest: GuestArgs,
    /// Address of this host to serve on; 0.0.0.0 for all
    #[arg(long, value_name = "A.B.C.D", default_value_t = Ipv4Addr::LOCALHOST)]
    pub host_addr: Ipv4Addr,
    /// Restart a guest that died, after 1 s, 2 s, 4 s and so on up to 60 s; a minute of service resets the delay
    // A second guest would overwrite what was captured of the first.
    #[arg(long, conflicts_with = "pcap")]
    pub restart: bool,
}

/// Where results go.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Results")]
pub struct OutputArgs {
    /// Directory for the results [default: results/TIME in UTC; results/latest is a link to it]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Also write result.json to this file; - prints it alone on standard output
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Print all figures, and the host's part in them
    #[arg(long)]
    pub verbose: bool,
    /// Percentiles to report besides p50, p90, p99, p99.9 and p99.99, such as 75,99.999; each needs ten
    /// samples beyond it
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        overrides_with = "percentiles"
    )]
    pub percentiles: Vec<stats::Requested>,
}

/// What to boot, and on what.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Guest")]
pub struct GuestArgs {
    /// Image to boot [default: target/fathom.elf; of hermit-sockets: target/fathom-sockets.elf]
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
    /// UDP port of this host that is forwarded to the service (link user only); 0 picks a free one
    #[arg(long, default_value_t = 0, hide_short_help = true)]
    pub host_port: u16,
    /// IPv4 address of the guest: A.B.C.D/N, or dhcp (link user only) [default: 10.0.2.15/24]
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
    /// Log level of the guest's console
    #[arg(long, value_name = "LEVEL", value_enum, hide_short_help = true)]
    pub log: Option<LogLevel>,
    /// Boot argument for the guest, such as path=smoltcp; replaces one of the same name (repeatable)
    #[arg(long, value_name = "ARG", hide_short_help = true)]
    pub boot_arg: Vec<String>,
}
