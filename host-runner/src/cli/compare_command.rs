//! `fathom compare`: several targets, measured in alternation and compared.

use std::path::Path;
use std::time::Duration;

use clap::{Arg, Args};

use super::CliError;
use super::args::{GuestArgs, HostArgs, KernelArgs, LiveArgs, LoadArgs, ResultArgs};
use super::ctrl_c::Interrupt;
use super::output::Output;
use crate::experiment::compare::target::{self, Resolved, Target};
use crate::experiment::compare::{CompareSpec, Comparison, Confirmation, CostAnalysis, Loads};
use crate::quantity::parse::duration;
use crate::record::result_directory::DEFAULT_BASE;
use crate::sut::LinkChoice;

/// Returns `option` with help that speaks of several guests.
fn in_plural(option: Arg) -> Arg {
    match option.get_id().as_str() {
        "kernel" => option.help("Kernel of the Linux guests [default: target/linux-guest/vmlinuz]"),
        _ => option,
    }
}

/// Options of `fathom compare`. A later option overrides an earlier one, such as that of a preset of `make compare`.
#[derive(Debug, Args)]
#[command(mut_args(in_plural))]
pub struct CompareArgs {
    /// Systems to measure: hermit, hermit:smoltcp, hermit-sockets, linux-guest:MODE, linux-host:MODE (MODE is blocking,
    /// busy, io_uring or, for linux-host on link tap, af_xdp), null; images of one system: hermit@LABEL=PATH, or
    /// hermit=sha256:DIGITS for one that is kept in results/images
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        overrides_with = "targets",
        default_value = "hermit,linux-guest:blocking,linux-guest:busy,null"
    )]
    pub targets: Vec<Target>,
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
    /// Rounds that are added, at most, while objectives are undecided or relative ones missed
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000), hide_short_help = true)]
    pub confirm: Option<u32>,
    /// Skip the boots that count instructions, doorbells and interrupts per echo
    #[arg(long)]
    pub no_why: bool,
    /// Load on every target.
    #[command(flatten)]
    pub load: LoadArgs,
    /// Requirements of the result, and its destination.
    #[command(flatten)]
    pub result: ResultArgs,
    /// Kernel of the Linux guests.
    #[command(flatten)]
    pub kernel: KernelArgs,
    /// State of the host meanwhile.
    #[command(flatten)]
    pub host: HostArgs,
    /// View of the measurement while it goes on.
    #[command(flatten)]
    pub live: LiveArgs,
    /// Images and kernels to boot, and the machines for them.
    #[command(flatten)]
    pub guest: GuestArgs,
}

impl CompareArgs {
    /// Returns the comparison that the options ask for.
    ///
    /// # Errors
    ///
    /// [`CliError::Usage`] or [`CliError::Experiment`] if they don't go together, [`CliError::Content`] if an image can't be
    /// measured.
    pub fn spec(&self) -> Result<CompareSpec, CliError> {
        if self.load.sweep {
            return Err(CliError::Usage(
                "a comparison puts one load on all targets: leave out `--sweep`",
            ));
        }
        if self.confirm.is_some() && self.result.objectives.is_empty() {
            return Err(CliError::Usage(
                "there is nothing to confirm: name objectives with `--require` or `--objectives`",
            ));
        }
        let base = Path::new(DEFAULT_BASE);
        let Resolved { variants, images } = target::resolve(&self.targets, base)?;
        let spec = CompareSpec {
            variants,
            images,
            links: self.links.clone(),
            loads: Loads::new(&self.load.spec())?,
            guest: self.guest.spec(),
            linux: self.kernel.spec(),
            rounds: self.repeat,
            retries: self.retries,
            time_limit: self.within,
            settle: self.settle,
            cost_analysis: match self.no_why {
                true => CostAnalysis::Skipped,
                false => CostAnalysis::Included,
            },
            confirmation: None,
            validity: self.result.validity.spec(),
            host: self.host.spec(),
        };
        spec.check_options()?;
        Ok(spec)
    }
}

/// Measures all targets on all links, round by round, compares, and reports.
///
/// # Errors
///
/// [`CliError::Experiment`] for the first failure, or if pairs can't be judged because valid runs are missing;
/// [`CliError::Report`] if results can't be written. Whatever was measured is written all the same.
pub fn run(args: &CompareArgs) -> Result<(), CliError> {
    let mut spec = args.spec()?;
    let mut judging = args.result.judging("fathom compare", || spec.groups())?;
    if let Some(rounds) = args.confirm {
        let gate = judging.gate().clone();
        let confirmation = Confirmation { rounds, gate };
        judging = judging.at_looks(confirmation.looks());
        spec.confirmation = Some(confirmation);
    }
    let interrupt = Interrupt::watch()?;
    let live = args.live.begin()?;
    let caller = interrupt.caller_with(&live);
    let comparison = Comparison::prepare(&spec, caller)?;
    let output = Output::prepare(&args.result.output, judging)?;
    let outcome = comparison.carry_out(&output, caller);
    output.conclude(outcome)
}

#[cfg(test)]
mod tests;
