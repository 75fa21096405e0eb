//! The figures, measured.

use fathom::link::LinkKind;
use size::Sizes;
use tests::artifacts;
use tests::guest::Machine;
use tests::icount::Counted;
use tests::instructions::{self, STAMP_KEY, Service};
use tests::notifications;
use tests::qemu_lock::{QemuLock, lock_qemu};

use crate::baseline::Baseline;

/// Parts that answer, by the boot argument `path=`.
const PATHS: [&str; 2] = ["reflector", "smoltcp"];

const SERVICES: [(&str, Service); 2] = [("timestamp", Service::Timestamp), ("echo", Service::Echo)];

const PAYLOADS: [usize; 2] = [64, 1472];

const LINKS: [LinkKind; 3] = [LinkKind::User, LinkKind::Unix, LinkKind::VhostUser];

/// Every limit that an operator can set: the client's network, and rates that are never reached.
const LIMITS: &str = "allow=10.0.2.0/24,fd00::/8 rate=10000000 rate-all=10000000";

/// Requests that are answered one by one, to see who is woken for them.
const ECHOES: u64 = 500;

/// A crate that takes less of the image has no figure of its own: one function more would change it by a lot.
const CRATE_BYTES_MIN: u64 = 8 << 10;

/// Measures everything.
pub fn measure() -> Result<Baseline, String> {
    let lock = lock_qemu();
    let mut figures = Baseline::default();
    sizes(&mut figures)?;
    for path in PATHS {
        let mut guest = Counted::boot(&format!("path={path}"), &lock);
        instructions(&mut guest, path, &mut figures);
    }
    limits(&lock, &mut figures);
    stamp(&lock, &mut figures);
    boot(&lock, &mut figures);
    // Whatever answers, it is the same look that finds nothing. Without ACPI there is no power button to look at
    // as well, once in thousands of polls.
    let mut guest = Counted::boot_with("", &["-no-acpi"], &lock);
    let count = instructions::per_empty_poll(&mut guest);
    figures.add("instructions per empty poll".to_owned(), count as f64);
    drop(guest);
    for link in LINKS {
        let woken = notifications::by_lone_echoes(link, ECHOES, &lock);
        for (what, times) in [
            ("doorbells", woken.doorbells),
            ("interrupts", woken.interrupts),
        ] {
            let name = format!("{what} per echo, {}", link.name());
            figures.add(name, times as f64 / ECHOES as f64);
        }
    }
    Ok(figures)
}

fn sizes(figures: &mut Baseline) -> Result<(), String> {
    let sizes = Sizes::of_built(artifacts::root())?;
    figures.add("bytes of fathom.elf".to_owned(), sizes.file_bytes as f64);
    figures.add(
        "bytes of fathom.elf in memory".to_owned(),
        sizes.memory_bytes as f64,
    );
    for (name, &bytes) in &sizes.crates {
        if bytes >= CRATE_BYTES_MIN {
            figures.add(format!("bytes of fathom.elf, {name}"), bytes as f64);
        }
    }
    Ok(())
}

/// Counts the instructions from entry to ready, part by part, as the guest logs them.
fn boot(lock: &QemuLock, figures: &mut Baseline) {
    const PREFIX: &str = "boot_ns ";
    let machine = Machine {
        more: &["-icount", "shift=0"],
        ..Machine::new("ip=10.0.2.15/24 tsc_khz=1000000 log=info")
    };
    let mut guest = machine.start(lock);
    let line = guest.wait_for_line("times of the boot", |line| line.contains(PREFIX));
    let (_, parts) = line.split_once(PREFIX).expect("it was looked for");
    for part in parts.split(' ') {
        let (name, ns) = part.split_once('=').expect("name=value");
        let count: f64 = ns.parse().expect("a number of nanoseconds");
        figures.add(format!("instructions of the boot, {name}"), count);
    }
}

/// Requests where every limit is set and none is reached.
fn limits(lock: &QemuLock, figures: &mut Baseline) {
    let mut guest = Counted::boot(LIMITS, lock);
    for (name, service) in SERVICES {
        let count = instructions::per_answer(&mut guest, service, PAYLOADS[0]);
        let name = format!("instructions per {name} of {} bytes, limits", PAYLOADS[0]);
        figures.add(name, count as f64);
    }
}

/// STAMP's test packets: base packets, and the longest.
fn stamp(lock: &QemuLock, figures: &mut Baseline) {
    let keys = [String::new(), format!("stamp-key={STAMP_KEY}")];
    let services = [
        ("stamp", Service::Stamp),
        ("authenticated stamp", Service::AuthenticatedStamp),
    ];
    for ((key, (name, service)), base) in keys.iter().zip(services).zip([44, 112]) {
        let mut guest = Counted::boot(key, lock);
        for payload_len in [base, 1472] {
            let count = instructions::per_answer(&mut guest, service, payload_len);
            let name = format!("instructions per {name} of {payload_len} bytes");
            figures.add(name, count as f64);
        }
    }
}

fn instructions(guest: &mut Counted<'_>, path: &str, figures: &mut Baseline) {
    // The ready line is in microseconds, and a thousand instructions take one.
    let to_ready = guest.ready().boot_us * 1000;
    figures.add(
        format!("instructions from entry to ready, path={path}"),
        to_ready as f64,
    );
    for (name, service) in SERVICES {
        for payload_len in PAYLOADS {
            let count = instructions::per_answer(guest, service, payload_len);
            let name = format!("instructions per {name} of {payload_len} bytes, path={path}");
            figures.add(name, count as f64);
        }
    }
}
