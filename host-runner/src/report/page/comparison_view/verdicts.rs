//! Verdicts of a comparison, as sentences and as a table. They are the
//! record's; nothing is decided here.

use serde::Serialize;

use crate::quantity;
use crate::record::Comparison;
use crate::report::page::comparison_view::{LinkView, TargetView};
use crate::stats::comparison::{MIN_ROUNDS, RAREST, Verdict};
use crate::stats::percentile_rule::{PERCENTILES, Percentile};

/// The percentiles that the sentences are about, if they are told: the tail.
const TAIL: [&str; 2] = ["p99", "p99.9"];

/// The verdicts on one target on a link.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Group {
    /// The link.
    pub link: String,
    /// The target.
    pub target: String,
    /// Rows, one for each baseline.
    pub rows: Vec<Row>,
}

/// The verdicts on a pair.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Baseline of the target.
    pub baseline: String,
    /// Number of rounds that both have, in words.
    pub rounds: String,
    /// A cell for each percentile of [`columns`]; none if there is no round that both have.
    pub cells: Vec<Cell>,
}

/// A verdict.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cell {
    /// On which percentile.
    pub percentile: &'static str,
    /// Verdict for the style: `lower`, `higher`, `same` or `none`.
    pub kind: &'static str,
    /// The same in words.
    pub words: String,
    /// The interval of the difference, where the words do not have it.
    pub interval: Option<String>,
    /// The values of both.
    pub values: Option<String>,
}

/// The percentiles that are compared.
pub fn columns() -> impl Iterator<Item = &'static str> {
    let compared = PERCENTILES.into_iter();
    compared
        .filter(|percentile| percentile.one_in <= RAREST)
        .map(|percentile| percentile.name)
}

/// A group for each target on the link that others are held against: mostly one.
#[must_use]
pub fn groups(link: &LinkView<'_>) -> Vec<Group> {
    let group = |target: &str| {
        // Also those that nothing came of.
        let others = link.targets.iter().map(|target| target.label.as_str());
        let named = link
            .differences
            .iter()
            .filter(|difference| difference.target == target);
        let mut baselines: Vec<&str> = Vec::new();
        for baseline in others.chain(named.map(|difference| difference.baseline.as_str())) {
            if baseline != target && !baselines.contains(&baseline) {
                baselines.push(baseline);
            }
        }
        let rows = baselines.into_iter().map(|other| row(link, target, other));
        Group {
            link: link.name.clone(),
            target: target.to_owned(),
            rows: rows.collect(),
        }
    };
    targets(link).into_iter().map(group).collect()
}

/// Returns the baselines.
fn targets<'a>(link: &LinkView<'a>) -> Vec<&'a str> {
    let mut targets: Vec<&str> = Vec::new();
    for difference in &link.differences {
        if !targets.contains(&difference.target.as_str()) {
            targets.push(&difference.target);
        }
    }
    targets
}

fn row(link: &LinkView<'_>, target: &str, baseline: &str) -> Row {
    let of_pair =
        |comparison: &&&Comparison| comparison.target == target && comparison.baseline == baseline;
    let differences: Vec<&Comparison> = link.differences.iter().filter(of_pair).copied().collect();
    let cell = |percentile| {
        let found = differences
            .iter()
            .find(|difference| difference.percentile == percentile);
        found.map_or_else(
            || without_verdict(percentile),
            |found| cell(link, percentile, found),
        )
    };
    Row {
        baseline: baseline.to_owned(),
        rounds: match differences
            .first()
            .map_or(0, |difference| difference.rounds)
        {
            0 => "no round in which both are valid".to_owned(),
            1 => "1 round".to_owned(),
            rounds => format!("{rounds} rounds"),
        },
        cells: if differences.is_empty() {
            Vec::new()
        } else {
            columns().map(cell).collect()
        },
    }
}

/// A cell without a verdict: a boot has too few samples.
fn without_verdict(percentile: &'static str) -> Cell {
    let known = PERCENTILES.iter().find(|known| known.name == percentile);
    let needed = known.map_or(0, Percentile::samples_needed);
    Cell {
        percentile,
        kind: "none",
        words: format!("n/a: a round needs {} requests", quantity::count(needed)),
        interval: None,
        values: None,
    }
}

fn cell(link: &LinkView<'_>, percentile: &'static str, difference: &Comparison) -> Cell {
    let outcome = difference.outcome();
    let interval = difference.low_ns.zip(difference.high_ns);
    let value = |label: &str, ns: u64| {
        let known = link.targets.iter().find(|target| target.label == label);
        let bound = known.and_then(TargetView::censored_from_ns);
        quantity::at_least(ns as f64, bound.is_some_and(|from| ns >= from))
    };
    // Without a verdict on latency the words have it.
    let lost = difference.lost_shares();
    let lost = lost.filter(|_| outcome != Verdict::BothCensored);
    let lost = lost.map(|shares| format!("; lost: {shares}"));
    Cell {
        percentile,
        kind: match outcome {
            Verdict::Lower => "lower",
            Verdict::Higher => "higher",
            Verdict::NoDifference => "same",
            Verdict::TooFewRounds | Verdict::BothCensored => "none",
        },
        words: difference.words(),
        interval: interval
            .filter(|_| outcome == Verdict::NoDifference)
            .map(|(low, high)| quantity::differences(low as f64, high as f64)),
        values: Some(format!(
            "{} against {}{}",
            value(&difference.target, difference.target_ns),
            value(&difference.baseline, difference.baseline_ns),
            lost.unwrap_or_default()
        )),
    }
}

/// Returns the verdicts on the link, one sentence for each percentile, and the targets without one.
#[must_use]
pub fn sentences(link: &LinkView<'_>) -> Vec<String> {
    let mut sentences = Vec::new();
    for target in targets(link) {
        let own = link
            .differences
            .iter()
            .filter(|difference| difference.target == target);
        let own: Vec<&Comparison> = own.copied().collect();
        if own
            .iter()
            .all(|difference| difference.outcome() == Verdict::TooFewRounds)
        {
            sentences.push(format!(
                "There are too few valid rounds to hold {target} against {}: it takes {MIN_ROUNDS} in \
                 which both are valid.",
                names(own.iter().map(|difference| difference.baseline.as_str()))
            ));
            continue;
        }
        let has_verdict =
            |name: &&str| own.iter().any(|difference| difference.percentile == **name);
        let mut percentiles: Vec<&str> = TAIL.into_iter().filter(has_verdict).collect();
        if percentiles.is_empty() {
            percentiles.extend(columns().filter(has_verdict).last());
        }
        for percentile in percentiles {
            let at: Vec<&Comparison> = own
                .iter()
                .filter(|difference| difference.percentile == percentile)
                .copied()
                .collect();
            sentences.push(sentence(target, percentile, &at));
        }
    }
    sentences.extend(unjudged(link));
    sentences
}

/// Returns the verdicts on one percentile of `target` against each baseline.
fn sentence(target: &str, percentile: &str, differences: &[&Comparison]) -> String {
    let with = |outcome: Verdict| {
        let found = differences
            .iter()
            .filter(move |difference| difference.outcome() == outcome);
        found.copied()
    };
    let by = |outcome: Verdict, word: &str| {
        let than = with(outcome)
            .map(|difference| format!("than {}'s {}", difference.baseline, difference.by()));
        let than = list(than);
        than.map(|than| format!("is {word} {than}"))
    };
    let plain = |outcome: Verdict, begin: &str| {
        let of = with(outcome).map(|difference| format!("{}'s", difference.baseline));
        list(of).map(|of| format!("{begin} {of}"))
    };
    let clauses = [
        by(Verdict::Lower, "lower"),
        by(Verdict::Higher, "higher"),
        plain(Verdict::NoDifference, "is not seen to differ from"),
        plain(
            Verdict::TooFewRounds,
            "has too few rounds to be held against",
        ),
        plain(
            Verdict::BothCensored,
            "lies among lost requests, as does that of",
        ),
    ];
    let clauses: Vec<String> = clauses.into_iter().flatten().collect();
    format!("{target}'s {percentile} {}.", clauses.join("; it "))
}

/// Returns the targets on the link that are in no verdict.
fn unjudged(link: &LinkView<'_>) -> Option<String> {
    let is_judged = |target: &&TargetView<'_>| {
        let named = |difference: &&Comparison| {
            difference.target == target.label || difference.baseline == target.label
        };
        link.differences.iter().any(named)
    };
    let rest = link.targets.iter().filter(|target| !is_judged(target));
    let (measured, empty): (Vec<_>, Vec<_>) = rest.partition(|target| !target.rounds.is_empty());
    let label = |target: &&TargetView<'_>| target.label.clone();
    let mut parts = Vec::new();
    match (measured.as_slice(), link.targets.len()) {
        ([], _) => {}
        ([only], 1) => parts.push(format!(
            "There is nothing else on the link to hold {} against.",
            only.label
        )),
        (several, _) => parts.push(format!(
            "No verdict on {}: in no round is it valid together with what it is held against.",
            names(several.iter().map(|target| target.label.as_str()))
        )),
    }
    if let Some(names) = list(empty.iter().map(label)) {
        parts.push(format!("Without a valid run: {names}."));
    }
    (!parts.is_empty()).then(|| parts.join(" "))
}

/// Names, each once.
fn names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut each: Vec<&str> = Vec::new();
    for name in names {
        if !each.contains(&name) {
            each.push(name);
        }
    }
    list(each.into_iter().map(str::to_owned)).unwrap_or_default()
}

/// `a, b and c`; `None` of nothing.
fn list(items: impl Iterator<Item = String>) -> Option<String> {
    let mut items: Vec<String> = items.collect();
    let last = items.pop()?;
    Some(if items.is_empty() {
        last
    } else {
        format!("{} and {last}", items.join(", "))
    })
}
