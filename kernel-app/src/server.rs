//! The poll loop: polls a device and answers what arrives.
//!
//! Runs each frame to completion, in the order of arrival. The reflector sees a frame first and the
//! stack gets what the reflector passes on; with `path=smoltcp`, for comparison, the stack gets every
//! frame. Nothing is allocated, locked or waited for.
//!
//! Generic over device and clock, so that the whole of it is tested on the host. No unsafe code.

use wire::limits::Limiter;
use wire::{Cidr, Configuration, Counters, Ready};

use crate::args::{AnswerPath, Args, Ipv6Config};
use crate::clock::{Clock, NEVER_NS};
use crate::frame_device::{Action, Disposition, ETHERNET_HEADER, FrameDevice, MAX_FRAME};
use crate::handler::Handler;
use crate::logging;
use crate::net::addresses::Addresses;
use crate::net::reflector::{self, PredictedHeader, Reflection};
use crate::net::sockets::{Payload, Storage};
use crate::net::stack::{Intercepted, Stack};
use crate::services::{FixedPorts, Services};
use crate::shared_counters::SharedCounters;

mod copied;
mod counting;
mod error;
mod recovery;
mod stack_path;

use counting::{action, count_reply, count_unsent, is_rare, total};
pub use error::{LEASE_TIMEOUT_S, ServerError};
use recovery::ResetBudget;

/// Most frames taken in one poll, so that a flood cannot keep DHCP's timers from running.
const BURST: usize = 64;

/// A server on one network device.
pub struct Server<'s, D, C, S> {
    device: D,
    clock: C,
    stack: Stack<'s>,
    services: S,
    /// The operator's limits, at work.
    limiter: &'s mut Limiter,
    /// Payload of a datagram of the stack's while it is answered.
    payload: &'s mut Payload,
    /// Seed of the limiter's hash.
    limiter_seed: u64,
    boot_id: u32,
    /// Header of nearly all frames, once there is an address.
    predicted: Option<PredictedHeader>,
    path: AnswerPath,
    counters: Counters,
    /// Others than the frequent ones have changed since they were shared.
    has_rare_counts: bool,
    shared_counters: &'static SharedCounters,
    configuration: Configuration,
    /// Time by which there must be a lease; never if there was one, or need not be.
    lease_by_ns: u64,
    /// Time at which there is something to do though no frame has come.
    due_ns: u64,
    resets: ResetBudget,
}

impl<'s, D, C, M, F> Server<'s, D, C, Services<M, F>>
where
    D: FrameDevice,
    C: Clock,
    M: Handler,
    F: FixedPorts,
{
    /// Creates a server of `services` on `device`, configured by `args`. `storage` has room for the
    /// sockets of as many services as there are; events are counted in `shared_counters`.
    #[inline(never)]
    pub fn new<const N: usize>(
        mut device: D,
        clock: C,
        services: Services<M, F>,
        args: &Args,
        boot_id: u32,
        storage: &'s mut Storage<'s, N>,
        shared_counters: &'static SharedCounters,
    ) -> Self {
        let now_ns = clock.now_ns();
        let ipv6 = args.ipv6.given();
        let ipv6 = ipv6.map(|cidr| (cidr.address, cidr.prefix));
        let addresses = Addresses::new(device.mac(), ipv6);
        let seed = now_ns ^ (u64::from(boot_id) << 32);
        let ipv4 = args.ipv4;
        let (memory, limiter, payload) = storage.split();
        let mut stack = Stack::new(&mut device, addresses, ipv4, seed, memory, now_ns);
        if args.ipv6 == Ipv6Config::Auto {
            stack.autoconfigure(now_ns);
        }
        // The first questions and announcements.
        stack.run(&mut device, now_ns);
        let lease_by_ns = match stack.addresses().ipv4 {
            Some(_) => NEVER_NS,
            None => now_ns + LEASE_TIMEOUT_S * 1_000_000_000,
        };
        let due_ns = lease_by_ns.min(stack.due_ns());
        let mut server = Self {
            device,
            clock,
            predicted: None,
            stack,
            services,
            limiter,
            payload,
            limiter_seed: seed,
            boot_id,
            path: args.path,
            counters: Counters::ZERO,
            has_rare_counts: false,
            shared_counters,
            configuration: args.configuration,
            lease_by_ns,
            due_ns,
            resets: ResetBudget::default(),
        };
        server.configure(args);
        server
    }

    /// Does as `args` say from now on, but for addresses. For when a DHCP server has given some that
    /// nobody knew before: sockets are not opened before there is an address.
    #[cfg_attr(target_os = "none", optimize(size))]
    #[inline(never)]
    pub fn configure(&mut self, args: &Args) {
        self.services.port = args.port;
        self.limiter.configure(&args.limits, self.limiter_seed);
        self.stack.limit_answers(args.stack_rate);
        self.path = args.path;
        self.configuration = args.configuration;
        self.predicted = PredictedHeader::new(&self.services, self.stack.addresses());
        if self.path == AnswerPath::Stack && self.lease_by_ns == NEVER_NS {
            self.stack.open_services(self.services.ports());
        }
    }

    /// Replaces the seed of the hash by which sources share buckets, made of boot id and time: with the next
    /// [`Server::configure`]. It should be unpredictable.
    pub fn seed_limiter(&mut self, seed: u64) {
        self.limiter_seed = seed;
    }

    /// The arguments that a DHCP server gave.
    ///
    /// # Errors
    ///
    /// [`ServerError::Arguments`] if they can't be read.
    pub fn arguments(&self) -> Result<&str, ServerError> {
        self.stack.arguments().ok_or(ServerError::Arguments)
    }

    /// Answers the frames that have come, and does what is due. Returns whether there was anything
    /// to do.
    ///
    /// # Errors
    ///
    /// [`ServerError`]; calling it again then makes no sense.
    #[inline(always)]
    pub fn poll(&mut self) -> Result<bool, ServerError> {
        // Nearly all polls find nothing, and how long that takes decides how soon a frame is seen.
        if self.device.is_idle() && !self.is_timer_due() {
            return Ok(false);
        }
        self.work()
    }

    /// Returns whether there is nothing to do for a [`Server::poll`], but for what is due by the clock.
    #[inline(always)]
    pub fn is_idle(&self) -> bool {
        self.device.is_idle()
    }

    #[cfg_attr(target_os = "none", unsafe(link_section = ".text.hot.work"))]
    #[inline(never)]
    fn work(&mut self) -> Result<bool, ServerError> {
        // Before the frames that came meanwhile: an address may have ended with its lease.
        if self.is_timer_due() {
            self.run_stack()?;
        }
        let is_stack_due = match self.path {
            AnswerPath::Reflector => self.answer_burst(),
            AnswerPath::Stack => self.answer_burst_by_stack()?,
        };
        if is_stack_due {
            self.run_stack()?;
        }
        self.share_counters();
        match self.device.fault() {
            None => Ok(true),
            Some(fault) => self.recover(fault).map(|()| true),
        }
    }

    /// Answers the frames that have come. Returns whether there were some for the stack.
    #[inline(always)]
    fn answer_burst(&mut self) -> bool {
        let mut is_stack_due = false;
        for _ in 0..BURST {
            match self.answer_one() {
                Disposition::NoFrame => break,
                Disposition::Passed => {
                    self.stack.receive(&mut self.device, self.clock.now_ns());
                    is_stack_due = true;
                }
                Disposition::Sent | Disposition::TxFull | Disposition::Dropped => {}
            }
        }
        is_stack_due
    }

    /// Polls until the service has its addresses.
    ///
    /// # Errors
    ///
    /// As for [`Server::poll`]; [`ServerError::NoLease`] bounds the wait.
    #[cfg_attr(target_os = "none", optimize(size))]
    pub fn poll_until_ready(&mut self) -> Result<(), ServerError> {
        while self.lease_by_ns != NEVER_NS {
            self.poll()?;
        }
        Ok(())
    }

    /// The ready line of a service that became ready `boot_us` microseconds after its boot.
    #[cfg_attr(target_os = "none", optimize(size))]
    #[inline(never)]
    #[must_use]
    pub fn ready(&self, boot_us: u64) -> Ready {
        let addresses = self.stack.addresses();
        let mut configuration = self.configuration;
        self.stack.describe(&mut configuration);
        let max_frame = self.device.capabilities().max_transmission_unit;
        if max_frame != MAX_FRAME {
            let device_mtu = (max_frame - ETHERNET_HEADER) as u16;
            let mtu = configuration.mtu.unwrap_or(device_mtu);
            configuration.mtu = Some(mtu.min(device_mtu));
        }
        Ready {
            ip: addresses.ipv4.map(Cidr::from),
            ip6: Some(addresses.main_ipv6().into()),
            port: self.services.port,
            mac: Some(addresses.mac),
            boot_us,
            boot_id: self.boot_id,
            counters: Some(self.shared_counters.address()),
            nic: None,
            configuration,
        }
    }

    /// The clock the service stamps replies with.
    pub const fn clock(&self) -> &C {
        &self.clock
    }

    /// Offers the next frame to the reflector, and counts what came of it.
    #[inline(always)]
    fn answer_one(&mut self) -> Disposition {
        let Self {
            device,
            clock,
            stack,
            services,
            predicted,
            counters,
            has_rare_counts,
            limiter,
            ..
        } = self;
        // The counter of a reply, to be taken back if that can't be sent.
        let mut reply = None;
        let mut is_for_stack = false;
        let offered = device.offer(|frame| {
            let header = predicted.as_mut();
            let predicted =
                header.and_then(|header| header.answer(services, limiter, frame, clock));
            let reflection = match predicted {
                // On a way of its own, on which the compiler knows which counter it is.
                Some(Reflection::Reply { counter, len }) => {
                    reply = Some(counter);
                    *has_rare_counts |= is_rare(counter);
                    return count_reply(counters, counter, len);
                }
                Some(reflection) => reflection,
                None => reflector::reflect(services, limiter, frame, stack.addresses(), clock),
            };
            match reflection {
                Reflection::Pass => {
                    let intercepted = stack.intercept(frame, clock.now_ns());
                    is_for_stack = intercepted == Intercepted::Consumed;
                    if let Intercepted::Refused(counter) = intercepted {
                        *has_rare_counts = true;
                        counters.add(counter);
                    }
                    return action(intercepted);
                }
                Reflection::Reply { counter, len } => {
                    reply = Some(counter);
                    *has_rare_counts |= is_rare(counter);
                    return count_reply(counters, counter, len);
                }
                Reflection::Drop => return Action::Drop,
                Reflection::Discard(counter) => {
                    *has_rare_counts = true;
                    counters.add(counter);
                    return Action::Drop;
                }
                Reflection::NoReply(counter) => counters.add(counter),
            }
            *has_rare_counts = true;
            counters.datagrams_received += 1;
            Action::Drop
        });
        match offered {
            // The stack has something to do.
            Disposition::Dropped if is_for_stack => return Disposition::Passed,
            Disposition::TxFull => count_unsent(counters, reply),
            _ => {}
        }
        offered
    }

    /// Returns true if the stack wants to run. Without DHCP it has no timers, and no clock is read.
    #[inline(always)]
    fn is_timer_due(&self) -> bool {
        self.due_ns != NEVER_NS && self.clock.now_ns() >= self.due_ns
    }

    fn run_stack(&mut self) -> Result<(), ServerError> {
        let now_ns = self.clock.now_ns();
        let before = self.stack.addresses().ipv4;
        self.stack.run(&mut self.device, now_ns);
        let ipv4 = self.stack.addresses().ipv4;
        if ipv4.is_some() {
            self.lease_by_ns = NEVER_NS;
        }
        let counts = self.stack.counts();
        self.has_rare_counts = true;
        self.counters.leases_lost = counts.leases_lost;
        self.counters.address_conflicts = counts.address_conflicts;
        // What is logged while serving is logged by the stack.
        self.counters.log_left_out = logging::left_out();
        if ipv4 != before {
            self.predicted = PredictedHeader::new(&self.services, self.stack.addresses());
        }
        self.due_ns = self.lease_by_ns.min(self.stack.due_ns());
        if now_ns >= self.lease_by_ns {
            return Err(ServerError::NoLease);
        }
        Ok(())
    }

    fn share_counters(&mut self) {
        // Storing all of them would take as long as a tenth of an echo.
        if core::mem::take(&mut self.has_rare_counts) {
            self.share_all_counters();
        } else {
            let counters = total(&self.counters, &self.device.counts());
            self.shared_counters.store_frequent(&counters);
        }
    }

    #[cfg_attr(target_os = "none", optimize(size))]
    #[inline(never)]
    fn share_all_counters(&self) {
        let counters = total(&self.counters, &self.device.counts());
        self.shared_counters.store(&counters);
    }
}

#[cfg(test)]
mod tests;
