//! The tables of a comparison: its merged targets, and the runs that are in none of them.

use crate::quantity::count;
use crate::record::BootRange;
use crate::record::origin::OnLink;
use crate::record::system_cost;
use crate::report::core_distance::CoreDistance;
use crate::report::page::comparison_view::{ComparisonView, LinkView, TargetView};
use crate::report::page::tables::{NONE, Table, percentiles, value};
use crate::stats::percentile_rule::PERCENTILES;
use crate::stats::summary::{PercentileColumn, percentile_columns};

/// All valid rounds of each target on a link together.
#[must_use]
pub fn merged(link: &LinkView<'_>) -> Table {
    let mut head = vec!["latency", "valid rounds", "invalid runs"];
    let columns = percentile_columns(
        &PERCENTILES,
        link.targets.iter().map(|target| &target.merged.latency_ns),
    );
    head.extend(columns.iter().map(|column| column.name.as_str()));
    head.extend(["max", "samples", "lost"]);
    let mut table = Table::new("All valid rounds together", &head);
    for (index, target) in link.targets.iter().enumerate() {
        let merged = target.merged;
        let censored = target.censored_from_ns();
        let of_it = link.runs.iter().filter(|run| merged.is_of(run.run));
        let invalid = of_it.filter(|run| !run.run.valid).count();
        let cells = [
            OnLink {
                label: &target.label,
                link: &merged.link,
            }
            .marked(),
            format!("{} of {}", merged.rounds.len(), merged.rounds_wanted),
            count(invalid as u64),
        ];
        let cells = cells
            .into_iter()
            .chain(percentiles(&columns, &merged.latency_ns, censored))
            .chain([
                value(merged.latency_ns.max, censored),
                count(merged.latency_ns.count),
                count(merged.lost),
            ]);
        table.row(Some(index), cells);
        if let Some(cells) = boots(target, &columns) {
            table.row(None, cells);
        }
    }
    table
}

/// The ends of each percentile over single boots; `None` of one boot, or if the record does not tell.
fn boots(target: &TargetView<'_>, columns: &[PercentileColumn]) -> Option<Vec<String>> {
    let merged = target.merged;
    if merged.boots.is_empty() || merged.rounds.len() < 2 {
        return None;
    }
    let range = |column: &PercentileColumn| {
        let range = merged.boots.get(&column.name);
        range.map_or_else(|| NONE.to_owned(), BootRange::words)
    };
    let none = || NONE.to_owned();
    let mut cells = vec![format!("{}, single boots", target.label), none(), none()];
    cells.extend(columns.iter().map(range));
    cells.extend([none(), none(), none()]);
    Some(cells)
}

/// Returns the round trips between the two cores in the rounds of each target; `None` where no memory is shared.
#[must_use]
pub fn core_distance(comparison_view: &ComparisonView<'_>) -> Option<Table> {
    let head = ["", "link", "core round trip", "p50 in round trips"];
    let mut table = Table::new("Distance between the cores", &head);
    for (merged, distance) in CoreDistance::each(&comparison_view.source.record) {
        let cells = [
            OnLink {
                label: &merged.label(),
                link: &merged.link,
            }
            .marked(),
            merged.link.clone(),
            distance.round_trip(),
            distance.p50().unwrap_or_else(|| NONE.to_owned()),
        ];
        table.row(None, cells);
    }
    (!table.rows.is_empty()).then_some(table)
}

/// Returns the costs behind the latencies, target by target and link by link; `None` if the record has none of
/// it.
#[must_use]
pub fn why(comparison_view: &ComparisonView<'_>) -> Option<Table> {
    let mut head = vec!["", "link"];
    head.extend(system_cost::HEAD);
    let mut table = Table::new("Cost per echo, and footprint", &head);
    let all = comparison_view.source.record.why.iter();
    for why in all.filter(|cost| !cost.is_empty()) {
        let cells = why.cells().map(|cell| match cell.as_str() {
            system_cost::UNKNOWN => NONE.to_owned(),
            _ => cell,
        });
        let name = [
            OnLink {
                label: &why.label(),
                link: &why.link,
            }
            .marked(),
            why.link.clone(),
        ];
        table.row(None, name.into_iter().chain(cells));
    }
    (!table.rows.is_empty()).then_some(table)
}

/// The runs on a link that are not valid, and why not; `None` if all are.
#[must_use]
pub fn invalid(link: &LinkView<'_>) -> Option<Table> {
    let mut table = Table::new("Invalid runs", &["", "reason"]);
    for (index, entry) in link.runs.iter().enumerate() {
        if !entry.run.valid {
            let mut reasons = entry.run.invalid_because.join("; ");
            if entry.run.partial {
                reasons.push_str("; broken off before its end");
            }
            table.row(Some(index), [entry.label.clone(), reasons]);
        }
    }
    (!table.rows.is_empty()).then_some(table)
}
