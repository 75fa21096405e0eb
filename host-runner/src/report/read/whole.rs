//! The valid repetitions of a comparison's targets, put together again: what was merged is checked
//! against what it is said to be merged of.

use hdrhistogram::Histogram;

use super::{Distribution, contradiction};
use crate::report::{Merged, Report, Run};

/// What a merged target consists of.
#[derive(Clone, Debug)]
pub struct Whole {
    /// All samples of its valid repetitions.
    pub histogram: Histogram<u64>,
    /// Those repetitions: their places among the runs.
    pub runs: Vec<usize>,
}

/// What each merged target of `report` consists of; `distributions` are the runs'.
///
/// # Errors
///
/// In what a merged target is not the sum of its valid repetitions.
pub(super) fn all(report: &Report, distributions: &[Distribution]) -> Result<Vec<Whole>, String> {
    let whole = |merged: &Merged| {
        let whole = Whole::of(merged, &report.runs, distributions)?;
        let parts = whole.runs.iter().map(|&index| &report.runs[index]);
        match difference(merged, &parts.collect::<Vec<_>>(), &whole.histogram) {
            None => Ok(whole),
            Some(what) => Err(format!(
                "{} on {}: of its valid runs together {what}",
                merged.label(),
                merged.link
            )),
        }
    };
    report.merged.iter().map(whole).collect()
}

impl Whole {
    fn of(merged: &Merged, runs: &[Run], distributions: &[Distribution]) -> Result<Self, String> {
        let is_part = |&index: &usize| runs[index].valid && merged.is_of(&runs[index]);
        let parts: Vec<usize> = (0..runs.len()).filter(is_part).collect();
        let mut histogram = Histogram::new(3).map_err(|error| error.to_string())?;
        for &index in &parts {
            histogram
                .add(&distributions[index].histogram)
                .map_err(|error| error.to_string())?;
        }
        Ok(Self {
            histogram,
            runs: parts,
        })
    }
}

/// In what `merged` is not what its parts add up to, if in anything.
fn difference(merged: &Merged, parts: &[&Run], histogram: &Histogram<u64>) -> Option<String> {
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
    contradiction(&merged.latency_ns, histogram)
        .map(|what| format!("the logs are something else: {what}"))
}
