//! `fathom probe`: measure a service that is already running, wherever it runs.

use std::net::SocketAddr;

use super::CliError;
use super::args::{ClientArgs, ProbeArgs};
use super::interrupt::Interrupt;
use super::output::Output;
use super::progress::Terminal;
use crate::experiment::measure::{Conditions, measure};
use crate::experiment::probe::{contact, endpoint};
use crate::experiment::sweep::{Ladder, Runs};
use crate::experiment::{Caller, exclusive, generator};
use crate::host::cpu_latency::CpuLatencyGuard;
use crate::host::kernel_counters::Threads;
use crate::link::flows::Flows;
use crate::link::source::Source;
use crate::link::udp::UdpLink;
use crate::link::{Family, Link};
use crate::load::{Plan, PlanError, WaitRule};
use crate::record::{Environment, Setting};

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
    let client = &args.client;
    let plan = Plan {
        protocol: client.protocol,
        wait_rule: WaitRule::Sleep,
        ..args.load.plan()?
    };
    let from = client.bind.as_ref().map(|bind| bind.ip);
    let peer = endpoint::resolve(&args.address, client.interface.as_deref(), from)?;
    let (host, validity) = (args.host.spec(), args.validity.spec());
    let interrupt = Interrupt::watch()?;
    let (mut link, path_mtu) = connect(client, peer)?;
    check_payload(&plan, peer, path_mtu)?;
    let mut asked = contact::establish(link.as_mut(), peer, &plan, &interrupt)?;
    let caller = Caller {
        interrupt: &interrupt,
        monitor: &Terminal,
    };
    let turn = exclusive::lock(&host, caller)?;
    let output = Output::prepare(&args.output)?;
    let cpu_latency = CpuLatencyGuard::request(host.idle);
    let environment = Environment {
        host_idle: Some(cpu_latency.to_string()),
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
    let sweep = args.load.sweep().map(|arrivals| Ladder {
        arrivals,
        generator: generator::limits(LINK, None, &plan, arrivals),
    });
    let mut runs = Runs::measure(&plan, sweep, &output, &Terminal, |plan| {
        let link = link.as_mut();
        let conditions = Conditions {
            settle_ns: None,
            boot_id: None,
            threads: Threads::default(),
            validity,
            observed: None,
            own_threads: &|| None,
            health: &|| Ok(()),
            caller,
        };
        let measured = measure(plan, &conditions, link);
        let mut run = measured.record(setting.clone(), plan);
        // The first requests of all are warm-up, once.
        run.warmup_discarded += std::mem::take(&mut asked);
        run.bind = client.bind.as_ref().map(ToString::to_string);
        run.interface = client.interface.clone();
        run.flows = client.flows;
        (run, measured)
    });
    runs.measured_beside(turn.others());
    Ok(runs.conclude(environment, &output, &Terminal)?)
}

/// Opens the way to `peer`, and returns it with the longest packet that it is believed to carry.
fn connect(
    client: &ClientArgs,
    peer: SocketAddr,
) -> Result<(Box<dyn Link>, Option<u32>), CliError> {
    let interface = client.interface.as_deref();
    let bound = |bind| endpoint::source(bind, interface, peer);
    let source = Source {
        address: client.bind.as_ref().map(bound).transpose()?,
        interface: client.interface.clone(),
    };
    Ok(if client.flows > 1 {
        let link = Flows::connect_from(LINK, &source, client.flows, peer)?;
        let path_mtu = link.path_mtu();
        (Box::new(link), path_mtu)
    } else {
        let link = UdpLink::connect_from(LINK, &source, peer)?;
        let path_mtu = link.path_mtu();
        (Box::new(link), path_mtu)
    })
}

/// Refuses a payload that takes more than one packet: the service answers no fragments.
fn check_payload(plan: &Plan, peer: SocketAddr, path_mtu: Option<u32>) -> Result<(), PlanError> {
    let family = if endpoint::is_ipv4(peer) {
        Family::V4
    } else {
        Family::V6
    };
    plan.check_packet(family, path_mtu)
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
    fn a_payload_is_no_longer_than_a_packet_of_the_services_family() {
        let check = |address: &str, payload: u32, path_mtu| {
            let args = probe_args(&format!("{address} --payload {payload}")).unwrap();
            let peer = endpoint::resolve(&args.address, None, None).unwrap();
            check_payload(&args.load.plan().unwrap(), peer, path_mtu)
        };
        let v4 = "127.0.0.1:9";
        for v6 in ["[::1]:9", "[2001:db8::1]:9"] {
            assert_eq!(check(v6, 1452, Some(65_536)), Ok(()));
            let error = check(v6, 1453, Some(65_536)).unwrap_err();
            assert!(error.to_string().contains("44 to 1452"), "{error}");
            assert_eq!(CliError::from(error).exit_code(), 2);
        }
        for v4 in [v4, "[::ffff:127.0.0.1]:9"] {
            assert_eq!(check(v4, 1472, None), Ok(()));
        }
        // A tunnel on the way.
        let error = check(v4, 1393, Some(1420)).unwrap_err();
        assert!(error.to_string().contains("44 to 1392"), "{error}");
        assert_eq!(check(v4, 1392, Some(1420)), Ok(()));
    }

    #[test]
    fn the_client_is_what_the_options_say() {
        let args = probe_args("127.0.0.1:9").unwrap();
        assert_eq!((args.client.flows, args.client.bind), (1, None));
        let line = "127.0.0.1:9 --bind 127.0.0.2:4000 --interface lo --flows 4 --protocol echo";
        let client = probe_args(line).unwrap().client;
        assert_eq!((client.flows, client.protocol.name()), (4, "echo"));
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
