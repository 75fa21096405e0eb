//! A comparison on one screen: a line per target and link, and the verdicts under it.

use std::fmt::{self, Write as _};

use super::common_lines::{accelerator, host};
use super::{Detail, cost_table};
use crate::quantity::{at_least, count};
use crate::record::origin::OnLink;
use crate::record::{Comparison, MergedRuns, Record, Skipped};
use crate::report::{core_distance, emulator_share};
use crate::stats::percentile_rule::{PERCENTILES, Percentile};
use crate::stats::summary::{PercentileColumn, percentile_columns};

/// The percentiles that a line has beside those that were asked for.
const LATENCIES: [Percentile; 3] = [PERCENTILES[0], PERCENTILES[2], PERCENTILES[3]];

/// The report as text, with a newline at the end.
#[must_use]
pub fn render(record: &Record, detail: Detail) -> String {
    let mut text = String::new();
    // Writing to a string can't fail.
    let _ = write(record, detail, &mut text);
    text
}

fn write(record: &Record, detail: Detail, text: &mut String) -> fmt::Result {
    if let Some(run) = record.runs.first() {
        writeln!(
            text,
            "latency, {} loop, {}-byte payload; each valid boot weighs the same",
            modes(record).join(" and "),
            run.payload_bytes
        )?;
    }
    for rate in &record.common_rate {
        writeln!(text, "open loop  {}", rate.words())?;
    }
    let environment = &record.environment;
    accelerator(environment.accel.as_deref(), environment, text)?;
    let is_native = |merged: &MergedRuns| {
        let on_link = OnLink {
            label: &merged.target,
            link: &merged.link,
        };
        on_link.mark().is_some()
    };
    if environment.accel.as_deref() == Some("tcg") && record.merged.iter().any(is_native) {
        writeln!(
            text,
            "           what is marked native is not under the emulator: it is no guest"
        )?;
    }
    host(environment, text)?;
    let columns = percentile_columns(
        &LATENCIES,
        record.merged.iter().map(|merged| &merged.latency_ns),
    );
    let names = record
        .merged
        .iter()
        .map(|merged| name(merged).chars().count() + 2);
    let width = names.max().unwrap_or_default().max(NAME_WIDTH);
    write!(
        text,
        "\n{:<width$}{:<11}{:<7}{:>6}",
        "target", "link", "loop", "rounds"
    )?;
    for column in &columns {
        write!(text, "{:>12}", column.name)?;
    }
    writeln!(text, "{:>12}{:>12}{:>8}", "max", "samples", "lost")?;
    for merged in &record.merged {
        line(merged, width, &columns, text)?;
        boots(merged, text)?;
        let own = |comparison: &&Comparison| {
            comparison.target == merged.label()
                && comparison.link == merged.link
                && (comparison.mode.is_none() || comparison.mode == merged.mode)
        };
        let own: Vec<&Comparison> = record.comparisons.iter().filter(own).collect();
        for verdicts in own.chunk_by(|a, b| a.baseline == b.baseline) {
            against(verdicts, text)?;
        }
    }
    if detail == Detail::Full {
        core_distance::write(record, text)?;
    }
    if record.why.iter().any(|cost| !cost.is_empty()) {
        writeln!(text)?;
        cost_table::write(&record.why, text)?;
    }
    for line in emulator_share::lines(&record.runs) {
        writeln!(text, "own CPU    {line}")?;
    }
    for merged in &record.merged {
        if let Some(estimate) = &merged.guest_estimate_ns {
            writeln!(text, "estimate   {}", estimate.words(&name(merged), merged))?;
        }
    }
    for skipped in Skipped::lines(&record.skipped) {
        writeln!(text, "skipped    {skipped}")?;
    }
    let invalid = record.runs.iter().filter(|run| !run.valid).count();
    writeln!(
        text,
        "validity   {} of {} runs are valid",
        record.runs.len() - invalid,
        record.runs.len()
    )
}

/// The least width of the column of names.
const NAME_WIDTH: usize = 22;

/// A target's name, with its mark.
fn name(merged: &MergedRuns) -> String {
    OnLink {
        label: &merged.label(),
        link: &merged.link,
    }
    .marked()
}

fn line(
    merged: &MergedRuns,
    width: usize,
    columns: &[PercentileColumn],
    text: &mut String,
) -> fmt::Result {
    let latency = &merged.latency_ns;
    let bounds_from_ns = merged.lower_bounds_from_ns();
    let is_bound = |ns| bounds_from_ns.is_some_and(|from_ns| ns >= from_ns);
    let value = |value: Option<u64>| {
        value.map_or_else(|| "n/a".to_owned(), |ns| at_least(ns as f64, is_bound(ns)))
    };
    write!(
        text,
        "{:<width$}{:<11}{:<7}{:>6}",
        name(merged),
        merged.link,
        merged.mode.as_deref().unwrap_or("-"),
        format!("{}/{}", merged.rounds.len(), merged.rounds_wanted),
    )?;
    for column in columns {
        write!(text, "{:>12}", value(latency.get(&column.name).flatten()))?;
    }
    writeln!(
        text,
        "{:>12}{:>12}{:>8}",
        value(latency.max),
        count(latency.count),
        count(merged.lost)
    )
}

/// The modes of all loads, each once.
fn modes(record: &Record) -> Vec<&str> {
    let mut modes: Vec<&str> = Vec::new();
    for run in &record.runs {
        if !modes.contains(&&*run.mode) {
            modes.push(&run.mode);
        }
    }
    modes
}

/// The ends of each percentile over the boots, where there are several.
fn boots(merged: &MergedRuns, text: &mut String) -> fmt::Result {
    let range = |percentile: &Percentile| {
        let range = merged.boots.get(percentile.name)?;
        let is_range = range.boots > 1;
        is_range.then(|| format!("{} {}", percentile.name, range.words()))
    };
    let ranges: Vec<String> = LATENCIES.iter().filter_map(range).collect();
    if ranges.is_empty() {
        return Ok(());
    }
    writeln!(text, "{:<29}{}", "  range of boots:", ranges.join(", "))
}

/// The verdicts on one baseline: a line for those that say the same of several percentiles.
fn against(verdicts: &[&Comparison], text: &mut String) -> fmt::Result {
    let Some(first) = verdicts.first() else {
        return Ok(());
    };
    let baseline = OnLink {
        label: &first.baseline,
        link: &first.link,
    };
    let mut label = format!("  than {}:", baseline.marked());
    for same in verdicts.chunk_by(|a, b| a.words() == b.words()) {
        let names: Vec<&str> = same
            .iter()
            .map(|comparison| &*comparison.percentile)
            .collect();
        writeln!(text, "{label:<29}{} {}", names.join(", "), same[0].words())?;
        label.clear();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram::DurationHistogram;
    use crate::record::{BootRange, fixtures};
    use crate::stats::comparison::Verdict;

    fn merged(target: &str, responder: Option<&str>, latency_ns: u64) -> MergedRuns {
        let recording = DurationHistogram::of_values([latency_ns; 2000]);
        MergedRuns {
            target: target.to_owned(),
            responder: responder.map(ToOwned::to_owned),
            link: "vhost-user".to_owned(),
            mode: Some("closed".into()),
            payload_bytes: Some(64),
            timeout_ns: Some(1_000_000_000),
            rounds_wanted: 5,
            rounds: vec![1, 2, 4],
            sent: 2000,
            received: 2000,
            lost: 0,
            latency_ns: (&recording).into(),
            ..MergedRuns::default()
        }
    }

    fn comparison(baseline: &str, percentile: &'static str) -> Comparison {
        Comparison {
            target: "hermit".to_owned(),
            baseline: baseline.to_owned(),
            link: "vhost-user".to_owned(),
            percentile: percentile.into(),
            rounds: 3,
            target_ns: 1,
            baseline_ns: 2,
            difference_ns: Some(-1),
            low_ns: None,
            high_ns: None,
            outcome: Some(Verdict::TooFewRounds),
            // Nobody reads that.
            verdict: "higher".to_owned(),
            ..Comparison::default()
        }
    }

    fn judged(percentile: &'static str, outcome: Verdict) -> Comparison {
        Comparison {
            outcome: Some(outcome),
            ratio: Some(0.81),
            ratio_low: Some(0.76),
            ratio_high: Some(0.86),
            detectable_ratio: Some(1.25),
            rounds_lower: Some(3),
            ..comparison("linux-guest:busy", percentile)
        }
    }

    fn skipped(target: &str, round: Option<u32>) -> Skipped {
        Skipped {
            target: target.to_owned(),
            responder: None,
            link: "unix".to_owned(),
            round,
            reason: "why".to_owned(),
        }
    }

    #[test]
    fn a_line_per_target_and_the_verdicts_under_it() {
        let mut lossy = merged("linux-guest", Some("busy"), 1_000_000_000);
        lossy.lost = 3;
        let mut hermit = merged("hermit", None, 1900);
        for (name, boots, lowest_ns, highest_ns) in [
            ("p50", 3, 1800, Some(2100)),
            ("p99", 3, 1850, None),
            ("p99.9", 1, 9000, Some(9000)),
        ] {
            let range = BootRange {
                boots,
                lowest_ns: Some(lowest_ns),
                highest_ns,
            };
            hermit.boots.insert(name.to_owned(), range);
        }
        let record = Record {
            merged: vec![hermit, lossy],
            comparisons: vec![
                judged("p50", Verdict::Lower),
                judged("p90", Verdict::NoDifference),
                judged("p99", Verdict::NoDifference),
                comparison("null", "p50"),
                comparison("null", "p90"),
            ],
            skipped: vec![skipped("null", Some(2)), skipped("hermit", None)],
            ..fixtures::record(fixtures::closed_run())
        };
        let expected = "\
latency, closed loop, 64-byte payload; each valid boot weighs the same
accel      tcg: there is no /dev/kvm
           TCG compares guests under one emulator; no statement about KVM
idle CPUs  sleep: a sample

target                link       loop   rounds         p50         p99       p99.9         max     samples    lost
hermit                vhost-user closed    3/5     1.90 µs     1.90 µs         n/a     1.90 µs       2,000       0
  range of boots:            p50 1.80–2.10 µs, p99 1.85 µs to lost
  than linux-guest:busy:     p50 lower in 3 of 3 boots, by 19 % (14 to 24 %)
                             p90, p99 no difference seen (25 % or more would have been found)
  than null (native):        p50, p90 too few rounds to say
linux-guest:busy      vhost-user closed    3/5    ≥ 1.00 s    ≥ 1.00 s         n/a    ≥ 1.00 s       2,000       3
skipped    null on unix from round 2 on, hermit on unix: why
validity   1 of 1 runs are valid
";
        assert_eq!(render(&record, Detail::Brief), expected);
    }
}
