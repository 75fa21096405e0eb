//! Header prediction, after Van Jacobson's for TCP (4.3BSD-Reno): nearly every frame is a plain timestamp
//! request over IPv4 to our address, so its headers are known in advance but for a few fields.
//!
//! All known bits are compared at once, with one branch, where parsing has a branch for each field.
//! Any mismatch falls back to [`super::reflect`]; the two agree on predicted frames (tested).

use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use wire::checksum::Sum;
use wire::limits::{Limiter, Slot};
use wire::peer::{HIGHEST_RESPONDER, is_host_ipv4};

use super::datagram::{IPV4_HEADER, IPV4_PLAIN, UDP_HEADER, ip_fields};
use super::reply::{IPV4_HEADERS, make_changed_reply, write_ipv4_headers};
use super::sums::{changed, changing};
use super::{IPV4, Reflection};
use crate::clock::Clock;
use crate::handler::{Clients, Handler, Request, Verdict};
use crate::net::addresses::Addresses;
use crate::net::packets::{GROUP, IP, UDP};
use crate::services::{FixedPorts, Services, is_user_port};

/// Number of bytes of a frame that are compared: all of its headers but the UDP checksum.
const PREDICTED: usize = 40;

/// The same as words.
type Words = [u64; PREDICTED / 8];

/// Bits that are compared: all but those of the source, lengths, the IP checksum and identification, the
/// time to live, and whether fragmenting is allowed.
const COMPARED: [u8; PREDICTED] = {
    let mut mask = [0; PREDICTED];
    fill(&mut mask, 0, &[0xff; 6]);
    mask[6] = GROUP;
    fill(&mut mask, 12, &[0xff; 3]);
    fill(&mut mask, IP + 6, &[0x3f, 0xff]);
    mask[IP + 9] = 0xff;
    fill(&mut mask, IP + 16, &[0xff; 4]);
    fill(&mut mask, IP + IPV4_HEADER + 2, &[0xff; 2]);
    mask
};

const MASKS: Words = words(&COMPARED);

const fn fill<const LEN: usize>(bytes: &mut [u8; PREDICTED], at: usize, with: &[u8; LEN]) {
    let mut i = 0;
    while i < LEN {
        bytes[at + i] = with[i];
        i += 1;
    }
}

#[inline(always)]
const fn words(bytes: &[u8; PREDICTED]) -> Words {
    let mut words = [0; PREDICTED / 8];
    let (chunks, _) = bytes.as_chunks::<8>();
    let mut i = 0;
    while i < words.len() {
        words[i] = u64::from_le_bytes(chunks[i]);
        i += 1;
    }
    words
}

/// The frame that is expected.
#[derive(Clone, Debug)]
pub struct PredictedHeader {
    expected: Words,
    own_mac: [u8; 6],
    own: [u8; 4],
    /// The subnet's broadcast address, or our own again where there is none.
    broadcast: [u8; 4],
    /// Source of the frame before this one, which may be answered; [`NO_CLIENT`] before the first.
    client: u64,
    /// Bucket of that source.
    slot: Slot,
}

/// No IPv4 address is this.
const NO_CLIENT: u64 = u64::MAX;

impl PredictedHeader {
    /// Returns the expected header of frames to `own`, if it has an IPv4 address.
    #[must_use]
    pub fn new<M, F>(services: &Services<M, F>, own: &Addresses) -> Option<Self> {
        let (address, _) = own.ipv4?;
        let mut bytes = [0; PREDICTED];
        fill(&mut bytes, 0, &own.mac.octets());
        fill(&mut bytes, 12, &IPV4.to_be_bytes());
        bytes[IP] = IPV4_PLAIN;
        bytes[IP + 9] = UDP;
        fill(&mut bytes, IP + 16, &address.octets());
        fill(
            &mut bytes,
            IP + IPV4_HEADER + 2,
            &services.port.to_be_bytes(),
        );
        Some(Self {
            expected: words(&bytes),
            own_mac: own.mac.octets(),
            own: address.octets(),
            broadcast: own.broadcast().unwrap_or(address).octets(),
            client: NO_CLIENT,
            slot: Slot::default(),
        })
    }

    /// Has the main service answer `frame` in place if that is as expected; else it is as it was, and the
    /// result `None`.
    #[inline(always)]
    pub fn answer<M: Handler, F: FixedPorts>(
        &mut self,
        services: &mut Services<M, F>,
        limiter: &mut Limiter,
        frame: &mut [u8],
        clock: &impl Clock,
    ) -> Option<Reflection> {
        let received_ns = clock.stamp_ns();
        let (headers, rest) = frame.split_first_chunk_mut::<IPV4_HEADERS>()?;
        let predicted = words(&field(headers, 0));
        let mut differs = 0;
        for ((word, expected), mask) in predicted.iter().zip(&self.expected).zip(&MASKS) {
            differs |= (word ^ expected) & mask;
        }
        let total_len = u16::from_be_bytes(field(headers, IP + 2));
        let udp_len = u16::from_be_bytes(field(headers, IPV4_UDP + 4));
        let port = u16::from_be_bytes(field(headers, IPV4_UDP));
        let checksum = u16::from_le_bytes(field(headers, IPV4_UDP + 6));
        let is_predicted = (differs == 0)
            & (usize::from(total_len) == IPV4_HEADER + usize::from(udp_len))
            // None of the ports that are never answered; a client that has a lower one waits a little longer.
            & (port > HIGHEST_RESPONDER)
            & (checksum != 0);
        if !is_predicted {
            return None;
        }
        let payload = rest.get_mut(..usize::from(udp_len).checked_sub(UDP_HEADER)?)?;
        let kept = match payload.get(M::CHANGES..) {
            Some(kept) => Sum::of(kept),
            None if M::CHANGES == usize::MAX => Sum::ZERO,
            None => return None,
        };
        // Small ones first: their sum has no carry to add.
        let addresses = Sum::of_word(u64::from_le_bytes(field(headers, IP + 12)));
        let common = Sum::of_network_word(UDP.into())
            .plus(Sum::of_network_word(udp_len))
            .plus(ports_and_len(headers))
            .plus(addresses);
        let whole = common
            .plus(Sum::of_word(checksum.into()))
            .plus(changing::<M>(payload))
            .plus(kept);
        let client: [u8; 4] = field(headers, IP + 12);
        let ip = field::<IPV4_HEADER>(headers, IP);
        if !(Sum::of_array(&ip).is_good() & whole.is_good()) {
            return None;
        }
        if M::CLIENTS == Clients::UserPorts && !is_user_port::<F>(port, services.port) {
            return None;
        }
        // Last, so that the handler's own look at the same bytes is known to find the same.
        if !M::is_expected(payload) {
            return None;
        }
        // Nearly all frames come from where the one before came from.
        if u64::from(u32::from_le_bytes(client)) != self.client && !self.admit(limiter, client) {
            return None;
        }
        // Left to others, who find the reason; nothing was taken, so no request counts twice.
        if !limiter.take_from(self.slot, received_ns) {
            return None;
        }
        let request = Request {
            port: services.port,
            destination: IpAddr::from(self.own),
            source: SocketAddr::from((client, port)),
            received_ns,
            ip: ip_fields(headers),
        };
        let response = services.main.handle(payload, &request, clock);
        let counter = response.counter;
        let len = match response.verdict {
            Verdict::Reply(len) if len < payload.len() || response.is_rewritten => {
                let len = len.min(payload.len());
                make_changed_reply(frame, IPV4_UDP, len, self.own_mac)
            }
            Verdict::Reply(_) => {
                let changed = changed::<M>(payload, kept);
                let checksum = common.plus(changed).plus(kept).udp_checksum();
                let between = (self.own, client, addresses);
                write_ipv4_headers(headers, self.own_mac, between, checksum);
                IPV4_HEADERS + usize::from(udp_len) - UDP_HEADER
            }
            Verdict::Drop => return Some(Reflection::NoReply(counter)),
            Verdict::Pass => return Some(Reflection::Pass),
        };
        Some(Reflection::Reply { counter, len })
    }

    /// Remembers `client` and its bucket, if it may be answered: one host's address ([`wire::peer`]) that is allowed,
    /// and not ours.
    #[inline(never)]
    fn admit(&mut self, limiter: &Limiter, client: [u8; 4]) -> bool {
        let address = Ipv4Addr::from_octets(client);
        let is_client = is_host_ipv4(address) && client != self.own && client != self.broadcast;
        let slot = limiter.slot_ipv4(address.to_bits());
        let Some(slot) = slot.filter(|_| is_client) else {
            return false;
        };
        self.client = u32::from_le_bytes(client).into();
        self.slot = slot;
        true
    }
}

/// Offset of the UDP header behind an IPv4 header without options, in bytes.
const IPV4_UDP: usize = IP + IPV4_HEADER;

/// Returns the `LEN` bytes of the headers from `at` on.
#[inline(always)]
fn field<const LEN: usize>(headers: &[u8; IPV4_HEADERS], at: usize) -> [u8; LEN] {
    let mut field = [0; LEN];
    field.copy_from_slice(&headers[at..at + LEN]);
    field
}

/// Returns the sum of the UDP header without its checksum.
#[inline(always)]
fn ports_and_len(headers: &[u8; IPV4_HEADERS]) -> Sum {
    let [a, b, c, d, e, f] = field(headers, IPV4_UDP);
    Sum::of_word(u64::from_le_bytes([a, b, c, d, e, f, 0, 0]))
}
