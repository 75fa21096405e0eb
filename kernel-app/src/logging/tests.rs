//! Records that wait, leave within their budget, and are left out.

use core::cell::Cell;
use std::string::String;
use std::vec::Vec;

use log::Level::{Info, Warn};
use proptest::prelude::*;
use wire::log_control;

use super::record_ring::CAPACITY;
use super::*;

const SECOND_NS: u64 = 1_000_000_000;

/// Takes all that waits, as an ending does.
fn flush(ring: &mut RecordRing) -> String {
    let mut all = Vec::new();
    while let len @ 1.. = {
        let waiting = ring.waiting();
        all.extend(waiting);
        waiting.len()
    } {
        ring.remove(len);
    }
    assert!(ring.is_empty());
    String::from_utf8(all).unwrap()
}

/// A record whose line has `len` bytes.
fn record(ring: &mut RecordRing, len: usize) {
    const BEFORE: usize = "[0][INFO] \n".len();
    let text = "x".repeat(len - BEFORE);
    ring.push(Info, format_args!("{text}"));
}

#[test]
fn records_are_lines_in_their_order() {
    let mut ring = RecordRing::new();
    assert!(ring.is_empty() && ring.waiting().is_empty());
    ring.push(Warn, format_args!("the lease of {} is lost", "10.0.2.15"));
    ring.push(Info, format_args!("port {}", 9000));
    let lines = "[0][WARN] the lease of 10.0.2.15 is lost\n[0][INFO] port 9000\n";
    assert_eq!(flush(&mut ring), lines);
    assert_eq!(ring.left_out(), 0);
}

#[test]
fn a_record_that_does_not_fit_is_left_out_whole_and_said_in_its_place() {
    let mut ring = RecordRing::new();
    for _ in 0..CAPACITY / 256 {
        record(&mut ring, 256);
    }
    assert_eq!(ring.left_out(), 0);
    record(&mut ring, 100);
    record(&mut ring, 60);
    assert_eq!(ring.left_out(), 2);
    // A short one that would fit is left out too: the line about those before it comes first.
    ring.remove(256);
    record(&mut ring, 40);
    ring.remove(CAPACITY / 2 - 256);
    record(&mut ring, 30);
    let text = flush(&mut ring);
    let last: Vec<&str> = text.lines().rev().take(3).collect();
    assert_eq!(last[1], "[0][WARN] log: 3 records (200 bytes) left out");
    assert_eq!((last[0].len(), last[2].len()), (29, 255));
    assert_eq!(ring.left_out(), 3, "of all time");
    record(&mut ring, 30);
    assert_eq!(flush(&mut ring).len(), 30, "said once");
}

#[test]
fn what_was_left_out_last_is_said_without_another_record() {
    let mut ring = RecordRing::new();
    record(&mut ring, CAPACITY);
    record(&mut ring, 50);
    ring.remove(CAPACITY);
    assert!(!ring.is_empty());
    assert_eq!(
        flush(&mut ring),
        "[0][WARN] log: 1 records (50 bytes) left out\n"
    );
    record(&mut ring, 3 * CAPACITY);
    let text = flush(&mut ring);
    assert_eq!(text, "[0][WARN] log: 1 records (12288 bytes) left out\n");
}

/// A port that has room for so many characters at a time, and counts what it gets.
struct TestPort {
    room: u32,
    /// Times that it was asked.
    asked: u32,
    sent: usize,
}

impl Port for TestPort {
    fn room(&mut self) -> u32 {
        self.asked += 1;
        self.room
    }

    fn put(&mut self, character: u8) {
        assert!(character.is_ascii());
        self.sent += 1;
    }
}

fn port(room: u32) -> TestPort {
    TestPort {
        room,
        asked: 0,
        sent: 0,
    }
}

/// Runs `outlet` once a millisecond for `ms` milliseconds from `from_ns` on, with a port that has room for `room`
/// characters. Returns what that got.
fn drain(
    outlet: &mut Outlet,
    ring: &mut RecordRing,
    settings: &LogSettings,
    from_ns: u64,
    (ms, room): (u64, u32),
) -> usize {
    let mut port = port(room);
    for now_ns in (0..ms).map(|ms| from_ns + ms * 1_000_000) {
        outlet.run(ring, settings, now_ns, &|| true, &mut port);
    }
    port.sent
}

fn full() -> RecordRing {
    let mut ring = RecordRing::new();
    record(&mut ring, CAPACITY);
    ring
}

#[test]
fn no_more_leaves_than_the_budget_and_an_eighth_of_a_second_at_once() {
    for budget in [64, 100, 1024] {
        let settings = LogSettings::new();
        settings.set(LevelFilter::Info, Budget::new(budget).unwrap());
        let (mut ring, mut outlet) = (full(), Outlet::new());
        let budget = budget as usize;
        let burst = drain(&mut outlet, &mut ring, &settings, SECOND_NS, (1, 5000));
        assert_eq!(burst, (budget / 8).max(8), "{budget}");
        let sent = drain(&mut outlet, &mut ring, &settings, SECOND_NS, (2001, 16));
        assert!(sent.abs_diff(2 * budget) <= 1, "{budget}: {sent}");
    }
}

#[test]
fn another_budget_counts_at_once() {
    let settings = LogSettings::new();
    settings.set(LevelFilter::Info, Budget::new(1).unwrap());
    let (mut ring, mut outlet) = (full(), Outlet::new());
    let sent = drain(&mut outlet, &mut ring, &settings, SECOND_NS, (1000, 16));
    assert!(sent < 10, "{sent}");
    settings.change(Change {
        level: None,
        budget: Budget::new(2000),
    });
    let sent = drain(&mut outlet, &mut ring, &settings, 2 * SECOND_NS, (1000, 16));
    assert!((2000..=2250).contains(&sent), "{sent}");
    assert_eq!(settings.get().level, log_control::Level::Info);
}

#[test]
fn nothing_leaves_while_something_waits() {
    let settings = LogSettings::new();
    let (mut ring, mut outlet) = (full(), Outlet::new());
    let mut port = port(16);
    outlet.run(&mut ring, &settings, SECOND_NS, &|| false, &mut port);
    assert_eq!((port.asked, port.sent), (0, 0));
    // A frame that comes waits for the character that is sent, and for no other.
    let looks = Cell::new(0);
    let nothing_waits = || {
        looks.set(looks.get() + 1);
        looks.get() < 4
    };
    outlet.run(&mut ring, &settings, SECOND_NS, &nothing_waits, &mut port);
    assert_eq!((port.asked, port.sent), (1, 3));
    assert_eq!(ring.waiting().len(), CAPACITY - 3);
}

#[test]
fn a_port_is_asked_once_at_a_time_and_within_the_budget() {
    let settings = LogSettings::new();
    settings.set(LevelFilter::Info, Budget::new(100).unwrap());
    let (mut ring, mut outlet) = (full(), Outlet::new());
    for (room, sent) in [(0, 0), (3, 3)] {
        let mut port = port(room);
        outlet.run(&mut ring, &settings, SECOND_NS, &|| true, &mut port);
        assert_eq!((port.asked, port.sent), (1, sent));
    }
    let mut port = port(0);
    for step in 0..10_000 {
        let now_ns = 2 * SECOND_NS + step * 100_000;
        outlet.run(&mut ring, &settings, now_ns, &|| true, &mut port);
    }
    assert!((100..=112).contains(&port.asked), "{}", port.asked);
    assert_eq!(ring.waiting().len(), CAPACITY - 3);
}

#[test]
fn levels_are_the_same_in_arguments_and_requests() {
    let settings = LogSettings::new();
    assert_eq!(settings.level(), LevelFilter::Off);
    for (level, filter) in log_control::Level::ALL.into_iter().zip(LevelFilter::iter()) {
        settings.set(filter, Budget::DEFAULT);
        assert_eq!((settings.get().level, settings.level()), (level, filter));
        let name = level.name();
        assert_eq!(name.parse(), Ok(filter), "{name}");
        settings.set(LevelFilter::Off, Budget::DEFAULT);
        settings.change(Change {
            level: Some(level),
            budget: None,
        });
        assert_eq!(settings.level(), filter);
    }
}

proptest! {
    /// Whatever comes and goes, all that leaves is whole records in their order, and each record has left or is said to
    /// have been left out.
    #[test]
    fn records_leave_whole_and_in_order_or_are_said_to_be_left_out(
        steps: Vec<(bool, u16)>,
    ) {
        let mut ring = RecordRing::new();
        let (mut text, mut pushed) = (String::new(), 0);
        for (is_record, len) in steps {
            let len = usize::from(len) % 1500;
            if is_record {
                let fill = "x".repeat(len);
                ring.push(Info, format_args!("{pushed} {fill}"));
                pushed += 1;
            } else {
                let waiting = ring.waiting();
                let len = len.min(waiting.len());
                text.extend(waiting[..len].iter().map(|&byte| char::from(byte)));
                ring.remove(len);
            }
        }
        text += &flush(&mut ring);
        let (mut next, mut left_out) = (0, 0);
        for line in text.lines() {
            if let Some(record) = line.strip_prefix("[0][INFO] ") {
                let (number, fill) = record.split_once(' ').unwrap();
                prop_assert_eq!(number, next.to_string());
                prop_assert!(fill.bytes().all(|byte| byte == b'x'));
                next += 1;
            } else {
                let rest = line.strip_prefix("[0][WARN] log: ").unwrap();
                let count: u64 = rest.split(' ').next().unwrap().parse().unwrap();
                prop_assert!(rest.ends_with("left out") && count > 0);
                next += count;
                left_out += count;
            }
        }
        prop_assert_eq!((next, left_out), (pushed, ring.left_out()));
    }
}
