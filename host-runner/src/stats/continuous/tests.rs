//! Blocks that a recorder hands over, by a virtual clock.

use std::convert::Infallible;
use std::sync::atomic::AtomicBool;

use super::*;
use crate::link::Link;
use crate::load::fake::{FakeLink, VirtualClock, reply};
use crate::load::{self, Arrivals, Limit, LoadContext, Mode, Plan, Progress, Rate};
use crate::stats::relay::{Reader, relay};

const SECOND_NS: u64 = 1_000_000_000;

fn plan(seconds: u64) -> Plan {
    Plan {
        mode: Mode::Open {
            rate: Rate::per_second(1000),
            arrivals: Arrivals::Even,
        },
        timeout_ns: 100_000_000,
        measure: Limit::lasting(seconds * SECOND_NS),
        ..Plan::FIXTURE
    }
}

/// Puts the load on `link`, and gives `reader` its turn every few milliseconds.
fn measure(
    plan: &Plan,
    link: &mut dyn Link,
    clock: &VirtualClock,
    recorder: &mut ContinuousRecorder,
    mut read: impl FnMut(),
) -> Tally {
    let context = LoadContext {
        link,
        observer: recorder,
        now_ns: || clock.now_ns(),
        cancel: &AtomicBool::new(false),
        check: |_: &Progress| {
            read();
            Ok::<_, Infallible>(())
        },
    };
    load::run(plan, None, context).0
}

/// Takes what has come.
fn take(reader: &mut Reader<Block>, blocks: &mut Vec<Block>) {
    while let Some(mut block) = reader.take() {
        blocks.push((*block).clone());
        block.clear();
        reader.give_back(block);
    }
}

fn settled(block: &Block) -> u64 {
    block.outcomes.replies + block.outcomes.lost + block.outcomes.not_sent
}

#[test]
fn counts_and_distributions_of_each_interval_are_of_the_same_requests() {
    let clock = VirtualClock::default();
    let mut link = FakeLink::new(&clock, |header, request| {
        // Every tenth is lost.
        match header.seq % 10 {
            3 => vec![],
            _ => vec![(20_000, reply(request))],
        }
    });
    let (writer, mut reader) = relay(1);
    let mut recorder = ContinuousRecorder::new(writer, SECOND_NS);
    let mut blocks = Vec::new();
    let tally = measure(&plan(5), &mut link, &clock, &mut recorder, || {
        take(&mut reader, &mut blocks);
    });
    assert!(recorder.end(clock.now_ns(), &tally));
    take(&mut reader, &mut blocks);
    assert_eq!((blocks.len(), tally.sent), (6, 5000));
    let mut sum = Outcomes::default();
    for block in &blocks {
        assert_eq!(block.series.latency.count(), settled(block));
        assert_eq!(block.series.service.count(), block.outcomes.replies);
        assert_eq!(block.series.lateness.count(), block.outcomes.requests);
        sum.add(&block.outcomes);
    }
    assert_eq!(sum, Outcomes::from(&tally));
    assert_eq!(sum.lost, 500);
    for pair in blocks.windows(2) {
        assert_eq!(pair[0].to_ns, pair[1].from_ns);
    }
    // A loss is in the distribution, at the timeout or above.
    let lost = |block: &Block| block.series.latency.count_from(100_000_000) == block.outcomes.lost;
    assert!(blocks.iter().all(lost));
}

#[test]
fn an_interval_is_longer_while_nobody_reads_and_nothing_is_dropped() {
    let clock = VirtualClock::default();
    let mut link = FakeLink::new(&clock, |_, request| vec![(20_000, reply(request))]);
    let (writer, mut reader) = relay(1);
    let mut recorder = ContinuousRecorder::new(writer, SECOND_NS);
    let tally = measure(&plan(5), &mut link, &clock, &mut recorder, || {});
    assert!(
        !recorder.end(clock.now_ns(), &tally),
        "the reader has the spare block"
    );
    // The measuring loop is begun anew, as after a failure of the network.
    let second = measure(&plan(1), &mut link, &clock, &mut recorder, || {});
    let mut blocks = Vec::new();
    take(&mut reader, &mut blocks);
    assert!(recorder.end(clock.now_ns(), &second));
    take(&mut reader, &mut blocks);
    let requests: Vec<u64> = blocks.iter().map(|block| block.outcomes.requests).collect();
    assert_eq!(requests.len(), 2);
    assert!(requests[0].abs_diff(1000) < 10, "{requests:?}");
    assert_eq!(requests.iter().sum::<u64>(), 6000);
    assert_eq!(blocks[1].series.latency.count(), settled(&blocks[1]));
    assert_eq!(blocks[0].to_ns, blocks[1].from_ns);
}

#[test]
fn a_service_that_restarts_is_followed_and_counted() {
    let clock = VirtualClock::default();
    let mut link = FakeLink::new(&clock, |header, request| {
        let mut datagram = request.to_vec();
        // Another boot from the thousandth request on.
        let boot_id = 7 + u32::from(header.seq >= 1000);
        let verdict = wire::handle(&mut datagram, boot_id, 5000, || 5300);
        assert_eq!(verdict, wire::Verdict::Reply);
        vec![(20_000, datagram)]
    });
    let (writer, _reader) = relay(1);
    let mut recorder = ContinuousRecorder::new(writer, SECOND_NS);
    let tally = measure(&plan(2), &mut link, &clock, &mut recorder, || {});
    assert_eq!((tally.received, tally.lost), (2000, 0));
    assert_eq!((tally.restarts, tally.foreign), (1, 0));
}
