//! IPv4 address conflict detection (RFC 5227): finds other hosts that use our address.
//!
//! An address from a DHCP server is probed for, and declined if another host has it. It is in use meanwhile, as an
//! optimistic address is with IPv6 (RFC 4429), because a boot must not wait for seconds: the probes do not change any
//! neighbour's cache, and the address is announced only after them. An address from the boot arguments is announced
//! at once. An address in use is defended by an announcement, at most once in ten seconds, and kept (RFC 5227 §2.4 (c)):
//! a service that gives up its address helps nobody.
//!
//! Knows frames and times, and no device. No unsafe code.
#![forbid(unsafe_code)]

use core::net::Ipv4Addr;

use wire::Mac;

use super::packets::{ARP, ARP_ETHERNET_IPV4, ARP_LEN, ARP_REQUEST, IP};
use crate::clock::NEVER_NS;

const SECOND_NS: u64 = 1_000_000_000;

/// Number of probes, and the time between them (PROBE_NUM and PROBE_MIN in RFC 5227 §1.1).
const PROBES: u8 = 3;
const PROBE_INTERVAL_NS: u64 = SECOND_NS;

/// Time from the last probe to the first announcement (ANNOUNCE_WAIT), and to the second (ANNOUNCE_INTERVAL).
const ANNOUNCE_INTERVAL_NS: u64 = 2 * SECOND_NS;
const ANNOUNCEMENTS: u8 = 2;

/// Least time between announcements that defend the address (DEFEND_INTERVAL).
const DEFEND_INTERVAL_NS: u64 = 10 * SECOND_NS;

/// An ARP packet to send about our address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// Asks who has it, and says nothing of us.
    Probe,
    /// Says that we have it.
    Announcement,
}

/// Another host that uses our address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// Found by a probe: the address has to be given up.
    Probed(Mac),
    /// With the address in use, to be defended now.
    InUse(Mac),
    /// The same again before it may be defended again.
    Repeated,
}

/// Progress of the detection.
#[derive(Clone, Copy, Debug, Default)]
enum Phase {
    /// Number of probes sent.
    Probing(u8),
    /// Number of announcements sent.
    Announcing(u8),
    /// All have been sent.
    #[default]
    Watching,
}

/// Detection of conflicts for one address.
#[derive(Clone, Copy, Debug)]
pub struct ConflictDetector {
    phase: Phase,
    due_ns: u64,
    /// Time from which the address may be defended again.
    defend_from_ns: u64,
}

impl ConflictDetector {
    /// Creates a detector that sends nothing of its own accord.
    pub const fn new() -> Self {
        Self {
            phase: Phase::Watching,
            due_ns: NEVER_NS,
            defend_from_ns: 0,
        }
    }

    /// Begins to probe for a new address.
    pub const fn probe(&mut self, now_ns: u64) {
        self.phase = Phase::Probing(0);
        self.due_ns = now_ns;
    }

    /// Returns the time at which [`ConflictDetector::poll`] has something to do, in nanoseconds.
    pub const fn due_ns(&self) -> u64 {
        self.due_ns
    }

    /// Returns the message to send if it is time for one.
    pub fn poll(&mut self, now_ns: u64) -> Option<Message> {
        if now_ns < self.due_ns {
            return None;
        }
        let (message, phase, wait_ns) = match self.phase {
            Phase::Probing(sent) if sent + 1 < PROBES => {
                (Message::Probe, Phase::Probing(sent + 1), PROBE_INTERVAL_NS)
            }
            Phase::Probing(_) => (Message::Probe, Phase::Announcing(0), ANNOUNCE_INTERVAL_NS),
            Phase::Announcing(sent) if sent + 1 < ANNOUNCEMENTS => (
                Message::Announcement,
                Phase::Announcing(sent + 1),
                ANNOUNCE_INTERVAL_NS,
            ),
            _ => (Message::Announcement, Phase::Watching, NEVER_NS),
        };
        self.phase = phase;
        self.due_ns = now_ns.saturating_add(wait_ns);
        Some(message)
    }

    /// Returns the conflict that `frame` shows, if it is an ARP packet of another host than `own_mac` that has `address`
    /// or probes for it while we do.
    pub fn observe(
        &mut self,
        frame: &[u8],
        own_mac: Mac,
        address: Ipv4Addr,
        now_ns: u64,
    ) -> Option<Conflict> {
        if frame.get(12..14)? != ARP {
            return None;
        }
        let packet = frame.get(IP..ARP_LEN)?;
        let mac = Mac::new(*packet[8..].first_chunk()?);
        if packet[..7] != ARP_ETHERNET_IPV4 || mac == own_mac || !mac.is_host() {
            return None;
        }
        let sender = &packet[14..18];
        let is_probing = matches!(self.phase, Phase::Probing(_) | Phase::Announcing(0));
        let is_same_probe = is_probing
            && packet[7] == ARP_REQUEST
            && *sender == [0; 4]
            && packet[24..28] == address.octets();
        if !is_same_probe && *sender != address.octets() {
            return None;
        }
        if is_probing {
            return Some(Conflict::Probed(mac));
        }
        if now_ns < self.defend_from_ns {
            return Some(Conflict::Repeated);
        }
        self.defend_from_ns = now_ns + DEFEND_INTERVAL_NS;
        self.phase = Phase::Announcing(ANNOUNCEMENTS - 1);
        self.due_ns = now_ns;
        Some(Conflict::InUse(mac))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::packets::{ARP_REPLY, arp};
    use crate::testing::{CLIENT_MAC, SERVICE_MAC};

    const OWN: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 15);
    const OTHER: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);
    const NOBODY: Ipv4Addr = Ipv4Addr::UNSPECIFIED;

    fn packet(operation: u8, sender: (Mac, Ipv4Addr), target: Ipv4Addr) -> [u8; ARP_LEN] {
        arp(
            Mac::BROADCAST,
            operation,
            sender,
            (Mac::UNSPECIFIED, target),
        )
    }

    #[test]
    fn three_probes_and_two_announcements_and_silence() {
        let mut detector = ConflictDetector::new();
        assert_eq!((detector.due_ns(), detector.poll(0)), (NEVER_NS, None));
        detector.probe(5);
        let mut sent = std::vec::Vec::new();
        while detector.due_ns() != NEVER_NS {
            let now_ns = detector.due_ns();
            assert_eq!(detector.poll(now_ns - 1), None);
            sent.push((now_ns - 5, detector.poll(now_ns).unwrap()));
        }
        let expected = [
            (0, Message::Probe),
            (1, Message::Probe),
            (2, Message::Probe),
            (4, Message::Announcement),
            (6, Message::Announcement),
        ];
        assert_eq!(sent, expected.map(|(s, message)| (s * SECOND_NS, message)));
    }

    #[test]
    fn a_probe_finds_the_holder_and_another_that_probes() {
        let mut detector = ConflictDetector::new();
        detector.probe(0);
        detector.poll(0);
        let mut see = |frame: &[u8]| detector.observe(frame, SERVICE_MAC, OWN, 0);
        let found = Some(Conflict::Probed(CLIENT_MAC));
        assert_eq!(see(&packet(ARP_REPLY, (CLIENT_MAC, OWN), NOBODY)), found);
        assert_eq!(see(&packet(ARP_REQUEST, (CLIENT_MAC, NOBODY), OWN)), found);
        for innocent in [
            packet(ARP_REQUEST, (SERVICE_MAC, NOBODY), OWN),
            packet(ARP_REQUEST, (SERVICE_MAC, OWN), OWN),
            packet(ARP_REQUEST, (CLIENT_MAC, NOBODY), OTHER),
            packet(ARP_REQUEST, (CLIENT_MAC, OTHER), OWN),
            packet(ARP_REPLY, (CLIENT_MAC, OTHER), OWN),
            packet(ARP_REPLY, (Mac::BROADCAST, OWN), OWN),
        ] {
            assert_eq!(see(&innocent), None, "{innocent:02x?}");
            for len in 0..ARP_LEN {
                assert_eq!(see(&packet(ARP_REPLY, (CLIENT_MAC, OWN), OWN)[..len]), None);
            }
        }
    }

    #[test]
    fn an_address_in_use_is_defended_once_in_ten_seconds() {
        let mut detector = ConflictDetector::new();
        let frame = packet(ARP_REQUEST, (CLIENT_MAC, OWN), OTHER);
        let probe = packet(ARP_REQUEST, (CLIENT_MAC, NOBODY), OWN);
        let mut defended = 0;
        for tenth in 0..1000 {
            let now_ns = tenth * SECOND_NS / 10;
            assert_eq!(detector.observe(&probe, SERVICE_MAC, OWN, now_ns), None);
            match detector.observe(&frame, SERVICE_MAC, OWN, now_ns) {
                Some(Conflict::InUse(CLIENT_MAC)) => {
                    assert_eq!(detector.poll(now_ns), Some(Message::Announcement));
                    defended += 1;
                }
                other => assert_eq!(other, Some(Conflict::Repeated)),
            }
            assert_eq!(detector.due_ns(), NEVER_NS);
        }
        assert_eq!(defended, 10);
    }
}
