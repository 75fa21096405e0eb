//! A link that is down for a moment: leases are confirmed (RFC 2131 §3.7), and nobody is without an address for it.

use super::{DAY_NS, HOUR_NS, LOSSES, SECOND_NS, Server, VirtualNetwork, check_outages};

const MINUTE_NS: u64 = 60 * SECOND_NS;

#[test]
fn a_link_that_is_interrupted_has_the_lease_confirmed_and_costs_no_outage() {
    // At odd times, some of them in the time for renewals.
    const BETWEEN_NS: u64 = 46 * MINUTE_NS;
    let audits = LOSSES.map(|loss| {
        let server = Server::new(3, 3600).with(|_, _, answer| Some(answer));
        let mut network = VirtualNetwork::new(vec![server], loss);
        while network.now_ns < 3 * DAY_NS {
            network.run_until(network.now_ns + BETWEEN_NS);
            network.interrupt_link();
            network.run_until(network.now_ns + MINUTE_NS);
        }
        network.audit
    });
    assert_eq!(audits[0].outages, []);
    assert_eq!((audits[0].confirmations, audits[0].discovers), (92, 1));
    assert!(audits[1].confirmations > 92, "some were lost");
    check_outages(&audits, 0);
}

#[test]
fn a_server_that_answers_no_confirmation_renews_all_the_same() {
    let server = Server::new(3, 3600);
    let server =
        server.with(|question, _, answer| Some(answer).filter(|_| !question.is_confirming()));
    let mut network = VirtualNetwork::new(vec![server], 0);
    for _ in 0..50 {
        network.run_until(network.now_ns + HOUR_NS);
        network.interrupt_link();
        network.run_until(network.now_ns + MINUTE_NS);
    }
    assert_eq!(network.audit.outages, []);
    // Three each time, but where a renewal is due meanwhile.
    assert!((140..150).contains(&network.audit.confirmations));
}
