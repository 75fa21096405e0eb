//! `fathom serve`: boot the service and keep it up until Ctrl-C.

use std::net::{Ipv4Addr, UdpSocket};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::CliError;
use super::args::ServeArgs;
use super::interrupt::Interrupt;
use super::output;
use super::progress::Terminal;
use super::restart::Delays;
use super::say::say;
use crate::experiment::run::scratch;
use crate::experiment::{Caller, ExperimentError};
use crate::link::{self, Family, LinkKind};
use crate::machine::{Machine, MachineError, Netdev, VhostChoice};
use crate::sut::boot_args::Idle;
use crate::sut::{guest, hermit};
use crate::{quantity, terminal};
use wire::Counters;

/// How often to look at the machine, and for Ctrl-C.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// Boots the service on QEMU's user network, says where it is, and waits.
///
/// # Errors
///
/// [`CliError`] if it can't be booted, or fails later and is not to be started again.
pub fn run(args: &ServeArgs) -> Result<(), CliError> {
    if args.guest.vhost == VhostChoice::On {
        return Err(CliError::Usage(
            "the service is kept up on QEMU's user network, which has no vhost-net: leave out `--vhost on`",
        ));
    }
    check_address(args.host_addr)?;
    let interrupt = Interrupt::watch()?;
    let scratch = scratch()?;
    let console_log = scratch.path().join("console.log");
    let mut service = Service {
        args,
        console_log: &console_log,
        interrupt: &interrupt,
        host_port: args.guest.host_port,
    };
    // One that never came up would not come up the next time: what is in the way is said, and that is all.
    let mut machine = service.boot()?;
    let mut delays = Delays::default();
    loop {
        output::print(&greeting(&machine, args.host_addr))?;
        let ready_at = Instant::now();
        let Err(error) = service.watch(&machine) else {
            break;
        };
        if !args.restart {
            return Err(error.into());
        }
        drop(machine);
        match service.start_again(&mut delays, error.into(), ready_at.elapsed()) {
            Some(again) => machine = again,
            None => return Ok(()),
        }
    }
    let counters = machine.counters()?;
    machine.shutdown();
    output::print(&list(&counters))?;
    Ok(())
}

/// Returns whether a port can be bound to `address`.
///
/// # Errors
///
/// [`ExperimentError::Address`] if not: QEMU would not say why.
fn check_address(address: Ipv4Addr) -> Result<(), CliError> {
    match UdpSocket::bind((address, 0)) {
        Ok(_) => Ok(()),
        Err(error) => Err(ExperimentError::Address {
            address: address.to_string(),
            problem: format!(
                "no UDP port can be bound to it ({error}); give `--host-addr` an address of this host, or \
                 0.0.0.0"
            ),
        }
        .into()),
    }
}

/// A service that is kept up.
struct Service<'a> {
    args: &'a ServeArgs,
    console_log: &'a Path,
    interrupt: &'a Interrupt,
    /// The host's port that leads to it; 0 until one was picked.
    host_port: u16,
}

impl Service<'_> {
    /// Boots a guest.
    ///
    /// # Errors
    ///
    /// [`CliError`] if it can't be booted, [`ExperimentError::Interrupted`] on Ctrl-C.
    fn boot(&mut self) -> Result<Machine, CliError> {
        let guest = self.args.guest.spec();
        // The machine's port is all that is wanted of the link: clients bring their own sockets.
        let (mut netdev, _) = link::prepare(link::Options {
            kind: LinkKind::User,
            family: Family::V4,
            host_port: self.host_port,
            guest_port: guest.port,
            pcap: guest.pcap.clone(),
            vhost: false,
        })?;
        if let Netdev::User { host_addr, .. } = &mut netdev {
            *host_addr = self.args.host_addr;
        }
        let image = hermit::boot_image(&guest, Idle::Nap)?;
        let config = guest::config(&guest, image, netdev, self.console_log.into());
        let caller = Caller {
            interrupt: self.interrupt,
            monitor: &Terminal,
        };
        let machine = caller.watch_boot(|watch| guest::boot_machine(config, watch))?;
        // The next guest is where clients know the service to be.
        self.host_port = machine.host_port().unwrap_or(self.host_port);
        Ok(machine)
    }

    /// Waits for Ctrl-C.
    ///
    /// # Errors
    ///
    /// [`MachineError`] if the guest dies before.
    fn watch(&self, machine: &Machine) -> Result<(), MachineError> {
        while !self.interrupt.is_set() {
            machine.check()?;
            thread::sleep(LOOK_INTERVAL);
        }
        Ok(())
    }

    /// Boots a guest in the place of one that died of `error` after it had served for `served`, as often as
    /// it takes. `None` on Ctrl-C.
    fn start_again(
        &mut self,
        delays: &mut Delays,
        mut error: CliError,
        mut served: Duration,
    ) -> Option<Machine> {
        loop {
            let delay = delays.after(served);
            say(format_args!(
                "{}; starting it again in {}",
                terminal::one_line(&error.with_causes()),
                quantity::exact_time(delay.as_nanos() as f64),
            ));
            if !self.sleep(delay) {
                return None;
            }
            match self.boot() {
                Ok(machine) => return Some(machine),
                Err(CliError::Experiment(ExperimentError::Interrupted)) => return None,
                Err(other) => (error, served) = (other, Duration::ZERO),
            }
        }
    }

    /// Sleeps for `delay`; returns false if Ctrl-C ends that.
    fn sleep(&self, delay: Duration) -> bool {
        let end = Instant::now() + delay;
        while !self.interrupt.is_set() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            thread::sleep(left.min(LOOK_INTERVAL));
        }
        false
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
