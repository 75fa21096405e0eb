//! Cost of watching a measurement: a prober with and without an exporter that is scraped each second, and a run
//! with and without the live view. Pairs in turns, in random order, judged as a comparison of two targets is
//! (`stats::comparison`): Holm's procedure over all percentiles, a difference that is none in one of twenty tries.
//!
//! Each test takes the machine for itself, and wants it at rest: noise widens the intervals and hides a cost.
#![forbid(unsafe_code)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use fathom::random::SplitMix64;
use fathom::stats::Distribution;
use fathom::stats::comparison::{Boot, Difference, Round, Verdict, compare};
use hdrhistogram::Histogram;
use tests::fathom::Call;
use tests::qemu_lock::{QemuLock, lock_qemu};
use tests::terminal::Terminal;
use tests::{artifacts, interval_log, process, timeouts};

/// Pairs of a watched measurement and one that nobody watches.
const PAIRS: u32 = 20;

/// Time between two scrapes.
const SCRAPE_EVERY: Duration = Duration::from_secs(1);

/// Percentiles that must be there to be judged.
const JUDGED: [&str; 3] = ["p50", "p90", "p99"];

/// The responder on a port of its own, until it is dropped.
struct Responder {
    child: Child,
    address: SocketAddr,
}

impl Responder {
    fn start() -> Self {
        // The kernel gives a port that was free a moment ago to nobody at once.
        let free = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let program = artifacts::root().join("target/fathom-responder");
        let mut command = Command::new(&program);
        command.args(["--mode", "blocking", "--listen", &address.to_string()]);
        process::tie_to_this_thread(&mut command, Vec::new());
        let child = command.stdout(Stdio::piped()).spawn();
        let mut child = child.unwrap_or_else(|error| {
            panic!("{}: {error}; run `make linux-guest`", program.display())
        });
        let mut ready = String::new();
        let stdout = child.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut ready).unwrap();
        assert!(ready.contains("READY"), "{ready}");
        Self { child, address }
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Scrapes `exporter` each second until `is_over`, and returns how often it was answered.
fn scrape(exporter: SocketAddr, is_over: &AtomicBool) -> u32 {
    let mut answered = 0;
    let mut next = Instant::now();
    while !is_over.load(Ordering::Relaxed) {
        if Instant::now() < next {
            thread::sleep(timeouts::LOOK_AGAIN);
            continue;
        }
        let ask = || {
            let mut connection = TcpStream::connect(exporter).ok()?;
            connection.set_read_timeout(Some(timeouts::ANSWER)).ok()?;
            connection
                .write_all(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
                .ok()?;
            let mut text = String::new();
            connection.read_to_string(&mut text).ok()?;
            text.contains("fathom_latency_seconds_bucket").then_some(())
        };
        answered += u32::from(ask().is_some());
        next += SCRAPE_EVERY;
    }
    answered
}

/// Measures `service` by an open loop for some seconds, with an exporter or without one, and returns the latencies.
fn probe(service: SocketAddr, is_watched: bool, lock: &QemuLock) -> Histogram<u64> {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let exporter = free.local_addr().unwrap();
    drop(free);
    let watched = match is_watched {
        true => format!("--exporter {exporter}"),
        false => String::new(),
    };
    let call = Call::new(&format!(
        "probe {service} --hlog logs --rate 1000 --duration 3s --warmup 200ms {watched}"
    ));
    let is_over = AtomicBool::new(false);
    let (outcome, scrapes) = thread::scope(|scope| {
        let running = call.start(lock);
        let scraped = is_watched.then(|| scope.spawn(|| scrape(exporter, &is_over)));
        let outcome = running.finish();
        is_over.store(true, Ordering::Relaxed);
        (outcome, scraped.map(|thread| thread.join().unwrap()))
    });
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    assert!(scrapes.is_none_or(|scrapes| scrapes >= 2), "{scrapes:?}");
    let logs = outcome.file("logs").read_dir().unwrap();
    let tag = service.to_string();
    let mut sum = Histogram::<u64>::new(3).unwrap();
    for log in logs {
        let log = log.unwrap().path();
        sum.add(interval_log::tagged(&log, Some(&tag))).unwrap();
    }
    sum
}

/// Measures the unikernel by a closed loop on a terminal, with the live view or without it, and returns the latencies.
fn run(is_watched: bool) -> Histogram<u64> {
    let place = tempfile::tempdir().unwrap();
    let out = place.path().join("out");
    let live = if is_watched { "always" } else { "never" };
    let arguments = format!(
        "run --accel tcg --link vhost-user --duration 2s --warmup 200ms --quiet 0s --live {live} --image {} --out {}",
        artifacts::image().display(),
        out.display(),
    );
    let terminal = Terminal::start(&arguments, (120, 40), &[]);
    let (code, text) = terminal.finish();
    assert!([0, 4].contains(&code), "{text}");
    assert_eq!(text.contains("\x1b[?1049h"), is_watched, "{text}");
    latencies(&out)
}

/// Returns the latencies of the only run whose results are in `directory`.
fn latencies(directory: &Path) -> Histogram<u64> {
    let files = directory.read_dir().unwrap();
    let mut logs = files.filter_map(|file| {
        let path = file.unwrap().path();
        path.extension()
            .is_some_and(|end| end == "hlog")
            .then_some(path)
    });
    let log = logs.next().expect("a log");
    assert!(logs.next().is_none(), "one log");
    interval_log::histogram(&log)
}

/// Measures pairs in turns and in random order, prints what was found, and fails if a percentile differs.
fn compare_pairs(what: &str, mut measure: impl FnMut(bool) -> Histogram<u64>) {
    let mut random = SplitMix64(20);
    let mut pairs = Vec::new();
    for _ in 0..PAIRS {
        let is_watched_first = random.fraction() < 0.5;
        let first = Distribution::from(&measure(is_watched_first));
        let second = Distribution::from(&measure(!is_watched_first));
        pairs.push(match is_watched_first {
            true => (first, second),
            false => (second, first),
        });
    }
    let boot = |latency| Boot {
        latency,
        sent: latency.count(),
        lost: 0,
        dropped: 0,
    };
    let rounds = (1..).zip(&pairs).map(|(number, (watched, alone))| Round {
        number,
        target: boot(watched),
        baseline: boot(alone),
    });
    let differences = compare(&[rounds.collect()]).remove(0);
    for Difference {
        percentile,
        outcome,
        ratio,
        interval,
        confidence,
        detectable_ratio,
        ..
    } in &differences
    {
        let (low, high) = interval.unwrap_or_default();
        let number = |number: Option<f64>| number.unwrap_or(f64::NAN);
        eprintln!(
            "{what}: {} {:.4} times that without, {:.4} to {:.4} at {:.2} %; {:.3} would be found: {outcome:?}",
            percentile.name,
            number(*ratio),
            number(low),
            number(high),
            100.0 * number(*confidence),
            number(*detectable_ratio),
        );
    }
    for name in JUDGED {
        let is_judged = differences
            .iter()
            .any(|difference| difference.percentile.name == name && difference.interval.is_some());
        assert!(is_judged, "{what}: {name} was not judged: {differences:#?}");
    }
    let claims = differences
        .iter()
        .filter(|difference| difference.outcome != Verdict::NoDifference);
    let claims: Vec<_> = claims.map(|claim| claim.percentile.name).collect();
    assert!(claims.is_empty(), "{what}: {claims:?} differ");
}

#[test]
#[ignore = "twenty pairs take two and a half minutes at rest: `make alike`"]
fn an_exporter_that_is_scraped_changes_no_percentile() {
    let lock = lock_qemu();
    let responder = Responder::start();
    compare_pairs("exporter", |is_watched| {
        probe(responder.address, is_watched, &lock)
    });
}

#[test]
#[ignore = "twenty pairs of boots take two and a half minutes at rest: `make alike`"]
fn a_live_view_changes_no_percentile() {
    let lock = lock_qemu();
    compare_pairs("live view", run);
    drop(lock);
}
