//! Options of a client on ordinary sockets.

use clap::Args;

use crate::experiment::probe::endpoint::NumericAddress;
use crate::link::flows::MAX_FLOWS;
use crate::load::Protocol;

/// Options of a client on ordinary sockets. Only `probe` has such a client: the links of `run` and `compare`
/// hold nothing but the service and one client, at addresses of their own.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Client")]
pub struct ClientArgs {
    /// Protocol of the service
    #[arg(long, value_enum, default_value_t)]
    pub protocol: Protocol,
    /// Source address, and first source port, of requests [default: by the routes, any free port]
    #[arg(long, value_name = "ADDR[:PORT]")]
    pub bind: Option<NumericAddress>,
    /// Network device that requests leave by, whatever the routes say
    #[arg(long, value_name = "NAME")]
    pub interface: Option<String>,
    /// Number of source ports, used in turns, 1 to 256
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=i64::from(MAX_FLOWS)))]
    pub flows: u16,
}
