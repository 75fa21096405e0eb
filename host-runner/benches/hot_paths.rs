//! Cost of the instrument itself per echo, part by part and as a whole. Nothing is sent, and
//! no clock is read where the name does not say so.

use std::cell::Cell;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::hint::black_box;
use std::num::NonZeroU16;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use fathom::clock;
use fathom::link::codec::Codec;
use fathom::link::frame::{Flow, MAX_FRAME};
use fathom::link::in_process::InProcessLink;
use fathom::link::vhost_user::driver::Driver;
use fathom::link::{Link, LinkError, Received, Sent};
use fathom::load::datagram::Requests;
use fathom::load::reply_header::ReplyHeader;
use fathom::load::schedule::Schedule;
use fathom::load::sequence_tracker::{Arrival, Known, SequenceTracker};
use fathom::load::{
    self, Arrivals, GuestTimes, Limit, LoadContext, Mode, Observer, Plan, Progress, Protocol, Rate,
    Sample, Tally, WaitRule,
};
use fathom::stats::RunRecorder;
use wire::header::field;
use wire::{Kind, Mac};

const SEED: u64 = 1;
const PAYLOAD: usize = 64;

/// Length of a request's frame, in bytes: Ethernet, IPv4 and UDP headers in front.
const FRAME: usize = 14 + 20 + 8 + PAYLOAD;

fn plan(mode: Mode) -> Plan {
    Plan {
        mode,
        payload_len: PAYLOAD,
        timeout_ns: 1_000_000_000,
        warmup: Limit::NOTHING,
        measure: Limit::lasting(60_000_000_000),
        seed: SEED,
        content: None,
        protocol: Protocol::Fathom,
        key: None,
        wait_rule: WaitRule::Sleep,
    }
}

fn open() -> Mode {
    Mode::Open {
        arrivals: Arrivals::Poisson,
        rate: Rate::per_second(900_000),
    }
}

fn pipeline() -> Mode {
    Mode::Pipeline {
        depth: NonZeroU16::new(32).unwrap(),
    }
}

fn encode(c: &mut Criterion) {
    let mut requests = Requests::new(PAYLOAD, SEED, Protocol::Fathom);
    let mut seq = 0;
    c.bench_function("encode a request", |b| {
        b.iter(|| {
            seq += 1;
            requests.prepare(seq);
            black_box(requests.stamped(black_box(seq * 1000)));
        });
    });
}

fn decode(c: &mut Criterion) {
    let mut requests = Requests::new(PAYLOAD, SEED, Protocol::Fathom);
    requests.prepare(7);
    let mut reply = requests.stamped(7000).to_vec();
    let _ = wire::handle(&mut reply, 9, 5000, || 5300);
    c.bench_function("decode and check a reply", |b| {
        b.iter(|| {
            let reply = black_box(&reply[..]);
            let header = ReplyHeader::read(reply).unwrap();
            assert!(requests.is_echoed_by(&header, 7000, reply));
            header
        });
    });
}

/// Latencies of 1 to 3 us, so that the histograms are not at one place only.
fn sample(i: u64) -> Sample {
    let latency_ns = 1000 + (i.wrapping_mul(0x9e37_79b9) & 0x7ff);
    Sample {
        at_ns: i * 1000,
        latency_ns,
        round_trip_ns: latency_ns - 20,
        is_closed_loop_sample: true,
        guest_times: Some(GuestTimes {
            t2_ns: 7_000_000_000 + i * 1000,
            t3_ns: 7_000_000_000 + i * 1000 + latency_ns / 2,
            error_estimate: None,
        }),
    }
}

fn record(c: &mut Criterion) {
    for (name, mode) in [("closed", Mode::Closed), ("open", open())] {
        let mut recorder = RunRecorder::new(&plan(mode));
        recorder.started(0);
        let mut i = 0;
        c.bench_function(&format!("record a sample, {name}"), |b| {
            b.iter(|| {
                i += 1;
                recorder.replied(black_box(sample(i)));
            });
        });
    }
}

/// The schedule alone, and what it is part of.
fn record_and_schedule(c: &mut Criterion) {
    for arrivals in [Arrivals::Even, Arrivals::Poisson] {
        let Mode::Open { rate, .. } = open() else {
            return;
        };
        let mut schedule = Schedule::new(0, rate, arrivals, 1);
        c.bench_function(&format!("schedule a send, {}", arrivals.name()), |b| {
            b.iter(|| {
                schedule.advance();
                black_box(schedule.due_ns())
            });
        });
        record_and_schedule_next(c, arrivals);
    }
}

/// Work of an open loop for each request besides building it and carrying it there and back. It is to
/// stay at or under 60 ns.
fn record_and_schedule_next(c: &mut Criterion, arrivals: Arrivals) {
    let Mode::Open { rate, .. } = open() else {
        return;
    };
    let mut recorder = RunRecorder::new(&plan(open()));
    recorder.started(0);
    let mut tracker = SequenceTracker::new(1_000_000, 1_000_000_000);
    let mut schedule = Schedule::new(0, rate, arrivals, 1);
    let mut seq = 0;
    let name = format!(
        "record a sample and schedule the next send, {}",
        arrivals.name()
    );
    c.bench_function(&name, |b| {
        b.iter(|| {
            let due_ns = schedule.due_ns();
            schedule.advance();
            let sent_ns = due_ns + 20;
            tracker.sent(due_ns, sent_ns);
            recorder.sent(sent_ns - due_ns);
            let at_ns = sent_ns + 1000 + (seq & 0x7ff);
            assert_eq!(tracker.status(seq), Known::SentAt(sent_ns));
            assert!(tracker.take_lost(at_ns).is_none());
            if let Arrival::InTime { request, .. } = tracker.arrived(seq) {
                recorder.replied(black_box(Sample {
                    at_ns,
                    latency_ns: at_ns - request.due_ns,
                    round_trip_ns: at_ns - request.sent_ns,
                    is_closed_loop_sample: request.is_closed_loop_sample,
                    guest_times: Some(GuestTimes {
                        t2_ns: sent_ns + 300,
                        t3_ns: sent_ns + 800,
                        error_estimate: None,
                    }),
                }));
            }
            black_box(tracker.next_loss_ns());
            seq += 1;
        });
    });
}

/// A far end that costs next to nothing: the request itself, made a reply.
struct Mirror<'a> {
    now_ns: &'a Cell<u64>,
    answers: VecDeque<[u8; PAYLOAD]>,
    /// Number of answers that are still to be taken, and when the first request and the last answer were:
    /// what the loop sets up before and takes down after is no cost of an echo.
    left: u64,
    began: Option<Instant>,
    took: Duration,
}

impl Link for Mirror<'_> {
    fn name(&self) -> &'static str {
        "mirror"
    }

    fn send(&mut self, datagram: &[u8]) -> Result<Sent, LinkError> {
        self.began.get_or_insert_with(Instant::now);
        let mut answer = [0; PAYLOAD];
        answer.copy_from_slice(datagram);
        answer[field::KIND] = Kind::Reply.as_byte();
        answer[field::T3.start] = 100;
        self.answers.push_back(answer);
        Ok(Sent::Out)
    }

    fn receive(&mut self, buffer: &mut [u8], _: u64) -> Result<Option<Received>, LinkError> {
        let Some(answer) = self.answers.pop_front() else {
            return Ok(None);
        };
        buffer[..PAYLOAD].copy_from_slice(&answer);
        self.left -= 1;
        if self.left == 0 {
            self.took = self.began.map_or(Duration::ZERO, |began| began.elapsed());
        }
        Ok(Some(Received {
            len: PAYLOAD,
            at_ns: tick(self.now_ns),
        }))
    }
}

/// A clock that costs nothing: half a microsecond later each time it is read.
fn tick(now_ns: &Cell<u64>) -> u64 {
    now_ns.set(now_ns.get() + 500);
    now_ns.get()
}

/// A measurement of `echoes` by `mode`.
fn counted(mode: Mode, echoes: u64) -> Plan {
    Plan {
        measure: Limit::requests(echoes),
        ..plan(mode)
    }
}

/// Measures by `plan` over `link`, as the command does.
fn run(plan: &Plan, link: &mut dyn Link, now_ns: impl FnMut() -> u64) -> Tally {
    let mut recorder = RunRecorder::new(plan);
    let bench = LoadContext {
        link,
        observer: &mut recorder,
        now_ns,
        cancel: &AtomicBool::new(false),
        check: |_: &Progress| Ok::<_, Infallible>(()),
    };
    let (tally, _) = load::run(plan, None, bench);
    tally
}

/// Whole loops, from `fathom::load::run` down to the mirror and back, per echo.
fn echo(c: &mut Criterion) {
    for mode in [Mode::Closed, pipeline(), open()] {
        c.bench_function(&format!("an echo, mode {}", mode.name()), |b| {
            b.iter_custom(|echoes| {
                let now_ns = Cell::new(0);
                let mut link = Mirror {
                    now_ns: &now_ns,
                    answers: VecDeque::with_capacity(64),
                    left: echoes,
                    began: None,
                    took: Duration::ZERO,
                };
                let tally = run(&counted(mode, echoes), &mut link, || tick(&now_ns));
                assert_eq!(tally.received, echoes, "{tally:?}");
                link.took
            });
        });
    }
}

/// The same with the service's own handler in place of the mirror, and with the real clock.
fn echo_by_the_handler(c: &mut Criterion) {
    c.bench_function("an echo by the request handler, clock included", |b| {
        b.iter_custom(|echoes| {
            let plan = counted(pipeline(), echoes);
            let tally = run(&plan, &mut InProcessLink::new(7), clock::now_ns);
            assert_eq!(tally.sent, echoes, "{tally:?}");
            Duration::from_nanos(tally.elapsed_ns)
        });
    });
}

/// The rings without a second core: what is left of a round trip when no cache line travels.
fn rings(c: &mut Criterion) {
    let (mut driver, mut device) = Driver::new(fathom::link::Mtu::ETHERNET).unwrap();
    let request = [0x5a; FRAME];
    let mut reply = [0; MAX_FRAME];
    c.bench_function("one poll of the rings, nothing there", |b| {
        b.iter(|| black_box(device.receive(&mut reply)));
    });
    c.bench_function("a frame through both rings and back", |b| {
        b.iter(|| {
            device.send(black_box(&request)).unwrap();
            let incoming = driver.receive().unwrap();
            driver.send(incoming);
            black_box(device.receive(&mut reply).unwrap().unwrap())
        });
    });
}

fn frames(c: &mut Criterion) {
    let here = Flow {
        own_mac: Mac::new([2, 0, 0, 0, 0, 1]),
        peer_mac: Mac::new([2, 0, 0, 0, 0, 2]),
        own: ([10, 0, 2, 2], 40_000).into(),
        peer: ([10, 0, 2, 15], 9000).into(),
    };
    let there = Flow {
        own_mac: here.peer_mac,
        peer_mac: here.own_mac,
        own: here.peer,
        peer: here.own,
    };
    let codec = Codec::new(here);
    let mut frame = [0; MAX_FRAME];
    let payload = [0x5a; PAYLOAD];
    c.bench_function("build a frame", |b| {
        b.iter(|| black_box(codec.build(&mut frame, black_box(&payload))));
    });
    let len = there.build(&mut frame, &payload).unwrap();
    c.bench_function("take a frame apart", |b| {
        b.iter(|| black_box(codec.parse(black_box(&frame[..len]))));
    });
}

fn clock(c: &mut Criterion) {
    c.bench_function("read the clock", |b| b.iter(clock::now_ns));
}

/// Instructions for reading the time stamp counter, for the guest's stamps: as it comes, and in the two ways
/// that wait for earlier instructions and loads (Intel SDM volume 2, RDTSC).
#[cfg(target_arch = "x86_64")]
fn counter(c: &mut Criterion) {
    use core::arch::x86_64::{__rdtscp, _mm_lfence, _rdtsc};

    c.bench_function("read the counter, unordered", |b| {
        // SAFETY: it reads a counter, which Linux lets programs do.
        b.iter(|| unsafe { _rdtsc() });
    });
    c.bench_function("read the counter, LFENCE; RDTSC", |b| {
        b.iter(|| {
            // SAFETY: as above; the fence has no effect but order.
            unsafe {
                _mm_lfence();
                _rdtsc()
            }
        });
    });
    let flags = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    if flags.split_whitespace().any(|flag| flag == "rdtscp") {
        c.bench_function("read the counter, RDTSCP", |b| {
            b.iter(|| {
                let mut processor = 0;
                // SAFETY: as above; the processor has the instruction, and `processor` is ours.
                unsafe { __rdtscp(&raw mut processor) }
            });
        });
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn counter(_: &mut Criterion) {}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1500))
        .without_plots();
    targets =
        encode, decode, record, record_and_schedule, echo, echo_by_the_handler, rings, frames, clock,
        counter
}
criterion_main!(benches);
