//! Extensions behind a base packet: TLVs (RFC 8972 §4), as a reflector returns them.
//!
//! | octets | field |
//! |---|---|
//! | 0 | flags: unrecognised U, malformed M, integrity I, and five that are zero |
//! | 1 | type |
//! | 2..4 | length of the value |
//! | 4.. | value |
//!
//! Each is returned at its length. Extra Padding, Class of Service and, with a key, HMAC are understood; all
//! others come back as they are, with U set. Behind one that is malformed nothing is looked at.

use super::key::{Key, TAG_LEN, Tag};

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

/// Type of Class of Service (§4.4).
pub const CLASS_OF_SERVICE: u8 = 4;

/// Type of the HMAC of the sequence number and all TLVs before it (§4.8).
pub const HMAC: u8 = 8;

/// Length of a Class of Service's value: DSCP to send with, DSCP and ECN received, RP, reserved.
const CLASS_OF_SERVICE_LEN: usize = 4;

/// RP, the reverse path: the DSCP asked for was not used (§4.4).
const NOT_USED: u8 = 1;

/// A TLV in a packet.
struct Tlv {
    at: usize,
    kind: u8,
    value_len: usize,
}

impl Tlv {
    const fn value(&self) -> core::ops::Range<usize> {
        let start = self.at + HEADER_LEN;
        start..start + self.value_len
    }

    const fn end(&self) -> usize {
        self.at + HEADER_LEN + self.value_len
    }
}

/// Result of looking for a TLV.
enum Step {
    Tlv(Tlv),
    /// Octets that are not wholly a TLV.
    CutOff,
    End,
}

/// Looks for the TLV at `at`.
fn step(tlvs: &[u8], at: usize) -> Step {
    let Some(rest) = tlvs.get(at..).filter(|rest| !rest.is_empty()) else {
        return Step::End;
    };
    let Some(&[_, kind, high, low]) = rest.first_chunk::<HEADER_LEN>() else {
        return Step::CutOff;
    };
    let value_len = usize::from(u16::from_be_bytes([high, low]));
    if value_len > rest.len() - HEADER_LEN {
        return Step::CutOff;
    }
    Step::Tlv(Tlv {
        at,
        kind,
        value_len,
    })
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
    /// Type of service or traffic class with which the packet came and its reply goes.
    pub traffic_class: Option<u8>,
}

/// Makes the sender's `tlvs` the reflector's.
#[inline(never)]
pub fn answer(tlvs: &mut [u8], context: &Context<'_>) {
    let integrity = context.key.map(|key| verify(tlvs, key, context.sequence));
    let failed = match integrity {
        Some(Integrity::Failed) => INTEGRITY,
        _ => 0,
    };
    let mut at = 0;
    loop {
        match step(tlvs, at) {
            Step::End => break,
            Step::CutOff => {
                tlvs[at] = MALFORMED | failed;
                break;
            }
            Step::Tlv(tlv) => {
                let flags = flags(&tlv, context);
                tlvs[at] = flags | failed;
                if flags == MALFORMED {
                    break;
                }
                if tlv.kind == CLASS_OF_SERVICE && flags | failed == 0 {
                    answer_class_of_service(&mut tlvs[tlv.value()], context.traffic_class);
                }
                at = tlv.end();
            }
        }
    }
    if let (Some(Integrity::SignedAt(at)), Some(key)) = (integrity, context.key) {
        let (before, from) = tlvs.split_at_mut(at);
        let tag = key.sign(&[&context.reply_sequence, before]);
        from[HEADER_LEN..][..TAG_LEN].copy_from_slice(&tag);
    }
}

/// Returns the flags of a TLV, but for the packet's integrity.
fn flags(tlv: &Tlv, context: &Context<'_>) -> u8 {
    let len = match tlv.kind {
        EXTRA_PADDING => tlv.value_len,
        CLASS_OF_SERVICE if context.traffic_class.is_some() => CLASS_OF_SERVICE_LEN,
        HMAC if context.key.is_some() => TAG_LEN,
        _ => return UNRECOGNISED,
    };
    if tlv.value_len == len { 0 } else { MALFORMED }
}

/// Writes the DSCP and ECN of the sender's packet. The reply has the same, whatever the sender asks for.
fn answer_class_of_service(value: &mut [u8], traffic_class: Option<u8>) {
    let (Some([first, second, ..]), Some(class)) = (value.first_chunk_mut::<4>(), traffic_class)
    else {
        return;
    };
    let (wanted, dscp, ecn) = (*first >> 2, class >> 2, class & 0b11);
    let reverse_path = if wanted == dscp { 0 } else { NOT_USED };
    *first = wanted << 2 | dscp >> 4;
    *second = dscp << 4 | ecn << 2 | reverse_path;
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
    loop {
        match step(tlvs, at) {
            Step::End => break,
            // Where the malformed one ends nobody knows, so there is none behind it.
            Step::CutOff => {
                is_padding_only = false;
                break;
            }
            Step::Tlv(tlv) => {
                // Behind it may be Extra Padding alone.
                if signed_at.is_some() && tlv.kind != EXTRA_PADDING {
                    return Integrity::Failed;
                }
                if tlv.kind == HMAC {
                    let tag = tlvs[tlv.value()].first_chunk::<TAG_LEN>();
                    let Some(tag) = tag.filter(|_| tlv.value_len == TAG_LEN) else {
                        return Integrity::Failed;
                    };
                    signed_at = Some((tlv.at, tag));
                }
                is_padding_only &= tlv.kind == EXTRA_PADDING;
                count += 1;
                at = tlv.end();
            }
        }
    }
    match signed_at {
        Some((at, tag)) if is_signed(tlvs, at, tag, key, sequence) => Integrity::SignedAt(at),
        None if is_padding_only && count <= 1 => Integrity::NotNeeded,
        _ => Integrity::Failed,
    }
}

fn is_signed(tlvs: &[u8], at: usize, tag: &Tag, key: &Key, sequence: [u8; 4]) -> bool {
    key.is_signed(&[&sequence, &tlvs[..at]], tag)
}
