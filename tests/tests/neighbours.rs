//! A machine that comes back with another network device, and a peer on its link that knew the old one: this
//! kernel, in a network namespace that the test makes, with the service's addresses in its neighbour caches.
//! Needs root.
#![forbid(unsafe_code)]

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use fathom::link::tap::{Namespace, tap_device};
use tests::guest::{Machine, Network};
use tests::packet::Mac;
use tests::qemu_lock::lock_qemu;
use tests::station::request;
use tests::{network, timeouts};
use wire::{Header, Kind};

const ARGUMENTS: &str = "ip=10.0.2.15/24 ip6=2001:db8::15/64";
const SERVICE: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(10, 0, 2, 15)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x15)),
];

const PEER: [(IpAddr, u8); 2] = [
    (IpAddr::V4(Ipv4Addr::new(10, 0, 2, 2)), 24),
    (
        IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2)),
        64,
    ),
];

const OLD_MAC: Mac = [0x52, 0x54, 0x00, 0x00, 0x00, 0x0a];
const NEW_MAC: Mac = [0x52, 0x54, 0x00, 0x00, 0x00, 0x0b];

/// Time that the peer waits for an answer where it may ask again.
const RETRY: Duration = Duration::from_millis(200);

/// The kernel's end of a tap device, in a namespace with nothing else.
struct Peer {
    namespace: Namespace,
    device: OwnedFd,
    index: u32,
    /// One for each of the service's addresses.
    sockets: [UdpSocket; 2],
}

impl Peer {
    fn make() -> io::Result<Self> {
        let namespace = Namespace::new()?;
        let device = namespace.inside(tap_device::open)?;
        tap_device::make(&device, "tap0")?;
        let (index, sockets) = namespace.inside(|| {
            let index = netlink::named("tap0")?.index;
            netlink::no_ipv6_of_its_own(index)?;
            netlink::up(index)?;
            let mut bound = Vec::new();
            for (address, prefix) in PEER {
                netlink::add_address(index, address, prefix)?;
                bound.push(UdpSocket::bind((address, 0))?);
            }
            Ok((index, <[UdpSocket; 2]>::try_from(bound).expect("two")))
        })?;
        for (socket, address) in sockets.iter().zip(SERVICE) {
            socket.connect(SocketAddr::new(address, wire::DEFAULT_PORT))?;
        }
        Ok(Self {
            namespace,
            device,
            index,
            sockets,
        })
    }

    /// Returns the entries of the neighbour caches for the service's addresses.
    fn known(&self) -> [Option<Mac>; 2] {
        SERVICE.map(|address| {
            let ask = || netlink::neighbour(self.index, address);
            let found = self.namespace.inside(ask).expect("the kernel answers");
            found.map(wire::Mac::octets)
        })
    }

    /// Sends one request from each socket; returns whether both are answered within `patience`.
    fn ask(&self, seq: u64, patience: Duration) -> bool {
        self.sockets.iter().all(|socket| {
            socket.set_read_timeout(Some(patience)).expect("not zero");
            socket.send(&request(seq, 100)).expect("it is sent");
            let mut reply = [0; 2048];
            // An earlier request's reply may come first.
            std::iter::from_fn(|| {
                socket
                    .recv(&mut reply)
                    .ok()
                    .map(|len| reply[..len].to_vec())
            })
            .map(|reply| Header::decode(&reply).expect("a reply"))
            .any(|header| (header.kind, header.seq) == (Kind::Reply, seq))
        })
    }
}

#[test]
fn a_machine_with_a_new_mac_is_reached_at_once_by_a_peer_that_had_the_old_one() {
    if !network::is_root() {
        return;
    }
    let lock = lock_qemu();
    let peer = Peer::make().expect("root may");
    let machine = Machine {
        network: Network::Tap(peer.device.as_fd()),
        mac: OLD_MAC,
        ..Machine::new(ARGUMENTS)
    };
    let mut old = machine.start(&lock);
    old.ready();
    let mut seq = 0;
    timeouts::until(timeouts::BOOT, "the peer to find the service", || {
        seq += 1;
        peer.ask(seq, RETRY).then_some(())
    });
    assert_eq!(peer.known(), [Some(OLD_MAC); 2]);
    drop(old);
    assert_eq!(
        peer.known(),
        [Some(OLD_MAC); 2],
        "the peer's link was never down"
    );

    let machine = Machine {
        mac: NEW_MAC,
        ..machine
    };
    let mut new = machine.start(&lock);
    new.ready();
    // QEMU hands frames on in a time of its own. The peer sends nothing meanwhile, so that what it learns it was
    // told unasked.
    timeouts::until(
        timeouts::ANSWER,
        "the peer to hear of the new address",
        || (peer.known() == [Some(NEW_MAC); 2]).then_some(()),
    );
    assert!(peer.ask(seq + 1, timeouts::ANSWER), "the first is answered");
}
