//! The nodes of a sum: a row for each.

use std::fmt::{self, Write as _};

use crate::quantity::{at_least, count};
use crate::record::Run;
use crate::record::run::Node;
use crate::report::node_spread;
use crate::stats::percentile_rule::PERCENTILES;

/// Width of the columns, in characters.
const WIDTH: usize = 12;

/// Writes the nodes of `run` under the names of their figures; nothing if it is no sum.
pub(super) fn write(run: &Run, text: &mut String) -> fmt::Result {
    let Some(sentence) = node_spread::sentence(run) else {
        return Ok(());
    };
    writeln!(text, "nodes      {sentence}")?;
    let names = run.nodes.iter().map(|node| node.name.chars().count());
    let width = names.max().unwrap_or(0);
    write!(text, "{:width$}", "")?;
    let head = ["sent", "lost"].into_iter();
    let percentiles = PERCENTILES.iter().map(|percentile| percentile.name);
    for name in head.chain(percentiles).chain(["max"]) {
        write!(text, "{name:>WIDTH$}")?;
    }
    text.push('\n');
    for node in &run.nodes {
        write!(text, "{:width$}", node.name)?;
        for figure in figures(node) {
            write!(text, "{figure:>WIDTH$}")?;
        }
        text.push_str(if node.valid { "\n" } else { "  not valid\n" });
    }
    text.push('\n');
    Ok(())
}

fn figures(node: &Node) -> impl Iterator<Item = String> {
    let is_bound = |ns: u64| node.censored_from_ns.is_some_and(|from_ns| ns >= from_ns);
    let value = move |value_ns: Option<u64>| match value_ns {
        Some(ns) => at_least(ns as f64, is_bound(ns)),
        None => "n/a".to_owned(),
    };
    let latency = &node.latency_ns;
    let values = latency.percentiles().into_iter().chain([latency.max]);
    let counts = [count(node.sent), count(node.lost)];
    counts.into_iter().chain(values.map(value))
}
