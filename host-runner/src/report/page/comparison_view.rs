//! A comparison for the page: its merged targets, link by link, with the rounds that they are merged
//! of.
//!
//! - [`verdicts`]: who is lower than whom, in words and as a table;
//! - [`charts`], [`tables`]: what is shown of it;
//! - [`view`]: all of that, in the order of the page.

use crate::quantity;
use crate::record::read::{Distribution, MergedHistogram, Source};
use crate::record::{Comparison, MergedRuns, Run};
use crate::report::chart::Style;
use crate::report::page::entry::Entry;
use crate::report::page::plots::Series;

pub mod merged_charts;
pub mod merged_tables;
pub mod section;
pub mod verdicts;

/// A comparison.
#[derive(Clone, Debug)]
pub struct ComparisonView<'a> {
    /// Source.
    pub source: &'a Source,
    /// Links, in the order of the record, each as often as there are kinds of load.
    pub links: Vec<LinkView<'a>>,
}

/// Targets that were compared on one link under one kind of load.
#[derive(Clone, Debug)]
pub struct LinkView<'a> {
    /// The link's name, with the load's where there are several.
    pub name: String,
    /// The link's name.
    pub link: &'a str,
    /// The load's: `closed`, `open` or `pipeline`; `None` in a record that does not tell it.
    pub mode: Option<&'a str>,
    /// Targets.
    pub targets: Vec<TargetView<'a>>,
    /// Differences between the targets.
    pub differences: Vec<&'a Comparison>,
    /// All runs on the link, valid or not, target by target.
    pub runs: Vec<Entry<'a>>,
}

/// A target on a link.
#[derive(Clone, Debug)]
pub struct TargetView<'a> {
    /// Label, the same on every link.
    pub label: String,
    /// Style, the same on every link.
    pub style: Style,
    /// Valid rounds together.
    pub merged: &'a MergedRuns,
    /// All samples of those.
    pub merged_histogram: &'a MergedHistogram,
    /// The rounds by themselves.
    pub rounds: Vec<Round<'a>>,
}

/// A valid round.
#[derive(Clone, Copy, Debug)]
pub struct Round<'a> {
    /// Number, from 1 on.
    pub number: u32,
    /// Record.
    pub run: &'a Run,
    /// Latency.
    pub distribution: &'a Distribution,
}

impl TargetView<'_> {
    /// From this value on a latency is a lower bound, because requests were lost.
    #[must_use]
    pub fn censored_from_ns(&self) -> Option<u64> {
        self.merged.lower_bounds_from_ns()
    }

    /// Latency as charts have it.
    #[must_use]
    pub fn series(&self) -> Series<'_> {
        Series {
            label: &self.label,
            style: self.style,
            summary: &self.merged.latency_ns,
            histogram: &self.merged_histogram.histogram,
            censored_from_ns: self.censored_from_ns(),
            is_valid: true,
        }
    }
}

/// The comparisons among `sources`. A target looks the same in all of them.
#[must_use]
pub fn comparison_views(sources: &[Source]) -> Vec<ComparisonView<'_>> {
    let mut labels: Vec<String> = Vec::new();
    let compared = || sources.iter().filter(|source| source.is_comparison());
    for merged in compared().flat_map(|source| &source.record.merged) {
        let label = merged.label();
        if !labels.contains(&label) {
            labels.push(label);
        }
    }
    compared()
        .map(|source| comparison_view(source, &labels))
        .collect()
}

fn comparison_view<'a>(source: &'a Source, labels: &[String]) -> ComparisonView<'a> {
    let record = &source.record;
    let mut groups: Vec<Group<'a>> = Vec::new();
    let merged = record.merged.iter();
    let merged = merged.map(|merged| (merged.link.as_str(), merged.mode.as_deref()));
    let runs = record.runs.iter();
    let runs = runs.map(|run| (run.link.as_str(), Some(&*run.mode)));
    for (link, mode) in merged.chain(runs) {
        // A record of before there were several loads has no mode for a target without a valid run.
        let is_known = groups.iter().any(|group| group.holds(link, mode));
        if !is_known {
            groups.push(Group { link, mode });
        }
        let unknown = groups
            .iter_mut()
            .find(|group| group.link == link && group.mode.is_none());
        if let Some(unknown) = unknown {
            unknown.mode = mode;
        }
    }
    let has_one_load = groups.windows(2).all(|pair| pair[0].mode == pair[1].mode);
    let links = groups.into_iter();
    let links = links.map(|group| on_link(source, group, has_one_load, labels));
    ComparisonView {
        source,
        links: links.collect(),
    }
}

/// A link and the mode of a load on it; no mode where none is known.
#[derive(Clone, Copy, Debug)]
struct Group<'a> {
    link: &'a str,
    mode: Option<&'a str>,
}

impl Group<'_> {
    fn holds(&self, link: &str, mode: Option<&str>) -> bool {
        self.link == link && (mode.is_none() || self.mode.is_none() || mode == self.mode)
    }

    /// Name: the link's, with the load if there are several.
    fn name(&self, source: &Source, has_one_load: bool) -> String {
        let rates = &source.record.common_rate;
        let rate = rates.iter().find(|rate| rate.link == self.link);
        match (self.mode, rate) {
            (Some("open"), Some(rate)) => {
                format!(
                    "{}, open loop at {}/s",
                    self.link,
                    quantity::rate(rate.rate)
                )
            }
            (Some(mode), _) if !has_one_load => format!("{}, {mode} loop", self.link),
            _ => self.link.to_owned(),
        }
    }
}

fn on_link<'a>(
    source: &'a Source,
    group: Group<'a>,
    has_one_load: bool,
    labels: &[String],
) -> LinkView<'a> {
    let record = &source.record;
    let merged_histograms = record.merged.iter().zip(&source.merged_histograms);
    let targets =
        merged_histograms.filter(|(merged, _)| group.holds(&merged.link, merged.mode.as_deref()));
    LinkView {
        name: group.name(source, has_one_load),
        link: group.link,
        mode: group.mode,
        targets: targets
            .map(|(merged, merged_histogram)| target_view(source, merged, merged_histogram, labels))
            .collect(),
        differences: record
            .comparisons
            .iter()
            .filter(|comparison| group.holds(&comparison.link, comparison.mode.as_deref()))
            .collect(),
        runs: runs(source, group, labels),
    }
}

fn target_view<'a>(
    source: &'a Source,
    merged: &'a MergedRuns,
    merged_histogram: &'a MergedHistogram,
    labels: &[String],
) -> TargetView<'a> {
    let label = merged.label();
    let round = |&index: &usize| {
        let run = source.record.runs.get(index)?;
        Some(Round {
            number: run.round?,
            run,
            distribution: source.distributions.get(index)?,
        })
    };
    TargetView {
        style: style(&label, labels),
        label,
        merged,
        merged_histogram,
        rounds: merged_histogram.runs.iter().filter_map(round).collect(),
    }
}

/// The look of `label`; what was never merged looks like one more.
fn style(label: &str, labels: &[String]) -> Style {
    let index = labels.iter().position(|known| known == label);
    Style::numbered(index.unwrap_or(labels.len()))
}

/// The runs of a group: by target in their order, then by round and attempt.
fn runs<'a>(source: &'a Source, group: Group<'_>, labels: &[String]) -> Vec<Entry<'a>> {
    let runs = source.record.runs.iter().zip(&source.distributions);
    let mut runs: Vec<(usize, Entry<'a>)> = runs
        .filter(|(run, _)| group.holds(&run.link, Some(&run.mode)))
        .map(|(run, distribution)| {
            let subject = run.target_label();
            let place = labels.iter().position(|label| *label == subject);
            let entry = Entry {
                label: run_label(run, &subject),
                style: style(&subject, labels),
                subject,
                run,
                distribution,
                environment: &source.record.environment,
            };
            (place.unwrap_or(labels.len()), entry)
        })
        .collect();
    runs.sort_by_key(|(place, entry)| (*place, entry.run.round, entry.run.attempt));
    runs.into_iter().map(|(_, entry)| entry).collect()
}

fn run_label(run: &Run, subject: &str) -> String {
    let round = run.round.map(|round| format!(", round {round}"));
    let attempt = run.attempt.filter(|&attempt| attempt > 1);
    let attempt = attempt.map(|attempt| format!(", attempt {attempt}"));
    [Some(subject.to_owned()), round, attempt]
        .into_iter()
        .flatten()
        .collect()
}

#[cfg(test)]
mod tests;
