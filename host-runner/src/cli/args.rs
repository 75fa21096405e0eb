//! Options and arguments of the commands.
//!
//! Each group of options makes the plain specification that the modules below know: `spec`.
//!
//! - `ci_args`: the outcome of judgements, for continuous integration;
//! - `client_args`: a client on ordinary sockets;
//! - `continuous_args`: a measurement without an end;
//! - `condition_args`: this host during a measurement, and what a result has to live up to;
//! - `load_args`: load on a service; `request_args`: content of its requests;
//! - `result_args`: what a result has to live up to, and where it goes;
//! - `live_args`: what is shown meanwhile;
//! - `objective_args`: objectives that a result is held against;
//! - `option_file`: files that options name;
//! - `probe_args`: `fathom probe`;
//! - `system_args`: the guest, its machine, and the service on Linux.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use clap::Args;

use super::CliError;
use crate::experiment::compare::CostAnalysis;
use crate::experiment::{RunSpec, service_of};
use crate::link::dscp::Dscp;
use crate::link::{Family, FaultParameters};
use crate::load::Protocol;
use crate::stats;
use crate::sut::{LinkChoice, Responder, SMOLTCP, ServiceKind, SystemKind, SystemName, SystemSpec};

mod ci_args;
mod client_args;
mod condition_args;
mod continuous_args;
mod live_args;
mod load_args;
mod objective_args;
mod option_file;
mod probe_args;
mod request_args;
mod result_args;
mod system_args;

pub use ci_args::{CiArgs, GithubChoice};
pub use client_args::{ClientArgs, ProtocolArgs};
pub use condition_args::{HostArgs, ValidityArgs};
pub use continuous_args::ContinuousArgs;
pub use live_args::LiveArgs;
pub use load_args::LoadArgs;
pub use objective_args::ObjectiveArgs;
pub use probe_args::ProbeArgs;
pub use request_args::RequestArgs;
pub use result_args::ResultArgs;
pub use system_args::{GuestArgs, KernelArgs, LinuxArgs};

/// `fathom run`.
#[derive(Debug, Args)]
#[command(mut_arg("protocol", |option| option.hide_short_help(true)))]
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
    /// Faults to inject on link unix or vhost-user, such as loss=1%,dup.from=0.5%,reorder=1%:3,corrupt=1%,delay=1ms:5%,seed=7:
    /// NAME for both directions, NAME.to for requests, NAME.from for answers
    #[arg(
        long,
        value_name = "FAULTS",
        overrides_with = "fault",
        hide_short_help = true
    )]
    pub fault: Option<FaultParameters>,
    /// Load on the service.
    #[command(flatten)]
    pub load: LoadArgs,
    /// Content of the requests.
    #[command(flatten)]
    pub request: RequestArgs,
    /// Protocol and class of the requests.
    #[command(flatten)]
    pub protocol: ProtocolArgs,
    /// Requirements of the result, and its destination.
    #[command(flatten)]
    pub result: ResultArgs,
    /// System to boot, and the machine for it.
    #[command(flatten)]
    pub guest: GuestArgs,
    /// Parts of the service on Linux.
    #[command(flatten)]
    pub linux: LinuxArgs,
    /// State of the host meanwhile.
    #[command(flatten)]
    pub host: HostArgs,
    /// View of the measurement while it goes on.
    #[command(flatten)]
    pub live: LiveArgs,
}

/// `fathom serve`, which has no use for `--vhost`: QEMU's user network has no vhost-net.
#[derive(Debug, Args)]
#[command(mut_arg("vhost", |option| option.hide(true)))]
pub struct ServeArgs {
    /// System to boot, and the machine for it.
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

/// Destination of the results.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Results")]
pub struct OutputArgs {
    /// Directory for the results [default: results/TIME in UTC; results/latest is a link to it]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Also write result.json to this file; - prints it alone on standard output
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Print every figure, and what the host contributed to it
    #[arg(long)]
    pub verbose: bool,
    /// Percentiles to report besides p50, p90, p99, p99.9 and p99.99, such as 75,99.999; each needs ten
    /// samples beyond it
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        overrides_with = "percentiles",
        hide_short_help = true
    )]
    pub percentiles: Vec<stats::Requested>,
}

impl RunArgs {
    /// Returns the experiment that the options ask for.
    ///
    /// # Errors
    ///
    /// [`CliError::Usage`] or [`CliError::Plan`] if they don't go together.
    pub fn spec(&self) -> Result<RunSpec, CliError> {
        let load = self.load.spec();
        let plan = self.request.fill(load.plan()?)?;
        let plan = self.protocol.fill(plan)?;
        if plan.content.is_some() && plan.protocol != Protocol::Fathom {
            return Err(CliError::Usage(
                "`--request` is what follows the header of Fathom's own protocol: leave out `--protocol`",
            ));
        }
        let system = SystemSpec {
            service: service_of(&plan),
            dscp: self.protocol.dscp.unwrap_or_default(),
            ..self.system()
        };
        plan.check_packet(system.family, Some(system.path_mtu()))?;
        system.check()?;
        let mode = self.linux.responder;
        (self.name.check_mode(mode)).map_err(CliError::Usage)?;
        Ok(RunSpec {
            system,
            plan,
            sweep: load.sweep(),
            cost_analysis: CostAnalysis::Skipped,
            validity: self.result.validity.spec(),
            host: self.host.spec(),
        })
    }

    /// Returns the system under test.
    fn system(&self) -> SystemSpec {
        let kind = self.name.kind;
        let guest = self.guest.spec();
        let by_boot_arg = (kind == SystemKind::Hermit && guest.answer_path() == Some(SMOLTCP))
            .then_some(Responder::Smoltcp);
        let responder = self.name.responder_or(self.linux.responder).or(by_boot_arg);
        SystemSpec {
            kind,
            responder,
            link: self.link.unwrap_or_else(|| kind.system().default_link()),
            family: if self.ipv6 { Family::V6 } else { Family::V4 },
            fault: self.fault,
            service: ServiceKind::default(),
            dscp: Dscp::default(),
            guest: guest.answered_by(responder),
            linux: self.linux.kernel.spec(),
        }
    }
}
