//! The image's configuration by every channel, and the manners of a host on a network.
#![forbid(unsafe_code)]

use std::net::{Ipv4Addr, UdpSocket};

use tests::dhcp::{self, Lease};
use tests::fathom::Call;
use tests::guest::{MAC, Machine, Network};
use tests::packet::{self, Body};
use tests::qemu_lock::lock_qemu;
use tests::station::{self, request};
use wire::{Channel, HEADER_LEN, Header, Kind, Ready};

const LEASE: Lease = Lease {
    address: Ipv4Addr::new(10, 0, 2, 15),
    mask: Ipv4Addr::new(255, 255, 255, 0),
    router: Ipv4Addr::new(10, 0, 2, 2),
    server: station::IP4,
    lease_s: 20,
    more: &[
        (12, b"echo-1"),
        (26, &[0x05, 0xb4]),
        // The way to everywhere is by another router than the option for that says.
        (121, &[0, 10, 0, 2, 9]),
        (224, b"port=7004 quiet=1s"),
    ],
};

/// Boots the image with what each channel has, and returns what its ready line says.
fn boot(line: &str, smbios: &str, file: Option<&str>) -> Ready {
    let lock = lock_qemu();
    let directory = tempfile::tempdir().expect("a scratch directory");
    let path = directory.path().join("fathom.cfg");
    let path = path.to_str().expect("it is UTF-8");
    let smbios = format!("type=11,value=other words,value=fathom:{smbios}");
    let mut more = vec!["-smbios", &smbios];
    if let Some(file) = file {
        std::fs::write(path, file).expect("room for a file");
        more.extend(["-initrd", path]);
    }
    let machine = Machine {
        more: &more,
        ..Machine::new(line)
    };
    let mut guest = machine.start(&lock);
    dhcp::serve(&mut guest.station, MAC, &LEASE);
    guest.ready()
}

#[test]
fn of_each_argument_the_channel_that_goes_first_counts() {
    let file = "# where it is\nport=7003 # and a comment\r\n\n\tnap=1ms log=info\n\n";
    let ready = boot("port=7001", "port=7002 idle=nap", Some(file));
    assert_eq!(
        (ready.ip, ready.port),
        (Some((LEASE.address, 24).into()), 7001)
    );
    let configuration = ready.configuration;
    assert_eq!(
        configuration.sources.to_string(),
        "idle:smbios,quiet:dhcp,nap:file,log:file"
    );
    assert_eq!(configuration.gateway, Some(Ipv4Addr::new(10, 0, 2, 9)));
    assert_eq!(configuration.mtu, Some(1460));
    assert_eq!(configuration.host.expect("a name").as_str(), "echo-1");

    let ready = boot("idle=nap", "port=7002", Some(file));
    assert_eq!(ready.port, 7002);
    let ready = boot("idle=nap", "", Some(file));
    assert_eq!(ready.port, 7003);
    let ready = boot("idle=nap", "", None);
    assert_eq!(ready.port, 7004);
    assert_eq!(ready.configuration.sources.of("port"), Some(Channel::Dhcp));
}

#[test]
fn a_mistake_names_the_channel_it_came_by() {
    let lock = lock_qemu();
    let machine = Machine {
        more: &["-smbios", "type=11,value=fathom:ip=10.0.2.15/24 bogus=1"],
        ..Machine::new("ip=10.0.2.15/24")
    };
    let (status, console) = machine.start(&lock).ended();
    assert!(!status.success());
    assert!(
        console.contains("unknown boot argument \"bogus=1\" of SMBIOS type 11"),
        "{console}"
    );
}

#[test]
fn is_a_good_neighbour_though_its_gateway_is_nowhere() {
    let lock = lock_qemu();
    let line = "console=ttyS0 ip=10.0.2.15/32 gw=172.31.1.1 panic=1 quiet";
    let mut guest = Machine::new(line).start(&lock);
    let own = Ipv4Addr::new(10, 0, 2, 15);
    // The listener report first, so that switches pass on what its neighbours ask (RFC 3810).
    let report = guest.station.overhear();
    assert_eq!(report[..6], [0x33, 0x33, 0, 0, 0, 0x16], "{report:02x?}");
    // Whoever had its addresses before is forgotten at once.
    let announcement = packet::parse(&guest.station.overhear()).expect("a frame");
    assert_eq!(announcement.to, packet::BROADCAST);
    let Body::Arp(arp) = announcement.body else {
        panic!("{announcement:?}");
    };
    assert_eq!(
        (arp.sender_ipv4, arp.target_ipv4),
        (own.octets(), own.octets())
    );
    assert_eq!(arp.sender_mac, MAC);
    let advertisement = packet::parse(&guest.station.overhear()).expect("a frame");
    assert!(
        matches!(advertisement.body, Body::Icmp { kind: 136, to, .. } if to.is_multicast()),
        "{advertisement:?}"
    );

    let ready = guest.ready();
    assert_eq!(ready.configuration.ignored, 3);
    assert_eq!(ready.ip, Some((own, 32).into()));
    // The first ping of a station that it has not heard of, near and far.
    for client in ["10.0.2.77", "172.31.1.1", "198.51.100.7"] {
        let flow = guest.station.flow(client.parse().unwrap(), own.into());
        let answer = guest.station.ask(&flow.ping(1, 1, b"first"));
        assert!(
            matches!(answer.body, Body::Icmp { kind: 0, to, .. } if to == flow.from.ip()),
            "{answer:?}"
        );
        let answer = guest.station.ask(&flow.udp(&request(1, HEADER_LEN)));
        assert!(matches!(answer.body, Body::Udp { .. }), "{answer:?}");
    }
    // Somebody is about to take its address (RFC 5227 section 2.1.1).
    let probe = packet::arp_request(station::MAC, Ipv4Addr::UNSPECIFIED, own);
    let answer = guest.station.ask(&packet::arp(packet::BROADCAST, &probe));
    let Body::Arp(reply) = answer.body else {
        panic!("{answer:?}");
    };
    assert_eq!((reply.sender_ipv4, reply.sender_mac), (own.octets(), MAC));

    // DSCP and ECN of a request, and of a ping.
    let flow = guest.station.to_service();
    for mut frame in [flow.udp(&request(2, 64)), flow.ping(2, 2, b"marked")] {
        frame[15] = 0xb9;
        packet::mend_ipv4_checksum(&mut frame);
        guest.station.send(&frame);
        let answer = guest
            .station
            .receive(tests::timeouts::ANSWER)
            .expect("an answer");
        packet::parse(&answer).expect("every checksum is right");
        assert_eq!(answer[15], 0xb9);
    }
}

#[test]
fn a_short_lease_is_kept_though_its_renewals_say_little() {
    let lock = lock_qemu();
    // The guest's clock goes by its instructions, each of 32 ns.
    let machine = Machine {
        more: &["-icount", "shift=5,sleep=off"],
        ..Machine::new("ip=dhcp")
    };
    let mut guest = machine.start(&lock);
    let lease = Lease { more: &[], ..LEASE };
    dhcp::serve(&mut guest.station, MAC, &lease);
    guest.ready();
    // Beyond the end of the first lease.
    for seq in 0..2 {
        dhcp::renew(&mut guest.station, MAC, &lease);
        let far = guest
            .station
            .flow([8, 8, 8, 8].into(), lease.address.into());
        guest.station.send(&far.udp(&request(seq, 64)));
        let to = loop {
            // It may have asked again in the meantime.
            match guest.station.expect_packet().body {
                Body::Udp { from, to, .. } if from == far.to => break to,
                Body::Udp { to, .. } if to.port() == 67 => {}
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(to, far.from);
    }
}

#[test]
fn a_running_service_says_how_it_is() {
    let lock = lock_qemu();
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let host_port = socket.local_addr().expect("it is bound").port();
    drop(socket);
    let machine = Machine {
        network: Network::User {
            host_port,
            guest_port: wire::DEFAULT_PORT,
        },
        ..Machine::new("ip=10.0.2.15/24")
    };
    let mut guest = machine.start(&lock);
    let boot_id = guest.ready().boot_id;
    let call = Call::new(&format!("status 127.0.0.1:{host_port} --json"));
    let outcome = call.finish(&lock);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let status: serde_json::Value = serde_json::from_str(&outcome.stdout).expect("JSON");
    assert_eq!(status["boot_id"], boot_id);
    assert!(status["uptime_ns"].as_u64() > Some(0));
    assert_eq!(status["counters"]["replied"], 0);
    // It is no reply, and no longer than the request.
    let mut short = request(1, HEADER_LEN);
    let header = Header {
        kind: Kind::StatusRequest,
        ..Header::decode(&short).unwrap()
    };
    header.encode(&mut short).unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    socket
        .send_to(&short, ("127.0.0.1", host_port))
        .expect("sent");
    let counted = |guest: &mut tests::guest::Guest<'_>| guest.counters().dropped_short == 1;
    tests::timeouts::until(tests::timeouts::ANSWER, "a short one counted", || {
        counted(&mut guest).then_some(())
    });
    assert_eq!(guest.counters().status_replies, 1);
}
