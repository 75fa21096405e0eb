//! Sessions and replays.

use super::*;
use sessions::{EXPIRY_NS, WINDOW};

fn peer(number: u32) -> SocketAddr {
    (core::net::Ipv4Addr::from(0x0a00_0000 + number), 40_000).into()
}

#[test]
fn sessions_end_when_idle_and_make_room_for_others() {
    let mut memory = [Session::FREE; 64];
    let mut sessions = Sessions::new(&mut memory, 7);
    let mut next = |peer, now_ns| sessions.of(peer, 0, now_ns).unwrap().next_sequence();
    assert_eq!((next(peer(1), 0), next(peer(1), 1)), (0, 1));
    assert_eq!(next(peer(1), EXPIRY_NS), 2);
    assert_eq!(next(peer(1), 2 * EXPIRY_NS), 0, "idle for as long as that");
    // A thousand others do not fit; those that were used last are there.
    for number in 2..1000 {
        assert_eq!(next(peer(number), 2 * EXPIRY_NS + u64::from(number)), 0);
    }
    assert_eq!(next(peer(999), 2 * EXPIRY_NS + 1000), 1);
    assert_eq!(
        next(peer(1), 2 * EXPIRY_NS + 1000),
        0,
        "its place was taken"
    );
}

#[test]
fn addresses_of_both_families_ports_and_identifiers_tell_sessions_apart() {
    let mut memory = [Session::FREE; 64];
    let mut sessions = Sessions::new(&mut memory, 7);
    for source in [
        "10.0.0.1:1",
        "10.0.0.1:2",
        "[2001:db8::1]:1",
        "[2001:db8::2]:1",
    ] {
        for ssid in [0, 1] {
            let session = sessions.of(source.parse().unwrap(), ssid, 5).unwrap();
            assert_eq!(session.next_sequence(), 0, "{source} {ssid}");
        }
    }
    let mut none = Sessions::new(&mut [], 7);
    assert!(none.of(peer(1), 0, 0).is_none());
}

#[test]
fn a_packet_is_accepted_once_in_whatever_order() {
    let mut session = Session::FREE;
    // A packet has its number as its time.
    let mut accepts = |sequence: u32| session.accepts(sequence, u64::from(sequence));
    assert!(accepts(100));
    assert!(accepts(103), "ahead");
    assert!(!accepts(101) || !accepts(101));
    assert!(!accepts(101) && !accepts(103) && !accepts(100));
    assert!(!accepts(99), "from before the session");
    assert!(accepts(100 + WINDOW));
    assert!(accepts(102 + WINDOW));
    assert!(accepts(104), "the last of the window");
    assert!(!accepts(102), "never came, but is behind it");
    assert!(accepts(10_000) && !accepts(9_000) && accepts(9_999));
}

#[test]
fn a_sender_begins_anew_and_its_old_packets_are_still_refused() {
    let mut session = Session::FREE;
    let first = (0..50).map(|sequence| (sequence, 1000 + u64::from(sequence)));
    for (sequence, timestamp) in first.clone() {
        assert!(session.accepts(sequence, timestamp));
    }
    // From zero again, later.
    let second = (0..20).map(|sequence| (sequence, 5000 + u64::from(sequence)));
    for (sequence, timestamp) in second.clone() {
        assert!(session.accepts(sequence, timestamp));
    }
    for (sequence, timestamp) in first.chain(second) {
        assert!(
            !session.accepts(sequence, timestamp),
            "{sequence} {timestamp}"
        );
    }
    // The same number with a later time is another packet.
    assert!(session.accepts(19, 6000) && !session.accepts(19, 6000));
}

#[test]
fn numbers_and_times_wrap_around() {
    let mut session = Session::FREE;
    assert!(session.accepts(u32::MAX, u64::MAX));
    assert!(session.accepts(0, 0) && session.accepts(1, 1));
    assert!(!session.accepts(u32::MAX, u64::MAX) && !session.accepts(0, 0));
}
