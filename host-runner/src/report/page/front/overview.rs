//! The chart of the first screen: a panel for each link, a row for each target, the nearest first.

use minijinja::Value;
use serde::Serialize;

use crate::quantity::{self, at_least};
use crate::record::origin::OnLink;
use crate::report::chart::dot_plot::{Dot, DotPanel, DotPlot, DotRow, Repetition, Side};
use crate::report::chart::{Axis, Size, draw};
use crate::report::page::comparison_view::{LinkView, TargetView};
use crate::stats::percentile_rule::PERCENTILES;

/// Explanation of the chart.
pub const CAPTION: &str = "Latency: ● p50, ▮ p90, ■ p99, ▲ p99.9 of all valid rounds; pale ticks: p50 and \
     p99 of single boots.";

/// The percentiles that have a mark: which, its outline, and where its value stands.
const MARKS: [(usize, usize, Option<Side>); 4] = [
    (0, 0, Some(Side::Left)),
    (1, 4, None),
    (2, 1, Some(Side::Right)),
    (3, 2, None),
];

/// The percentiles of single boots that are drawn.
const OF_BOOTS: [usize; 2] = [0, 2];

/// The target that answers without any guest.
const NULL: &str = "null";

/// The chart as the page has it.
#[derive(Debug, Serialize)]
pub struct Overview {
    wide: Value,
    narrow: Value,
    caption: &'static str,
}

impl Overview {
    /// Draws `plot`.
    #[must_use]
    pub fn new(plot: &DotPlot) -> Self {
        let drawn = |size: Size| Value::from_safe_string(draw::dots(plot, size).0);
        Self {
            wide: drawn(Size::Wide),
            narrow: drawn(Size::Narrow),
            caption: CAPTION,
        }
    }
}

/// Returns the chart of `loads`, one of each link; `None` if no run is valid.
#[must_use]
pub fn plot(loads: &[&LinkView<'_>]) -> Option<DotPlot> {
    let panels: Vec<DotPanel> = loads.iter().copied().filter_map(panel).collect();
    let rows = || panels.iter().flat_map(|panel| &panel.rows);
    let values = rows().flat_map(|row| {
        let repetitions = row.repetitions.iter().map(|repetition| repetition.at);
        row.dots.iter().map(|dot| dot.at).chain(repetitions)
    });
    let references = panels.iter().filter_map(|panel| panel.reference);
    let values: Vec<f64> = values
        .chain(references)
        .filter(|&value| value > 0.0)
        .collect();
    let low = values.iter().copied().reduce(f64::min)?;
    let high = values.iter().copied().reduce(f64::max)?;
    Some(DotPlot {
        title: "Latency of each target, link by link".to_owned(),
        x: Axis::log_latency(low, high),
        panels,
    })
}

fn panel(link: &LinkView<'_>) -> Option<DotPanel> {
    let drawn = || {
        link.targets
            .iter()
            .filter(|target| !target.rounds.is_empty())
    };
    let is_null = |target: &&TargetView<'_>| target.merged.target == NULL;
    // A thread in the guest's place is what the others are held against, unless there are no others.
    let null = drawn().find(is_null).filter(|_| drawn().count() > 1);
    let mut targets: Vec<&TargetView<'_>> = drawn()
        .filter(|target| null.is_none() || !is_null(target))
        .collect();
    let tail = |target: &TargetView<'_>| {
        let latency = &target.merged.latency_ns;
        latency.p99.or(latency.p90).or(latency.max)
    };
    targets.sort_by_key(|target| tail(target).unwrap_or(u64::MAX));
    let rows: Vec<DotRow> = targets.into_iter().map(row).collect();
    let reference = null.and_then(|null| null.merged.latency_ns.p50);
    let title = match reference {
        Some(ns) => format!(
            "{}  (thin line: no guest at all, {} at p50)",
            link.name,
            quantity::time(ns as f64)
        ),
        None => link.name.clone(),
    };
    (!rows.is_empty()).then_some(DotPanel {
        title,
        reference: reference.map(|ns| ns as f64),
        rows,
    })
}

fn row(target: &TargetView<'_>) -> DotRow {
    let censored_from_ns = target.censored_from_ns();
    let summary = &target.merged.latency_ns;
    let dot = |(index, mark, side): (usize, usize, Option<Side>)| {
        let ns = summary.percentiles()[index]?;
        let is_bound = censored_from_ns.is_some_and(|from_ns| ns >= from_ns);
        let value = at_least(ns as f64, is_bound);
        Some(Dot {
            at: ns as f64,
            mark,
            is_hollow: is_bound,
            says: format!("{}: {} {value}", target.label, PERCENTILES[index].name),
            label: side.map(|side| (value, side)),
        })
    };
    let repetitions = target.rounds.iter().flat_map(|round| {
        let values = round.run.latency_ns.percentiles();
        OF_BOOTS.into_iter().filter_map(move |index| {
            let ns = values[index]? as f64;
            let (name, value) = (PERCENTILES[index].name, quantity::time(ns));
            Some(Repetition {
                at: ns,
                says: format!("round {}: {name} {value}", round.number),
            })
        })
    });
    DotRow {
        label: OnLink {
            label: &target.label,
            link: &target.merged.link,
        }
        .marked(),
        colour: target.style.colour,
        dots: MARKS.into_iter().filter_map(dot).collect(),
        repetitions: repetitions.collect(),
    }
}
