//! `fathom probe`: measure a service that is already running, wherever it runs.

mod continuous_probe;

use super::CliError;
use super::args::ProbeArgs;
use super::ctrl_c::Interrupt;
use super::output::Output;
use crate::experiment::abort::Aborting;
use crate::experiment::probe::{ClientSpec, Probe, ProbeSpec};

impl ProbeArgs {
    /// Returns the measurement that the options ask for.
    ///
    /// # Errors
    ///
    /// [`CliError::Usage`] if there are several services, [`CliError::Experiment`] if the options make no load,
    /// [`CliError::Content`] if a key can't be read.
    pub fn spec(&self) -> Result<ProbeSpec, CliError> {
        let ([address], None) = (self.addresses.as_slice(), &self.continuous.targets) else {
            return Err(CliError::Usage(
                "several services are measured side by side and without an end: add --exporter PORT or --hlog DIR",
            ));
        };
        let load = self.load.spec();
        Ok(ProbeSpec {
            address: address.clone(),
            client: self.client(),
            plan: self.client.protocol.fill(load.plan()?)?,
            sweep: load.sweep(),
            validity: self.result.validity.spec(),
            host: self.host.spec(),
        })
    }

    /// Returns the client.
    fn client(&self) -> ClientSpec {
        let client = &self.client;
        ClientSpec {
            bind: client.bind.clone(),
            interface: client.interface.clone(),
            flows: client.flows,
            dscp: client.protocol.dscp,
        }
    }
}

/// Measures the service at the address given, and reports.
///
/// # Errors
///
/// [`CliError::Experiment`] if the service can't be measured, or if the measurement is invalid;
/// [`CliError::Report`] if results can't be written.
pub fn run(args: &ProbeArgs) -> Result<(), CliError> {
    if args.continuous.is_asked_for() {
        return continuous_probe::run(args);
    }
    let spec = args.spec()?;
    let judging = args.result.judging("fathom probe", || spec.groups())?;
    let interrupt = Interrupt::watch()?;
    let live = args.live.begin()?.with_objectives(judging.expressions());
    let caller = interrupt.caller_with(&live);
    let aborting = Aborting::new(caller, &judging.gate().objectives);
    let probe = Probe::prepare(&spec, caller)?;
    let output = Output::prepare(&args.result.output, judging)?;
    let outcome = probe.carry_out(&output, aborting.caller());
    output.decide(outcome)
}

#[cfg(test)]
mod tests;
