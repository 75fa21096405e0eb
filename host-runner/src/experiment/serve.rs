//! A guest that is kept up until the caller has had enough: booted, watched, and booted again if it dies.

use std::net::{Ipv4Addr, UdpSocket};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use wire::Counters;

use super::boot_directory;
use super::restart::Delays;
use super::{Caller, ExperimentError};
use crate::link::dscp::Dscp;
use crate::link::{self, Family, LinkKind, Mtu};
use crate::machine::{Machine, MachineError, Netdev, Surroundings, VhostChoice};
use crate::sut::boot_args::Idle;
use crate::sut::{GuestSpec, guest, hermit};
use crate::{quantity, terminal};

/// Interval between checks of the machine, and of the caller's interrupt.
const CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// A guest to keep up on QEMU's user network.
#[derive(Clone, Debug)]
pub struct ServeSpec {
    /// The guest.
    pub guest: GuestSpec,
    /// Address of this host that the service's UDP port is bound to.
    pub host_addr: Ipv4Addr,
    /// Reaction to the death of the guest.
    pub on_death: OnDeath,
}

impl ServeSpec {
    /// Refuses settings of a guest that QEMU's user network has not.
    ///
    /// # Errors
    ///
    /// [`ExperimentError::Incompatible`] for vhost-net, and for an MTU above 1500.
    pub fn check(&self) -> Result<(), ExperimentError> {
        let problem = if self.guest.vhost == VhostChoice::On {
            "the service is kept up on QEMU's user network, which has no vhost-net: leave out `--vhost on`"
        } else if self.guest.mtu > Mtu::ETHERNET {
            "the service is kept up on QEMU's user network, which carries packets of 1500 bytes: leave out `--mtu`"
        } else {
            return Ok(());
        };
        Err(ExperimentError::Incompatible(problem))
    }
}

/// Reaction to the death of a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDeath {
    /// Error ends the service.
    End,
    /// Booted again, after a delay.
    Restart,
}

/// Boots the guest and keeps it up until the caller's interrupt. Calls `on_ready` with each machine that is
/// ready. Returns the last one's counters; `None` if the interrupt came while none was up.
///
/// # Errors
///
/// [`ExperimentError::Address`] if no port can be bound to the host's address; [`ExperimentError::Machine`],
/// [`ExperimentError::Link`] or [`ExperimentError::Incompatible`] if the first guest can't be booted, or a
/// later one dies and is not to be booted again; else the error of `on_ready`.
pub fn serve<E: From<ExperimentError>>(
    spec: &ServeSpec,
    caller: Caller<'_>,
    mut on_ready: impl FnMut(&Machine) -> Result<(), E>,
) -> Result<Option<Counters>, E> {
    check_address(spec.host_addr)?;
    let scratch = boot_directory::create()?;
    let console_log = scratch.path().join("console.log");
    let mut service = Service {
        spec,
        console_log: &console_log,
        caller,
        host_port: spec.guest.host_port,
    };
    // One that never came up would not come up the next time: what is in the way is the result.
    let mut machine = service.boot()?;
    let mut delays = Delays::default();
    loop {
        on_ready(&machine)?;
        let ready_at = Instant::now();
        let Err(error) = service.watch(&machine) else {
            break;
        };
        let error = ExperimentError::from(error);
        if spec.on_death == OnDeath::End {
            return Err(error.into());
        }
        drop(machine);
        match service.boot_again(&mut delays, error, ready_at.elapsed()) {
            Some(again) => machine = again,
            None => return Ok(None),
        }
    }
    let counters = machine.counters().map_err(ExperimentError::from)?;
    machine.shutdown();
    Ok(Some(counters))
}

/// Checks that a port can be bound to `address`: QEMU would not say why it can't.
fn check_address(address: Ipv4Addr) -> Result<(), ExperimentError> {
    match UdpSocket::bind((address, 0)) {
        Ok(_) => Ok(()),
        Err(error) => Err(ExperimentError::Address {
            address: address.to_string(),
            problem: format!(
                "no UDP port can be bound to it ({error}); give `--host-addr` an address of this host, or \
                 0.0.0.0"
            ),
        }),
    }
}

/// A service that is kept up.
struct Service<'a> {
    spec: &'a ServeSpec,
    console_log: &'a Path,
    caller: Caller<'a>,
    /// The host's port that leads to it; 0 until one was picked.
    host_port: u16,
}

impl Service<'_> {
    /// Boots a guest.
    fn boot(&mut self) -> Result<Machine, ExperimentError> {
        let guest = &self.spec.guest;
        // The machine's port is all that is wanted of the link: clients bring their own sockets.
        let (mut netdev, _) = link::prepare(link::Options {
            kind: LinkKind::User,
            family: Family::V4,
            fault: None,
            host_port: self.host_port,
            guest_port: guest.port,
            service_port: None,
            dscp: Dscp::default(),
            pcap: guest.pcap.clone(),
            vhost: false,
            mtu: guest.mtu,
        })?;
        if let Netdev::User {
            host_addr,
            surroundings,
            ..
        } = &mut netdev
        {
            (*host_addr, *surroundings) = (self.spec.host_addr, Surroundings::Host);
        }
        let image = hermit::boot_image(guest, Idle::Nap)?;
        let config = guest::config(guest, image, netdev, self.console_log.into());
        let machine = (self.caller).watch_boot(|watch| guest::boot_machine(config, watch))?;
        // The next guest is where clients know the service to be.
        self.host_port = machine.host_port().unwrap_or(self.host_port);
        Ok(machine)
    }

    /// Waits for the interrupt, or for the death of the guest.
    fn watch(&self, machine: &Machine) -> Result<(), MachineError> {
        while !self.caller.interrupt.is_set() {
            machine.check()?;
            thread::sleep(CHECK_INTERVAL);
        }
        Ok(())
    }

    /// Boots a guest in the place of one that died of `error` after it had served for `served`, as often as
    /// it takes. `None` on the interrupt.
    fn boot_again(
        &mut self,
        delays: &mut Delays,
        mut error: ExperimentError,
        mut served: Duration,
    ) -> Option<Machine> {
        loop {
            let delay = delays.after(served);
            self.caller.monitor.message(&format_args!(
                "{}; starting it again in {}",
                terminal::one_line(&error.with_causes()),
                quantity::exact_time(delay.as_nanos() as f64),
            ));
            if !self.sleep(delay) {
                return None;
            }
            match self.boot() {
                Ok(machine) => return Some(machine),
                Err(ExperimentError::Interrupted) => return None,
                Err(other) => (error, served) = (other, Duration::ZERO),
            }
        }
    }

    /// Sleeps for `delay`; returns false if the interrupt ends that.
    fn sleep(&self, delay: Duration) -> bool {
        let end = Instant::now() + delay;
        while !self.caller.interrupt.is_set() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            thread::sleep(left.min(CHECK_INTERVAL));
        }
        false
    }
}
