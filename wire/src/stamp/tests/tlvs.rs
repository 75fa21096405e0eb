//! Extensions: RFC 8972 §4.

use super::*;

/// Returns the TLVs of the reply to an unauthenticated packet with `tlvs`.
fn answered(tlvs: &str) -> Vec<u8> {
    let mut request = std::vec![0; packet::UNAUTHENTICATED_LEN];
    request.extend(octets(tlvs));
    let mut datagram = request.clone();
    let verdict = reflect(&mut Reflector::new(None, None), &mut datagram);
    assert_eq!(
        verdict,
        Verdict::Reply {
            is_base_only: false
        }
    );
    datagram.split_off(packet::UNAUTHENTICATED_LEN)
}

#[test]
fn extra_padding_comes_back_as_it_is() {
    assert_eq!(answered("80010003 a1b2c3"), octets("00010003 a1b2c3"));
    assert_eq!(answered("80010000"), octets("00010000"));
}

/// Types that are reserved, that need a session or a key, unassigned and private.
#[test]
fn the_unknown_come_back_flagged_at_their_length() {
    for kind in ["00", "05", "08", "63", "fc", "ff"] {
        for flags in ["80", "00", "ff"] {
            let sent = std::format!("{flags}{kind}0002 0102 80010001 07");
            let expected = std::format!("80{kind}0002 0102 00010001 07");
            assert_eq!(answered(&sent), octets(&expected));
        }
    }
}

/// The rest of the packet behind one is copied.
#[test]
fn a_malformed_one_is_flagged_and_nothing_behind_it_looked_at() {
    // Longer than what there is.
    assert_eq!(answered("80010005 01020304"), octets("40010005 01020304"));
    assert_eq!(answered("80630005 01020304"), octets("40630005 01020304"));
    // Less than a header.
    assert_eq!(answered("80010001 07 8001"), octets("00010001 07 4001"));
    assert_eq!(answered("80"), octets("40"));
    // Of a length that the type can't have.
    assert_eq!(
        answered("80040003 010203 80010001 07"),
        octets("40040003 010203 80010001 07")
    );
}

/// §4.4: the packet came with EF, 46, and ECT(1). DSCP 46 is what is asked for, then 10.
#[test]
fn the_class_of_service_is_filled_in() {
    // 101110 | 101110 | 01 | 00, reserved.
    assert_eq!(answered("80040004 b800 0000"), octets("00040004 bae4 0000"));
    // 001010 | 101110 | 01 | 01.
    assert_eq!(answered("80040004 2800 0000"), octets("00040004 2ae5 0000"));
    // Where it is not known, the TLV is not understood.
    let mut datagram = [std::vec![0; 44], octets("80040004 b800 0000")].concat();
    let arrival = Arrival {
        traffic_class: None,
        ..arrival()
    };
    let _ =
        Reflector::new(None, None).reflect(&mut datagram, &arrival, ClockState::SINCE_BOOT, || 1);
    assert_eq!(datagram[44..], octets("80040004 b800 0000"));
}

/// HMACs over the sequence number 7 and the TLVs before (§4.8), of the request and of the reply.
const SIGNED: &str = "80010004 00112233  80f00002 0102  80080010 52e3efc06d32042859d20c456f6dcb95";
const SIGNED_REPLY: &str =
    "00010004 00112233  80f00002 0102  00080010 472aa3450ef7f240cddcb1de7f4099fe";

fn answered_with_key(tlvs: &[u8]) -> Vec<u8> {
    let request = signed(7, 1, tlvs);
    let reply = reflected(&mut Reflector::new(Some(key()), None), &request);
    assert_eq!(reply.len(), request.len());
    let (base, tlvs) = reply.split_at(packet::AUTHENTICATED_LEN);
    let (text, tag) = base.split_at(packet::AUTHENTICATED_TEXT.end);
    assert_eq!(key().sign(&[text]), tag);
    tlvs.to_vec()
}

#[test]
fn signed_ones_are_verified_and_signed_anew() {
    assert_eq!(answered_with_key(&octets(SIGNED)), octets(SIGNED_REPLY));
    // Extra Padding alone may follow.
    let padded = [octets(SIGNED), octets("80010002 0000")].concat();
    let expected = [octets(SIGNED_REPLY), octets("00010002 0000")].concat();
    assert_eq!(answered_with_key(&padded), expected);
}

#[test]
fn one_extra_padding_needs_no_hmac() {
    assert_eq!(
        answered_with_key(&octets("80010002 0102")),
        octets("00010002 0102")
    );
}

#[test]
fn a_wrong_misplaced_or_missing_hmac_flags_all() {
    let mut forged = octets(SIGNED);
    forged[5] ^= 1;
    let mut expected = forged.clone();
    (expected[0], expected[8], expected[14]) = (0x20, 0xa0, 0x20);
    assert_eq!(answered_with_key(&forged), expected);
    // Something else than Extra Padding behind it.
    let misplaced = [octets(SIGNED), octets("80f00000")].concat();
    let mut expected = misplaced.clone();
    (expected[0], expected[8], expected[14], expected[34]) = (0x20, 0xa0, 0x20, 0xa0);
    assert_eq!(answered_with_key(&misplaced), expected);
    // Missing, with two, and with one that is not Extra Padding.
    assert_eq!(
        answered_with_key(&octets("80010000 80010000")),
        octets("20010000 20010000")
    );
    assert_eq!(answered_with_key(&octets("80f00000")), octets("a0f00000"));
    // Of another length.
    assert_eq!(
        answered_with_key(&octets("80080004 01020304")),
        octets("60080004 01020304")
    );
    // The class of service is not told to a forger.
    let forged = answered_with_key(&octets("80040004 b8000000"));
    assert_eq!(forged, octets("20040004 b8000000"));
}
