//! The services on UDP: timestamps (`wire`) and echo (RFC 862), whom they answer, and what.
//!
//! The one place for both ways a datagram can come, through the [reflector](crate::net::reflector) or
//! through the [stack](crate::net::stack). Knows datagrams, not packets. No unsafe code.

use core::net::{IpAddr, SocketAddr};

pub use wire::ECHO_PORT;
use wire::peer::is_answerable;
use wire::status::{self, Status};
use wire::{Counters, HEADER_LEN, Verdict};

use crate::shared_counters::SharedCounters;

use crate::net::addresses::Addresses;

/// The first port that is not a well-known one (RFC 6335 §6).
const FIRST_USER_PORT: u16 = 1024;

/// A service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// [`wire::handle`]
    Timestamp,
    /// Every payload comes back as it is.
    Echo,
}

impl Service {
    /// How many bytes of a payload, from its beginning, an answer may change.
    #[inline(always)]
    #[must_use]
    pub const fn changes(self) -> usize {
        match self {
            Self::Timestamp => HEADER_LEN,
            Self::Echo => 0,
        }
    }
}

/// What a service made of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// [`Service::Echo`] answers.
    Echoed,
    /// What [`Service::Timestamp`] says.
    Handled(Verdict),
}

impl Outcome {
    /// Whether the payload now is an answer, to be sent.
    #[inline(always)]
    #[must_use]
    pub const fn is_answer(self) -> bool {
        matches!(
            self,
            Self::Echoed | Self::Handled(Verdict::Reply | Verdict::Unsupported | Verdict::Status)
        )
    }

    /// Counts it.
    #[inline(always)]
    pub const fn count(self, counters: &mut Counters) {
        match self {
            Self::Echoed => counters.echoed += 1,
            Self::Handled(verdict) => counters.count(verdict),
        }
    }
}

/// The services of one boot.
#[derive(Clone, Copy, Debug)]
pub struct Services {
    /// UDP port of [`Service::Timestamp`].
    pub port: u16,
    /// The `boot_id` that replies carry.
    pub boot_id: u32,
    /// What a status reply counts: as of the last poll that did something.
    pub shared_counters: &'static SharedCounters,
}

/// The version of the image, as a status reply has it.
const VERSION: [u8; status::VERSION_LEN] = status::version(env!("CARGO_PKG_VERSION"));

impl Services {
    /// The service at a port.
    #[inline(always)]
    #[must_use]
    pub const fn at(&self, port: u16) -> Option<Service> {
        if port == self.port {
            Some(Service::Timestamp)
        } else if port == ECHO_PORT {
            Some(Service::Echo)
        } else {
            None
        }
    }

    /// Whether `service` may answer a datagram that came from `source` to `destination`.
    #[inline(always)]
    #[must_use]
    pub fn may_answer(
        &self,
        service: Service,
        own: &Addresses,
        source: SocketAddr,
        destination: IpAddr,
    ) -> bool {
        let broadcast = own.broadcast().map(IpAddr::V4);
        own.has(destination)
            && !own.has(source.ip())
            && is_answerable(source, destination, broadcast)
            && (service == Service::Timestamp || self.is_client_port(source.port()))
    }

    /// Whether the echo service may send to `port`. What answers on the other side answers our
    /// answer too if it is an echo service as well, and then for ever: one forged datagram would
    /// set two of them on each other. Services that answer anything have well-known ports; and
    /// ours, where they may be those of another machine that runs this image. The timestamp service
    /// needs no such rule, since it answers requests alone, and what it sends is none.
    #[inline(always)]
    const fn is_client_port(&self, port: u16) -> bool {
        port >= FIRST_USER_PORT && port != self.port
    }

    /// Answers `payload` in place. `now_ns` is read for the transmit time, last of all.
    #[inline(always)]
    pub fn answer(
        &self,
        service: Service,
        payload: &mut [u8],
        received_ns: u64,
        now_ns: impl Fn() -> u64,
    ) -> Outcome {
        match service {
            Service::Timestamp => {
                let verdict = wire::handle(payload, self.boot_id, received_ns, &now_ns);
                if verdict == Verdict::Status {
                    self.answer_status(payload, received_ns, now_ns());
                }
                Outcome::Handled(verdict)
            }
            Service::Echo => Outcome::Echoed,
        }
    }

    /// Says how the service is. Its clock began at its boot.
    #[cold]
    #[inline(never)]
    fn answer_status(&self, payload: &mut [u8], received_ns: u64, transmit_ns: u64) {
        let status = Status {
            uptime_ns: received_ns,
            version: VERSION,
            counters: self.shared_counters.read(),
        };
        status::answer(payload, &status, self.boot_id, received_ns, || transmit_ns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static COUNTERS: SharedCounters = SharedCounters::new();
    static SERVICES: Services = Services {
        port: 9000,
        boot_id: 1,
        shared_counters: &COUNTERS,
    };

    fn may_answer(service: Service, source: &str) -> bool {
        let own = Addresses {
            ipv4: Some(([10, 0, 2, 15].into(), 24)),
            ..Addresses::new([2, 0, 0, 0, 0, 1], None)
        };
        let destination = IpAddr::from([10, 0, 2, 15]);
        SERVICES.may_answer(service, &own, source.parse().unwrap(), destination)
    }

    #[test]
    fn each_port_has_its_service() {
        assert_eq!(SERVICES.at(9000), Some(Service::Timestamp));
        assert_eq!(SERVICES.at(7), Some(Service::Echo));
        assert_eq!(SERVICES.at(0), None);
        assert_eq!(SERVICES.at(9001), None);
    }

    #[test]
    fn echo_answers_clients_and_not_services() {
        for port in [1024, 8999, 9001, 40000, 65535] {
            assert!(may_answer(Service::Echo, &std::format!("10.0.2.2:{port}")));
        }
        for port in [0, 1, 7, 53, 123, 1023, 9000] {
            assert!(!may_answer(Service::Echo, &std::format!("10.0.2.2:{port}")));
        }
        assert!(may_answer(Service::Timestamp, "10.0.2.2:7"));
        assert!(may_answer(Service::Timestamp, "10.0.2.2:9000"));
    }

    #[test]
    fn neither_answers_itself_nor_groups() {
        for service in [Service::Timestamp, Service::Echo] {
            for source in ["10.0.2.15", "10.0.2.255", "224.0.0.1", "127.0.0.1"] {
                assert!(!may_answer(service, &std::format!("{source}:40000")));
            }
        }
    }

    #[test]
    fn echo_leaves_any_payload_as_it_is() {
        for mut payload in [&b""[..], b"x", b"FTHM\x01\0"].map(<[u8]>::to_vec) {
            let before = payload.clone();
            let outcome = SERVICES.answer(Service::Echo, &mut payload, 1, || panic!("clock"));
            assert_eq!((outcome, payload), (Outcome::Echoed, before));
            assert!(outcome.is_answer());
        }
    }
}
