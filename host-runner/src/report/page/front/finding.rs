//! The finding: which of all differences the title is about, and the title.

use crate::quantity::{self, at_least};
use crate::record::{Comparison, Run};
use crate::report::marked;
use crate::report::page::comparison_view::{ComparisonView, LinkView};
use crate::stats::comparison::Verdict;
use crate::stats::percentile_rule::PERCENTILES;

/// Links in the order in which the title is about them: those first over which a client on another
/// machine would be answered.
const LINKS: [&str; 4] = ["tap", "unix", "user", "vhost-user"];

/// The percentiles that the title may be about, the best first.
const TITLED: [&str; 4] = ["p99", "p99.9", "p90", "p50"];

/// The difference that a title is about.
#[derive(Clone, Debug)]
pub struct Finding<'a> {
    /// Targets that were compared on the link.
    pub link: &'a LinkView<'a>,
    /// The difference.
    pub difference: &'a Comparison,
}

impl<'a> Finding<'a> {
    /// Returns the finding that sums up `loads`, one of each link: on the first of the links, at p99, against the
    /// guest that comes nearest. `None` without a difference.
    #[must_use]
    pub fn of(loads: &[&'a LinkView<'a>]) -> Option<Self> {
        let place = |link: &LinkView<'_>| LINKS.iter().position(|name| *name == link.link);
        let mut loads = loads.to_vec();
        loads.sort_by_key(|link| place(link).unwrap_or(LINKS.len()));
        let found = |link: &'a LinkView<'a>| {
            let difference = nearest(link)?;
            Some(Self { link, difference })
        };
        let mut findings: Vec<Self> = loads.into_iter().filter_map(found).collect();
        // One that says something goes before one that doesn't.
        findings.sort_by_key(|finding| finding.difference.outcome() == Verdict::TooFewRounds);
        findings.into_iter().next()
    }

    /// Returns the title.
    #[must_use]
    pub fn title(&self) -> String {
        let difference = self.difference;
        let (target, other) = (&difference.target, named(&difference.baseline));
        let (value, others) = (
            self.value(&difference.target, difference.target_ns),
            self.value(&difference.baseline, difference.baseline_ns),
        );
        let (link, percentile) = (&self.link.name, &difference.percentile);
        // The typical boot may contradict all boots together: then the ratio is not told.
        let above = |ratio: f64| {
            (ratio > 1.0).then(|| format!(", {} times as long", quantity::ratio(ratio)))
        };
        let ratio = self.ratio();
        match difference.outcome() {
            Verdict::Lower => {
                let times = ratio.and_then(|ratio| above(1.0 / ratio));
                format!(
                    "Over {link}, {target} answers in {value} at {percentile}; {other} takes {others}{}",
                    times.unwrap_or_default()
                )
            }
            Verdict::Higher => {
                let times = ratio.and_then(above);
                format!(
                    "Over {link}, {other} answers in {others} at {percentile}; {target} takes {value}{}",
                    times.unwrap_or_default()
                )
            }
            Verdict::NoDifference => {
                let least = difference
                    .detectable_ratio
                    .filter(|ratio| ratio.is_finite() && *ratio > 1.0);
                let least = least.map(|ratio| {
                    format!(
                        "; one of {} times would have been",
                        quantity::ratio_above_one(ratio)
                    )
                });
                format!(
                    "Over {link}, no difference is seen at {percentile} between {target} ({value}) and \
                     {other} ({others}){}",
                    least.unwrap_or_default()
                )
            }
            Verdict::BothCensored => format!(
                "Over {link}, both {target} and {other} lose so many requests that {percentile} is among them"
            ),
            Verdict::TooFewRounds => format!(
                "Over {link}, {target} answered in {value} at {percentile} and {other} in {others}: too few \
                 rounds to tell them apart"
            ),
        }
    }

    /// The ratio of both, of the typical boot or, in a record without it, of all rounds together.
    fn ratio(&self) -> Option<f64> {
        let difference = self.difference;
        let is_bound = self.is_bound(&difference.target, difference.target_ns)
            || self.is_bound(&difference.baseline, difference.baseline_ns);
        let plain = difference.target_ns as f64 / difference.baseline_ns as f64;
        let ratio = difference.ratio.or((!is_bound).then_some(plain))?;
        (ratio.is_finite() && ratio > 0.0).then_some(ratio)
    }

    fn value(&self, label: &str, ns: u64) -> String {
        at_least(ns as f64, self.is_bound(label, ns))
    }

    fn is_bound(&self, label: &str, ns: u64) -> bool {
        let target = self
            .link
            .targets
            .iter()
            .find(|target| target.label == label);
        let from_ns = target.and_then(|target| target.censored_from_ns());
        from_ns.is_some_and(|from_ns| ns >= from_ns)
    }
}

/// Returns the difference on `link` at the best percentile against the guest that comes nearest; against
/// something else where there is no other guest.
pub fn nearest<'a>(link: &LinkView<'a>) -> Option<&'a Comparison> {
    let percentile = TITLED.into_iter().find(|name| {
        link.differences
            .iter()
            .any(|difference| difference.percentile == *name)
    })?;
    let kind = |comparison: &Comparison| {
        let is_same = comparison.baseline.starts_with(comparison.target.as_str());
        match comparison.baseline.split(':').next().unwrap_or_default() {
            "linux-guest" => 0,
            _ if is_same => 3,
            "null" => 4,
            "linux-host" => 2,
            _ => 1,
        }
    };
    let at = link
        .differences
        .iter()
        .filter(|difference| difference.percentile == percentile);
    at.copied().min_by_key(|difference| {
        (
            difference.outcome() == Verdict::TooFewRounds,
            kind(difference),
            difference.baseline_ns,
        )
    })
}

/// The name of a target in a sentence.
fn named(label: &str) -> String {
    let of = |what: &str, how: Option<&str>| match how {
        Some(how) => format!("{what} ({how})"),
        None => what.to_owned(),
    };
    let (target, how) = match label.split_once(':') {
        Some((target, how)) => (target, Some(how)),
        None => (label, None),
    };
    match target {
        "linux-guest" => of("a Linux guest", how),
        "linux-host" => of("a Linux process", how),
        "null" => "no guest at all".to_owned(),
        _ => label.to_owned(),
    }
}

/// Returns the title of a comparison that has no finding.
#[must_use]
pub fn without_finding(comparison_view: &ComparisonView<'_>) -> String {
    let mut targets = (comparison_view.links.iter()).flat_map(|link| &link.targets);
    let subject = match targets.any(|target| !target.merged.rounds.is_empty()) {
        true => "Round-trip latency",
        false => "No valid run",
    };
    format!("{subject}: {}", compared(comparison_view))
}

/// Returns who was compared with whom.
fn compared(comparison_view: &ComparisonView<'_>) -> String {
    let mut labels: Vec<&str> = Vec::new();
    for target in comparison_view.links.iter().flat_map(|link| &link.targets) {
        if !labels.contains(&target.label.as_str()) {
            labels.push(&target.label);
        }
    }
    let first = comparison_view.source.record.comparisons.first();
    let first = first.map(|finding| finding.target.as_str());
    let first = first
        .or_else(|| labels.first().copied())
        .unwrap_or_default();
    let others: Vec<&str> = labels.into_iter().filter(|label| *label != first).collect();
    match others.as_slice() {
        [] => format!("{first} compared"),
        [one] => format!("{first} and {one} compared"),
        several => format!("{first} and {} others compared", several.len()),
    }
}

/// Returns the title of a measurement alone: `hermit over vhost-user: p50 1.15 µs, p99 1.65 µs`.
#[must_use]
pub fn of_run(run: &Run) -> String {
    let value = |index: usize| {
        let column = (&PERCENTILES[index]).into();
        let known = marked::percentile(run, &column)?;
        (!known.value.starts_with("n/a"))
            .then(|| format!("{} {}", PERCENTILES[index].name, known.text()))
    };
    let mut values: Vec<String> = [0, 2].into_iter().filter_map(value).collect();
    if values.len() < 2 {
        values.extend(marked::max(run).map(|max| format!("max {}", max.text())));
    }
    let nodes = match run.nodes.len() {
        0 | 1 => String::new(),
        several => format!(" from {several} nodes"),
    };
    let subject = format!("{} over {}{nodes}", run.target_label(), run.link);
    let end = if run.valid { "" } else { " (not valid)" };
    match values.is_empty() {
        true => format!("{subject}: no reply"),
        false => format!("{subject}: {}{end}", values.join(", ")),
    }
}
