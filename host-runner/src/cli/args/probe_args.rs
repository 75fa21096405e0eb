//! `fathom probe` on the command line.

use clap::Args;

use wire::DEFAULT_PORT;

use super::{ClientArgs, HostArgs, LoadArgs, OutputArgs, ValidityArgs};

/// `fathom probe`.
#[derive(Debug, Args)]
pub struct ProbeArgs {
    /// Service to measure, HOST:PORT; an IPv6 address goes in brackets
    #[arg(value_name = "ADDR", value_parser = with_port)]
    pub address: String,
    /// Load on the service.
    #[command(flatten)]
    pub load: LoadArgs,
    /// Client that sends the load.
    #[command(flatten)]
    pub client: ClientArgs,
    /// Requirements that the result has to meet.
    #[command(flatten)]
    pub validity: ValidityArgs,
    /// Destination of the results.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Options for the host during the measurement.
    #[command(flatten)]
    pub host: HostArgs,
}

/// Takes an address that names a port. The name may turn out to lead nowhere; that is no usage error.
///
/// # Errors
///
/// A message if there is no port, or an IPv6 address is not in brackets.
pub fn with_port(address: &str) -> Result<String, String> {
    let (host, port) = match address.rsplit_once(':') {
        // A colon within an IPv6 address is no port's.
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, Some(port)),
        _ => (address, None),
    };
    match port.map(str::parse::<u16>) {
        Some(Ok(1..)) if !host.is_empty() => Ok(address.to_owned()),
        Some(_) => Err("expected HOST:PORT, with a port from 1 to 65535".to_owned()),
        None if host.contains(':') && !host.starts_with('[') => Err(format!(
            "give a port, and the address in brackets: [{host}]:{DEFAULT_PORT}"
        )),
        None => Err(format!("give a port: {host}:{DEFAULT_PORT}")),
    }
}

#[cfg(test)]
mod tests;
