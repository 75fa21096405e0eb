//! One screen for people: the figures, what came of the requests, and how far to trust it.

use std::fmt::{self, Write as _};

use super::{Environment, Report, Run, floor, merged_table, sweep};
use crate::stats::noise::Lost;
use crate::stats::summary::PERCENTILES;
use crate::stats::{Noise, Summary};

/// How wide the column of latency is: it says how many samples a percentile needs.
const FIRST_WIDTH: usize = 20;

/// How wide the others are.
const WIDTH: usize = 14;

/// The report as text, with a newline at the end.
#[must_use]
pub fn render(report: &Report) -> String {
    if !report.merged.is_empty() {
        return merged_table::render(report);
    }
    let mut text = String::new();
    for run in report.runs.iter().filter(|run| run.sweep_percent.is_none()) {
        // Writing to a string can't fail.
        let _ = write(report, run, &mut text);
    }
    if let Some(steps) = sweep::render(&report.runs) {
        text.push('\n');
        text.push_str(&steps);
    }
    text
}

fn write(report: &Report, run: &Run, text: &mut String) -> fmt::Result {
    heading(report, run, text)?;
    text.push('\n');
    figures(run, text)?;
    text.push('\n');
    counts(run, text)?;
    floor::write(run, text)?;
    noise(run, text)?;
    idle_cpus(&report.environment, text)?;
    if run.valid {
        writeln!(text, "validity   valid")
    } else {
        writeln!(
            text,
            "validity   INVALID: {}",
            run.invalid_because.join("; ")
        )
    }
}

fn heading(report: &Report, run: &Run, text: &mut String) -> fmt::Result {
    text.push_str(&run.target);
    if let Some(responder) = &run.responder {
        write!(text, " ({responder})")?;
    }
    write!(text, " at {} over link {}, ", run.address, run.link)?;
    match run.depth {
        Some(depth) => write!(text, "pipeline: closed loop of {depth} in flight")?,
        None => write!(text, "{} loop", run.mode)?,
    }
    if let Some(rate) = run.offered_rate {
        write!(text, " at {rate} requests/s")?;
    }
    writeln!(text, ", {}-byte payload", run.payload_bytes)?;
    if run.partial {
        writeln!(text, "partial    broken off before the end")?;
    }
    if run.depth.is_some() {
        writeln!(
            text,
            "load       full: each request waits for those before it, and latency says so"
        )?;
    }
    let environment = &report.environment;
    accelerator(run.accel.as_deref(), environment, text)?;
    if let Some(boot_ms) = run.boot_ms {
        write!(
            text,
            "boot       {boot_ms:.1} ms from QEMU's start to ready"
        )?;
        if let Some(guest_ms) = run.guest_boot_ms {
            write!(text, ", {guest_ms:.1} ms of it in the guest")?;
        }
        text.push('\n');
    }
    Ok(())
}

/// Which accelerator it ran on and why, if on any.
pub(super) fn accelerator(
    accel: Option<&str>,
    environment: &Environment,
    text: &mut String,
) -> fmt::Result {
    if let (Some(accel), Some(reason)) = (accel, &environment.accel_reason) {
        writeln!(text, "accel      {accel}: {reason}")?;
        if accel == "tcg" {
            writeln!(
                text,
                "           TCG compares guests under one emulator; no statement about KVM"
            )?;
        }
    }
    Ok(())
}

/// What the host's idle CPUs did.
pub(super) fn idle_cpus(environment: &Environment, text: &mut String) -> fmt::Result {
    match &environment.host_idle {
        Some(host_idle) => writeln!(text, "idle CPUs  {host_idle}"),
        None => Ok(()),
    }
}

/// A quantity's column: its name and its figures.
struct Column<'a> {
    name: &'static str,
    summary: &'a Summary,
    /// From this value on a figure is a lower bound, because requests were lost.
    censored_from_ns: Option<u64>,
}

fn columns(run: &Run) -> Vec<Column<'_>> {
    let censored_from_ns = (run.lost > 0).then_some(run.timeout_ns);
    let plain = |name, summary| Column {
        name,
        summary,
        censored_from_ns: None,
    };
    let latency = Column {
        name: "latency",
        summary: &run.latency_ns,
        censored_from_ns,
    };
    let uncorrected = run.uncorrected_latency_ns.as_ref().map(|summary| Column {
        name: "uncorrected",
        summary,
        censored_from_ns,
    });
    let lateness = run.send_lateness_ns.as_ref();
    std::iter::once(latency)
        .chain(uncorrected)
        .chain([
            plain("service", &run.service_ns),
            plain("path", &run.path_ns),
        ])
        .chain(lateness.map(|summary| plain("lateness", summary)))
        .collect()
}

fn figures(run: &Run, text: &mut String) -> fmt::Result {
    let columns = columns(run);
    row(
        text,
        "us",
        columns.iter().map(|column| column.name.to_owned()),
    )?;
    let value = |column: &Column<'_>, value_ns: Option<u64>| match value_ns {
        Some(ns) if column.censored_from_ns.is_some_and(|from_ns| ns >= from_ns) => {
            format!(">= {}", micros(ns as f64))
        }
        Some(ns) => micros(ns as f64),
        None => "n/a".to_owned(),
    };
    row(
        text,
        "min",
        columns
            .iter()
            .map(|column| value(column, column.summary.min)),
    )?;
    let mean = |column: &Column<'_>| match column.summary.mean {
        Some(ns) if column.censored_from_ns.is_some() => format!(">= {}", micros(ns)),
        Some(ns) => micros(ns),
        None => "n/a".to_owned(),
    };
    row(text, "mean", columns.iter().map(mean))?;
    for (index, percentile) in PERCENTILES.iter().enumerate() {
        let mut cells: Vec<String> = columns
            .iter()
            .map(|column| value(column, column.summary.percentiles()[index]))
            .collect();
        if run.latency_ns.percentiles()[index].is_none() {
            cells[0] = format!("n/a (needs {})", percentile.samples_needed());
        }
        row(text, percentile.name, cells.into_iter())?;
    }
    row(
        text,
        "max",
        columns
            .iter()
            .map(|column| value(column, column.summary.max)),
    )?;
    row(
        text,
        "samples",
        columns
            .iter()
            .map(|column| column.summary.count.to_string()),
    )
}

fn row(text: &mut String, name: &str, mut cells: impl Iterator<Item = String>) -> fmt::Result {
    let first = cells.next().unwrap_or_default();
    write!(text, "{name:<8}{first:>FIRST_WIDTH$}")?;
    for cell in cells {
        write!(text, "{cell:>WIDTH$}")?;
    }
    text.push('\n');
    Ok(())
}

pub(super) fn micros(value_ns: f64) -> String {
    format!("{:.2}", value_ns / 1000.0)
}

fn counts(run: &Run, text: &mut String) -> fmt::Result {
    write!(
        text,
        "requests   {} sent, {} received, {} lost",
        run.sent, run.received, run.lost
    )?;
    if let Some(rate) = run.achieved_rate {
        let what = if run.depth.is_some() { " echoes" } else { "" };
        write!(text, "; {rate:.0}{what}/s")?;
    }
    writeln!(text, "; {} before as warm-up", run.warmup_discarded)?;
    writeln!(
        text,
        "replies    {} late, {} duplicated, {} reordered, {} corrupted",
        run.late, run.duplicated, run.reordered, run.corrupted
    )?;
    let rare = [
        (run.in_flight_at_end, "unanswered at the end"),
        (run.foreign, "from another boot"),
        (run.stale, "too old to tell"),
        (run.impossible_times, "with impossible guest times"),
    ];
    let rare: Vec<String> = rare
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    if !rare.is_empty() {
        writeln!(text, "           {}", rare.join(", "))?;
    }
    if let Some(signals) = &run.signals {
        let (doorbells, interrupts) = (signals.doorbells, signals.interrupts);
        writeln!(
            text,
            "signals    {doorbells} doorbells, {interrupts} interrupts, warm-up included"
        )?;
    }
    Ok(())
}

fn noise(run: &Run, text: &mut String) -> fmt::Result {
    let noise = &run.noise;
    write!(
        text,
        "noise      a spinning thread lost {:.2} % of its time, {:.1} us at most",
        noise.floor_share * 100.0,
        noise.floor_max_gap_ns as f64 / 1000.0,
    )?;
    if let Some(switches) = noise.involuntary_switches {
        write!(text, "; put off the CPU {switches} times")?;
    }
    if let Some(share) = noise.steal_share {
        write!(text, "; steal {:.1} %", share * 100.0)?;
    }
    text.push('\n');
    noise_beside(&run.noise, text)?;
    if let Some(placement) = &run.placement {
        writeln!(text, "placement  {placement}")?;
    }
    Ok(())
}

/// What there was of it during the run and after, on a line of its own.
fn noise_beside(noise: &Noise, text: &mut String) -> fmt::Result {
    let lost = |when: &str, lost: Option<Lost>| {
        lost.map(|lost| {
            let (percent, micros) = (lost.share * 100.0, lost.max_gap_ns as f64 / 1000.0);
            format!("{when} {percent:.2} %, {micros:.1} us at most")
        })
    };
    let own = |ns: u64| {
        format!(
            "QEMU's other threads ran {:.1} ms in the run",
            ns as f64 / 1e6
        )
    };
    let waited = |share: f64| format!("waited for the CPU {:.2} %", share * 100.0);
    let parts = [
        lost("during the run", noise.beside),
        lost("after it", noise.after),
        noise.waited_share.map(waited),
        noise.own_beside_ns.map(own),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() {
        return Ok(());
    }
    writeln!(text, "           {}", parts.join("; "))
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    const HEAD: &str = "\
accel      tcg: there is no /dev/kvm
           TCG compares guests under one emulator; no statement about KVM
boot       143.2 ms from QEMU's start to ready, 98.2 ms of it in the guest
";

    const TAIL: &str = "
requests   1000 sent, 998 received, 2 lost; 1000/s; 500 before as warm-up
replies    1 late, 0 duplicated, 0 reordered, 0 corrupted
noise      a spinning thread lost 0.12 % of its time, 34.2 us at most; put off the CPU 231 times; \
steal 0.0 %
           during the run 1.00 %, 81.5 us at most; after it 0.20 %, 12.3 us at most; \
waited for the CPU 0.40 %
placement  left to the scheduler: a sample
idle CPUs  sleep: a sample
";

    #[test]
    fn a_closed_loop_on_one_screen() {
        let expected = format!(
            "\
hermit at 10.0.2.15:9000 over link unix, closed loop, 64-byte payload
{HEAD}
us                   latency       service          path
min                    20.00          1.50         18.49
mean              >= 2024.94          1.50         23.48
p50                    24.99          1.50         23.47
p90                    28.99          1.50         27.47
p99                    29.90           n/a           n/a
p99.9      n/a (needs 10000)           n/a           n/a
p99.99    n/a (needs 100000)           n/a           n/a
max            >= 1000000.00          1.50         28.46
samples                 1000           998           998
{TAIL}validity   valid
"
        );
        assert_eq!(render(&sample::report(sample::closed_run())), expected);
    }

    #[test]
    fn an_open_loop_on_one_screen() {
        let expected = format!(
            "\
hermit at 10.0.2.15:9000 over link unix, open loop at 1000 requests/s, 64-byte payload
{HEAD}
us                   latency   uncorrected       service          path      lateness
min                    20.00         19.99          1.50         18.49          0.01
mean              >= 2024.94    >= 2024.93          1.50         23.48          0.01
p50                    24.99         24.99          1.50         23.47          0.01
p90                    28.99         28.99          1.50         27.47          0.01
p99                    29.90         29.89           n/a           n/a          0.01
p99.9      n/a (needs 10000)           n/a           n/a           n/a           n/a
p99.99    n/a (needs 100000)           n/a           n/a           n/a           n/a
max            >= 1000000.00 >= 1000000.00          1.50         28.46          0.01
samples                 1000          1000           998           998          1000
{TAIL}validity   valid
"
        );
        assert_eq!(render(&sample::report(sample::open_run())), expected);
    }

    #[test]
    fn a_pipeline_says_under_what_load_its_latency_was() {
        let text = render(&sample::report(sample::pipeline_run()));
        let heading =
            "hermit at 10.0.2.15:9000 over link unix, pipeline: closed loop of 8 in flight, \
                       64-byte payload
load       full: each request waits for those before it, and latency says so
";
        assert!(text.starts_with(heading), "{text}");
        assert!(
            text.contains("; 998 echoes/s; 500 before as warm-up"),
            "{text}"
        );
    }

    #[test]
    fn a_sweep_is_a_pipeline_and_a_table() {
        let report = sample::sweep_report();
        let text = render(&report);
        assert_eq!(text.matches("over link").count(), 1);
        let steps = sweep::render(&report.runs).unwrap();
        assert!(text.ends_with(&format!("\n\n{steps}")));
    }

    #[test]
    fn a_bad_run_says_so() {
        let mut run = sample::closed_run();
        run.partial = true;
        run.valid = false;
        run.invalid_because = vec!["interrupted".to_owned(), "nothing was received".to_owned()];
        run.in_flight_at_end = 1;
        run.impossible_times = 3;
        let text = render(&sample::report(run));
        for line in [
            "partial    broken off before the end",
            "           1 unanswered at the end, 3 with impossible guest times",
            "validity   INVALID: interrupted; nothing was received",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}");
        }
    }

    #[test]
    fn no_line_is_wider_than_a_common_terminal() {
        let text = render(&sample::report(sample::open_run()));
        assert!(text.lines().all(|line| line.len() <= 110));
        assert!(text.lines().count() <= 24);
    }
}
