//! `fathom serve`, and those who use what it serves: `fathom probe`, and any UDP client.
#![forbid(unsafe_code)]

use std::net::{SocketAddr, UdpSocket};

use tests::fathom::{Call, Running};
use tests::patience;
use tests::station::request;
use tests::turn::{Turn, turn};
use wire::{Header, Kind};

/// A service that is up, and where.
fn serving<'t>(turn: &'t Turn, arguments: &str) -> (Running<'t>, SocketAddr) {
    let mut running = Call::serve(&format!("--accel tcg {arguments}")).start(turn);
    let greeting = running.wait_for_output("127.0.0.1:");
    let address = greeting
        .split_whitespace()
        .find_map(|word| word.trim_matches(['(', ')', ',', ';']).parse().ok());
    let address = address.unwrap_or_else(|| panic!("no address: {greeting}"));
    (running, address)
}

/// Sends `datagram` until something comes back, since UDP may lose it.
fn ask(address: SocketAddr, datagram: &[u8]) -> Vec<u8> {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(address).unwrap();
    socket
        .set_read_timeout(Some(patience::ANSWER / 10))
        .unwrap();
    let mut answer = [0; 2048];
    let len = patience::until(patience::ANSWER, "an answer", || {
        socket.send(datagram).ok()?;
        socket.recv(&mut answer).ok()
    });
    answer[..len].to_vec()
}

#[test]
fn any_client_is_answered_until_ctrl_c() {
    let turn = turn();
    let (running, address) = serving(&turn, "");
    for len in [44, 64, 1000, 1472] {
        let asked = request(len as u64, len);
        let answer = ask(address, &asked);
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
    let turn = turn();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    drop(socket);
    let arguments = format!("--host-port {port} --port 4242 --ip dhcp");
    let (running, address) = serving(&turn, &arguments);
    assert_eq!(address.port(), port);

    for load in ["--count 1000", "--mode open --rate 500 --duration 1s"] {
        let call = Call::probe(&format!("{address} --warmup 50ms {load}"));
        let results = call.finish(&turn).measured();
        assert!(results.count("received") > 0, "{:#}", results.run());
        assert_eq!(results.run()["address"], address.to_string());
        assert!(results.run()["accel"].is_null(), "nobody knows");
    }

    running.interrupt();
    let outcome = running.finish();
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
}
