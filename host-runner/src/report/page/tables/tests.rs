//! The tables of made-up measurements, cell by cell.

use super::*;
use crate::record::fixtures::{self, source_fixtures};
use crate::record::run::Losses;
use crate::report::page::entry::entries;
use crate::report::page::tables::fault_table::injected_faults;
use crate::report::page::tables::host_facts::{doctor, environment};
use crate::report::page::tables::loss_table::losses;
use crate::report::page::tables::runs::{floors, holds, latency, noise, parts, requests};

fn line(table: &Table, row: usize) -> String {
    table.rows[row].cells.join("|")
}

#[test]
fn latency_says_what_it_does_not_know() {
    let sources = [source_fixtures::closed()];
    let table = latency(&entries(&sources));
    assert_eq!(
        table.head.join("|"),
        "latency|min|p50|p90|p99|p99.9|p99.99|max|samples|valid"
    );
    assert_eq!(
        line(&table, 0),
        "hermit, unix|20.0 µs|25.0 µs|29.0 µs|29.9 µs|n/a (needs 10,000)|n/a (needs 100,000)|\
         ≥ 1.00 s|1,000|yes"
    );
}

#[test]
fn every_table_has_as_many_cells_as_columns() {
    let sources = [source_fixtures::closed(), source_fixtures::open(1000.0)];
    let entries = entries(&sources);
    let tables = [
        latency(&entries),
        parts(&entries),
        requests(&entries),
        floors(&entries),
        noise(&entries),
        holds(&entries),
        environment(&sources[0]),
        doctor(&sources[0]).unwrap(),
    ];
    assert!(injected_faults(&entries).rows.is_empty());
    let mut faulty = source_fixtures::closed();
    faulty.record.runs[0].fault = Some(fixtures::fault_record());
    let faulty = [faulty];
    let faults = injected_faults(&crate::report::page::entry::entries(&faulty));
    assert_eq!(faults.rows.len(), 2);
    assert_eq!(
        line(&faults, 0),
        "hermit, unix, to the guest|1,500|3|0|0|0|0|1|0|0|0"
    );
    assert!(losses(&entries).rows.is_empty());
    let mut lossy = source_fixtures::closed();
    lossy.record.runs[0].lost = 60;
    lossy.record.runs[0].losses = Some(Losses {
        not_received_by_guest: 50,
        waiting_at_end: 20,
        dropped_by_host: Some(25),
        answer_lost: 10,
        ..Losses::default()
    });
    let lossy = [lossy];
    let losses = losses(&crate::report::page::entry::entries(&lossy));
    assert_eq!(line(&losses, 0), "hermit, unix|60|20|25|5|0|10");
    for table in tables.iter().chain([&faults, &losses]) {
        for row in &table.rows {
            assert_eq!(row.cells.len(), table.head.len(), "{table:?}");
        }
    }
    assert_eq!(
        tables[1].rows.len(),
        2 + 5,
        "an open loop has three parts more"
    );
}

#[test]
fn the_median_is_told_in_round_trips_of_a_cache_line() {
    let sources = [source_fixtures::closed()];
    let table = floors(&entries(&sources));
    assert_eq!(line(&table, 0), "hermit, unix|120 ns|140 ns|190 ×|–|–|–");
    let expected = "hermit, unix|0.12 %|34.2 µs|1.00 %|81.5 µs|0.20 %|12.3 µs|231|0 %";
    assert_eq!(line(&noise(&entries(&sources)), 0), expected);
}

#[test]
fn a_table_of_nothing_is_left_out() {
    let sources = [source_fixtures::open(1000.0)];
    let entries = entries(&sources);
    let shown = that_tell([floors(&entries), noise(&entries)]);
    assert_eq!(shown, [noise(&entries)], "it shares no memory with anyone");
}

#[test]
fn signals_are_per_echo_with_the_warm_up() {
    let mut source = source_fixtures::closed();
    source.record.runs[0].signals = Some(crate::link::Signals {
        doorbells: 750,
        interrupts: 0,
    });
    let sources = [source];
    let table = holds(&entries(&sources));
    assert_eq!(
        line(&table, 0),
        "hermit, unix|0.5|0|250 KiB|143 ms|98.2 ms|under this emulator on this host only"
    );
}
