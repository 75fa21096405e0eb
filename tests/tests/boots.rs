//! The image on every machine it promises to run on, and its refusals: QEMU is started by the test
//! itself. That a refusal comes within a bound is looked at; how soon is not.
#![forbid(unsafe_code)]

use std::net::{Ipv4Addr, UdpSocket};

use tests::dhcp::{self, Lease};
use tests::guest::{self, MAC, Machine, Network};
use tests::packet::Body;
use tests::qemu_lock::lock_qemu;
use tests::station::request;
use tests::timeouts;
use wire::{HEADER_LEN, Header, Kind};

const STATIC: &str = "ip=10.0.2.15/24 gw=10.0.2.2 ip6=2001:db8::15/64";

/// A UDP port of 127.0.0.1 that was free a moment ago.
fn free_port() -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    socket.local_addr().expect("it is bound").port()
}

/// Asks the service behind `port` of 127.0.0.1 with an ordinary socket, and again if a datagram is
/// lost on the way, which UDP may do.
fn ask_by_socket(port: u16, seq: u64, len: usize) -> Header {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    socket.connect(("127.0.0.1", port)).expect("an address");
    let patience = Some(timeouts::ANSWER / 10);
    socket.set_read_timeout(patience).expect("it is not zero");
    let asked = request(seq, len);
    let mut answer = [0; 2048];
    let len = timeouts::until(timeouts::ANSWER, "an answer", || {
        socket.send(&asked).ok()?;
        socket.recv(&mut answer).ok()
    });
    assert_eq!(answer[HEADER_LEN..len], asked[HEADER_LEN..]);
    let header = Header::decode(&answer[..len]).expect("a reply");
    assert_eq!((header.kind, header.seq), (Kind::Reply, seq));
    header
}

#[test]
fn boots_on_every_board_processor_and_size_of_memory() {
    let lock = lock_qemu();
    for board in ["pc", "q35"] {
        for cpu in ["qemu64", "max"] {
            for memory_mib in [32, 1024] {
                let machine = Machine {
                    board,
                    cpu,
                    memory_mib,
                    ..Machine::new(STATIC)
                };
                println!("{machine:?}");
                let mut guest = machine.start(&lock);
                guest.ready();
                for flow in [guest.station.to_service(), guest.station.to_service_v6()] {
                    guest.station.ask_service(&flow, 1, 1000);
                }
            }
        }
    }
}

#[test]
fn sockets_reach_a_static_address_through_the_user_network() {
    let lock = lock_qemu();
    let host_port = free_port();
    let machine = Machine {
        network: Network::User {
            host_port,
            guest_port: 4242,
        },
        ..Machine::new("ip=10.0.2.15/24 gw=10.0.2.2 port=4242")
    };
    let mut guest = machine.start(&lock);
    let boot_id = guest.ready().boot_id;
    for (seq, len) in [44, 45, 512, 1472].into_iter().enumerate() {
        assert_eq!(ask_by_socket(host_port, seq as u64, len).boot_id, boot_id);
    }
    assert_eq!(guest.counters().dropped_magic, 0);
}

#[test]
fn sockets_reach_the_address_that_the_user_network_gives() {
    let lock = lock_qemu();
    let host_port = free_port();
    let machine = Machine {
        network: Network::User {
            host_port,
            guest_port: wire::DEFAULT_PORT,
        },
        ..Machine::new("ip=dhcp")
    };
    let mut guest = machine.start(&lock);
    assert_eq!(
        guest.ready().ip,
        Some((Ipv4Addr::new(10, 0, 2, 15), 24).into())
    );
    ask_by_socket(host_port, 1, 64);
}

#[test]
fn takes_the_lease_that_it_is_offered() {
    let lock = lock_qemu();
    let mut guest = Machine::new("ip=dhcp").start(&lock);
    let lease = Lease {
        address: Ipv4Addr::new(192, 168, 77, 33),
        mask: Ipv4Addr::new(255, 255, 240, 0),
        router: Ipv4Addr::new(192, 168, 64, 1),
        server: Ipv4Addr::new(192, 168, 64, 1),
        lease_s: 3600,
        more: &[],
    };
    guest.station.ip4 = lease.server;
    let asked = dhcp::serve(&mut guest.station, MAC, &lease);
    assert_eq!(asked.last(), Some(&3), "{asked:?}");
    assert_eq!(guest.ready().ip, Some((lease.address, 20).into()));

    let flow = guest.station.to_service();
    let answer = guest.station.ask(&flow.udp(&request(1, 64)));
    assert!(
        matches!(answer.body, Body::Udp { to, .. } if to == flow.from),
        "{answer:?}"
    );
    // From beyond the subnet, so through the router that the lease names.
    let far = guest
        .station
        .flow([8, 8, 8, 8].into(), lease.address.into());
    let answer = guest.station.ask(&far.ping(1, 1, b"far"));
    assert!(
        matches!(answer.body, Body::Icmp { to, .. } if to == far.from.ip()),
        "{answer:?}"
    );
}

/// Boots `machine`, which must refuse to serve and end QEMU: returns the reason that it prints.
fn refusal(machine: &Machine<'_>) -> String {
    guest::refusal(machine, &lock_qemu())
}

#[test]
fn an_argument_that_it_does_not_take_is_named() {
    for bad in [
        "bogus=1",
        "consol=ttyS0",
        "ip=10.0.2.300/24",
        "ip=10.0.2.15",
        "ip=10.0.2.15/33",
        "ip=224.0.0.1/4",
        "gw=banana",
        "gw=10.0.2.15",
        "ip6=fe80::zz/64",
        "ip6=2001:db8::15/129",
        "port=0",
        "port=70000",
        "idle=doze",
        "log=loud",
    ] {
        let arguments = if bad.starts_with("ip=") {
            bad.to_owned()
        } else {
            format!("ip=10.0.2.15/24 {bad}")
        };
        let reason = refusal(&Machine::new(&arguments));
        assert!(reason.contains(bad), "{bad}: {reason}");
    }
    let reason = refusal(&Machine::new("port=1 port=1 ip=10.0.2.15/24"));
    assert!(reason.contains("port=1"), "{reason}");
}

#[test]
fn a_machine_without_network_device_is_refused() {
    let machine = Machine {
        network: Network::None,
        ..Machine::new(STATIC)
    };
    let reason = refusal(&machine);
    assert!(reason.contains("network device"), "{reason}");
}

#[test]
fn a_network_without_dhcp_server_is_refused() {
    // The guest's clock goes by its instructions, each of 32 ns: it need not wait, and a busy host
    // does not make it wrong about how long it has.
    let machine = Machine {
        more: &["-icount", "shift=5,sleep=off"],
        ..Machine::new("ip=dhcp")
    };
    let reason = refusal(&machine);
    assert!(reason.contains("DHCP"), "{reason}");
}

#[test]
fn too_little_memory_is_refused() {
    for memory_mib in [4, 8, 12] {
        let machine = Machine {
            memory_mib,
            ..Machine::new(STATIC)
        };
        let reason = refusal(&machine);
        assert!(reason.contains("memory"), "{memory_mib} MiB: {reason}");
    }
}

#[test]
fn long_arguments_are_refused_like_short_ones() {
    // QEMU's own limit is a page: its PVH loader does not check for more.
    for len in [100, 1000, 3000, 4000] {
        let long = format!("{STATIC} nonsense={}", "x".repeat(len));
        let reason = refusal(&Machine::new(&long));
        assert!(
            reason.contains("nonsense") || reason.contains("too long"),
            "{len}: {reason}"
        );
    }
}

#[test]
fn a_processor_exception_ends_the_machine_and_is_told() {
    let lock = lock_qemu();
    let mut guest = Machine::new(STATIC).start(&lock);
    guest.ready();
    guest.monitor().crash_guest();
    let (status, console) = guest.ended();
    assert_ne!(status.code(), Some(0), "{console}");
    let line = console.lines().find(|line| line.contains("[PANIC]"));
    let line = line.unwrap_or_else(|| panic!("{console}"));
    assert!(line.contains("processor exception "), "{line}");
    assert!(line.contains(" at 0x"), "{line}");
}
