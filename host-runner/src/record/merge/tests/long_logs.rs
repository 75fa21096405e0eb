//! Logs of many entries: no more of them is kept than the sums.

use std::fs;

use super::{log, recorded, sum};
use crate::record::log_counts::LogCounts;

/// Entries of a log: more than `fathom report` reads of one.
const ENTRIES: u64 = 1200;

#[test]
fn a_log_may_be_longer_than_any_that_is_read_whole() {
    let place = tempfile::tempdir().unwrap();
    for node in ["a", "b"] {
        let path = place.path().join(format!("{node}.hlog"));
        log(
            &path,
            &recorded(&[1000, 2000, 3000]),
            Some(LogCounts::default()),
            |_| (),
        );
        let text = fs::read_to_string(&path).unwrap();
        let entry = text.lines().last().unwrap().to_owned();
        let (_, rest) = entry.split_once(',').unwrap();
        let more = (1..ENTRIES).map(|second| format!("{second}.000,{rest}\n"));
        fs::write(&path, text + &more.collect::<String>()).unwrap();
    }
    let sum = sum(&[place.path()]).unwrap();
    assert_eq!(sum.run.latency_ns.count, 2 * 3 * ENTRIES);
    assert!(sum.intervals.len() <= 64, "{}", sum.intervals.len());
    let over_time = sum
        .intervals
        .iter()
        .map(|interval| interval.latency.count());
    assert_eq!(over_time.sum::<u64>(), 2 * 3 * ENTRIES);
    let nodes = sum.run.nodes.iter().map(|node| node.latency_ns.count);
    assert!(nodes.eq([3 * ENTRIES; 2]));
}
