//! A client and a server's messages, on a clock that is set.

use std::vec::Vec;

use super::*;

pub const MAC: Mac = Mac::new([0x52, 0x54, 0, 0x12, 0x34, 0x56]);
pub const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 15);
pub const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 3);
const SERVER_MAC: Mac = Mac::new([0x52, 0x55, 10, 0, 2, 3]);

/// A server's message of type `kind` about [`ADDRESS`].
pub fn answer(kind: u8, transaction: u32, options: &[(u8, &[u8])]) -> Vec<u8> {
    let mut message = vec![0; 240];
    message[..3].copy_from_slice(&[2, 1, 6]);
    message[4..8].copy_from_slice(&transaction.to_be_bytes());
    message[16..20].copy_from_slice(&ADDRESS.octets());
    message[28..34].copy_from_slice(&MAC.octets());
    message[236..240].copy_from_slice(&[99, 130, 83, 99]);
    message.extend([53, 1, kind]);
    for (code, value) in options {
        message.extend([*code, value.len() as u8]);
        message.extend(*value);
    }
    message.push(255);
    message
}

const SERVED_BY: (u8, &[u8]) = (54, &[10, 0, 2, 3]);
const MASK: (u8, &[u8]) = (1, &[255, 255, 255, 0]);
const ROUTER: (u8, &[u8]) = (3, &[10, 0, 2, 2]);
const TWENTY_S: (u8, &[u8]) = (51, &[0, 0, 0, 20]);

/// A question's type, transaction, own and requested address.
fn read(outgoing: &Outgoing) -> (u8, u32, Ipv4Addr) {
    let message = &outgoing.message;
    let transaction = u32::from_be_bytes(*message[4..].first_chunk().unwrap());
    let own = Ipv4Addr::from_octets(*message[12..].first_chunk().unwrap());
    assert_eq!(message[240..242], [53, 1]);
    (message[242], transaction, own)
}

/// A client that has a lease of `options` since the start.
fn bound(options: &[(u8, &[u8])]) -> Client {
    let mut client = Client::new(MAC, 99, 0);
    let (kind, transaction, _) = read(&client.poll(0).unwrap());
    assert_eq!(kind, 1);
    client.receive(&answer(2, transaction, options), SERVER_MAC, 0);
    let request = client.poll(0).unwrap();
    assert_eq!(read(&request), (3, transaction, Ipv4Addr::UNSPECIFIED));
    assert_eq!(request.to, Ipv4Addr::BROADCAST);
    client.receive(&answer(5, transaction, options), SERVER_MAC, 0);
    assert!(client.poll(0).is_none());
    client
}

#[test]
fn a_short_lease_is_renewed_in_time_and_again() {
    let mut client = bound(&[SERVED_BY, MASK, ROUTER, TWENTY_S]);
    let lease = *client.lease().unwrap();
    assert_eq!(lease.gateway, Some(Ipv4Addr::new(10, 0, 2, 2)));
    let mut transactions = Vec::new();
    for round in 1..=30 {
        assert_eq!(client.due_ns(), round * 10 * SECOND_NS);
        let request = client.poll(client.due_ns()).unwrap();
        assert_eq!((request.to, request.to_mac), (SERVER, SERVER_MAC));
        assert_eq!(request.from, ADDRESS);
        let (kind, transaction, own) = read(&request);
        assert_eq!((kind, own), (3, ADDRESS));
        transactions.push(transaction);
        // Neither mask nor router, as some servers do, nor who it is, as none should.
        let options: &[_] = if round % 2 == 0 {
            &[TWENTY_S]
        } else {
            &[SERVED_BY, TWENTY_S]
        };
        client.receive(
            &answer(5, transaction, options),
            SERVER_MAC,
            round * 10 * SECOND_NS,
        );
        assert_eq!(client.lease(), Some(&lease), "no outage");
    }
    transactions.sort_unstable();
    transactions.dedup();
    assert_eq!(transactions.len(), 30);
}

#[test]
fn a_server_that_is_gone_is_asked_less_and_less_until_anybody_is() {
    let mut client = bound(&[SERVED_BY, MASK, TWENTY_S]);
    let mut asked = Vec::new();
    while client.lease().is_some() {
        let now_ns = client.due_ns();
        assert!(now_ns <= 20 * SECOND_NS);
        let outgoing = client.poll(now_ns).unwrap();
        asked.push((now_ns / 1_000_000, outgoing.to == SERVER));
    }
    let last = asked.pop().unwrap();
    assert_eq!(last, (20_000, false), "the end: a new address is asked for");
    let expected = [
        (10_000, true),
        (13_750, true),
        (15_625, true),
        (16_625, true),
        (17_500, false),
        (18_750, false),
        (19_750, false),
    ];
    assert_eq!(asked, expected);
}

const DAY: (u8, &[u8]) = (51, &86_400_u32.to_be_bytes());

/// Returns the time and transaction of each request to confirm the lease, which go to everybody and name the address
/// and no server (RFC 2131 §4.3.2, INIT-REBOOT), until the client renews.
fn confirmations(client: &mut Client) -> (Vec<u64>, Vec<u32>) {
    let (mut times_ns, mut transactions) = (Vec::new(), Vec::new());
    loop {
        let now_ns = client.due_ns();
        let outgoing = client.poll(now_ns).unwrap();
        let (kind, transaction, own) = read(&outgoing);
        assert_eq!(kind, 3);
        if !own.is_unspecified() {
            return (times_ns, transactions);
        }
        let everybody = (Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST, Mac::BROADCAST);
        assert_eq!((outgoing.from, outgoing.to, outgoing.to_mac), everybody);
        let options = &outgoing.message[240..];
        let requested = [&[50, 4][..], &ADDRESS.octets()].concat();
        assert!(options.windows(6).any(|window| window == requested));
        assert!(!options.windows(2).any(|window| window == [54, 4]));
        assert!(client.lease().is_some(), "it is kept meanwhile");
        times_ns.push(now_ns);
        transactions.push(transaction);
    }
}

#[test]
fn a_lease_is_confirmed_after_the_link_was_down_and_kept_if_nobody_answers() {
    let mut client = bound(&[SERVED_BY, MASK, DAY]);
    client.reconnect(100 * SECOND_NS);
    let (times_ns, _) = confirmations(&mut client);
    assert_eq!(times_ns.len(), usize::from(CONFIRMATIONS));
    assert_eq!(times_ns[0], 100 * SECOND_NS);
    // Waits of 4 and 8 seconds, give or take one.
    let waits_s = times_ns
        .windows(2)
        .map(|pair| (pair[1] - pair[0]) / SECOND_NS);
    assert!(
        waits_s
            .zip([3..=5, 7..=9])
            .all(|(wait_s, expected)| expected.contains(&wait_s))
    );
    // The renewal is when it would have been.
    let now_ns = 43_200 * SECOND_NS;
    assert!(client.lease().is_some() && client.due_ns() > now_ns);

    // Of a short lease, or late, renewals are more urgent.
    let mut client = bound(&[SERVED_BY, MASK, TWENTY_S]);
    client.reconnect(9 * SECOND_NS);
    let (times_ns, _) = confirmations(&mut client);
    assert_eq!(times_ns, [9 * SECOND_NS]);
    assert!(client.lease().is_some());
}

#[test]
fn a_server_confirms_the_lease_or_refuses_it() {
    for (kind, is_kept) in [(5, true), (6, false)] {
        let mut client = bound(&[SERVED_BY, MASK, TWENTY_S]);
        client.reconnect(2 * SECOND_NS);
        let (_, transaction, _) = read(&client.poll(2 * SECOND_NS).unwrap());
        let answer = answer(kind, transaction, &[SERVED_BY, MASK, TWENTY_S]);
        client.receive(&answer, SERVER_MAC, 3 * SECOND_NS);
        assert_eq!(client.lease().is_some(), is_kept);
        if is_kept {
            // It begins with the request, and is renewed as any other.
            assert_eq!(client.due_ns(), 12 * SECOND_NS);
            let renewal = client.poll(12 * SECOND_NS).unwrap();
            assert_eq!((renewal.to, read(&renewal).2), (SERVER, ADDRESS));
        } else {
            assert_eq!(read(&client.poll(4 * SECOND_NS).unwrap()).0, 1);
        }
    }
}

#[test]
fn without_a_lease_a_link_that_comes_up_is_asked_at_once() {
    let mut client = Client::new(MAC, 99, 0);
    let mut now_ns = 0;
    for _ in 0..20 {
        now_ns = client.due_ns();
        client.poll(now_ns);
    }
    assert!(
        client.due_ns() - now_ns > 30 * SECOND_NS,
        "it has backed off"
    );
    client.reconnect(now_ns + SECOND_NS);
    assert_eq!(read(&client.poll(now_ns + SECOND_NS).unwrap()).0, 1);
    assert!(client.due_ns() - now_ns < 7 * SECOND_NS);
}

#[test]
fn a_refusal_has_it_begin_again_but_not_at_once() {
    let mut client = bound(&[SERVED_BY, MASK, TWENTY_S]);
    let (_, transaction, _) = read(&client.poll(10 * SECOND_NS).unwrap());
    client.receive(
        &answer(6, transaction + 1, &[SERVED_BY]),
        SERVER_MAC,
        10 * SECOND_NS,
    );
    assert!(client.lease().is_some(), "an answer to another");
    client.receive(
        &answer(6, transaction, &[SERVED_BY]),
        SERVER_MAC,
        10 * SECOND_NS,
    );
    assert_eq!(client.lease(), None);
    assert_eq!(client.due_ns(), 11 * SECOND_NS);
    assert!(client.poll(11 * SECOND_NS - 1).is_none());
    assert_eq!(read(&client.poll(11 * SECOND_NS).unwrap()).0, 1);
}

#[test]
fn an_offer_that_nobody_acknowledges_is_given_up() {
    let mut client = Client::new(MAC, 99, 0);
    let (_, transaction, _) = read(&client.poll(0).unwrap());
    client.receive(&answer(2, transaction, &[]), SERVER_MAC, 0);
    assert!(client.poll(0).is_none(), "of no server");
    client.receive(&answer(2, transaction, &[SERVED_BY]), SERVER_MAC, 0);
    let mut kinds = Vec::new();
    for _ in 0..7 {
        kinds.push(read(&client.poll(client.due_ns()).unwrap()).0);
    }
    assert_eq!(kinds, [3, 3, 3, 3, 3, 1, 1]);
}

#[test]
fn leases_end_as_the_server_says() {
    let due_s = |options: &[(u8, &[u8])]| bound(options).due_ns() / SECOND_NS;
    let t1: (u8, &[u8]) = (58, &[0, 0, 0, 3]);
    let t2: (u8, &[u8]) = (59, &[0, 0, 0, 4]);
    assert_eq!(due_s(&[SERVED_BY, TWENTY_S, t1, t2]), 3);
    assert_eq!(due_s(&[SERVED_BY, TWENTY_S, t2]), 10);
    let late: (u8, &[u8]) = (58, &[0, 0, 0, 30]);
    assert_eq!(due_s(&[SERVED_BY, TWENTY_S, late, t2]), 10);
    assert_eq!(due_s(&[SERVED_BY]), 60, "a lease without a length");
    let endless = bound(&[SERVED_BY, (51, &[0xff; 4])]);
    assert_eq!(endless.due_ns(), NEVER_NS);
}

#[test]
fn arguments_are_those_of_the_last_that_had_any() {
    let mut client = bound(&[SERVED_BY, TWENTY_S, (224, b"port=1")]);
    assert_eq!(client.arguments().as_str(), Some("port=1"));
    let (_, transaction, _) = read(&client.poll(10 * SECOND_NS).unwrap());
    client.receive(
        &answer(5, transaction, &[TWENTY_S]),
        SERVER_MAC,
        10 * SECOND_NS,
    );
    assert_eq!(client.arguments().as_str(), Some("port=1"));
}

/// Times and types of the questions that a client asks in a day, each of which `server` answers at once.
fn questions_of_a_day(server: impl Fn(u8, u32) -> Vec<Vec<u8>>) -> Vec<(u64, u8)> {
    let mut client = Client::new(MAC, 99, 0);
    let mut asked = Vec::new();
    while client.due_ns() < 24 * 3600 * SECOND_NS {
        let now_ns = client.due_ns();
        let (kind, transaction, _) = read(&client.poll(now_ns).unwrap());
        asked.push((now_ns, kind));
        for message in server(kind, transaction) {
            client.receive(&message, SERVER_MAC, now_ns);
        }
        assert!(asked.len() < 100_000, "a storm");
    }
    assert_eq!(client.lease(), None);
    asked
}

/// An offer of [`ADDRESS`], and what a server says to the request for it.
fn offers_and(
    kind: u8,
    options: &'static [(u8, &'static [u8])],
) -> impl Fn(u8, u32) -> Vec<Vec<u8>> {
    move |question, transaction| match question {
        1 => vec![answer(2, transaction, &[SERVED_BY, MASK, TWENTY_S])],
        _ => vec![answer(kind, transaction, options)],
    }
}

#[test]
fn a_server_that_refuses_all_is_asked_less_and_less() {
    for server in [
        offers_and(6, &[SERVED_BY]),
        offers_and(5, &[SERVED_BY, MASK, (51, &[0; 4])]),
    ] {
        let asked = questions_of_a_day(server);
        let requests = asked.iter().filter(|(_, kind)| *kind == 3);
        let requested_s: Vec<u64> = requests.map(|(at_ns, _)| at_ns / SECOND_NS).collect();
        // After a refusal the server is passed over for as long as others may offer something.
        for (pair, doublings) in requested_s.windows(2).zip(0..) {
            let pause_s = 1 << doublings.min(6);
            let waited_s = pair[1] - pair[0];
            assert!((pause_s..=pause_s + 18).contains(&waited_s), "{waited_s} s");
        }
        assert!(requested_s.len() < 24 * 3600 / 64 + 10);
        assert!(asked.len() < 4 * requested_s.len(), "{}", asked.len());
    }
}

#[test]
fn an_offer_of_no_length_is_none() {
    let asked = questions_of_a_day(|_, transaction| {
        vec![answer(2, transaction, &[SERVED_BY, MASK, (51, &[0; 4])])]
    });
    // As if nobody had answered.
    let expected = questions_of_a_day(|_, _| Vec::new());
    assert_eq!(asked, expected);
    assert!(asked.len() < 24 * 3600 / 60 + 20, "{}", asked.len());
}

#[test]
fn an_address_that_no_host_can_have_is_not_taken() {
    for address in [
        [0, 1, 2, 3],
        [127, 0, 0, 1],
        [224, 0, 0, 1],
        [240, 0, 0, 1],
        [255; 4],
        [10, 0, 2, 0],
        [10, 0, 2, 255],
    ] {
        let of = |kind: u8, transaction| {
            let mut message = answer(kind, transaction, &[SERVED_BY, MASK, TWENTY_S]);
            message[16..20].copy_from_slice(&address);
            message
        };
        questions_of_a_day(|_, transaction| vec![of(2, transaction)]);
        // The offer was good, and the acknowledgement names another address.
        questions_of_a_day(|question, transaction| match question {
            1 => vec![answer(2, transaction, &[SERVED_BY, MASK, TWENTY_S])],
            _ => vec![of(5, transaction)],
        });
    }
}

#[test]
fn a_lease_has_the_next_refusal_wait_for_the_first_pause() {
    let mut client = bound(&[SERVED_BY, MASK, TWENTY_S]);
    let mut now_ns = 10 * SECOND_NS;
    for _ in 0..3 {
        let (_, transaction, _) = read(&client.poll(now_ns).unwrap());
        client.receive(&answer(6, transaction, &[SERVED_BY]), SERVER_MAC, now_ns);
        assert_eq!(client.due_ns(), now_ns + PAUSE_NS);
        now_ns = client.due_ns();
        let (_, transaction, _) = read(&client.poll(now_ns).unwrap());
        let options = &[SERVED_BY, MASK, TWENTY_S];
        client.receive(&answer(2, transaction, options), SERVER_MAC, now_ns);
        client.poll(now_ns).unwrap();
        client.receive(&answer(5, transaction, options), SERVER_MAC, now_ns);
        assert!(client.lease().is_some());
        now_ns = client.due_ns();
    }
}
