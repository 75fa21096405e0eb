//! A sentence to quote, which carries its caveats with it: version, link, loop, payload, accelerator,
//! rounds and confidence.

use crate::quantity::{self, at_least, count, exact_share, time};
use crate::record::{Environment, Record, Run};
use crate::report::page::comparison_view::{LinkView, TargetView};
use crate::report::page::entry::{self, Entry, mode};
use crate::report::page::front::finding::Finding;
use crate::report::{marked, trust};
use crate::stats::comparison::Verdict;
use crate::stats::percentile_rule::PERCENTILES;
use crate::stats::summary::percentile_columns;

/// Length of a revision in a sentence.
const REVISION: usize = 7;

/// Returns the sentence of the comparison in `record`: of the load that its title is about, else the first of
/// `loads`.
#[must_use]
pub fn of_comparison(
    record: &Record,
    loads: &[&LinkView<'_>],
    finding: Option<&Finding<'_>>,
) -> String {
    let Some(link) = finding
        .map(|finding| finding.link)
        .or(loads.first().copied())
    else {
        return version(&record.environment);
    };
    // What is no guest has no accelerator.
    let is_of = |run: &&Run| run.link == link.link && link.mode.is_none_or(|mode| run.mode == mode);
    let runs = || record.runs.iter().filter(is_of);
    let run = runs().find(|run| run.accel.is_some()).or(runs().next());
    let rounds = link
        .targets
        .iter()
        .map(|target| target.merged.rounds_wanted)
        .max();
    let percentile = finding.map_or("p99", |finding| finding.difference.percentile.as_ref());
    let mut head = vec![version(&record.environment), link.link.to_owned()];
    head.extend(run.map(conditions));
    head.extend(rounds.map(|rounds| match rounds {
        1 => "1 round".to_owned(),
        rounds => format!("{rounds} rounds of fresh boots"),
    }));
    let values = values(link, percentile);
    let mut sentence = head.join(", ");
    sentence.push_str(&match values.is_empty() {
        true => format!(": no {percentile}, for want of valid runs or of requests"),
        false => format!(": {percentile} {}", values.join(", ")),
    });
    if let Some(verdict) = finding.and_then(|finding| verdict(finding)) {
        sentence.push_str("; ");
        sentence.push_str(&verdict);
    }
    sentence + "."
}

/// A percentile of every target on `link`, the least first.
fn values(link: &LinkView<'_>, percentile: &str) -> Vec<String> {
    let value = |target: &TargetView<'_>| target.merged.latency_ns.get(percentile).flatten();
    let mut known: Vec<(u64, &TargetView<'_>)> = link
        .targets
        .iter()
        .filter_map(|target| Some((value(target)?, target)))
        .collect();
    known.sort_by_key(|(ns, _)| *ns);
    let words = known.into_iter().map(|(ns, target)| {
        let is_bound = target
            .censored_from_ns()
            .is_some_and(|from_ns| ns >= from_ns);
        format!("{} ({})", at_least(ns as f64, is_bound), target.label)
    });
    words.collect()
}

/// Returns the outcome of the comparison in the title, with its interval and confidence.
fn verdict(finding: &Finding<'_>) -> Option<String> {
    let difference = finding.difference;
    let confidence = exact_share(difference.confidence.unwrap_or(0.95));
    let interval = difference.ratio_low.zip(difference.ratio_high);
    match difference.outcome() {
        Verdict::Lower | Verdict::Higher => {
            let (low, high) = interval?;
            let ratios = quantity::ratios(low, high);
            let (target, baseline) = (&difference.target, &difference.baseline);
            Some(format!(
                "{target} takes {ratios} times what {baseline} takes ({confidence} confidence)"
            ))
        }
        Verdict::NoDifference => Some(format!(
            "no difference seen between {} and {} ({confidence} confidence)",
            difference.target, difference.baseline
        )),
        Verdict::BothCensored => Some("both among lost requests".to_owned()),
        Verdict::TooFewRounds => Some("too few rounds for a verdict".to_owned()),
    }
}

/// Returns the sentence of measurements that are no comparison; `title` is that of a sweep or of several.
#[must_use]
pub fn of_measurements(entries: &[Entry<'_>], title: &str) -> String {
    let first = &entries[0];
    let version = version(first.environment);
    let [only] = entries else {
        let last = entries.last().unwrap_or(first).run;
        let (payload, accel) = (last.payload_bytes, accelerator(last));
        let link = if entry::is_sweep(entries) {
            format!(", {}", last.link)
        } else {
            String::new()
        };
        let accel = accel.map(|accel| format!(", {accel}")).unwrap_or_default();
        let mode = if entry::is_sweep(entries) {
            ", open loop"
        } else {
            ""
        };
        return format!("{version}{link}{mode}, {payload} B{accel}: {title}.");
    };
    let run = only.run;
    let percentiles = percentile_columns(&PERCENTILES[..4], [&run.latency_ns]);
    let values = percentiles.iter().filter_map(|column| {
        let known = marked::percentile(run, column)?;
        (!known.value.starts_with("n/a")).then(|| format!("{} {}", column.name, known.text()))
    });
    let values: Vec<String> = values.collect();
    let lost = match run.lost {
        0 => "none lost".to_owned(),
        lost => format!("{} lost", count(lost)),
    };
    let runs = match run.nodes.len() {
        0 | 1 => "1 run".to_owned(),
        several => format!("{several} nodes"),
    };
    format!(
        "{version}, {} over {}, {}, {runs} of {}: {}; {} samples, {lost}; trust: {}.",
        run.target_label(),
        run.link,
        conditions(run),
        time(run.measured().as_nanos() as f64),
        values.join(", "),
        count(run.latency_ns.count),
        match run.invalid_because.first() {
            Some(reason) if !run.valid => format!("none ({reason})"),
            _ => trust::sentence(run),
        }
    )
}

/// Loop, payload and accelerator.
fn conditions(run: &Run) -> String {
    let arrivals = run
        .arrivals
        .as_ref()
        .map(|arrivals| format!(" ({arrivals})"));
    let load = match run.depth {
        Some(_) => mode(run),
        None => format!("{} loop{}", mode(run), arrivals.unwrap_or_default()),
    };
    let mut parts = vec![load, format!("{} B", run.payload_bytes)];
    parts.extend(accelerator(run));
    parts.join(", ")
}

fn accelerator(run: &Run) -> Option<String> {
    run.accel.as_ref().map(|accel| accel.to_uppercase())
}

/// The program with its revision, or else its version.
fn version(environment: &Environment) -> String {
    let revision = environment.git_revision.as_deref().map(|revision| {
        let short: String = revision.chars().take(REVISION).collect();
        let dirty = if revision.ends_with("-dirty") {
            "-dirty"
        } else {
            ""
        };
        short + dirty
    });
    format!(
        "Fathom {}",
        revision.as_ref().unwrap_or(&environment.fathom_version)
    )
}
