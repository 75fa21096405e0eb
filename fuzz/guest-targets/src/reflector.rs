//! Fuzz target: the whole service, fed with frames. It sends nothing malformed, no more datagrams than it gets,
//! none that is longer than what it answers, and its counters add up.
//!
//! An input is a byte of settings and any number of steps: 16 bits, then a frame of as many bytes as the lower 11 say.
//! Settings and the upper bits of a step are named below.

use std::collections::VecDeque;

use fuzz_harness::{Input, Target, put_counted};
use kernel_app::args::{Args, Channel, StampConfig};
use kernel_app::handler::{Echo, Stamp, Timestamp};
use kernel_app::logging::LogSettings;
use kernel_app::net::sockets::Storage;
use kernel_app::server::Server;
use kernel_app::services::{AtArgument, Services};
use kernel_app::shared_counters::SharedCounters;
use wire::{Counters, ECHO_PORT};

use crate::devices::{QueueDevice, Queues, SetClock};
use fuzz_harness::checksums::{is_whole, mend};
use fuzz_harness::frames::{self, GUEST};

/// The target.
pub const TARGET: Target = Target {
    name: "reflector",
    run,
    seeds,
};

/// Settings: sockets answer instead of the reflector; the address comes from a DHCP server; the service is an older
/// configuration without echo; STAMP has a key.
const BY_SOCKETS: u8 = 1;
const BY_DHCP: u8 = 2;
const PLAIN: u8 = 4;
const WITH_KEY: u8 = 8;

/// Upper bits of a step: the frame's checksums are made right, and its DHCP transaction that of the guest's last
/// message; it goes to the guest's Ethernet address; it is no frame, but so many milliseconds times 64 that pass.
const MENDED: u16 = 0x8000;
const TO_GUEST: u16 = 0x4000;
const TIME: u16 = 0x2000;
const LEN: u16 = 0x07ff;

/// The most steps of an input.
const MAX_STEPS: usize = 64;

/// Offsets in a frame without IP options, in bytes: UDP header of IPv4, DHCP transaction.
const UDP4: usize = 34;
const TRANSACTION: std::ops::Range<usize> = UDP4 + 12..UDP4 + 16;

type ImageServices = Services<Timestamp<Echo>, AtArgument<Echo, AtArgument<Stamp>>>;

thread_local! {
    /// Counters live as long as the program, as an image's do.
    static COUNTERS: &'static SharedCounters = Box::leak(Box::default());
}

fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let settings = input.u8();
    let line = arguments(settings);
    let args = Args::parse([(Channel::CommandLine, line.as_str())]).expect("arguments of ours");
    let counters = COUNTERS.with(|counters| *counters);
    counters.store(&Counters::ZERO);
    let (queues, clock) = (Queues::default(), SetClock::default());
    let mut storage = Storage::<3>::new();
    let mut server = Server::new(
        QueueDevice::new(&queues),
        clock.clone(),
        services(&args, counters),
        &args,
        0xb007,
        &mut storage,
        counters,
    );
    let mut transaction = [0; 4];
    let mut frames = 0;
    let mut sent = queues.sent();
    for _ in 0..MAX_STEPS {
        sent.iter().for_each(|frame| check(frame));
        if let Some(sent) = sent.iter().rev().find_map(|frame| dhcp_transaction(frame)) {
            transaction = sent;
        }
        if input.is_empty() {
            break;
        }
        let step = input.u16();
        let before = counters.read();
        let mut frame = Vec::new();
        if step & TIME == 0 {
            frame = input.take((step & LEN).into()).to_vec();
            prepare(&mut frame, step, transaction);
            // No Ethernet delivers less than a header.
            if frame.len() < 14 {
                continue;
            }
            frames += 1;
            queues.deliver(frame.clone());
        } else {
            clock.advance(u64::from(step & LEN) << 26);
        }
        // Whatever comes may end the wait for a lease, and nothing else.
        if server.poll().is_err() {
            assert!(settings & BY_DHCP != 0, "a service with an address ends");
            return;
        }
        let after = counters.read();
        check_counters(&before, &after, frames);
        sent = queues.sent();
        check_answers(&frame, &sent, after.answers() - before.answers());
    }
}

/// Returns the boot arguments of some settings.
fn arguments(settings: u8) -> String {
    let path = ["reflector", "smoltcp"][usize::from(settings & BY_SOCKETS)];
    let address = match settings & BY_DHCP {
        0 => "ip=10.0.2.15/24 gw=10.0.2.2 ip6=2001:db8::15/64",
        _ => "ip=dhcp",
    };
    let services = match settings & PLAIN {
        0 => "echo=on",
        _ => "port=9001 stamp=off",
    };
    let key = match settings & (WITH_KEY | PLAIN) {
        // Stateless: sessions take memory for ever.
        WITH_KEY => " stamp-key=000102030405060708090a0b0c0d0e0f stamp-mode=stateless",
        _ => "",
    };
    format!("{address} path={path} {services}{key}")
}

/// Settings of the log, which log requests change.
static LOG: LogSettings = LogSettings::new();

/// Makes the services of the project's image.
fn services(args: &Args, counters: &'static SharedCounters) -> ImageServices {
    let stamp = args.stamp;
    let main = Timestamp::new(0xb007).with_status(counters, "1.2.3");
    Services::new(main.with_log(&LOG)).with_fixed(AtArgument {
        port: args.has_echo.then_some(ECHO_PORT),
        handler: Echo,
        next: AtArgument {
            port: stamp.map(|stamp| stamp.port),
            handler: Stamp::new(&stamp.unwrap_or(StampConfig::DEFAULT), 1),
            next: (),
        },
    })
}

/// Does to a frame what its step says.
fn prepare(frame: &mut [u8], step: u16, transaction: [u8; 4]) {
    if step & TO_GUEST != 0
        && let Some(receiver) = frame.first_chunk_mut()
    {
        *receiver = GUEST.octets();
    }
    if step & MENDED != 0 {
        if is_dhcp(frame, 68)
            && let Some(place) = frame.get_mut(TRANSACTION)
        {
            place.copy_from_slice(&transaction);
        }
        mend(frame);
    }
}

/// Returns whether `frame` has a UDP datagram over IPv4 to `port`.
fn is_dhcp(frame: &[u8], port: u16) -> bool {
    frame.get(12..15) == Some(&[8, 0, 0x45])
        && frame.get(23) == Some(&17)
        && frame.get(UDP4 + 2..UDP4 + 4) == Some(&port.to_be_bytes())
}

fn dhcp_transaction(frame: &[u8]) -> Option<[u8; 4]> {
    let transaction = frame.get(TRANSACTION)?.try_into().ok()?;
    is_dhcp(frame, 67).then_some(transaction)
}

/// Holds a frame that the service sends to what every frame must be.
fn check(frame: &[u8]) {
    assert!(frame.len() >= 14, "a frame without a header: {frame:02x?}");
    assert_eq!(
        frame[6..12],
        GUEST.octets(),
        "its own address: {frame:02x?}"
    );
    assert!(is_whole(frame), "a length or a checksum: {frame:02x?}");
}

/// Holds the counters to each other. A datagram that came has one outcome.
fn check_counters(before: &Counters, after: &Counters, frames: u64) {
    for (before, after) in before.to_array().into_iter().zip(after.to_array()) {
        assert!(before <= after, "a counter goes back");
    }
    assert_eq!(after.frames_received, frames, "{after:?}");
    assert_eq!(after.device_faults, 0);
    assert_eq!(after.dropped_transmit, 0, "the device takes everything");
    assert!(after.add_up(), "{after:?}");
}

/// Holds what one frame led to to what it may lead to: one answer, no longer than its question.
fn check_answers(frame: &[u8], sent: &VecDeque<Vec<u8>>, answers: u64) {
    assert!(
        answers <= u64::from(!frame.is_empty()),
        "{answers} answers to {frame:02x?}"
    );
    let is_answer = |sent: &&Vec<u8>| is_udp(sent) && dhcp_transaction(sent).is_none();
    let sent: Vec<_> = sent.iter().filter(is_answer).collect();
    assert_eq!(sent.len() as u64, answers, "{sent:02x?} to {frame:02x?}");
    for answer in sent {
        assert!(answer.len() <= frame.len(), "{answer:02x?} to {frame:02x?}");
    }
}

fn is_udp(frame: &[u8]) -> bool {
    let protocol = match frame.get(12..14) {
        Some([0x08, 0x00]) => frame.get(23),
        Some([0x86, 0xdd]) => frame.get(20),
        _ => None,
    };
    protocol == Some(&17)
}

fn seeds() -> Vec<Vec<u8>> {
    let step = |frame: &[u8]| {
        let mut bytes = Vec::new();
        put_counted(&mut bytes, frame);
        bytes[1] |= (MENDED >> 8) as u8;
        bytes
    };
    let frames = frames::of_every_protocol();
    let mut seeds: Vec<_> = frames
        .iter()
        .map(|frame| [&[0][..], &step(frame)].concat())
        .collect();
    let all: Vec<_> = frames.iter().flat_map(|frame| step(frame)).collect();
    let settings = [BY_SOCKETS, WITH_KEY, PLAIN, PLAIN | BY_SOCKETS];
    seeds.extend(settings.map(|settings| [&[settings][..], &all].concat()));
    let second = (TIME | 16).to_le_bytes();
    let arguments = [&[224, 9][..], b"port=9001"].concat();
    let offer = step(&frames::dhcp(2, &[]));
    let lease = [
        &offer,
        &second[..],
        &step(&frames::dhcp(5, &arguments)),
        &second,
        &all,
    ]
    .concat();
    let refused = [
        &offer,
        &second[..],
        &step(&frames::dhcp(6, &[])),
        &second,
        &second,
    ]
    .concat();
    let settings = [BY_DHCP, BY_DHCP | BY_SOCKETS];
    seeds.extend(settings.map(|settings| [&[settings][..], &lease].concat()));
    seeds.push([&[BY_DHCP][..], &refused].concat());
    seeds
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The seeds are of something: each service answers, by both paths.
    #[test]
    fn the_seeds_are_answered() {
        let counted = |settings: u8| {
            let seeds = seeds();
            let seed = seeds.iter().rev().find(|seed| seed[0] == settings);
            run(seed.expect("a seed with these settings"));
            COUNTERS.with(|counters| counters.read())
        };
        let all = counted(BY_SOCKETS);
        let expected = [2, 1, 2, 2];
        let counts = |all: &Counters| {
            [
                all.replied,
                all.status_replies,
                all.echoed,
                all.stamp_replies,
            ]
        };
        assert_eq!(counts(&all), expected);
        assert_eq!(counts(&counted(WITH_KEY)), [2, 1, 2, 0]);
        // With an address from a DHCP server those of its network are answered.
        assert_eq!(counts(&counted(BY_DHCP | BY_SOCKETS)), [0; 4]);
    }
}
