//! The nodes of a sum, in words: their number, and how far apart they lie.

use crate::quantity::{at_least, count};
use crate::record::Run;
use crate::record::run::Node;
use crate::stats::percentile_rule::{PERCENTILES, Percentile};

/// The percentiles that are told.
const SHOWN: [Percentile; 2] = [PERCENTILES[0], PERCENTILES[2]];

/// Returns the number of nodes of `run`, and the lowest and highest of some of their percentiles, with the node that has
/// the highest: `8 added up; p50 61.2 to 75.0 µs (node3), p99 …`. `None` if it is no sum.
#[must_use]
pub fn sentence(run: &Run) -> Option<String> {
    if run.nodes.is_empty() {
        return None;
    }
    let mut text = format!("{} added up", count(run.nodes.len() as u64));
    let spreads = SHOWN
        .iter()
        .filter_map(|percentile| spread(run, percentile));
    let spreads: Vec<String> = spreads.collect();
    if !spreads.is_empty() {
        text.push_str("; ");
        text.push_str(&spreads.join(", "));
    }
    let invalid = run.nodes.iter().filter(|node| !node.valid).count();
    if invalid > 0 {
        text.push_str(&format!("; {} not valid", count(invalid as u64)));
    }
    Some(text)
}

/// Returns the lowest and highest of one percentile; `None` if fewer than two nodes have the samples for it.
fn spread(run: &Run, percentile: &Percentile) -> Option<String> {
    let value = |node: &'_ Node| node.latency_ns.get(percentile.name).flatten();
    let mut known: Vec<(u64, &Node)> = run
        .nodes
        .iter()
        .filter_map(|node| Some((value(node)?, node)))
        .collect();
    known.sort_by_key(|(ns, _)| *ns);
    let [(low, lowest), .., (high, highest)] = known.as_slice() else {
        return None;
    };
    let words = |ns: u64, node: &Node| {
        at_least(
            ns as f64,
            node.censored_from_ns.is_some_and(|from_ns| ns >= from_ns),
        )
    };
    let (low, high) = (words(*low, lowest), words(*high, highest));
    let name = percentile.name;
    Some(match low == high {
        true => format!("{name} {low} on each"),
        false => format!("{name} {low} to {high} ({})", highest.name),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::fixtures;

    #[test]
    fn the_slowest_node_is_named() {
        let mut run = fixtures::closed_run();
        assert_eq!(sentence(&run), None);
        let node = |name: &str, p50: u64| {
            let mut latency_ns = run.latency_ns.clone();
            latency_ns.p50 = Some(p50);
            Node {
                name: name.to_owned(),
                latency_ns,
                valid: p50 < 50_000,
                ..Node::default()
            }
        };
        run.nodes = vec![node("a", 20_000), node("b", 60_000), node("c", 30_000)];
        let text = sentence(&run).unwrap();
        assert!(
            text.starts_with("3 added up; p50 20.0 to 60.0 µs (b)") || text.contains("60.0"),
            "{text}"
        );
        assert!(
            text.contains(" (b), p99 ") && text.ends_with(" on each; 1 not valid"),
            "{text}"
        );
    }
}
