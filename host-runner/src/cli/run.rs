//! `fathom run`: boot, measure, report, shut down.

use std::net::{Ipv6Addr, SocketAddr};

use super::CliError;
use super::args::RunArgs;
use super::boot_args::{self, Idle};
use super::floor::Floor;
use super::interrupt::Interrupt;
use super::measure::measure;
use super::output::Output;
use super::series::Series;
use super::{linux, machine, values::Ip};
use crate::link::user::UdpLink;
use crate::link::{self, Family, LinkKind, Opener};
use crate::load::{Mode, Plan};
use crate::machine::{Machine, Placement};
use crate::report::run::GuestCounters;
use crate::report::{Environment, Image, Setting};
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
        Target::Hermit | Target::LinuxHost => machine::hermit(&args.guest, Idle::Spin)?,
    };
    let image = Image::read(&bootable.image).map_err(|source| CliError::Image {
        path: bootable.image.clone(),
        source,
    })?;
    let interrupt = Interrupt::watch()?;
    let output = Output::prepare(&args.output)?;
    // Before there is a guest, which would be found to be busy.
    let environment = Environment {
        image: Some(image),
        ..Environment::now()
    };
    match boot(args, bootable, &output, &interrupt) {
        Ok((machine, opener)) => measure_on(
            machine,
            opener,
            args,
            plan,
            environment,
            &output,
            &interrupt,
        ),
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
    // Before there is a responder, which may be found to be busy.
    let environment = Environment::now();
    let host = match linux::host(args, &output, &interrupt) {
        Ok(host) => host,
        Err(error) => {
            output.discard();
            return Err(error);
        }
    };
    let mut link = UdpLink::connect(LOOPBACK, host.address())?;
    let boot_id = Some(host.ready().boot_id);
    let setting = Setting {
        target: args.target.name().to_owned(),
        responder: responder(args),
        address: host.address().to_string(),
        link: LOOPBACK.to_owned(),
        accel: None,
        boot_ms: None,
        guest_boot_ms: None,
        placement: Some(host.place()),
    };
    let series = Series::measure(plan, args.load.sweep, &output, |plan| {
        let measured = measure(plan, boot_id, &mut link, &interrupt, || host.check());
        (measured.record(setting.clone(), plan), measured)
    });
    series.conclude(environment, &output)
}

/// Options that don't go together, or can't be handed to the guest.
fn check(args: &RunArgs) -> Result<(), CliError> {
    boot_args::line(&args.guest, Idle::Spin)?;
    let problem = match link_kind(args) {
        LinkKind::User if args.ipv6 => {
            Some("QEMU's user network forwards no IPv6: use `--ipv6` with another link")
        }
        LinkKind::Unix | LinkKind::VhostUser if args.guest.ip == Some(Ip::Dhcp) => {
            Some("there is no DHCP server on this link: use `--ip dhcp` with `--link user`")
        }
        LinkKind::Unix | LinkKind::VhostUser if args.guest.host_port != 0 => {
            Some("this link has no host port: use `--host-port` with `--link user`")
        }
        _ => None,
    };
    problem.map_or(Ok(()), |problem| Err(CliError::Usage(problem)))
}

/// The link to a guest: the one asked for, else the best that needs no privilege.
fn link_kind(args: &RunArgs) -> LinkKind {
    args.link.unwrap_or_default()
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
        kind: link_kind(args),
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
    environment: Environment,
    output: &Output,
    interrupt: &Interrupt,
) -> Result<(), CliError> {
    let mut link = opener.open(&machine)?;
    let environment = Environment {
        qemu_version: machine.qemu_version().ok(),
        accel: Some(machine.accel().name().to_owned()),
        accel_reason: Some(machine.accel_reason().to_owned()),
        ..environment
    };
    let boot_id = Some(machine.ready().boot_id);
    let placement = place(&mut machine, link_kind(args), plan);
    let shared_cpu = placement.cpu().filter(|_| link_kind(args).is_polled());
    let setting = setting(args, &machine, link.name(), &placement);
    let series = Series::measure(plan, args.load.sweep, output, |plan| {
        let look = || shared_cpu.map(|cpu| Floor::look(cpu, plan.payload_len));
        let floor_before = look();
        let signals_before = link.signals();
        let measured = measure(plan, boot_id, link.as_mut(), interrupt, || machine.check());
        let signals = link.signals().zip(signals_before);
        let floors = floor_before.zip(look());
        let mut run = measured.record(setting.clone(), plan);
        run.signals = signals.map(|(now, before)| now.since(&before));
        if let Some((before, after)) = floors {
            let (line, reflector) = Floor::around(before, after);
            run.core_round_trip_ns = Some(line);
            run.reflector_round_trip_ns = Some(reflector);
        }
        run.guest_counters = match measured.failure {
            None => machine.counters().ok().map(GuestCounters),
            Some(_) => None,
        };
        (run, measured)
    });
    // Written before QEMU is asked to end, so that an impatient second Ctrl-C loses nothing.
    let outcome = series.conclude(environment, output);
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

/// Places the measurement, unless it does better where the scheduler puts it: a pipeline on a link that
/// sleeps lives on many frames at a time, and a measuring thread that goes first takes each as it comes.
/// (With 128 in flight on link user that was half the rate.)
fn place(machine: &mut Machine, link: LinkKind, plan: &Plan) -> Placement {
    match plan.mode {
        Mode::Pipeline { .. } if !link.is_polled() => {
            Placement::Unchanged("a pipeline is faster so on this link".to_owned())
        }
        _ => machine.place(link.is_polled()),
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
