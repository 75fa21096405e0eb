//! One datagram: whom to answer, what with, and what is counted.
//!
//! The handler is `wire`'s, so an answer here is an answer of the unikernel's.
#![forbid(unsafe_code)]

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};

use wire::limits::Limiter;
use wire::status::{self, Status};
use wire::{Cidr, Counter, Counters, DropReason, Limits, Verdict, peer};

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
    limiter: Box<Limiter>,
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
            limiter: Box::new(Limiter::new()),
            started_ns: crate::now_ns(),
        }
    }

    /// Answers within `limits`.
    #[must_use]
    pub fn limited(mut self, limits: &Limits) -> Self {
        self.limiter = limiter(limits);
        self
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
        let checked = source.ok_or(Counter::DroppedSource).and_then(|source| {
            self.check(source)?;
            self.limiter.admit(source.ip(), received_ns)
        });
        if let Err(counter) = checked {
            self.counters.add(counter);
            return false;
        }
        let verdict = match wire::handle(datagram, self.boot_id, received_ns, &transmit_ns) {
            // It logs nothing.
            Verdict::LogControl => Verdict::Drop(DropReason::NotARequest),
            verdict => verdict,
        };
        self.counters.count(verdict);
        if verdict == Verdict::Status {
            let status = Status {
                uptime_ns: received_ns.saturating_sub(self.started_ns),
                version: status::version(env!("CARGO_PKG_VERSION")),
                counters: self.counters,
                log: None,
            };
            status::answer(datagram, &status, self.boot_id, received_ns, transmit_ns);
        }
        !matches!(verdict, Verdict::Drop(_))
    }

    fn check(&self, source: SocketAddr) -> Result<(), Counter> {
        check(self.own, self.broadcast, source)
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

/// Checks that a service at `own` may answer `source`: [`wire::peer`]'s rule. On a loopback address everything is
/// local, so there it is the rule that matters which loops: the service itself is not answered.
///
/// # Errors
///
/// The counter of what is refused, as of [`peer::check`].
pub fn check(
    own: SocketAddr,
    broadcast: Option<IpAddr>,
    source: SocketAddr,
) -> Result<(), Counter> {
    if !own.ip().is_loopback() {
        return peer::check(source, own.ip(), broadcast);
    }
    if !source.ip().is_loopback() || source == own {
        return Err(Counter::DroppedSource);
    }
    peer::check_port(source.port())
}

/// Makes a limiter that works as `limits` say.
#[must_use]
pub fn limiter(limits: &Limits) -> Box<Limiter> {
    let mut limiter = Box::new(Limiter::new());
    let seed = u64::from(crate::boot_id()) << 32 | u64::from(crate::boot_id());
    limiter.configure(limits, seed);
    limiter
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
        let mut datagram = [0; status::STATUS_LEN];
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
            "10.0.2.2:53",
            "240.0.0.1:40000",
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
        for source in [
            "127.0.0.1:9000",
            "127.0.0.1:0",
            "127.0.0.1:53",
            "10.0.2.2:40000",
        ] {
            assert!(!answers("127.0.0.1:9000", 8, source), "{source}");
        }
    }

    #[test]
    fn limits_hold_and_are_counted() {
        let published = Published::new();
        let limits = Limits {
            allow: "10.0.2.0/24".parse().unwrap(),
            rate: "1".parse().ok(),
            rate_all: "2".parse().ok(),
        };
        let own = "10.0.2.15:9000".parse().unwrap();
        let mut service = Service::new(9, own, 24, &published).limited(&limits);
        let mut answers = |source: &str| {
            let source = Some(source.parse().unwrap());
            service.answer(source, &mut request(), 1, || 2)
        };
        assert!(!answers("192.0.2.1:40000"));
        // Full buckets hold eight.
        assert!((0..8).all(|_| answers("10.0.2.2:40000")));
        assert!(!answers("10.0.2.2:40000"));
        assert!(!answers("10.0.2.3:40000"));
        let counted = published.read();
        let dropped = [
            counted.dropped_not_allowed,
            counted.dropped_rate,
            counted.dropped_rate_all,
        ];
        assert_eq!((counted.replied, dropped), (8, [1, 1, 1]));
    }

    #[test]
    fn the_counters_are_told_by_name() {
        let text = Published::new().to_string();
        assert!(text.starts_with("FATHOM COUNTERS frames_received=0 "));
        assert!(text.contains(" replied=0 "));
    }
}
