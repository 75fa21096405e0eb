//! A device that fails or loses its link, and comes back or does not.

use super::announcements::is_announcement;
use super::leases::dhcp_answer;
use super::recovery::{PAUSE_NS, RESETS};
use super::*;
use crate::frame_device::Link;
use crate::testing::logged;

const FAULT: DeviceFault = DeviceFault::Receive(99);

/// Lets the service do what it has to do now; returns the frames that it sends.
fn sent(server: &mut TestServer) -> Vec<Vec<u8>> {
    server.poll().unwrap();
    server.device.outbox.drain(..).collect()
}

/// Returns whether there is an ARP announcement among `frames`, and the types of the ICMPv6 messages.
fn announced(frames: &[Vec<u8>]) -> (bool, Vec<u8>) {
    let icmpv6 = frames.iter().filter(|frame| frame[12..14] == [0x86, 0xdd]);
    let types = icmpv6.map(|frame| frame[if frame[20] == 0 { 62 } else { 54 }]);
    (
        frames.iter().any(|frame| is_announcement(frame)),
        types.collect(),
    )
}

fn assert_serves(server: &mut TestServer) {
    let request = request_frame("10.0.2.2:40000", "10.0.2.15:9000");
    let answers = exchange(server, request);
    assert_eq!(answers.len(), 1);
}

#[test]
fn a_device_that_failed_is_reset_and_served_on() {
    let mut server = static_server();
    logged();
    server.device.fault = Some(FAULT);
    server.device.inbox.push_back(arp_request());
    assert_eq!(server.poll(), Ok(true));
    assert_eq!((server.device.restarts, server.device.fault), (1, None));
    server.device.outbox.clear();
    let (is_announced, messages) = announced(&sent(&mut server));
    // Both IPv6 addresses; groups and routers know nothing of a reset.
    assert_eq!((is_announced, messages), (true, vec![136, 136]));
    assert_serves(&mut server);
    assert_eq!(server.shared_counters.read().device_resets, 1);
    let said =
        "network device: the device returned receive buffer 99, which it did not have; it is reset";
    assert_eq!(logged(), [said]);
}

/// A device may say so, or fall silent, without a frame.
#[test]
fn a_silent_device_is_found_to_have_failed() {
    let mut server = static_server();
    server.device.fault = Some(DeviceFault::Status(0x4f));
    assert_eq!(server.poll(), Ok(false));
    assert_eq!(server.check_device(), Ok(()));
    assert_eq!(server.device.restarts, 1);
    assert!(announced(&sent(&mut server)).0);
    assert_serves(&mut server);
    assert_eq!(server.check_device(), Ok(()));
    assert_eq!((server.device.restarts, server.poll()), (1, Ok(false)));
}

#[test]
fn a_device_that_fails_again_and_again_ends_the_service() {
    for is_beyond_repair in [false, true] {
        let (mut server, clock) = start("ip=10.0.2.15/24");
        server.device.is_beyond_repair = is_beyond_repair;
        let mut ended = None;
        for tenth in 0..200 {
            clock.set(tenth * PAUSE_NS / 10);
            server.device.fault = Some(FAULT);
            server.device.inbox.push_back(arp_request());
            let polled = if tenth % 2 == 0 {
                server.poll().map(drop)
            } else {
                server.check_device()
            };
            if polled.is_err() {
                ended = Some((tenth, polled));
                break;
            }
        }
        // The first at once, and then one a second.
        let expected = (10 * RESETS as u64, Err(ServerError::Device(FAULT)));
        assert_eq!(ended, Some(expected));
        assert_eq!(server.device.restarts, RESETS);
        assert_eq!(
            ServerError::Device(FAULT).to_string(),
            "network device failed: the device returned receive buffer 99, which it did not have; it was reset 8 \
             times within an hour"
        );
    }
}

#[test]
fn a_reset_asks_no_dhcp_server_and_a_link_that_was_down_does() {
    let (mut server, clock) = start("ip=dhcp ip6=auto");
    let discover = server.device.outbox.pop_front().unwrap();
    let requests = exchange(&mut server, dhcp_answer(&discover).1);
    exchange(&mut server, dhcp_answer(&requests[0]).1);
    assert_eq!(server.ready(0).ip, Some(Cidr::new(OWN, 24)));
    clock.set(20 * SECOND_NS);
    while server.due_ns <= 20 * SECOND_NS {
        sent(&mut server);
    }

    server.device.fault = Some(FAULT);
    assert_eq!(server.check_device(), Ok(()));
    let frames = sent(&mut server);
    assert!(frames.iter().all(|frame| !is_dhcp(frame)));
    assert_eq!(announced(&frames), (true, vec![136]));

    logged();
    server.device.link = Some(Link::Down);
    assert_eq!(server.check_device(), Ok(()));
    assert_eq!(sent(&mut server).len(), 0);
    assert_eq!(server.shared_counters.read().link_down_events, 1);
    assert_serves(&mut server);
    server.device.link = Some(Link::Up);
    assert_eq!(server.check_device(), Ok(()));
    let frames = sent(&mut server);
    assert_eq!(frames.iter().filter(|frame| is_dhcp(frame)).count(), 1);
    // Report of groups, router solicitation, address.
    assert_eq!(announced(&frames), (true, vec![143, 133, 136]));
    let is_probe = |frame: &&Vec<u8>| frame[12..14] == [8, 6] && frame[28..32] == [0; 4];
    assert_eq!(frames.iter().filter(is_probe).count(), 1);
    assert_eq!(logged(), ["network link: down", "network link: up again"]);
    assert_serves(&mut server);
    assert_eq!(server.shared_counters.read().link_down_events, 1);
}

fn is_dhcp(frame: &[u8]) -> bool {
    frame[12..14] == [8, 0] && frame[36..38] == [0, 67]
}
