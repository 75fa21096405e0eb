//! The reflector and the stack's sockets answer alike: the same frames, good and bad, through both.
//!
//! Neither sends an ICMP error, whatever it gets.
//!
//! Nobody has introduced themselves before: both know where to answer from the question.

use proptest::prelude::*;

use super::*;
use wire::ECHO_PORT;

mod frames;

const PORT: u16 = 9000;

/// A clock that stands still, so that both paths stamp the same times.
#[derive(Clone, Copy)]
struct Stopped;

impl Clock for Stopped {
    fn now_ns(&self) -> u64 {
        0x0102_0304_0506
    }
}

/// Answers of one path to some frames.
#[derive(Debug, Default, PartialEq)]
struct Answers {
    service: Vec<Vec<u8>>,
    errors: Vec<Vec<u8>>,
    other: Vec<Vec<u8>>,
}

impl Answers {
    fn sort(frame: Vec<u8>, into: &mut Self) {
        let (protocol, ip) = match frame[12..14] {
            [0x08, 0x00] => (frame[23], 34),
            [0x86, 0xdd] => (frame[20], 54),
            _ => return into.other.push(frame),
        };
        let is_error = match protocol {
            1 => matches!(frame[ip], 3 | 11 | 12),
            58 => frame[ip] < 128,
            _ => false,
        };
        let source_port = u16::from_be_bytes([frame[ip], frame[ip + 1]]);
        if protocol == 17 && [PORT, ECHO_PORT].contains(&source_port) {
            into.service.push(frame);
        } else if is_error {
            into.errors.push(frame);
        } else {
            into.other.push(frame);
        }
    }
}

/// Sends `frames` to a service on `path`: what it answers, and how many it says it answered.
fn run(path: &str, frames: &[Vec<u8>]) -> (Answers, [u64; 3]) {
    let line = std::format!("ip=10.0.2.15/24 gw=10.0.2.2 ip6=2001:db8::15/64 path={path}");
    let args = Args::parse([(Channel::CommandLine, line.as_str())]).unwrap();
    let mut storage = Box::new(Storage::<2>::new());
    let shared_counters = Box::leak(Box::new(SharedCounters::new()));
    let device = TestDevice::default();
    let mut server = Server::new(
        device,
        Stopped,
        services(shared_counters),
        &args,
        0xb007,
        &mut storage,
        shared_counters,
    );
    server.device.outbox.clear();
    let mut send = |frame: Vec<u8>| {
        server.device.inbox.push_back(frame);
        server.poll().unwrap();
        server.device.outbox.drain(..).collect::<Vec<_>>()
    };
    let mut answers = Answers::default();
    for frame in frames {
        for answer in send(frame.clone()) {
            Answers::sort(answer, &mut answers);
        }
    }
    let counters = server.shared_counters.read();
    let counts = [counters.replied, counters.unsupported, counters.echoed];
    (answers, counts)
}

fn assert_alike(frames: &[Vec<u8>]) -> (Answers, [u64; 3]) {
    let (reflected, reflected_counts) = run("reflector", frames);
    let (stacked, stacked_counts) = run("smoltcp", frames);
    assert_eq!(reflected.service, stacked.service);
    assert_eq!(reflected_counts, stacked_counts);
    assert_eq!(reflected.other, stacked.other);
    assert_eq!((&reflected.errors, &stacked.errors), (&vec![], &vec![]));
    (reflected, reflected_counts)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn both_paths_answer_alike(
        frames in prop::collection::vec(frames::frame(), 1..12),
    ) {
        assert_alike(&frames);
    }
}

/// The comparison is of something: good requests are answered, all of them, by both.
#[test]
fn both_paths_answer() {
    let mut frames = Vec::new();
    for (client, own) in [
        ("10.0.2.2:40000", "10.0.2.15"),
        ("192.0.2.1:40000", "10.0.2.15"),
        ("[fe80::2]:40000", "[fe80::5054:ff:fe12:3456]"),
        ("[2001:db8::2]:40000", "[2001:db8::15]"),
    ] {
        for port in [PORT, ECHO_PORT] {
            for len in [44, 45, 64, 1001, 1452] {
                let own: SocketAddr = std::format!("{own}:{port}").parse().unwrap();
                frames.push(udp_frame(client.parse().unwrap(), own, &request(len)));
            }
        }
    }
    let (answers, counts) = assert_alike(&frames);
    assert_eq!(answers.service.len(), 40);
    assert_eq!(counts, [20, 0, 20]);
}

#[test]
fn a_closed_port_is_silence_on_both_paths() {
    let frame = request_frame("10.0.2.2:40000", "10.0.2.15:9001");
    let (answers, _) = assert_alike(core::slice::from_ref(&frame));
    assert_eq!(answers, Answers::default());
}

/// A damaged source is damage, and not another client.
#[test]
fn neither_answers_a_damaged_source() {
    for (source, own) in [
        ("10.0.2.3:40000", "10.0.2.15:9000"),
        ("[fe80::3]:40000", "[fe80::5054:ff:fe12:3456]:9000"),
        ("[2001:db9::2]:40000", "[2001:db8::15]:9000"),
        ("192.0.2.99:40000", "10.0.2.15:9000"),
    ] {
        let frame = request_frame(source, own);
        let (answers, counts) = assert_alike(core::slice::from_ref(&frame));
        assert_eq!((answers.service.len(), counts), (1, [1, 0, 0]), "{source}");
        let mut frame = frame;
        // The last byte of the source.
        frame[if own.starts_with('[') { 37 } else { 29 }] ^= 0x40;
        let (answers, counts) = assert_alike(&[frame]);
        assert_eq!((answers, counts), (Answers::default(), [0; 3]));
    }
}

/// Frames that are no plain datagrams for the services are answered alike as well.
#[test]
fn both_mirror_the_traffic_class() {
    for (client, own) in [
        ("10.0.2.2:40000", "10.0.2.15:9000"),
        ("[2001:db9::2]:40000", "[2001:db8::15]:9000"),
    ] {
        for class in [0x00, 0x01, 0xb9, 0xff] {
            let mut frame = request_frame(client, own);
            set_traffic_class(&mut frame, class);
            let (answers, _) = assert_alike(&[frame]);
            assert_eq!(traffic_class(&answers.service[0]), class, "{client}");
            open_udp(&answers.service[0]);
        }
    }
}
