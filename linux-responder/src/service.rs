//! One datagram: whom to answer, what with, and what is counted.
//!
//! The handler is `wire`'s, so an answer here is an answer of the unikernel's.
#![forbid(unsafe_code)]

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};

use wire::status::{self, Status};
use wire::{Cidr, Counters, Verdict};

/// The counters as another thread may read them at any moment.
#[derive(Debug)]
pub struct Published([AtomicU64; Counters::LEN]);

impl Published {
    /// All counters zero.
    #[must_use]
    pub const fn new() -> Self {
        Self([const { AtomicU64::new(0) }; Counters::LEN])
    }

    /// The counters of this moment.
    #[must_use]
    pub fn read(&self) -> Counters {
        Counters::from_array(std::array::from_fn(|index| {
            self.0[index].load(Ordering::Relaxed)
        }))
    }
}

impl Published {
    /// Shows `counters` to other threads.
    pub fn publish(&self, counters: &Counters) {
        for (published, count) in self.0.iter().zip(counters.to_array()) {
            published.store(count, Ordering::Relaxed);
        }
    }
}

/// Returns the sums of the counters of several services.
#[must_use]
pub fn sum(services: &[&Published]) -> Published {
    let sum = Published::new();
    for (index, count) in sum.0.iter().enumerate() {
        let counts = services
            .iter()
            .map(|published| published.0[index].load(Ordering::Relaxed));
        count.store(counts.sum(), Ordering::Relaxed);
    }
    sum
}

impl Default for Published {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for Published {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FATHOM COUNTERS")?;
        for (name, count) in Counters::NAMES.iter().zip(self.read().to_array()) {
            write!(f, " {name}={count}")?;
        }
        Ok(())
    }
}

/// State of the service.
#[derive(Debug)]
pub struct Service<'p> {
    boot_id: u32,
    own: SocketAddr,
    broadcast: Option<IpAddr>,
    counters: Counters,
    published: &'p Published,
    started_ns: u64,
}

impl<'p> Service<'p> {
    /// A service at `own` in a network of which `prefix` bits are the network's.
    #[must_use]
    pub fn new(boot_id: u32, own: SocketAddr, prefix: u8, published: &'p Published) -> Self {
        Self {
            boot_id,
            own,
            broadcast: Cidr::new(own.ip(), prefix).broadcast(),
            counters: Counters::ZERO,
            published,
            started_ns: crate::now_ns(),
        }
    }

    /// Answers `datagram` in place: whether it is to be sent back to `source`.
    pub fn answer(
        &mut self,
        source: Option<SocketAddr>,
        datagram: &mut [u8],
        received_ns: u64,
        transmit_ns: impl Fn() -> u64,
    ) -> bool {
        let is_answered = self.judge(source, datagram, received_ns, transmit_ns);
        // Before the answer is sent: whoever has it finds it counted.
        self.publish();
        is_answered
    }

    fn judge(
        &mut self,
        source: Option<SocketAddr>,
        datagram: &mut [u8],
        received_ns: u64,
        transmit_ns: impl Fn() -> u64,
    ) -> bool {
        self.counters.datagrams_received += 1;
        if !source.is_some_and(|source| self.is_answerable(source)) {
            self.counters.dropped_source += 1;
            return false;
        }
        let verdict = wire::handle(datagram, self.boot_id, received_ns, &transmit_ns);
        self.counters.count(verdict);
        if verdict == Verdict::Status {
            let status = Status {
                uptime_ns: received_ns.saturating_sub(self.started_ns),
                version: status::version(env!("CARGO_PKG_VERSION")),
                counters: self.counters,
            };
            status::answer(datagram, &status, self.boot_id, received_ns, transmit_ns);
        }
        !matches!(verdict, Verdict::Drop(_))
    }

    fn is_answerable(&self, source: SocketAddr) -> bool {
        is_answerable(self.own, self.broadcast, source)
    }

    /// Counts an answer that could not be sent: whoever waits for it sees a loss, and one client
    /// without a route back must not end the service for the others.
    pub fn unsent(&mut self) {
        self.counters.dropped_transmit += 1;
        self.publish();
    }

    /// Shows the counters to other threads.
    fn publish(&self) {
        self.published.publish(&self.counters);
    }
}

/// [`wire::peer`]'s rule for a service at `own`. On a loopback address everything is local, so there it is the
/// rule that matters which loops: the service itself is not answered.
#[must_use]
pub fn is_answerable(own: SocketAddr, broadcast: Option<IpAddr>, source: SocketAddr) -> bool {
    if own.ip().is_loopback() {
        return source.port() != 0 && source.ip().is_loopback() && source != own;
    }
    wire::peer::is_answerable(source, own.ip(), broadcast)
}

#[cfg(test)]
mod tests {
    use wire::{HEADER_LEN, Header};

    use super::*;

    fn request() -> [u8; 64] {
        let mut datagram = [0xaa; 64];
        Header::request(7, 1000).encode(&mut datagram).unwrap();
        datagram
    }

    fn answers(own: &str, prefix: u8, source: &str) -> bool {
        let published = Published::new();
        let mut service = Service::new(9, own.parse().unwrap(), prefix, &published);
        let source = Some(source.parse().unwrap());
        service.answer(source, &mut request(), 1, || 2)
    }

    #[test]
    fn answers_requests_and_counts_them() {
        let published = Published::new();
        let own = "10.0.2.15:9000".parse().unwrap();
        let mut service = Service::new(9, own, 24, &published);
        let source = Some("10.0.2.2:40000".parse().unwrap());
        let mut datagram = request();
        assert!(service.answer(source, &mut datagram, 2000, || 3000));
        let reply = Header::decode(&datagram).unwrap();
        assert_eq!((reply.kind, reply.boot_id), (wire::Kind::Reply, 9));
        assert_eq!((reply.t2_ns, reply.t3_ns), (2000, 3000));
        assert_eq!(datagram[HEADER_LEN..], request()[HEADER_LEN..]);

        assert!(!service.answer(source, &mut datagram, 0, || 0), "a reply");
        assert!(!service.answer(source, &mut [1, 2, 3], 0, || 0), "noise");
        assert!(!service.answer(None, &mut request(), 0, || 0), "nobody");
        service.unsent();
        let expected = Counters {
            datagrams_received: 4,
            replied: 1,
            dropped_not_a_request: 1,
            dropped_short: 0,
            dropped_magic: 0,
            dropped_source: 1,
            dropped_transmit: 1,
            ..Counters::ZERO
        };
        let counted = published.read();
        assert_eq!(counted.dropped_magic + counted.dropped_short, 1);
        let rest = Counters {
            dropped_magic: 0,
            dropped_short: 0,
            ..counted
        };
        assert_eq!(rest, expected);
    }

    #[test]
    fn a_status_request_is_answered() {
        let published = Published::new();
        let own = "10.0.2.15:9000".parse().unwrap();
        let mut service = Service::new(9, own, 24, &published);
        let source = Some("10.0.2.2:40000".parse().unwrap());
        let mut datagram = [0; 300];
        let header = Header {
            kind: wire::Kind::StatusRequest,
            ..Header::request(7, 1000)
        };
        header.encode(&mut datagram).unwrap();
        let received_ns = crate::now_ns();
        assert!(service.answer(source, &mut datagram, received_ns, crate::now_ns));
        let answer = status::Answer::decode(&datagram).unwrap();
        assert_eq!((answer.header.boot_id, answer.header.seq), (9, 7));
        let counted: Vec<_> = answer.counters().filter(|(_, count)| *count != 0).collect();
        assert_eq!(counted, [("datagrams_received", 1), ("status_replies", 1)]);
    }

    #[test]
    fn on_a_network_the_rule_is_the_protocols() {
        assert!(answers("10.0.2.15:9000", 24, "10.0.2.2:40000"));
        assert!(answers("10.0.2.15:9000", 24, "192.0.2.1:9000"));
        for source in [
            "10.0.2.2:0",
            "10.0.2.255:5",
            "10.0.2.15:40000",
            "127.0.0.1:5",
        ] {
            assert!(!answers("10.0.2.15:9000", 24, source), "{source}");
        }
        // Another prefix, another broadcast address; none in a network of two.
        assert!(answers("10.0.2.15:9000", 16, "10.0.2.255:5"));
        assert!(!answers("10.0.2.15:9000", 16, "10.0.255.255:5"));
        assert!(answers("10.0.2.14:9000", 31, "10.0.2.15:5"));
    }

    #[test]
    fn on_loopback_only_the_service_itself_is_refused() {
        assert!(answers("127.0.0.1:9000", 8, "127.0.0.1:40000"));
        assert!(answers("[::1]:9000", 128, "[::1]:40000"));
        for source in ["127.0.0.1:9000", "127.0.0.1:0", "10.0.2.2:40000"] {
            assert!(!answers("127.0.0.1:9000", 8, source), "{source}");
        }
    }

    #[test]
    fn the_counters_are_told_by_name() {
        let text = Published::new().to_string();
        assert!(text.starts_with("FATHOM COUNTERS frames_received=0 "));
        assert!(text.contains(" replied=0 "));
    }
}
