//! Three days of each of the habits that DHCP servers have, in virtual time, with and without loss: the whole service
//! against what RFC 2131 allows.
//!
//! - [`virtual_network`]: the service, servers and other hosts, and what gets lost;
//! - [`virtual_server`]: servers, and messages as bytes;
//! - [`lease_audit`]: the rules, which each message and the service's address are held to;
//! - [`link_interruptions`]: leases of a link that was down;
//! - [`bad_messages`]: duplicates, late answers and broken ones beside the good.

mod bad_messages;
mod lease_audit;
mod link_interruptions;
mod virtual_network;
mod virtual_server;

use core::net::Ipv4Addr;
use std::boxed::Box;
use std::vec::Vec;

use wire::Mac;

use super::{OWN, SECOND_NS};
use crate::net::packets::{ARP_REPLY, arp};
use crate::testing::{CLIENT_MAC, SERVICE_MAC};
use lease_audit::{LeaseAudit, Outage};
use virtual_network::VirtualNetwork;
use virtual_server::{ACK, Answer, Conduct, DISCOVER, NAK, OFFER, Server};

const HOUR_NS: u64 = 3600 * SECOND_NS;
const DAY_NS: u64 = 24 * HOUR_NS;

/// Longest wait for an answer to a question (RFC 2131 §4.1), in nanoseconds.
const RETRY_NS: u64 = 65 * SECOND_NS;

/// Frames lost of a thousand, in the two runs of each habit.
const LOSSES: [u64; 2] = [0, 100];

/// Runs three days beside `servers`, and returns what was seen without loss and with it.
fn three_days(servers: impl Fn() -> Vec<Conduct>) -> [LeaseAudit; 2] {
    LOSSES.map(|loss| {
        let mut network = VirtualNetwork::new(servers(), loss);
        network.run_until(3 * DAY_NS);
        network.audit
    })
}

/// Checks that no outage after the first lease is longer than `silent_ns`, in which no server would have helped, and a
/// wait for each message that was lost and one more.
fn check_outages(audits: &[LeaseAudit], silent_ns: u64) {
    for audit in audits {
        for outage in &audit.outages {
            let Outage {
                from_ns,
                to_ns,
                losses,
            } = *outage;
            let allowed_ns = silent_ns + (losses + 1) * RETRY_NS;
            assert!(to_ns - from_ns <= allowed_ns, "{outage:?}");
        }
    }
}

#[test]
fn a_server_as_the_standard_has_it() {
    let audits = three_days(|| vec![Server::new(3, 3600).with(|_, _, answer| Some(answer))]);
    assert_eq!(audits[0].outages, []);
    // Every half hour, each lease from the message that renewed it.
    assert_eq!((audits[0].renewals, audits[0].rebindings), (143, 0));
    assert_eq!(audits[0].discovers, 1);
    assert!(audits[1].renewals > 143, "some were lost");
    check_outages(&audits, 0);
}

#[test]
fn a_server_that_leaves_out_the_times() {
    let server = || Server {
        times_s: None,
        ..Server::new(3, 3600)
    };
    let audits = three_days(|| vec![server().with(|_, _, answer| Some(answer))]);
    assert_eq!(audits[0].outages, []);
    assert_eq!(audits[0].renewals, 143);
    check_outages(&audits, 0);
}

#[test]
fn a_server_that_does_not_name_itself_in_acknowledgements() {
    let audits = three_days(|| {
        vec![Server::new(3, 1200).with(|_, _, mut answer| {
            answer.server = answer.server.filter(|_| answer.kind != ACK);
            Some(answer)
        })]
    });
    assert_eq!(audits[0].outages, []);
    assert_eq!(audits[0].rebindings, 0);
    check_outages(&audits, 0);
}

#[test]
fn a_server_that_refuses_renewals() {
    let audits = three_days(|| {
        let server = Server::new(3, 3600);
        vec![Box::new(move |question, _| {
            let kind = if question.is_renewing() {
                Some(NAK)
            } else {
                None
            };
            let refusal = kind.map(|kind| server.answer(kind, question));
            refusal
                .or_else(|| server.reply(question))
                .into_iter()
                .collect()
        })]
    });
    // A second's pause after each refusal.
    assert!(audits[0].outages.len() > 140);
    for Outage { from_ns, to_ns, .. } in &audits[0].outages {
        assert!(to_ns - from_ns < 2 * SECOND_NS);
    }
    check_outages(&audits, SECOND_NS);
}

#[test]
fn a_server_that_answers_only_rebinding() {
    let audits = three_days(|| {
        vec![
            Server::new(3, 3600)
                .with(|question, _, answer| (!question.is_renewing()).then_some(answer)),
        ]
    });
    assert_eq!(audits[0].outages, []);
    assert!(audits[0].rebindings > 80, "{}", audits[0].rebindings);
    check_outages(&audits, 0);
}

#[test]
fn a_server_that_dies_and_another_takes_over() {
    let is_first_up = |now_ns: u64| (now_ns / (11 * HOUR_NS)).is_multiple_of(2);
    // The second knows nothing of the first's leases for its first hour, in which it says nothing about them.
    let audits = three_days(|| {
        let first = Server::new(3, 1800);
        let second = Server::new(4, 1800);
        vec![
            first.with(move |_, now_ns, answer| is_first_up(now_ns).then_some(answer)),
            second.with(move |_, now_ns, answer| (!is_first_up(now_ns)).then_some(answer)),
        ]
    });
    assert_eq!(audits[0].outages, [], "rebinding finds the other");
    assert!(audits[0].rebindings >= 6);
    check_outages(&audits, 0);
}

#[test]
fn all_servers_are_silent_for_hours() {
    let is_up = |now_ns: u64| now_ns % (9 * HOUR_NS) < 5 * HOUR_NS;
    let audits = three_days(|| {
        vec![Server::new(3, 3600).with(move |_, now_ns, answer| is_up(now_ns).then_some(answer))]
    });
    let (last, outages) = audits[0].outages.split_last().unwrap();
    assert_eq!((outages.len(), last.to_ns), (7, 3 * DAY_NS));
    for Outage { from_ns, to_ns, .. } in outages {
        // It kept the address as long as the lease lasted, and had one again with the first question after they came back.
        assert!(from_ns % (9 * HOUR_NS) >= 5 * HOUR_NS + HOUR_NS / 2);
        assert!(to_ns % (9 * HOUR_NS) < RETRY_NS);
    }
    check_outages(&audits, 4 * HOUR_NS);
}

#[test]
fn several_servers_of_which_the_fastest_does_not_stand_by_its_offers() {
    let audits = three_days(|| {
        let server = |id: u8, delay_ms: u64| Server {
            delay_ns: delay_ms * SECOND_NS / 1000,
            address: Ipv4Addr::new(10, 0, 2, 15 + id % 2),
            ..Server::new(id, 600)
        };
        // Slower than the first waits between questions.
        let slow = server(4, 1500)
            .with(|_, now_ns, answer| (now_ns % (5 * HOUR_NS) < 4 * HOUR_NS).then_some(answer));
        let fast =
            server(5, 1).with(|question, _, answer| (question.kind == DISCOVER).then_some(answer));
        vec![fast, slow]
    });
    for audit in &audits {
        assert!(audit.renewals > 300, "{}", audit.renewals);
    }
    // Each lease has the other's offer first, for three questions without an answer, and the slow one's next.
    check_outages(&audits, HOUR_NS + 2 * RETRY_NS);
}

#[test]
fn a_server_behind_a_relay() {
    let relay = Ipv4Addr::new(10, 0, 2, 1);
    let audits = three_days(|| {
        let server = Server {
            id: Ipv4Addr::new(192, 0, 2, 67),
            mac: Mac::new([0x52, 0x55, 10, 0, 2, 1]),
            delay_ns: 300 * SECOND_NS / 1000,
            ..Server::new(0, 900)
        };
        vec![server.with(move |question, _, mut answer| {
            // Unicast renewals are routed, and their answers too.
            answer.relay = (!question.is_renewing()).then_some(relay);
            Some(answer)
        })]
    });
    assert_eq!(audits[0].outages, []);
    assert_eq!(audits[0].rebindings, 0);
    check_outages(&audits, 0);
}

#[test]
fn a_lease_that_changes_its_address_now_and_then() {
    let address = |now_ns: u64| Ipv4Addr::new(10, 0, 2, 15 + (now_ns / (7 * HOUR_NS) % 2) as u8);
    // By an acknowledgement of another address, and by a refusal and another offer.
    for is_refused in [false, true] {
        let audits = three_days(|| {
            vec![Box::new(move |question, now_ns| {
                let server = Server {
                    address: address(now_ns),
                    ..Server::new(3, 1200)
                };
                let Some(mut answer) = server.reply(question) else {
                    return Vec::new();
                };
                if !is_refused && answer.kind == NAK {
                    answer = server.answer(ACK, question);
                }
                vec![answer]
            })]
        });
        let outages = if is_refused { 10 } else { 0 };
        assert_eq!(audits[0].outages.len(), outages);
        check_outages(&audits, SECOND_NS);
    }
}

#[test]
fn a_server_that_leaves_out_mask_and_router() {
    let audits = three_days(|| {
        vec![Server::new(3, 3600).with(|_, _, mut answer| {
            answer.more.clear();
            Some(answer)
        })]
    });
    assert_eq!(audits[0].outages, []);
    check_outages(&audits, 0);
}

#[test]
fn a_server_whose_options_go_on_in_the_fields_of_others() {
    for overload in 1..=3 {
        let audits = three_days(|| {
            vec![Server::new(3, 3600).with(move |_, _, answer| Some(Answer { overload, ..answer }))]
        });
        assert_eq!(audits[0].outages, [], "{overload}");
        // The times were read, and renewals are on time.
        assert_eq!((audits[0].renewals, audits[0].rebindings), (143, 0));
        assert_eq!(audits[0].lease_s(), Some(3600));
        check_outages(&audits, 0);
    }
}

#[test]
fn a_router_that_is_named_once_is_kept_for_as_long_as_the_lease() {
    let server = Server::new(3, 3600).with(|question, now_ns, mut answer| {
        // Two days of renewals without mask and router, and then with another router.
        if now_ns >= 2 * DAY_NS {
            answer.more[1] = (3, vec![10, 0, 2, 254]);
        } else if question.is_renewing() {
            answer.more.clear();
        }
        Some(answer)
    });
    let mut network = VirtualNetwork::new(vec![server], 0);
    for (days, last) in [(1, 2), (2, 2), (3, 254)] {
        network.run_until(days * DAY_NS);
        let router = Ipv4Addr::new(10, 0, 2, last);
        assert_eq!(network.configuration().gateway, Some(router), "{days}");
    }
}

#[test]
fn very_short_leases_and_endless_ones_and_times_that_make_no_sense() {
    for (lease_s, times_s) in [
        (10, None),
        (10, Some((8, 4))),
        (3600, Some((3500, 100))),
        (3600, Some((0, 0))),
        (3600, Some((5000, 6000))),
        (3600, Some((1, 2))),
        (2, Some((1, 1))),
        (u32::MAX, None),
        (u32::MAX, Some((10, 20))),
        (u32::MAX - 1, None),
    ] {
        let audits = three_days(|| {
            let server = Server {
                times_s,
                ..Server::new(3, lease_s)
            };
            vec![server.with(|_, _, answer| Some(answer))]
        });
        assert_eq!(audits[0].outages, [], "{lease_s} {times_s:?}");
        assert_eq!(audits[0].lease_s(), Some(lease_s));
        if lease_s > 3600 {
            assert_eq!(audits[0].renewals, 0);
        }
        check_outages(&audits, 0);
    }
}

#[test]
fn a_server_that_refuses_at_first() {
    let audits = three_days(|| {
        let mut refusals = 2;
        vec![Server::new(3, 3600).with(move |question, _, mut answer| {
            if question.is_selecting() && refusals > 0 {
                refusals -= 1;
                answer.kind = NAK;
            }
            Some(answer)
        })]
    });
    assert_eq!(audits[0].outages, []);
    assert!(
        (3..10).contains(&audits[0].discovers),
        "{}",
        audits[0].discovers
    );
    check_outages(&audits, 0);
}

#[test]
fn an_address_that_another_host_has_is_declined_until_there_is_another() {
    for loss in LOSSES {
        let conduct: Conduct = Box::new(move |question, now_ns| {
            let last = if now_ns < HOUR_NS { 15 } else { 16 };
            let server = Server {
                address: Ipv4Addr::new(10, 0, 2, last),
                ..Server::new(3, 3600)
            };
            server.reply(question).into_iter().collect()
        });
        let mut network = VirtualNetwork::new(vec![conduct], loss).with_host(|packet, _| {
            let is_probe = packet[28..32] == [0; 4] && packet[38..42] == OWN.octets();
            is_probe.then(|| {
                let to = (SERVICE_MAC, Ipv4Addr::UNSPECIFIED);
                arp(SERVICE_MAC, ARP_REPLY, (CLIENT_MAC, OWN), to).to_vec()
            })
        });
        network.run_until(HOUR_NS);
        assert_eq!(network.announcements, 0, "of another's address");
        let declines = network.audit.declines;
        // The pauses get longer.
        assert!((30..70).contains(&declines), "{declines}");
        network.run_until(3 * DAY_NS);
        assert!(network.audit.declines <= declines + 1);
        check_outages(&[network.audit], RETRY_NS);
    }
}

#[test]
fn offers_alone_are_no_lease() {
    let audits = LOSSES.map(|loss| {
        let server = Server::new(3, 600);
        let mut is_first = true;
        let conduct = server.with(move |_, now_ns, answer| {
            is_first &= now_ns < HOUR_NS;
            (is_first || answer.kind == OFFER).then_some(answer)
        });
        let mut network = VirtualNetwork::new(vec![conduct], loss);
        network.run_until(DAY_NS);
        network.audit
    });
    for audit in audits {
        assert_eq!(audit.lease_s(), None);
        assert!(
            (300..6000).contains(&audit.discovers),
            "{}",
            audit.discovers
        );
    }
}
