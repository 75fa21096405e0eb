//! The poll loop: polls a device and answers what arrives.
//!
//! Runs each frame to completion, in the order of arrival. The reflector sees a frame first and the
//! stack gets what the reflector passes on; with `path=smoltcp`, for comparison, the stack gets every
//! frame. Nothing is allocated, locked or waited for.
//!
//! Generic over device and clock, so that the whole of it is tested on the host. No unsafe code.

use core::marker::PhantomData;

use wire::{Cidr, Configuration, Counter, Counters, MAX_PAYLOAD, Ready};

use crate::args::{AnswerPath, Args, Ipv6Config};
use crate::clock::{Clock, NEVER_NS};
use crate::frame_device::{Action, Disposition, FrameDevice};
use crate::handler::{Handler, IpFields, Request};
use crate::net::addresses::Addresses;
use crate::net::priority_tag;
use crate::net::reflector::{self, PredictedHeader, Reflection};
use crate::net::sockets::Storage;
use crate::net::stack::{Intercepted, Stack};
use crate::services::{Exchange, FixedPorts, Services};
use crate::shared_counters::SharedCounters;

mod copied;
mod counting;
mod error;

use copied::CopiedDatagram;
use counting::{count_reply, count_unsent};
pub use error::{LEASE_TIMEOUT_S, ServerError};

/// Most frames taken in one poll, so that a flood cannot keep DHCP's timers from running.
const BURST: usize = 64;

/// A server on one network device.
pub struct Server<'s, D, C, S> {
    device: D,
    clock: C,
    stack: Stack<'s>,
    services: S,
    boot_id: u32,
    /// Header of nearly all frames, once there is an address.
    predicted: Option<PredictedHeader>,
    path: AnswerPath,
    counters: Counters,
    shared_counters: &'static SharedCounters,
    configuration: Configuration,
    /// Time by which there must be a lease; never if there was one, or need not be.
    lease_by_ns: u64,
    /// Time at which there is something to do though no frame has come.
    due_ns: u64,
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
        let mut stack = Stack::new(&mut device, addresses, ipv4, seed, storage, now_ns);
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
            boot_id,
            path: args.path,
            counters: Counters::ZERO,
            shared_counters,
            configuration: args.configuration,
            lease_by_ns,
            due_ns,
        };
        server.configure(args);
        server
    }

    /// Does as `args` say from now on, but for addresses. For when a DHCP server has given some that
    /// nobody knew before: sockets are not opened before there is an address.
    pub fn configure(&mut self, args: &Args) {
        self.services.port = args.port;
        self.path = args.path;
        self.configuration = args.configuration;
        self.predicted = PredictedHeader::new(&self.services, self.stack.addresses());
        if self.path == AnswerPath::Stack && self.lease_by_ns == NEVER_NS {
            self.stack.open_services(self.services.ports());
        }
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
            Some(fault) => Err(fault.into()),
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

    /// The same without the reflector: each frame goes through the stack, and its answer goes out
    /// before the next is looked at. Returns that nothing is left to be done.
    #[inline(never)]
    fn answer_burst_by_stack(&mut self) -> Result<bool, ServerError> {
        for _ in 0..BURST {
            let mut received_ns = 0;
            let mut is_plain = false;
            let mut intercepted = Intercepted::Passed;
            let mut ip = None;
            let offered = self.device.offer(|frame| {
                priority_tag::remove(frame);
                ip = reflector::ip_fields(frame);
                received_ns = self.clock.stamp_ns();
                is_plain = reflector::is_plain(frame, self.stack.addresses().mac.octets());
                intercepted = self.stack.intercept(frame, received_ns);
                action(intercepted)
            });
            if offered == Disposition::NoFrame {
                break;
            }
            if let Intercepted::Refused(counter) = intercepted {
                self.counters.add(counter);
            }
            self.stack.receive(&mut self.device, received_ns);
            self.answer_datagrams(received_ns, ip.filter(|_| is_plain));
            self.run_stack()?;
        }
        Ok(false)
    }

    /// Answers the datagrams that the stack made of one frame. `ip` are the fields of its IP header that
    /// no socket reports, if it was plain ([`reflector::is_plain`]); else nothing is answered.
    fn answer_datagrams(&mut self, received_ns: u64, ip: Option<IpFields>) {
        let mut payload = [0; MAX_PAYLOAD];
        while let Some(datagram) = self.stack.take_datagram(&mut payload) {
            self.counters.datagrams_received += 1;
            let copied = CopiedDatagram {
                payload: &mut payload[..datagram.len],
                exchange: Exchange {
                    own: self.stack.addresses(),
                    main_port: self.services.port,
                    source: datagram.source,
                    destination: datagram.destination,
                },
                request: Request {
                    port: datagram.port,
                    source: datagram.source,
                    received_ns,
                    ip,
                },
                clock: &self.clock,
                fixed: PhantomData::<F>,
            };
            let (len, counter) = self.services.visit(datagram.port, copied);
            let is_sent = len.is_none_or(|len| self.stack.send_back(&datagram, &payload[..len]));
            let counter = if is_sent {
                counter
            } else {
                Counter::DroppedTransmit
            };
            self.counters.add(counter);
        }
    }

    /// Polls until the service has its addresses.
    ///
    /// # Errors
    ///
    /// As for [`Server::poll`]; [`ServerError::NoLease`] bounds the wait.
    pub fn poll_until_ready(&mut self) -> Result<(), ServerError> {
        while self.lease_by_ns != NEVER_NS {
            self.poll()?;
        }
        Ok(())
    }

    /// The ready line of a service that became ready `boot_us` microseconds after its boot.
    #[must_use]
    pub fn ready(&self, boot_us: u64) -> Ready {
        let addresses = self.stack.addresses();
        let mut configuration = self.configuration;
        self.stack.describe(&mut configuration);
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
            ..
        } = self;
        // The counter of a reply, to be taken back if that can't be sent.
        let mut reply = None;
        let mut is_for_stack = false;
        let offered = device.offer(|frame| {
            let header = predicted.as_ref();
            let predicted = header.and_then(|header| header.answer(services, frame, clock));
            let reflection = match predicted {
                // On a way of its own, on which the compiler knows which counter it is.
                Some(Reflection::Reply { counter, len }) => {
                    reply = Some(counter);
                    return count_reply(counters, counter, len);
                }
                Some(reflection) => reflection,
                None => reflector::reflect(services, frame, stack.addresses(), clock),
            };
            match reflection {
                Reflection::Pass => {
                    let intercepted = stack.intercept(frame, clock.now_ns());
                    is_for_stack = intercepted == Intercepted::Consumed;
                    if let Intercepted::Refused(counter) = intercepted {
                        counters.add(counter);
                    }
                    return action(intercepted);
                }
                Reflection::Reply { counter, len } => {
                    reply = Some(counter);
                    return count_reply(counters, counter, len);
                }
                Reflection::Drop => return Action::Drop,
                Reflection::Reject => counters.dropped_source += 1,
                Reflection::NoReply(counter) => counters.add(counter),
            }
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
        self.counters.leases_lost = counts.leases_lost;
        self.counters.address_conflicts = counts.address_conflicts;
        if ipv4 != before {
            self.predicted = PredictedHeader::new(&self.services, self.stack.addresses());
        }
        self.due_ns = self.lease_by_ns.min(self.stack.due_ns());
        if now_ns >= self.lease_by_ns {
            return Err(ServerError::NoLease);
        }
        Ok(())
    }

    fn share_counters(&self) {
        let device = self.device.counts();
        self.shared_counters.store(&Counters {
            frames_received: device.frames_received,
            frames_sent: device.frames_sent,
            dropped_transmit: self.counters.dropped_transmit + device.dropped_transmit,
            device_faults: device.faults,
            doorbells: device.doorbells,
            ..self.counters
        });
    }
}

const fn action(intercepted: Intercepted) -> Action {
    match intercepted {
        Intercepted::Reply(len) => Action::Tx(len),
        Intercepted::Consumed | Intercepted::Refused(_) => Action::Drop,
        Intercepted::Passed => Action::Pass,
    }
}

#[cfg(test)]
mod tests;
