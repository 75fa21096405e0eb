//! Handlers of other kinds than ours: shorter replies, any changes, and facts about the request.

use proptest::prelude::*;

use super::*;
use crate::handler::{Clients, IpFields, Response};
use crate::testing::set_traffic_class;

/// Inverts the first `CHANGES` bytes of a payload and replies with its first `len`, at most.
struct Shortens<const CHANGES: usize> {
    len: usize,
}

impl<const CHANGES: usize> Handler for Shortens<CHANGES> {
    const CHANGES: usize = CHANGES;
    const CLIENTS: Clients = Clients::AnyPort;

    fn handle(&mut self, payload: &mut [u8], _: &Request, _: &impl Clock) -> Response {
        let changes = CHANGES.min(payload.len());
        for byte in &mut payload[..changes] {
            *byte = !*byte;
        }
        Response::reply(self.len)
    }
}

/// Sends `payload` through the reflector, and through header prediction if that is meant to know it: both
/// replies' payloads, every checksum and length of which is right.
fn replies<H: Handler>(
    handler: impl Fn() -> H,
    pair: (&str, &str),
    payload: &[u8],
) -> Vec<Vec<u8>> {
    let (client, service) = pair;
    let request = udp_frame(at(client), at(service), payload);
    let services = || Services {
        port: 9000,
        main: handler(),
        fixed: (),
    };
    let mut reflected = request.clone();
    let reflection = reflect_as(&mut services(), &mut reflected, &own());
    let mut predicted = request;
    let prediction = predict_as(&mut services(), &mut predicted);
    let replies = [(Some(reflection), reflected), (prediction, predicted)];
    let payloads = replies.into_iter().filter_map(|(reflection, frame)| {
        let Reflection::Reply { len, counter } = reflection? else {
            panic!("it replies to all");
        };
        assert_eq!(counter, Counter::Replied);
        let (source, destination, payload) = open_udp(&frame[..len]);
        assert_eq!((source, destination), (at(service), at(client)));
        Some(payload)
    });
    payloads.collect()
}

/// The reply that [`Shortens`] is to give.
fn shortened(changes: usize, len: usize, payload: &[u8]) -> Vec<u8> {
    let mut reply = payload.to_vec();
    reply
        .iter_mut()
        .take(changes)
        .for_each(|byte| *byte = !*byte);
    reply.truncate(len);
    reply
}

fn assert_shortens<const CHANGES: usize>(len: usize, payload: &[u8]) {
    let expected = shortened(CHANGES, len, payload);
    // Header prediction is for IPv4, and for payloads that are as long as what a reply may change.
    let is_predicted = CHANGES == usize::MAX || payload.len() >= CHANGES;
    for (pair, count) in PAIRS.into_iter().zip([1 + usize::from(is_predicted), 1, 1]) {
        let replies = replies(|| Shortens::<CHANGES> { len }, pair, payload);
        assert_eq!(
            replies,
            vec![expected.clone(); count],
            "{len} of {payload:02x?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn a_reply_of_any_length_up_to_its_requests_has_good_lengths_and_checksums(
        payload in prop::collection::vec(any::<u8>(), 0..200), len in 0..220_usize,
    ) {
        assert_shortens::<0>(len, &payload);
        assert_shortens::<2>(len, &payload);
        assert_shortens::<{ HEADER_LEN }>(len, &payload);
        assert_shortens::<{ usize::MAX }>(len, &payload);
    }
}

#[test]
fn the_longest_request_may_be_shortened() {
    for len in [0, 1, 1451, 1452] {
        assert_shortens::<{ usize::MAX }>(len, &[0xa5; 1452]);
    }
}

/// Replies with what it knows of the request.
struct Facts;

impl Handler for Facts {
    fn handle(&mut self, payload: &mut [u8], request: &Request, _: &impl Clock) -> Response {
        let IpFields {
            hop_limit,
            traffic_class,
        } = request.ip.expect("there is an IP header");
        payload[..2].copy_from_slice(&[hop_limit, traffic_class]);
        payload[2..4].copy_from_slice(&request.port.to_be_bytes());
        payload[4..6].copy_from_slice(&request.source.port().to_be_bytes());
        Response::reply(6)
    }
}

#[test]
fn a_handler_knows_port_source_hop_limit_and_traffic_class() {
    for (client, service) in [
        PAIRS[0],
        PAIRS[1],
        ("[2001:db8:1::2]:2000", "[2001:db8::15]:9000"),
    ] {
        let mut frame = udp_frame(at(client), at(service), &[0; 8]);
        set_traffic_class(&mut frame, 0xb9);
        let mut services = Services {
            port: 9000,
            main: Facts,
            fixed: (),
        };
        let reflection = reflect_as(&mut services, &mut frame, &own());
        let Reflection::Reply { len, .. } = reflection else {
            panic!("{reflection:?}");
        };
        let (_, _, reply) = open_udp(&frame[..len]);
        let [p0, p1] = at(client).port().to_be_bytes();
        assert_eq!(reply, [64, 0xb9, 0x23, 0x28, p0, p1], "{client}");
    }
    let fields = IpFields {
        hop_limit: 64,
        traffic_class: 0xb9,
    };
    assert_eq!((fields.dscp(), fields.ecn()), (46, 1));
}

/// Passes every datagram on.
struct Passes;

impl Handler for Passes {
    fn handle(&mut self, _: &mut [u8], _: &Request, _: &impl Clock) -> Response {
        Response::PASS
    }
}

#[test]
fn a_datagram_that_is_passed_on_is_the_stacks_as_it_was() {
    let mut services = Services {
        port: 9000,
        main: Passes,
        fixed: (),
    };
    for (client, service) in PAIRS.into_iter().take(2) {
        let frame = udp_frame(at(client), at(service), b"0123456789");
        let mut passed = frame.clone();
        let reflection = reflect_as(&mut services, &mut passed, &own());
        assert_eq!((reflection, &passed), (Reflection::Pass, &frame));
    }
}

/// Says that it changes nothing, and changes the last byte.
struct Understates;

impl Handler for Understates {
    const CHANGES: usize = 0;

    fn handle(&mut self, payload: &mut [u8], _: &Request, _: &impl Clock) -> Response {
        *payload.last_mut().expect("there is one") ^= 1;
        Response::reply(payload.len())
    }
}

#[test]
#[should_panic(expected = "a handler changed more than its CHANGES")]
fn a_handler_that_changes_more_than_it_says_panics_in_tests() {
    let _ = replies(|| Understates, PAIRS[1], b"0123456789");
}
