//! A sweep's table: latency against offered load, one line per step.

use std::fmt::{self, Write as _};

use super::Run;
use crate::quantity::{self, at_least, count, exact_time};
use crate::stats::summary::{PERCENTILES, Percentile, PercentileColumn, percentile_columns};

/// The percentiles that a line has beside those that were asked for, and the maximum: the rare ones are
/// where load shows first.
const LATENCIES: [Percentile; 3] = [PERCENTILES[0], PERCENTILES[2], PERCENTILES[3]];

/// The table of the runs that are steps of a sweep, with a newline at the end; `None` if none is.
#[must_use]
pub fn render(runs: &[Run]) -> Option<String> {
    let steps: Vec<(u32, &Run)> = runs
        .iter()
        .filter_map(|run| Some((run.sweep_percent?, run)))
        .collect();
    let (_, first) = steps.first()?;
    let mut text = format!(
        "latency against offered load: open loops at shares of what the pipeline got done, timeout {}\n",
        exact_time(first.timeout_ns as f64)
    );
    // Writing to a string can't fail.
    let _ = write(&steps, &mut text);
    Some(text)
}

fn write(steps: &[(u32, &Run)], text: &mut String) -> fmt::Result {
    write!(text, "{:>5}{:>11}{:>11}", "load", "offered/s", "sent/s")?;
    let columns = percentile_columns(&LATENCIES, steps.iter().map(|(_, run)| &run.latency_ns));
    for column in &columns {
        write!(text, "{:>12}", column.name)?;
    }
    writeln!(text, "{:>12}{:>9}  valid", "max", "lost")?;
    for (percent, run) in steps {
        line(*percent, run, &columns, text)?;
    }
    for (percent, run) in steps.iter().filter(|(_, run)| !run.valid) {
        let reasons = run.invalid_because.join("; ");
        writeln!(text, "at {percent} %    INVALID: {reasons}")?;
    }
    let mut remedies: Vec<String> = Vec::new();
    for (_, run) in steps.iter().filter(|(_, run)| !run.valid) {
        // What a process took differs from step to step; one of them will do.
        let new = run
            .remedies()
            .into_iter()
            .filter(|it| !remedies.iter().any(|known| kind(known) == kind(it)));
        let new: Vec<String> = new.collect();
        remedies.extend(new);
    }
    for remedy in remedies {
        writeln!(text, "{remedy}")?;
    }
    Ok(())
}

/// Returns the part of a remedy before its figures.
fn kind(remedy: &str) -> &str {
    remedy.split('(').next().unwrap_or(remedy)
}

fn line(percent: u32, run: &Run, columns: &[PercentileColumn], text: &mut String) -> fmt::Result {
    let rate = |rate: Option<f64>| rate.map_or_else(|| "n/a".to_owned(), quantity::rate);
    write!(
        text,
        "{:>5}{:>11}{:>11}",
        format!("{percent} %"),
        rate(run.offered_rate),
        rate(run.achieved_rate)
    )?;
    let latency = &run.latency_ns;
    let percentiles = columns
        .iter()
        .map(|column| latency.get(&column.name).flatten());
    for value_ns in percentiles.chain([latency.max]) {
        // Lost requests took at least as long as the timeout.
        let is_bound = |ns| run.lost > 0 && ns >= run.timeout_ns;
        let value =
            value_ns.map_or_else(|| "n/a".to_owned(), |ns| at_least(ns as f64, is_bound(ns)));
        write!(text, "{value:>12}")?;
    }
    let valid = if run.valid { "yes" } else { "no" };
    writeln!(text, "{:>9}  {valid}", count(run.lost))
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn a_line_per_step_and_every_reason() {
        let expected = "\
latency against offered load: open loops at shares of what the pipeline got done, timeout 1 s
 load  offered/s     sent/s         p50         p99       p99.9         max     lost  valid
 10 %        100      1.00k     25.0 µs     29.9 µs         n/a    ≥ 1.00 s        2  yes
 50 %        500      1.00k     25.0 µs     29.9 µs         n/a    ≥ 1.00 s        2  yes
 95 %        950      1.00k     25.0 µs     29.9 µs         n/a    ≥ 1.00 s        2  no
at 95 %    INVALID: the generator was late
";
        let text = render(&sample::sweep_report().runs).unwrap();
        assert_eq!(text, expected);
        assert!(text.lines().all(|line| line.chars().count() <= 110));
    }

    #[test]
    fn other_runs_have_no_such_table() {
        assert_eq!(render(&[sample::open_run()]), None);
    }
}
