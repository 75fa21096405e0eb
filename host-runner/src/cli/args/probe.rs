//! `fathom probe` on the command line.

use clap::Args;

use super::{ClientArgs, HostArgs, LoadArgs, OutputArgs};

/// `fathom probe`.
#[derive(Debug, Args)]
pub struct ProbeArgs {
    /// The service, as HOST:PORT; an IPv6 address goes in brackets
    #[arg(value_name = "ADDR")]
    pub address: String,
    /// What load to put on the service.
    #[command(flatten)]
    pub load: LoadArgs,
    /// What sends the load.
    #[command(flatten)]
    pub client: ClientArgs,
    /// Where results go.
    #[command(flatten)]
    pub output: OutputArgs,
    /// What the host does meanwhile.
    #[command(flatten)]
    pub host: HostArgs,
}
