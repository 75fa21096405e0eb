//! Fields in which a result has to agree with the baseline that it is held against, by the same fingerprints as
//! `fathom diff`.
//!
//! Times and rates are those of a host and of a setting; what is counted holds on any machine, and depends on what a
//! request is; figures of a boot do not depend on the load.

use super::figures::Group;
use super::metric::Metric;
use crate::judge::fingerprints::{COUNTED, Change, OF_BOOT, machine, setting};
use crate::record::Source;

/// Most fields that are named.
const NAMED: usize = 5;

/// Returns the fields in which `metric` of a group of `baseline` is another question than that of a group of `result`, in
/// words; `None` if they can be held against each other.
#[must_use]
pub fn differences(
    metric: &Metric,
    (baseline, before): (&Source, &Group<'_>),
    (result, after): (&Source, &Group<'_>),
) -> Option<String> {
    let mut changes = match metric.is_sampled() {
        true => machine(&baseline.record.environment).changes(&machine(&result.record.environment)),
        false => Vec::new(),
    };
    // What was counted in boots of its own may have no run.
    if let (Some(before), Some(after)) = (before.runs.first(), after.runs.first()) {
        let before = setting(&baseline.record, before.run);
        let of_setting = before.changes(&setting(&result.record, after.run));
        changes.extend(
            of_setting
                .into_iter()
                .filter(|change| matters(metric, change)),
        );
    }
    (!changes.is_empty()).then(|| in_words(&changes))
}

/// Returns true if `change` of a setting moves `metric`.
fn matters(metric: &Metric, change: &Change) -> bool {
    let fields: &[&str] = match metric {
        Metric::Boot | Metric::FirstReply | Metric::Size(_) if metric.is_sampled() => &OF_BOOT,
        // A file and a machine's memory are the same whatever is sent.
        Metric::Size(_) => &[],
        _ if metric.is_sampled() => return true,
        _ => &COUNTED,
    };
    fields.contains(&change.field.as_str())
}

/// Names the first of `changes`, with their number if there are many.
fn in_words(changes: &[Change]) -> String {
    let mut words: Vec<String> = changes.iter().take(NAMED).map(Change::to_string).collect();
    if changes.len() > NAMED {
        words.push(format!("and {} more", changes.len() - NAMED));
    }
    words.join(", ")
}
