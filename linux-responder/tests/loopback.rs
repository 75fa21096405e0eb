//! The built responder as a process, over loopback: every mode answers what is to be answered,
//! drops what is to be dropped, and counts both.
#![forbid(unsafe_code)]

use std::io::{BufRead, BufReader, Read};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use suite::Capability;
use wire::ready::FATAL_PREFIX;
use wire::{HEADER_LEN, Header, Kind, Mode, Ready};

/// Bounds a test that would hang; no statement about speed.
const PATIENCE: Duration = Duration::from_secs(20);

fn command(arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fathom-responder"));
    command.args(arguments.split_whitespace());
    command
}

fn output(arguments: &str) -> Output {
    command(arguments).output().unwrap()
}

/// A responder that serves. Dropped, it is killed.
struct Responder {
    child: Child,
    stdout: BufReader<ChildStdout>,
    ready: Ready,
}

impl Responder {
    /// Starts it on `address`; `None`, and the calling test is skipped, if the kernel does not do
    /// `mode`, which it must say itself.
    #[track_caller]
    fn start(mode: Mode, address: &str) -> Option<Self> {
        let arguments = format!("--mode {} --listen {address}", mode.name());
        let mut child = command(&arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        if mode == Mode::IoUring && line.starts_with(FATAL_PREFIX) {
            assert!(line.contains("does not do mode io_uring"), "{line}");
            child.wait().unwrap();
            suite::skip(Capability::IoUring, line);
            return None;
        }
        let ready = line
            .parse()
            .unwrap_or_else(|error| panic!("{line}: {error}"));
        Some(Self {
            child,
            stdout,
            ready,
        })
    }

    fn client(&self) -> UdpSocket {
        let ip: IpAddr = match (self.ready.ip, self.ready.ip6) {
            (Some(ip), _) => IpAddr::V4(ip.address),
            (None, Some(ip6)) => IpAddr::V6(ip6.address),
            (None, None) => panic!("no address"),
        };
        let any = if self.ready.ip.is_some() {
            "127.0.0.1:0"
        } else {
            "[::1]:0"
        };
        let socket = UdpSocket::bind(any).unwrap();
        socket
            .connect(SocketAddr::new(ip, self.ready.port))
            .unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket
    }

    /// Ends it by SIGTERM: the line with its counters.
    fn end(mut self) -> String {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        assert!(self.child.wait().unwrap().success());
        rest
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn request(seq: u64, len: usize) -> Vec<u8> {
    let mut datagram: Vec<u8> = (0..len).map(|at| at as u8).collect();
    Header::request(seq, 1000 + seq)
        .encode(&mut datagram)
        .unwrap();
    datagram
}

fn receive(client: &UdpSocket) -> Vec<u8> {
    let mut buffer = vec![0; 70_000];
    let len = client.recv(&mut buffer).unwrap();
    buffer.truncate(len);
    buffer
}

/// Asserts that `reply` is what `request` is answered with.
fn check(reply: &[u8], request: &[u8], boot_id: u32) {
    let (asked, answered) = (
        Header::decode(request).unwrap(),
        Header::decode(reply).unwrap(),
    );
    assert_eq!((answered.kind, answered.boot_id), (Kind::Reply, boot_id));
    assert_eq!((answered.seq, answered.t1_ns), (asked.seq, asked.t1_ns));
    assert!(answered.t2_ns > 0 && answered.t3_ns >= answered.t2_ns);
    assert_eq!(reply[HEADER_LEN..], request[HEADER_LEN..]);
}

/// Makes a test of each mode of what follows, so that one that this kernel lacks is skipped alone.
macro_rules! in_each_mode {
    ($($mode:ident: $variant:ident),*; $tests:tt) => {
        $(in_each_mode! { @ $mode $variant $tests })*
    };
    (@ $mode:ident $variant:ident ($($test:ident),*)) => {
        mod $mode {
            use wire::Mode;

            $(#[test]
            fn $test() {
                super::$test(Mode::$variant);
            })*
        }
    };
}

in_each_mode! {
    blocking: Blocking, busy: Busy, io_uring: IoUring;
    (answers_requests_of_every_length_in_the_buffer,
     drops_what_is_no_request_and_counts_it,
     answers_a_burst_that_is_longer_than_its_buffers,
     serves_ipv6)
}

fn answers_requests_of_every_length_in_the_buffer(mode: Mode) {
    let Some(responder) = Responder::start(mode, "127.0.0.1:0") else {
        return;
    };
    let client = responder.client();
    // Up to the longest that IPv4 carries.
    for len in [HEADER_LEN, 64, 1472, 65_507] {
        let request = request(len as u64, len);
        client.send(&request).unwrap();
        check(&receive(&client), &request, responder.ready.boot_id);
    }
    let counted = responder.end();
    assert!(counted.contains(" replied=4 "), "{counted}");
}

fn drops_what_is_no_request_and_counts_it(mode: Mode) {
    let Some(responder) = Responder::start(mode, "127.0.0.1:0") else {
        return;
    };
    let client = responder.client();
    client.send(b"hello, who is there?").unwrap();
    client.send(b"").unwrap();
    client.send(&request(1, 64)[..HEADER_LEN - 1]).unwrap();
    let mut reply = request(2, 64);
    reply[5] = 1;
    client.send(&reply).unwrap();
    let mut other_version = request(3, 64);
    other_version[4] = 9;
    client.send(&other_version).unwrap();
    // What is answered comes in order, so that nothing before it was answered but this.
    let answer = receive(&client);
    assert_eq!(
        (answer[4], answer[5]),
        (wire::VERSION, Kind::Unsupported.as_byte())
    );
    let last = request(4, 64);
    client.send(&last).unwrap();
    check(&receive(&client), &last, responder.ready.boot_id);
    let counted = responder.end();
    for counter in [
        "datagrams_received=6",
        "replied=1",
        "unsupported=1",
        "dropped_magic=1",
        "dropped_short=2",
        "dropped_not_a_request=1",
        "dropped_source=0",
        "dropped_transmit=0",
    ] {
        let is_there = counted.split_whitespace().any(|field| field == counter);
        assert!(is_there, "{counter} of {}: {counted}", mode.name());
    }
}

fn answers_a_burst_that_is_longer_than_its_buffers(mode: Mode) {
    let Some(responder) = Responder::start(mode, "127.0.0.1:0") else {
        return;
    };
    let client = responder.client();
    let requests: Vec<_> = (0..50).map(|seq| request(seq, 200)).collect();
    for request in &requests {
        client.send(request).unwrap();
    }
    let mut answered = vec![false; requests.len()];
    for _ in &requests {
        let reply = receive(&client);
        let seq = usize::try_from(Header::decode(&reply).unwrap().seq).unwrap();
        check(&reply, &requests[seq], responder.ready.boot_id);
        assert!(!std::mem::replace(&mut answered[seq], true), "{seq} twice");
    }
}

fn serves_ipv6(mode: Mode) {
    if UdpSocket::bind("[::1]:0").is_err() {
        return suite::skip(Capability::Ipv6, "no socket can be bound to [::1]");
    }
    let Some(responder) = Responder::start(mode, "[::1]:0") else {
        return;
    };
    assert_eq!(responder.ready.ip6, Some("::1/128".parse().unwrap()));
    let client = responder.client();
    let request = request(1, 64);
    client.send(&request).unwrap();
    check(&receive(&client), &request, responder.ready.boot_id);
}

#[test]
fn the_ready_line_tells_what_there_is_to_tell() {
    let responder = Responder::start(Mode::Blocking, "127.0.0.1:0").unwrap();
    let ready = responder.ready;
    assert_eq!(ready.ip, Some("127.0.0.1/8".parse().unwrap()));
    assert_eq!((ready.ip6, ready.mac, ready.counters), (None, None, None));
    assert_ne!(ready.port, 0);
}

#[test]
fn an_unusable_address_is_fatal_and_says_why() {
    let other = UdpSocket::bind("127.0.0.1:0").unwrap();
    let taken = other.local_addr().unwrap().to_string();
    for address in [taken.as_str(), "192.0.2.1:9000"] {
        let output = output(&format!("--listen {address}"));
        assert_eq!(output.status.code(), Some(1));
        let line = String::from_utf8(output.stdout).unwrap();
        assert!(
            line.starts_with(FATAL_PREFIX) && line.contains(address),
            "{line}"
        );
    }
}

#[test]
fn unknown_arguments_are_a_usage_error() {
    for arguments in ["", "--listen nowhere", "--mode fast --listen 127.0.0.1:0"] {
        let output = output(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments}");
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains("usage: fathom-responder"), "{text}");
    }
    assert!(output("--help").status.success());
}

/// Requests of one source, some more than a bucket holds.
const REQUESTS: u64 = 20;

#[test]
fn sources_are_answered_within_the_limits_and_counted() {
    for mode in [Mode::Blocking, Mode::Busy, Mode::IoUring] {
        let limited = "127.0.0.1:0 --allow 127.0.0.0/29 --rate 1";
        let Some(responder) = Responder::start(mode, limited) else {
            continue;
        };
        let client = |address: &str| {
            let socket = UdpSocket::bind((address, 0)).unwrap();
            socket.connect(("127.0.0.1", responder.ready.port)).unwrap();
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
            socket
        };
        let start = std::time::Instant::now();
        let (limited, stranger) = (client("127.0.0.2"), client("127.0.0.9"));
        let mut datagram = [0; 512];
        for seq in 0..REQUESTS {
            Header::request(seq, 1).encode(&mut datagram).unwrap();
            limited.send(&datagram).unwrap();
            stranger.send(&datagram).unwrap();
        }
        // Served in the order of arrival: when it is answered, so are they.
        let asker = client("127.0.0.3");
        datagram[wire::header::field::KIND] = Kind::StatusRequest.as_byte();
        asker.send(&datagram).unwrap();
        asker.recv(&mut datagram).unwrap();
        let status = wire::status::Answer::decode(&datagram).unwrap();
        limited.set_nonblocking(true).unwrap();
        stranger.set_nonblocking(true).unwrap();
        let mut room = [0; 512];
        let answered = std::iter::from_fn(|| limited.recv(&mut room).ok()).count() as u64;
        // What the bucket holds, and one for each second that has gone by.
        let most = wire::limits::MIN_BURST + start.elapsed().as_secs() + 1;
        let expected = wire::limits::MIN_BURST..=most;
        assert!(expected.contains(&answered), "{mode:?}: {answered} answers");
        assert!(stranger.recv(&mut room).is_err(), "{mode:?}");
        let count = |name| {
            status
                .counters()
                .find(|&(found, _)| found == name)
                .unwrap()
                .1
        };
        assert_eq!(count("dropped_not_allowed"), REQUESTS, "{mode:?}");
        assert_eq!(count("dropped_rate"), REQUESTS - answered, "{mode:?}");
    }
}
