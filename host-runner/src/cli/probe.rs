//! `fathom probe`: measure a service that is already running, wherever it runs.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};

use super::CliError;
use super::args::ProbeArgs;
use super::interrupt::Interrupt;
use super::measure::measure;
use super::output::Output;
use super::series::Series;
use crate::link::Link as _;
use crate::link::user::UdpLink;
use crate::machine::Awake;
use crate::report::{Environment, Setting};

/// What results call a service that somebody else runs.
const TARGET: &str = "remote";

/// What results call the way there: an ordinary socket.
const LINK: &str = "udp";

/// Measures the service at the address given, and reports.
///
/// # Errors
///
/// [`CliError`] for whatever was in the way, or if the measurement is invalid.
pub fn run(args: &ProbeArgs) -> Result<(), CliError> {
    let plan = args.load.plan()?;
    let peer = resolve(&args.address)?;
    let interrupt = Interrupt::watch()?;
    let mut link = UdpLink::connect(LINK, peer)?;
    let output = Output::prepare(&args.output)?;
    let awake = Awake::ask(args.host.host_idle);
    let environment = Environment {
        host_idle: Some(awake.to_string()),
        ..Environment::now()
    };
    let setting = Setting {
        target: TARGET.to_owned(),
        responder: None,
        address: peer.to_string(),
        link: link.name().to_owned(),
        accel: None,
        boot_ms: None,
        guest_boot_ms: None,
        placement: None,
    };
    let series = Series::measure(&plan, args.load.sweep, &output, |plan| {
        let measured = measure(plan, None, None, &mut link, &interrupt, &|| None, || {
            Ok::<(), CliError>(())
        });
        (measured.record(setting.clone(), plan), measured)
    });
    series.conclude(environment, &output)
}

fn resolve(address: &str) -> Result<SocketAddr, CliError> {
    let not_found = || io::Error::from(io::ErrorKind::NotFound);
    address
        .to_socket_addrs()
        .and_then(|mut found| found.next().ok_or_else(not_found))
        .map_err(|source| CliError::Resolve {
            address: address.to_owned(),
            source,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_addresses_with_a_port() {
        let v4: SocketAddr = "127.0.0.1:9000".parse().unwrap();
        assert_eq!(resolve("127.0.0.1:9000").unwrap(), v4);
        let v6: SocketAddr = "[::1]:9000".parse().unwrap();
        assert_eq!(resolve("[::1]:9000").unwrap(), v6);
        for bad in ["127.0.0.1", "127.0.0.1:99999", ""] {
            let error = resolve(bad).unwrap_err();
            assert!(error.to_string().contains("HOST:PORT"), "{error}");
        }
    }
}
