//! `fathom serve`: boot the service and keep it up until Ctrl-C.

use std::thread;
use std::time::Duration;

use super::CliError;
use super::args::ServeArgs;
use super::boot_args::Idle;
use super::interrupt::Interrupt;
use super::{machine, output};
use crate::files;
use crate::link::{self, Family, LinkKind};
use crate::machine::{Machine, VhostChoice};
use crate::quantity;
use wire::Counters;

/// How often to look at the machine, and for Ctrl-C.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// Boots the service on QEMU's user network, says where it is, and waits.
///
/// # Errors
///
/// [`CliError`] if it can't be booted, or fails later.
pub fn run(args: &ServeArgs) -> Result<(), CliError> {
    if args.guest.vhost == VhostChoice::On {
        return Err(CliError::Usage(
            "the service is kept up on QEMU's user network, which has no vhost-net: leave out `--vhost on`",
        ));
    }
    let interrupt = Interrupt::watch()?;
    let scratch = files::scratch().map_err(|source| CliError::Setup {
        what: "a scratch directory",
        source,
    })?;
    // The machine's port is all that is wanted of the link: clients bring their own sockets.
    let (netdev, _) = link::prepare(link::Options {
        kind: LinkKind::User,
        family: Family::V4,
        host_port: args.guest.host_port,
        guest_port: args.guest.port,
        pcap: args.guest.pcap.clone(),
        vhost: false,
    })?;
    let console_log = scratch.path().join("console.log");
    let mut machine = machine::boot(
        &args.guest,
        machine::hermit(&args.guest, Idle::Nap)?,
        netdev,
        console_log.into(),
        &interrupt,
    )?;
    output::print(&greeting(&machine))?;
    while !interrupt.is_set() {
        machine.check()?;
        thread::sleep(LOOK_INTERVAL);
    }
    let counters = machine.counters()?;
    machine.shutdown();
    output::print(&list(&counters))?;
    Ok(())
}

fn greeting(machine: &Machine) -> String {
    let ready = machine.ready();
    let port = machine.host_port().unwrap_or(ready.port);
    format!(
        "serving on 127.0.0.1:{port} (UDP), booted on {} in {}; Ctrl-C ends it\n",
        machine.accel(),
        quantity::time(machine.boot_host_ns() as f64),
    )
}

/// The counters, one per line.
fn list(counters: &Counters) -> String {
    Counters::NAMES
        .iter()
        .zip(counters.to_array())
        .map(|(name, count)| format!("{name:<24}{count:>12}\n"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_has_a_line() {
        let text = list(&Counters {
            replied: 42,
            ..Counters::ZERO
        });
        assert_eq!(text.lines().count(), Counters::LEN);
        assert!(text.contains("replied                           42\n"));
    }
}
