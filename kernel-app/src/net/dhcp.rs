//! A DHCP client (RFC 2131): asks for an address, keeps it for as long as it may, and tells what else
//! the server said.
//!
//! Of its own, because smoltcp's does not take an acknowledgement without a subnet mask, forgets the
//! router when one does not name it, and passes on no other options. Here what an
//! acknowledgement leaves out stays as it was. Leases are renewed with the server where the last
//! acknowledgement came from: no neighbour has to be found for that.
//!
//! - [`message`](mod@message): requests put together, and answers taken apart.
//!
//! Knows messages and times, and no device: who owns it sends what [`Client::poll`] writes. No unsafe code.
#![forbid(unsafe_code)]

pub(super) mod message;

use core::net::Ipv4Addr;

use wire::Mac;
use wire::configuration::HostName;

use crate::clock::NEVER_NS;
use message::{ClientMessage, Kind, Offer, Text};

const SECOND_NS: u64 = 1_000_000_000;

/// First wait for an answer before asking again. The first frame after boot may find
/// the other side not ready yet, and a longer wait would be the boot time.
const RETRY_NS: u64 = SECOND_NS;

/// The same when many questions were in vain.
const LATER_RETRY_NS: u64 = 8 * SECOND_NS;
const QUICK_RETRIES: u32 = 10;

/// Number of requests for an address that was offered, before asking for another.
const REQUESTS: u32 = 5;

/// The lease of a server that does not say how long it is.
const DEFAULT_LEASE_S: u32 = 120;

/// The lease that does not end (RFC 2131 §3.3).
const INFINITE_S: u32 = u32::MAX;

/// The network's settings from a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The address.
    pub address: Ipv4Addr,
    /// Length of the subnet's prefix, in bits.
    pub prefix: u8,
    /// Default gateway.
    pub gateway: Option<Ipv4Addr>,
    /// The network's MTU, in bytes.
    pub mtu: Option<u16>,
    /// The name that the server has for us.
    pub host: Option<HostName>,
}

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
        rebind_ns: u64,
        end_ns: u64,
    },
}

/// A DHCP client.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    mac: Mac,
    state: State,
    transaction: u32,
    /// Number of requests sent since the state began.
    asked: u32,
    /// Time of the last request, which is when a lease begins.
    asked_ns: u64,
    due_ns: u64,
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
            transaction: (seed >> 32) as u32 ^ seed as u32,
            asked: 0,
            asked_ns: now_ns,
            due_ns: now_ns,
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

    fn discover(&mut self, due_ns: u64) {
        self.state = State::Discovering;
        self.asked = 0;
        self.due_ns = due_ns;
    }

    /// Goes on to the next question if it is time: the message to send. A lease that has ended is gone.
    pub fn poll(&mut self, now_ns: u64) -> Option<Outgoing> {
        if now_ns < self.due_ns {
            return None;
        }
        match self.state {
            State::Bound { end_ns, .. } if now_ns >= end_ns => self.discover(now_ns),
            State::Requesting { .. } if self.asked >= REQUESTS => self.discover(now_ns),
            _ => {}
        }
        // A new number for each question but those that go on about an offer (RFC 2131 §4.4.1).
        if !matches!(self.state, State::Requesting { .. }) {
            self.transaction = self.transaction.wrapping_mul(0x915f_77f5).wrapping_add(1);
        }
        self.asked += 1;
        self.asked_ns = now_ns;
        let mut message = ClientMessage::new(self.mac, self.transaction);
        let mut outgoing = Outgoing {
            to_mac: Mac::BROADCAST,
            from: Ipv4Addr::UNSPECIFIED,
            to: Ipv4Addr::BROADCAST,
            message: [0; message::LEN],
        };
        let again_ns = if self.asked < QUICK_RETRIES {
            RETRY_NS
        } else {
            LATER_RETRY_NS
        };
        self.due_ns = now_ns + again_ns;
        match self.state {
            State::Discovering => message.kind = Kind::Discover,
            State::Requesting { server, lease } => {
                message.requested = Some((lease.address, server));
            }
            State::Bound {
                server,
                server_mac,
                lease,
                rebind_ns,
                end_ns,
            } => {
                message.own = lease.address;
                outgoing.from = lease.address;
                let (by_ns, is_renewing) = if now_ns < rebind_ns {
                    (outgoing.to_mac, outgoing.to) = (server_mac, server);
                    (rebind_ns, true)
                } else {
                    (end_ns, false)
                };
                // Half of what is left, so that a short lease is renewed in time (RFC 2131 §4.4.5).
                let half_ns = (by_ns - now_ns) / 2;
                let next_ns = now_ns + half_ns.max(RETRY_NS);
                self.due_ns = if is_renewing {
                    next_ns.min(rebind_ns)
                } else {
                    next_ns.min(end_ns)
                };
            }
        }
        message.write(&mut outgoing.message);
        Some(outgoing)
    }

    /// Takes a server's message, which came from the Ethernet address `from`.
    pub fn receive(&mut self, message: &[u8], from: Mac, now_ns: u64) {
        let Some(answer) = message::parse(message, self.mac, self.transaction) else {
            return;
        };
        match (answer.kind, self.state) {
            (Kind::Offer, State::Discovering) => {
                let (Some(server), Some(lease)) = (answer.server, answer.lease(None)) else {
                    return;
                };
                self.state = State::Requesting { server, lease };
                self.asked = 0;
                self.due_ns = now_ns;
            }
            (Kind::Acknowledge, State::Requesting { server, lease }) => {
                let server = answer.server.unwrap_or(server);
                self.bind(&answer, &lease, None, server, from);
            }
            (
                Kind::Acknowledge,
                State::Bound {
                    server,
                    lease,
                    end_ns,
                    ..
                },
            ) if self.asked > 0 => {
                let server = answer.server.unwrap_or(server);
                self.bind(&answer, &lease, Some(end_ns), server, from);
            }
            // Not at once: two that do not agree would go on for ever.
            (Kind::Refuse, State::Requesting { .. } | State::Bound { .. }) => {
                self.discover(now_ns + RETRY_NS);
            }
            _ => {}
        }
    }

    fn bind(
        &mut self,
        answer: &Offer<'_>,
        before: &Lease,
        end_before_ns: Option<u64>,
        server: Ipv4Addr,
        server_mac: Mac,
    ) {
        let Some(lease) = answer.lease(Some(before)) else {
            return;
        };
        let lease_s = answer.lease_s.unwrap_or(match end_before_ns {
            Some(NEVER_NS) => INFINITE_S,
            _ => DEFAULT_LEASE_S,
        });
        let (renew_ns, rebind_ns, end_ns) = if lease_s == INFINITE_S {
            (NEVER_NS, NEVER_NS, NEVER_NS)
        } else {
            // Shorter than any that can be kept would have the client ask all the time.
            let lease_s = u64::from(lease_s.max(2));
            let given = (answer.renew_s, answer.rebind_s);
            let (renew_ms, rebind_ms) = match (given.0.map(u64::from), given.1.map(u64::from)) {
                (Some(renew_s), Some(rebind_s)) if renew_s < rebind_s && rebind_s < lease_s => {
                    (renew_s * 1000, rebind_s * 1000)
                }
                // RFC 2131 §4.4.5
                _ => (lease_s * 500, lease_s * 875),
            };
            let at = |ms: u64| self.asked_ns + ms * 1_000_000;
            (at(renew_ms), at(rebind_ms), at(lease_s * 1000))
        };
        self.state = State::Bound {
            server,
            server_mac,
            lease,
            rebind_ns,
            end_ns,
        };
        self.asked = 0;
        self.due_ns = renew_ns;
        if let Some(arguments) = answer.arguments {
            self.arguments = arguments;
        }
    }
}

#[cfg(test)]
mod tests;
