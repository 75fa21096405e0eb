//! The image in a QEMU that the test itself starts, independently of `fathom`.
#![forbid(unsafe_code)]

use std::io::{BufRead, BufReader, Read};
use std::net::Ipv6Addr;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Instant;

use wire::ready::{FATAL_PREFIX, READY_PREFIX};
use wire::{Counters, Ready};

use crate::disk::Disk;
use crate::monitor::Monitor;
use crate::packet::Mac;
use crate::qemu_lock::QemuLock;
use crate::station::Station;
use crate::{artifacts, process, timeouts};

mod queue_status;

/// The guest's Ethernet address.
pub const MAC: Mac = [0x52, 0x54, 0x00, 0x12, 0x34, 0x56];

/// The guest's link-local address, made of its Ethernet address (RFC 4291 appendix A).
pub const LINK_LOCAL: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0x5054, 0xff, 0xfe12, 0x3456);

/// Peer of the guest's network device.
#[derive(Clone, Copy, Debug)]
pub enum Network<'a> {
    /// A link of Ethernet frames, with a [`Station`] at the other end.
    Frames,
    /// QEMU's user network, with a UDP port of 127.0.0.1 forwarded to a guest's port.
    User {
        /// The host's port.
        host_port: u16,
        /// The guest's port.
        guest_port: u16,
    },
    /// A tap device, by a descriptor of it: frames to and from this kernel's own network stack.
    Tap(BorrowedFd<'a>),
    /// No network device.
    None,
}

/// A machine to start.
#[derive(Clone, Copy, Debug)]
pub struct Machine<'a> {
    /// QEMU's name of the board.
    pub board: &'a str,
    /// QEMU's name of the processor.
    pub cpu: &'a str,
    /// Memory, in MiB.
    pub memory_mib: u32,
    /// Peer of its network device.
    pub network: Network<'a>,
    /// Network device's Ethernet address.
    pub mac: Mac,
    /// QEMU's name of the network device, and its options.
    pub device: &'a str,
    /// The image's boot arguments.
    pub arguments: &'a str,
    /// Boots again when it is reset, and has no `isa-debug-exit`: without what `fathom` adds to a machine.
    pub is_plain: bool,
    /// Has a serial port, which is the console.
    pub has_serial_port: bool,
    /// Further arguments for QEMU.
    pub more: &'a [&'a str],
    /// Disk that it boots instead of the image, which then has no arguments from QEMU.
    pub disk: Option<Disk<'a>>,
}

impl<'a> Machine<'a> {
    /// The smallest machine that the image promises to run on, on a link of frames. It can't have a
    /// second processor, unlike those that `fathom` boots under TCG: the image's own driver has to do
    /// without the memory barriers that QEMU translates for such a machine alone.
    #[must_use]
    pub const fn new(arguments: &'a str) -> Self {
        Self {
            board: "pc",
            cpu: "max",
            memory_mib: 32,
            network: Network::Frames,
            mac: MAC,
            device: "virtio-net-pci,romfile=",
            arguments,
            is_plain: false,
            has_serial_port: true,
            more: &[],
            disk: None,
        }
    }

    /// The smallest machine that boots from `disk`.
    #[must_use]
    pub const fn with_disk(disk: Disk<'a>) -> Self {
        Self {
            board: disk.bus.board(),
            memory_mib: disk.firmware.least_memory_mib(),
            disk: Some(disk),
            ..Self::new("")
        }
    }

    /// Starts QEMU; [`Guest::ready`] waits for the service.
    ///
    /// # Panics
    ///
    /// If QEMU or the image is not there.
    #[must_use]
    pub fn start<'t>(&self, lock: &'t QemuLock) -> Guest<'t> {
        let (monitor, qemu_monitor) = UnixStream::pair().expect("a socket pair");
        let (frames, qemu_frames) = UnixDatagram::pair().expect("a socket pair");
        let mut command = Command::new(artifacts::qemu());
        command
            .args(["-nodefaults", "-no-user-config"])
            .args(["-display", "none", "-accel", "tcg"])
            .args(["-M", self.board, "-cpu", self.cpu])
            .args(["-m", &format!("{}M", self.memory_mib)])
            .args([
                "-chardev",
                &format!("socket,id=monitor,fd={}", qemu_monitor.as_raw_fd()),
                "-mon",
                "chardev=monitor,mode=control",
            ]);
        if !self.is_plain {
            let exit = "isa-debug-exit,iobase=0xf4,iosize=4";
            command.args(["-no-reboot", "-device", exit]);
        }
        if self.has_serial_port {
            command.args(["-serial", "stdio"]);
        }
        if let Some(disk) = self.disk {
            command.args(disk.arguments());
        } else {
            // The stack withholds no answer: one that does not come is lost (`Station::settle`).
            let append = format!("{} stack-rate=10000000", self.arguments);
            command.arg("-kernel").arg(artifacts::image());
            command.args(["-append", &append]);
        }
        // First, because the network device may be on a bus that is among them.
        command.args(self.more);
        let mut inherited: Vec<OwnedFd> = vec![qemu_monitor.into()];
        let netdev = match self.network {
            Network::Frames => {
                let fd = qemu_frames.as_raw_fd();
                inherited.push(qemu_frames.into());
                Some(format!("dgram,id=n0,local.type=fd,local.str={fd}"))
            }
            Network::Tap(device) => {
                let device = device.try_clone_to_owned().expect("a descriptor");
                let netdev = format!("tap,id=n0,fd={}", device.as_raw_fd());
                inherited.push(device);
                Some(netdev)
            }
            Network::User {
                host_port,
                guest_port,
            } => Some(format!(
                "user,id=n0,hostfwd=udp:127.0.0.1:{host_port}-:{guest_port}"
            )),
            Network::None => None,
        };
        if let Some(netdev) = netdev {
            let mac = wire::Mac::new(self.mac);
            command
                .args(["-netdev", &netdev])
                .args(["-device", &format!("{},netdev=n0,mac={mac}", self.device)]);
        }
        process::tie_to_this_thread(&mut command, inherited);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", artifacts::qemu().display()));
        let (sender, lines) = channel();
        read_lines(child.stdout.take().expect("piped"), sender.clone());
        read_lines(child.stderr.take().expect("piped"), sender);
        Guest {
            child,
            lines,
            console: Vec::new(),
            monitor: Some(monitor),
            connected: None,
            has_station: matches!(self.network, Network::Frames),
            station: Station::new(frames, self.mac),
            counters: None,
            _lock: lock,
        }
    }
}

/// Boots `machine`, which must refuse to serve and end QEMU. Returns the reason that it prints.
///
/// # Panics
///
/// If it does not, or gives no reason.
#[must_use]
pub fn refusal(machine: &Machine<'_>, lock: &QemuLock) -> String {
    let (status, console) = machine.start(lock).ended();
    assert!(
        status.code().is_some_and(|code| code != 0),
        "{machine:?}: {status}; console:\n{console}"
    );
    let reason = console
        .lines()
        .find_map(|line| line.strip_prefix(FATAL_PREFIX));
    reason
        .unwrap_or_else(|| panic!("{machine:?}: no reason; console:\n{console}"))
        .to_owned()
}

fn read_lines(from: impl Read + Send + 'static, to: Sender<String>) {
    std::thread::spawn(move || {
        for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            if to.send(line).is_err() {
                break;
            }
        }
    });
}

/// A running QEMU. Dropped, it is killed.
#[derive(Debug)]
pub struct Guest<'t> {
    child: Child,
    lines: Receiver<String>,
    console: Vec<String>,
    monitor: Option<UnixStream>,
    connected: Option<Monitor>,
    has_station: bool,
    /// The host beside the guest, with [`Network::Frames`].
    pub station: Station,
    counters: Option<u64>,
    _lock: &'t QemuLock,
}

impl Guest<'_> {
    /// Waits until the service says that it is ready.
    ///
    /// # Panics
    ///
    /// If it says that it can't be, or QEMU ends, or nothing happens.
    pub fn ready(&mut self) -> Ready {
        let line = self.wait_for_line("the ready line", |line| {
            line.starts_with(READY_PREFIX) || line.starts_with(FATAL_PREFIX)
        });
        let ready: Ready = line
            .parse()
            .unwrap_or_else(|error| panic!("{error}: {line}"));
        self.counters = ready.counters;
        if self.has_station {
            self.station.meet(&ready);
        }
        ready
    }

    /// Waits for a line of the console, or of QEMU's own, that `is_it`.
    ///
    /// # Panics
    ///
    /// If QEMU ends before there is such a line, or there is none in time.
    pub fn wait_for_line(&mut self, what: &str, is_it: impl Fn(&str) -> bool) -> String {
        let start = Instant::now();
        loop {
            let left = timeouts::BOOT.saturating_sub(start.elapsed());
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    self.console.push(line.clone());
                    if is_it(&line) {
                        return line;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    panic!(
                        "no {what} in {:?}; console:\n{}",
                        timeouts::BOOT,
                        self.said()
                    )
                }
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("QEMU ended without {what}; console:\n{}", self.said())
                }
            }
        }
    }

    /// Waits until QEMU ends of its own accord; returns how, and all it printed.
    ///
    /// # Panics
    ///
    /// If it does not.
    pub fn ended(mut self) -> (ExitStatus, String) {
        let status = timeouts::until(timeouts::BOOT, "QEMU's end", || {
            self.child.try_wait().expect("it is our child")
        });
        // Both pipes are closed now, so this ends.
        let rest: Vec<String> = self.lines.iter().collect();
        self.console.extend(rest);
        (status, self.said())
    }

    /// QEMU's monitor.
    ///
    /// # Panics
    ///
    /// If it does not answer.
    pub fn monitor(&mut self) -> &mut Monitor {
        let stream = self.monitor.take();
        self.connected
            .get_or_insert_with(|| Monitor::new(stream.expect("taken only to be connected")))
    }

    /// The service's counters, read from the guest's memory.
    ///
    /// # Panics
    ///
    /// Before [`Guest::ready`].
    pub fn counters(&mut self) -> Counters {
        let address = self.counters.expect("the ready line tells the address");
        let words = self.monitor().words(address, Counters::LEN);
        Counters::from_array(words.try_into().expect("as many as asked for"))
    }

    /// Waits until the service has counted as `expected`, but for doorbells, and frames of which there may be more.
    ///
    /// # Panics
    ///
    /// If it does not count so.
    pub fn expect_counters(&mut self, expected: &Counters) {
        let start = Instant::now();
        loop {
            let counters = self.counters();
            let but_for_frames = Counters {
                frames_received: expected.frames_received,
                frames_sent: expected.frames_sent,
                doorbells: expected.doorbells,
                ..counters
            };
            if but_for_frames == *expected
                && counters.frames_received >= expected.frames_received
                && counters.frames_sent >= expected.frames_sent
            {
                return;
            }
            assert!(
                start.elapsed() < timeouts::ANSWER,
                "counted {counters:?}, expected {expected:?}"
            );
        }
    }

    /// Returns everything printed so far; [`Guest::wait_for_line`] does not see it again.
    pub fn printed(&mut self) -> String {
        self.console.extend(self.lines.try_iter());
        self.said()
    }

    /// Returns everything printed that was read so far.
    fn said(&self) -> String {
        self.console.join("\n")
    }
}

impl Drop for Guest<'_> {
    fn drop(&mut self) {
        // It may have ended already; either way it is gone after this.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
