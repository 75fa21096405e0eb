//! Header prediction, after Van Jacobson's for TCP (4.3BSD-Reno): nearly every frame is a plain timestamp
//! request over IPv4 to our address, so its headers are known in advance but for a few fields.
//!
//! All known bits are compared at once, with one branch, where parsing has a branch for each field.
//! Any mismatch falls back to [`super::reflect`]; the two agree on predicted frames (tested).

use wire::checksum::Sum;
use wire::header::field;
use wire::{HEADER_LEN, Kind, MAGIC, VERSION, Verdict};

use super::datagram::{IP, IPV4_HEADER, IPV4_PLAIN, UDP, UDP_HEADER};
use super::reply::{IPV4_HEADERS, write_ipv4_headers};
use super::{GROUP, IPV4};
use crate::net::addresses::Addresses;
use crate::services::Services;

/// How much of a frame is compared, in bytes: to the kind of the request.
const PREDICTED: usize = 48;

/// The same as words.
type Words = [u64; PREDICTED / 8];

/// Which bits are compared: all but those of the source, lengths, checksums, the IP identification,
/// the time to live, and whether fragmenting is allowed.
const COMPARED: [u8; PREDICTED] = {
    let mut mask = [0; PREDICTED];
    fill(&mut mask, 0, &[0xff; 6]);
    mask[6] = GROUP;
    fill(&mut mask, 12, &[0xff; 3]);
    fill(&mut mask, IP + 6, &[0x3f, 0xff]);
    mask[IP + 9] = 0xff;
    fill(&mut mask, IP + 16, &[0xff; 4]);
    fill(&mut mask, IP + IPV4_HEADER + 2, &[0xff; 2]);
    fill(&mut mask, IPV4_HEADERS, &[0xff; 6]);
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

const _: () = assert!(field::MAGIC.end == field::VERSION && field::KIND == field::VERSION + 1);
const _: () = assert!(IPV4_HEADERS + field::KIND + 1 == PREDICTED);

/// The frame that is expected.
#[derive(Clone, Debug)]
pub struct PredictedHeader {
    expected: Words,
    own_mac: [u8; 6],
    own: [u8; 4],
    /// The subnet's broadcast address, or our own again where there is none.
    broadcast: [u8; 4],
    boot_id: u32,
}

impl PredictedHeader {
    /// What is expected of frames to `own`, if there is an IPv4 address to send them to.
    #[must_use]
    pub fn new(services: &Services, own: &Addresses) -> Option<Self> {
        let (address, _) = own.ipv4?;
        let mut bytes = [0; PREDICTED];
        fill(&mut bytes, 0, &own.mac);
        fill(&mut bytes, 12, &IPV4.to_be_bytes());
        bytes[IP] = IPV4_PLAIN;
        bytes[IP + 9] = UDP;
        fill(&mut bytes, IP + 16, &address.octets());
        fill(
            &mut bytes,
            IP + IPV4_HEADER + 2,
            &services.port.to_be_bytes(),
        );
        fill(&mut bytes, IPV4_HEADERS, &MAGIC);
        fill(
            &mut bytes,
            IPV4_HEADERS + 4,
            &[VERSION, Kind::Request.as_byte()],
        );
        Some(Self {
            expected: words(&bytes),
            own_mac: own.mac,
            own: address.octets(),
            broadcast: own.broadcast().unwrap_or(address).octets(),
            boot_id: services.boot_id,
        })
    }

    /// Answers `frame` in place if it is as expected: the answer's length. Else it is as it was.
    #[inline(always)]
    pub fn answer(&self, frame: &mut [u8], now_ns: impl Fn() -> u64) -> Option<usize> {
        let received_ns = now_ns();
        let predicted = words(frame.first_chunk::<PREDICTED>()?);
        let mut differs = 0;
        for ((word, expected), mask) in predicted.iter().zip(&self.expected).zip(&MASKS) {
            differs |= (word ^ expected) & mask;
        }
        let (headers, rest) = frame.split_first_chunk_mut::<IPV4_HEADERS>()?;
        let total_len = usize::from(u16::from_be_bytes([headers[IP + 2], headers[IP + 3]]));
        let [ports_and_len @ .., c0, c1] = *udp_header(headers);
        let [s0, s1, _, _, l0, l1] = ports_and_len;
        let udp_len = u16::from_be_bytes([l0, l1]);
        let is_predicted = (differs == 0)
            & (total_len == IPV4_HEADER + usize::from(udp_len))
            & ([s0, s1] != [0; 2])
            & ([c0, c1] != [0; 2]);
        if !is_predicted {
            return None;
        }
        let payload = rest.get_mut(..usize::from(udp_len).checked_sub(UDP_HEADER)?)?;
        let (header, padding) = payload.split_first_chunk::<HEADER_LEN>()?;
        let kept = Sum::of(padding);
        let ip = ip_header(headers);
        let [.., a, b, c, d, e, f, g, h] = *ip;
        let client = [a, b, c, d];
        let addresses = Sum::of_word(u64::from_le_bytes([a, b, c, d, e, f, g, h]));
        let [p0, p1, p2, p3, p4, p5] = ports_and_len;
        let common = addresses
            .plus(Sum::of_network_word(UDP.into()))
            .plus(Sum::of_network_word(udp_len))
            .plus(Sum::of_word(u64::from_le_bytes([
                p0, p1, p2, p3, p4, p5, 0, 0,
            ])));
        let whole = common
            .plus(Sum::of_word(u64::from(u16::from_le_bytes([c0, c1]))))
            .plus(Sum::of_array(header))
            .plus(kept);
        // One host's address, and neither ours nor one that loops.
        let is_client = (a.wrapping_sub(1) < 223)
            & (a != 127)
            & (client != self.own)
            & (client != self.broadcast);
        if !(is_client & Sum::of_array(ip).is_good() & whole.is_good()) {
            return None;
        }
        let Verdict::Reply = wire::handle(payload, self.boot_id, received_ns, now_ns) else {
            return None;
        };
        let answer = payload.first_chunk::<HEADER_LEN>()?;
        let checksum = common.plus(Sum::of_array(answer)).plus(kept).udp_checksum();
        let between = (self.own, client, addresses);
        write_ipv4_headers(headers, self.own_mac, between, checksum);
        Some(IPV4_HEADERS + usize::from(udp_len) - UDP_HEADER)
    }
}

#[inline(always)]
fn ip_header(headers: &[u8; IPV4_HEADERS]) -> &[u8; IPV4_HEADER] {
    let (_, headers) = headers.split_first_chunk::<IP>().expect("it is longer");
    headers.first_chunk().expect("it is longer")
}

#[inline(always)]
fn udp_header(headers: &[u8; IPV4_HEADERS]) -> &[u8; UDP_HEADER] {
    headers.last_chunk().expect("it is longer")
}
