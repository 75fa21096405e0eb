//! Limits on everything in results: well over what Fathom writes, and low enough that whoever made the
//! results can't exhaust a reader's memory or time.

use std::collections::HashSet;

use super::Distribution;
use crate::host::activity::CpuActivity;
use crate::record::merge::MOST_NODES;
use crate::record::{MergedRuns, Record, Run};
use crate::stats::requested::MOST;
use crate::stats::summary::percentile_columns;
use crate::stats::{Summary, Tag};

/// The length of `result.json`. A thousand runs have half of it.
pub const RESULT_BYTES: u64 = 32 << 20;

/// The length of an interval log. That of a sum has an entry for each of its nodes.
pub const LOG_BYTES: u64 = 16 << 20;

/// The intervals in one log, of which Fathom writes 64.
pub const LOG_INTERVALS: usize = 1000;

/// The length of all logs of a directory, and the intervals in them.
const ALL_LOGS_BYTES: usize = 128 << 20;
const INTERVALS: usize = 20_000;

/// The memory for the histograms of a directory, in bytes.
const HISTOGRAM_BYTES: usize = 128 << 20;

/// Runs, and what there may be of each target or pair of targets.
const RUNS: usize = 2000;
const MERGED: usize = 250;
const COMPARISONS: usize = 10_000;

/// The rounds of a comparison.
const ROUNDS: u32 = 10_000;

/// Reasons, findings, arguments of a command line.
const LINES: usize = 1000;

/// CPUs: as many as Linux has at most on x86.
const CPUS: usize = 8192;

/// The characters of a name.
const NAME: usize = 100;

/// Remainder of what the logs of a directory may take together.
#[derive(Debug)]
pub struct Budget {
    read: usize,
    intervals: usize,
    bytes: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            read: ALL_LOGS_BYTES,
            intervals: INTERVALS,
            bytes: HISTOGRAM_BYTES,
        }
    }
}

impl Budget {
    /// Takes a log of `len` bytes, before anything is made of it.
    pub fn take_log(&mut self, len: usize) -> Result<(), String> {
        take(&mut self.read, len)
    }

    /// Takes what `distribution` needs.
    pub fn take(&mut self, distribution: &Distribution) -> Result<(), String> {
        let tagged = distribution
            .tagged
            .values()
            .chain(&distribution.nodes)
            .map(|recording| recording.slots());
        let counts = distribution.histogram.distinct_values() + 2 * tagged.sum::<usize>();
        let bytes = counts * size_of::<u64>();
        take(&mut self.intervals, distribution.intervals.len())?;
        take(&mut self.bytes, bytes)
    }
}

fn take(from: &mut usize, amount: usize) -> Result<(), String> {
    let left = from.checked_sub(amount);
    *from = left.ok_or("with the runs before it, it is more than one report can hold")?;
    Ok(())
}

/// Returns what `report` has too much of, or which of its names is not valid; `None` if neither applies.
pub fn excess(record: &Record) -> Option<String> {
    let environment = &record.environment;
    let cores = environment.shared_cores.as_deref().unwrap_or_default();
    let print = environment.fingerprint.as_ref();
    let options = print.and_then(|print| Some(print.kernel_options.as_ref()?.len()));
    let (options, mitigations) = (
        options.unwrap_or(0),
        print.map_or(0, |print| print.mitigations.len()),
    );
    let cpus_in_use = print.map_or(0, |print| print.cpus.len());
    let lists = [
        ("runs", record.runs.len(), RUNS),
        ("merged targets", record.merged.len(), MERGED),
        ("comparisons", record.comparisons.len(), COMPARISONS),
        ("common rates", record.common_rate.len(), MERGED),
        ("targets' costs", record.why.len(), MERGED),
        ("skipped targets", record.skipped.len(), COMPARISONS),
        ("figures", record.figures.len(), COMPARISONS),
        ("objectives", record.objectives.len(), COMPARISONS),
        ("findings", environment.doctor.len(), LINES),
        ("arguments", environment.command_line.len(), LINES),
        ("other measurements", environment.concurrent.len(), LINES),
        ("kernel options", options, LINES),
        ("mitigations", mitigations, LINES),
        ("CPUs in use", cpus_in_use, LINES),
        ("shared cores", cores.len(), CPUS),
        (
            "CPUs of a core",
            cores.iter().map(Vec::len).max().unwrap_or(0),
            CPUS,
        ),
    ];
    let reasons = record.runs.iter().flat_map(|run| {
        [
            ("reasons", run.invalid_because.len(), LINES),
            ("reasons' codes", run.reasons.len(), LINES),
            ("stalls", run.stalls.len(), LINES),
            ("states", run.percentiles.len(), LINES),
            ("pieces of advice", run.advice.len(), LINES),
            ("busy processes", run.busy_processes.len(), LINES),
            ("errors", run.send_errors.len(), LINES),
            ("nodes", run.nodes.len(), MOST_NODES),
            ("logs of a node", logs_of_a_node(run), LINES),
            ("CPUs in use", activity(run).count(), LINES),
            ("kinds of interrupts", kinds(run).count(), LINES),
        ]
    });
    let rounds = record.comparisons.iter().map(|comparison| {
        (
            "rounds of a comparison",
            comparison.per_round.len(),
            ROUNDS as usize,
        )
    });
    let boots = record
        .merged
        .iter()
        .map(|merged| ("percentiles of boots", merged.boots.len(), LINES));
    let lists = lists.into_iter().chain(reasons);
    let mut lists = lists.chain(rounds).chain(boots);
    if let Some((what, count, most)) = lists.find(|(_, count, most)| count > most) {
        return Some(format!("it has {count} {what}, at most {most} are read"));
    }
    let nodes = record.runs.iter().flat_map(|run| &run.nodes);
    let mut node_names = nodes.map(|node| node.name.as_str());
    let bad_name = names(record).find(|name| !is_name(name));
    let bad_name = bad_name.or_else(|| node_names.find(|name| !is_node_name(name)));
    if let Some(name) = bad_name {
        let start: String = name.chars().take(NAME).collect();
        return Some(format!(
            "`{}` can't be the name of a file, or of what was measured",
            crate::terminal::one_line(&start)
        ));
    }
    let mut known = HashSet::new();
    for merged in &record.merged {
        if !known.insert((
            &merged.target,
            &merged.responder,
            &merged.link,
            &merged.mode,
        )) {
            return Some(format!(
                "it has {} on {} twice",
                merged.label(),
                merged.link
            ));
        }
    }
    let columns = percentile_columns(&[], summaries(record)).len();
    if columns > MOST {
        return Some(format!(
            "it has {columns} percentiles, at most {MOST} are read"
        ));
    }
    record.merged.iter().find_map(too_many_rounds)
}

/// Returns the most logs that a node of `run` has.
fn logs_of_a_node(run: &Run) -> usize {
    let logs = run.nodes.iter().map(|node| node.logs.len());
    logs.max().unwrap_or(0)
}

/// Returns the activity of the host on each CPU of `run`.
fn activity(run: &Run) -> impl Iterator<Item = &CpuActivity> {
    let activity = run.host_activity.iter();
    activity.flat_map(|activity| &activity.cpus)
}

/// The names of the interrupts and softirqs of `run`.
fn kinds(run: &Run) -> impl Iterator<Item = &String> {
    activity(run).flat_map(|cpu| {
        let counts = [&cpu.interrupts, &cpu.softirqs];
        counts
            .into_iter()
            .flatten()
            .flat_map(|counts| counts.keys())
    })
}

/// All that tables have a column for each percentile of.
fn summaries(record: &Record) -> impl Iterator<Item = &Summary> {
    let runs = record.runs.iter().flat_map(|run| {
        let tagged = Tag::ALL.into_iter().filter_map(|tag| run.tagged(tag));
        std::iter::once(&run.latency_ns).chain(tagged)
    });
    let merged = record.merged.iter().flat_map(|merged| {
        let tagged = Tag::ALL
            .into_iter()
            .filter_map(|tag| merged.tagged(tag).as_ref());
        std::iter::once(&merged.latency_ns).chain(tagged)
    });
    runs.chain(merged)
}

fn too_many_rounds(merged: &MergedRuns) -> Option<String> {
    let rounds = merged.rounds_wanted;
    let is_odd = rounds > ROUNDS || merged.rounds.iter().any(|&round| round > rounds);
    is_odd.then(|| format!("it has {rounds} rounds, at most {ROUNDS} are read"))
}

/// All that names of files, labels and legends are made of.
fn names(record: &Record) -> impl Iterator<Item = &str> {
    let runs = record.runs.iter().flat_map(|run| {
        let (responder, accel) = (run.responder.as_deref(), run.accel.as_deref());
        let always = [
            &*run.target,
            &*run.link,
            &*run.mode,
            &*run.address,
            &*run.protocol,
        ];
        let errors = run.send_errors.keys().map(String::as_str);
        let errors = errors.chain(kinds(run).map(String::as_str));
        let percentiles = [&run.needs, &run.judged_by, &run.valid_to];
        let percentiles = percentiles
            .into_iter()
            .flatten()
            .chain(run.percentiles.keys());
        let optional = responder.into_iter().chain(accel);
        let optional = optional.chain(percentiles.map(String::as_str));
        always.into_iter().chain(optional).chain(errors)
    });
    let merged = record.merged.iter().flat_map(|merged| {
        let (responder, mode) = (merged.responder.as_deref(), merged.mode.as_deref());
        [&*merged.target, &*merged.link]
            .into_iter()
            .chain(responder)
            .chain(mode)
    });
    let comparisons = record.comparisons.iter().flat_map(|comparison| {
        let always = [
            &*comparison.target,
            &*comparison.baseline,
            &*comparison.link,
            &*comparison.percentile,
        ];
        always.into_iter().chain(comparison.mode.as_deref())
    });
    let rates = record
        .common_rate
        .iter()
        .flat_map(|rate| std::iter::once(&*rate.link).chain(rate.slowest.as_deref()));
    let why = record.why.iter().flat_map(|cost| {
        let always = [&*cost.target, &*cost.link];
        always.into_iter().chain(cost.responder.as_deref())
    });
    let skipped = record.skipped.iter().flat_map(|skipped| {
        let always = [&*skipped.target, &*skipped.link];
        always.into_iter().chain(skipped.responder.as_deref())
    });
    runs.chain(merged)
        .chain(comparisons)
        .chain(rates)
        .chain(why)
        .chain(skipped)
        .chain(record.figures.keys().map(String::as_str))
}

/// Returns whether `name` can be the tag of a log's entry, and be shown.
fn is_node_name(name: &str) -> bool {
    name.chars().count() <= 2 * NAME && crate::terminal::one_line(name) == name
}

/// Returns whether `name` can be part of a file's name, a heading and a line.
fn is_name(name: &str) -> bool {
    !name.contains('/') && name.chars().count() <= NAME && crate::terminal::one_line(name) == name
}
