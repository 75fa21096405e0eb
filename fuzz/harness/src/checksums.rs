//! Internet checksums (RFC 1071), written anew so that they test the code's own, and put into frames, so that
//! what a fuzzer invents comes past them.

/// Returns the ones' complement sum of the 16-bit words of `bytes`; an odd byte at the end is a word's first.
#[must_use]
pub fn sum_of_words(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|word| {
        let second = word.get(1).copied().unwrap_or(0);
        u64::from(u16::from_be_bytes([word[0], second]))
    });
    let mut sum: u64 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

/// Offsets of an Ethernet frame's payload, and of the addresses in IPv4's and IPv6's headers, in bytes.
const IP: usize = 14;
const IPV4_ADDRESSES: usize = 12;
const IPV6_ADDRESSES: usize = 8;
const IPV6_HEADER: usize = 40;

/// Protocol numbers (IANA).
const ICMP: u8 = 1;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;

/// An IP packet's payload, as its header has it.
struct Payload {
    protocol: u8,
    /// Sum of the pseudo-header's addresses.
    addresses: u16,
    start: usize,
    end: usize,
}

/// Makes the checksums of the frame's IP packet and of what is in it right, as far as there are headers.
pub fn mend(frame: &mut [u8]) {
    let payload = match frame.get(12..IP) {
        Some([0x08, 0x00]) => ipv4(frame),
        Some([0x86, 0xdd]) => ipv6(frame),
        _ => None,
    };
    if let Some(payload) = payload {
        mend_payload(frame, &payload);
    }
}

fn ipv4(frame: &mut [u8]) -> Option<Payload> {
    let header_len = usize::from(frame.get(IP)? & 0xf) * 4;
    let header = frame.get_mut(IP..IP + header_len)?;
    if header_len < 20 {
        return None;
    }
    header[10..12].fill(0);
    let checksum = !sum_of_words(header);
    header[10..12].copy_from_slice(&checksum.to_be_bytes());
    let total_len = usize::from(u16::from_be_bytes([header[2], header[3]]));
    Some(Payload {
        protocol: header[9],
        addresses: sum_of_words(&header[IPV4_ADDRESSES..20]),
        start: IP + header_len,
        end: IP + total_len,
    })
}

fn ipv6(frame: &mut [u8]) -> Option<Payload> {
    let header = frame.get(IP..IP + IPV6_HEADER)?;
    let len = usize::from(u16::from_be_bytes([header[4], header[5]]));
    Some(Payload {
        protocol: header[6],
        addresses: sum_of_words(&header[IPV6_ADDRESSES..]),
        start: IP + IPV6_HEADER,
        end: IP + IPV6_HEADER + len,
    })
}

fn mend_payload(frame: &mut [u8], payload: &Payload) -> Option<()> {
    let segment = frame.get_mut(payload.start..payload.end)?;
    let at = match payload.protocol {
        ICMP | ICMPV6 => 2,
        UDP => 6,
        _ => return None,
    };
    segment.get_mut(at..at + 2)?.fill(0);
    let sum = match payload.protocol {
        ICMP => sum_of_words(segment),
        _ => pseudo_header(payload, segment),
    };
    let checksum = match !sum {
        0 if payload.protocol == UDP => 0xffff,
        checksum => checksum,
    };
    segment[at..at + 2].copy_from_slice(&checksum.to_be_bytes());
    Some(())
}

/// Returns false if the frame's IP packet, or the ICMP or UDP message in it, has a checksum by which a receiver
/// would drop it, or a length that is not the frame's.
#[must_use]
pub fn is_whole(frame: &[u8]) -> bool {
    let mut scratch = frame.to_vec();
    let payload = match frame.get(12..IP) {
        Some([0x08, 0x00]) => ipv4(&mut scratch),
        Some([0x86, 0xdd]) => ipv6(&mut scratch),
        _ => return true,
    };
    let Some(payload) = payload.filter(|payload| payload.end == frame.len()) else {
        return false;
    };
    // IPv4's header has its checksum now, which 0xffff is no other form of: a header is never all zero.
    if scratch[..payload.start] != frame[..payload.start] {
        return false;
    }
    let message = &frame[payload.start..payload.end];
    match payload.protocol {
        ICMP => sum_of_words(message) == 0xffff,
        UDP if message.get(6..8) == Some(&[0, 0]) => false,
        UDP | ICMPV6 => pseudo_header(&payload, message) == 0xffff,
        _ => true,
    }
}

/// Returns the sum of a message and its pseudo-header (RFC 768, RFC 8200 §8.1).
fn pseudo_header(payload: &Payload, message: &[u8]) -> u16 {
    let words = [
        sum_of_words(message),
        payload.addresses,
        payload.protocol.into(),
        message.len() as u16,
    ];
    sum_of_words(words.map(u16::to_be_bytes).as_flattened())
}
