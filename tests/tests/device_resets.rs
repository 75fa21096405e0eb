//! A network device that fails, loses its link or its back end: the service takes it up again, without a reboot.
#![forbid(unsafe_code)]

use std::fs::File;
use std::net::Shutdown;
use std::os::unix::fs::FileExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Instant;

use fathom::clock;
use fathom::link::ethernet::Frames;
use fathom::link::vhost_user::Virtqueues;
use serde_json::json;
use tests::guest::{Guest, MAC, Machine, Network};
use tests::packet::{self, Body, Flow};
use tests::qemu_lock::lock_qemu;
use tests::station::{self, request};
use tests::timeouts;
use wire::{Counters, Header, Kind};

const ARGUMENTS: &str = "ip=10.0.2.15/24 log=warn";

/// Length of a request, in bytes.
const LEN: usize = 200;

/// Entries of a queue.
const ENTRIES: u64 = 256;

/// Waits until a counter of the service is `expected`.
fn wait_for(guest: &mut Guest<'_>, counter: fn(&Counters) -> u64, expected: u64) {
    timeouts::until(timeouts::BOOT, "a counter", || {
        let count = counter(&guest.counters());
        assert!(count <= expected, "{count}");
        (count == expected).then_some(())
    });
}

/// The guest's memory, which this process has as well.
struct SharedMemory {
    file: File,
    object: String,
}

impl SharedMemory {
    fn new(dir: &Path, mib: u64) -> Self {
        let path = dir.join("memory");
        let file = File::create_new(&path).expect("a file");
        file.set_len(mib << 20).expect("room for it");
        let object = format!(
            "memory-backend-file,id=mem,size={mib}M,share=on,mem-path={}",
            path.display()
        );
        Self { file, object }
    }

    fn read(&self, address: u64) -> u16 {
        let mut bytes = [0; 2];
        self.file
            .read_exact_at(&mut bytes, address)
            .expect("memory");
        u16::from_le_bytes(bytes)
    }

    fn write(&self, address: u64, value: u16) {
        let bytes = value.to_le_bytes();
        self.file.write_all_at(&bytes, address).expect("memory");
    }
}

/// Nonsense in one of the rings.
#[derive(Clone, Copy, Debug)]
enum Nonsense {
    /// In the driver's own: the device finds it, and asks to be reset.
    Avail,
    /// More buffers came back than the device has.
    UsedIndex,
    /// A buffer came back that there is not.
    UsedEntry,
}

fn write_nonsense(guest: &mut Guest<'_>, memory: &SharedMemory, nonsense: Nonsense) {
    // The receive queue's: flags and index, 2 bytes each, and then the entries (virtio 1.2 §2.7).
    let [avail, used] = ["avail", "used"].map(|name| guest.ring_address(0, name));
    let index = memory.read(used + 2);
    match nonsense {
        Nonsense::Avail => {
            for entry in 0..ENTRIES {
                memory.write(avail + 4 + 2 * entry, 0x7777);
            }
            // With the next buffer that it takes.
            let flow = guest.station.to_service();
            guest.station.send(&flow.udp(&request(0, LEN)));
        }
        Nonsense::UsedIndex => memory.write(used + 2, index.wrapping_add(1000)),
        Nonsense::UsedEntry => {
            memory.write(used + 4 + 8 * (u64::from(index) % ENTRIES), 999);
            memory.write(used + 2, index.wrapping_add(1));
        }
    }
}

#[test]
fn a_device_that_failed_is_reset_and_serves_on() {
    let lock = lock_qemu();
    let dir = tempfile::tempdir().expect("a temporary directory");
    for (at, board, device, nonsense) in [
        (
            "pci",
            "pc,memory-backend=mem",
            "virtio-net-pci,romfile=",
            &[Nonsense::UsedIndex, Nonsense::Avail, Nonsense::UsedEntry][..],
        ),
        (
            "mmio",
            "microvm,memory-backend=mem",
            "virtio-net-device",
            &[Nonsense::Avail],
        ),
    ] {
        let dir = dir.path().join(at);
        std::fs::create_dir(&dir).expect("a directory");
        let memory = SharedMemory::new(&dir, 32);
        let more = [
            "-object",
            &memory.object,
            "-global",
            "virtio-mmio.force-legacy=false",
        ];
        let machine = Machine {
            board,
            device,
            more: &more,
            ..Machine::new(ARGUMENTS)
        };
        let mut guest = machine.start(&lock);
        let boot_id = guest.ready().boot_id;
        for (resets, &nonsense) in (1..).zip(nonsense) {
            println!("{board}: {nonsense:?}");
            write_nonsense(&mut guest, &memory, nonsense);
            guest.wait_for_line("word of a reset", |line| line.ends_with("it is reset"));
            wait_for(&mut guest, |counters| counters.device_resets, resets);
            // Once round, so that each buffer has been with the device since.
            let flow = guest.station.to_service();
            for seq in 0..=ENTRIES {
                let reply = guest.station.ask_service(&flow, seq, LEN);
                assert_eq!(reply.boot_id, boot_id);
            }
            guest.station.settle();
        }
    }
}

#[test]
fn a_link_that_was_down_is_taken_up_again_while_requests_run() {
    let lock = lock_qemu();
    for (board, device) in [
        ("pc", "virtio-net-pci,romfile="),
        ("microvm,acpi=off", "virtio-net-device"),
    ] {
        let machine = Machine {
            board,
            device,
            more: &["-global", "virtio-mmio.force-legacy=false"],
            ..Machine::new(ARGUMENTS)
        };
        let mut guest = machine.start(&lock);
        guest.ready();
        let set_link = |guest: &mut Guest<'_>, up: bool| {
            let arguments = json!({ "name": "n0", "up": up });
            guest.monitor().execute("set_link", &arguments);
        };
        let flow = guest.station.to_service();
        guest.station.ask_service(&flow, 1, LEN);
        set_link(&mut guest, false);
        timeouts::until(timeouts::BOOT, "the link's end", || {
            guest.station.send(&flow.udp(&request(2, LEN)));
            (guest.counters().link_down_events == 1).then_some(())
        });
        let replied = guest.counters().replied;
        set_link(&mut guest, true);
        // It announces itself, whatever it is asked meanwhile.
        let start = Instant::now();
        while !is_announcement(&guest.station.overhear()) {
            assert!(start.elapsed() < timeouts::BOOT, "{board}: no announcement");
        }
        guest.station.ask_service(&flow, 3, LEN);
        timeouts::until(timeouts::ANSWER, "its count", || {
            (guest.counters().replied > replied).then_some(())
        });
        let counters = guest.counters();
        assert_eq!((counters.link_down_events, counters.device_resets), (1, 0));
    }
}

/// Returns whether `frame` says to everybody that the guest has its IPv4 address.
fn is_announcement(frame: &[u8]) -> bool {
    let Ok(packet) = packet::parse(frame) else {
        return false;
    };
    match packet.body {
        Body::Arp(arp) => arp.sender_ipv4 == [10, 0, 2, 15] && arp.sender_ipv4 == arp.target_ipv4,
        _ => false,
    }
}

/// A back end of the guest's network device.
struct BackEnd {
    frames: Virtqueues,
    stream: UnixStream,
}

impl BackEnd {
    /// Waits for QEMU to call at `path`.
    fn at(path: &Path) -> Self {
        let listener = UnixListener::bind(path).expect("a socket");
        listener.set_nonblocking(true).expect("a socket");
        let (stream, _) = timeouts::until(timeouts::BOOT, "QEMU", || listener.accept().ok());
        stream.set_nonblocking(false).expect("a socket");
        std::fs::remove_file(path).expect("it is there");
        let frames = Virtqueues::serving(stream.try_clone().expect("a descriptor"));
        Self {
            frames: frames.expect("a thread"),
            stream,
        }
    }

    /// Waits until the guest has found the link to be up.
    fn wait_for_announcement(&mut self) {
        let mut frame = [0; 2048];
        let deadline_ns = clock::now_ns() + timeouts::BOOT.as_nanos() as u64;
        loop {
            let received = self.frames.receive(&mut frame, deadline_ns);
            let received = received.expect("the link is there");
            if is_announcement(&frame[..received.expect("an announcement").len]) {
                return;
            }
        }
    }

    /// Has requests answered, some of which may come before the guest listens.
    fn ask(&mut self, flow: &Flow, seq: u64) -> Header {
        let frame = flow.udp(&request(seq, LEN));
        timeouts::until(timeouts::ANSWER, "a reply", || {
            self.frames.send(&frame).expect("the link is there");
            self.reply(seq)
        })
    }

    fn reply(&mut self, seq: u64) -> Option<Header> {
        let mut frame = [0; 2048];
        let deadline_ns = clock::now_ns() + 200_000_000;
        loop {
            let received = self.frames.receive(&mut frame, deadline_ns);
            let received = received.expect("the link is there")?;
            let packet = packet::parse(&frame[..received.len]).expect("a whole packet");
            if let Body::Udp { payload, .. } = packet.body
                && let Ok(header) = Header::decode(&payload)
                && header.seq == seq
            {
                assert_eq!(header.kind, Kind::Reply);
                return Some(header);
            }
        }
    }

    /// Leaves QEMU alone.
    fn die(self) {
        self.stream.shutdown(Shutdown::Both).expect("a socket");
    }
}

#[test]
fn a_back_end_that_died_and_came_back_is_taken_up_again() {
    let lock = lock_qemu();
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("back-end");
    let chardev = format!("socket,id=v0,reconnect=1,path={}", path.display());
    let device = format!(
        "virtio-net-pci,netdev=n0,romfile=,vectors=0,mac={}",
        wire::Mac::new(MAC)
    );
    let more = [
        "-object",
        "memory-backend-memfd,id=mem,size=32M,share=on",
        "-chardev",
        &chardev,
        "-netdev",
        "vhost-user,id=n0,chardev=v0",
        "-device",
        &device,
    ];
    let machine = Machine {
        board: "pc,memory-backend=mem",
        network: Network::None,
        more: &more,
        ..Machine::new(ARGUMENTS)
    };
    let mut guest = machine.start(&lock);
    let mut back_end = BackEnd::at(&path);
    let boot_id = guest.ready().boot_id;
    let flow = Flow {
        from_mac: station::MAC,
        to_mac: MAC,
        from: (station::IP4, station::PORT).into(),
        to: ([10, 0, 2, 15], wire::DEFAULT_PORT).into(),
    };
    // More than a queue has entries, so that the next back end begins amid a round.
    let mut seq = 0;
    for downs in 1..=2 {
        for _ in 0..300 {
            seq += 1;
            assert_eq!(back_end.ask(&flow, seq).boot_id, boot_id);
        }
        back_end.die();
        wait_for(&mut guest, |counters| counters.link_down_events, downs);
        back_end = BackEnd::at(&path);
        back_end.wait_for_announcement();
    }
    seq += 1;
    assert_eq!(back_end.ask(&flow, seq).boot_id, boot_id);
    let counters = guest.counters();
    assert_eq!((counters.link_down_events, counters.device_faults), (2, 0));
}
