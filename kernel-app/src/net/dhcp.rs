//! A DHCP client (RFC 2131): asks for an address, keeps it for as long as it may, and tells what else
//! the server said.
//!
//! Of its own, because smoltcp's does not take an acknowledgement without a subnet mask, forgets the
//! router when one does not name it, and passes on no other options. Here what an
//! acknowledgement leaves out stays as it was. Leases are renewed with the server where the last
//! acknowledgement came from: no neighbour has to be found for that.
//!
//! Retransmissions keep the transaction number, so that a server which takes longer to answer than the client waits is
//! heard. A lease begins with the first message of that number, which is never later than the server has it begin.
//!
//! - [`message`](mod@message): requests put together, and answers taken apart;
//! - [`pace`]: waits for answers;
//! - [`lease`]: the address, and when it is renewed and ends.
//!
//! Knows messages and times, and no device: who owns it sends what [`Client::poll`] writes. No unsafe code.
#![forbid(unsafe_code)]

mod lease;
pub(super) mod message;
mod pace;

use core::net::Ipv4Addr;

use wire::Mac;

use crate::clock::NEVER_NS;
use lease::{DEFAULT_LEASE_S, INFINITE_S, Lease, LeaseTimes};
use message::{ClientMessage, Kind, Offer, Text};
use pace::RETRY_NS;

/// UDP port of DHCP servers (RFC 2131 §4.1).
pub(super) const DHCP_SERVER_PORT: u16 = 67;

const SECOND_NS: u64 = 1_000_000_000;

/// Pause after a refusal; twice as long after each that follows another without a lease between them.
const PAUSE_NS: u64 = SECOND_NS;
const MAX_PAUSE_NS: u64 = 64 * SECOND_NS;

/// Least pause after an address was found to be another host's (RFC 2131 §3.1, step 5).
const DECLINE_PAUSE_NS: u64 = 10 * SECOND_NS;

/// Time for which offers of a server that did not stand by its last one are passed over.
const AVOIDED_NS: u64 = 2 * SECOND_NS;

/// Longest time that a server takes to answer a renewal: a later one has another transaction number.
const ANSWER_NS: u64 = 10 * SECOND_NS;

/// Most requests to confirm a lease after the link was down; the lease's renewal replaces those that come too late.
const CONFIRMATIONS: u8 = 3;

/// Least time between requests that renew a lease (RFC 2131 §4.4.5). Shorter leases have no room for it: the least is
/// then a quarter of the time between rebinding and the lease's end, and [`RETRY_NS`] at any rate.
const RENEWAL_RETRY_NS: u64 = 60 * SECOND_NS;

/// The client's state: the message that it waits for.
#[derive(Clone, Copy, Debug)]
enum State {
    /// Offers.
    Discovering,
    /// The acknowledgement of what this server offered.
    Requesting { server: Ipv4Addr, lease: Lease },
    /// The time to renew the lease, and then acknowledgements.
    Bound {
        server: Ipv4Addr,
        server_mac: Mac,
        lease: Lease,
        times: LeaseTimes,
    },
    /// The pause after declining this address, which another host has.
    Declining { server: Ipv4Addr, address: Ipv4Addr },
}

/// A DHCP client.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    mac: Mac,
    state: State,
    random: u64,
    transaction: u32,
    /// Number of messages of that number and type.
    asked: u32,
    /// Time of the first of them, which is when a lease begins.
    asked_ns: u64,
    /// Time at which the acquisition or renewal began.
    began_ns: u64,
    /// Seconds since then, as in the last question.
    elapsed_s: u16,
    due_ns: u64,
    /// Set once there was a lease.
    was_bound: bool,
    /// The next pause after a refusal.
    pause_ns: u64,
    /// Requests to confirm the lease that are still to be sent.
    confirmations_left: u8,
    /// The server that did not stand by its last offer.
    avoided: Option<Ipv4Addr>,
    arguments: Text,
}

/// A message to send, and to whom.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing {
    /// Ethernet address.
    pub to_mac: Mac,
    /// Our IP address, unspecified if there is none yet.
    pub from: Ipv4Addr,
    /// The server's IP address, or everybody's.
    pub to: Ipv4Addr,
    /// The UDP payload.
    pub message: [u8; message::LEN],
}

impl Client {
    /// A client that has not asked yet. `seed` should differ from boot to boot and from host to host.
    pub const fn new(mac: Mac, seed: u64, now_ns: u64) -> Self {
        Self {
            mac,
            state: State::Discovering,
            random: seed,
            transaction: 0,
            asked: 0,
            asked_ns: now_ns,
            began_ns: now_ns,
            elapsed_s: 0,
            due_ns: now_ns,
            was_bound: false,
            pause_ns: PAUSE_NS,
            confirmations_left: 0,
            avoided: None,
            arguments: Text::EMPTY,
        }
    }

    /// The lease, if there is one.
    pub const fn lease(&self) -> Option<&Lease> {
        match &self.state {
            State::Bound { lease, .. } => Some(lease),
            _ => None,
        }
    }

    /// Returns the boot arguments that the server gave in the private option.
    pub fn arguments(&self) -> &Text {
        &self.arguments
    }

    /// Returns the time at which [`Client::poll`] has something to do, in nanoseconds.
    pub const fn due_ns(&self) -> u64 {
        self.due_ns
    }

    /// Gives the lease back because another host has its address; goes on asking after a pause.
    pub fn decline(&mut self, now_ns: u64) {
        if let State::Bound { server, lease, .. } = self.state {
            let address = lease.address;
            self.state = State::Declining { server, address };
            self.asked = 0;
            self.due_ns = now_ns;
        }
    }

    /// Asks at once whether a lease is still good, or for one: the link was down, and may lead to another network now.
    ///
    /// The lease is kept meanwhile, and afterwards if nobody answers (RFC 2131 §3.7, §3.2 step 3).
    pub fn reconnect(&mut self, now_ns: u64) {
        match self.state {
            State::Bound { .. } => {
                self.confirmations_left = CONFIRMATIONS;
                self.asked = 0;
                self.due_ns = now_ns;
            }
            State::Discovering | State::Requesting { .. } => self.discover(now_ns),
            State::Declining { .. } => {}
        }
    }

    fn discover(&mut self, due_ns: u64) {
        self.state = State::Discovering;
        self.asked = 0;
        self.due_ns = due_ns;
    }

    /// Begins again, but not at once: two that do not agree would go on for ever.
    fn pause(&mut self, now_ns: u64) {
        self.discover(now_ns + self.pause_ns);
        self.pause_ns = (2 * self.pause_ns).min(MAX_PAUSE_NS);
    }

    /// Goes on to the next question if it is time: the message to send. A lease that has ended is gone.
    pub fn poll(&mut self, now_ns: u64) -> Option<Outgoing> {
        if now_ns < self.due_ns {
            return None;
        }
        match self.state {
            State::Bound { times, .. } if now_ns >= times.end_ns => self.discover(now_ns),
            State::Declining { .. } if self.asked > 0 => self.discover(now_ns),
            State::Requesting { server, .. } if self.asked >= self.requests() => {
                self.avoided = Some(server);
                self.discover(now_ns);
            }
            State::Bound { times, .. } => {
                if self.asked == 0 {
                    self.began_ns = now_ns;
                    self.pause_ns = PAUSE_NS;
                } else if now_ns - self.asked_ns >= ANSWER_NS
                    || now_ns >= times.rebind_ns && self.asked_ns < times.rebind_ns
                {
                    self.asked = 0;
                }
            }
            _ => {}
        }
        if self.asked == 0 {
            self.asked_ns = now_ns;
            // A request has the number of the offer that it is about (RFC 2131 §4.4.1).
            if !matches!(self.state, State::Requesting { .. }) {
                self.transaction = self.random();
            }
        }
        self.asked += 1;
        // And its seconds: servers and relays are told by them how urgent it is (RFC 2131 §4.1).
        if !matches!(self.state, State::Requesting { .. }) {
            let elapsed_s = (now_ns - self.began_ns) / SECOND_NS;
            self.elapsed_s = elapsed_s.min(u16::MAX.into()) as u16;
        }
        let mut message = ClientMessage::new(self.mac, self.transaction);
        message.elapsed_s = self.elapsed_s;
        let mut outgoing = Outgoing {
            to_mac: Mac::BROADCAST,
            from: Ipv4Addr::UNSPECIFIED,
            to: Ipv4Addr::BROADCAST,
            message: [0; message::LEN],
        };
        match self.state {
            State::Discovering => {
                message.kind = Kind::Discover;
                self.due_ns = now_ns + self.retry_ns();
            }
            State::Requesting { server, lease } => {
                message.requested = Some((lease.address, server));
                self.due_ns = now_ns + self.retry_ns();
            }
            State::Declining { server, address } => {
                message.kind = Kind::Decline;
                message.requested = Some((address, server));
                self.due_ns = now_ns + self.pause_ns.max(DECLINE_PAUSE_NS);
                self.pause_ns = (2 * self.pause_ns).min(MAX_PAUSE_NS);
            }
            // Not to the server alone, which may be out of reach, and as if without an address: INIT-REBOOT.
            State::Bound { lease, times, .. } if self.confirmations_left > 0 => {
                message.requested = Some((lease.address, Ipv4Addr::UNSPECIFIED));
                let retry_ns = now_ns + self.retry_ns();
                let is_last = self.confirmations_left == 1 || retry_ns >= times.renew_ns;
                (self.confirmations_left, self.due_ns) = if is_last {
                    (0, retry_ns.max(times.renew_ns).min(times.end_ns))
                } else {
                    (self.confirmations_left - 1, retry_ns)
                };
            }
            State::Bound {
                server,
                server_mac,
                lease,
                times: LeaseTimes {
                    rebind_ns, end_ns, ..
                },
            } => {
                message.own = lease.address;
                outgoing.from = lease.address;
                let by_ns = if now_ns < rebind_ns {
                    (outgoing.to_mac, outgoing.to) = (server_mac, server);
                    rebind_ns
                } else {
                    end_ns
                };
                // Half of what is left (RFC 2131 §4.4.5).
                let least_ns = ((end_ns - rebind_ns) / 4).clamp(RETRY_NS, RENEWAL_RETRY_NS);
                let half_ns = (by_ns - now_ns) / 2;
                self.due_ns = (now_ns + half_ns.max(least_ns)).min(by_ns);
            }
        }
        message.write(&mut outgoing.message);
        Some(outgoing)
    }

    /// Takes a server's message, which came from the Ethernet address `from`.
    pub fn receive(&mut self, message: &[u8], from: Mac, now_ns: u64) {
        // Nothing was asked in this state: it is late.
        if self.asked == 0 {
            return;
        }
        let Some(answer) = message::parse(message, self.mac, self.transaction) else {
            return;
        };
        match (answer.kind, self.state) {
            (Kind::Offer, State::Discovering) => {
                let (Some(server), Some(lease)) = (answer.server, answer.lease(None)) else {
                    return;
                };
                // Others get some time to offer something.
                let is_early = now_ns - self.asked_ns < AVOIDED_NS;
                if self.avoided == Some(server) && is_early {
                    return;
                }
                self.state = State::Requesting { server, lease };
                self.asked = 0;
                self.due_ns = now_ns;
            }
            (Kind::Acknowledge, State::Requesting { server, lease }) => {
                let server = answer.server.unwrap_or(server);
                self.bind(&answer, &lease, None, (server, from), now_ns);
            }
            (
                Kind::Acknowledge,
                State::Bound {
                    server,
                    lease,
                    times,
                    ..
                },
            ) => {
                let server = answer.server.unwrap_or(server);
                self.bind(&answer, &lease, Some(times.end_ns), (server, from), now_ns);
            }
            // Another server's is not about what this one has offered.
            (Kind::Refuse, State::Requesting { server, .. })
                if answer.server.is_none_or(|refuser| refuser == server) =>
            {
                self.avoided = Some(server);
                self.pause(now_ns);
            }
            (Kind::Refuse, State::Bound { .. }) => self.pause(now_ns),
            _ => {}
        }
    }

    fn bind(
        &mut self,
        answer: &Offer<'_>,
        before: &Lease,
        end_before_ns: Option<u64>,
        (server, server_mac): (Ipv4Addr, Mac),
        now_ns: u64,
    ) {
        let Some(lease) = answer.lease(Some(before)) else {
            self.pause(now_ns);
            return;
        };
        let lease_s = answer.lease_s.unwrap_or(match end_before_ns {
            Some(NEVER_NS) => INFINITE_S,
            _ => DEFAULT_LEASE_S,
        });
        let given = (answer.renew_s, answer.rebind_s);
        let times = LeaseTimes::new(self.asked_ns, lease_s, given);
        self.state = State::Bound {
            server,
            server_mac,
            lease,
            times,
        };
        self.asked = 0;
        self.confirmations_left = 0;
        self.due_ns = times.renew_ns;
        self.was_bound = true;
        self.avoided = None;
        if let Some(arguments) = answer.arguments {
            self.arguments = arguments;
        }
    }
}

#[cfg(test)]
mod tests;
