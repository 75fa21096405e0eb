//! `fathom run`: boot, measure, report, shut down.

use std::net::SocketAddr;
use std::path::Path;

use super::CliError;
use super::args::RunArgs;
use super::boot_args::Idle;
use super::floor::Floor;
use super::interrupt::Interrupt;
use super::measure::{Measured, measure};
use super::output::Output;
use super::{machine, values::Ip};
use crate::link::{self, Family, LinkKind, Opener};
use crate::load::Plan;
use crate::machine::{Machine, Placement};
use crate::report::run::GuestCounters;
use crate::report::{Environment, Image, Report, Setting};

/// What the guest printed, among the results.
const CONSOLE_LOG: &str = "console.log";

/// Boots the service, measures it, and reports.
///
/// # Errors
///
/// [`CliError`] for whatever was in the way, or if the measurement is invalid. What was measured
/// until then is written all the same.
pub fn run(args: &RunArgs) -> Result<(), CliError> {
    let plan = args.load.plan()?;
    check(args)?;
    let image_path = machine::image(args.guest.image.as_deref());
    let image = Image::read(&image_path).map_err(|source| CliError::Image {
        path: image_path.clone(),
        source,
    })?;
    let interrupt = Interrupt::watch()?;
    let output = Output::prepare(&args.output)?;
    // Before there is a guest, which would be found to be busy.
    let environment = Environment {
        image: Some(image),
        ..Environment::now()
    };
    match boot(args, &image_path, &output, &interrupt) {
        Ok((machine, opener)) => measure_on(
            machine,
            opener,
            args,
            &plan,
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

/// Options that don't go together.
fn check(args: &RunArgs) -> Result<(), CliError> {
    let problem = match args.link {
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

fn family(args: &RunArgs) -> Family {
    if args.ipv6 { Family::V6 } else { Family::V4 }
}

fn boot(
    args: &RunArgs,
    image: &Path,
    output: &Output,
    interrupt: &Interrupt,
) -> Result<(Machine, Opener), CliError> {
    let (netdev, opener) = link::prepare(link::Options {
        kind: args.link,
        family: family(args),
        host_port: args.guest.host_port,
        guest_port: args.guest.port,
        pcap: args.guest.pcap.clone(),
    })?;
    let console_log = output.file(CONSOLE_LOG);
    let machine = machine::boot(
        &args.guest,
        image,
        Idle::Spin,
        netdev,
        console_log,
        interrupt,
    )?;
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
    let mut environment = Environment {
        qemu_version: machine.qemu_version().ok(),
        accel: Some(machine.accel().name().to_owned()),
        accel_reason: Some(machine.accel_reason().to_owned()),
        ..environment
    };
    let boot_id = Some(machine.ready().boot_id);
    let placement = machine.place(args.link.is_polled());
    let shared_cpu = placement.cpu().filter(|_| args.link.is_polled());
    let look = || shared_cpu.map(|cpu| Floor::look(cpu, plan.payload_len));
    let before = look();
    let signals_before = link.signals();
    let measured = measure(plan, boot_id, link.as_mut(), interrupt, || machine.check());
    let floors = before.zip(look());
    environment.steal_share = measured.noise.steal_share;
    let setting = setting(args, &machine, link.name(), &placement);
    let mut run = measured.record(setting, plan);
    let signals = link.signals().zip(signals_before);
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
    let report = Report::new(environment, vec![run]);
    // Written before QEMU is asked to end, so that an impatient second Ctrl-C loses nothing.
    let outcome = conclude(output, report, measured);
    machine.shutdown();
    outcome
}

fn setting(args: &RunArgs, machine: &Machine, link: &str, placement: &Placement) -> Setting {
    let ready = machine.ready();
    let address = match (machine.host_port(), family(args), ready.ip) {
        (Some(port), _, _) => SocketAddr::from(([127, 0, 0, 1], port)),
        (None, Family::V4, Some((ip, _))) => SocketAddr::from((ip, ready.port)),
        (None, _, _) => SocketAddr::from((ready.ip6.0, ready.port)),
    };
    Setting {
        target: args.target.name().to_owned(),
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
