//! Leases: taken, kept, lost, and what else a DHCP server may say.

use super::announcements::is_announcement;
use super::*;
use crate::testing::logged;

/// Returns a DHCP server's answer to the service's message `frame`.
pub fn dhcp_answer(frame: &[u8]) -> (DhcpMessageType, Vec<u8>) {
    dhcp_answer_with(frame, |_| {})
}

/// Returns that answer, changed.
fn dhcp_answer_with(
    frame: &[u8],
    change: impl FnOnce(&mut DhcpRepr<'_>),
) -> (DhcpMessageType, Vec<u8>) {
    let (_, to, message) = open_udp(frame);
    assert_eq!(to.port(), 67);
    let packet = DhcpPacket::new_checked(&message[..]).unwrap();
    let asked = DhcpRepr::parse(&packet).unwrap();
    let message_type = match asked.message_type {
        DhcpMessageType::Discover => DhcpMessageType::Offer,
        _ => DhcpMessageType::Ack,
    };
    let mut answer = DhcpRepr {
        message_type,
        your_ip: OWN,
        server_ip: CLIENT,
        server_identifier: Some(CLIENT),
        subnet_mask: Some(Ipv4Addr::new(255, 255, 255, 0)),
        router: Some(CLIENT),
        lease_duration: Some(60),
        parameter_request_list: None,
        requested_ip: None,
        client_identifier: None,
        max_size: None,
        ..asked.clone()
    };
    change(&mut answer);
    let mut bytes = vec![0; answer.buffer_len()];
    answer
        .emit(&mut DhcpPacket::new_unchecked(&mut bytes[..]))
        .unwrap();
    let server = SocketAddr::new(CLIENT.into(), 67);
    let everybody = SocketAddr::new(Ipv4Addr::BROADCAST.into(), 68);
    (asked.message_type, udp_frame(server, everybody, &bytes))
}

#[test]
fn takes_a_lease_and_loses_it() {
    let (mut server, clock) = start("ip=dhcp");
    let discover = server.device.outbox.pop_front().unwrap();
    assert_eq!(server.ready(0).ip, None);

    let (asked, offer) = dhcp_answer(&discover);
    assert_eq!(asked, DhcpMessageType::Discover);
    let requests = exchange(&mut server, offer);
    let (asked, ack) = dhcp_answer(&requests[0]);
    assert_eq!(asked, DhcpMessageType::Request);
    exchange(&mut server, ack);
    assert_eq!(server.poll_until_ready(), Ok(()));
    assert_eq!(server.ready(0).ip, Some(Cidr::new(OWN, 24)));
    let answers = exchange(&mut server, request_frame("10.0.2.2:5", "10.0.2.15:9000"));
    assert_eq!(answers.len(), 1);

    // Nobody renews it: the address goes when the lease ends, and the service goes on asking.
    logged();
    for second in 0..=70 {
        clock.set(second * SECOND_NS);
        server.poll().unwrap();
    }
    assert_eq!(server.ready(0).ip, None);
    server.device.outbox.clear();
    let answers = exchange(&mut server, request_frame("10.0.2.2:5", "10.0.2.15:9000"));
    assert!(answers.iter().all(|frame| open_udp(frame).1.port() == 67));
    let ping6 = exchange(
        &mut server,
        request_frame("[fe80::2]:5", "[fe80::5054:ff:fe12:3456]:9000"),
    );
    assert_eq!(ping6.len(), 1, "IPv6 does not depend on the lease");
    // Said once, and again when there is one.
    assert_eq!(logged(), ["DHCP: the lease of 10.0.2.15 is lost"]);
    assert_eq!(server.shared_counters.read().leases_lost, 1);
    for second in 71..200 {
        clock.set(second * SECOND_NS);
        server.poll().unwrap();
        while let Some(frame) = server.device.outbox.pop_front() {
            if frame[12..14] == [0x08, 0x00] {
                server.device.inbox.push_back(dhcp_answer(&frame).1);
                server.poll().unwrap();
            }
        }
    }
    assert_eq!(server.ready(0).ip, Some(Cidr::new(OWN, 24)));
    assert_eq!(logged(), ["DHCP: there is a lease again, of 10.0.2.15"]);
    assert_eq!(server.shared_counters.read().leases_lost, 1);
}

/// A host whose clock stood still, as a suspended machine's, does not use an address that has ended meanwhile.
#[test]
fn a_frame_that_waited_through_the_end_of_the_lease_is_not_answered() {
    let (mut server, clock) = start("ip=dhcp ip6=off");
    let discover = server.device.outbox.pop_front().unwrap();
    let requests = exchange(&mut server, dhcp_answer(&discover).1);
    exchange(&mut server, dhcp_answer(&requests[0]).1);
    let request = request_frame("10.0.2.2:5", "10.0.2.15:9000");
    assert_eq!(exchange(&mut server, request.clone()).len(), 1);
    clock.set(61 * SECOND_NS);
    let frames = exchange(&mut server, request);
    assert!(frames.iter().all(|frame| open_udp(frame).1.port() == 67));
}

#[test]
fn a_lease_of_twenty_seconds_is_kept_without_an_outage() {
    let (mut server, clock) = start("ip=dhcp");
    let mut renewals = 0;
    let mut announcements = 0;
    for tenth in 0..1200 {
        clock.set(tenth * SECOND_NS / 10);
        server.poll().unwrap();
        while let Some(frame) = server.device.outbox.pop_front() {
            if frame[12..14] != [0x08, 0x00] {
                announcements += u32::from(is_announcement(&frame));
                continue;
            }
            let (_, answer) = dhcp_answer_with(&frame, |answer| {
                answer.lease_duration = Some(20);
                if tenth > 0 {
                    renewals += 1;
                    answer.subnet_mask = None;
                    answer.router = None;
                }
            });
            server.device.inbox.push_back(answer);
            server.poll().unwrap();
        }
        let ready = server.ready(0);
        assert_eq!(
            ready.ip,
            Some(Cidr::new(OWN, 24)),
            "after {tenth} tenths of a second"
        );
        assert_eq!(ready.configuration.gateway, Some(CLIENT));
        let request = request_frame("192.0.2.1:5", "10.0.2.15:9000");
        let (renewal, answers): (Vec<_>, Vec<_>) = exchange(&mut server, request)
            .into_iter()
            .partition(|frame| open_udp(frame).1.port() == 67);
        assert_eq!(answers.len(), 1);
        server.device.outbox.extend(renewal);
    }
    assert!((10..=12).contains(&renewals), "{renewals}");
    assert_eq!(announcements, 2, "of a new lease, not of a renewed one");
}

#[test]
fn a_dhcp_server_may_set_arguments() {
    let (mut server, _) = start("ip=dhcp");
    let text = b"path=smoltcp port=7777";
    while server.ready(0).ip.is_none() {
        let question = server.device.outbox.pop_front().unwrap();
        let option = [smoltcp::wire::DhcpOption {
            kind: 224,
            data: text,
        }];
        let (_, to, message) = open_udp(&question);
        assert_eq!(to.port(), 67);
        let packet = DhcpPacket::new_checked(&message[..]).unwrap();
        let asked = DhcpRepr::parse(&packet).unwrap();
        let mut answer = DhcpRepr {
            message_type: DhcpMessageType::Ack,
            your_ip: OWN,
            server_identifier: Some(CLIENT),
            parameter_request_list: None,
            requested_ip: None,
            client_identifier: None,
            max_size: None,
            additional_options: &option,
            ..asked.clone()
        };
        if asked.message_type == DhcpMessageType::Discover {
            answer.message_type = DhcpMessageType::Offer;
        }
        let mut bytes = vec![0; answer.buffer_len()];
        let mut packet = DhcpPacket::new_unchecked(&mut bytes[..]);
        answer.emit(&mut packet).unwrap();
        let (dhcp_server, everybody) = ("10.0.2.2:67", "255.255.255.255:68");
        let frame = udp_frame(
            dhcp_server.parse().unwrap(),
            everybody.parse().unwrap(),
            &bytes,
        );
        server.device.inbox.push_back(frame);
        server.poll().unwrap();
    }
    server.device.outbox.clear();
    let text = server.arguments().unwrap();
    let args = Args::parse([(Channel::Dhcp, text)]).unwrap();
    server.configure(&args);
    let ready = server.ready(0);
    assert_eq!((ready.ip, ready.port), (Some(Cidr::new(OWN, 8)), 7777));
    let sources = ready.configuration.sources;
    assert_eq!(sources.of("port"), Some(Channel::Dhcp));
    let answers = exchange(&mut server, request_frame("10.0.2.2:5", "10.0.2.15:7777"));
    assert_eq!(answers.len(), 1, "by sockets");
}

#[test]
fn asks_for_a_lease_every_second_and_gives_up_in_time() {
    let (mut server, clock) = start("ip6=off");
    let mut asked = server.device.outbox.drain(..).count();
    for tenth in 0..LEASE_TIMEOUT_S * 10 {
        clock.set(tenth * SECOND_NS / 10);
        server.poll().unwrap();
        asked += server.device.outbox.drain(..).count();
    }
    assert_eq!(asked, 10);
    clock.set(LEASE_TIMEOUT_S * SECOND_NS + SECOND_NS / 100);
    assert_eq!(server.poll(), Err(ServerError::NoLease));
}
