//! The valid repetitions of a comparison's targets, put together again: what was merged is checked
//! against what it is said to be merged of.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use super::{Distribution, contradiction};
use crate::record::{MergedRuns, Record, Run, Weight};
use crate::stats::{self, Tag};

/// Repetitions that a merged target consists of, added up.
#[derive(Clone, Debug)]
pub struct MergedHistogram {
    /// All samples of its valid repetitions, weighed as the record says.
    pub histogram: Histogram<u64>,
    /// The same of what is tagged, where any repetition has it.
    pub tagged: BTreeMap<Tag, stats::Distribution>,
    /// Those repetitions: their places among the runs.
    pub runs: Vec<usize>,
}

/// Returns what each merged target of `report` consists of; `distributions` are the runs'.
///
/// # Errors
///
/// A message, if a merged target is not the sum of its valid repetitions.
pub(super) fn all(
    record: &Record,
    distributions: &[Distribution],
) -> Result<Vec<MergedHistogram>, String> {
    let merged_histogram = |merged: &MergedRuns| {
        let merged_histogram = MergedHistogram::of(merged, &record.runs, distributions)?;
        let parts = merged_histogram
            .runs
            .iter()
            .map(|&index| &record.runs[index]);
        match difference(merged, &parts.collect::<Vec<_>>(), &merged_histogram) {
            None => Ok(merged_histogram),
            Some(what) => Err(format!(
                "{} on {}: of its valid runs together {what}",
                merged.label(),
                merged.link
            )),
        }
    };
    record.merged.iter().map(merged_histogram).collect()
}

impl MergedHistogram {
    fn of(
        merged: &MergedRuns,
        runs: &[Run],
        distributions: &[Distribution],
    ) -> Result<Self, String> {
        let is_part = |&index: &usize| runs[index].valid && merged.is_of(&runs[index]);
        let parts: Vec<usize> = (0..runs.len()).filter(is_part).collect();
        let histograms = parts.iter().map(|&index| &distributions[index].histogram);
        let histograms = histograms.map(stats::Distribution::from);
        let histogram = weigh(merged.weight, &histograms.collect::<Vec<_>>())?;
        let mut tagged: BTreeMap<Tag, Vec<stats::Distribution>> = BTreeMap::new();
        for (&tag, recording) in parts.iter().flat_map(|&index| &distributions[index].tagged) {
            tagged.entry(tag).or_default().push(recording.clone());
        }
        let tagged = tagged.into_iter().map(|(tag, parts)| {
            let histogram = weigh(merged.weight, &parts)?;
            Ok((tag, stats::Distribution::from(&histogram)))
        });
        Ok(Self {
            histogram,
            tagged: tagged.collect::<Result<_, String>>()?,
            runs: parts,
        })
    }
}

/// The histogram of all `parts`: each weighs the same, or, as in older versions, by its samples.
fn weigh(weight: Weight, parts: &[stats::Distribution]) -> Result<Histogram<u64>, String> {
    if weight == Weight::Boots {
        let parts: Vec<_> = parts.iter().collect();
        return Ok(stats::Distribution::merge(&parts).histogram());
    }
    let mut sum = Histogram::new(3).map_err(|error| error.to_string())?;
    for part in parts {
        sum.add(part.histogram())
            .map_err(|error| error.to_string())?;
    }
    Ok(sum)
}

/// In what `merged` is not what its parts add up to, if in anything.
fn difference(
    merged: &MergedRuns,
    parts: &[&Run],
    merged_histogram: &MergedHistogram,
) -> Option<String> {
    let sum = |count: fn(&Run) -> u64| {
        let counts = parts.iter().map(|run| count(run));
        counts.fold(0, u64::saturating_add)
    };
    let counts = [
        ("requests were sent", sum(|run| run.sent), merged.sent),
        ("were answered", sum(|run| run.received), merged.received),
        ("were lost", sum(|run| run.lost), merged.lost),
    ];
    let other = counts.into_iter().find(|(_, sum, told)| sum != told);
    if let Some((what, sum, told)) = other {
        return Some(format!("{sum} {what}, the record has {told}"));
    }
    if !parts
        .iter()
        .map(|run| run.round)
        .eq(merged.rounds.iter().copied().map(Some))
    {
        return Some("the rounds are others than the record's".to_owned());
    }
    let tagged = merged_histogram
        .tagged
        .iter()
        .find_map(|(&tag, recording)| {
            let summary = merged.tagged(tag).as_ref()?;
            let what = contradiction(summary, &recording.histogram())?;
            Some(format!("the logs' entries with tag {}: {what}", tag.name()))
        });
    contradiction(&merged.latency_ns, &merged_histogram.histogram)
        .map(|what| format!("the logs are something else: {what}"))
        .or(tagged)
}
