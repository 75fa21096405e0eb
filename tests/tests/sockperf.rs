//! The same responder measured by two instruments: sockperf (Debian's package) and `fathom probe`.
//!
//! Both send 64 bytes over loopback, one datagram in flight, and wait in `poll` until the reply is there.
//! They and the responder, a thread, share one CPU, under `SCHED_FIFO` where they may have it: a round trip
//! is then system calls and two changes of thread, whatever else the host does. On two CPUs it would be the
//! wake-ups from one to the other that is measured, and these have levels a factor of four apart: an idle CPU
//! may poll, sleep, or have got somebody else's program, and in a virtual machine each interrupt between CPUs
//! takes the hypervisor. Idle CPUs are kept awake here for both, and not by `fathom` for itself alone.
//!
//! Rounds of one and the other alternate, and what is judged is the median over rounds of the ratio of two
//! neighbours: what the host does for longer than a round is in both.
#![forbid(unsafe_code)]

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use fathom::host::cpu_latency::{CpuLatencyGuard, HostIdle};
use rustix::thread::{CpuSet, gettid, sched_getaffinity, sched_setaffinity};
use suite::Capability;
use tests::fathom::Call;
use tests::qemu_lock::{QemuLock, lock_qemu};
use tests::{process, timeouts};

/// Length of every datagram: both instruments' headers fit in.
const PAYLOAD_BYTES: usize = 64;

/// Factor between two instruments that agree.
const TOLERANCE: f64 = 1.15;

/// The fewest rounds, and the most: more are added, and none is left out, while the rounds so far leave it
/// open which side of the tolerance the median is on.
const ROUNDS: [usize; 2] = [6, 15];

/// Magic of Fathom's requests, which the responder sends back as they are.
const MAGIC: &[u8] = b"FTHM";

/// Place of sockperf's flags in its header (big-endian, behind a sequence number of eight bytes), and the
/// flag of a client's message: its client ignores replies that have it.
const SOCKPERF_FLAGS: usize = 9;
const SOCKPERF_CLIENT: u8 = 1;

/// A responder in a thread on one CPU, until it is dropped.
struct Responder {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Responder {
    fn start(cpu: usize) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        socket.set_read_timeout(Some(timeouts::LOOK_AGAIN)).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            settle_on(cpu);
            let mut buffer = [0; 2048];
            while !stopped.load(Ordering::Relaxed) {
                let Ok((len, client)) = socket.recv_from(&mut buffer) else {
                    continue;
                };
                let datagram = &mut buffer[..len];
                if !datagram.starts_with(MAGIC) && len > SOCKPERF_FLAGS {
                    datagram[SOCKPERF_FLAGS] &= !SOCKPERF_CLIENT;
                }
                let _ = socket.send_to(datagram, client);
            }
        });
        Self {
            address,
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(ended.is_none_or(|ended| ended.is_ok()));
    }
}

/// Binds this thread, and the processes that it starts, to `cpu`, with a priority over other programs where
/// that is permitted; returns whether it is.
fn settle_on(cpu: usize) -> bool {
    let mut set = CpuSet::new();
    set.set(cpu);
    sched_setaffinity(None, &set).unwrap();
    let thread = gettid().as_raw_nonzero().to_string();
    let mut chrt = Command::new("chrt");
    chrt.args(["--fifo", "--pid", "1", &thread]);
    let status = chrt.stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// The median and the 99th percentile of round trips, in microseconds.
type Figures = [f64; 2];

/// Measures with sockperf, which waits as Fathom does. By default it blocks in `recvfrom`, and saves a system
/// call that on one CPU nothing hides: a tenth of the round trip, whoever measures it.
fn by_sockperf(address: SocketAddr) -> Figures {
    let mut sockperf = Command::new("timeout");
    let peers = tempfile::NamedTempFile::new().unwrap();
    fs::write(&peers, format!("U:{address}\n")).unwrap();
    // It waits 2 s, and leaves the first 400 ms and the last 50 out.
    sockperf.args(["60", "sockperf", "ping-pong", "--full-rtt", "--time", "1"]);
    sockperf.arg("-f").arg(peers.path()).args(["-F", "poll"]);
    sockperf.args(["--msg-size", &PAYLOAD_BYTES.to_string()]);
    process::tie_to_this_thread(&mut sockperf, Vec::new());
    let output = sockperf.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    ["percentile 50.000 =", "percentile 99.000 ="].map(|name| {
        let value = text.lines().find_map(|line| line.split_once(name));
        let value = value.and_then(|(_, value)| value.trim().parse().ok());
        value.unwrap_or_else(|| panic!("no {name}: {output:?}"))
    })
}

fn by_fathom(address: SocketAddr, lock: &QemuLock) -> Figures {
    let arguments = format!(
        "{address} --protocol echo --payload {PAYLOAD_BYTES} --duration 500ms --warmup 400ms"
    );
    let results = Call::probe(&arguments).finish(lock).results();
    ["p50", "p99"].map(|name| {
        let ns = results.run()["latency_ns"][name].as_f64();
        ns.unwrap_or_else(|| panic!("no {name}: {:#}", results.run())) / 1000.0
    })
}

/// The middle of `ratios`, and an interval that holds the true median with a probability of 95 % or more
/// (order statistics: each ratio is as likely above the median as below).
fn median(ratios: &[f64]) -> (f64, [f64; 2]) {
    let mut sorted = ratios.to_vec();
    sorted.sort_by(f64::total_cmp);
    let count = sorted.len();
    let (mut outside, mut ways, mut rank) = (0.0, 0.5_f64.powi(count as i32), 0);
    // The most ranks that may be left out at each end.
    loop {
        outside += ways;
        if outside > 0.025 {
            break;
        }
        ways *= (count - rank) as f64 / (rank + 1) as f64;
        rank += 1;
    }
    let first = rank.saturating_sub(1);
    (
        sorted[count / 2],
        [sorted[first], sorted[count - 1 - first]],
    )
}

/// Outcome of the rounds of two instruments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Agree,
    Differ,
    /// The host is too restless for the number of rounds.
    Undecided,
}

/// Returns the outcome of `ratios`; `None` while more rounds could decide it.
fn verdict(ratios: &[f64]) -> Option<Verdict> {
    let (_, [low, high]) = median(ratios);
    if ratios.len() < ROUNDS[0] {
        None
    } else if low >= 1.0 / TOLERANCE && high <= TOLERANCE {
        Some(Verdict::Agree)
    } else if low > TOLERANCE || high < 1.0 / TOLERANCE {
        Some(Verdict::Differ)
    } else {
        (ratios.len() >= ROUNDS[1]).then_some(Verdict::Undecided)
    }
}

#[test]
fn rounds_are_added_until_they_tell_and_hide_no_difference() {
    assert_eq!(verdict(&[1.0; 5]), None);
    assert_eq!(verdict(&[1.1; 7]), Some(Verdict::Agree));
    assert_eq!(verdict(&[1.2; 7]), Some(Verdict::Differ));
    assert_eq!(verdict(&[0.8; 7]), Some(Verdict::Differ));
    // One round in which the host stood still is not left out, and decides nothing.
    let one_bad = |rounds: usize| [vec![5.0], vec![1.02; rounds - 1]].concat();
    assert_eq!(verdict(&one_bad(7)), None);
    assert_eq!(verdict(&one_bad(9)), Some(Verdict::Agree));
    // Rounds of two kinds are neither agreement nor a difference, however many are waited for.
    let mixed = |rounds: usize| [vec![1.3; 6], vec![1.0; rounds - 6]].concat();
    assert_eq!(verdict(&mixed(11)), None);
    assert_eq!(verdict(&mixed(15)), Some(Verdict::Undecided));
    // A difference stays one beside a few good rounds.
    let mostly = [vec![1.3; 12], vec![1.0; 3]].concat();
    assert_eq!(verdict(&mostly), Some(Verdict::Differ));
    assert_eq!(median(&[3.0, 1.0, 2.0]).0, 2.0);
    // Of nine the second and the eighth: 96 %.
    let nine: Vec<f64> = (1..=9).map(f64::from).collect();
    assert_eq!(median(&nine), (5.0, [2.0, 8.0]));
}

/// Returns the numbers of 1000 comparisons that end in each verdict, in its order, between instruments that differ
/// by a factor of `bias`: ratios of rounds are spread by about `spread` around it, and one in ten is three times
/// too high or too low besides.
fn simulated(bias: f64, spread: f64) -> [usize; 3] {
    let mut state = 1_u64;
    // Knuth's generator (MMIX): its upper bits are as good as these tests need.
    let mut uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005);
        state = state.wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / (1_u64 << 24) as f64
    };
    let mut ratio = || {
        let normal: f64 = (0..12).map(|_| uniform()).sum::<f64>() - 6.0;
        let outlier = match uniform() {
            at if at < 0.05 => 3.0,
            at if at < 0.1 => 1.0 / 3.0,
            _ => 1.0,
        };
        bias * (spread * normal).exp() * outlier
    };
    let mut ended = [0; 3];
    for _ in 0..1000 {
        let mut ratios = Vec::new();
        let verdict = loop {
            ratios.push(ratio());
            if let Some(verdict) = verdict(&ratios) {
                break verdict;
            }
        };
        ended[verdict as usize] += 1;
    }
    ended
}

#[test]
fn noise_is_no_difference_and_a_difference_is_no_noise() {
    for (bias, spread) in [(1.0, 0.03), (1.0, 0.05), (1.05, 0.03)] {
        let [agree, differ, _] = simulated(bias, spread);
        assert!(
            agree >= 980 && differ == 0,
            "{bias} {spread}: {agree} {differ}"
        );
    }
    for (bias, spread) in [(1.25, 0.05), (1.3, 0.05), (0.8, 0.05), (0.75, 0.05)] {
        let [agree, differ, _] = simulated(bias, spread);
        assert!(
            agree == 0 && differ >= 950,
            "{bias} {spread}: {agree} {differ}"
        );
    }
    // A host on which nothing can be told.
    let [agree, differ, undecided] = simulated(1.0, 0.5);
    assert!(
        differ <= 20 && undecided >= 900,
        "{agree} {differ} {undecided}"
    );
}

#[test]
fn sockperf_and_fathom_measure_the_same_of_the_same_responder() {
    if !process::is_installed("sockperf", Capability::Sockperf) {
        return;
    }
    let cpus = sched_getaffinity(None).unwrap();
    // The last one: more of a host's interrupts go to the first.
    let mut cpus = (0..CpuSet::MAX_CPU).filter(|&cpu| cpus.is_set(cpu));
    let cpu = cpus.next_back().expect("a CPU to run on");
    let lock = lock_qemu();
    let cpu_latency = CpuLatencyGuard::request(HostIdle::Poll);
    let responder = Responder::start(cpu);
    let has_priority = settle_on(cpu);
    println!("CPU {cpu}, SCHED_FIFO: {has_priority}, idle CPUs {cpu_latency}");
    let mut ratios = [Vec::new(), Vec::new()];
    let mut is_decided = false;
    while !is_decided {
        // Each is first as often as second.
        let (ours, theirs) = if ratios[0].len() % 2 == 0 {
            let ours = by_fathom(responder.address, &lock);
            (ours, by_sockperf(responder.address))
        } else {
            let theirs = by_sockperf(responder.address);
            (by_fathom(responder.address, &lock), theirs)
        };
        println!("fathom {ours:.1?} us, sockperf {theirs:.1?} us");
        for (ratios, (ours, theirs)) in ratios.iter_mut().zip(ours.into_iter().zip(theirs)) {
            ratios.push(ours / theirs);
        }
        is_decided = ratios.iter().all(|ratios| verdict(ratios).is_some());
    }
    for (name, ratios) in ["p50", "p99"].iter().zip(&ratios) {
        let (middle, [low, high]) = median(ratios);
        let text = format!(
            "{name}: fathom by sockperf {middle:.3} ({low:.3} to {high:.3}), {} rounds",
            ratios.len()
        );
        println!("{text}");
        // Without priority the tail is the scheduler's: whom it lets in between, and for how long.
        let is_judged = has_priority || *name == "p50";
        match verdict(ratios) {
            Some(Verdict::Agree) => {}
            Some(Verdict::Differ) if is_judged => panic!("they differ: {text}: {ratios:.3?}"),
            _ => suite::skip(
                Capability::SteadyCpu,
                format_args!("not decided, SCHED_FIFO: {has_priority}; {text}"),
            ),
        }
    }
}
