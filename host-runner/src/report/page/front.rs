//! The first screen: what was found, how far to trust it, one chart with values on it, what was counted,
//! and a sentence to quote.
//!
//! - `leading_load`: of several loads on a link the one that title, chart and sentence speak of;
//! - [`finding`]: which of all differences the title is about, and the title;
//! - `strip`: the line that says how far to trust it;
//! - `overview`: the chart;
//! - `tiles`: what holds on any machine;
//! - `quote`: the sentence.

use serde::Serialize;

use crate::record::read::Source;
use crate::report::capacity::Capacity;
use crate::report::chart::draw::{self, Standalone};
use crate::report::chart::{Size, Style};
use crate::report::page::comparison_view::ComparisonView;
use crate::report::page::entry::{self, Entry};
use crate::report::page::plots::{by_percentile, offered_load};
use crate::report::page::{charts, method, plots};

pub mod finding;
mod leading_load;
mod overview;
mod quote;
mod strip;
mod tiles;

/// The first screen.
#[derive(Debug, Serialize)]
pub struct Front {
    /// Trust in the figures: parts of one line, each of which leads to a section.
    pub strip: Vec<strip::Part>,
    /// The chart; `None` where another part of the page has it.
    pub chart: Option<overview::Overview>,
    /// Counts that hold on any machine.
    pub tiles: Vec<tiles::Tile>,
    /// The sentence to quote.
    pub quote: String,
}

/// Beginning of a page.
#[derive(Debug)]
pub struct Beginning {
    /// Title of the page.
    pub title: String,
    /// First screen; `None` where several things share the page.
    pub front: Option<Front>,
    /// The chart as a file of its own; `None` if there is nothing to draw.
    pub file: Option<Standalone>,
}

/// Returns the beginning of the page of `comparison_views` and `entries`, which are from `sources`.
#[must_use]
pub fn beginning(
    comparison_views: &[ComparisonView<'_>],
    entries: &[Entry<'_>],
    sources: &[Source],
) -> Beginning {
    match (comparison_views, entries, sources) {
        ([comparison_view], [], _) => of_comparison(comparison_view),
        ([], [_, ..], [_]) => of_measurements(entries),
        _ => Beginning {
            title: format!("Round-trip latency: {}", counted(comparison_views, entries)),
            front: None,
            file: None,
        },
    }
}

/// Returns the numbers of comparisons and measurements, in words.
fn counted(comparison_views: &[ComparisonView<'_>], entries: &[Entry<'_>]) -> String {
    let several = |count: usize, what: &str| match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    };
    match (comparison_views.len(), entries.len()) {
        (0, entries) => several(entries, "measurement"),
        (comparison_views, 0) => several(comparison_views, "comparison"),
        (comparison_views, entries) => format!(
            "{} and {}",
            several(comparison_views, "comparison"),
            several(entries, "measurement")
        ),
    }
}

fn of_comparison(comparison_view: &ComparisonView<'_>) -> Beginning {
    let loads = leading_load::leading_loads(comparison_view);
    let finding = finding::Finding::of(&loads);
    let title = finding.as_ref().map_or_else(
        || finding::without_finding(comparison_view),
        finding::Finding::title,
    );
    let record = &comparison_view.source.record;
    let quote = quote::of_comparison(record, &loads, finding.as_ref());
    let plot = overview::plot(&loads);
    let file = plot.as_ref().map(|plot| Standalone {
        title: title.clone(),
        drawing: draw::dots(plot, Size::Wide),
        legend: Vec::new(),
        notes: vec![overview::CAPTION.to_owned(), quote.clone()],
    });
    let front = Front {
        strip: strip::of_comparison(comparison_view),
        chart: plot.map(|plot| overview::Overview::new(&plot)),
        tiles: tiles::tiles(comparison_view, finding.as_ref()),
        quote,
    };
    Beginning {
        title,
        front: Some(front),
        file,
    }
}

fn of_measurements(entries: &[Entry<'_>]) -> Beginning {
    let is_sweep = entry::is_sweep(entries);
    let title = match entries {
        [only] => finding::of_run(only.run),
        several if is_sweep => {
            let runs: Vec<_> = several.iter().map(|entry| entry.run).collect();
            let steps: Vec<_> = (runs.iter().copied())
                .filter(|run| run.sweep_percent.is_some())
                .collect();
            Capacity::of(&steps).title(&runs[0].target_label())
        }
        several => format!("Round-trip latency: {}", counted(&[], several)),
    };
    let quote = quote::of_measurements(entries, &title);
    let (plot, legend) = if is_sweep {
        let sweeps = offered_load::sweeps(entries);
        let legend = sweeps.iter().flat_map(|sweep| {
            offered_load::QUANTITIES
                .map(|(name, look)| (plots::quantity(sweep.colour, look), name.to_owned()))
        });
        (offered_load::plot(&sweeps, entries), legend.collect())
    } else {
        let legend = entries
            .iter()
            .map(|entry| (entry.style, entry.label.clone()));
        let legend: Vec<(Style, String)> = legend.collect();
        (by_percentile::by_percentile(entries), legend)
    };
    let caption = if is_sweep {
        method::AGAINST_LOAD
    } else {
        method::BY_PERCENTILE
    };
    let file = Standalone {
        title: title.clone(),
        drawing: (draw::plot(&plot, Size::Wide), Size::Wide.height()),
        // A curve alone is what the title is about.
        legend: if entries.len() > 1 && entries.len() <= charts::MOST_IN_A_FILE || is_sweep {
            legend
        } else {
            Vec::new()
        },
        notes: vec![caption.to_owned(), quote.clone()],
    };
    let front = Front {
        strip: strip::of_measurements(entries),
        chart: None,
        tiles: Vec::new(),
        quote,
    };
    Beginning {
        title,
        front: Some(front),
        file: Some(file),
    }
}

#[cfg(test)]
mod tests;
