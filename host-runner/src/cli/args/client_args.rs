//! Options of a client on ordinary sockets.

use std::path::PathBuf;

use clap::Args;

use super::option_file::{KEY_BYTES, from_file, key};
use crate::cli::CliError;
use crate::experiment::probe::endpoint::NumericAddress;
use crate::link::dscp::Dscp;
use crate::link::flows::MAX_FLOWS;
use crate::load::{Plan, Protocol};

/// Protocol of requests, and their class.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Client")]
pub struct ProtocolArgs {
    /// Protocol of the service
    #[arg(long, value_enum, default_value_t)]
    pub protocol: Protocol,
    /// Key of STAMP's authenticated mode: a file with 32 to 128 hexadecimal digits
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub stamp_key: Option<PathBuf>,
    /// Class of requests (DSCP): a name such as EF, CS1 or AF21, or a number from 0 to 63
    #[arg(long, value_name = "CLASS", hide_short_help = true)]
    pub dscp: Option<Dscp>,
}

/// Options of a client on ordinary sockets. Only `probe` has such a client: the links of `run` and `compare`
/// hold nothing but the service and one client, at addresses of their own.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Client")]
pub struct ClientArgs {
    /// Protocol and class.
    #[command(flatten)]
    pub protocol: ProtocolArgs,
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

impl ProtocolArgs {
    /// Returns `plan` in this protocol. A key's file has hexadecimal digits, and blanks around them.
    ///
    /// # Errors
    ///
    /// [`CliError::Content`] if the file can't be read, or has no key; [`CliError::Plan`] if the protocol has no
    /// such requests.
    pub fn fill(&self, plan: Plan) -> Result<Plan, CliError> {
        let read = |path| from_file("--stamp-key", path, KEY_BYTES, key);
        let plan = Plan {
            protocol: self.protocol,
            key: self.stamp_key.as_deref().map(read).transpose()?,
            ..plan
        };
        plan.check()?;
        Ok(plan)
    }
}
