//! A guest whose nanoseconds are instructions: QEMU counts them (`-icount shift=0`: one takes one
//! virtual nanosecond) and the guest is told that its time stamp counter runs at 1000 MHz, so that
//! the difference of two of its time stamps is the number of instructions in between, exactly and
//! on any machine, however busy.
//!
//! The one part of the harness that stands on the instrument's own library: the guest is measured
//! through the same rings that `fathom run` polls, which nothing else could fill a burst ahead.
#![forbid(unsafe_code)]

mod saturated;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use fathom::clock;
use fathom::experiment::cost::instructions::{COUNTING, HERMIT_CLOCK};
use fathom::link::Signals;
use fathom::link::ethernet::Frames;
use fathom::link::vhost_user::Virtqueues;
use fathom::machine::{AccelChoice, Config, Machine, Netdev};
use tempfile::TempDir;
use wire::{Counters, Header, Ready};

use crate::packet::{self, Body, Flow, Packet};
use crate::qemu_lock::QemuLock;
use crate::{artifacts, timeouts};

pub use saturated::Saturated;

/// Boot arguments of the guest's addresses.
const BOOT_ARGUMENTS: &str = "ip=10.0.2.15/24 idle=spin echo=on";

/// The station at the other end of the link.
const STATION_MAC: packet::Mac = [0x52, 0x55, 0x0a, 0x00, 0x02, 0x02];
const STATION: SocketAddr =
    SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 2, 2)), 40_000);

/// The longest frame, in bytes.
const MAX_FRAME: usize = 1514;

/// For how long nothing must come for the link to be quiet, in nanoseconds.
const QUIET_NS: u64 = 2_000_000;

/// Number of frames that may be put into the receive ring at once: fewer than it has buffers, so that a
/// burst never meets a full ring.
pub const BURST: usize = 32;

/// A running guest with counted instructions.
#[derive(Debug)]
pub struct Counted<'t> {
    machine: Machine,
    frames: Virtqueues,
    to_service: Flow,
    _dir: TempDir,
    _lock: &'t QemuLock,
}

impl<'t> Counted<'t> {
    /// Boots the image with further boot arguments of its own.
    ///
    /// # Panics
    ///
    /// If it does not get ready, or does not answer address resolution.
    #[must_use]
    pub fn boot(arguments: &str, lock: &'t QemuLock) -> Self {
        Self::boot_with(arguments, &[], lock)
    }

    /// As [`Counted::boot`], with further arguments for QEMU.
    ///
    /// # Panics
    ///
    /// As [`Counted::boot`].
    #[must_use]
    pub fn boot_with(arguments: &str, qemu_arguments: &[&str], lock: &'t QemuLock) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (frames, socket) = Virtqueues::listen().expect("a socket");
        let config = Config {
            qemu: artifacts::qemu(),
            accel: AccelChoice::Tcg,
            boot_args: format!("{HERMIT_CLOCK} {BOOT_ARGUMENTS} {arguments}"),
            ready_timeout: timeouts::BOOT,
            extra_qemu_args: COUNTING
                .iter()
                .chain(qemu_arguments)
                .map(Into::into)
                .collect(),
            ..Config::new(
                artifacts::image(),
                dir.path().join("console.log"),
                Netdev::VhostUser { socket },
            )
        };
        let machine = Machine::boot(config, &|| false, &mut |_| ())
            .unwrap_or_else(|error| panic!("{arguments}: {error}"));
        let ready = machine.ready();
        let ip = ready.ip.expect("it was given an IPv4 address").address;
        let to_service = Flow {
            from_mac: STATION_MAC,
            to_mac: ready.mac.expect("the guest has a network device").octets(),
            from: STATION,
            to: SocketAddr::new(ip.into(), ready.port),
        };
        let mut counted = Self {
            machine,
            frames,
            to_service,
            _dir: dir,
            _lock: lock,
        };
        counted.meet();
        counted
    }

    /// Returns the guest's ready line: its microseconds are thousands of instructions.
    #[must_use]
    pub const fn ready(&self) -> &Ready {
        self.machine.ready()
    }

    /// Returns the station's way to the service.
    #[must_use]
    pub const fn to_service(&self) -> Flow {
        self.to_service
    }

    /// A datagram to one of the guest's ports, as a frame.
    #[must_use]
    pub fn frame(&self, port: u16, payload: &[u8]) -> Vec<u8> {
        let mut flow = self.to_service;
        flow.to.set_port(port);
        flow.udp(payload)
    }

    /// Number of times that either side has woken the other so far.
    ///
    /// # Panics
    ///
    /// Never: this link sees it.
    #[must_use]
    pub fn signals(&self) -> Signals {
        self.frames.signals().expect("this link sees it")
    }

    /// The service's counters.
    ///
    /// # Panics
    ///
    /// If they can't be read.
    pub fn counters(&mut self) -> Counters {
        self.machine.counters().expect("QEMU reads them")
    }

    /// Puts `frames` into the receive ring at once, and
    /// takes the answers once the last is out: every one, in order, each to its frame.
    ///
    /// # Panics
    ///
    /// If they are more than [`BURST`], or one stays unanswered.
    pub fn burst(&mut self, frames: &[Vec<u8>]) -> Vec<Packet> {
        assert!(frames.len() <= BURST);
        self.settle();
        let expected = self.counters().frames_sent + frames.len() as u64;
        self.put(frames);
        // Nothing is taken before the guest is through: whatever it did when it found its buffers
        // back would depend on when that was.
        let start = Instant::now();
        while self.counters().frames_sent < expected {
            assert!(start.elapsed() < timeouts::ANSWER, "no answer to a burst");
        }
        let answers: Vec<Packet> = frames
            .iter()
            .map(|_| self.receive(timeouts::ANSWER.as_nanos() as u64))
            .map(|answer| answer.expect("it is sent"))
            .collect();
        for (frame, answer) in frames.iter().zip(&answers) {
            let question = packet::parse(frame).expect("it was well-formed");
            assert_eq!(ends(answer), ends(&question).map(|(from, to)| (to, from)));
        }
        answers
    }

    /// Sends frames that nobody need answer, and drops what is answered all the same.
    ///
    /// # Panics
    ///
    /// If the guest does not take them all.
    pub fn flood(&mut self, frames: &[Vec<u8>]) {
        for burst in frames.chunks(BURST) {
            let expected = self.counters().frames_received + burst.len() as u64;
            for frame in burst {
                self.frames.send(frame).expect("the link is there");
            }
            let start = Instant::now();
            while self.counters().frames_received < expected {
                assert!(start.elapsed() < timeouts::ANSWER, "a frame is not taken");
            }
            let mut answer = [0; MAX_FRAME];
            while let Ok(Some(_)) = self.frames.receive(&mut answer, clock::now_ns()) {}
        }
    }

    /// Takes what is left over, and tells the guest that all it sent is sent.
    fn settle(&mut self) {
        while self.receive(QUIET_NS).is_some() {}
    }

    fn receive(&mut self, patience_ns: u64) -> Option<Packet> {
        let mut frame = [0; MAX_FRAME];
        let deadline_ns = clock::now_ns() + patience_ns;
        let received = self.frames.receive(&mut frame, deadline_ns);
        let received = received.unwrap_or_else(|error| panic!("{error}"))?;
        Some(packet::parse(&frame[..received.len]).unwrap_or_else(|error| panic!("{error}")))
    }

    /// Has the guest find the station, so that it need not look for it in a burst.
    fn meet(&mut self) {
        let (IpAddr::V4(own), IpAddr::V4(guest)) =
            (self.to_service.from.ip(), self.to_service.to.ip())
        else {
            unreachable!("it was given an IPv4 address")
        };
        let request = packet::arp_request(STATION_MAC, own, guest);
        let request = packet::arp(packet::BROADCAST, &request);
        self.frames.send(&request).expect("the link is there");
        loop {
            let answer = self.receive(timeouts::ANSWER.as_nanos() as u64);
            let answer = answer.expect("the guest answers address resolution");
            if answer.to == STATION_MAC && matches!(answer.body, Body::Arp(_)) {
                break;
            }
        }
    }
}

/// From whom to whom a datagram is.
fn ends(packet: &Packet) -> Option<(SocketAddr, SocketAddr)> {
    match packet.body {
        Body::Udp { from, to, .. } => Some((from, to)),
        _ => None,
    }
}

/// The header of a reply; `None` if it is none of ours.
#[must_use]
pub fn header(packet: &Packet) -> Option<Header> {
    match &packet.body {
        Body::Udp { payload, .. } => Header::decode(payload).ok(),
        _ => None,
    }
}

/// The value that occurs most often, the smallest of those that do, and how often.
///
/// # Panics
///
/// If there are no values.
#[must_use]
pub fn mode(values: &[u64]) -> (u64, usize) {
    let mut counts = BTreeMap::<u64, usize>::new();
    for &value in values {
        *counts.entry(value).or_default() += 1;
    }
    let most = counts.into_iter().rev().max_by_key(|&(_, count)| count);
    most.expect("there are values")
}
