//! The nodes of sums.

use crate::quantity::count;
use crate::record::run::Node;
use crate::report::page::entry::Entry;
use crate::report::page::tables::{NONE, Table, value};
use crate::stats::percentile_rule::PERCENTILES;
use crate::stats::summary::percentile_columns;

/// Returns the table of the nodes that each of `entries` is the sum of; without rows if none is one.
#[must_use]
pub fn nodes(entries: &[Entry<'_>]) -> Table {
    let all = entries.iter().flat_map(|entry| &entry.run.nodes);
    let columns = percentile_columns(&PERCENTILES, all.map(|node| &node.latency_ns));
    let mut head = vec!["node", "address", "sent", "lost"];
    head.extend(columns.iter().map(|column| column.name.as_str()));
    head.extend(["max", "valid"]);
    let mut table = Table::new("Nodes", &head);
    for entry in entries {
        for node in &entry.run.nodes {
            let name = match entries.len() {
                1 => node.name.clone(),
                _ => format!("{}: {}", entry.label, node.name),
            };
            let percentiles = columns.iter().map(|column| {
                let known = node.latency_ns.get(&column.name).flatten();
                match known {
                    Some(ns) => value(Some(ns), node.censored_from_ns),
                    None => NONE.to_owned(),
                }
            });
            let cells = [
                name,
                node.address.clone(),
                count(node.sent),
                count(node.lost),
            ];
            let max = value(node.latency_ns.max, node.censored_from_ns);
            let cells = cells
                .into_iter()
                .chain(percentiles)
                .chain([max, valid(node)]);
            table.row(None, cells);
        }
    }
    table
}

fn valid(node: &Node) -> String {
    match (node.valid, node.invalid_because.first()) {
        (true, _) => "yes".to_owned(),
        (false, None) => "NO".to_owned(),
        (false, Some(reason)) => format!("NO: {reason}"),
    }
}
