//! Long runs, and what happens to a run from outside: a link that is unplugged, a host that is suspended, a kill.
#![forbid(unsafe_code)]

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use serde_json::{Value, json};
use tests::fathom::{Call, Running};
use tests::interval_log::{histogram, measured_s};
use tests::mid_run::{MEASURING, measuring, measuring_with_monitor};
use tests::monitor::Monitor;
use tests::network;
use tests::qemu_lock::{QemuLock, lock_qemu};
use tests::results::Results;
use tests::{soak, timeouts};
use wire::{Counters, Ready};

/// Length of the long run in the suite, in seconds; `FATHOM_SOAK_SECONDS` in the environment for another.
const SOAK_S: u64 = 6;

/// Readings of a process in a long run.
const READINGS: u32 = 400;

/// Number of those between two readings of the guest's counters.
const COUNTERS_EVERY: usize = 40;

/// Replies after which it is plain that a run measures.
const MEASURED: u64 = 100;

/// Growth of a process's memory from the second quarter of a run to its end that is none, in bytes: pages that the kernel
/// counts with a delay, and QEMU's own bookkeeping.
const GROWTH: u64 = 1 << 20;

/// Time for which a link is unplugged, or the host suspended.
const PAUSE: Duration = Duration::from_millis(800);

/// Memory, descriptors and threads of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Holdings {
    resident_bytes: u64,
    descriptors: usize,
    threads: usize,
}

impl Holdings {
    /// Returns those of `pid`; `None` if it has ended.
    fn of(pid: Pid) -> Option<Self> {
        let process = format!("/proc/{}", pid.as_raw_nonzero());
        let entries = |name: &str| Some(fs::read_dir(format!("{process}/{name}")).ok()?.count());
        let statm = fs::read_to_string(format!("{process}/statm")).ok()?;
        let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
        Some(Self {
            resident_bytes: pages * rustix::param::page_size() as u64,
            descriptors: entries("fd")?,
            threads: entries("task")?,
        })
    }
}

/// Expects that readings of the process called `name` grow no more in the course of a run.
fn expect_flat(name: &str, readings: &[Holdings]) {
    let quarter = readings.len() / 4;
    assert!(quarter > 0, "{name}: {readings:?}");
    let most = |readings: &[Holdings], count: fn(&Holdings) -> u64| {
        readings.iter().map(count).max().unwrap_or_default()
    };
    let (early, late) = (&readings[quarter..2 * quarter], &readings[3 * quarter..]);
    let bytes = [early, late].map(|part| most(part, |holdings| holdings.resident_bytes));
    println!(
        "{name}: {} readings, {bytes:?} bytes resident, {:?}",
        readings.len(),
        late.last()
    );
    assert!(bytes[1] <= bytes[0] + GROWTH, "{name}: {bytes:?}");
    for count in [
        (|holdings: &Holdings| holdings.descriptors as u64) as fn(&Holdings) -> u64,
        |holdings| holdings.threads as u64,
    ] {
        assert!(
            most(late, count) <= most(early, count),
            "{name}: {early:?} {late:?}"
        );
    }
}

/// Counters of the guest, read through a monitor of the test's own while it serves.
struct GuestCounters {
    monitor: Monitor,
    address: u64,
}

impl GuestCounters {
    /// Waits until the guest of `running`, whose QEMU listens at `monitor`, is ready.
    fn of(running: &mut Running<'_>, monitor: &Path) -> Self {
        let log = running.file("out/console.log");
        let ready = timeouts::until(timeouts::BOOT, "a ready guest", || {
            let log = fs::read_to_string(&log).ok()?;
            log.lines()
                .find_map(|line| line.trim().parse::<Ready>().ok())
        });
        Self {
            monitor: Monitor::new(UnixStream::connect(monitor).expect("QEMU listens there")),
            address: ready.counters.expect("the ready line tells the address"),
        }
    }

    fn read(&mut self) -> Counters {
        let words = self.monitor.words(self.address, Counters::LEN);
        Counters::from_array(words.try_into().expect("as many as were asked for"))
    }
}

/// Expects that no counter of drops or faults has counted anything.
fn expect_no_drops(counters: &Counters) {
    for (name, count) in Counters::NAMES.iter().zip(counters.to_array()) {
        let is_drop = name.starts_with("dropped_") || *name == "device_faults";
        assert!(!is_drop || count == 0, "{name}: {count}");
    }
}

#[test]
fn memory_descriptors_and_drops_stay_flat_in_a_long_run() {
    let lock = lock_qemu();
    let length = Duration::from_secs(soak::count("FATHOM_SOAK_SECONDS", SOAK_S));
    let call = Call::run(&format!(
        "--accel tcg --link vhost-user --mode open --rate 2000 --warmup 0s --timeout 10s --duration {}s",
        length.as_secs()
    ));
    let monitor = call.file("monitor");
    let more = format!("-qmp unix:{},server=on,wait=off", monitor.display());
    let mut running = call.with_qemu_arguments(&more).start(&lock);
    let mut counters = GuestCounters::of(&mut running, &monitor);
    let is_measuring = || (counters.read().replied > MEASURED).then_some(());
    timeouts::until(timeouts::ANSWER, "replies", is_measuring);
    let (fathom, qemu) = (running.pid(), running.qemu().pid);
    let mut readings = (Vec::new(), Vec::new());
    let start = Instant::now();
    // The end of the run is another matter.
    while start.elapsed() < length * 9 / 10 {
        thread::sleep(length / READINGS);
        let of = |pid| Holdings::of(pid).expect("it runs");
        readings.0.push(of(fathom));
        readings.1.push(of(qemu));
        if readings.0.len().is_multiple_of(COUNTERS_EVERY) {
            expect_no_drops(&counters.read());
        }
    }
    drop(counters);
    let results = running.finish().measured();
    expect_flat("fathom", &readings.0);
    expect_flat("QEMU", &readings.1);
    // Nothing is lost on a link that keeps what the guest has no room for.
    assert_eq!(results.count("lost"), 0, "{:#}", results.run());
    let received = results.guest_counter("datagrams_received");
    assert_eq!(results.guest_counter("replied"), received);
    assert_eq!(
        results.count("sent"),
        received - results.count("warmup_discarded")
    );
}

/// Waits until there has been more traffic, and ends the run.
fn ended_after_more(running: Running<'_>) -> Results {
    let mut running = running;
    let captured = fs::metadata(running.file("frames.pcap")).unwrap().len();
    running.wait_for_file("frames.pcap", captured + MEASURING);
    running.interrupt();
    let results = running.finish().partial("interrupted");
    let [sent, received, lost, in_flight] =
        ["sent", "received", "lost", "in_flight_at_end"].map(|field| results.count(field));
    assert_eq!(sent, received + lost + in_flight, "{:#}", results.run());
    results
}

#[test]
fn a_link_that_is_unplugged_for_a_while_loses_what_was_sent_meanwhile_and_is_taken_up_again() {
    let lock = lock_qemu();
    let links = ["vhost-user", "unix", "user", "tap"];
    let count = links.len() - usize::from(!network::is_root());
    for link in &links[..count] {
        let arguments = format!(
            "--link {link} --mode open --arrivals even --rate 1000 --timeout 200ms --duration 300s"
        );
        let (running, mut monitor) = measuring_with_monitor(&lock, &arguments);
        let mut plug = |up: bool| {
            monitor.execute("set_link", &json!({ "name": "n0", "up": up }));
        };
        plug(false);
        thread::sleep(PAUSE);
        plug(true);
        let results = ended_after_more(running);
        let lost = results.count("lost");
        assert!(lost > 0, "{link}: {:#}", results.run());
        let losses = &results.run()["losses"];
        let parts = ["not_received_by_guest", "dropped_by_guest", "answer_lost"];
        let parts = parts.map(|part| losses[part].as_u64().unwrap());
        assert_eq!(parts.iter().sum::<u64>(), lost, "{link}: {losses:#}");
    }
}

#[test]
fn a_host_that_is_suspended_delays_requests_and_loses_none() {
    let lock = lock_qemu();
    for link in ["vhost-user", "unix"] {
        let mut running = measuring(
            &lock,
            &format!(
                "--link {link} --mode open --arrivals even --rate 1000 --timeout 20s --duration 300s"
            ),
        );
        let qemu = running.qemu();
        running.signal(Signal::STOP);
        qemu.signal(Signal::STOP);
        thread::sleep(PAUSE);
        qemu.signal(Signal::CONT);
        running.signal(Signal::CONT);
        let results = ended_after_more(running);
        assert_eq!(results.count("lost"), 0, "{link}: {:#}", results.run());
        // Requests were due all the while: one of the first waited for nearly all of it.
        let max_ns = results.run()["latency_ns"]["max"].as_u64().unwrap();
        assert!(
            u128::from(max_ns) >= PAUSE.as_nanos() * 9 / 10,
            "{link}: {max_ns}"
        );
    }
}

/// Kills `call`, which makes `most` measurements, when four are finished, and reads what it has left.
fn expect_finished_kept(call: Call, most: usize, lock: &QemuLock) {
    let out = call.file("out");
    let running = call.with("--out", &out).start(lock);
    let runs = || {
        let text = fs::read_to_string(out.join("result.json")).ok()?;
        let json: Value = serde_json::from_str(&text).expect("a file is replaced as a whole");
        Some(json["runs"].as_array()?.len()).filter(|&count| count >= 4)
    };
    let finished = timeouts::until(timeouts::RUN, "four measurements", runs);
    running.signal(Signal::KILL);
    let outcome = running.finish_abruptly();
    assert_eq!(outcome.code, None, "{outcome:#?}");
    let results = Results::read(&outcome.file("out"));
    let kept = results.json["runs"].as_array().unwrap().len();
    assert!((finished..most).contains(&kept), "{kept}");
    let report = Call::new("report").with_argument(outcome.file("out"));
    let place = report.file("report");
    fs::create_dir(&place).unwrap();
    let report = report.with("--out", place).finish(lock);
    assert_eq!(report.code, Some(0), "{report:#?}");
}

#[test]
fn a_command_that_is_killed_keeps_the_measurements_that_were_finished() {
    let lock = lock_qemu();
    let compare = "compare --mode closed --targets null,null --links loopback --repeat 200 --retries 0 \
                   --duration 20ms --warmup 0s --settle 0s";
    expect_finished_kept(Call::new(compare), 400, &lock);
    let sweep = "run --target null --link unix --sweep --duration 300ms --warmup 0s --depth 4";
    expect_finished_kept(Call::new(sweep), 9, &lock);
}

#[test]
#[ignore = "takes a minute, the first interval of a run of an hour: make soak"]
fn a_run_of_an_hour_that_is_killed_keeps_the_intervals_that_were_over() {
    let lock = lock_qemu();
    let mut running =
        Call::run("--accel tcg --link vhost-user --duration 1h --warmup 0s").start(&lock);
    running.qemu();
    // An interval is an hour's part in 64, in whole seconds.
    thread::sleep(Duration::from_secs(57));
    running.wait_for_file("out/unfinished.hlog", 1000);
    running.signal(Signal::KILL);
    let outcome = running.finish_abruptly();
    assert_eq!(outcome.code, None, "{outcome:#?}");
    let log = outcome.file("out/unfinished.hlog");
    assert!(!histogram(&log).is_empty());
    assert!(
        (measured_s(&log) - 57.0).abs() < 0.1,
        "{}",
        measured_s(&log)
    );
}
