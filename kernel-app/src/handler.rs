//! The seam for services: [`Handler`] is what a service on UDP implements, and nothing else.
//!
//! - [`Echo`]: every payload comes back as it is (RFC 862);
//! - [`Stamp`]: STAMP's Session-Reflector (RFC 8762);
//! - [`Timestamp`]: the timestamp protocol around any other handler, so that the instrument measures it;
//! - [`Checked`]: any other handler, held to what it declares, for tests.
//!
//! A handler works in place: it gets a datagram's payload and says how much of it, as it then stands,
//! is the reply. A reply is never longer than its request, so no service can amplify traffic.
//! [`crate::services`] has the ports.
//!
//! ```
//! use kernel_app::clock::Clock;
//! use kernel_app::handler::{Handler, Request, Response};
//!
//! /// Sends the payload back in upper case.
//! struct Shout;
//!
//! impl Handler for Shout {
//!     fn handle(&mut self, payload: &mut [u8], _: &Request, _: &impl Clock) -> Response {
//!         payload.make_ascii_uppercase();
//!         Response::reply(payload.len())
//!     }
//! }
//! ```
//!
//! No unsafe code.

mod checked;
mod echo_handler;
mod stamp_handler;
mod timestamp_handler;

use core::net::{IpAddr, SocketAddr};

use wire::Counter;

use crate::clock::Clock;
pub use checked::Checked;
pub use echo_handler::Echo;
pub use stamp_handler::Stamp;
pub use timestamp_handler::Timestamp;

/// A service on UDP.
///
/// A handler may keep state, in itself: the server calls it for one datagram at a time.
pub trait Handler {
    /// The number of bytes, from the payload's beginning, in which a reply as long as its request may
    /// differ from that request. The sum of the others is known from verifying the request, so a small
    /// number saves reading the payload twice. Even, or `usize::MAX`: the whole payload may differ.
    ///
    /// Replies that differ in more have a bad checksum, and the client drops them. [`Checked`] finds such a
    /// handler.
    const CHANGES: usize = usize::MAX;

    /// The clients that may be answered.
    const CLIENTS: Clients = Clients::UserPorts;

    /// Returns whether `payload` is like nearly all that the service answers.
    ///
    /// Every payload gets to [`Handler::handle`], and its answer is the same. Those that are not expected take
    /// longer, so that the compiler need not consider them on the fast path.
    #[inline(always)]
    #[must_use]
    fn is_expected(payload: &[u8]) -> bool {
        let _ = payload;
        true
    }

    /// Answers a datagram: makes `payload` the reply, and says how much of it is.
    fn handle(&mut self, payload: &mut [u8], request: &Request, clock: &impl Clock) -> Response;
}

/// Facts about a datagram that are not in its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// UDP port of the service that the datagram was sent to.
    pub port: u16,
    /// The address of ours that it was sent to.
    pub destination: IpAddr,
    /// The address it was sent from.
    pub source: SocketAddr,
    /// Time of arrival by the clock that [`Handler::handle`] is given, in nanoseconds.
    pub received_ns: u64,
    /// Facts from the IP header; `None` on sockets that do not report them.
    pub ip: Option<IpFields>,
}

/// Fields of an IP header that a service may want to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpFields {
    /// Time to live (IPv4) or hop limit (IPv6), as received.
    pub hop_limit: u8,
    /// Type of service (IPv4) or traffic class (IPv6). A reply has the same.
    pub traffic_class: u8,
}

impl IpFields {
    /// Returns the differentiated services code point, 6 bits (RFC 2474 §3).
    #[must_use]
    pub const fn dscp(self) -> u8 {
        self.traffic_class >> 2
    }

    /// Returns the explicit congestion notification, 2 bits (RFC 3168 §5).
    #[must_use]
    pub const fn ecn(self) -> u8 {
        self.traffic_class & 0b11
    }
}

/// Clients that a service may answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clients {
    /// Clients on ports from 1024 on (RFC 6335 §6) that are none of this machine's services' and none where
    /// others answer ([`wire::peer::RESPONDERS`]). For services that answer anything: one forged datagram
    /// would set two of them on each other for ever, and well-known ports are where such services are.
    UserPorts,
    /// Clients on any port but 0. For services whose replies are no requests.
    AnyPort,
}

/// Verdict of a handler on a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Response {
    /// Fate of the datagram.
    pub verdict: Verdict,
    /// The counter that counts it.
    pub counter: Counter,
    /// True if a reply may differ from its request beyond [`Handler::CHANGES`].
    pub is_rewritten: bool,
}

/// Kinds of [`Response`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Sends the first so many bytes of the payload back. More than there are counts as all.
    Reply(usize),
    /// Sends nothing.
    Drop,
    /// Leaves the datagram, which must be as it was, to the network stack.
    Pass,
}

impl Response {
    /// Sends nothing.
    pub const DROP: Self = Self::new(Verdict::Drop, Counter::DroppedNotARequest);

    /// Leaves the datagram to the network stack, which has no use for it and answers nothing.
    pub const PASS: Self = Self::new(Verdict::Pass, Counter::DroppedNotARequest);

    const fn new(verdict: Verdict, counter: Counter) -> Self {
        Self {
            verdict,
            counter,
            is_rewritten: false,
        }
    }

    /// Sends the first `len` bytes of the payload back.
    #[inline(always)]
    pub const fn reply(len: usize) -> Self {
        Self::new(Verdict::Reply(len), Counter::Replied)
    }

    /// Counts the datagram as something else than a reply or no request.
    #[inline(always)]
    pub const fn counted_as(self, counter: Counter) -> Self {
        Self { counter, ..self }
    }

    /// Declares that the reply may differ from its request beyond [`Handler::CHANGES`].
    #[inline(always)]
    pub const fn rewritten(self) -> Self {
        Self {
            is_rewritten: true,
            ..self
        }
    }
}

impl<H: Handler> Handler for &mut H {
    const CHANGES: usize = H::CHANGES;
    const CLIENTS: Clients = H::CLIENTS;

    #[inline(always)]
    fn is_expected(payload: &[u8]) -> bool {
        H::is_expected(payload)
    }

    #[inline(always)]
    fn handle(&mut self, payload: &mut [u8], request: &Request, clock: &impl Clock) -> Response {
        H::handle(self, payload, request, clock)
    }
}
