//! `fathom_valid` on a real process: what keeps a prober from its work turns it 0, and a busy host alone does not.
//!
//! The service answers after two seconds where a test needs a prober that is valid: what this host's own noise does to its
//! measuring thread is less than a tenth of that, which is what `fathom_valid` tolerates.
#![forbid(unsafe_code)]

use std::collections::VecDeque;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use suite::Capability;
use tests::fathom::{Call, Running};
use tests::qemu_lock::{QemuLock, lock_qemu};
use tests::{process, timeouts};

/// Time that the slow service takes.
const SLOW: Duration = Duration::from_secs(2);

/// Time for which a prober is kept from its work: half of what the slow service takes, so more than a tenth.
const STOP: Duration = Duration::from_secs(1);

/// Answers as Fathom's service does, after `delay`, until the test's process ends.
fn service(delay: Duration) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    socket.set_read_timeout(Some(timeouts::LOOK_AGAIN)).unwrap();
    thread::spawn(move || {
        let mut waiting = VecDeque::new();
        let mut buffer = [0; 2048];
        loop {
            if let Ok((len, client)) = socket.recv_from(&mut buffer) {
                let _ = wire::handle(&mut buffer[..len], 7, 1000, || 1500);
                waiting.push_back((Instant::now() + delay, buffer[..len].to_vec(), client));
            }
            while let Some((at, reply, client)) = waiting.front()
                && *at <= Instant::now()
            {
                let _ = socket.send_to(reply, client);
                waiting.pop_front();
            }
        }
    });
    address
}

/// A prober of one service, which `wrapper` starts.
struct Prober<'t> {
    call: Running<'t>,
    address: SocketAddr,
}

impl<'t> Prober<'t> {
    fn start(service: SocketAddr, wrapper: &[&str], lock: &'t QemuLock) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let line =
            format!("probe {service} --exporter {address} --rate 20 --timeout 20s --warmup 0s");
        let call = Call::new(&line);
        let call = match wrapper {
            [] => call,
            wrapper => call.wrapped_in(wrapper),
        };
        let mut call = call.start(lock);
        call.wait_for_error("metrics are at");
        Self { call, address }
    }

    fn metrics(&self) -> io::Result<Metrics> {
        let mut connection = TcpStream::connect(self.address)?;
        connection.set_read_timeout(Some(timeouts::ANSWER))?;
        connection.write_all(b"GET /metrics HTTP/1.0\r\n\r\n")?;
        let mut text = String::new();
        connection.read_to_string(&mut text)?;
        Ok(Metrics(text))
    }

    /// Waits until `fathom_valid` is `expected`.
    fn becomes(&self, expected: f64) -> Metrics {
        let what = format!("fathom_valid {expected}");
        timeouts::until(timeouts::RUN, &what, || {
            let metrics = self.metrics().ok()?;
            let is_measured = metrics.find("latency_seconds_count")? > 20.0;
            (is_measured && metrics.value("valid") == expected).then_some(metrics)
        })
    }

    fn end(self) {
        self.call.signal(Signal::TERM);
        let outcome = self.call.finish();
        assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    }
}

/// Metrics in the text format, of one target.
struct Metrics(String);

impl Metrics {
    /// Returns the value of a metric; `None` before the first second of the target is over.
    fn find(&self, name: &str) -> Option<f64> {
        let start = format!("fathom_{name}{{");
        let line = self.0.lines().find(|line| line.starts_with(&start))?;
        line.rsplit(' ').next()?.parse().ok()
    }

    fn value(&self, name: &str) -> f64 {
        let value = self.find(name);
        value.unwrap_or_else(|| panic!("no {name}: {}", self.0))
    }

    /// Bounds of a quantile, in seconds, by the classic buckets.
    fn quantile(&self, name: &str, quantile: f64) -> (f64, f64) {
        let start = format!("fathom_{name}_seconds_bucket{{");
        let rank = quantile * self.value(&format!("{name}_seconds_count"));
        let mut low = 0.0;
        for line in self.0.lines().filter(|line| line.starts_with(&start)) {
            let bound = line.split("le=\"").nth(1).unwrap();
            let bound = bound.split('"').next().unwrap().parse::<f64>().unwrap();
            if line.rsplit(' ').next().unwrap().parse::<f64>().unwrap() >= rank {
                return (low, bound);
            }
            low = bound;
        }
        panic!("no buckets: {}", self.0);
    }

    /// Returns whether lateness makes a good part of the latency, in the mean and of most requests.
    fn is_mostly_late(&self) -> bool {
        let sum = |name: &str| self.value(&format!("{name}_seconds_sum"));
        let (late_s, _) = self.quantile("send_lateness", 0.5);
        let (_, latency_s) = self.quantile("latency", 0.5);
        sum("send_lateness") > 0.3 * sum("latency") && late_s > 0.1 * latency_s
    }
}

/// Stops a prober for a second.
fn stop(prober: &Prober<'_>) {
    prober.call.signal(Signal::STOP);
    thread::sleep(STOP);
    prober.call.signal(Signal::CONT);
}

#[test]
fn a_prober_that_was_stopped_is_not_valid() {
    let lock = lock_qemu();
    let prober = Prober::start(service(SLOW), &[], &lock);
    prober.becomes(1.0);
    stop(&prober);
    let metrics = prober.becomes(0.0);
    // It waited for no CPU: its lateness tells.
    assert!(metrics.quantile("send_lateness", 1.0).1 >= 0.5);
    prober.end();
}

/// A control group of the test's own with a limit of CPU time, until it is dropped; version 1 or 2.
struct CpuLimit {
    group: PathBuf,
    is_v1: bool,
    hog: Option<Child>,
}

impl CpuLimit {
    /// Makes a group without a limit; `None` if this host allows none.
    fn new() -> Option<Self> {
        let name = format!("fathom-test-{}", std::process::id());
        let places = [("/sys/fs/cgroup/cpu", true), ("/sys/fs/cgroup", false)];
        places.into_iter().find_map(|(place, is_v1)| {
            let group = Path::new(place).join(&name);
            fs::create_dir(&group).ok()?;
            let limit = Self {
                group,
                is_v1,
                hog: None,
            };
            let file = if is_v1 { "cpu.cfs_quota_us" } else { "cpu.max" };
            limit.group.join(file).exists().then_some(limit)
        })
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.group.join(file), text).unwrap();
    }

    fn script(&self) -> String {
        let group = self.group.display();
        format!("echo $$ >{group}/cgroup.procs && exec \"$@\"")
    }

    /// Gives the group 20 ms of each second, and a process that takes them all.
    fn throttle(&mut self) {
        if self.is_v1 {
            self.write("cpu.cfs_period_us", "1000000");
            self.write("cpu.cfs_quota_us", "20000");
        } else {
            self.write("cpu.max", "20000 1000000");
        }
        let mut hog = Command::new("sh");
        hog.args([
            "-c",
            &self.script(),
            "sh",
            "sh",
            "-c",
            "while :; do :; done",
        ]);
        process::tie_to_this_thread(&mut hog, Vec::new());
        self.hog = Some(hog.stdin(Stdio::null()).spawn().unwrap());
    }

    fn lift(&mut self) {
        if let Some(mut hog) = self.hog.take() {
            let _ = hog.kill();
            let _ = hog.wait();
        }
        if self.is_v1 {
            self.write("cpu.cfs_quota_us", "-1");
        } else {
            self.write("cpu.max", "max 1000000");
        }
    }
}

impl Drop for CpuLimit {
    fn drop(&mut self) {
        if let Some(hog) = &mut self.hog {
            let _ = hog.kill();
            let _ = hog.wait();
        }
        // A process that has ended is a member for a moment.
        for _ in 0..200 {
            if fs::remove_dir(&self.group).is_ok() {
                return;
            }
            thread::sleep(timeouts::LOOK_AGAIN);
        }
    }
}

/// Throttles a prober that is valid, which then is not; `then` has it when the limit is lifted.
fn throttled(then: impl FnOnce(&Prober<'_>)) {
    let lock = lock_qemu();
    let Some(mut limit) = CpuLimit::new() else {
        suite::skip(Capability::Root, "no control group can be made");
        return;
    };
    let script = limit.script();
    let prober = Prober::start(service(SLOW), &["sh", "-c", &script, "sh"], &lock);
    prober.becomes(1.0);
    limit.throttle();
    let metrics = prober.becomes(0.0);
    assert!(metrics.value("measurer_cpu_throttled_seconds_total") > 0.0);
    limit.lift();
    then(&prober);
    prober.end();
}

#[test]
fn a_prober_that_a_cpu_limit_stops_is_not_valid() {
    throttled(|_| {});
}

/// Processes that take all that they can of a CPU, until they are dropped.
struct Spinner(Child);

impl Spinner {
    fn on(cpu: &str) -> Self {
        let mut command = Command::new("taskset");
        command.args(["-c", cpu, "sh", "-c", "while :; do :; done"]);
        process::tie_to_this_thread(&mut command, Vec::new());
        Self(command.stdin(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A CPU that this process may use.
fn cpu() -> String {
    let allowed = rustix::thread::sched_getaffinity(None).unwrap();
    let first = (0..rustix::thread::CpuSet::MAX_CPU).find(|&cpu| allowed.is_set(cpu));
    first.unwrap().to_string()
}

#[test]
fn on_a_cpu_that_others_have_the_latency_decides_what_is_valid() {
    let lock = lock_qemu();
    let cpu = cpu();
    let _spinner = Spinner::on(&cpu);
    // A few milliseconds late of two seconds: the percentiles are right.
    let prober = Prober::start(service(SLOW), &["taskset", "-c", &cpu], &lock);
    let metrics = prober.becomes(1.0);
    assert!(!metrics.is_mostly_late());
    prober.end();
    // Of less than a millisecond, with a scheduler that prefers the other process, they are not.
    let wrapper = ["taskset", "-c", &cpu, "nice", "-n", "19"];
    let prober = Prober::start(service(Duration::ZERO), &wrapper, &lock);
    let metrics = timeouts::until(timeouts::RUN, "a late prober", || {
        let metrics = prober.metrics().ok()?;
        let is_measured = metrics.find("latency_seconds_count")? > 40.0;
        (is_measured && metrics.is_mostly_late()).then_some(metrics)
    });
    assert_eq!(metrics.value("valid"), 0.0, "{}", metrics.0);
    prober.end();
}

#[test]
#[ignore = "three minutes: `make soak`"]
fn a_minute_after_the_disturbance_it_is_valid_again() {
    {
        let lock = lock_qemu();
        let prober = Prober::start(service(SLOW), &[], &lock);
        prober.becomes(1.0);
        stop(&prober);
        prober.becomes(0.0);
        let from = Instant::now();
        prober.becomes(1.0);
        eprintln!("stopped: valid again after {:?}", from.elapsed());
        prober.end();
    }
    throttled(|prober| {
        let from = Instant::now();
        prober.becomes(1.0);
        eprintln!("throttled: valid again after {:?}", from.elapsed());
    });
}
