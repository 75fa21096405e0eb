//! `fathom probe`: measure a service that is already running, wherever it runs.

use super::CliError;
use super::args::ProbeArgs;
use super::ctrl_c::Interrupt;
use super::output::Output;
use super::progress_bar::Terminal;
use crate::experiment::Caller;
use crate::experiment::probe::{ClientSpec, Probe, ProbeSpec};
use crate::load::Plan;

impl ProbeArgs {
    /// Returns the measurement that the options ask for.
    ///
    /// # Errors
    ///
    /// [`CliError::Experiment`] if the options make no load.
    pub fn spec(&self) -> Result<ProbeSpec, CliError> {
        let client = &self.client;
        Ok(ProbeSpec {
            address: self.address.clone(),
            client: ClientSpec {
                bind: client.bind.clone(),
                interface: client.interface.clone(),
                flows: client.flows,
            },
            plan: Plan {
                protocol: client.protocol,
                ..self.load.plan()?
            },
            sweep: self.load.sweep(),
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
    let caller = Caller {
        interrupt: &interrupt,
        monitor: &Terminal,
    };
    let probe = Probe::prepare(&spec, caller)?;
    let output = Output::prepare(&args.output)?;
    Ok(probe.carry_out(&output, caller)?)
}

#[cfg(test)]
mod tests {
    use super::super::{Cli, Command};
    use super::*;
    use clap::Parser as _;

    fn probe_args(line: &str) -> Result<ProbeArgs, clap::Error> {
        let line = ["fathom", "probe"]
            .into_iter()
            .chain(line.split_whitespace());
        match Cli::try_parse_from(line)?.command {
            Command::Probe(args) => Ok(args),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_client_is_what_the_options_say() {
        let spec = probe_args("127.0.0.1:9").unwrap().spec().unwrap();
        assert_eq!((spec.client.flows, spec.client.bind), (1, None));
        let line = "127.0.0.1:9 --bind 127.0.0.2:4000 --interface lo --flows 4 --protocol echo";
        let spec = probe_args(line).unwrap().spec().unwrap();
        assert_eq!((spec.client.flows, spec.plan.protocol.name()), (4, "echo"));
        assert_eq!(spec.client.interface.as_deref(), Some("lo"));
        for wrong in [
            "--flows 0",
            "--flows 257",
            "--bind localhost",
            "--protocol stamp",
        ] {
            let error = probe_args(&format!("127.0.0.1:9 {wrong}")).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{wrong}");
        }
    }
}
