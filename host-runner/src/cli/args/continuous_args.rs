//! Options of a measurement without an end.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args};

use crate::cli::CliError;
use crate::experiment::probe::continuous_options::without_meaning;
use crate::exporter::Label;
use crate::exporter::buckets::{DEFAULT_SCHEMA, SCHEMAS};
use crate::load::load_spec::ModeName;
use crate::load::{LoadSpec, Rate};
use crate::quantity::parse::duration;

/// Requests per second to each target unless told otherwise: a prime number, as of any other open loop.
const DEFAULT_RATE: Rate = Rate::per_second(97);

/// Duration without an end: that of the clock.
const ENDLESS_NS: u64 = u64::MAX;

/// Options of a measurement without an end, of one service or several.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Continuous measurement", group = ArgGroup::new("continuous").args(["exporter", "hlog"]).multiple(true).conflicts_with_all(without_meaning()))]
pub struct ContinuousArgs {
    /// Measure by an open loop (97 requests/s unless --rate says more or less) until Ctrl-C or for --duration, and serve
    /// metrics for Prometheus here [default IP: 127.0.0.1]
    #[arg(long, value_name = "[IP:]PORT", value_parser = listen_address)]
    pub exporter: Option<SocketAddr>,
    /// Do the same, and write interval logs to this directory, a file per day
    #[arg(long, value_name = "DIR")]
    pub hlog: Option<PathBuf>,
    /// Length of an interval of --hlog
    #[arg(long, value_name = "DURATION", value_parser = interval, default_value = "1m", requires = "hlog", hide_short_help = true)]
    pub every: Duration,
    /// File with further services, one a line; read again on SIGHUP
    #[arg(long, value_name = "FILE")]
    pub targets: Option<PathBuf>,
    /// Label of every metric, besides `target`
    #[arg(
        long = "label",
        value_name = "NAME=VALUE",
        requires = "exporter",
        hide_short_help = true
    )]
    pub labels: Vec<Label>,
    /// Longest time by which each target's start is put off, at random
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "0s", requires = "continuous", hide_short_help = true)]
    pub jitter: Duration,
    /// Resolution of native histograms: 2^N buckets per doubling, -4 to 8
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = DEFAULT_SCHEMA, requires = "exporter", hide_short_help = true, value_parser = clap::value_parser!(i32).range(i64::from(*SCHEMAS.start())..=i64::from(*SCHEMAS.end())))]
    pub native_schema: i32,
}

/// Reads the address to listen on; without an IP address it is the loopback's.
fn listen_address(text: &str) -> Result<SocketAddr, String> {
    let port = text
        .parse()
        .map(|port| (IpAddr::V4(Ipv4Addr::LOCALHOST), port).into());
    port.or_else(|_| text.parse())
        .map_err(|_| "expected a port, or IP:PORT such as 0.0.0.0:9464 or [::]:9464".to_owned())
}

/// Reads the length of an interval of whole seconds.
fn interval(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        short if short < Duration::from_secs(1) => {
            Err("an interval is a second or longer".to_owned())
        }
        length => Ok(length),
    }
}

impl ContinuousArgs {
    /// Returns whether a continuous measurement is asked for.
    #[must_use]
    pub const fn is_asked_for(&self) -> bool {
        self.exporter.is_some() || self.hlog.is_some()
    }

    /// Returns the name of this node: that of a label `node`, or the host's.
    #[must_use]
    pub fn node(&self) -> String {
        let named = self.labels.iter().find(|label| label.name() == "node");
        let host = || {
            let names = rustix::system::uname();
            names.nodename().to_string_lossy().into_owned()
        };
        named.map_or_else(host, |label| label.value().to_owned())
    }

    /// Returns the load on each target: an open loop, without an end unless one is given.
    ///
    /// # Errors
    ///
    /// [`CliError::Usage`] if `load` is another.
    pub fn load(&self, load: LoadSpec) -> Result<LoadSpec, CliError> {
        if load.mode.is_some_and(|mode| mode != ModeName::Open) {
            return Err(CliError::Usage(
                "a continuous measurement (--exporter, --hlog) is an open loop: leave out --mode",
            ));
        }
        Ok(LoadSpec {
            mode: Some(ModeName::Open),
            rate: load.rate.or(Some(DEFAULT_RATE)),
            duration_ns: load.duration_ns.or(Some(ENDLESS_NS)),
            ..load
        })
    }
}

#[cfg(test)]
mod tests;
