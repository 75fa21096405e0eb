//! The table of the faults that were injected, direction by direction.

use super::Table;
use crate::link::fault::DirectionCounts;
use crate::quantity::count;
use crate::report::page::entry::Entry;

/// Returns the table of the faults that were injected beside `entries`; without rows if there were none.
#[must_use]
pub fn injected_faults(entries: &[Entry<'_>]) -> Table {
    let mut table = Table::new(
        "Injected faults",
        &[
            "",
            "frames",
            "frames lost",
            "frames corrupted",
            "frames duplicated",
            "frames reordered",
            "frames delayed",
            "measured requests lost",
            "measured requests corrupted",
            "measured requests not answered",
            "measured requests answered late",
        ],
    );
    for (index, entry) in entries.iter().enumerate() {
        let Some(fault) = &entry.run.fault else {
            continue;
        };
        let frames = |counts: &DirectionCounts| {
            [
                counts.frames,
                counts.lost,
                counts.corrupted,
                counts.duplicated,
                counts.reordered,
                counts.delayed,
            ]
        };
        let requests = &fault.requests;
        let to_guest = [requests.lost_to_guest, requests.corrupted_to_guest, 0, 0];
        let from_guest = [
            requests.lost_from_guest,
            requests.corrupted_from_guest,
            requests.unanswered,
            fault.answered_late,
        ];
        for (direction, counts, requests) in [
            ("to the guest", &fault.to_guest, to_guest),
            ("from the guest", &fault.from_guest, from_guest),
        ] {
            let name = format!("{}, {direction}", entry.label);
            let counts = frames(counts).into_iter().chain(requests).map(count);
            table.row(Some(index), std::iter::once(name).chain(counts));
        }
    }
    table
}
