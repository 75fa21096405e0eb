//! What can be asked for on the command line.
//!
//! - `client`: what a client on ordinary sockets does;
//! - `load`: what load to put on a service;
//! - `probe`: `fathom probe`;
//! - `spec`: plain specifications, from the arguments;
//! - `validity`: what a result has to live up to.

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

mod client;
mod load;
mod probe;
mod spec;
mod validity;

pub use client::ClientArgs;
pub use load::{LoadArgs, ModeName};
pub use probe::{ProbeArgs, with_port};
pub use validity::ValidityArgs;

/// `fathom run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Target: hermit, hermit:smoltcp, hermit-sockets, linux-guest:MODE, linux-host:MODE (MODE is blocking, busy, io_uring
    /// or, for linux-host on link tap, af_xdp), null
    #[arg(long = "target", value_name = "NAME", default_value = "hermit")]
    pub name: SystemName,
    /// How datagrams reach the service [default: vhost-user; loopback for linux-host]
    #[arg(long, value_enum)]
    pub link: Option<LinkChoice>,
    /// Measure over IPv6 (not on link user)
    #[arg(long)]
    pub ipv6: bool,
    /// What load to put on the service.
    #[command(flatten)]
    pub load: LoadArgs,
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
    /// What this host's CPUs do when they have nothing to do
    #[arg(
        long,
        value_enum,
        value_name = "WHAT",
        default_value_t,
        hide_short_help = true
    )]
    pub host_idle: HostIdle,
    /// While another fathom measures on this host, for how long at most to wait until it has ended
    #[arg(long, value_parser = duration, value_name = "DURATION", overrides_with = "wait", default_value = "10m", hide_short_help = true)]
    pub wait: Duration,
    /// Measure at once although another fathom does: each disturbs the other, and both records say so
    #[arg(long, hide_short_help = true)]
    pub concurrent: bool,
    /// The guest's CPU and the measuring thread's [default: chosen by what CPUs share]
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
    /// How the service on Linux waits for datagrams [default: blocking]
    #[arg(long, value_enum)]
    pub responder: Option<Responder>,
    /// The guest's kernel [default: target/linux-guest/vmlinuz]
    #[arg(long, value_name = "PATH", hide_short_help = true)]
    pub kernel: Option<PathBuf>,
    /// The kernel's modules; without it a --kernel must have virtio-net built in
    #[arg(long, value_name = "DIR", hide_short_help = true)]
    pub modules: Option<PathBuf>,
}

/// `fathom serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// What to boot, and on what.
    #[command(flatten)]
    pub guest: GuestArgs,
    /// This host's address that the service's UDP port is bound to; 0.0.0.0 for all of them
    #[arg(long, value_name = "A.B.C.D", default_value_t = Ipv4Addr::LOCALHOST)]
    pub host_addr: Ipv4Addr,
    /// Start a guest that has died again, after 1 s, then 2 s, 4 s and so on, 60 s at most; after a minute
    /// of service it is 1 s again
    // A second guest would overwrite what was captured of the first.
    #[arg(long, conflicts_with = "pcap")]
    pub restart: bool,
}

/// Where results go.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Results")]
pub struct OutputArgs {
    /// Directory for the results [default: results/TIME in UTC, with results/latest pointing to it]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Write the result as JSON to this file as well; - for standard output, and nothing else there
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Print every figure and what the host did, not the result alone
    #[arg(long)]
    pub verbose: bool,
    /// Percentiles to report besides p50, p90, p99, p99.9 and p99.99, such as 75,99.999; each is null
    /// unless ten samples lie beyond it
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
    /// The image to boot [default: target/fathom.elf; of hermit-sockets: target/fathom-sockets.elf]
    #[arg(long, value_name = "PATH")]
    pub image: Option<PathBuf>,
    /// The accelerator: auto tries KVM and falls back to TCG
    #[arg(long, value_enum, default_value_t)]
    pub accel: AccelChoice,
    /// The guest's memory [default: 32; a Linux guest's: 128]
    #[arg(long, value_name = "MIB", hide_short_help = true)]
    pub memory: Option<u32>,
    /// The board that QEMU emulates
    #[arg(long, value_enum, default_value_t, hide_short_help = true)]
    pub machine: MachineType,
    /// The CPU model that QEMU emulates [default: host under KVM, max under TCG]
    #[arg(long, value_name = "MODEL", hide_short_help = true)]
    pub cpu: Option<String>,
    /// The service's UDP port
    #[arg(long, default_value_t = wire::DEFAULT_PORT, value_parser = clap::value_parser!(u16).range(1..), hide_short_help = true)]
    pub port: u16,
    /// The host's UDP port that leads to the service (link user only); 0 picks a free one
    #[arg(long, default_value_t = 0, hide_short_help = true)]
    pub host_port: u16,
    /// The guest's IPv4 address: A.B.C.D/N, or dhcp (link user only) [default: 10.0.2.15/24]
    #[arg(long, hide_short_help = true)]
    pub ip: Option<Ip>,
    /// The guest's IPv6 address, ADDRESS/N, beside its link-local one
    #[arg(long, hide_short_help = true)]
    pub ip6: Option<Ip6>,
    /// The guest's IPv4 gateway [default: 10.0.2.2 with the default address, else none]
    #[arg(long, value_name = "A.B.C.D", hide_short_help = true)]
    pub gw: Option<Ipv4Addr>,
    /// Capture every frame into this file
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub pcap: Option<PathBuf>,
    /// Service of the guest's rings by the host's kernel, vhost-net (link tap only)
    #[arg(long, value_enum, default_value_t, hide_short_help = true)]
    pub vhost: VhostChoice,
    /// What the guest logs to its console: off, error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", value_enum, hide_short_help = true)]
    pub log: Option<LogLevel>,
    /// A boot argument for the guest, as it is; replaces one of the same name (repeatable)
    #[arg(long, value_name = "ARG", hide_short_help = true)]
    pub boot_arg: Vec<String>,
}
