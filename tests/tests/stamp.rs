//! STAMP (RFC 8762, RFC 8972) and TWAMP-Light both ways: the guest's reflector, `fathom probe` as sender, and
//! at the other end of each an implementation that nobody here wrote: scapy's layer (Debian's package).
#![forbid(unsafe_code)]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::UdpSocket;
use std::process::{Child, Command, Stdio};

use suite::Capability;
use tests::fathom::Call;
use tests::guest::{Guest, Machine, Network};
use tests::qemu_lock::{QemuLock, lock_qemu};
use tests::results::Results;
use tests::{artifacts, network, process, udp_client};
use wire::stamp::STAMP_PORT;

/// Debian's interpreter, whose packages are Debian's.
const PYTHON: &str = "/usr/bin/python3";

const KEY: &str = "000102030405060708090a0b0c0d0e0f";

/// Returns scapy's program in `role`, or skips the calling test.
#[track_caller]
fn scapy(role: &str, address: &str, number: &str) -> Option<Command> {
    let mut look = Command::new(PYTHON);
    look.args(["-c", "import scapy.contrib.stamp"]);
    let has_layer = look
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !has_layer {
        suite::skip(
            Capability::Scapy,
            "scapy's layer for STAMP is not installed",
        );
        return None;
    }
    let mut command = Command::new(PYTHON);
    command.arg(artifacts::root().join("tests/interop/scapy_stamp.py"));
    command.args([role, address, number]);
    process::tie_to_this_thread(&mut command, Vec::new());
    Some(command)
}

fn free_port() -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap().port()
}

/// Starts a guest whose reflector is at a port of this host's loopback address.
fn start<'t>(arguments: &str, lock: &'t QemuLock) -> (Guest<'t>, String) {
    let host_port = free_port();
    let machine = Machine {
        network: Network::User {
            host_port,
            guest_port: STAMP_PORT,
        },
        ..Machine::new(arguments)
    };
    let mut guest = machine.start(lock);
    let _ = guest.ready();
    (guest, format!("127.0.0.1:{host_port}"))
}

/// Probes `address` with 50 requests, all of which are answered.
fn probed(address: &str, arguments: &str, lock: &QemuLock) -> (Results, String) {
    let line = format!("{address} --count 50 --warmup 0s --timeout 20s {arguments}");
    let outcome = Call::probe(&line).finish(lock);
    let results = outcome.measured();
    assert_eq!(
        (results.count("sent"), results.count("received")),
        (50, 50),
        "{arguments}"
    );
    assert_eq!(results.count("corrupted"), 0, "{arguments}");
    (results, outcome.stdout.clone())
}

#[test]
fn the_guest_answers_senders_of_both_protocols() {
    let lock = lock_qemu();
    let (mut guest, address) = start("ip=10.0.2.15/24 gw=10.0.2.2", &lock);
    for (arguments, protocol) in [
        ("--protocol stamp --payload 44", "stamp"),
        ("--protocol stamp --payload 1472 --dscp EF", "stamp"),
        ("--protocol twamp-light --payload 100", "twamp-light"),
    ] {
        let (results, stdout) = probed(&address, arguments, &lock);
        let run = results.run();
        assert_eq!(run["protocol"], protocol);
        assert!(stdout.contains(&format!("protocol {protocol}")), "{stdout}");
        assert!(run["service_ns"]["p50"].is_number(), "{run:#}");
        assert!(run["path_ns"]["p50"].is_number(), "{run:#}");
    }
    let answered = guest.counters().stamp_replies;
    assert!(answered >= 153, "{answered}");
    if let Some(mut scapy) = scapy("sender", "127.0.0.1", &address[10..]) {
        assert!(scapy.status().unwrap().success());
        assert_eq!(guest.counters().stamp_replies, answered + 6);
    }
}

#[test]
fn the_guest_answers_authenticated_senders_alone() {
    let lock = lock_qemu();
    let arguments = format!("ip=10.0.2.15/24 gw=10.0.2.2 stamp-key={KEY}");
    let (mut guest, address) = start(&arguments, &lock);
    let place = tempfile::tempdir().unwrap();
    let [right, wrong] = ["right", "wrong"].map(|name| place.path().join(name));
    fs::write(&right, format!("{KEY}\n")).unwrap();
    fs::write(&wrong, KEY.replace('0', "1")).unwrap();
    let options = "--protocol stamp --payload 112 --stamp-key";
    let (results, _) = probed(&address, &format!("{options} {}", right.display()), &lock);
    assert!(results.run()["service_ns"]["p50"].is_number());
    let answered = guest.counters().stamp_replies;
    // A key of somebody else's, and none.
    let keyless = "--protocol stamp --payload 112".to_owned();
    for options in [format!("{options} {}", wrong.display()), keyless] {
        let line = format!("{address} --count 5 --warmup 0s --timeout 100ms {options}");
        let outcome = Call::probe(&line).finish(&lock);
        let results = outcome.results();
        assert_eq!(
            (results.count("received"), results.count("lost")),
            (0, 5),
            "{options}"
        );
    }
    let counters = guest.counters();
    assert_eq!(counters.stamp_replies, answered);
    assert_eq!((counters.stamp_forged, counters.stamp_replayed), (20, 0));
    // Once more, whatever was answered before.
    let packet = wire_packet();
    let service = address.parse().unwrap();
    let reply = udp_client::exchange(service, &packet);
    assert_eq!((reply.len(), &reply[48..52]), (112, &[0, 0, 0, 9][..]));
}

/// An authenticated packet with the number 9.
fn wire_packet() -> Vec<u8> {
    use wire::stamp::packet::{AUTHENTICATED_HMAC, AUTHENTICATED_TEXT};
    let mut packet = vec![0; 112];
    packet[3] = 9;
    packet[24..26].copy_from_slice(&[0x3f, 2]);
    let key = wire::stamp::Key::new(&KEY.parse().unwrap());
    let tag = key.sign(&[&packet[AUTHENTICATED_TEXT]]);
    packet[AUTHENTICATED_HMAC].copy_from_slice(&tag);
    packet
}

/// A reflector of scapy's, until it is dropped.
struct Reflector {
    child: Child,
    address: String,
}

impl Drop for Reflector {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_reflector_of_scapys_is_probed() {
    let Some(mut scapy) = scapy("reflector", "127.0.0.1", "1000000") else {
        return;
    };
    let lock = lock_qemu();
    let mut child = scapy.stdout(Stdio::piped()).spawn().unwrap();
    let mut port = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut port).unwrap();
    let mut reflector = Reflector {
        child,
        address: format!("127.0.0.1:{}", port.trim()),
    };
    for payload in [44, 64, 1000] {
        let options = format!("--protocol stamp --payload {payload}");
        let (results, _) = probed(&reflector.address, &options, &lock);
        assert!(results.run()["service_ns"]["p50"].is_number());
    }
    assert!(
        reflector.child.try_wait().unwrap().is_none(),
        "it found a fault"
    );
}

#[test]
fn a_port_without_the_service_is_silent() {
    let lock = lock_qemu();
    let (mut guest, address) = start("ip=10.0.2.15/24 gw=10.0.2.2 stamp=off", &lock);
    let line =
        format!("{address} --count 2 --warmup 0s --timeout 100ms --protocol stamp --payload 44");
    let outcome = Call::probe(&line).finish(&lock);
    assert_eq!(outcome.results().count("lost"), 2);
    assert_eq!(guest.counters().stamp_replies, 0);
}

/// Calls of `fathom run` whose requests are of another protocol than Fathom's own.
fn run(arguments: &str, lock: &QemuLock) -> (Results, String) {
    let call = Call::new(&format!(
        "run --accel tcg --count 200 --warmup 0s --timeout 5s --quiet 0ms {arguments}"
    ));
    let out = call.file("out");
    let outcome = call.with("--out", out).finish(lock);
    let results = outcome.measured();
    let counts = ["sent", "received", "corrupted", "foreign"].map(|name| results.count(name));
    assert_eq!(counts, [200, 200, 0, 0], "{arguments}");
    (results, outcome.stdout.clone())
}

#[test]
fn every_system_reflects_test_packets_on_its_links() {
    let lock = lock_qemu();
    let place = tempfile::tempdir().unwrap();
    let key = place.path().join("key");
    fs::write(&key, KEY).unwrap();
    let authenticated = format!("--payload 112 --stamp-key {}", key.display());
    for arguments in [
        "--target hermit --ipv6 --payload 64 --dscp EF",
        &format!("--target hermit --link unix {authenticated}"),
        &format!("--target linux-guest {authenticated} --dscp 10"),
        "--target null --payload 44 --dscp EF",
    ] {
        let (results, stdout) = run(&format!("--protocol stamp {arguments}"), &lock);
        let run = results.run();
        assert_eq!(run["protocol"], "stamp", "{arguments}");
        assert!(run["service_ns"]["p50"].is_number(), "{arguments}");
        assert!(stdout.contains("protocol stamp"), "{stdout}");
        let has_class = arguments.contains("--dscp");
        assert_eq!(run["dscp"].is_number(), has_class, "{arguments}");
        if arguments.contains("hermit") {
            let answered = &run["guest_counters"]["stamp_replies"];
            assert_eq!(*answered, 200, "{run:#}");
        }
    }
    let (results, _) = run("--target hermit --protocol echo", &lock);
    assert!(results.run()["service_ns"].is_null());
}

/// Returns the class of each IPv4 packet of UDP in a capture, with its source port.
fn classes(pcap: &[u8]) -> Vec<(u8, u16)> {
    let mut rest = &pcap[24..];
    let mut classes = Vec::new();
    while let Some((header, after)) = rest.split_first_chunk::<16>() {
        let len = u32::from_le_bytes([header[8], header[9], header[10], header[11]]);
        let (frame, next) = after.split_at(len as usize);
        if frame[12..14] == [8, 0] && frame[23] == 17 {
            classes.push((frame[15], u16::from_be_bytes([frame[34], frame[35]])));
        }
        rest = next;
    }
    classes
}

#[test]
fn a_class_is_on_the_wire_both_ways() {
    let lock = lock_qemu();
    let place = tempfile::tempdir().unwrap();
    for (link, protocol, port) in [
        ("unix", "fathom", 9000),
        ("vhost-user", "stamp", STAMP_PORT),
    ] {
        let pcap = place.path().join(link);
        let path = pcap.display();
        let _ = run(
            &format!("--link {link} --protocol {protocol} --dscp AF41 --pcap {path}"),
            &lock,
        );
        let classes = classes(&fs::read(&pcap).unwrap());
        let of = |is_reply| {
            let of_port = |&&(_, from): &&(u8, u16)| (from == port) == is_reply;
            classes.iter().filter(of_port).count()
        };
        assert_eq!((of(false), of(true)), (200, 200), "{link}");
        let has_it = |&(class, _): &(u8, u16)| class == 34 << 2;
        assert!(classes.iter().all(has_it), "{classes:?}");
    }
}

#[test]
fn a_class_on_a_tap_device_is_the_sockets() {
    if !network::is_root() {
        return;
    }
    let lock = lock_qemu();
    for target in ["hermit", "linux-host"] {
        let (results, _) = run(
            &format!("--target {target} --link tap --protocol stamp --payload 44 --dscp EF"),
            &lock,
        );
        assert_eq!(results.run()["dscp"], 46, "{target}");
    }
}
