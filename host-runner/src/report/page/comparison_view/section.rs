//! A comparison in the order of the page: the answer, what it stands on, and last every single run.

use minijinja::Value;
use serde::Serialize;

use crate::record::Skipped;
use crate::record::system_cost::WHAT_HOLDS;
use crate::report::page::charts::{Chart, sample};
use crate::report::page::comparison_view::{
    ComparisonView, LinkView, merged_charts, merged_tables, verdicts,
};
use crate::report::page::method;
use crate::report::page::tables::{Table, cpu_activity, runs, that_tell};

/// Section of the page for a comparison.
#[derive(Debug, Serialize)]
pub struct View {
    /// Name of the source, if the page has several results.
    pub name: Option<String>,
    /// Prefix of the section's anchors.
    pub id: String,
    /// Verdicts on the tail.
    pub answers: Vec<Answer>,
    /// The verdicts.
    pub verdicts: Verdicts,
    /// Costs behind the latencies; `None` where they were not measured.
    pub why: Option<Table>,
    /// Statement of which figures hold where.
    pub what_holds: &'static str,
    /// Round trip between the two cores; `None` where no memory is shared.
    pub core_distance: Option<Table>,
    /// Caption of that table.
    pub core_distance_caption: &'static str,
    /// Cases that were not measured, with the reasons.
    pub skipped: Vec<String>,
    /// Number of runs, and number of the invalid ones.
    pub runs: usize,
    /// See `runs`.
    pub invalid: usize,
    /// All valid rounds of each target together: drawn, and in figures.
    pub by_percentile: Chart,
    /// The rounds beside each other; `None` if no run is valid.
    pub by_round: Option<Chart>,
    /// Every single run, link by link.
    pub details: Vec<Details>,
}

/// Verdict on the tail on a link, in words.
#[derive(Debug, Serialize)]
pub struct Answer {
    /// The link.
    pub link: String,
    /// One for each percentile.
    pub sentences: Vec<String>,
}

/// All verdicts.
#[derive(Debug, Serialize)]
pub struct Verdicts {
    /// The percentiles.
    pub columns: Vec<&'static str>,
    /// The comparisons, link by link.
    pub groups: Vec<verdicts::Group>,
}

/// Every run on a link.
#[derive(Debug, Serialize)]
pub struct Details {
    /// The link.
    pub link: String,
    /// Number of runs.
    pub runs: usize,
    /// Number of the invalid ones.
    pub invalid: usize,
    /// The invalid runs, with the reasons.
    pub reasons: Option<Table>,
    /// Results of each.
    pub tables: Vec<Table>,
    /// A sample of the look of each.
    pub samples: Vec<Value>,
}

impl View {
    /// Returns the section of `comparison_view`, which is number `index` on the page, and alone there or not.
    #[must_use]
    pub fn new(comparison_view: &ComparisonView<'_>, index: usize, is_alone: bool) -> Self {
        let id = if is_alone {
            String::new()
        } else {
            format!("{}-", index + 1)
        };
        let links = &comparison_view.links;
        let all = &comparison_view.source.record.runs;
        Self {
            name: (!is_alone).then(|| comparison_view.source.directory.display().to_string()),
            answers: links
                .iter()
                .map(answer)
                .filter(|answer| !answer.sentences.is_empty())
                .collect(),
            verdicts: Verdicts {
                columns: verdicts::columns().collect(),
                groups: links.iter().flat_map(verdicts::groups).collect(),
            },
            why: merged_tables::why(comparison_view),
            what_holds: WHAT_HOLDS,
            core_distance: merged_tables::core_distance(comparison_view),
            core_distance_caption: method::APART,
            skipped: Skipped::lines(&comparison_view.source.record.skipped),
            runs: all.len(),
            invalid: all.iter().filter(|run| !run.valid).count(),
            by_percentile: merged_charts::by_percentile(comparison_view, &id),
            by_round: merged_charts::by_round(comparison_view, &id),
            details: links.iter().map(details).collect(),
            id,
        }
    }
}

fn answer(link: &LinkView<'_>) -> Answer {
    Answer {
        link: link.name.clone(),
        sentences: verdicts::sentences(link),
    }
}

fn details(link: &LinkView<'_>) -> Details {
    let entries = &link.runs;
    Details {
        link: link.name.clone(),
        runs: entries.len(),
        invalid: entries.iter().filter(|entry| !entry.run.valid).count(),
        reasons: merged_tables::invalid(link),
        tables: that_tell([
            runs::latency(entries),
            runs::floors(entries),
            runs::noise(entries),
            runs::parts(entries),
            runs::requests(entries),
            runs::holds(entries),
        ])
        .into_iter()
        .chain(runs::stalls(entries))
        .chain(cpu_activity::activity(entries))
        .collect(),
        samples: entries.iter().map(|entry| sample(entry.style)).collect(),
    }
}
