//! A comparison for the page: its merged targets, link by link, with the rounds that they are merged
//! of.
//!
//! - [`verdicts`]: who is lower than whom, in words and as a table;
//! - [`charts`], [`tables`]: what is shown of it;
//! - [`view`]: all of that, in the order of the page.

use super::entry::Entry;
use super::plots::Series;
use crate::report::chart::Style;
use crate::report::read::{Distribution, Source, Whole};
use crate::report::{Comparison, Merged, Run};

pub mod charts;
pub mod tables;
pub mod verdicts;
pub mod view;

/// A comparison.
#[derive(Clone, Debug)]
pub struct Contest<'a> {
    /// Where it comes from.
    pub source: &'a Source,
    /// Its links, in the order of the record.
    pub links: Vec<OnLink<'a>>,
}

/// What was compared on one link.
#[derive(Clone, Debug)]
pub struct OnLink<'a> {
    /// The link's name.
    pub name: &'a str,
    /// Its targets.
    pub targets: Vec<Contestant<'a>>,
    /// Their differences.
    pub differences: Vec<&'a Comparison>,
    /// All runs on the link, valid or not, target by target.
    pub runs: Vec<Entry<'a>>,
}

/// A target on a link.
#[derive(Clone, Debug)]
pub struct Contestant<'a> {
    /// What it is called: the same on every link.
    pub label: String,
    /// How it looks: the same on every link.
    pub style: Style,
    /// Its valid rounds together.
    pub merged: &'a Merged,
    /// All samples of those.
    pub whole: &'a Whole,
    /// Those by themselves.
    pub rounds: Vec<Round<'a>>,
}

/// A valid round.
#[derive(Clone, Copy, Debug)]
pub struct Round<'a> {
    /// Which, from 1 on.
    pub number: u32,
    /// Its record.
    pub run: &'a Run,
    /// Its latency.
    pub distribution: &'a Distribution,
}

impl Contestant<'_> {
    /// From this value on a latency is a lower bound, because requests were lost.
    #[must_use]
    pub fn censored_from_ns(&self) -> Option<u64> {
        self.merged.timeout_ns.filter(|_| self.merged.lost > 0)
    }

    /// Its latency as charts have it.
    #[must_use]
    pub fn series(&self) -> Series<'_> {
        Series {
            label: &self.label,
            style: self.style,
            summary: &self.merged.latency_ns,
            histogram: &self.whole.histogram,
            censored_from_ns: self.censored_from_ns(),
            is_valid: true,
        }
    }
}

/// The comparisons among `sources`. A target looks the same in all of them.
#[must_use]
pub fn contests(sources: &[Source]) -> Vec<Contest<'_>> {
    let mut labels: Vec<String> = Vec::new();
    let compared = || sources.iter().filter(|source| source.is_comparison());
    for merged in compared().flat_map(|source| &source.report.merged) {
        let label = merged.label();
        if !labels.contains(&label) {
            labels.push(label);
        }
    }
    compared().map(|source| contest(source, &labels)).collect()
}

fn contest<'a>(source: &'a Source, labels: &[String]) -> Contest<'a> {
    let mut names: Vec<&str> = Vec::new();
    let merged = source.report.merged.iter().map(|merged| &merged.link);
    for name in merged.chain(source.report.runs.iter().map(|run| &run.link)) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let links = names.into_iter().map(|name| on_link(source, name, labels));
    Contest {
        source,
        links: links.collect(),
    }
}

fn on_link<'a>(source: &'a Source, name: &'a str, labels: &[String]) -> OnLink<'a> {
    let report = &source.report;
    let wholes = report.merged.iter().zip(&source.wholes);
    let targets = wholes.filter(|(merged, _)| merged.link == name);
    OnLink {
        name,
        targets: targets
            .map(|(merged, whole)| contestant(source, merged, whole, labels))
            .collect(),
        differences: report
            .comparisons
            .iter()
            .filter(|comparison| comparison.link == name)
            .collect(),
        runs: runs(source, name, labels),
    }
}

fn contestant<'a>(
    source: &'a Source,
    merged: &'a Merged,
    whole: &'a Whole,
    labels: &[String],
) -> Contestant<'a> {
    let label = merged.label();
    let round = |&index: &usize| {
        let run = source.report.runs.get(index)?;
        Some(Round {
            number: run.round?,
            run,
            distribution: source.distributions.get(index)?,
        })
    };
    Contestant {
        style: style(&label, labels),
        label,
        merged,
        whole,
        rounds: whole.runs.iter().filter_map(round).collect(),
    }
}

/// The look of `label`; what was never merged looks like one more.
fn style(label: &str, labels: &[String]) -> Style {
    let index = labels.iter().position(|known| known == label);
    Style::numbered(index.unwrap_or(labels.len()))
}

/// The runs on a link: by target in their order, then by round and attempt.
fn runs<'a>(source: &'a Source, link: &str, labels: &[String]) -> Vec<Entry<'a>> {
    let runs = source.report.runs.iter().zip(&source.distributions);
    let mut runs: Vec<(usize, Entry<'a>)> = runs
        .filter(|(run, _)| run.link == link)
        .map(|(run, distribution)| {
            let subject = run.target_label();
            let place = labels.iter().position(|label| *label == subject);
            let entry = Entry {
                label: run_label(run, &subject),
                style: style(&subject, labels),
                subject,
                run,
                distribution,
                environment: &source.report.environment,
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
