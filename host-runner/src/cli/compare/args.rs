//! `fathom compare` on the command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::super::args::{GuestArgs, HostArgs, LoadArgs, OutputArgs, ValidityArgs};
use super::super::values::duration;
use super::contender::Contender;
use super::loops::Loops;
use crate::experiment::ExperimentError;
use crate::link::Family;
use crate::sut::LinkChoice;
use crate::sut::{LinuxSpec, Responder, SystemSpec};

/// `fathom compare`. What a preset says, such as that of `make compare`, can be said again after it: the
/// last word holds.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// Systems to measure: hermit, hermit:smoltcp, hermit-sockets, linux-guest:MODE, linux-host:MODE (MODE is blocking,
    /// busy, io_uring or, for linux-host on link tap, af_xdp), null
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        overrides_with = "targets",
        default_value = "hermit,linux-guest:blocking,linux-guest:busy,null"
    )]
    pub targets: Vec<Contender>,
    /// Links to measure each system over
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        value_enum,
        overrides_with = "links",
        default_value = "vhost-user"
    )]
    pub links: Vec<LinkChoice>,
    /// Number of rounds; in each, every system is booted and measured once on every link
    #[arg(long, value_name = "N", overrides_with = "repeat", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub repeat: u32,
    /// Number of times that an invalid or failed run is repeated
    #[arg(long, value_name = "N", overrides_with = "retries", default_value_t = 2, value_parser = clap::value_parser!(u32).range(..=100), hide_short_help = true)]
    pub retries: u32,
    /// Time budget: no round or repetition starts that would not finish in time; the first round always runs
    /// [default: no limit]
    #[arg(long, value_parser = duration, value_name = "DURATION", overrides_with = "within")]
    pub within: Option<Duration>,
    /// Longest wait after --warmup for latency to settle
    #[arg(long, value_parser = duration, value_name = "DURATION", overrides_with = "settle", default_value = "2s", hide_short_help = true)]
    pub settle: Duration,
    /// Skip the cost of an echo: no boots that count instructions, doorbells and interrupts
    #[arg(long)]
    pub no_why: bool,
    /// What load to put on every target.
    #[command(flatten)]
    pub load: LoadArgs,
    /// Requirements that every run has to meet.
    #[command(flatten)]
    pub validity: ValidityArgs,
    /// Where results go.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Kernel of the Linux guests [default: target/linux-guest/vmlinuz]
    #[arg(
        long,
        value_name = "PATH",
        help_heading = "Linux",
        hide_short_help = true
    )]
    pub kernel: Option<PathBuf>,
    /// Directory of that kernel's modules; without it, a --kernel needs virtio-net built in
    #[arg(
        long,
        value_name = "DIR",
        help_heading = "Linux",
        hide_short_help = true
    )]
    pub modules: Option<PathBuf>,
    /// What the host does meanwhile.
    #[command(flatten)]
    pub host: HostArgs,
    /// What to boot, and on what.
    #[command(flatten)]
    pub guest: GuestArgs,
}

impl CompareArgs {
    /// The loops that every boot is measured by.
    ///
    /// # Errors
    ///
    /// [`ExperimentError::Incompatible`] or [`ExperimentError::Plan`] if the options make none.
    pub fn loops(&self) -> Result<Loops, ExperimentError> {
        let problem = if self.load.sweep {
            Some("a comparison puts one load on all targets: leave out `--sweep`")
        } else if self.guest.pcap.is_some() {
            Some("a comparison captures nothing: leave out `--pcap`")
        } else if self.guest.spec().answer_path().is_some() {
            Some(
                "a comparison names who answers with the target: `--targets hermit,hermit:smoltcp`",
            )
        } else if self.guest.host_port != 0 {
            Some("a comparison picks its ports itself: leave out `--host-port`")
        } else {
            None
        };
        problem.map_or_else(
            || Loops::new(&self.load),
            |problem| Err(ExperimentError::Incompatible(problem)),
        )
    }

    /// Returns the system that `contender` over `link` stands for, with the options that mean something to it.
    #[must_use]
    pub fn system(&self, contender: Contender, link: LinkChoice) -> SystemSpec {
        let kind = contender.target;
        let guest = self.guest.spec();
        let guest = match contender.responder {
            Some(Responder::Smoltcp) => guest.answered_by_smoltcp(),
            _ => guest,
        };
        kind.system().without_foreign_options(SystemSpec {
            kind,
            responder: contender.responder,
            link,
            family: Family::V4,
            guest,
            linux: LinuxSpec {
                kernel: self.kernel.clone(),
                modules: self.modules.clone(),
            },
        })
    }
}
