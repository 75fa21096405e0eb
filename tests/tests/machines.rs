//! The image on machines with little of a PC, with much of one, and with nothing of what `fathom` adds to one:
//! each serves, or says in one line why not, and ends.
#![forbid(unsafe_code)]

use std::net::UdpSocket;

use serde_json::json;
use tests::guest::{Guest, Machine, Network};
use tests::monitor::Monitor;
use tests::qemu_lock::lock_qemu;
use tests::station::request;
use tests::timeouts;
use wire::ready::{FATAL_PREFIX, READY_PREFIX};
use wire::{Header, Kind, Ready};

const STATIC: &str = "ip=10.0.2.15/24";

/// With `-icount shift=0` a nanosecond is an instruction, and the time stamp counter counts those.
const COUNTED: [&str; 2] = ["-icount", "shift=0"];
const COUNTED_STATIC: &str = "ip=10.0.2.15/24 tsc_khz=1000000";

/// The most that the guest may take from its first instruction to being ready, in microseconds of its own.
const BOOT_US: u64 = 5_000;

/// The most from a press of the power button to the end, in microseconds of the machine's time.
const POWER_OFF_US: u64 = 200_000;

/// The most from a crash to being ready again, the firmware's share included, in microseconds of the machine's time.
const RECOVERY_US: u64 = 500_000;

/// Asks the service, checks its answer, and returns when the service sent it by its own clock, in nanoseconds.
fn ask(guest: &mut Guest<'_>, seq: u64) -> u64 {
    let flow = guest.station.to_service();
    guest.station.ask_service(&flow, seq, 200).t3_ns
}

#[test]
fn gets_ready_in_the_same_time_whatever_the_machine() {
    let lock = lock_qemu();
    let four_processors = [&COUNTED[..], &["-smp", "4"]].concat();
    let root_port = [&COUNTED[..], &["-device", "pcie-root-port,id=rp0"]].concat();
    for machine in [
        Machine {
            memory_mib: 16,
            ..Machine::new(COUNTED_STATIC)
        },
        Machine {
            board: "q35",
            memory_mib: 8192,
            more: &four_processors,
            ..Machine::new(COUNTED_STATIC)
        },
        Machine {
            board: "q35",
            memory_mib: 20,
            device: "virtio-net-pci,bus=rp0,romfile=",
            more: &root_port,
            ..Machine::new(COUNTED_STATIC)
        },
        // The oldest of 64-bit processors.
        Machine {
            cpu: "Opteron_G1",
            ..Machine::new(COUNTED_STATIC)
        },
    ] {
        let more = if machine.more.is_empty() {
            &COUNTED
        } else {
            machine.more
        };
        let mut guest = Machine { more, ..machine }.start(&lock);
        let boot_us = guest.ready().boot_us;
        println!(
            "{} {} {} MiB: {boot_us} us",
            machine.board, machine.cpu, machine.memory_mib
        );
        assert!(boot_us <= BOOT_US, "{machine:?}: {boot_us} us");
        ask(&mut guest, 1);
    }
}

#[test]
fn serves_without_a_serial_port() {
    let lock = lock_qemu();
    let free = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let host_port = free.local_addr().expect("it is bound").port();
    drop(free);
    for board in ["pc", "microvm,acpi=off,isa-serial=off"] {
        let (device, more) = match board {
            "pc" => ("virtio-net-pci,romfile=", &[][..]),
            _ => {
                let modern = &["-global", "virtio-mmio.force-legacy=false"][..];
                ("virtio-net-device", modern)
            }
        };
        let _guest = Machine {
            board,
            device,
            has_serial_port: false,
            network: Network::User {
                host_port,
                guest_port: wire::DEFAULT_PORT,
            },
            more,
            ..Machine::new("ip=10.0.2.15/24 gw=10.0.2.2")
        }
        .start(&lock);
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        socket
            .connect(("127.0.0.1", host_port))
            .expect("an address");
        let wait = Some(timeouts::ANSWER / 100);
        socket.set_read_timeout(wait).expect("it is not zero");
        let mut reply = [0; 2048];
        let len = timeouts::until(timeouts::BOOT, "an answer", || {
            socket.send(&request(7, 100)).ok()?;
            socket.recv(&mut reply).ok()
        });
        let header = Header::decode(&reply[..len]).expect("a reply");
        assert_eq!((header.kind, header.seq), (Kind::Reply, 7), "{board}");
    }
}

/// The console of a machine that refuses, which must say so in one line and then end without a reset.
fn only_line(console: &str) -> &str {
    let lines: Vec<&str> = console.lines().collect();
    let [line] = lines[..] else {
        panic!("one line was expected: {lines:?}");
    };
    line.strip_prefix(FATAL_PREFIX)
        .unwrap_or_else(|| panic!("no reason: {line}"))
}

#[test]
fn a_plain_machine_that_refuses_says_so_once_and_is_switched_off() {
    let lock = lock_qemu();
    let modern = ["-global", "virtio-mmio.force-legacy=false"];
    for (machine, named) in [
        (Machine::new("ip=10.0.2.15/24 bogus=1"), "bogus=1"),
        (
            Machine {
                board: "q35",
                memory_mib: 12,
                ..Machine::new(STATIC)
            },
            "not enough memory",
        ),
        (
            Machine {
                cpu: "qemu64,-nx",
                ..Machine::new(STATIC)
            },
            "no-execute",
        ),
        (
            Machine {
                board: "microvm",
                device: "virtio-net-device",
                more: &modern,
                ..Machine::new("ip=10.0.2.15/24 bogus=1")
            },
            "bogus=1",
        ),
    ] {
        let machine = Machine {
            is_plain: true,
            ..machine
        };
        let (status, console) = machine.start(&lock).ended();
        assert!(status.success(), "{machine:?}: {status}; {console}");
        let reason = only_line(&console);
        assert!(reason.contains(named), "{machine:?}: {reason}");
    }
}

/// Waits until the guest's processor halts with interrupts off, which nothing ends.
fn expect_halt(guest: &mut Guest<'_>) {
    timeouts::until(timeouts::ANSWER, "the processor to halt", || {
        let registers = guest.monitor().print("info registers");
        let flags = registers.split("RFL=").nth(1)?.split_whitespace().next()?;
        let flags = u64::from_str_radix(flags, 16).ok()?;
        const INTERRUPTS: u64 = 1 << 9;
        (registers.contains("HLT=1") && flags & INTERRUPTS == 0).then_some(())
    });
}

#[test]
fn a_machine_that_cannot_be_switched_off_stands_still() {
    let lock = lock_qemu();
    for (machine, named) in [
        (
            Machine {
                board: "pc,acpi=off",
                ..Machine::new("ip=10.0.2.15/24 bogus=1")
            },
            "bogus=1",
        ),
        (
            Machine {
                cpu: "qemu64,-lm",
                ..Machine::new(STATIC)
            },
            "long mode",
        ),
    ] {
        let machine = Machine {
            is_plain: true,
            ..machine
        };
        let mut guest = machine.start(&lock);
        let line = guest.wait_for_line("reason", |line| line.starts_with(FATAL_PREFIX));
        assert!(line.contains(named), "{line}");
        if named == "long mode" {
            // Its registers are printed otherwise.
            continue;
        }
        expect_halt(&mut guest);
    }
}

/// Reads ACPI's timer (6.5, 4.8.3.3), which counts the machine's own time: ticks of 3,579,545 a second, 24 bits.
fn timer_ticks(guest: &mut Guest<'_>) -> u64 {
    let printed = guest.monitor().print("i /w 0x608");
    let value = printed.rsplit("0x").next().unwrap_or_default().trim();
    let value = u64::from_str_radix(value, 16);
    value.unwrap_or_else(|_| panic!("no number: {printed}")) & 0xff_ffff
}

/// Returns the machine's time since ACPI's timer read `before`, in microseconds, if it is less than a turn (4.7 s).
fn us_since(before: u64, guest: &mut Guest<'_>) -> u64 {
    let ticks = timer_ticks(guest).wrapping_sub(before) & 0xff_ffff;
    ticks * 1_000_000 / 3_579_545
}

#[test]
fn a_service_that_crashes_is_soon_back() {
    let lock = lock_qemu();
    let machine = Machine {
        is_plain: true,
        more: &COUNTED,
        ..Machine::new(COUNTED_STATIC)
    };
    let mut guest = machine.start(&lock);
    let first = guest.ready();
    ask(&mut guest, 1);
    guest.monitor().execute("stop", &json!({}));
    let crashed = timer_ticks(&mut guest);
    guest.monitor().crash_guest();
    guest.monitor().execute("cont", &json!({}));
    let line = guest.wait_for_line("second ready line", |line| line.starts_with(READY_PREFIX));
    let second: Ready = line.parse().expect("a ready line");
    assert_ne!(second.boot_id, first.boot_id);
    guest.station.meet(&second);
    let answered_ns = ask(&mut guest, 2);
    // What it took us to ask is none of it.
    let since_ready_us = answered_ns / 1000 - second.boot_us;
    let recovery_us = us_since(crashed, &mut guest) - since_ready_us;
    println!("ready {recovery_us} us after the crash");
    assert!(recovery_us <= RECOVERY_US, "{recovery_us} us");
}

#[test]
fn a_crash_ends_the_machine_as_its_arguments_say() {
    let lock = lock_qemu();
    let crashed = |end: &str| {
        let arguments = format!("{STATIC} panic={end}");
        let machine = Machine {
            is_plain: true,
            arguments: &arguments,
            ..Machine::new(STATIC)
        };
        let mut guest = machine.start(&lock);
        guest.ready();
        guest.monitor().crash_guest();
        guest
    };
    let (status, console) = crashed("exit").ended();
    assert!(status.success(), "{status}; {console}");
    assert!(console.contains("PANIC"), "{console}");
    let mut halted = crashed("halt");
    halted.wait_for_line("reason", |line| line.contains("PANIC"));
    expect_halt(&mut halted);
}

#[test]
fn the_power_button_switches_the_machine_off() {
    let lock = lock_qemu();
    for (board, arguments) in [
        ("pc", STATIC),
        ("q35", "ip=10.0.2.15/24 idle=nap quiet=1ms nap=1ms"),
    ] {
        let machine = Machine {
            board,
            is_plain: true,
            ..Machine::new(arguments)
        };
        let mut guest = machine.start(&lock);
        guest.ready();
        ask(&mut guest, 1);
        guest.monitor().execute("system_powerdown", &json!({}));
        let (status, console) = guest.ended();
        assert!(status.success(), "{board}: {status}");
        let lines: Vec<&str> = console.lines().collect();
        let [ready, off] = lines[..] else {
            panic!("{board}: {lines:?}");
        };
        assert!(ready.starts_with(READY_PREFIX), "{ready}");
        assert!(off.contains("power button"), "{off}");
    }
}

/// Has the interval timer (8254), which firmware leaves running, count down once and then be still: nothing that wakes
/// the processor is left but what the image sets up.
fn silence_interval_timer(monitor: &mut Monitor) {
    /// Channel 0, both bytes of the count, mode 0.
    const ONCE: u8 = 0x30;
    for (port, value) in [(0x43, ONCE), (0x40, 1), (0x40, 0)] {
        monitor.print(&format!("o /b {port:#x} {value:#x}"));
    }
}

/// The time is the machine's own, and no part of it is the host's. The button is pressed while the machine is
/// stopped, and QEMU stops it again where it would end. In between a nanosecond is an instruction; a processor that
/// sleeps skips to what wakes it (`sleep=off`), and one that nothing wakes has no time at all. So it does not
/// matter how late a busy host's QEMU sees that the guest has switched itself off.
#[test]
fn the_power_button_ends_the_machine_within_200_ms() {
    let lock = lock_qemu();
    let counted = ["-icount", "shift=0,sleep=off", "-no-shutdown"];
    for (board, idle) in [
        ("pc", "idle=spin"),
        ("q35", "idle=spin"),
        // It still spins when the button is pressed, and naps when it looks at it.
        ("pc", "idle=nap quiet=20ms nap=1ms"),
        ("q35", "idle=nap quiet=20ms nap=10ms"),
    ] {
        let arguments = format!("{COUNTED_STATIC} {idle}");
        let machine = Machine {
            board,
            is_plain: true,
            more: &counted,
            ..Machine::new(&arguments)
        };
        let mut guest = machine.start(&lock);
        guest.wait_for_line("the ready line", |line| line.starts_with(READY_PREFIX));
        let monitor = guest.monitor();
        monitor.execute("stop", &json!({}));
        silence_interval_timer(monitor);
        let pressed = timer_ticks(&mut guest);
        let monitor = guest.monitor();
        monitor.execute("system_powerdown", &json!({}));
        monitor.event("POWERDOWN");
        monitor.execute("cont", &json!({}));
        monitor.event("SHUTDOWN");
        timeouts::until(timeouts::ANSWER, "QEMU to stop the machine", || {
            let status = guest.monitor().execute("query-status", &json!({}));
            (status["status"] == "shutdown").then_some(())
        });
        let off_us = us_since(pressed, &mut guest);
        println!("{board} {idle}: off {off_us} us after the button");
        assert!(off_us <= POWER_OFF_US, "{board} {idle}: {off_us} us");
    }
}
