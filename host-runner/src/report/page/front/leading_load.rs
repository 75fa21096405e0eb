//! The load that leads on each link: title, chart and sentence to quote speak of that one alone.

use crate::report::page::comparison_view::{ComparisonView, LinkView};
use crate::report::page::front::finding::nearest;
use crate::stats::comparison::Verdict;

/// Returns one load of each link of `comparison_view`, in the order of the record.
///
/// An open loop leads: there all systems have the same rate, so that their tails can be compared, while each sets
/// a closed loop's rate by its own latency. Another load leads where the open loop has nothing to say: no verdict,
/// or no valid round at all.
#[must_use]
pub fn leading_loads<'v, 'a>(comparison_view: &'v ComparisonView<'a>) -> Vec<&'v LinkView<'a>> {
    let mut leading: Vec<&LinkView<'_>> = Vec::new();
    for load in &comparison_view.links {
        match leading.iter_mut().find(|other| other.link == load.link) {
            None => leading.push(load),
            Some(other) if rank(load) < rank(other) => *other = load,
            Some(_) => {}
        }
    }
    leading
}

/// Returns the rank of `load` among those of its link; the lowest leads.
fn rank(load: &LinkView<'_>) -> impl Ord + use<> {
    let says = match nearest(load).map(|comparison| comparison.outcome()) {
        Some(Verdict::TooFewRounds) => 1,
        Some(_) => 0,
        None if load.targets.iter().any(|target| !target.rounds.is_empty()) => 2,
        None => 3,
    };
    (says, load.mode != Some("open"))
}
