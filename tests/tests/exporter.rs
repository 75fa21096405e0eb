//! A continuous probe read by those for whom it is: Prometheus itself, its client for Python (Debian's packages), and
//! HdrHistogram's reader of logs.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use hdrhistogram::Histogram;
use rustix::process::Signal;
use serde_json::Value;
use suite::Capability;
use tests::fathom::{Call, Running};
use tests::qemu_lock::{QemuLock, lock_qemu};
use tests::{artifacts, interval_log, process, timeouts};

/// Width of a native bucket of schema 4, as a factor.
const BUCKET: f64 = 1.044_273_782_427_413_8;

/// Answers as Fathom's service does, until the test's process ends.
fn service() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 2048];
        let mut number = 0_u64;
        while let Ok((len, client)) = socket.recv_from(&mut buffer) {
            let _ = wire::handle(&mut buffer[..len], 7, 1000, || 1500);
            // So that there is a tail.
            number += 1;
            if number.is_multiple_of(20) {
                thread::sleep(Duration::from_millis(3));
            }
            let _ = socket.send_to(&buffer[..len], client);
        }
    });
    address
}

/// An exporter of `targets` with a log of intervals of a second, and the address that it serves on.
fn export<'t>(targets: &str, lock: &'t QemuLock) -> (Running<'t>, SocketAddr) {
    let address = free_address();
    let line =
        format!("probe {targets} --exporter {address} --every 1s --rate 500 --label zone=eu-1");
    let call = Call::new(&line);
    let log = call.file("log");
    let mut probe = call.with("--hlog", log).start(lock);
    probe.wait_for_error(&format!("metrics are at http://{address}/metrics"));
    (probe, address)
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

/// Returns the body of the answer to a GET; `None` if nobody answers, or not with 200.
fn get(address: SocketAddr, path: &str) -> Option<String> {
    let mut connection = TcpStream::connect(address).ok()?;
    connection.set_read_timeout(Some(timeouts::ANSWER)).ok()?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n");
    connection.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).ok()?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.lines()
        .next()?
        .contains(" 200 ")
        .then(|| body.to_owned())
}

/// The only log of a probe that has ended.
fn log_in(directory: &Path) -> std::path::PathBuf {
    let mut files = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let log = files.next().expect("a log");
    // Another one begins at midnight, UTC.
    files.next().unwrap_or(log)
}

#[test]
fn pythons_client_reads_the_text_of_a_probe() {
    let lock = lock_qemu();
    let look = ["-c", "import prometheus_client.parser"];
    let status = Command::new("/usr/bin/python3")
        .args(look)
        .stderr(Stdio::null())
        .status();
    if !status.is_ok_and(|status| status.success()) {
        suite::skip(
            Capability::Prometheus,
            "Prometheus' client for Python is not installed",
        );
        return;
    }
    let nobody = UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let target = service();
    let (probe, address) = export(&format!("{target} {nobody} --timeout 100ms"), &lock);
    let first = format!("target=\"{target}\"}} ");
    timeouts::until(timeouts::ANSWER, "replies", || {
        let text = get(address, "/metrics")?;
        let replies = text
            .lines()
            .find(|line| line.starts_with("fathom_replies_total") && line.contains(&first));
        replies.filter(|line| !line.ends_with(" 0")).map(drop)
    });
    let mut read = Command::new("/usr/bin/python3");
    read.arg(artifacts::root().join("tests/interop/read_metrics.py"));
    let output = read
        .arg(format!("http://{address}/metrics"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let lines = String::from_utf8(output.stdout).unwrap();
    let mut values = BTreeMap::new();
    for line in lines.lines() {
        let (name, labels, value): (String, BTreeMap<String, String>, f64) =
            serde_json::from_str(line).unwrap();
        assert_eq!(
            labels.get("zone").map(String::as_str),
            Some("eu-1"),
            "{line}"
        );
        let target = labels.get("target").cloned().unwrap_or_default();
        let bound = labels.get("le").cloned().unwrap_or_default();
        values.insert((name, target, bound), value);
    }
    let value = |name: &str, target: SocketAddr, bound: &str| {
        let key = (
            format!("fathom_{name}"),
            target.to_string(),
            bound.to_owned(),
        );
        *values
            .get(&key)
            .unwrap_or_else(|| panic!("{key:?} in {lines}"))
    };
    assert!(value("replies_total", target, "") > 0.0);
    assert_eq!(value("replies_total", nobody, ""), 0.0);
    for target in [target, nobody] {
        let settled = ["replies_total", "lost_total", "not_sent_total"];
        let settled: f64 = settled.iter().map(|name| value(name, target, "")).sum();
        assert_eq!(value("latency_seconds_count", target, ""), settled);
        assert_eq!(value("latency_seconds_bucket", target, "+Inf"), settled);
    }
    // All that is lost is above the timeout.
    assert_eq!(value("latency_seconds_bucket", nobody, "0.1"), 0.0);
    assert_eq!(get(address, "/healthz").as_deref(), Some("ok\n"));
    probe.signal(Signal::TERM);
    let outcome = probe.finish();
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    assert_eq!(get(address, "/metrics"), None);
}

/// A server of Prometheus', until it is dropped.
struct Prometheus {
    child: Child,
    address: SocketAddr,
    _place: tempfile::TempDir,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Prometheus {
    /// Starts one that scrapes `exporter`; without Prometheus the calling test is skipped.
    #[track_caller]
    fn start(exporter: SocketAddr) -> Option<Self> {
        let program = artifacts::root().join("target/prometheus/usr/bin/prometheus");
        if !program.is_file() {
            suite::skip(
                Capability::Prometheus,
                "Debian's package of Prometheus is not unpacked",
            );
            return None;
        }
        let place = tempfile::tempdir().unwrap();
        let configuration = place.path().join("prometheus.yml");
        let text = format!(
            "global: {{scrape_interval: 1s}}\nscrape_configs:\n  - job_name: fathom\n    static_configs: [{{targets: [\"{exporter}\"]}}]\n"
        );
        fs::write(&configuration, text).unwrap();
        let address = free_address();
        let mut command = Command::new(program);
        command
            .arg(format!("--config.file={}", configuration.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                place.path().join("data").display()
            ))
            .arg(format!("--web.listen-address={address}"))
            .arg("--enable-feature=native-histograms")
            .arg("--log.level=error")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        process::tie_to_this_thread(&mut command, Vec::new());
        Some(Self {
            child: command.spawn().unwrap(),
            address,
            _place: place,
        })
    }

    /// Returns the value of an expression with one result, at a time in seconds since 1970.
    fn value(&self, expression: &str, at_s: u64) -> Option<f64> {
        let body = get(
            self.address,
            &format!("/api/v1/query?time={at_s}&query={expression}"),
        )?;
        let answer: Value = serde_json::from_str(&body).ok()?;
        let value = answer["data"]["result"].get(0)?["value"][1].as_str()?;
        value.parse().ok().filter(|value: &f64| value.is_finite())
    }
}

fn now_s() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.unwrap().as_secs()
}

/// Bounds of the value with `rank` in `count` samples, of which `known` are all but some.
fn bounds(known: &Histogram<u64>, count: u64, quantile: f64) -> (f64, f64) {
    let rank = quantile * count as f64;
    let unknown = (count - known.len()) as f64;
    let value = |rank: f64| {
        let quantile = (rank / known.len() as f64).clamp(0.0, 1.0);
        known.value_at_quantile(quantile) as f64 / 1e9
    };
    let highest = if rank.ceil() > known.len() as f64 {
        f64::INFINITY
    } else {
        value(rank.ceil())
    };
    (value((rank - unknown).floor().max(0.0)), highest)
}

#[test]
fn prometheus_quantiles_are_those_of_the_log_to_a_buckets_width() {
    let lock = lock_qemu();
    let target = service();
    let (probe, address) = export(&target.to_string(), &lock);
    let Some(prometheus) = Prometheus::start(address) else {
        return;
    };
    let metric = "fathom_latency_seconds";
    let count = format!("histogram_count({metric})");
    let at_s = timeouts::until(timeouts::BOOT, "a native histogram of 1000 samples", || {
        let now_s = now_s();
        prometheus
            .value(&count, now_s)
            .filter(|&count| count > 1000.0)?;
        Some(now_s)
    });
    // What was scraped by then stays as it is.
    let samples = prometheus.value(&count, at_s).unwrap() as u64;
    let quantiles = [0.1, 0.5, 0.9, 0.99].map(|quantile| {
        let expression = format!("histogram_quantile({quantile},{metric})");
        (quantile, prometheus.value(&expression, at_s).unwrap())
    });
    assert!(
        prometheus
            .value("fathom_valid", at_s)
            .is_some_and(|valid| valid == 0.0 || valid == 1.0)
    );
    assert_eq!(prometheus.value("fathom_lost_total", at_s), Some(0.0));
    drop(prometheus);
    probe.interrupt();
    let outcome = probe.finish();
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");

    // The whole intervals of the log that the scrape had: it may have had a part of the next one.
    let log = log_in(&outcome.file("log"));
    let tag = target.to_string();
    let mut known = Histogram::<u64>::new(3).unwrap();
    for interval in interval_log::intervals(&log, Some(&tag)) {
        if known.len() + interval.len() > samples {
            break;
        }
        known.add(interval).unwrap();
    }
    assert!(known.len() * 2 > samples, "{} of {samples}", known.len());
    for (quantile, measured_s) in quantiles {
        let (low_s, high_s) = bounds(&known, samples, quantile);
        // A slot of the log has a thousandth, and the value may be anywhere in its bucket.
        let range = low_s / BUCKET * 0.998..=high_s * BUCKET * 1.002;
        assert!(
            range.contains(&measured_s),
            "p{quantile}: {measured_s} is not in {range:?}"
        );
    }
}

/// Answers at once, until the test's process ends.
fn quick_service() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 2048];
        while let Ok((len, client)) = socket.recv_from(&mut buffer) {
            let _ = wire::handle(&mut buffer[..len], 7, 1000, || 1500);
            let _ = socket.send_to(&buffer[..len], client);
        }
    });
    address
}

/// Memory that a process has, and the most that it ever had, in KiB.
fn memory_kib(process: rustix::process::Pid) -> [u64; 2] {
    let path = format!("/proc/{}/status", process.as_raw_nonzero());
    let status = fs::read_to_string(path).unwrap();
    ["VmRSS:", "VmHWM:"].map(|name| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let value = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        value.unwrap_or_else(|| panic!("no {name}: {status}"))
    })
}

/// Number of seconds after which memory is looked at, at the least. The measuring thread and the reader exchange blocks
/// each second, and the kernel gives a block its pages when it is first used.
const SECONDS: usize = 4;

/// Number of requests after which memory is looked at.
const FEW: f64 = 1e4;
const MANY: f64 = 5e5;

/// Most that memory may differ by: 64 pages, for stacks of the threads that serve a scrape, and the heap's arenas.
const TOLERANCE_KIB: u64 = 256;

#[test]
fn half_a_million_requests_take_no_more_memory_than_ten_thousand() {
    let lock = lock_qemu();
    let address = free_address();
    let target = quick_service();
    let line = format!("probe {target} --exporter {address} --rate 50k --warmup 0s");
    let mut probe = Call::new(&line).start(&lock);
    probe.wait_for_error("metrics are at");
    // The number of requests so far is another each second.
    let mut numbers = Vec::new();
    let mut memory_after = |count: f64| {
        timeouts::until(timeouts::RUN, "so many requests", || {
            let text = get(address, "/metrics")?;
            let mut lines = text.lines();
            let line = lines.rfind(|line| line.starts_with("fathom_requests_total"))?;
            let requests: f64 = line.rsplit(' ').next()?.parse().ok()?;
            // A scrape a tenth of a second, at most: this is no test of the server.
            thread::sleep(Duration::from_millis(100));
            if numbers.last() != Some(&requests) {
                numbers.push(requests);
            }
            (requests >= count && numbers.len() >= SECONDS).then_some(requests)
        });
        memory_kib(probe.pid())
    };
    let few = memory_after(FEW);
    let many = memory_after(MANY);
    eprintln!("VmRSS and VmHWM: {few:?} KiB after {FEW:e} requests, {many:?} KiB after {MANY:e}");
    for (few, many) in few.into_iter().zip(many) {
        assert!(many <= few + TOLERANCE_KIB, "{few} KiB, then {many} KiB");
    }
    probe.signal(Signal::TERM);
    let outcome = probe.finish();
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
}
