//! Requests put together and replies taken apart, field by field: what [`wire::Header`] does with
//! any header, for the one kind that is sent a million times a second. Which datagrams are valid
//! is `wire`'s word; the tests hold this module to it.

use std::ops::Range;

use wire::header::field;
use wire::{HEADER_LEN, Header, Kind};

use super::padding::Padding;
use super::test_packets::TestPackets;
use super::{Content, Plan, Protocol};

/// All requests of a measurement: the same bytes but for number, send time and padding.
#[derive(Clone, Debug)]
pub struct Requests {
    bytes: Box<[u8]>,
    body: Body,
    protocol: Protocol,
    /// Packets that are sent instead, in STAMP and TWAMP-Light.
    test_packets: Option<Box<TestPackets>>,
}

impl Requests {
    /// Requests of `payload_len` bytes, at least a header's, with padding made from `seed`, to a service
    /// that speaks `protocol`.
    #[must_use]
    pub fn new(payload_len: usize, seed: u64, protocol: Protocol) -> Self {
        let mut bytes = vec![0; payload_len.max(HEADER_LEN)].into_boxed_slice();
        // There is room for the header.
        let _ = Header::request(0, 0).encode(&mut bytes);
        let body = Body::Padding(Padding::new(seed, bytes.len() - HEADER_LEN));
        Self {
            bytes,
            body,
            protocol,
            test_packets: match protocol {
                Protocol::Fathom | Protocol::Echo => None,
                Protocol::Stamp => Some(Box::new(TestPackets::stamp(payload_len, seed, None))),
                Protocol::TwampLight => Some(Box::new(TestPackets::twamp_light(payload_len))),
            },
        }
    }

    /// Requests by `plan`.
    #[must_use]
    pub fn of_plan(plan: &Plan) -> Self {
        let mut requests = Self::new(plan.payload_len, plan.seed, plan.protocol);
        if let Some(content) = plan.content {
            requests.bytes[HEADER_LEN..].copy_from_slice(content.request);
            requests.body = Body::Content(content);
        }
        if let (Protocol::Stamp, Some(key)) = (plan.protocol, &plan.key) {
            let packets = TestPackets::stamp(plan.payload_len, plan.seed, Some(key));
            requests.test_packets = Some(Box::new(packets));
        }
        requests
    }

    /// Makes the request number `seq`, all but its send time.
    #[inline]
    pub fn prepare(&mut self, seq: u64) {
        if let Some(packets) = &mut self.test_packets {
            packets.prepare(seq);
            return;
        }
        self.bytes[field::SEQ].copy_from_slice(&seq.to_le_bytes());
        // Content is there already, the same for all.
        if let Body::Padding(padding) = &self.body {
            padding.fill(seq, &mut self.bytes[HEADER_LEN..]);
        }
    }

    /// The request that was prepared, sent at `t1_ns`.
    #[inline]
    pub fn stamped(&mut self, t1_ns: u64) -> &[u8] {
        if let Some(packets) = &mut self.test_packets {
            return packets.stamped(t1_ns);
        }
        self.bytes[field::T1].copy_from_slice(&t1_ns.to_le_bytes());
        &self.bytes
    }

    /// Reads what matters of a reply to a request before the one with the number `next_seq`; `None` if
    /// `datagram` is none of the protocol's.
    #[must_use]
    #[inline]
    pub fn read(&self, datagram: &[u8], next_seq: u64) -> Option<ReplyHeader> {
        match &self.test_packets {
            None => ReplyHeader::read(datagram),
            Some(packets) => packets.read(datagram, next_seq),
        }
    }

    /// Returns whether `reply`, from which `header` was read, is the protocol's answer to the request that
    /// was sent at `sent_ns`: it has everything that it must carry back.
    #[must_use]
    #[inline]
    pub fn is_echoed_by(&self, header: &ReplyHeader, sent_ns: u64, reply: &[u8]) -> bool {
        if let Some(packets) = &self.test_packets {
            return packets.is_answered_by(header, sent_ns, reply);
        }
        let is_of_protocol = match self.protocol {
            Protocol::Echo => header.is_as_sent,
            _ => header.is_reply,
        };
        is_of_protocol
            && header.flags == 0
            && header.t1_ns == sent_ns
            && match &self.body {
                Body::Padding(padding) => padding.is_intact(header.seq, &reply[HEADER_LEN..]),
                Body::Content(content) => content.is_answered_by(&reply[HEADER_LEN..]),
            }
    }
}

/// Bytes that follow the header.
#[derive(Clone, Debug)]
enum Body {
    /// Padding, which a reply carries back.
    Padding(Padding),
    /// Given bytes.
    Content(Content),
}

/// The fields that matter of the header of a received datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyHeader {
    /// True if it is a reply, and not another kind of datagram.
    pub is_reply: bool,
    /// True if all fields that a service writes are as they are in a request.
    pub is_as_sent: bool,
    /// Flags.
    pub flags: u16,
    /// Identifier of the boot of the service that answered.
    pub boot_id: u32,
    /// The number of the request that it answers.
    pub seq: u64,
    /// Time at which that was sent.
    pub t1_ns: u64,
    /// Time at which the guest had the request.
    pub t2_ns: u64,
    /// Time at which the guest sent the reply.
    pub t3_ns: u64,
}

impl ReplyHeader {
    /// Reads the header in front of `datagram`; `None` if [`Header::decode`] refuses it.
    #[must_use]
    #[inline]
    pub fn read(datagram: &[u8]) -> Option<Self> {
        let bytes: &[u8; HEADER_LEN] = datagram.first_chunk()?;
        let is_ours = bytes[field::MAGIC] == wire::header::MAGIC
            && bytes[field::VERSION] == wire::header::VERSION
            && bytes[field::KIND] <= Kind::StatusReply.as_byte();
        is_ours.then(|| {
            let kind = bytes[field::KIND];
            let boot_id = u32::from_le_bytes(array(bytes, field::BOOT_ID));
            let t2_ns = u64::from_le_bytes(array(bytes, field::T2));
            let t3_ns = u64::from_le_bytes(array(bytes, field::T3));
            Self {
                is_reply: kind == Kind::Reply.as_byte(),
                is_as_sent: kind == Kind::Request.as_byte() && boot_id == 0 && (t2_ns | t3_ns) == 0,
                flags: u16::from_le_bytes(array(bytes, field::FLAGS)),
                boot_id,
                seq: u64::from_le_bytes(array(bytes, field::SEQ)),
                t1_ns: u64::from_le_bytes(array(bytes, field::T1)),
                t2_ns,
                t3_ns,
            }
        })
    }
}

/// The `N` bytes of a field that is as long.
fn array<const N: usize>(bytes: &[u8; HEADER_LEN], range: Range<usize>) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&bytes[range]);
    array
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn as_wire_reads_it(datagram: &[u8]) -> Option<ReplyHeader> {
        let header = Header::decode(datagram).ok()?;
        Some(ReplyHeader {
            is_reply: header.kind == Kind::Reply,
            is_as_sent: header.kind == Kind::Request
                && (header.boot_id, header.t2_ns, header.t3_ns) == (0, 0, 0),
            flags: header.flags,
            boot_id: header.boot_id,
            seq: header.seq,
            t1_ns: header.t1_ns,
            t2_ns: header.t2_ns,
            t3_ns: header.t3_ns,
        })
    }

    proptest! {
        #[test]
        fn a_request_is_what_wire_makes_of_it(
            payload_len in 44..200usize, seed: u64, requests in prop::array::uniform2(any::<(u64, u64)>()),
        ) {
            let mut made = Requests::new(payload_len, seed, Protocol::Fathom);
            for (seq, t1_ns) in requests {
                made.prepare(seq);
                let bytes = made.stamped(t1_ns).to_vec();
                prop_assert_eq!(Header::decode(&bytes), Ok(Header::request(seq, t1_ns)));
                prop_assert_eq!(bytes.len(), payload_len);
                let Body::Padding(padding) = &made.body else { panic!("no content was given") };
                prop_assert!(padding.is_intact(seq, &bytes[HEADER_LEN..]));
            }
        }

        #[test]
        fn reads_what_wire_reads(
            mut datagram in prop::collection::vec(any::<u8>(), 0..80),
            start in prop::option::weighted(0.9, (0..3u8, 0..5u8)),
        ) {
            // Mostly with a beginning that is nearly right, or all would be refused at once.
            if let Some((version, kind)) = start {
                let start = [b'F', b'T', b'H', b'M', version, kind];
                let len = start.len().min(datagram.len());
                datagram[..len].copy_from_slice(&start[..len]);
            }
            prop_assert_eq!(ReplyHeader::read(&datagram), as_wire_reads_it(&datagram));
        }
    }

    #[test]
    fn only_the_services_own_reply_echoes_a_request() {
        let mut requests = Requests::new(70, 5, Protocol::Fathom);
        requests.prepare(3);
        let mut reply = requests.stamped(1000).to_vec();
        let header = ReplyHeader::read(&reply).unwrap();
        assert!(!requests.is_echoed_by(&header, 1000, &reply), "no reply");
        let _ = wire::handle(&mut reply, 9, 50, || 60);
        let header = ReplyHeader::read(&reply).unwrap();
        assert!(requests.is_echoed_by(&header, 1000, &reply));
        assert!(!requests.is_echoed_by(&header, 1001, &reply), "send time");
        assert!(
            !requests.is_echoed_by(&header, 1000, &reply[..69]),
            "length"
        );
        reply[60] ^= 1;
        assert!(!requests.is_echoed_by(&header, 1000, &reply), "padding");
    }

    #[test]
    fn a_plain_echo_is_the_request_and_nothing_else() {
        let mut requests = Requests::new(70, 5, Protocol::Echo);
        requests.prepare(3);
        let request = requests.stamped(1000).to_vec();
        let is_echo = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut reply = request.clone();
            change(&mut reply);
            let header = ReplyHeader::read(&reply).unwrap();
            requests.is_echoed_by(&header, 1000, &reply)
        };
        assert!(is_echo(&|_| ()));
        assert!(!is_echo(&|reply| reply[60] ^= 1), "padding");
        assert!(!is_echo(&|reply| reply.truncate(69)), "length");
        for field in [
            field::FLAGS,
            field::BOOT_ID,
            field::T1,
            field::T2,
            field::T3,
        ] {
            assert!(!is_echo(&|reply| reply[field.start] ^= 1), "{field:?}");
        }
        let service = |reply: &mut Vec<u8>| {
            let _ = wire::handle(reply, 9, 50, || 60);
        };
        assert!(!is_echo(&service), "a service of Fathom's");
    }
}
