//! The services of an image: which [`Handler`] answers at which port, and whom it may answer.
//!
//! One service is at the port that the boot argument `port=` names; others are at fixed ports, or at those that
//! other arguments name. All are known when the image is compiled, so finding a service is a comparison or two
//! and calling it no indirect call. The one place for both ways a datagram can come, the
//! [reflector](crate::net::reflector) and the [sockets](crate::net::sockets).
//!
//! Knows datagrams, not packets. No unsafe code.

use core::net::{IpAddr, SocketAddr};

use wire::peer::FIRST_USER_PORT;
use wire::{Counter, DEFAULT_PORT, peer};

use crate::handler::{Clients, Handler};
use crate::net::addresses::Addresses;

/// The services of an image.
#[derive(Clone, Copy, Debug)]
pub struct Services<M, F = ()> {
    /// UDP port of the main service.
    pub port: u16,
    /// The main service.
    pub main: M,
    /// Services at other ports: [`AtPort`]s and [`AtArgument`]s, or none.
    pub fixed: F,
}

/// A service at a fixed port, and further ones.
#[derive(Clone, Copy, Debug)]
pub struct AtPort<const PORT: u16, H, F = ()> {
    /// The service.
    pub handler: H,
    /// Services at other ports.
    pub next: F,
}

impl<const PORT: u16, H> AtPort<PORT, H> {
    /// Puts `handler` at the port, and nothing at others.
    #[must_use]
    pub const fn new(handler: H) -> Self {
        Self { handler, next: () }
    }
}

/// A service at a port that a boot argument names, or at none, and further ones.
///
/// Other services do not know the port as one of ours ([`FixedPorts::has`]), so it takes a service that tells
/// requests from what they send, or a well-known port.
#[derive(Clone, Copy, Debug)]
pub struct AtArgument<H, F = ()> {
    /// UDP port of the service; `None` if it is off.
    pub port: Option<u16>,
    /// The service.
    pub handler: H,
    /// Services at other ports.
    pub next: F,
}

/// A visit to the service at a port, whatever its type.
///
/// The main service has a method of its own, so that what is called most can be compiled in place and
/// the rest kept out of its way.
pub trait Visitor: Sized {
    /// Result of the visit.
    type Output;

    /// Visits the main service.
    fn main(self, handler: &mut impl Handler) -> Self::Output;

    /// Visits a service at a fixed port.
    fn fixed(self, handler: &mut impl Handler) -> Self::Output;

    /// Finds no service at `port`.
    fn none(self, port: u16) -> Self::Output;
}

/// Services at fixed ports.
pub trait FixedPorts {
    /// Number of services, of which some may be off.
    const COUNT: usize;

    /// Returns the port of service number `index`, counted from 0; `None` if there is no such service, or it is
    /// off.
    fn port(&self, index: usize) -> Option<u16>;

    /// Returns whether one of them is at `port`.
    fn has(port: u16) -> bool;

    /// Visits the service at `port`.
    fn visit<V: Visitor>(&mut self, port: u16, visitor: V) -> V::Output;
}

impl FixedPorts for () {
    const COUNT: usize = 0;

    fn port(&self, _index: usize) -> Option<u16> {
        None
    }

    #[inline(always)]
    fn has(_port: u16) -> bool {
        false
    }

    #[inline(always)]
    fn visit<V: Visitor>(&mut self, port: u16, visitor: V) -> V::Output {
        visitor.none(port)
    }
}

impl<const PORT: u16, H: Handler, F: FixedPorts> FixedPorts for AtPort<PORT, H, F> {
    const COUNT: usize = 1 + F::COUNT;

    fn port(&self, index: usize) -> Option<u16> {
        match index.checked_sub(1) {
            None => Some(PORT),
            Some(next) => self.next.port(next),
        }
    }

    #[inline(always)]
    fn has(port: u16) -> bool {
        port == PORT || F::has(port)
    }

    #[inline(always)]
    fn visit<V: Visitor>(&mut self, port: u16, visitor: V) -> V::Output {
        if port == PORT {
            visitor.fixed(&mut self.handler)
        } else {
            self.next.visit(port, visitor)
        }
    }
}

impl<H: Handler, F: FixedPorts> FixedPorts for AtArgument<H, F> {
    const COUNT: usize = 1 + F::COUNT;

    fn port(&self, index: usize) -> Option<u16> {
        match index.checked_sub(1) {
            None => self.port,
            Some(next) => self.next.port(next),
        }
    }

    #[inline(always)]
    fn has(port: u16) -> bool {
        F::has(port)
    }

    #[inline(always)]
    fn visit<V: Visitor>(&mut self, port: u16, visitor: V) -> V::Output {
        if Some(port) == self.port {
            visitor.fixed(&mut self.handler)
        } else {
            self.next.visit(port, visitor)
        }
    }
}

impl<M: Handler> Services<M> {
    /// Puts `main` at the default port, where it stays until the boot arguments name another, and nothing
    /// at others.
    #[must_use]
    pub const fn new(main: M) -> Self {
        Self {
            port: DEFAULT_PORT,
            main,
            fixed: (),
        }
    }

    /// Has services at fixed ports as well.
    #[must_use]
    pub fn with_fixed<F: FixedPorts>(self, fixed: F) -> Services<M, F> {
        Services {
            port: self.port,
            main: self.main,
            fixed,
        }
    }
}

impl<M: Handler, F: FixedPorts> Services<M, F> {
    /// Visits the service at `port`.
    #[inline(always)]
    pub fn visit<V: Visitor>(&mut self, port: u16, visitor: V) -> V::Output {
        if port == self.port {
            visitor.main(&mut self.main)
        } else {
            self.fixed.visit(port, visitor)
        }
    }

    /// Returns all ports, the main service's first.
    pub fn ports(&self) -> impl Iterator<Item = u16> {
        let fixed = (0..F::COUNT).filter_map(|index| self.fixed.port(index));
        core::iter::once(self.port).chain(fixed)
    }
}

/// The ends of a datagram, and whose it would be to answer.
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'a> {
    /// Our addresses.
    pub own: &'a Addresses,
    /// The main service's port.
    pub main_port: u16,
    /// Source of the datagram.
    pub source: SocketAddr,
    /// Destination of the datagram.
    pub destination: IpAddr,
}

impl Exchange<'_> {
    /// Checks that `H`, one service beside `F`, may answer.
    ///
    /// # Errors
    ///
    /// The counter of what is refused, as of [`peer::check`].
    #[inline(always)]
    pub fn check<H: Handler, F: FixedPorts>(&self) -> Result<(), Counter> {
        let (address, port) = (self.source.ip(), self.source.port());
        let is_ordinary = self.own.has(self.destination)
            && !self.own.has(address)
            && peer::is_host(address)
            && !self.own.is_broadcast(address)
            && port > peer::HIGHEST_RESPONDER
            && match H::CLIENTS {
                Clients::AnyPort => true,
                Clients::UserPorts => is_user_port::<F>(port, self.main_port),
            };
        if is_ordinary {
            return Ok(());
        }
        self.check_each::<H, F>()
    }

    /// Does the same rule by rule, for nearly all sources that are refused and few that are not.
    #[cold]
    #[inline(never)]
    #[cfg_attr(target_os = "none", optimize(size))]
    fn check_each<H: Handler, F: FixedPorts>(&self) -> Result<(), Counter> {
        let broadcast = self.own.broadcast().map(IpAddr::V4);
        if !self.own.has(self.destination) || self.own.has(self.source.ip()) {
            return Err(Counter::DroppedSource);
        }
        peer::check(self.source, self.destination, broadcast)?;
        match H::CLIENTS {
            Clients::UserPorts if !is_user_port::<F>(self.source.port(), self.main_port) => {
                Err(Counter::DroppedPort)
            }
            Clients::AnyPort | Clients::UserPorts => Ok(()),
        }
    }
}

/// Returns whether a client's `port` is neither well-known nor one of ours, which may be those of another machine
/// that runs this image, on its default port or not.
///
/// Clients at [`peer::RESPONDERS`] are none of any service's: [`peer::check_port`] refuses those.
#[inline(always)]
#[must_use]
pub fn is_user_port<F: FixedPorts>(port: u16, main_port: u16) -> bool {
    port >= FIRST_USER_PORT && port != main_port && port != DEFAULT_PORT && !F::has(port)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handler::{Echo, Timestamp};

    type Fixed = AtPort<7, Echo, AtPort<5000, Echo>>;

    fn services() -> Services<Timestamp<Echo>, Fixed> {
        Services {
            port: 9000,
            main: Timestamp::new(1),
            fixed: AtPort {
                handler: Echo,
                next: AtPort::new(Echo),
            },
        }
    }

    /// Says which method was called.
    struct Which;

    impl Visitor for Which {
        type Output = &'static str;

        fn main(self, _: &mut impl Handler) -> &'static str {
            "main"
        }

        fn fixed(self, _: &mut impl Handler) -> &'static str {
            "fixed"
        }

        fn none(self, _: u16) -> &'static str {
            "none"
        }
    }

    #[test]
    fn each_port_has_its_service() {
        let mut services = services();
        let expected = [(9000, "main"), (7, "fixed"), (5000, "fixed"), (0, "none")];
        for (port, which) in expected {
            assert_eq!(services.visit(port, Which), which, "{port}");
        }
        assert!(services.ports().eq([9000, 7, 5000]));
        services.port = 9001;
        assert_eq!(services.visit(9000, Which), "none");
        assert_eq!(services.visit(9001, Which), "main");
    }

    #[test]
    fn a_service_is_where_an_argument_says_or_off() {
        let at = |port| AtArgument {
            port,
            handler: Echo,
            next: AtPort::<5000, _>::new(Echo),
        };
        let mut services = Services::new(Timestamp::new(1)).with_fixed(at(Some(77)));
        assert!(services.ports().eq([9000, 77, 5000]));
        assert_eq!(services.visit(77, Which), "fixed");
        services.fixed = at(None);
        assert!(services.ports().eq([9000, 5000]));
        for (port, which) in [(77, "none"), (0, "none"), (5000, "fixed")] {
            assert_eq!(services.visit(port, Which), which, "{port}");
        }
    }

    fn check<H: Handler>(source: &str) -> Result<(), Counter> {
        let own = Addresses {
            ipv4: Some(([10, 0, 2, 15].into(), 24)),
            ..Addresses::new(wire::Mac::new([2, 0, 0, 0, 0, 1]), None)
        };
        let exchange = Exchange {
            own: &own,
            main_port: 9000,
            source: source.parse().unwrap(),
            destination: IpAddr::from([10, 0, 2, 15]),
        };
        exchange.check::<H, Fixed>()
    }

    #[test]
    fn echo_answers_clients_and_not_services() {
        for port in [1024, 8999, 9002, 40000, 65535] {
            let source = std::format!("10.0.2.2:{port}");
            assert_eq!(check::<Echo>(&source), Ok(()), "{port}");
        }
        for port in [0, 1, 7, 53, 123, 862, 1023, 1900, 5000, 5353, 9000, 11211] {
            let source = std::format!("10.0.2.2:{port}");
            assert_eq!(check::<Echo>(&source), Err(Counter::DroppedPort), "{port}");
        }
    }

    #[test]
    fn a_service_whose_replies_are_no_requests_answers_all_but_responders() {
        for port in [1, 1023, 5000, 9000, 65535] {
            let source = std::format!("10.0.2.2:{port}");
            assert_eq!(check::<Timestamp<Echo>>(&source), Ok(()), "{port}");
        }
        for port in peer::RESPONDERS.into_iter().chain([0]) {
            let source = std::format!("10.0.2.2:{port}");
            let expected = Err(Counter::DroppedPort);
            assert_eq!(check::<Timestamp<Echo>>(&source), expected, "{port}");
        }
    }

    #[test]
    fn none_answers_itself_nor_groups() {
        for source in ["10.0.2.15", "10.0.2.255", "224.0.0.1", "127.0.0.1"] {
            let source = std::format!("{source}:40000");
            let expected = Err(Counter::DroppedSource);
            assert_eq!(check::<Echo>(&source), expected);
            assert_eq!(check::<Timestamp<Echo>>(&source), expected);
        }
    }
}
