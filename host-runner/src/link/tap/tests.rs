//! The network as the kernel has it: made, used, and gone. Needs root, as the link does.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use suite::Capability;
use wire::Mac;

use super::*;
use crate::clock;
use crate::link::ethernet::Frames;
use crate::link::ethernet::{OWN_IP, OWN_PORT};
use crate::link::frame::{Flow, MAX_FRAME, Parsed};
use crate::machine::DEFAULT_MAC;

/// Returns whether this user may make namespaces; skips the calling test if not.
#[track_caller]
fn may_make_namespaces() -> bool {
    match Namespace::new() {
        Ok(_) => true,
        Err(error) => {
            suite::skip(Capability::Tap, error);
            false
        }
    }
}

fn ready() -> wire::Ready {
    wire::Ready {
        ip: Some("10.0.2.15/24".parse().unwrap()),
        ip6: Some("fe80::15/64".parse().unwrap()),
        port: 9000,
        mac: Some(DEFAULT_MAC),
        boot_us: 0,
        boot_id: 0,
        counters: None,
        nic: None,
        configuration: wire::Configuration::default(),
    }
}

/// The Ethernet devices in `namespace`.
fn devices(namespace: &Namespace) -> Vec<String> {
    let devices = namespace.inside(netlink::ethernets).unwrap().into_iter();
    devices.map(|device| device.name).collect()
}

#[test]
fn a_namespace_is_another_network_and_this_thread_stays_in_its_own() {
    if !may_make_namespaces() {
        return;
    }
    let id = || rustix::fs::readlink("/proc/thread-self/ns/net", Vec::new());
    let before = id().unwrap();
    let namespace = Namespace::new().unwrap();
    let inside = namespace.inside(|| Ok(id()?)).unwrap();
    assert_ne!(inside, before);
    assert_eq!(id().unwrap(), before);
    assert_eq!(devices(&namespace), Vec::<String>::new());
}

#[test]
fn datagrams_go_both_ways_as_frames_and_nothing_else_is_said() {
    if !may_make_namespaces() {
        return;
    }
    for family in [Family::V4, Family::V6] {
        let tap = Tap::make(Mtu::ETHERNET).unwrap();
        let mut frames = TapFrames::new(tap.device().unwrap());
        let mut link = tap.join(&ready(), family).unwrap();
        let host = crate::link::ethernet::neighbour_of(&ready());
        let (own, peer) = crate::link::ethernet::ends(&host, &ready(), family).unwrap();
        // The service's view of it.
        let flow = Flow {
            own_mac: DEFAULT_MAC,
            peer_mac: OWN_MAC,
            own: (peer, 9000).into(),
            peer: (own, OWN_PORT).into(),
        };
        link.send(b"question").unwrap();
        let mut frame = [0; MAX_FRAME];
        let received = loop {
            let received = frames
                .receive(&mut frame, clock::patience_ns())
                .unwrap()
                .unwrap();
            // IPv6 tells routers which groups it listens to (RFC 9777), and can't be kept from it.
            let is_report = family == Family::V6 && frame[..2] == [0x33, 0x33];
            if !is_report {
                break received;
            }
        };
        let parsed = flow.parse(&frame[..received.len]);
        assert_eq!(parsed, Parsed::Datagram(b"question"), "{family:?}");
        let len = flow.build(&mut frame, b"answer").unwrap();
        frames.send(&frame[..len]).unwrap();
        let mut buffer = [0; 1500];
        let received = link
            .receive(&mut buffer, clock::patience_ns())
            .unwrap()
            .unwrap();
        assert_eq!(&buffer[..received.len], b"answer");
    }
}

#[test]
fn addresses_are_those_of_the_other_links() {
    if !may_make_namespaces() {
        return;
    }
    let link = Tap::make(Mtu::ETHERNET)
        .unwrap()
        .join(&ready(), Family::V4)
        .unwrap();
    let prefix = link._namespace.inside(|| netlink::prefix_of(OWN_IP.into()));
    assert_eq!(prefix.unwrap(), 24);
    let device = link._namespace.inside(|| netlink::named(DEVICE)).unwrap();
    assert_eq!(device.mac, OWN_MAC);
}

/// A device is gone with its namespace, and its peer with it: so whether a namespace is gone is seen at
/// the other end of a wire that leads there.
#[test]
fn a_dropped_device_is_removed() {
    if !may_make_namespaces() {
        return;
    }
    let witness = Namespace::new().unwrap();
    let link = Tap::make(Mtu::ETHERNET)
        .unwrap()
        .join(&ready(), Family::V4)
        .unwrap();
    let [here, there] = ["here", "there"].map(|name| netlink::End {
        name,
        mac: Mac::new([2, 0, 0, 0, 0, name.len() as u8]),
    });
    let inside = link._namespace.as_fd();
    witness
        .inside(|| netlink::make_pair(here, there, inside))
        .unwrap();
    assert_eq!(devices(&witness), ["here"]);
    assert_eq!(devices(&link._namespace).len(), 2);
    drop(link);
    // The kernel does it in its own time.
    let start = Instant::now();
    while !devices(&witness).is_empty() {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "it is still there"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}
