//! `fathom serve`: boot the service and keep it up until Ctrl-C.

use std::net::Ipv4Addr;

use super::CliError;
use super::args::ServeArgs;
use super::ctrl_c::Interrupt;
use super::output::print;
use crate::experiment::serve::{OnDeath, ServeSpec, serve};
use crate::machine::Machine;
use crate::quantity;
use crate::report::terminal_report::counter_list;

/// Boots the service on QEMU's user network, prints its address, and waits.
///
/// # Errors
///
/// [`CliError::Experiment`] for options that it can't have, if it can't be booted, or if it fails later and is not to be
/// started again.
pub fn run(args: &ServeArgs) -> Result<(), CliError> {
    let spec = ServeSpec {
        guest: args.guest.spec(),
        host_addr: args.host_addr,
        on_death: match args.restart {
            true => OnDeath::Restart,
            false => OnDeath::End,
        },
    };
    spec.check()?;
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
