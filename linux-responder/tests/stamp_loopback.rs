//! The built responder's reflector, over loopback.
#![forbid(unsafe_code)]

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::net::sockopt;
use rustix::process::{Pid, Signal, kill_process};
use wire::stamp::packet::{Packet, UNAUTHENTICATED};
use wire::stamp::{ErrorEstimate, Format};

/// Bounds a test that would hang; no statement about speed.
const PATIENCE: Duration = Duration::from_secs(20);

struct Responder {
    child: Child,
    stdout: BufReader<std::process::ChildStdout>,
    stamp: SocketAddr,
}

impl Responder {
    fn start(address: &str, options: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fathom-responder"));
        command
            .args(["--listen", address, "--stamp", address])
            .args(options);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let stamp = line.trim().strip_prefix("FATHOM STAMP ");
        let stamp = stamp.unwrap_or_else(|| panic!("{line}")).parse().unwrap();
        Self {
            child,
            stdout,
            stamp,
        }
    }

    fn client(&self) -> UdpSocket {
        let any = if self.stamp.is_ipv4() {
            "127.0.0.1:0"
        } else {
            "[::1]:0"
        };
        let socket = UdpSocket::bind(any).unwrap();
        socket.connect(self.stamp).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket
    }

    /// Ends it: the line with its counters.
    fn counters(mut self) -> String {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        assert!(self.child.wait().unwrap().success());
        let mut lines = std::iter::from_fn(|| {
            let mut line = String::new();
            let len = self.stdout.read_line(&mut line).unwrap();
            (len > 0).then_some(line)
        });
        lines
            .find(|line| line.starts_with("FATHOM COUNTERS"))
            .unwrap()
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn request(sequence: u8) -> [u8; 44] {
    let mut request = [0; 44];
    request[3] = sequence;
    request[4..14].copy_from_slice(&[0xe8, 0, 0, 0, 0, 0, 0, sequence, 0x3f, 2]);
    request
}

#[test]
fn replies_have_the_date_and_the_time_to_live_of_what_they_answer() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        if address.starts_with('[') && UdpSocket::bind(address).is_err() {
            suite::skip(suite::Capability::Ipv6, "no IPv6 on loopback");
            continue;
        }
        let responder = Responder::start(address, &[]);
        let client = responder.client();
        if address.starts_with('[') {
            sockopt::set_ipv6_unicast_hops(&client, Some(33)).unwrap();
        } else {
            sockopt::set_ip_ttl(&client, 33).unwrap();
        }
        client.send(&request(7)).unwrap();
        let mut reply = [0; 100];
        let len = client.recv(&mut reply).unwrap();
        assert_eq!(len, 44, "{address}");
        let reply = Packet::new(&reply[..len], &UNAUTHENTICATED).unwrap();
        assert_eq!((reply.sequence(), reply.sender_sequence()), (7, 7));
        assert_eq!(reply.sender_ttl(), 33, "{address}");
        assert_eq!(reply.sender_error_estimate(), ErrorEstimate(0x3f02));
        assert_eq!(reply.error_estimate().format(), Format::Ntp);
        // After 2020, by NTP's count.
        assert!(reply.receive_timestamp() >> 32 > 3_786_825_600, "{address}");
        assert!(reply.receive_timestamp() <= reply.timestamp(), "{address}");
        // A reply is none of its requests.
        client.send(&request(8)[..40]).unwrap();
        client.send(&request(9)).unwrap();
        let mut reply = [0; 100];
        let len = client.recv(&mut reply).unwrap();
        assert_eq!((len, reply[3]), (44, 9), "the short one is dropped");
        client.send(&reply[..len]).unwrap();
        client.send(&request(10)).unwrap();
        let len = client.recv(&mut reply).unwrap();
        assert_eq!((len, reply[3]), (44, 10), "the reply is dropped");
        let counters = responder.counters();
        for count in [
            "stamp_replies=3",
            "dropped_short=1",
            "dropped_not_a_request=1",
        ] {
            assert!(
                counters.contains(&format!(" {count} "))
                    || counters.contains(&format!(" {count}\n")),
                "{counters}"
            );
        }
    }
}

#[test]
fn a_stateful_reflector_counts_from_zero() {
    let responder = Responder::start("127.0.0.1:0", &["--stamp-mode", "stateful"]);
    let client = responder.client();
    for number in 0..3 {
        client.send(&request(100)).unwrap();
        let mut reply = [0; 100];
        let len = client.recv(&mut reply).unwrap();
        assert_eq!((len, reply[3], reply[27]), (44, number, 100));
    }
}

#[test]
fn the_reflector_obeys_the_limits() {
    for (limit, counts) in [
        (["--rate", "1"], ["stamp_replies=8", "dropped_rate=1"]),
        (
            ["--rate-all", "1"],
            ["stamp_replies=8", "dropped_rate_all=1"],
        ),
        (
            ["--allow", "10.0.0.0/8"],
            ["stamp_replies=0", "dropped_not_allowed=9"],
        ),
    ] {
        let responder = Responder::start("127.0.0.1:0", &limit);
        let client = responder.client();
        let mut reply = [0; 100];
        let answered = !counts.contains(&"stamp_replies=0");
        for sequence in 0..9 {
            client.send(&request(sequence)).unwrap();
            // Full buckets hold eight.
            if answered && sequence < 8 {
                assert_eq!(client.recv(&mut reply).unwrap(), 44, "{limit:?}");
            }
        }
        // Time for the last to be counted.
        std::thread::sleep(Duration::from_millis(200));
        let counters = responder.counters();
        for count in counts {
            assert!(
                counters.split_whitespace().any(|counter| counter == count),
                "{count}: {counters}"
            );
        }
    }
}

#[test]
fn without_the_right_key_there_is_no_reply() {
    let key = std::env::temp_dir().join(format!("stamp-key-{}", std::process::id()));
    std::fs::write(&key, "000102030405060708090a0b0c0d0e0f\n").unwrap();
    let responder = Responder::start("127.0.0.1:0", &["--stamp-key", key.to_str().unwrap()]);
    std::fs::remove_file(&key).unwrap();
    let client = responder.client();
    let secret = wire::stamp::Secret::new(&core::array::from_fn::<u8, 16, _>(|at| at as u8));
    let key = wire::stamp::Key::new(&secret.unwrap());
    let signed = |sequence: u8| {
        let mut packet = [0; 112];
        (packet[3], packet[23]) = (sequence, sequence);
        packet[24..26].copy_from_slice(&[0x3f, 2]);
        let tag = key.sign(&[&packet[..96]]);
        packet[96..].copy_from_slice(&tag);
        packet
    };
    client
        .send(&[signed(1)[..96].to_vec(), vec![7; 16]].concat())
        .unwrap();
    // The second is a copy.
    for sequence in [1, 1, 2] {
        client.send(&signed(sequence)).unwrap();
    }
    let mut reply = [0; 200];
    for number in 0..2 {
        assert_eq!(client.recv(&mut reply).unwrap(), 112);
        assert_eq!((reply[3], reply[51]), (number, number + 1));
    }
    let counters = responder.counters();
    for count in ["stamp_replies=2", "stamp_forged=1", "stamp_replayed=1"] {
        assert!(counters.contains(&format!(" {count}")), "{counters}");
    }
}

/// Bit of the one capability that is left, CAP_IPC_LOCK (capabilities(7)).
const IPC_LOCK: u64 = 1 << 14;

#[test]
fn no_thread_has_privileges_left_when_it_serves() {
    let mut responder = Responder::start("127.0.0.1:0", &[]);
    // The ready line: by then all threads are there.
    responder.stdout.read_line(&mut String::new()).unwrap();
    let threads = format!("/proc/{}/task", responder.child.id());
    let mut seen = 0;
    for thread in std::fs::read_dir(threads).unwrap() {
        let status = std::fs::read_to_string(thread.unwrap().path().join("status")).unwrap();
        assert!(status.contains("\nNoNewPrivs:\t1\n"), "{status}");
        for name in ["CapPrm:\t", "CapEff:\t"] {
            let value = status.lines().find_map(|line| line.strip_prefix(name));
            let capabilities = u64::from_str_radix(value.unwrap(), 16).unwrap();
            assert_eq!(capabilities & !IPC_LOCK, 0, "{status}");
        }
        seen += 1;
    }
    assert_eq!(seen, 3, "two serve, one waits for signals");
}
