//! Extensions behind a base packet: TLVs (RFC 8972 §4), as a reflector returns them.
//!
//! | octets | field |
//! |---|---|
//! | 0 | flags: unrecognised U, malformed M, integrity I, and five that are zero |
//! | 1 | type |
//! | 2..4 | length of the value |
//! | 4.. | value |
//!
//! Each is returned at its length. All of RFC 8972's are answered (§4.1 to §4.8); others come back as they are, with
//! U set. Behind one that is malformed nothing is looked at.

use core::net::IpAddr;

use super::arrival::Arrival;
use super::key::{Key, TAG_LEN, Tag};
use super::sessions::Session;
use super::time::{ClockState, Format};

/// Length of what precedes a value, in octets.
pub const HEADER_LEN: usize = 4;

/// Flag of a TLV that the reflector does not understand. Senders set it.
pub const UNRECOGNISED: u8 = 0x80;

/// Flag of a TLV that is cut off, or of a length that its type can't have.
pub const MALFORMED: u8 = 0x40;

/// Flag of all TLVs of a packet whose HMAC TLV is wrong, misplaced or missing.
pub const INTEGRITY: u8 = 0x20;

/// Type of Extra Padding (§4.1): of any length and content.
pub const EXTRA_PADDING: u8 = 1;

/// Type of Location (§4.2): ports that the packet was sent to and from, then TLVs within, of types of their own
/// (§4.2.1).
pub const LOCATION: u8 = 2;

/// Type of Timestamp Information (§4.3): sources of synchronisation and methods, of receiving and of sending.
pub const TIMESTAMP_INFORMATION: u8 = 3;

/// Type of Class of Service (§4.4): DSCP to send with, DSCP and ECN received, RP, reserved.
pub const CLASS_OF_SERVICE: u8 = 4;

/// Type of Direct Measurement (§4.5): packets that the sender sent, that the reflector received, and that it sent.
pub const DIRECT_MEASUREMENT: u8 = 5;

/// Type of an Access Report (§4.6): identifier of the access network, return code, reserved.
pub const ACCESS_REPORT: u8 = 6;

/// Type of Follow-Up Telemetry (§4.7): sequence number and sending time of the reply before, how that was taken,
/// reserved.
pub const FOLLOW_UP_TELEMETRY: u8 = 7;

/// Type of the HMAC of the sequence number and all TLVs before it (§4.8).
pub const HMAC: u8 = 8;

/// RP, the reverse path: the DSCP asked for was not used (§4.4).
const NOT_USED: u8 = 1;

/// Sources of synchronisation (§4.3, table 7).
const BY_NTP: u8 = 1;
const FREE_RUNNING: u8 = 5;

/// Method of taking timestamps by software (§4.3, table 8).
const BY_SOFTWARE: u8 = 2;

/// Identifiers of access networks (§4.6), in the upper half of their octet: 3GPP's, and others.
const ACCESS_NETWORKS: [u8; 2] = [0x10, 0x20];

/// Looks at the TLV that `tlvs` begin with. Returns its type and where it ends; `None` if it is cut off.
fn first(tlvs: &[u8]) -> Option<(u8, usize)> {
    let &[_, kind, high, low] = tlvs.first_chunk::<HEADER_LEN>()?;
    let end = HEADER_LEN + usize::from(u16::from_be_bytes([high, low]));
    (end <= tlvs.len()).then_some((kind, end))
}

/// Facts about a packet that its TLVs are answered by.
#[derive(Clone, Copy, Debug)]
pub struct Context<'c> {
    /// The sender's sequence number.
    pub sequence: [u8; 4],
    /// The reply's.
    pub reply_sequence: [u8; 4],
    /// The key, in authenticated mode: TLVs need an HMAC then.
    pub key: Option<&'c Key>,
    /// The packet's arrival.
    pub arrival: &'c Arrival,
    /// The clock behind the reply's timestamps.
    pub clock: ClockState,
    /// The format of the reply's timestamps.
    pub format: Format,
    /// The session, in which the reply is counted; `None` if the reflector is stateless.
    pub session: Option<&'c Session>,
}

/// Makes the sender's `tlvs` the reflector's.
#[inline(never)]
pub fn answer(tlvs: &mut [u8], context: &Context<'_>) {
    let integrity = context.key.map(|key| verify(tlvs, key, context.sequence));
    let failed = match integrity {
        Some(Integrity::Failed) => INTEGRITY,
        _ => 0,
    };
    answer_each(tlvs, failed, &mut |kind, value| {
        let flags = context.flags(*kind, value.len());
        if flags | failed == 0 {
            return context.fill(*kind, value);
        }
        if (*kind, flags) == (FOLLOW_UP_TELEMETRY, MALFORMED) {
            let len = value.len().min(FOLLOW_UP_FIELDS);
            value[..len].fill(0);
        }
        flags
    });
    if let (Some(Integrity::SignedAt(at)), Some(key)) = (integrity, context.key) {
        let (before, from) = tlvs.split_at_mut(at);
        let tag = key.sign(&[&context.reply_sequence, before]);
        from[HEADER_LEN..][..TAG_LEN].copy_from_slice(&tag);
    }
}

/// Gives each TLV the flags that `answer` returns for its type and value, which it may change, and `failed`. Returns
/// the flags of the last, behind which nothing is looked at if it is malformed.
fn answer_each(
    mut tlvs: &mut [u8],
    failed: u8,
    answer: &mut dyn FnMut(&mut u8, &mut [u8]) -> u8,
) -> u8 {
    let mut flags = 0;
    while !tlvs.is_empty() && flags & MALFORMED == 0 {
        let end = first(tlvs).map_or(tlvs.len(), |(_, end)| end);
        let is_whole = first(tlvs).is_some();
        let (tlv, rest) = tlvs.split_at_mut(end);
        flags = match tlv.split_first_chunk_mut::<HEADER_LEN>() {
            Some(([_, kind, _, _], value)) if is_whole => answer(kind, value),
            _ => MALFORMED,
        };
        tlv[0] = flags | failed;
        tlvs = rest;
    }
    flags
}

/// Octets of Follow-Up Telemetry's sequence number and timestamp, which are zero where there are none.
const FOLLOW_UP_FIELDS: usize = 12;

impl Context<'_> {
    /// Returns the flags of a TLV by its type and the length of its value.
    fn flags(&self, kind: u8, len: usize) -> u8 {
        let is_known = match kind {
            EXTRA_PADDING => true,
            LOCATION => len >= 4,
            TIMESTAMP_INFORMATION | ACCESS_REPORT => len == 4,
            CLASS_OF_SERVICE if self.arrival.traffic_class.is_some() => len == 4,
            // A stateless reflector counts nothing.
            DIRECT_MEASUREMENT if self.session.is_some() => len == 12,
            FOLLOW_UP_TELEMETRY => len == 16,
            HMAC if self.key.is_some() => len == TAG_LEN,
            _ => return UNRECOGNISED,
        };
        if is_known { 0 } else { MALFORMED }
    }

    /// Fills in the value of a TLV, whose length is right. Returns the TLV's flags.
    fn fill(&self, kind: u8, value: &mut [u8]) -> u8 {
        let Some((first, rest)) = value.split_first_chunk_mut::<4>() else {
            return 0;
        };
        match kind {
            LOCATION => {
                let Arrival { own, source, .. } = self.arrival;
                let [a, b] = own.port().to_be_bytes();
                let [c, d] = source.port().to_be_bytes();
                *first = [a, b, c, d];
                return answer_each(rest, 0, &mut |kind, value| self.locate(kind, value))
                    & MALFORMED;
            }
            TIMESTAMP_INFORMATION => {
                let source = match self.clock.error_ns {
                    Some(_) => BY_NTP,
                    None => FREE_RUNNING,
                };
                *first = [source, BY_SOFTWARE, source, BY_SOFTWARE];
            }
            CLASS_OF_SERVICE => {
                // The reply has the same class as the packet, whatever the sender asks for.
                let class = self.arrival.traffic_class.unwrap_or_default();
                let (wanted, dscp, ecn) = (first[0] >> 2, class >> 2, class & 0b11);
                let reverse_path = if wanted == dscp { 0 } else { NOT_USED };
                first[0] = wanted << 2 | dscp >> 4;
                first[1] = dscp << 4 | ecn << 2 | reverse_path;
            }
            DIRECT_MEASUREMENT => {
                let (received, sent) = self.session.map_or((0, 0), Session::counts);
                if let Some((first, second)) = rest.split_first_chunk_mut::<4>() {
                    *first = received.to_be_bytes();
                    second.copy_from_slice(&sent.to_be_bytes());
                }
            }
            ACCESS_REPORT => {
                let network = first[0] & 0xf0;
                if !ACCESS_NETWORKS.contains(&network) {
                    return UNRECOGNISED;
                }
                *first = [network, first[1], 0, 0];
            }
            FOLLOW_UP_TELEMETRY => {
                value.fill(0);
                if let Some((sequence, sent_ns)) = self.session.and_then(Session::previous) {
                    let timestamp = self.clock.timestamp(sent_ns, self.format);
                    value[..4].copy_from_slice(&sequence.to_be_bytes());
                    value[4..FOLLOW_UP_FIELDS].copy_from_slice(&timestamp.to_be_bytes());
                    value[FOLLOW_UP_FIELDS] = BY_SOFTWARE;
                }
            }
            _ => {}
        }
        0
    }

    /// Answers a TLV within Location (§4.2.1). Of three types in a row the first asks; a reply has the second for
    /// an address of IPv4, and the third for one of IPv6. A source's hardware address is not known: the first
    /// three are answered by one of 64 bits that is zero (§4.2.2).
    fn locate(&self, kind: &mut u8, value: &mut [u8]) -> u8 {
        let (first, address) = match *kind {
            1..=3 => (1, None),
            4..=6 => (4, Some(self.arrival.own.ip())),
            7..=9 => (7, Some(self.arrival.source.ip())),
            _ => return UNRECOGNISED,
        };
        if value.len() != if address.is_some() { 16 } else { 8 } {
            return MALFORMED;
        }
        value.fill(0);
        *kind = first + 2;
        match address {
            Some(IpAddr::V4(address)) => {
                *kind = first + 1;
                value[..4].copy_from_slice(&address.octets());
            }
            Some(IpAddr::V6(address)) => value.copy_from_slice(&address.octets()),
            None => {}
        }
        0
    }
}

/// Result of verifying a packet's TLVs in authenticated mode.
#[derive(Clone, Copy)]
enum Integrity {
    /// The HMAC TLV at this place is right.
    SignedAt(usize),
    /// No HMAC TLV, and no need of one: one Extra Padding is all there is (§4.8).
    NotNeeded,
    Failed,
}

fn verify(tlvs: &[u8], key: &Key, sequence: [u8; 4]) -> Integrity {
    let mut signed_at = None;
    let (mut at, mut count, mut is_padding_only) = (0, 0, true);
    while at < tlvs.len() {
        // Where the malformed one ends nobody knows, so there is none behind it.
        let Some((kind, len)) = first(&tlvs[at..]) else {
            is_padding_only = false;
            break;
        };
        let end = at + len;
        // Behind it may be Extra Padding alone.
        if signed_at.is_some() && kind != EXTRA_PADDING {
            return Integrity::Failed;
        }
        if kind == HMAC {
            let Ok(tag) = Tag::try_from(&tlvs[at + HEADER_LEN..end]) else {
                return Integrity::Failed;
            };
            signed_at = Some((at, tag));
        }
        is_padding_only &= kind == EXTRA_PADDING;
        count += 1;
        at = end;
    }
    match signed_at {
        Some((at, tag)) if is_signed(tlvs, at, &tag, key, sequence) => Integrity::SignedAt(at),
        None if is_padding_only && count <= 1 => Integrity::NotNeeded,
        _ => Integrity::Failed,
    }
}

fn is_signed(tlvs: &[u8], at: usize, tag: &Tag, key: &Key, sequence: [u8; 4]) -> bool {
    key.is_signed(&[&sequence, &tlvs[..at]], tag)
}
