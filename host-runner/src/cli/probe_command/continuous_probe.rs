//! `fathom probe --exporter` and `--hlog`: services that are measured until somebody ends it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::cli::CliError;
use crate::cli::args::ProbeArgs;
use crate::cli::ctrl_c::Interrupt;
use crate::experiment::probe::targets::{self, TargetsSpec};
use crate::exporter::{Exposition, Server};
use crate::stats::running_totals::RunningTotals;

impl ProbeArgs {
    /// Returns the continuous measurement that the options ask for.
    ///
    /// # Errors
    ///
    /// [`CliError::Usage`] or [`CliError::Experiment`] if they don't go together.
    pub fn continuous_spec(&self) -> Result<TargetsSpec, CliError> {
        let continuous = &self.continuous;
        let plan = continuous.load(self.load.spec())?.plan()?;
        Ok(TargetsSpec {
            addresses: self.addresses.clone(),
            list: continuous.targets.clone(),
            client: self.client(),
            plan: self.client.protocol.fill(plan)?,
            jitter: continuous.jitter,
            log: continuous.hlog.clone().map(|path| (path, continuous.every)),
            node: continuous.node(),
        })
    }
}

/// Sets its flag when it goes, whatever ends the measurement.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Measures the targets, and serves their metrics, until Ctrl-C or the end of the duration.
///
/// # Errors
///
/// [`CliError::Exporter`] if metrics can't be served, [`CliError::Experiment`] if nothing can be measured.
pub fn run(args: &ProbeArgs) -> Result<(), CliError> {
    let spec = args.continuous_spec()?;
    let (interrupt, reload) = match spec.list {
        Some(_) => Interrupt::watch_and_reload()?,
        None => (Interrupt::watch()?, Arc::default()),
    };
    let caller = interrupt.caller();
    let totals = Arc::new(RunningTotals::default());
    let continuous = &args.continuous;
    let exposition = Exposition::new(
        Arc::clone(&totals),
        &continuous.labels,
        continuous.native_schema,
    );
    let server = continuous.exporter.map(Server::bind).transpose()?;
    if let Some(server) = &server {
        let address = server.address();
        (caller.monitor).message(&format_args!("metrics are at http://{address}/metrics"));
    }
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let _stop = Stop(&is_over);
        if let Some(server) = &server {
            scope.spawn(|| server.serve(&exposition, &is_over));
        }
        Ok(targets::run(&spec, &totals, &reload, caller)?)
    })
}
