//! `fathom probe` on the command line.

use clap::Args;

use super::{ClientArgs, ContinuousArgs, HostArgs, LiveArgs, LoadArgs, ResultArgs};
use crate::experiment::probe::service_address::with_port;

/// `fathom probe`.
#[derive(Debug, Args)]
pub struct ProbeArgs {
    /// Service to measure, HOST:PORT; an IPv6 address goes in brackets. Several with --exporter or --hlog
    #[arg(value_name = "ADDR", value_parser = with_port, required_unless_present = "targets")]
    pub addresses: Vec<String>,
    /// Load on the service.
    #[command(flatten)]
    pub load: LoadArgs,
    /// Client that sends the load.
    #[command(flatten)]
    pub client: ClientArgs,
    /// Measurement without an end.
    #[command(flatten)]
    pub continuous: ContinuousArgs,
    /// Requirements of the result, and its destination.
    #[command(flatten)]
    pub result: ResultArgs,
    /// Options for the host during the measurement.
    #[command(flatten)]
    pub host: HostArgs,
    /// View of the measurement while it goes on.
    #[command(flatten)]
    pub live: LiveArgs,
}
