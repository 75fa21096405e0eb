//! Fuzz target: the messages of the protocol and the texts on the console. What is decoded encodes to the same,
//! and the request handler answers no answer.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use fuzz_harness::{Input, Target};
use wire::checksum::Sum;
use wire::configuration::{HostName, Sources};
use wire::log_control::{self, Budget, Change, LOG_LEN, Level, Settings};
use wire::stamp::Secret;
use wire::status::{self, Answer, STATUS_LEN, Status};
use wire::{Cidr, Counters, Header, Kind, MAX_PAYLOAD, Mac, Mode, Ready, Verdict, handle};

use fuzz_harness::checksums::sum_of_words;

/// The target.
pub const TARGET: Target = Target {
    name: "wire_formats",
    run,
    seeds,
};

/// Number of formats, one of which the first byte of the input chooses.
const FORMATS: u8 = 8;

fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let format = input.u8() % FORMATS;
    let bytes = input.rest();
    match format {
        0 => datagram(bytes),
        1 => answer(bytes),
        2 => checksum(bytes),
        3 => text::<Ready>(bytes),
        4 => text::<Mac>(bytes),
        5 => {
            text::<Cidr<Ipv4Addr>>(bytes);
            text::<Cidr<Ipv6Addr>>(bytes);
        }
        6 => text::<Sources>(bytes),
        _ => words(bytes),
    }
}

/// Holds the request handler to its contract: a reply has the length of its request, and is no request itself.
fn datagram(bytes: &[u8]) {
    let mut datagram = bytes[..bytes.len().min(MAX_PAYLOAD)].to_vec();
    let asked = Header::decode(&datagram);
    if let Ok(header) = asked {
        let mut encoded = datagram.clone();
        header.encode(&mut encoded).expect("as long as it was");
        assert_eq!(encoded, datagram, "decoding loses nothing");
    }
    let before = datagram.clone();
    let mut verdict = handle(&mut datagram, 0xb007, 5, || 7);
    if verdict == Verdict::Status {
        let status = Status {
            uptime_ns: 9,
            version: status::version("1.2.3"),
            counters: Counters::ZERO,
            log: Some(LOG),
        };
        assert!(datagram.len() >= STATUS_LEN, "no amplification");
        status::answer(&mut datagram, &status, 0xb007, 5, || 7);
        let answer = Answer::decode(&datagram).expect("our own");
        assert_eq!((answer.uptime_ns, answer.version), (9, "1.2.3"));
        assert_eq!(answer.log, Some(LOG));
        assert_eq!(datagram[STATUS_LEN..], before[STATUS_LEN..]);
    }
    if verdict == Verdict::LogControl {
        log_request(&mut datagram);
        assert_eq!(datagram[LOG_LEN..], before[LOG_LEN..]);
    }
    match verdict {
        Verdict::Reply => {
            let (asked, reply) = (asked.unwrap(), Header::decode(&datagram).unwrap());
            assert_eq!((asked.kind, reply.kind), (Kind::Request, Kind::Reply));
            assert_eq!((reply.seq, reply.t1_ns), (asked.seq, asked.t1_ns));
            assert_eq!((reply.t2_ns, reply.t3_ns, reply.boot_id), (5, 7, 0xb007));
        }
        Verdict::Drop(_) => {
            assert_eq!(datagram, before, "what is dropped stays as it came");
            return;
        }
        _ => {}
    }
    verdict = handle(&mut datagram, 0xb007, 5, || 7);
    assert!(matches!(verdict, Verdict::Drop(_)), "an answer is answered");
}

/// Settings of a log.
const LOG: Settings = Settings {
    level: Level::Info,
    budget: Budget::DEFAULT,
};

/// Makes a log request its answer; the change that it asks for encodes to the same.
fn log_request(datagram: &mut [u8]) {
    let request = datagram.first_chunk_mut().expect("no amplification");
    if let Some(change) = Change::requested(request) {
        let encoded = change.request(log_control::boot_id(request), 7, 1_000);
        assert_eq!(Change::requested(&encoded), Some(change));
    }
    log_control::answer(request, LOG, 5, || 7);
    let (header, settings) = log_control::decode_answer(datagram).expect("our own");
    assert_eq!((header.t2_ns, header.t3_ns, settings), (5, 7, LOG));
}

fn answer(bytes: &[u8]) {
    let _ = log_control::decode_answer(bytes);
    if let Some(answer) = Answer::decode(bytes) {
        assert_eq!(answer.header.kind, Kind::StatusReply);
        assert!(answer.counters().count() <= Counters::LEN);
        assert!(
            bytes
                .windows(answer.version.len().max(1))
                .any(|window| { answer.version.is_empty() || window == answer.version.as_bytes() })
        );
    }
}

/// Holds sums of bytes against RFC 1071's, word by word.
fn checksum(bytes: &[u8]) {
    let (first, second) = bytes.split_at(bytes.len() / 4 * 2);
    let expected = sum_of_words(bytes);
    assert_eq!(Sum::of(bytes).checksum(), (!expected).to_be_bytes());
    let parts = Sum::of(first).plus(Sum::of(second));
    assert_eq!(parts.checksum(), (!expected).to_be_bytes());
    assert_eq!(parts.is_good(), expected == 0xffff);
}

/// Reads a text, and holds what was read to be the same once it is written and read again.
fn text<T: FromStr + fmt::Display + PartialEq + fmt::Debug>(bytes: &[u8]) {
    if let Some(value) = str::from_utf8(bytes)
        .ok()
        .and_then(|text| text.parse::<T>().ok())
    {
        let written = value.to_string();
        // No source at all is no text, and has no field in the ready line.
        if !written.is_empty() {
            assert_eq!(written.parse::<T>().ok(), Some(value), "{written}");
        }
    }
}

/// Short words of the configuration.
fn words(bytes: &[u8]) {
    if let Some(name) = HostName::new(bytes) {
        assert_eq!(name.as_str().as_bytes(), bytes);
    }
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    if let Ok(mode) = text.parse::<Mode>() {
        assert_eq!(mode.name(), text);
    }
    if text.parse::<Secret>().is_ok() {
        assert!((32..=128).contains(&text.len()), "16 to 64 octets");
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let message = |kind, len| {
        let mut bytes = vec![0x5a; len];
        let header = Header {
            kind,
            ..Header::request(7, 1_000)
        };
        header.encode(&mut bytes).expect("room");
        bytes
    };
    let mut other_version = message(Kind::Request, 48);
    other_version[wire::header::field::VERSION] = 9;
    let mut status = message(Kind::StatusRequest, STATUS_LEN + 8);
    let content = Status {
        uptime_ns: 1 << 40,
        version: status::version("0.1.0"),
        counters: Counters::ZERO,
        log: Some(LOG),
    };
    let request = status.clone();
    let log_request = Change::default().request(0xb007, 7, 1_000);
    status::answer(&mut status, &content, 3, 1, || 2);
    let ready = "FATHOM READY ip=10.0.2.15/24 ip6=fe80::5054:ff:fe12:3456/64 port=9000 \
                 mac=52:54:00:12:34:56 boot_us=98213 boot_id=1f2e3d4c counters=0x2b3000 nic=1/2 gw=10.0.2.2 \
                 mtu=1460 host=echo from=ip:smbios,log:dhcp ignored=2";
    let inputs: [(u8, &[u8]); 17] = [
        (0, &message(Kind::Request, 60)),
        (0, &message(Kind::Reply, 44)),
        (0, &other_version),
        (0, &request),
        (0, &log_request),
        (0, b"FTHM"),
        (1, &status),
        (2, &[0xff; 67]),
        (3, ready.as_bytes()),
        (4, b"52:54:00:12:34:56"),
        (5, b"10.0.2.15/24"),
        (5, b"2001:db8::15/64"),
        (6, b"ip:smbios,log:dhcp"),
        (7, b"echo.example"),
        (7, b"io_uring"),
        (7, b"000102030405060708090a0b0c0d0e0f"),
        (
            3,
            b"FATHOM READY ip=none ip6=none port=7 mac=none boot_us=0 boot_id=0 counters=none",
        ),
    ];
    let inputs = inputs.into_iter();
    inputs
        .map(|(format, bytes)| [&[format], bytes].concat())
        .collect()
}
