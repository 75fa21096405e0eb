//! `fathom serve`, and those who use what it serves: `fathom probe`, and any UDP client.
#![forbid(unsafe_code)]

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use rustix::process::Signal;
use tests::fathom::{Call, Running};
use tests::qemu_lock::{QemuLock, lock_qemu};
use tests::station::request;
use tests::udp_client::exchange;
use wire::{Header, Kind};

/// A service that is up, and where.
fn serving<'t>(lock: &'t QemuLock, arguments: &str) -> (Running<'t>, SocketAddr) {
    let mut running = Call::serve(&format!("--accel tcg {arguments}")).start(lock);
    let address = running.serving_on();
    (running, address)
}

#[test]
fn any_client_is_answered_until_ctrl_c() {
    let lock = lock_qemu();
    let (running, address) = serving(&lock, "");
    for len in [44, 64, 1000, 1472] {
        let asked = request(len as u64, len);
        let answer = exchange(address, &asked);
        assert_eq!(answer.len(), len);
        let header = Header::decode(&answer).unwrap();
        assert_eq!((header.kind, header.seq), (Kind::Reply, len as u64));
        assert_eq!(answer[wire::HEADER_LEN..], asked[wire::HEADER_LEN..]);
    }
    running.interrupt();
    let outcome = running.finish();
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    assert!(outcome.stdout.contains("replied"), "{outcome:#?}");
}

#[test]
fn probe_measures_what_serve_serves() {
    let lock = lock_qemu();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    drop(socket);
    let arguments = format!("--host-port {port} --port 4242 --ip dhcp");
    let (running, address) = serving(&lock, &arguments);
    assert_eq!(address.port(), port);

    for load in ["--count 1000", "--mode open --rate 500 --duration 1s"] {
        let call = Call::probe(&format!("{address} --warmup 50ms {load}"));
        let results = call.finish(&lock).measured();
        assert!(results.count("received") > 0, "{:#}", results.run());
        assert_eq!(results.run()["address"], address.to_string());
        assert!(results.run()["accel"].is_null(), "nobody knows");
    }

    running.interrupt();
    let outcome = running.finish();
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
}

/// Kills QEMU, and waits until `fathom` has noticed.
fn kill_qemu(running: &mut Running<'_>, said: &str) {
    let qemu = running.qemu();
    qemu.signal(Signal::KILL);
    running.wait_for_error(said);
}

#[test]
fn a_guest_that_dies_is_started_again_where_it_was() {
    let lock = lock_qemu();
    let (mut running, address) = serving(&lock, "--restart");
    let boot_id = |answer: &[u8]| Header::decode(answer).expect("a reply").boot_id;
    let first = boot_id(&exchange(address, &request(1, 64)));
    kill_qemu(&mut running, "starting it again in 1 s");
    // Nobody listens until then, and afterwards another guest does.
    let second = boot_id(&exchange(address, &request(2, 64)));
    assert_ne!(first, second);
    // It did not serve for a minute. And Ctrl-C while nothing runs is an end like any other.
    kill_qemu(&mut running, "starting it again in 2 s");
    running.interrupt();
    let outcome = running.finish();
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    let greetings = outcome.stdout.matches("serving on ").count();
    assert_eq!(greetings, 2, "{outcome:#?}");
    assert!(outcome.stdout.contains(&format!("serving on {address} ")));
}

#[test]
fn without_restart_the_death_of_the_guest_is_the_end() {
    let lock = lock_qemu();
    let (mut running, _) = serving(&lock, "");
    running.qemu().signal(Signal::KILL);
    running.finish().expect_failure(1, &["QEMU ended"]);
}

#[test]
fn a_guest_that_never_came_up_is_not_started_again() {
    let lock = lock_qemu();
    let call = Call::serve("--accel tcg --restart --memory 8");
    call.finish(&lock).expect_failure(1, &["memory"]);
    let call = Call::serve("--restart --pcap frames.pcap");
    call.finish(&lock).expect_failure(2, &["--pcap"]);
}

#[test]
fn the_port_is_bound_to_the_address_that_was_asked_for() {
    let lock = lock_qemu();
    // All of 127.0.0.0/8 is this host (RFC 1122 section 3.2.1.3).
    let (running, address) = serving(&lock, "--host-addr 127.0.0.2");
    assert_eq!(address.ip(), Ipv4Addr::new(127, 0, 0, 2));
    let answer = exchange(address, &request(1, 64));
    assert_eq!(Header::decode(&answer).expect("a reply").kind, Kind::Reply);
    // The port of the other address is free.
    drop(UdpSocket::bind(("127.0.0.1", address.port())).expect("nobody has it"));
    running.interrupt();
    assert_eq!(running.finish().code, Some(0));

    // RFC 5737: nobody's.
    let call = Call::serve("--accel tcg --host-addr 192.0.2.1");
    call.finish(&lock)
        .expect_failure(2, &["192.0.2.1", "--host-addr"]);
}
