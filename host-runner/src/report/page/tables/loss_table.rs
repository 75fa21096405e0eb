//! The table of the places where requests were lost.

use super::{NONE, Table};
use crate::quantity::count;
use crate::report::page::entry::Entry;

/// Returns the table of where requests of `entries` were lost; without rows if none were, or if nobody knows.
#[must_use]
pub fn losses(entries: &[Entry<'_>]) -> Table {
    let mut table = Table::new(
        "Places of losses",
        &[
            "",
            "lost",
            "waiting for a receive buffer at the end",
            "dropped by a queue of this host",
            "elsewhere on the way to the service",
            "dropped by the service",
            "answered in vain",
        ],
    );
    for (index, entry) in entries.iter().enumerate() {
        let run = entry.run;
        let Some(losses) = run.losses.as_ref().filter(|_| run.lost > 0) else {
            continue;
        };
        let known = losses.waiting_at_end + losses.dropped_by_host.unwrap_or(0);
        let elsewhere = losses.not_received_by_guest.saturating_sub(known);
        let cells = [
            entry.label.clone(),
            count(run.lost),
            count(losses.waiting_at_end),
            losses
                .dropped_by_host
                .map_or_else(|| NONE.to_owned(), count),
            count(elsewhere),
            count(losses.dropped_by_guest),
            count(losses.answer_lost),
        ];
        table.row(Some(index), cells);
    }
    table
}
