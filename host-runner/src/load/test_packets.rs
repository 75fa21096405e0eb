//! Test packets of a STAMP Session-Sender (RFC 8762 §4.2), put together, and a reflector's replies, taken
//! apart.
//!
//! A packet longer than its base has one Extra Padding TLV (RFC 8972 §4.1), which a reply brings back;
//! TWAMP-Light's has zeros. Timestamps are those of this host's clock, which is not synchronised.

use wire::stamp::key::TAG_LEN;
use wire::stamp::packet::{
    AUTHENTICATED, AUTHENTICATED_HMAC, AUTHENTICATED_TEXT, Layout, Packet, UNAUTHENTICATED,
};
use wire::stamp::tlv::{EXTRA_PADDING, HEADER_LEN, HMAC, UNRECOGNISED};
use wire::stamp::{ClockState, ErrorEstimate, Format, Key, Secret, time};

use super::padding::Padding;
use super::reply_header::ReplyHeader;

/// Clock and format of a sender's timestamps.
const CLOCK: ClockState = ClockState::SINCE_BOOT;
const FORMAT: Format = Format::Ntp;

/// All test packets of a measurement: the same bytes but for number, send time, padding and HMAC.
#[derive(Clone, Debug)]
pub struct TestPackets {
    bytes: Box<[u8]>,
    layout: &'static Layout,
    key: Option<Key>,
    /// Value of the Extra Padding, if there is one.
    padding: Option<Padding>,
}

impl TestPackets {
    /// Creates STAMP's packets of `len` bytes, in authenticated mode with a `secret`, with padding made from
    /// `seed`.
    #[must_use]
    pub fn stamp(len: usize, seed: u64, secret: Option<&Secret>) -> Self {
        let layout = match secret {
            None => &UNAUTHENTICATED,
            Some(_) => &AUTHENTICATED,
        };
        let mut packets = Self::of_layout(len, layout);
        let padding = &mut packets.bytes[layout.len..];
        if let Some((header, value)) = padding.split_at_mut_checked(HEADER_LEN) {
            let [high, low] = (value.len() as u16).to_be_bytes();
            header.copy_from_slice(&[UNRECOGNISED, EXTRA_PADDING, high, low]);
            packets.padding = Some(Padding::new(seed, value.len()));
        }
        packets.key = secret.map(Key::new);
        packets
    }

    /// Creates TWAMP-Light's packets of `len` bytes.
    #[must_use]
    pub fn twamp_light(len: usize) -> Self {
        Self::of_layout(len, &UNAUTHENTICATED)
    }

    fn of_layout(len: usize, layout: &'static Layout) -> Self {
        let mut bytes = vec![0; len.max(layout.len)].into_boxed_slice();
        let estimate = ErrorEstimate::unsynchronised(FORMAT).0.to_be_bytes();
        bytes[layout.error_estimate.clone()].copy_from_slice(&estimate);
        Self {
            bytes,
            layout,
            key: None,
            padding: None,
        }
    }

    /// Makes the packet number `seq`, all but its send time. The packet carries the lower 32 bits of the
    /// number.
    #[inline]
    pub fn prepare(&mut self, seq: u64) {
        let sequence = (seq as u32).to_be_bytes();
        self.bytes[self.layout.sequence.clone()].copy_from_slice(&sequence);
        if let Some(padding) = &self.padding {
            padding.fill(seq, &mut self.bytes[self.layout.len + HEADER_LEN..]);
        }
    }

    /// The packet that was prepared, sent at `t1_ns`.
    #[inline]
    pub fn stamped(&mut self, t1_ns: u64) -> &[u8] {
        let timestamp = CLOCK.timestamp(t1_ns, FORMAT).to_be_bytes();
        self.bytes[self.layout.timestamp.clone()].copy_from_slice(&timestamp);
        if let Some(key) = &self.key {
            let tag = key.sign(&[&self.bytes[AUTHENTICATED_TEXT]]);
            self.bytes[AUTHENTICATED_HMAC].copy_from_slice(&tag);
        }
        &self.bytes
    }

    /// Reads what matters of a reflector's reply, to a packet before the one with the number `next_seq`; `None`
    /// if it can be none.
    #[must_use]
    #[inline]
    pub fn read(&self, reply: &[u8], next_seq: u64) -> Option<ReplyHeader> {
        // TWAMP-Light's shortest reply ends behind the sender's time to live.
        let mut short = [0; UNAUTHENTICATED.len];
        let bytes = match reply.len() {
            len if len >= self.layout.len => reply,
            len if len > self.layout.sender_ttl && self.padding.is_none() && self.key.is_none() => {
                short[..len].copy_from_slice(reply);
                &short
            }
            _ => return None,
        };
        let packet = Packet::new(bytes, self.layout)?;
        let format = packet.error_estimate().format();
        Some(ReplyHeader {
            is_reply: true,
            is_as_sent: false,
            flags: 0,
            boot_id: 0,
            seq: whole(packet.sender_sequence(), next_seq),
            t1_ns: time::to_ns(packet.sender_timestamp(), FORMAT),
            t2_ns: time::to_ns(packet.receive_timestamp(), format),
            t3_ns: time::to_ns(packet.timestamp(), format),
            error_estimate: Some(packet.error_estimate()),
        })
    }

    /// Returns whether `reply`, from which `header` was read, answers the packet that was sent at `sent_ns`.
    #[must_use]
    #[inline]
    pub fn is_answered_by(&self, header: &ReplyHeader, sent_ns: u64, reply: &[u8]) -> bool {
        header.t1_ns == sent_ns
            && self.key.as_ref().is_none_or(|key| is_signed(key, reply))
            && self.padding.as_ref().is_none_or(|padding| {
                let value = reply.get(self.layout.len + HEADER_LEN..self.bytes.len());
                value.is_some_and(|value| padding.is_intact(header.seq, value))
            })
            && (reply.len() <= self.bytes.len() || self.is_extended_well(reply))
    }

    /// Returns whether what a reflector put behind the TLVs that it was sent may be there: anything, and where there
    /// is a key the HMAC of the reply's TLVs (RFC 8972 §4.8).
    #[cold]
    fn is_extended_well(&self, reply: &[u8]) -> bool {
        let Some(key) = &self.key else {
            return true;
        };
        let (before, added) = reply.split_at(self.bytes.len());
        let tag = match added.split_first_chunk::<HEADER_LEN>() {
            Some((&[_, HMAC, 0, TAG_LEN_OCTET], tag)) => tag.first_chunk::<TAG_LEN>(),
            _ => None,
        };
        let sequence = &before[self.layout.sequence.clone()];
        let text = [sequence, &before[self.layout.len..]];
        tag.is_some_and(|tag| key.is_signed(&text, tag))
    }
}

/// Length of an HMAC in the last octet of a TLV's length.
const TAG_LEN_OCTET: u8 = TAG_LEN as u8;

fn is_signed(key: &Key, reply: &[u8]) -> bool {
    let tag = reply
        .get(AUTHENTICATED_HMAC)
        .and_then(|tag| tag.first_chunk());
    tag.is_some_and(|tag| key.is_signed(&[&reply[AUTHENTICATED_TEXT]], tag))
}

/// Returns the highest number below `next` whose lower 32 bits are `low`; `low` itself if there is none.
const fn whole(low: u32, next: u64) -> u64 {
    const STEP: u64 = 1 << 32;
    let candidate = (next & !(STEP - 1)) | low as u64;
    if candidate >= next && candidate >= STEP {
        candidate - STEP
    } else {
        candidate
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use wire::stamp::{Arrival, Reflector, Verdict};

    use super::*;

    const T1_NS: u64 = 123_456_789_012;

    fn secret() -> Secret {
        Secret::new(&[7; 32]).unwrap()
    }

    /// Returns a reflector's reply to packet number `seq`, received at 5 s of its clock and sent 300 ns later.
    fn reply(packets: &mut TestPackets, reflector: &mut Reflector<'_>, seq: u64) -> Vec<u8> {
        packets.prepare(seq);
        let mut datagram = packets.stamped(T1_NS).to_vec();
        let arrival = Arrival {
            source: SocketAddr::from(([127, 0, 0, 1], 40_000)),
            own: SocketAddr::from(([127, 0, 0, 1], 862)),
            received_ns: 5_000_000_000,
            hop_limit: None,
            traffic_class: None,
        };
        let verdict = reflector.reflect(&mut datagram, &arrival, CLOCK, || 5_000_000_300);
        assert!(matches!(verdict, Verdict::Reply { .. }), "{verdict:?}");
        datagram
    }

    #[test]
    fn a_reply_has_the_reflectors_times_and_the_packets_number() {
        let reflector = |key: Option<Key>| Reflector::new(key, None);
        let key = || Some(Key::new(&secret()));
        for (mut packets, mut reflector, len) in [
            (TestPackets::stamp(44, 1, None), reflector(None), 44),
            (TestPackets::stamp(64, 1, None), reflector(None), 64),
            (
                TestPackets::stamp(1472, 1, Some(&secret())),
                reflector(key()),
                1472,
            ),
        ] {
            let seq = (3 << 32) + 5;
            let reply = reply(&mut packets, &mut reflector, seq);
            assert_eq!(reply.len(), len);
            let header = packets.read(&reply, seq + 9).unwrap();
            assert_eq!((header.seq, header.t1_ns), (seq, T1_NS));
            assert_eq!((header.t2_ns, header.t3_ns), (5_000_000_000, 5_000_000_300));
            assert!(packets.is_answered_by(&header, T1_NS, &reply));
            assert!(!packets.is_answered_by(&header, T1_NS + 1, &reply));
            // The shortest that TWAMP-Light allows has 41 octets.
            assert_eq!(packets.read(&reply[..40], seq + 9), None);
            if len > 44 {
                let mut damaged = reply.clone();
                *damaged.last_mut().unwrap() ^= 1;
                assert!(!packets.is_answered_by(&header, T1_NS, &damaged));
                assert!(!packets.is_answered_by(&header, T1_NS, &reply[..len - 1]));
            }
        }
    }

    #[test]
    fn a_reply_with_a_wrong_hmac_is_none() {
        let mut reflector = Reflector::new(Some(Key::new(&secret())), None);
        let mut packets = TestPackets::stamp(112, 1, Some(&secret()));
        let mut reply = reply(&mut packets, &mut reflector, 0);
        let header = packets.read(&reply, 1).unwrap();
        assert!(packets.is_answered_by(&header, T1_NS, &reply));
        reply[33] ^= 1;
        assert!(!packets.is_answered_by(&header, T1_NS, &reply));
    }

    /// A reflector may sign TLVs that came unsigned: one Extra Padding needs no HMAC, but may have one.
    #[test]
    fn what_a_reflector_adds_with_a_key_is_an_hmac_of_its_tlvs() {
        let key = Key::new(&secret());
        let mut reflector = Reflector::new(Some(key.clone()), None);
        let mut packets = TestPackets::stamp(126, 1, Some(&secret()));
        let reply = reply(&mut packets, &mut reflector, 5);
        let header = packets.read(&reply, 6).unwrap();
        let tag = key.sign(&[&reply[..4], &reply[112..]]);
        let mut signed = [&reply, &[0, HMAC, 0, 16][..], &tag].concat();
        assert!(packets.is_answered_by(&header, T1_NS, &signed));
        *signed.last_mut().unwrap() ^= 1;
        assert!(!packets.is_answered_by(&header, T1_NS, &signed));
        let padded = [&reply, &[0, EXTRA_PADDING, 0, 0][..]].concat();
        assert!(!packets.is_answered_by(&header, T1_NS, &padded));
        // Without a key it may be anything.
        let mut packets = TestPackets::stamp(58, 1, None);
        let mut reply = self::reply(&mut packets, &mut Reflector::new(None, None), 5);
        reply.extend([0, 99, 0, 1, 7]);
        let header = packets.read(&reply, 6).unwrap();
        assert!(packets.is_answered_by(&header, T1_NS, &reply));
    }

    #[test]
    fn replies_to_twamp_light_may_be_shorter_and_their_padding_anything() {
        let mut packets = TestPackets::twamp_light(100);
        let mut reply = reply(&mut packets, &mut Reflector::new(None, None), 1);
        reply[80] ^= 1;
        for len in [41, 43, 44, 60, 100] {
            let header = packets.read(&reply[..len], 2).unwrap();
            assert_eq!((header.seq, header.t3_ns), (1, 5_000_000_300));
            assert!(packets.is_answered_by(&header, T1_NS, &reply[..len]));
        }
        assert_eq!(packets.read(&reply[..40], 2), None);
    }

    #[test]
    fn numbers_are_those_last_sent() {
        let step = 1 << 32;
        assert_eq!((whole(5, 9), whole(9, 9)), (5, 9));
        assert_eq!(whole(u32::MAX, step + 3), step - 1);
        assert_eq!(whole(2, step + 3), step + 2);
        assert_eq!(whole(3, step + 3), 3);
    }
}
