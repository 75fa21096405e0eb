//! `fathom serve`: boot the service and keep it up until Ctrl-C.

use std::net::Ipv4Addr;

use super::CliError;
use super::args::ServeArgs;
use super::ctrl_c::Interrupt;
use super::output::print;
use crate::experiment::serve::{OnDeath, ServeSpec, serve};
use crate::link::Mtu;
use crate::machine::{Machine, VhostChoice};
use crate::quantity;
use crate::report::terminal_report::counter_list;

/// Boots the service on QEMU's user network, prints its address, and waits.
///
/// # Errors
///
/// [`CliError::Usage`] for vhost-net and for an MTU above 1500; [`CliError::Experiment`] if it can't be booted, or fails later and is not
/// to be started again.
pub fn run(args: &ServeArgs) -> Result<(), CliError> {
    if args.guest.vhost == VhostChoice::On {
        return Err(CliError::Usage(
            "the service is kept up on QEMU's user network, which has no vhost-net: leave out `--vhost on`",
        ));
    }
    if args.guest.mtu > Mtu::ETHERNET {
        return Err(CliError::Usage(
            "the service is kept up on QEMU's user network, which carries packets of 1500 bytes: leave out `--mtu`",
        ));
    }
    let spec = ServeSpec {
        guest: args.guest.spec(),
        host_addr: args.host_addr,
        on_death: match args.restart {
            true => OnDeath::Restart,
            false => OnDeath::End,
        },
    };
    let interrupt = Interrupt::watch()?;
    let caller = interrupt.caller();
    let on_ready = |machine: &Machine| -> Result<(), CliError> {
        Ok(print(&greeting(machine, spec.host_addr))?)
    };
    match serve(&spec, caller, on_ready)? {
        Some(counters) => Ok(print(&counter_list::render(&counters))?),
        None => Ok(()),
    }
}

fn greeting(machine: &Machine, host_addr: Ipv4Addr) -> String {
    let ready = machine.ready();
    let port = machine.host_port().unwrap_or(ready.port);
    format!(
        "serving on {host_addr}:{port} (UDP), booted on {} in {}; Ctrl-C ends it\n",
        machine.accel(),
        quantity::time(machine.boot_host_ns() as f64),
    )
}
