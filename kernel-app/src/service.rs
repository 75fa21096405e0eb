//! The service: polls a device and answers what comes.
//!
//! Run to completion, one frame at a time, in the order of arrival: the reflector sees each frame
//! first, the stack gets what the reflector leaves. Nothing is allocated, locked or waited for.
//! Generic over device and clock, so that it runs whole on the host. No unsafe code.

use wire::{Counters, Ready};

use crate::args::Args;
use crate::clock::Clock;
use crate::frames::{DeviceFault, Fate, FrameDevice, Offered};
use crate::published::Published;
use crate::reflector::{Reflection, Reflector};
use crate::stack::{Addresses, Stack, Storage};

/// How long the service waits for its first DHCP lease, in seconds.
pub const LEASE_TIMEOUT_S: u64 = 10;

/// Most frames taken in one poll, so that a flood cannot keep DHCP's timers from running.
const BURST: usize = 64;

/// Why the service cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServiceError {
    /// No DHCP server has given us an address in time.
    #[error(
        "no DHCP lease within {LEASE_TIMEOUT_S} s: is there a DHCP server on this network? \
         A static address needs none: ip=A.B.C.D/N"
    )]
    NoLease,
    /// The network device broke the protocol.
    #[error("network device failed: {0}")]
    Device(#[from] DeviceFault),
}

/// The service on a device.
pub struct Service<'s, D, C> {
    device: D,
    clock: C,
    stack: Stack<'s>,
    reflector: Reflector,
    counters: Counters,
    published: &'static Published,
    /// Until when there must be a lease; none if there was one, or need not be.
    lease_by_ns: Option<u64>,
}

impl<'s, D: FrameDevice, C: Clock> Service<'s, D, C> {
    /// A service on `device`, configured by `args`. Replies carry `boot_id`, and what is counted
    /// can be read from `published`.
    pub fn new(
        mut device: D,
        clock: C,
        args: &Args,
        boot_id: u32,
        storage: &'s mut Storage<'s>,
        published: &'static Published,
    ) -> Self {
        let now_ns = clock.now_ns();
        let addresses = Addresses::new(device.mac(), args.ipv6);
        let seed = now_ns ^ (u64::from(boot_id) << 32);
        let stack = Stack::new(&mut device, addresses, args.ipv4, seed, storage, now_ns);
        let has_address = stack.addresses().ipv4.is_some();
        Self {
            device,
            clock,
            stack,
            reflector: Reflector {
                port: args.port,
                boot_id,
            },
            counters: Counters::ZERO,
            published,
            lease_by_ns: (!has_address).then_some(now_ns + LEASE_TIMEOUT_S * 1_000_000_000),
        }
    }

    /// Answers the frames that have come, and does what is due. Returns whether there was anything
    /// to do.
    ///
    /// # Errors
    ///
    /// [`ServiceError`]; calling it again then makes no sense.
    pub fn poll(&mut self) -> Result<bool, ServiceError> {
        let mut is_stack_due = false;
        let mut frames = 0;
        while frames < BURST {
            match self.answer_one() {
                Offered::Nothing => break,
                Offered::Kept => {
                    self.stack.receive(&mut self.device, self.clock.now_ns());
                    is_stack_due = true;
                }
                Offered::Sent | Offered::Full | Offered::Dropped => {}
            }
            frames += 1;
        }
        if is_stack_due || self.is_timer_due() {
            self.run_stack()?;
        } else if frames == 0 {
            return self.healthy(false);
        }
        self.publish();
        self.healthy(true)
    }

    /// Polls until the service has its addresses.
    ///
    /// # Errors
    ///
    /// As for [`Service::poll`]; [`ServiceError::NoLease`] bounds the wait.
    pub fn poll_until_ready(&mut self) -> Result<(), ServiceError> {
        while self.lease_by_ns.is_some() {
            self.poll()?;
        }
        Ok(())
    }

    /// The ready line of a service that became ready `boot_us` microseconds after its boot.
    #[must_use]
    pub fn ready(&self, boot_us: u64) -> Ready {
        let addresses = self.stack.addresses();
        Ready {
            ip: addresses.ipv4,
            ip6: Some(addresses.main_ipv6()),
            port: self.reflector.port,
            mac: Some(addresses.mac),
            boot_us,
            boot_id: self.reflector.boot_id,
            counters: Some(self.published.address()),
        }
    }

    /// The clock the service stamps replies with.
    pub const fn clock(&self) -> &C {
        &self.clock
    }

    /// Offers the next frame to the reflector, and counts what came of it.
    fn answer_one(&mut self) -> Offered {
        let Self {
            device,
            clock,
            stack,
            reflector,
            counters,
            ..
        } = self;
        let mut reflection = Reflection::Ignored;
        let offered = device.offer(|frame| {
            reflection = reflector.reflect(frame, stack.addresses(), || clock.now_ns());
            match reflection {
                Reflection::NotOurs => Fate::Keep,
                Reflection::Answered { len, .. } => Fate::SendBack(len),
                Reflection::Ignored | Reflection::Refused | Reflection::Dropped(_) => Fate::Drop,
            }
        });
        match reflection {
            Reflection::NotOurs | Reflection::Ignored => return offered,
            Reflection::Refused => counters.dropped_source += 1,
            Reflection::Dropped(verdict) => counters.count(verdict),
            Reflection::Answered { verdict, .. } => match offered {
                Offered::Full => counters.dropped_transmit += 1,
                _ => counters.count(verdict),
            },
        }
        counters.datagrams_received += 1;
        offered
    }

    /// Whether the stack wants to run. Without DHCP it has no timers, and no clock is read.
    fn is_timer_due(&self) -> bool {
        let due_ns = self
            .lease_by_ns
            .unwrap_or(u64::MAX)
            .min(self.stack.due_ns());
        due_ns != u64::MAX && self.clock.now_ns() >= due_ns
    }

    fn run_stack(&mut self) -> Result<(), ServiceError> {
        let now_ns = self.clock.now_ns();
        self.stack.run(&mut self.device, now_ns);
        if self.stack.addresses().ipv4.is_some() {
            self.lease_by_ns = None;
        }
        match self.lease_by_ns {
            Some(by_ns) if now_ns >= by_ns => Err(ServiceError::NoLease),
            _ => Ok(()),
        }
    }

    fn publish(&self) {
        let device = self.device.counts();
        self.published.publish(&Counters {
            frames_received: device.frames_received,
            frames_sent: device.frames_sent,
            dropped_transmit: self.counters.dropped_transmit + device.dropped_transmit,
            device_faults: device.faults,
            ..self.counters
        });
    }

    fn healthy(&self, busy: bool) -> Result<bool, ServiceError> {
        match self.device.fault() {
            None => Ok(busy),
            Some(fault) => {
                self.publish();
                Err(fault.into())
            }
        }
    }
}

#[cfg(test)]
mod tests;
