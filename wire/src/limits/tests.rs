//! Limits on a clock that is set.

use std::string::String;
use std::vec::Vec;

use super::*;

const MS: u64 = 1_000_000;

fn limiter(allow: &str, rate: Option<u32>, rate_all: Option<u32>) -> Limiter {
    let allow = match allow {
        "" => AllowList::ALL,
        text => text.parse().unwrap(),
    };
    let limits = Limits {
        allow,
        rate: rate.and_then(Rate::new),
        rate_all: rate_all.and_then(Rate::new),
    };
    let mut limiter = Limiter::new();
    limiter.configure(&limits, 0x0123_4567_89ab_cdef);
    limiter
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn without_limits_everything_is_admitted() {
    let mut limiter = limiter("", None, None);
    assert!((0..1_000_000).all(|_| limiter.admit(ip("10.0.2.2"), 0).is_ok()));
}

#[test]
fn only_hosts_of_the_networks_are_admitted() {
    let mut limiter = limiter("10.0.0.0/8,192.0.2.1/32,fd00::/8,2001:db8::/64", None, None);
    for source in [
        "10.0.0.0",
        "10.255.255.255",
        "192.0.2.1",
        "fdff::1",
        "2001:db8::ffff",
    ] {
        assert_eq!(limiter.admit(ip(source), 0), Ok(()), "{source}");
    }
    for source in [
        "11.0.0.0",
        "9.255.255.255",
        "192.0.2.0",
        "fe00::",
        "2001:db8:0:1::",
    ] {
        let expected = Err(Counter::DroppedNotAllowed);
        assert_eq!(limiter.admit(ip(source), 0), expected, "{source}");
    }
}

#[test]
fn a_family_without_a_network_is_refused() {
    let mut v4 = limiter("0.0.0.0/0", None, None);
    assert_eq!(v4.admit(ip("198.51.100.7"), 0), Ok(()));
    assert_eq!(v4.admit(ip("fd00::1"), 0), Err(Counter::DroppedNotAllowed));
    let mut all = limiter("::/0", None, None);
    let refused = Err(Counter::DroppedNotAllowed);
    assert_eq!(all.admit(ip("198.51.100.7"), 0), refused);
    assert_eq!(all.admit(ip("fd00::1"), 0), Ok(()));
}

#[test]
fn networks_are_read_strictly() {
    let read = |text: &str| text.parse::<AllowList>().map(|list| list.len());
    assert_eq!(read("10.0.0.0/8"), Ok(1));
    for text in [
        "",
        ",",
        "10.0.0.0",
        "10.0.0.0/33",
        "10.0.0.0/8,",
        " 10.0.0.0/8",
        "any",
    ] {
        assert_eq!(read(text), Err(LimitError::Network), "{text}");
    }
    for text in ["10.0.0.1/8", "fd00::1/8", "0.0.0.1/0"] {
        assert_eq!(read(text), Err(LimitError::HostBits), "{text}");
    }
    let many: Vec<String> = (0..=16).map(|i| std::format!("10.{i}.0.0/16")).collect();
    assert_eq!(read(&many[..16].join(",")), Ok(16));
    assert_eq!(read(&many.join(",")), Err(LimitError::TooManyNetworks));
}

#[test]
fn rates_are_read_strictly() {
    assert_eq!("10000000".parse(), Ok(Rate(MAX_RATE)));
    for text in ["", "0", "+1", "-1", "1.5", "10000001", "99999999999"] {
        assert_eq!(text.parse::<Rate>(), Err(LimitError::Rate), "{text}");
    }
}

/// Requests of one source that are admitted, of one every `every_ns` for `for_ns`.
fn admitted(limiter: &mut Limiter, source: &str, every_ns: u64, for_ns: u64) -> usize {
    let times = (0..for_ns / every_ns).map(|i| 5 * SECOND_NS + i * every_ns);
    times
        .filter(|&now_ns| limiter.admit(ip(source), now_ns).is_ok())
        .count()
}

#[test]
fn a_source_has_its_rate_and_a_burst() {
    for (rate, burst) in [(1, 8), (64, 8), (1000, 125), (100_000, 12_500)] {
        let every_ns = (SECOND_NS / u64::from(rate) / 10).max(1);
        let mut limiter = limiter("", Some(rate), None);
        let got = admitted(&mut limiter, "10.0.2.2", every_ns, 2 * SECOND_NS);
        let expected = 2 * rate as usize + burst;
        assert!(got.abs_diff(expected) <= 1, "{got} of {expected}");
    }
}

#[test]
fn a_source_within_its_rate_loses_nothing() {
    let mut limiter = limiter("", Some(1000), Some(1000));
    assert_eq!(
        admitted(&mut limiter, "fd00::2", MS, 60 * SECOND_NS),
        60_000
    );
}

#[test]
fn one_sources_flood_is_not_anothers_loss() {
    let mut limiter = limiter("", Some(100), None);
    for i in 0..100_000 {
        let now_ns = SECOND_NS + i * MS / 100;
        let _ = limiter.admit(ip("10.0.2.2"), now_ns);
        if i % 1000 == 0 {
            assert_eq!(limiter.admit(ip("10.0.2.3"), now_ns), Ok(()));
        }
    }
    assert_eq!(
        limiter.admit(ip("10.0.2.2"), SECOND_NS),
        Err(Counter::DroppedRate)
    );
}

#[test]
fn hosts_of_one_ipv6_network_share_its_rate() {
    let mut limiter = limiter("", Some(1), None);
    for host in 1..=8 {
        let source = ip(&std::format!("2001:db8::{host}"));
        assert_eq!(limiter.admit(source, 0), Ok(()));
    }
    assert_eq!(
        limiter.admit(ip("2001:db8::9"), 0),
        Err(Counter::DroppedRate)
    );
    assert_eq!(limiter.admit(ip("2001:db8:0:1::9"), 0), Ok(()));
}

#[test]
fn the_ceiling_is_for_all_sources_together() {
    let mut limiter = limiter("", None, Some(1000));
    let mut admitted = 0;
    for i in 0..100_000_u32 {
        let source = IpAddr::from(core::net::Ipv4Addr::from_bits(0x0a00_0000 + i));
        match limiter.admit(source, SECOND_NS + u64::from(i) * MS / 100) {
            Ok(()) => admitted += 1,
            Err(counter) => assert_eq!(counter, Counter::DroppedRateAll),
        }
    }
    // The burst of an eighth of a second, and a second but for its last interval.
    assert_eq!(admitted, 1124);
}

/// Half as many sources as there are buckets: those that share one are as many as chance says.
#[test]
fn sources_are_spread_over_the_buckets() {
    for (seed, ipv6) in [(1, false), (0xb007_1234, false), (99, true)] {
        let mut limiter = Limiter::new();
        let limits = Limits {
            rate: Rate::new(1),
            ..Limits::default()
        };
        limiter.configure(&limits, seed);
        for i in 0..SOURCES as u32 / 2 {
            let source = match ipv6 {
                false => IpAddr::from(core::net::Ipv4Addr::from_bits(0x0a00_0000 + i)),
                true => ip(&std::format!("2001:db8:0:{i:x}::1")),
            };
            limiter.admit(source, 0).unwrap();
        }
        let used = limiter
            .sources
            .iter()
            .filter(|bucket| bucket.full_ns != 0)
            .count();
        // By chance 1 - exp(-1/2) of the buckets, 1611; neighbours are spread better.
        assert!(used > 1450, "{used} buckets for 2048 sources");
    }
}

/// A clock that goes back, as between two processors, neither opens nor shuts a bucket for long.
#[test]
fn times_may_go_back() {
    let mut limiter = limiter("", Some(1000), None);
    assert_eq!(limiter.admit(ip("10.0.2.2"), 10 * SECOND_NS), Ok(()));
    assert_eq!(limiter.admit(ip("10.0.2.2"), 10 * SECOND_NS - 1000), Ok(()));
    assert_eq!(
        limiter.admit(ip("10.0.2.2"), u64::MAX),
        Ok(()),
        "no overflow"
    );
}
