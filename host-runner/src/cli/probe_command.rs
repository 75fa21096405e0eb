//! `fathom probe`: measure a service that is already running, wherever it runs.

use super::CliError;
use super::args::ProbeArgs;
use super::ctrl_c::Interrupt;
use super::output::Output;
use crate::experiment::probe::{ClientSpec, Probe, ProbeSpec};

impl ProbeArgs {
    /// Returns the measurement that the options ask for.
    ///
    /// # Errors
    ///
    /// [`CliError::Experiment`] if the options make no load, [`CliError::Content`] if a key can't be read.
    pub fn spec(&self) -> Result<ProbeSpec, CliError> {
        let client = &self.client;
        let load = self.load.spec();
        let plan = client.protocol.fill(load.plan()?)?;
        Ok(ProbeSpec {
            address: self.address.clone(),
            client: ClientSpec {
                bind: client.bind.clone(),
                interface: client.interface.clone(),
                flows: client.flows,
                dscp: client.protocol.dscp,
            },
            plan,
            sweep: load.sweep(),
            validity: self.validity.spec(),
            host: self.host.spec(),
        })
    }
}

/// Measures the service at the address given, and reports.
///
/// # Errors
///
/// [`CliError::Experiment`] if the service can't be measured, or if the measurement is invalid;
/// [`CliError::Report`] if results can't be written.
pub fn run(args: &ProbeArgs) -> Result<(), CliError> {
    let spec = args.spec()?;
    let interrupt = Interrupt::watch()?;
    let caller = interrupt.caller();
    let probe = Probe::prepare(&spec, caller)?;
    let output = Output::prepare(&args.output)?;
    Ok(probe.carry_out(&output, caller)?)
}

#[cfg(test)]
mod tests;
