//! Frames that are as predicted, nearly so, or from clients that must not be answered.

use wire::limits::{Limits, Rate};

use super::*;

fn answer_predicted(frame: &mut [u8]) -> Option<Reflection> {
    predict_as(&mut services(), frame)
}

#[test]
fn a_predicted_frame_is_answered_as_any_other() {
    let (client, service) = PAIRS[0];
    for len in HEADER_LEN..=max_payload(client) {
        let mut predicted = udp_frame(at(client), at(service), &request(len));
        // Bytes behind the packet are no part of it.
        predicted.extend([0xee; 5]);
        let mut parsed = predicted.clone();
        let reflection = reflect(&mut parsed);
        assert!(matches!(reflection, Reflection::Reply { .. }));
        assert_eq!(answer_predicted(&mut predicted), Some(reflection));
        assert_eq!(predicted, parsed);
    }
}

#[test]
fn a_frame_off_by_one_bit_is_untouched_or_answered_as_any_other() {
    let (client, service) = PAIRS[0];
    let (mut answered, mut dropped) = (0, 0);
    for bit in 0..(42 + HEADER_LEN) * 8 {
        for is_mended in [false, true] {
            let mut frame = udp_frame(at(client), at(service), &request(50));
            frame[bit / 8] ^= 1 << (bit % 8);
            if is_mended {
                crate::testing::mend_checksums(&mut frame);
            }
            let (before, mut parsed) = (frame.clone(), frame.clone());
            let reflection = reflect(&mut parsed);
            match answer_predicted(&mut frame) {
                None => assert_eq!(frame, before, "bit {bit}"),
                Some(predicted) => {
                    assert_eq!(predicted, reflection, "bit {bit}");
                    assert_eq!(frame, parsed, "bit {bit}");
                    answered += 1;
                }
            }
            dropped += u32::from(matches!(reflection, Reflection::NoReply(_)));
        }
    }
    // Addresses, ports, identification, flags, the request's own fields: most bits may be any. Those of
    // magic and kind make it no request, which is not predicted.
    assert!(answered > 300, "{answered}");
    assert!(dropped > 30, "{dropped}");
}

#[test]
fn no_client_is_predicted_that_must_not_be_answered() {
    for client in [
        "0.0.0.1:5",
        "127.0.0.1:5",
        "224.0.0.1:5",
        "255.255.255.255:5",
        "10.0.2.255:5",
        "10.0.2.15:5",
        "0.0.0.1:40000",
        "127.0.0.1:40000",
        "224.0.0.1:40000",
        "240.0.0.1:40000",
        "255.255.255.255:40000",
        "10.0.2.255:40000",
        "10.0.2.15:40000",
        "10.0.2.2:0",
        "10.0.2.2:53",
        "10.0.2.2:11211",
    ] {
        let mut frame = udp_frame(at(client), at("10.0.2.15:9000"), &request(50));
        assert_eq!(answer_predicted(&mut frame), None, "{client}");
        assert!(
            matches!(reflect(&mut frame), Reflection::NoReply(_)),
            "{client}"
        );
    }
}

/// Limits that let eight requests of a source through, in a time that does not pass.
fn limiter() -> Limiter {
    let mut limiter = Limiter::new();
    let limits = Limits {
        allow: "10.0.0.0/8".parse().unwrap(),
        rate: Rate::new(1),
        rate_all: None,
    };
    limiter.configure(&limits, 14);
    limiter
}

#[test]
fn sources_that_take_turns_are_answered_as_without_prediction() {
    let mut services = services();
    let mut header = PredictedHeader::new(&services, &own()).unwrap();
    let mut limiters = [limiter(), limiter()];
    let mut answers = [0; 6];
    let clients = [
        "10.0.2.2:40000",
        "10.0.2.3:40000",
        "192.0.2.1:40000",
        "10.0.2.255:40000",
        "0.0.0.0:40000",
        "10.0.2.15:40000",
    ];
    for step in 0..120 {
        // In runs of one, two and three.
        let which = (step / (1 + step / 40)) % clients.len();
        let mut frame = udp_frame(at(clients[which]), at("10.0.2.15:9000"), &request(50));
        let mut parsed = frame.clone();
        let [first, second] = &mut limiters;
        let reflection = match header.answer(&mut services, first, &mut frame, &clock()) {
            Some(reflection) => reflection,
            None => super::super::reflect(&mut services, first, &mut frame, &own(), &clock()),
        };
        let expected = super::super::reflect(&mut services, second, &mut parsed, &own(), &clock());
        assert_eq!(reflection, expected, "step {step}, {}", clients[which]);
        assert_eq!(frame, parsed);
        answers[which] += u32::from(matches!(reflection, Reflection::Reply { .. }));
    }
    assert_eq!(answers, [8, 8, 0, 0, 0, 0]);
}
