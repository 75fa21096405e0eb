//! Round trip between the two cores in the rounds of a merged target, and its median latency in units of
//! that: on a shared host they move within seconds, and a difference of two targets may be that of the
//! rounds in which each was measured.

use std::fmt::{self, Write as _};

use crate::quantity;
use crate::record::{MergedRuns, Record, Run};

/// The ends of what was seen in the valid rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CoreDistance {
    /// The round trip of a cache line between the two cores, before and after each run, in nanoseconds.
    pub core_round_trip_ns: (f64, f64),
    /// The p50 of each run, in units of the mean of both.
    pub p50_in_round_trips: Option<(f64, f64)>,
}

impl CoreDistance {
    /// Returns the distance in those of `runs` that are part of `merged`; `None` where no memory is shared.
    #[must_use]
    fn of(merged: &MergedRuns, runs: &[Run]) -> Option<Self> {
        let own = runs.iter().filter(|run| run.valid && merged.is_of(run));
        let floors = own.filter_map(|run| Some((run, run.core_round_trip_ns?)));
        let readings = floors.clone().flat_map(|(_, floor)| floor.readings());
        let in_round_trips = floors.filter_map(|(run, floor)| floor.in_units(run.latency_ns.p50));
        Some(Self {
            core_round_trip_ns: ends(readings)?,
            p50_in_round_trips: ends(in_round_trips),
        })
    }

    /// The merged targets of `report` that share memory, each with what its runs tell.
    pub fn each(record: &Record) -> impl Iterator<Item = (&MergedRuns, Self)> {
        let of = |merged| Some((merged, Self::of(merged, &record.runs)?));
        record.merged.iter().filter_map(of)
    }

    /// The round trip in words.
    #[must_use]
    pub fn round_trip(&self) -> String {
        let (low, high) = self.core_round_trip_ns;
        quantity::range(low, high)
    }

    /// p50 in words, in units of the round trip.
    #[must_use]
    pub fn p50(&self) -> Option<String> {
        let (low, high) = self.p50_in_round_trips?;
        Some(quantity::ratios(low, high))
    }
}

/// The lowest and the highest.
fn ends(values: impl Iterator<Item = f64> + Clone) -> Option<(f64, f64)> {
    Some((values.clone().reduce(f64::min)?, values.reduce(f64::max)?))
}

/// A line for each merged target that shares memory, if any does.
pub(super) fn write(record: &Record, text: &mut String) -> fmt::Result {
    let mut all = CoreDistance::each(record).peekable();
    if all.peek().is_none() {
        return Ok(());
    }
    writeln!(
        text,
        "\n{:<22}{:<11}{:>22}{:>28}",
        "floor", "link", "core round trip", "p50 in round trips"
    )?;
    for (merged, distance) in all {
        writeln!(
            text,
            "{:<22}{:<11}{:>22}{:>28}",
            merged.label(),
            merged.link,
            distance.round_trip(),
            distance.p50().unwrap_or_else(|| "n/a".to_owned())
        )?;
    }
    writeln!(
        text,
        "           lowest and highest of the valid rounds: a shared host moves the cores about, and where\n           \
         the distances differ, so do the latencies"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{BeforeAfter, fixtures};

    fn run(core_round_trip_ns: Option<(f64, f64)>, is_valid: bool) -> Run {
        let floor = |(before, after)| BeforeAfter {
            before: Some(before),
            after: Some(after),
        };
        Run {
            core_round_trip_ns: core_round_trip_ns.map(floor),
            valid: is_valid,
            ..fixtures::closed_run()
        }
    }

    #[test]
    fn the_ends_are_those_of_the_valid_rounds() {
        let runs = [
            run(Some((100.0, 300.0)), true),
            run(Some((80.0, 120.0)), true),
            run(Some((1.0, 2000.0)), false),
        ];
        let merged = fixtures::merged(&runs[0]);
        let distance = CoreDistance::of(&merged, &runs).unwrap();
        assert_eq!(distance.core_round_trip_ns, (80.0, 300.0));
        let p50_ns = runs[0].latency_ns.p50.unwrap() as f64;
        let expected = (p50_ns / 200.0, p50_ns / 100.0);
        assert_eq!(distance.p50_in_round_trips, Some(expected));
        assert_eq!(distance.round_trip(), "80–300 ns");
        assert_eq!(CoreDistance::of(&merged, &[run(None, true)]), None);
        assert_eq!(CoreDistance::of(&merged, &[]), None);
    }

    #[test]
    fn a_comparison_says_it_where_memory_is_shared() {
        let text = |floor| {
            let run = run(floor, true);
            let record = Record {
                merged: vec![fixtures::merged(&run)],
                ..fixtures::record(run)
            };
            let mut text = String::new();
            write(&record, &mut text).unwrap();
            text
        };
        assert_eq!(text(None), "");
        let table = text(Some((75.0, 325.0)));
        assert!(table.contains("75–325"), "{table}");
    }
}
