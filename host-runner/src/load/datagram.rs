//! Requests put together, field by field: what [`wire::Header`] does with any header, for the one kind that is sent a
//! million times a second. Which datagrams are valid is `wire`'s word; the tests hold this module to it.

use wire::header::field;
use wire::{HEADER_LEN, Header};

use super::padding::Padding;
use super::reply_header::ReplyHeader;
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
