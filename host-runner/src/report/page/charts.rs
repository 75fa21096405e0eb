//! Charts as the page has them: drawings at every size, with what tells their curves apart.

use minijinja::Value;
use serde::Serialize;

use crate::report::chart::{Plot, Size, Style, draw};
use crate::report::page::entry::{Entry, is_sweep};
use crate::report::page::method;
use crate::report::page::plots::{self, by_percentile, offered_load, over_time};
use crate::report::page::tables::Table;

/// The colour of what is of no measurement in particular.
const NEUTRAL: usize = 9;

/// The fewest intervals that a chart over time is drawn of.
const LEAST_INTERVALS: usize = 5;

/// Most measurements that a chart in a file of its own has the names of.
pub const MOST_IN_A_FILE: usize = 6;

/// A sample of a look, and what looks so.
pub type Legend = Vec<(Value, String)>;

/// One figure of the page.
#[derive(Debug, Serialize)]
pub struct Chart {
    /// Anchor for links: no two on the page are the same.
    pub id: String,
    /// Title.
    pub title: String,
    /// Caption: how to read it.
    pub caption: String,
    /// Drawings.
    pub groups: Vec<Group>,
}

/// Drawings with one legend.
#[derive(Debug, Serialize)]
pub struct Group {
    /// Title of what they have in common, if there are other groups.
    pub title: Option<String>,
    /// Legend of the curves.
    pub legend: Legend,
    /// The drawings.
    pub panels: Vec<Panel>,
    /// True if they stand beside each other.
    pub is_grid: bool,
    /// The same in figures.
    pub figures: Option<Figures>,
}

/// A table, with a sample of the look of each thing that its rows are of.
#[derive(Debug, Serialize)]
pub struct Figures {
    /// The table.
    pub table: Table,
    /// The samples, by the rows' numbers.
    pub samples: Vec<Value>,
}

/// A drawing, at the sizes that it is shown in.
#[derive(Debug, Serialize)]
pub struct Panel {
    title: Option<String>,
    wide: Value,
    narrow: Value,
}

impl Panel {
    /// Draws `plot`.
    #[must_use]
    pub fn new(title: Option<String>, plot: &Plot, size: Size) -> Self {
        Self {
            title,
            wide: Value::from_safe_string(draw::plot(plot, size)),
            narrow: Value::from_safe_string(draw::plot(plot, Size::Narrow)),
        }
    }
}

/// A sample of a curve.
#[must_use]
pub fn sample(style: Style) -> Value {
    Value::from_safe_string(draw::sample(style))
}

/// Returns the legend of quantities: in a subject's colour and with its name, or without.
#[must_use]
pub fn quantities(of: Option<(usize, &str)>, names: &[(&str, usize)]) -> Legend {
    let quantity = |&(name, look): &(&str, usize)| {
        let (colour, label) = match of {
            Some((colour, subject)) => (colour, format!("{subject}: {name}")),
            None => (NEUTRAL, name.to_owned()),
        };
        (sample(plots::quantity(colour, look)), label)
    };
    names.iter().map(quantity).collect()
}

/// The charts of measurements that are no part of a comparison.
#[must_use]
pub fn of_measurements(entries: &[Entry<'_>]) -> Vec<Chart> {
    if entries.is_empty() {
        return Vec::new();
    }
    let runs = entries
        .iter()
        .map(|entry| (sample(entry.style), entry.label.clone()));
    let plot = by_percentile::by_percentile(entries);
    let is_sum = entries.iter().any(|entry| entry.run.nodes.len() > 1);
    let caption = match is_sum {
        true => format!("{} {}", method::SUMMED, method::BY_PERCENTILE),
        false => method::BY_PERCENTILE.to_owned(),
    };
    let by_percentile = chart(
        "by-percentile",
        "Latency by percentile",
        &caption,
        runs.collect(),
        vec![Panel::new(None, &plot, Size::Wide)],
    );
    let sweeps = offered_load::sweeps(entries);
    let against_load = (!sweeps.is_empty()).then(|| {
        let legend = sweeps.iter().flat_map(|sweep| {
            let of = (sweep.colour, sweep.subject.as_str());
            quantities(Some(of), &offered_load::QUANTITIES)
        });
        let plot = offered_load::plot(&sweeps, entries);
        chart(
            "against-load",
            "Latency against offered load",
            method::AGAINST_LOAD,
            legend.collect(),
            vec![Panel::new(None, &plot, Size::Wide)],
        )
    });
    let mut charts = vec![by_percentile];
    charts.extend(against_load);
    if is_sweep(entries) {
        // The point of a sweep comes first.
        charts.reverse();
    }
    charts.extend(over_time(entries));
    charts
}

/// Latency over time of those that have enough intervals; `None` if none has.
fn over_time(entries: &[Entry<'_>]) -> Option<Chart> {
    let has_intervals = |entry: &&Entry<'_>| entry.distribution.intervals.len() >= LEAST_INTERVALS;
    let charted: Vec<Entry<'_>> = entries.iter().filter(has_intervals).cloned().collect();
    if charted.is_empty() {
        return None;
    }
    let is_alone = entries.len() == 1;
    let size = if charted.len() == 1 {
        Size::Wide
    } else {
        Size::Half
    };
    let plots = over_time::by_second(&charted);
    let panels = charted.iter().zip(&plots).map(|(entry, plot)| {
        let title = (!is_alone).then(|| entry.label.clone());
        Panel::new(title, plot, size)
    });
    let mut legend = quantities(None, &over_time::QUANTITIES);
    if let [only] = entries {
        for ((sample, _), (_, look)) in legend.iter_mut().zip(over_time::QUANTITIES) {
            *sample = self::sample(plots::quantity(only.style.colour, look));
        }
    }
    Some(chart(
        "over-time",
        "Latency over time",
        method::OVER_TIME,
        legend,
        panels.collect(),
    ))
}

fn chart(id: &str, title: &str, caption: &str, legend: Legend, panels: Vec<Panel>) -> Chart {
    Chart {
        id: id.to_owned(),
        title: title.to_owned(),
        caption: caption.to_owned(),
        groups: vec![Group {
            title: None,
            legend,
            is_grid: panels.len() > 1,
            panels,
            figures: None,
        }],
    }
}
