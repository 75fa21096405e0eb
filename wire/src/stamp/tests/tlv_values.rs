//! Values that a reflector fills in, octet for octet: RFC 8972 §4.2 to §4.7. The packets are those of
//! [`super::arrival`]: from 192.0.2.1, port 40000 (9c40), to 192.0.2.7, port 862 (035e).

use super::*;

/// Returns the TLVs of the reply to an unauthenticated packet with `tlvs`.
fn answered_by(
    reflector: &mut Reflector<'_>,
    tlvs: &str,
    arrival: &Arrival,
    clock: ClockState,
) -> Vec<u8> {
    let mut datagram = [std::vec![0; packet::UNAUTHENTICATED_LEN], octets(tlvs)].concat();
    let verdict = reflector.reflect(&mut datagram, arrival, clock, || 5_750_000_000);
    assert!(matches!(verdict, Verdict::Reply { .. }), "{verdict:?}");
    datagram.split_off(packet::UNAUTHENTICATED_LEN)
}

fn answered(tlvs: &str) -> Vec<u8> {
    let mut reflector = Reflector::new(None, None);
    answered_by(&mut reflector, tlvs, &arrival(), ClockState::SINCE_BOOT)
}

/// §4.2.1: of each kind of address the type that asks becomes the type that says which it is.
#[test]
fn a_location_has_the_ports_and_addresses_of_the_packet() {
    assert_eq!(answered("80020004 00000000"), octets("00020004 035e9c40"));
    let asked = "
        80020038 0000 0000
        80010008 00000000 00000000                      ; Source MAC Address
        80040010 00000000 00000000 00000000 00000000    ; Destination IP Address
        80070010 00000000 00000000 00000000 00000000    ; Source IP Address
        80010001 07";
    let told = "
        00020038 035e 9c40
        00030008 00000000 00000000                      ; Source EUI-64 Address, not known
        00050010 c0000207 00000000 00000000 00000000    ; Destination IPv4 Address
        00080010 c0000201 00000000 00000000 00000000    ; Source IPv4 Address
        00010001 07";
    assert_eq!(answered(asked), octets(told));
    let arrival = Arrival {
        source: "[2001:db8::1]:40000".parse().unwrap(),
        own: "[2001:db8::7]:862".parse().unwrap(),
        ..arrival()
    };
    let told = "
        00020038 035e 9c40
        00030008 00000000 00000000
        00060010 20010db8 00000000 00000000 00000007    ; Destination IPv6 Address
        00090010 20010db8 00000000 00000000 00000001    ; Source IPv6 Address
        00010001 07";
    let mut reflector = Reflector::new(None, None);
    let clock = ClockState::SINCE_BOOT;
    let reply = answered_by(&mut reflector, asked, &arrival, clock);
    assert_eq!(reply, octets(told));
}

/// §4.2.1: flags of a TLV within Location are as those of others.
#[test]
fn a_location_has_flags_within() {
    // Unknown types, of any length.
    assert_eq!(
        answered("8002000e 00000000 80000000 800a0002 0102"),
        octets("0002000e 035e9c40 80000000 800a0002 0102")
    );
    // A length that the type can't have, more than there is, less than a header: in Location as well, and what is
    // behind is as it was.
    assert_eq!(
        answered("80020010 00000000 80040004 01020304 80010000 80010001 07"),
        octets("40020010 035e9c40 40040004 01020304 80010000 80010001 07")
    );
    assert_eq!(
        answered("80020009 00000000 800a0002 01 80010001 07"),
        octets("40020009 035e9c40 400a0002 01 80010001 07")
    );
    assert_eq!(
        answered("80020006 00000000 8007 80010001 07"),
        octets("40020006 035e9c40 4007 80010001 07")
    );
    // No room for the ports.
    assert_eq!(answered("80020003 000000"), octets("40020003 000000"));
}

/// §4.3: source of synchronisation (5 is a clock of one's own, 1 is NTP) and method (2 is software), twice.
#[test]
fn timestamp_information_says_what_the_clock_is_kept_by() {
    assert_eq!(answered("80030004 00000000"), octets("00030004 05020502"));
    let clock = ClockState {
        error_ns: Some(1000),
        ..ClockState::SINCE_BOOT
    };
    let mut reflector = Reflector::new(None, None);
    let reply = answered_by(&mut reflector, "80030004 00000000", &arrival(), clock);
    assert_eq!(reply, octets("00030004 01020102"));
    assert_eq!(
        answered("80030005 0000000000"),
        octets("40030005 0000000000")
    );
}

/// §4.5: packets that the sender sent, that the reflector received, and that it sent.
#[test]
fn direct_measurement_counts_the_packets_of_a_session() {
    let mut memory = [Session::FREE; 16];
    let mut reflector = Reflector::new(None, Some(Sessions::new(&mut memory, 1)));
    let asked = "8005000c 00000009 00000000 00000000";
    for told in [
        "0005000c 00000009 00000001 00000001",
        "0005000c 00000009 00000002 00000002",
    ] {
        let clock = ClockState::SINCE_BOOT;
        let reply = answered_by(&mut reflector, asked, &arrival(), clock);
        assert_eq!(reply, octets(told));
    }
    let clock = ClockState::SINCE_BOOT;
    let reply = answered_by(&mut reflector, "8005000b 00000009", &arrival(), clock);
    assert_eq!(reply, octets("4005000b 00000009"), "cut off");
    // Without sessions nothing is counted.
    assert_eq!(answered(asked), octets(asked));
}

/// A copy was received, but not answered.
#[test]
fn direct_measurement_counts_replays_as_received() {
    let tlvs = octets("8005000c 00000009 00000000 00000000 80080010");
    let mut memory = [Session::FREE; 16];
    let mut reflector = Reflector::new(Some(key()), Some(Sessions::new(&mut memory, 1)));
    let request = |sequence: u32| {
        let text = [&sequence.to_be_bytes()[..], &tlvs[..16]];
        signed(sequence, 1, &[&tlvs[..], &key().sign(&text)].concat())
    };
    let _ = reflected(&mut reflector, &request(7));
    assert_eq!(dropped(&mut reflector, &request(7)), DropReason::Replayed);
    let reply = reflected(&mut reflector, &request(8));
    assert_eq!(
        reply[packet::AUTHENTICATED_LEN..][..16],
        octets("0005000c 00000009 00000003 00000002")
    );
}

/// §4.6: networks of 3GPP (1) and others (2); reserved bits are ignored, and zero in the reply.
#[test]
fn access_reports_come_back() {
    assert_eq!(answered("80060004 1f02ffff"), octets("00060004 10020000"));
    assert_eq!(answered("80060004 20010000"), octets("00060004 20010000"));
    for invalid in ["00", "30", "f0"] {
        let report = std::format!("80060004 {invalid}010203");
        assert_eq!(answered(&report), octets(&report));
    }
    assert_eq!(answered("80060002 2001"), octets("40060002 2001"));
}

/// §4.7: zero in stateless mode; else the reply before, whose timestamp was taken by software (2).
#[test]
fn follow_up_telemetry_tells_of_the_reply_before() {
    let asked = "80070010 01020304 01020304 05060708 01020304";
    let nothing = octets("00070010 00000000 00000000 00000000 00000000");
    assert_eq!(answered(asked), nothing);
    let mut memory = [Session::FREE; 16];
    let mut reflector = Reflector::new(None, Some(Sessions::new(&mut memory, 1)));
    let mut ask = |asked: &str| {
        let clock = ClockState::SINCE_BOOT;
        answered_by(&mut reflector, asked, &arrival(), clock)
    };
    assert_eq!(ask(asked), nothing, "the session's first");
    // Sent at 5.75 s.
    let told = "00070010 00000000 00000005 c0000000 02000000";
    assert_eq!(ask(asked), octets(told));
    let told = "00070010 00000001 00000005 c0000000 02000000";
    assert_eq!(ask(asked), octets(told));
    // Of another length, the fields are zero as far as there are any.
    assert_eq!(
        ask("8007000e 01020304 01020304 05060708 0102 80010000"),
        octets("4007000e 00000000 00000000 00000000 0102 80010000")
    );
    assert_eq!(ask("80070003 010203"), octets("40070003 000000"));
}

/// §4.8: nothing is told to a forger.
#[test]
fn values_are_not_filled_in_where_the_hmac_is_wrong() {
    let asked = octets("80020004 00000000 80030004 00000000 80060004 1f020000");
    let reply = reflected(
        &mut Reflector::new(Some(key()), None),
        &signed(7, 1, &asked),
    );
    assert_eq!(
        reply[packet::AUTHENTICATED_LEN..],
        octets("20020004 00000000 20030004 00000000 20060004 1f020000")
    );
}
