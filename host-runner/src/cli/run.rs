//! `fathom run`: boot, measure, report, shut down.

use std::net::{Ipv6Addr, SocketAddr};

use super::CliError;
use super::args::RunArgs;
use super::boot_args::Idle;
use super::interrupt::Interrupt;
use super::measure::{Measured, measure};
use super::output::Output;
use super::{linux, machine, values::Ip};
use crate::link::user::UdpLink;
use crate::link::{self, Family, LinkKind, Opener};
use crate::load::Plan;
use crate::machine::{Machine, Placement};
use crate::report::run::GuestCounters;
use crate::report::{Environment, Image, Report, Setting};
use crate::target::{Bootable, Target};

/// What the guest printed, among the results.
pub(super) const CONSOLE_LOG: &str = "console.log";

/// What results call the way to a process on this host.
const LOOPBACK: &str = "loopback";

/// Boots the service, measures it, and reports.
///
/// # Errors
///
/// [`CliError`] for whatever was in the way, or if the measurement is invalid. What was measured
/// until then is written all the same.
pub fn run(args: &RunArgs) -> Result<(), CliError> {
    let plan = args.load.plan()?;
    check(args)?;
    linux::check(args)?;
    match args.target {
        Target::Hermit | Target::LinuxGuest => run_guest(args, &plan),
        Target::LinuxHost => run_host(args, &plan),
    }
}

/// Measures a guest.
fn run_guest(args: &RunArgs, plan: &Plan) -> Result<(), CliError> {
    let scratch = tempfile::tempdir().map_err(|source| CliError::Setup {
        what: "a scratch directory",
        source,
    })?;
    let bootable = match args.target {
        Target::LinuxGuest => linux::guest(args, scratch.path())?,
        Target::Hermit | Target::LinuxHost => machine::hermit(&args.guest, Idle::Spin),
    };
    let image = Image::read(&bootable.image).map_err(|source| CliError::Image {
        path: bootable.image.clone(),
        source,
    })?;
    let interrupt = Interrupt::watch()?;
    let output = Output::prepare(&args.output)?;
    match boot(args, bootable, &output, &interrupt) {
        Ok((machine, opener)) => {
            measure_on(machine, opener, args, plan, image, &output, &interrupt)
        }
        Err(error) => {
            output.discard();
            Err(error)
        }
    }
}

/// Measures a process on this host.
fn run_host(args: &RunArgs, plan: &Plan) -> Result<(), CliError> {
    let interrupt = Interrupt::watch()?;
    let output = Output::prepare(&args.output)?;
    let host = match linux::host(args, &output, &interrupt) {
        Ok(host) => host,
        Err(error) => {
            output.discard();
            return Err(error);
        }
    };
    let mut link = UdpLink::connect(LOOPBACK, host.address())?;
    let environment = Environment::now();
    let boot_id = Some(host.ready().boot_id);
    let placement = host.place();
    let measured = measure(plan, boot_id, &mut link, &interrupt, || host.check());
    let setting = Setting {
        target: args.target.name().to_owned(),
        responder: responder(args),
        address: host.address().to_string(),
        link: LOOPBACK.to_owned(),
        accel: None,
        boot_ms: None,
        guest_boot_ms: None,
        placement: Some(placement),
    };
    let environment = Environment {
        steal_share: measured.noise.steal_share,
        ..environment
    };
    let report = Report::new(environment, vec![measured.record(setting, plan)]);
    conclude(&output, report, measured)
}

/// Options that don't go together.
fn check(args: &RunArgs) -> Result<(), CliError> {
    let problem = match args.link.unwrap_or_default() {
        LinkKind::User if args.ipv6 => {
            Some("QEMU's user network forwards no IPv6: use `--ipv6` with `--link unix`")
        }
        LinkKind::Unix if args.guest.ip == Some(Ip::Dhcp) => {
            Some("there is no DHCP server on link unix: use `--ip dhcp` with `--link user`")
        }
        LinkKind::Unix if args.guest.host_port != 0 => {
            Some("link unix has no host port: use `--host-port` with `--link user`")
        }
        _ => None,
    };
    problem.map_or(Ok(()), |problem| Err(CliError::Usage(problem)))
}

fn family(args: &RunArgs) -> Family {
    if args.ipv6 { Family::V6 } else { Family::V4 }
}

fn boot(
    args: &RunArgs,
    bootable: Bootable,
    output: &Output,
    interrupt: &Interrupt,
) -> Result<(Machine, Opener), CliError> {
    let (netdev, opener) = link::prepare(link::Options {
        kind: args.link.unwrap_or_default(),
        family: family(args),
        host_port: args.guest.host_port,
        guest_port: args.guest.port,
        pcap: args.guest.pcap.clone(),
    })?;
    let console_log = output.file(CONSOLE_LOG);
    let machine = machine::boot(&args.guest, bootable, netdev, console_log, interrupt)?;
    Ok((machine, opener))
}

fn measure_on(
    mut machine: Machine,
    opener: Opener,
    args: &RunArgs,
    plan: &Plan,
    image: Image,
    output: &Output,
    interrupt: &Interrupt,
) -> Result<(), CliError> {
    let mut link = opener.open(&machine)?;
    let mut environment = Environment {
        qemu_version: machine.qemu_version().ok(),
        accel: Some(machine.accel().name().to_owned()),
        accel_reason: Some(machine.accel_reason().to_owned()),
        image: Some(image),
        ..Environment::now()
    };
    let boot_id = Some(machine.ready().boot_id);
    let placement = machine.place();
    let measured = measure(plan, boot_id, link.as_mut(), interrupt, || machine.check());
    environment.steal_share = measured.noise.steal_share;
    let setting = setting(args, &machine, link.name(), &placement);
    let mut run = measured.record(setting, plan);
    run.guest_counters = match measured.failure {
        None => machine.counters().ok().map(GuestCounters),
        Some(_) => None,
    };
    let report = Report::new(environment, vec![run]);
    // Written before QEMU is asked to end, so that an impatient second Ctrl-C loses nothing.
    let outcome = conclude(output, report, measured);
    machine.shutdown();
    outcome
}

/// The responder's mode, where there is a responder.
fn responder(args: &RunArgs) -> Option<String> {
    match args.target {
        Target::Hermit => None,
        Target::LinuxGuest | Target::LinuxHost => {
            Some(args.linux.responder.unwrap_or_default().name().to_owned())
        }
    }
}

fn setting(args: &RunArgs, machine: &Machine, link: &str, placement: &Placement) -> Setting {
    let ready = machine.ready();
    let address = match (machine.host_port(), family(args), ready.ip) {
        (Some(port), _, _) => SocketAddr::from(([127, 0, 0, 1], port)),
        (None, Family::V6, _) | (None, _, None) => {
            let any = Ipv6Addr::UNSPECIFIED;
            SocketAddr::from((ready.ip6.map_or(any, |(ip6, _)| ip6), ready.port))
        }
        (None, Family::V4, Some((ip, _))) => SocketAddr::from((ip, ready.port)),
    };
    Setting {
        target: args.target.name().to_owned(),
        responder: responder(args),
        address: address.to_string(),
        link: link.to_owned(),
        accel: Some(machine.accel().name().to_owned()),
        boot_ms: Some(machine.boot_host_ns() as f64 / 1e6),
        guest_boot_ms: Some(ready.boot_us as f64 / 1e3),
        placement: Some(placement.to_string()),
    }
}

/// Writes the report of one run, and says what the command comes to.
///
/// # Errors
///
/// The failure that ended the measurement, else what kept the report from being written, else that
/// the measurement is invalid.
pub(super) fn conclude(
    output: &Output,
    report: Report,
    measured: Measured,
) -> Result<(), CliError> {
    let written = output.write(&report, std::slice::from_ref(&measured.recorder));
    if let Some(failure) = measured.failure {
        if let Err(error) = written {
            eprintln!("fathom: {}", error.with_causes());
        }
        return Err(failure);
    }
    written?;
    let reasons: Vec<String> = report
        .runs
        .into_iter()
        .flat_map(|run| run.invalid_because)
        .collect();
    if reasons.is_empty() {
        Ok(())
    } else {
        Err(CliError::Invalid { reasons })
    }
}
