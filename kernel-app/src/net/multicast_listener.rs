//! Multicast listener reports (RFC 3810): the groups by which neighbours ask for our addresses, told to the switches and
//! routers that would else not pass them on.
//!
//! Unasked at the start, and in answer to queries after a random part of the time that they allow. Queries of version 1 are answered
//! by reports of version 2, which switches that snoop know.
//!
//! Knows messages and times, and no device. No unsafe code.
#![forbid(unsafe_code)]

use core::net::Ipv6Addr;

use wire::Mac;

use super::packets::{ICMPV6, IP, IPV6, icmpv6_sum};
use crate::clock::NEVER_NS;

const MILLISECOND_NS: u64 = 1_000_000;

/// Time between the reports at the start: the most that it may be (RFC 3810 §9.11).
const REPEAT_NS: u64 = 1000 * MILLISECOND_NS;

/// Types of messages (RFC 3810 §5).
const QUERY: u8 = 130;
const REPORT: u8 = 143;

/// Length of a query of version 1, in bytes; version 2 has 4 more (RFC 3810 §8.1).
const QUERY_LEN: usize = 24;

/// A hop-by-hop header with the router alert, which all these messages have: an ICMPv6 message follows (RFC 2711).
const ROUTER_ALERT: [u8; 8] = [ICMPV6, 0, 5, 2, 0, 0, 1, 0];

/// All routers that listen for reports (RFC 3810 §5.2.14).
const ALL_LISTENERS: [u8; 6] = [0x33, 0x33, 0, 0, 0, 0x16];
const ALL_LISTENERS_IP: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x16);

/// Most groups in a report.
const GROUPS: usize = 2;

/// Length of one group's record, in bytes.
const RECORD: usize = 20;

const HEADERS: usize = 40 + ROUTER_ALERT.len();

/// Length of the longest report's frame, in bytes.
pub const REPORT_LEN: usize = IP + HEADERS + 8 + GROUPS * RECORD;

/// Reason for a report: the type of its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Asked for: all sources are listened to.
    Query = 2,
    /// Unasked: all sources are listened to from now on.
    Change = 4,
}

/// Reports that are due.
#[derive(Clone, Copy, Debug)]
pub struct MulticastListener {
    unasked_left: u8,
    unasked_ns: u64,
    answer_ns: u64,
}

impl MulticastListener {
    /// Reports once from now on.
    pub const fn new(now_ns: u64) -> Self {
        Self {
            unasked_left: 1,
            unasked_ns: now_ns,
            answer_ns: NEVER_NS,
        }
    }

    /// Has the report at the start repeated, as it should be where there are timers anyway.
    pub const fn repeat(&mut self) {
        self.unasked_left = 2;
    }

    /// Returns the time at which [`MulticastListener::poll`] has something to do, in nanoseconds.
    pub fn due_ns(&self) -> u64 {
        self.unasked_ns.min(self.answer_ns)
    }

    /// Returns the reason for the report to send, if one is due.
    pub const fn poll(&mut self, now_ns: u64) -> Option<Reason> {
        if now_ns >= self.unasked_ns {
            self.unasked_left -= 1;
            self.unasked_ns = match self.unasked_left {
                0 => NEVER_NS,
                _ => now_ns + REPEAT_NS,
            };
            return Some(Reason::Change);
        }
        if now_ns >= self.answer_ns {
            self.answer_ns = NEVER_NS;
            return Some(Reason::Query);
        }
        None
    }

    /// Takes an IPv6 packet with extension headers: its header and what follows. Answers it if it is a query for all groups or one
    /// of `groups`.
    pub fn receive(&mut self, header: &[u8; 40], packet: &[u8], groups: &[Ipv6Addr], now_ns: u64) {
        let Some((extension, message)) = packet.split_first_chunk::<8>() else {
            return;
        };
        let has_alert =
            extension[2..6] == ROUTER_ALERT[2..6] || extension[4..] == ROUTER_ALERT[2..6];
        let is_query = extension[..2] == [ICMPV6, 0]
            && has_alert
            // From a router on the link (RFC 3810 §5.1.14).
            && header[7] == 1
            && matches!(header[8..10], [0xfe, 0x80..=0xbf])
            && message.len() >= QUERY_LEN
            && message[0] == QUERY
            && icmpv6_sum(&header[8..40], message).is_good();
        if !is_query {
            return;
        }
        let group = Ipv6Addr::from_octets(*message[8..].first_chunk().expect("a whole query"));
        if !group.is_unspecified() && !groups.contains(&group) {
            return;
        }
        let code = u16::from_be_bytes([message[4], message[5]]);
        // Fibonacci hashing of the time: any of the hosts that were asked at once may be first.
        let random = now_ns.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let delay_ns = ((max_delay_ms(code) * random) >> 32) * MILLISECOND_NS;
        self.answer_ns = self.answer_ns.min(now_ns + delay_ns);
    }
}

/// The time that a query allows, in milliseconds (RFC 3810 §5.1.3).
const fn max_delay_ms(code: u16) -> u64 {
    match code {
        ..0x8000 => code as u64,
        _ => ((code as u64 & 0xfff) | 0x1000) << (((code >> 12) & 7) + 3),
    }
}

/// Writes the report about `groups` of the host at `mac` and `own`. Returns the length of its frame.
pub fn write_report(
    frame: &mut [u8; REPORT_LEN],
    reason: Reason,
    (mac, own): (Mac, Ipv6Addr),
    groups: &[Ipv6Addr],
) -> usize {
    let len = 8 + groups.len() * RECORD;
    frame[..6].copy_from_slice(&ALL_LISTENERS);
    frame[6..12].copy_from_slice(&mac.octets());
    frame[12..14].copy_from_slice(&IPV6);
    let (header, message) = frame[IP..IP + HEADERS + len].split_at_mut(HEADERS);
    header[0] = 0x60;
    header[5] = (ROUTER_ALERT.len() + len) as u8;
    header[7] = 1; // hop limit
    header[8..24].copy_from_slice(&own.octets());
    header[24..40].copy_from_slice(&ALL_LISTENERS_IP.octets());
    header[40..].copy_from_slice(&ROUTER_ALERT);
    message[0] = REPORT;
    message[7] = groups.len() as u8;
    for (record, group) in message[8..].chunks_exact_mut(RECORD).zip(groups) {
        record[0] = reason as u8;
        record[4..].copy_from_slice(&group.octets());
    }
    let checksum = icmpv6_sum(&header[8..40], message).checksum();
    message[2..4].copy_from_slice(&checksum);
    IP + HEADERS + len
}

#[cfg(test)]
mod tests;
