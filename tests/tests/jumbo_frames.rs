//! Packets above 1500 bytes: the image's buffers for them, the links that carry them, and guests that have no room for them.
#![forbid(unsafe_code)]

use fathom::link::{LinkKind, Mtu};
use fathom::machine::AccelChoice;
use tests::boot::{boot, boot_on_mtu};
use tests::fathom::Call;
use tests::guest::Machine;
use tests::packet::Body;
use tests::qemu_lock::lock_qemu;
use tests::station::request;
use wire::{ECHO_PORT, HEADER_LEN, Header, Kind};

/// Lengths of payloads over IPv4: about the end of an Ethernet frame, and of a packet of 9000 bytes.
const PAYLOADS: [usize; 6] = [64, 1472, 1473, 4000, 8971, 8972];

/// Time for an answer, in nanoseconds: far more than one takes on a busy host.
const PATIENCE_NS: u64 = 20_000_000_000;

fn mtu(bytes: u16) -> Mtu {
    Mtu::new(bytes).unwrap()
}

/// In the least memory that the image boots in.
#[test]
fn every_service_answers_in_jumbo_frames_on_both_paths() {
    let lock = lock_qemu();
    for path in ["reflector", "smoltcp"] {
        let arguments =
            format!("ip=10.0.2.15/24 ip6=2001:db8::15/64 echo=on stamp=862 path={path}");
        let machine = Machine {
            memory_mib: 16,
            device: "virtio-net-pci,romfile=,host_mtu=9000",
            ..Machine::new(&arguments)
        };
        let mut guest = machine.start(&lock);
        assert_eq!(guest.ready().configuration.mtu, Some(9000));
        let station = &mut guest.station;
        for (flow, shorter) in [(station.to_service(), 0), (station.to_service_v6(), 20)] {
            for len in PAYLOADS.map(|len| len - shorter) {
                let what = format!("{path}, {len} bytes");
                let asked = request(len as u64, len);
                let answer = station.ask(&flow.udp(&asked));
                let Body::Udp { payload, .. } = &answer.body else {
                    panic!("{what}: {answer:?}");
                };
                let header = Header::decode(payload).unwrap();
                assert_eq!((header.kind, header.seq), (Kind::Reply, len as u64));
                assert_eq!(payload[HEADER_LEN..], asked[HEADER_LEN..], "{what}");

                let mut echo = flow;
                echo.to.set_port(ECHO_PORT);
                let answer = station.ask(&echo.udp(&asked));
                assert_eq!(answer, echo.reversed().udp_packet(&asked), "{what}");

                let mut stamp = flow;
                stamp.to.set_port(862);
                // A base packet, and padding in which no TLV begins.
                let answer = station.ask(&stamp.udp(&vec![0; len]));
                let Body::Udp { payload, .. } = &answer.body else {
                    panic!("{what}: {answer:?}");
                };
                assert_eq!(payload.len(), len, "{what}");

                // Whose header is as long as UDP's.
                station.send(&flow.ping(7, 1, &asked));
                let answers = station.settle();
                let lens: Vec<usize> = answers.iter().map(Vec::len).collect();
                assert_eq!(lens, [14 + 28 + shorter + len], "{what}");
            }
        }
        assert_eq!(guest.counters().dropped_oversize, 0, "{path}");
    }
}

/// Byte for byte, through the instrument's own links.
#[test]
fn payloads_up_to_the_mtu_come_back_on_links_of_frames() {
    let _lock = lock_qemu();
    let dir = tempfile::tempdir().unwrap();
    for link in [LinkKind::VhostUser, LinkKind::Unix] {
        let mut guest = boot_on_mtu(link, mtu(9000), AccelChoice::Tcg, dir.path(), Vec::new());
        assert_eq!(guest.machine.ready().configuration.mtu, Some(9000));
        let mut reply = vec![0; 10_000];
        for (seq, &len) in (0..).zip(PAYLOADS.iter().cycle().take(120)) {
            let asked = request(seq, len);
            guest.link.send(&asked).unwrap();
            let deadline_ns = fathom::clock::now_ns() + PATIENCE_NS;
            let received = guest.link.receive(&mut reply, deadline_ns).unwrap();
            let what = format!("{}: {len} bytes", link.name());
            let reply = &reply[..received.unwrap_or_else(|| panic!("{what}")).len];
            assert_eq!(Header::decode(reply).unwrap().seq, seq, "{what}");
            assert_eq!(reply[HEADER_LEN..], asked[HEADER_LEN..], "{what}");
        }
        assert_eq!(guest.link.take_too_long(), 0);
    }
}

/// The device drops them, and says how many; the guest goes on.
#[test]
fn frames_longer_than_the_guests_buffers_are_counted_and_do_no_harm() {
    let _lock = lock_qemu();
    let dir = tempfile::tempdir().unwrap();
    let mut guest = boot(
        LinkKind::VhostUser,
        AccelChoice::Tcg,
        dir.path(),
        Vec::new(),
    );
    assert_eq!(guest.machine.ready().configuration.mtu, None);
    let mut reply = vec![0; 10_000];
    for round in 1..=300 {
        for (seq, len) in [(1, 8972), (2, 1547), (3, 64)] {
            guest.link.send(&request(round * 10 + seq, len)).unwrap();
        }
        let deadline_ns = fathom::clock::now_ns() + PATIENCE_NS;
        let received = guest.link.receive(&mut reply, deadline_ns).unwrap();
        let header = Header::decode(&reply[..received.unwrap().len]).unwrap();
        assert_eq!(header.seq, round * 10 + 3, "the others found no room");
    }
    assert_eq!(guest.link.take_too_long(), 600);
    let counters = guest.machine.counters().unwrap();
    assert_eq!((counters.replied, counters.device_faults), (300, 0));
}

#[test]
fn a_run_measures_jumbo_frames_and_its_record_says_so() {
    let lock = lock_qemu();
    let load = "--accel tcg --count 200 --warmup 0s --timeout 20s --mtu 9000";
    for case in [
        "--link vhost-user --payload 8972 --protocol stamp",
        "--link vhost-user --payload 8952 --ipv6 --target hermit:smoltcp",
    ] {
        let call = Call::run(&format!("{load} {case}"));
        let results = call.finish(&lock).measured();
        assert_eq!(results.run()["mtu"], 9000, "{case}");
        let [sent, lost, corrupted] = ["sent", "lost", "corrupted"].map(|name| results.count(name));
        assert_eq!([sent, lost, corrupted], [200, 0, 0], "{case}");
    }
}

#[test]
fn a_payload_or_an_mtu_that_the_link_has_no_room_for_is_refused_before_the_boot() {
    let lock = lock_qemu();
    for (arguments, named) in [
        ("--mtu 9000 --payload 8973", "44 to 8972"),
        ("--mtu 9000 --payload 8953 --ipv6", "44 to 8952"),
        ("--mtu 576 --payload 549", "44 to 548"),
        ("--mtu 9217", "576 to 9216"),
        ("--mtu 9000 --link user", "1500 bytes"),
    ] {
        let outcome = Call::run(arguments).finish(&lock);
        outcome.expect_failure(2, &[named]);
    }
}
