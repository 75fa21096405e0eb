//! What the instrument itself costs per echo, part by part. No clock is read and nothing is sent.

use std::hint::black_box;
use std::num::NonZeroU32;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use fathom::load::schedule::Schedule;
use fathom::load::window::{Arrival, Known, Window};
use fathom::load::{Limit, Mode, Observer, Plan, Sample, padding};
use fathom::stats::Recorder;
use wire::{HEADER_LEN, Header};

const SEED: u64 = 1;
const PAYLOAD: usize = 64;

fn plan(mode: Mode) -> Plan {
    Plan {
        mode,
        payload_len: PAYLOAD,
        timeout_ns: 1_000_000_000,
        warmup: Limit::NOTHING,
        measure: Limit {
            duration_ns: Some(60_000_000_000),
            count: None,
        },
        seed: SEED,
    }
}

fn open() -> Mode {
    Mode::Open {
        rate: NonZeroU32::new(900_000).unwrap(),
    }
}

fn encode(c: &mut Criterion) {
    let mut request = vec![0; PAYLOAD];
    let mut seq = 0;
    c.bench_function("encode a request", |b| {
        b.iter(|| {
            seq += 1;
            padding::fill(SEED, seq, &mut request[HEADER_LEN..]);
            let _ = Header::request(seq, black_box(seq * 1000)).encode(&mut request);
            black_box(&mut request);
        });
    });
}

fn decode(c: &mut Criterion) {
    let mut reply = vec![0; PAYLOAD];
    padding::fill(SEED, 7, &mut reply[HEADER_LEN..]);
    Header::request(7, 7000).encode(&mut reply).unwrap();
    wire::handle(&mut reply, 9, 5000, || 5300);
    c.bench_function("decode and check a reply", |b| {
        b.iter(|| {
            let reply = black_box(&reply);
            let header = Header::decode(reply).unwrap();
            assert!(header.t1_ns == 7000 && header.flags == 0);
            assert!(padding::is_intact(SEED, header.seq, &reply[HEADER_LEN..]));
            header.t3_ns
        });
    });
}

/// Latencies of 1 to 3 us, so that the histograms are not at one place only.
fn sample(i: u64) -> Sample {
    let latency_ns = 1000 + (i.wrapping_mul(0x9e37_79b9) & 0x7ff);
    Sample {
        at_ns: i * 1000,
        latency_ns,
        uncorrected_ns: latency_ns - 20,
        service_ns: Some(latency_ns / 2),
    }
}

fn record(c: &mut Criterion) {
    for (name, mode) in [("closed", Mode::Closed), ("open", open())] {
        let mut recorder = Recorder::new(&plan(mode));
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

fn record_and_schedule(c: &mut Criterion) {
    let Mode::Open { rate } = open() else { return };
    let mut recorder = Recorder::new(&plan(open()));
    recorder.started(0);
    let mut window = Window::new(1_000_000, 1_000_000_000);
    let schedule = Schedule::new(0, rate);
    let mut seq = 0;
    c.bench_function("record a sample and schedule the next send", |b| {
        b.iter(|| {
            let due_ns = schedule.due_ns(window.next_seq());
            let sent_ns = due_ns + 20;
            window.sent(due_ns, sent_ns);
            recorder.sent(sent_ns - due_ns);
            let at_ns = sent_ns + 1000 + (seq & 0x7ff);
            assert_eq!(window.look_up(seq), Known::SentAt(sent_ns));
            assert!(window.take_lost(at_ns).is_none());
            if let Arrival::InTime { request, .. } = window.arrived(seq) {
                recorder.replied(black_box(Sample {
                    at_ns,
                    latency_ns: at_ns - request.due_ns,
                    uncorrected_ns: at_ns - request.sent_ns,
                    service_ns: Some(500),
                }));
            }
            black_box(window.next_loss_ns());
            seq += 1;
        });
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .without_plots();
    targets = encode, decode, record, record_and_schedule
}
criterion_main!(benches);
