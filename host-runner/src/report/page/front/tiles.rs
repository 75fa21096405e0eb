//! Counts that hold on any machine: a tile for each quantity, a bar for each target.

use serde::Serialize;

use crate::quantity::{bytes, count, per_echo, time};
use crate::record::SystemCost;
use crate::report::page::comparison_view::ComparisonView;
use crate::report::page::front::finding::Finding;

/// Most targets in one tile.
const MOST: usize = 6;

/// A tile.
#[derive(Debug, Serialize)]
pub struct Tile {
    /// Quantity.
    pub title: &'static str,
    /// A bar for each target.
    pub bars: Vec<Bar>,
}

/// A bar.
#[derive(Debug, Serialize)]
pub struct Bar {
    /// Target.
    pub label: String,
    /// Value as text.
    pub value: String,
    /// Length in percent of the longest.
    pub percent: u8,
}

/// A quantity: its name, its value of a target, and how that is written.
type Quantity = (
    &'static str,
    fn(&SystemCost) -> Option<f64>,
    fn(f64) -> String,
);

const QUANTITIES: [Quantity; 4] = [
    (
        "instructions per echo",
        |cost| cost.instructions_per_echo,
        |value| count(value.round() as u64),
    ),
    (
        "interrupts per echo",
        |cost| cost.interrupts_per_echo,
        per_echo,
    ),
    (
        "image",
        |cost| cost.image_bytes.map(|bytes| bytes as f64),
        |value| bytes(value as u64),
    ),
    (
        "first reply (timed here)",
        |cost| cost.first_reply_ms,
        |ms| time(ms * 1e6),
    ),
];

/// Returns the tiles of `comparison_view`: of the link that the title is about.
#[must_use]
pub fn tiles(comparison_view: &ComparisonView<'_>, finding: Option<&Finding<'_>>) -> Vec<Tile> {
    let all = &comparison_view.source.record.why;
    let first = all.iter().find(|cost| !cost.is_empty());
    let link = finding
        .map(|finding| finding.link.link)
        .or(first.map(|cost| cost.link.as_str()));
    let Some(link) = link else {
        return Vec::new();
    };
    let of_link: Vec<&SystemCost> = all.iter().filter(|cost| cost.link == link).collect();
    let tile = |(title, value, words): Quantity| {
        let mut known: Vec<(String, f64)> = of_link
            .iter()
            .filter_map(|cost| Some((cost.label(), value(cost)?)))
            .filter(|(_, value)| value.is_finite() && *value >= 0.0)
            .collect();
        known.sort_by(|a, b| a.1.total_cmp(&b.1));
        known.truncate(MOST);
        let longest = known.iter().map(|bar| bar.1).fold(0.0, f64::max);
        let bar = |(label, value): (String, f64)| Bar {
            label,
            value: words(value),
            percent: if longest > 0.0 {
                (value / longest * 100.0).round() as u8
            } else {
                0
            },
        };
        (!known.is_empty()).then(|| Tile {
            title,
            bars: known.into_iter().map(bar).collect(),
        })
    };
    QUANTITIES.into_iter().filter_map(tile).collect()
}
