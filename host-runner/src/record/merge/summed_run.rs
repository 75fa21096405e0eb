//! The sum of all nodes: its distributions, and its record.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::node_sum::{self, Distributions, LogSum};
use super::timeline::{SummedInterval, Timeline};
use super::{Input, MergeError, combined_states};
use crate::histogram::DurationHistogram;
use crate::record::log_counts::{least, lower};
use crate::record::log_description::LogDescription;
use crate::record::run::Node;
use crate::record::{Methods, Run};
use crate::stats::percentile_rule::{PERCENTILES, Percentile};
use crate::stats::{Distribution, Requested, Summary, WarmUpEnd};

/// All nodes added up.
#[derive(Debug)]
pub struct Sum {
    /// The record.
    pub run: Run,
    /// Methods of its figures, which are those of every node.
    pub methods: Option<Methods>,
    /// Start, since the epoch.
    pub start: Duration,
    /// The distributions.
    pub distributions: Distributions,
    /// Latency over time.
    pub intervals: Vec<SummedInterval>,
    /// The latency of each node, in the order of the record's.
    pub nodes: Vec<Distribution>,
}

/// Adds up the logs of `inputs`, one group of those that [`find`](super::find) returns. Summaries get the `requested`
/// percentiles besides the standard ones.
///
/// # Errors
///
/// [`MergeError`] if a log can't be read, or contradicts its record.
pub fn add_up(inputs: &[Input], requested: &[Requested]) -> Result<Sum, MergeError> {
    let mut inputs: Vec<&Input> = inputs.iter().collect();
    inputs.sort_by(|a, b| (&a.node, a.start).cmp(&(&b.node, b.start)));
    let start = inputs.iter().map(|input| input.start).min();
    let start = start.unwrap_or_default();
    let mut timeline = Timeline::new(start);
    let mut distributions = Distributions::default();
    let mut nodes = Nodes::default();
    let mut runs: Vec<(String, Run)> = Vec::new();
    for of_node in inputs.chunk_by(|a, b| a.node == b.node) {
        let mut sum = Distributions::default();
        let mut parts: BTreeMap<String, DurationHistogram> = BTreeMap::new();
        let mut own: Vec<Run> = Vec::new();
        for input in of_node {
            let log = node_sum::read(input, &mut timeline)?;
            sum.add_all(&log.distributions);
            let LogSum {
                run, parts: of_log, ..
            } = log;
            for (name, durations) in of_log {
                parts.entry(name).or_default().add_all(&durations);
            }
            own.push(run);
        }
        distributions.add_all(&sum);
        nodes.add(of_node, &own, &sum.latency, parts, requested);
        let name = &of_node[0].node;
        runs.extend(own.into_iter().map(|run| (name.clone(), run)));
    }
    let span = timeline.span();
    let methods = inputs
        .first()
        .and_then(|first| first.description.methods.clone());
    let mut run = summed(
        &runs,
        &distributions,
        Span {
            start,
            length: span,
        },
    );
    let summary = |durations: &DurationHistogram| summary(durations, requested);
    run.latency_ns = summary(&distributions.latency);
    for (&tag, durations) in &distributions.tagged {
        run.set_tagged(tag, Some(summary(durations)));
    }
    run.nodes = nodes.records;
    Ok(Sum {
        run,
        methods,
        start,
        distributions,
        intervals: timeline.finish(),
        nodes: nodes.latencies,
    })
}

fn summary(durations: &DurationHistogram, requested: &[Requested]) -> Summary {
    let mut summary = Summary::from(durations);
    summary.add(durations, requested);
    summary
}

/// The nodes of a sum.
#[derive(Default)]
struct Nodes {
    records: Vec<Node>,
    latencies: Vec<Distribution>,
}

impl Nodes {
    /// Adds the node whose logs are `inputs` and whose measurements are `runs`: as its parts, if it is a sum itself.
    fn add(
        &mut self,
        inputs: &[&Input],
        runs: &[Run],
        latency: &DurationHistogram,
        parts: BTreeMap<String, DurationHistogram>,
        requested: &[Requested],
    ) {
        let name = &inputs[0].node;
        let logs = inputs.iter().map(|input| input.path.display().to_string());
        let addresses = distinct(runs.iter().map(|run| run.address.as_str()));
        let total = |count: fn(&Run) -> u64| total(runs.iter(), count);
        let whole = Node {
            name: name.clone(),
            logs: logs.collect(),
            address: addresses.join(" "),
            started_at: runs
                .iter()
                .filter_map(|run| run.started_at)
                .min()
                .or_else(|| {
                    inputs
                        .iter()
                        .map(|input| timestamp(input.start))
                        .min()
                        .flatten()
                }),
            sent: total(|run| run.sent),
            received: total(|run| run.received),
            lost: total(|run| run.lost),
            valid: runs.iter().all(|run| run.valid),
            invalid_because: distinct(
                runs.iter()
                    .flat_map(|run| run.invalid_because.iter().map(String::as_str)),
            ),
            latency_ns: summary(latency, requested),
            censored_from_ns: censored_from_ns(runs.iter()),
        };
        if parts.is_empty() {
            self.latencies.push(Distribution::from(latency));
            self.records.push(whole);
            return;
        }
        let known: Vec<&Node> = runs.iter().flat_map(|run| &run.nodes).collect();
        for (part, durations) in parts {
            let known = known.iter().find(|node| node.name == part);
            let lost = whole
                .censored_from_ns
                .map_or(0, |from_ns| durations.count_from(from_ns));
            let unknown = Node {
                sent: durations.count(),
                received: durations.count() - lost,
                lost,
                address: part.clone(),
                ..whole.clone()
            };
            self.latencies.push(Distribution::from(&durations));
            self.records.push(Node {
                name: format!("{name}/{part}"),
                logs: whole.logs.clone(),
                latency_ns: summary(&durations, requested),
                ..known.map_or(unknown, |&node| node.clone())
            });
        }
    }
}

/// Time in which requests were sent, from the start of the first node to the end of the last.
#[derive(Clone, Copy)]
struct Span {
    start: Duration,
    length: Duration,
}

/// Returns the record of the sum of `runs`, each with its node's name, but for its distributions.
fn summed(runs: &[(String, Run)], distributions: &Distributions, span: Span) -> Run {
    let all: Vec<&Run> = runs.iter().map(|(_, run)| run).collect();
    let total = |count: fn(&Run) -> u64| total(all.iter().copied(), count);
    let span_ns = u64::try_from(span.length.as_nanos()).unwrap_or(u64::MAX);
    let censored_from_ns = censored_from_ns(all.iter().copied());
    let (sent, received) = (total(|run| run.sent), total(|run| run.received));
    let per_second = |count: u64| (span_ns > 0).then(|| count as f64 / (span_ns as f64 / 1e9));
    let partial = all.iter().any(|run| run.partial);
    let mut sum = Run {
        address: addresses(&all),
        answered_by: common(&all, |run| run.answered_by.clone()),
        link_description: common(&all, |run| run.link_description.clone()),
        offered_rate: offered_rate(runs),
        achieved_rate: per_second(if all[0].depth.is_some() {
            received
        } else {
            sent
        }),
        answered_rate: per_second(received),
        generator_limited: all.iter().any(|run| run.generator_limited),
        clock_read_ns: all.iter().filter_map(|run| run.clock_read_ns).max(),
        resolution_ns: all.iter().filter_map(|run| run.resolution_ns).max(),
        started_at: (all.iter().filter_map(|run| run.started_at).min())
            .or_else(|| timestamp(span.start)),
        seed: common(&all, |run| Some(run.seed)).unwrap_or(0),
        sending_ns: Some(span_ns),
        bind: common(&all, |run| run.bind.clone()),
        interface: common(&all, |run| run.interface.clone()),
        elapsed_ns: all.iter().map(|run| run.elapsed_ns).fold(span_ns, u64::max),
        warmup_discarded: total(|run| run.warmup_discarded),
        warmup_settled: warm_up(&all),
        sent,
        send_errors: send_errors(&all),
        received,
        lost: total(|run| run.lost),
        dropped_locally: total(|run| run.dropped_locally),
        in_flight_at_end: total(|run| run.in_flight_at_end),
        late: total(|run| run.late),
        duplicated: total(|run| run.duplicated),
        reordered: total(|run| run.reordered),
        corrupted: total(|run| run.corrupted),
        foreign: total(|run| run.foreign),
        stale: total(|run| run.stale),
        impossible_times: total(|run| run.impossible_times),
        censored_from_ns,
        censored_count: total(|run| run.censored_count),
        percentiles: combined_states::combine(&all, &distributions.latency, censored_from_ns),
        strict: all.iter().any(|run| run.strict),
        image: all.iter().find_map(|run| run.image.clone()),
        image_bytes: common(&all, |run| run.image_bytes),
        partial,
        ..LogDescription::of(all[0], None).run()
    };
    judge(&mut sum, runs, distributions.latency.count());
    sum
}

/// Decides how far the sum is valid: no further than any of its parts.
fn judge(sum: &mut Run, runs: &[(String, Run)], samples: u64) {
    let all = || runs.iter().map(|(_, run)| run);
    let rank = |name: &str| PERCENTILES.iter().position(|known| known.name == name);
    let needs = all().filter_map(|run| rank(run.needs.as_deref()?)).max();
    let is_supported = |percentile: &&Percentile| samples >= percentile.samples_needed();
    let judged_by = needs.and_then(|rank| PERCENTILES[..=rank].iter().rev().find(is_supported));
    sum.needs = needs.map(|rank| PERCENTILES[rank].name.to_owned());
    sum.judged_by = judged_by.map(|percentile| percentile.name.to_owned());
    let parts = all().map(|run| run.valid_to.clone());
    let of_parts = parts.reduce(lower).flatten();
    let counts = |percentile: &&Percentile| {
        let state = sum.percentiles.get(percentile.name);
        state.is_some_and(|state| state.counts(sum.strict))
    };
    sum.valid_to = match sum.percentiles.is_empty() {
        true => of_parts,
        false => (PERCENTILES.iter().take_while(counts).last())
            .map(|percentile| percentile.name.to_owned()),
    };
    for (node, run) in runs {
        for reason in &run.reasons {
            if !sum.reasons.contains(reason) {
                sum.reasons.push(reason.clone());
            }
        }
        if run.valid {
            continue;
        }
        let words = match run.invalid_because.as_slice() {
            [] => "not valid".to_owned(),
            several => several.join(", "),
        };
        let words = format!("{node}: {words}");
        if !sum.invalid_because.contains(&words) {
            sum.invalid_because.push(words);
        }
        for advice in &run.advice {
            if !sum.advice.contains(advice) {
                sum.advice.push(advice.clone());
            }
        }
    }
    sum.valid = sum.invalid_because.is_empty() && !sum.partial;
}

/// Returns the sum of a count over `runs`.
fn total<'a>(runs: impl Iterator<Item = &'a Run>, count: fn(&Run) -> u64) -> u64 {
    runs.map(count).fold(0, u64::saturating_add)
}

/// Returns the value that all of `runs` have, if they have the same.
fn common<T: PartialEq>(runs: &[&Run], value: impl Fn(&Run) -> Option<T>) -> Option<T> {
    let (first, rest) = runs.split_first()?;
    let known = value(first)?;
    let is_common = rest.iter().all(|run| value(run).as_ref() == Some(&known));
    is_common.then_some(known)
}

/// Returns each of `texts` once, in their order.
fn distinct<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut seen = HashSet::new();
    let once = texts.filter(|&text| seen.insert(text));
    once.map(str::to_owned).collect()
}

/// The address that all nodes probed, or the number of those that they did.
fn addresses(runs: &[&Run]) -> String {
    // A prober of several targets has all of them, with blanks between.
    let addresses = runs.iter().flat_map(|run| run.address.split_whitespace());
    let addresses = distinct(addresses);
    match addresses.as_slice() {
        [one] => one.clone(),
        several => format!("{} addresses", several.len()),
    }
}

/// The rates of all nodes together; a node has one, however many logs it wrote.
fn offered_rate(runs: &[(String, Run)]) -> Option<f64> {
    let nodes = runs.chunk_by(|a, b| a.0 == b.0);
    nodes.map(|of_node| of_node[0].1.offered_rate).sum()
}

fn warm_up(runs: &[&Run]) -> WarmUpEnd {
    let is_each = |end| runs.iter().all(|run| run.warmup_settled == end);
    if runs
        .iter()
        .any(|run| run.warmup_settled == WarmUpEnd::Unsettled)
    {
        WarmUpEnd::Unsettled
    } else if is_each(WarmUpEnd::Settled) {
        WarmUpEnd::Settled
    } else {
        WarmUpEnd::Planned
    }
}

fn send_errors(runs: &[&Run]) -> BTreeMap<String, u64> {
    let mut sum: BTreeMap<String, u64> = BTreeMap::new();
    for (name, count) in runs.iter().flat_map(|run| &run.send_errors) {
        let total = sum.entry(name.clone()).or_default();
        *total = total.saturating_add(*count);
    }
    sum
}

fn censored_from_ns<'a>(runs: impl Iterator<Item = &'a Run>) -> Option<u64> {
    runs.map(|run| run.censored_from_ns).fold(None, least)
}

fn timestamp(since_epoch: Duration) -> Option<Timestamp> {
    let since_epoch = SignedDuration::try_from(since_epoch).ok()?;
    Timestamp::from_duration(since_epoch).ok()
}
