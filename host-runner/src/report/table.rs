//! A measurement for people at a terminal: in eight lines, or in full.
//!
//! - `aligned`: columns;
//! - `brief`: the eight lines;
//! - `figures`, `noise`, `stalls`: parts of the rest.

use std::fmt::{self, Write as _};

use super::{accounting, merged_table, sweep, trust};
use crate::load::Protocol;
use crate::quantity::{self, count, time};
use crate::record::{Environment, Report, Run, floor, origin};

pub(super) mod aligned;
mod brief;
mod figures;
mod noise;
mod stalls;

/// Amount of detail that is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// The result, and how far to trust it.
    Brief,
    /// Everything that is known.
    Full,
}

/// The report as text, with a newline at the end.
#[must_use]
pub fn render(report: &Report, detail: Detail) -> String {
    let mut text = String::new();
    for line in origin::lines(&report.runs) {
        text.push_str(&broken(&line));
        text.push('\n');
    }
    if !report.merged.is_empty() {
        text.push_str(&merged_table::render(report, detail));
        return text;
    }
    let steps = sweep::render(&report.runs, report.generator_limit);
    for run in report.runs.iter().filter(|run| run.sweep_percent.is_none()) {
        // Writing to a string can't fail.
        let _ = match detail {
            Detail::Brief if steps.is_some() => brief::write_pipeline(run, &mut text),
            Detail::Brief => brief::write(run, &mut text),
            Detail::Full => write(report, run, &mut text),
        };
    }
    if let Some(steps) = steps {
        text.push('\n');
        text.push_str(&steps);
    }
    text
}

/// The columns of a common terminal.
const WIDTH: usize = 110;

/// Returns `line` in two, before the link, if it is wider than a terminal.
fn broken(line: &str) -> String {
    match line.split_once(" over ") {
        Some((who, link)) if line.chars().count() > WIDTH => format!("{who}\n  over {link}"),
        _ => line.to_owned(),
    }
}

fn write(report: &Report, run: &Run, text: &mut String) -> fmt::Result {
    heading(report, run, text)?;
    text.push('\n');
    figures::write(run, text)?;
    text.push('\n');
    counts(run, text)?;
    floor::write(run, text)?;
    noise::write(&run.noise, text)?;
    if let Some(placement) = &run.placement {
        writeln!(text, "placement  {placement}")?;
    }
    if let Some(cpus) = &run.cpus {
        let (guest, measuring) = (cpus.guest, cpus.measuring);
        writeln!(
            text,
            "CPUs       {guest} and {measuring}: {}",
            cpus.relation.in_words()
        )?;
    }
    host(&report.environment, text)?;
    stalls::write(run, text)?;
    verdict(run, text)
}

/// Writes how far to trust it, and what to do about that.
fn verdict(run: &Run, text: &mut String) -> fmt::Result {
    writeln!(text, "trust      {}", trust::sentence(run))?;
    for remedy in run.remedies() {
        writeln!(text, "           {remedy}")?;
    }
    Ok(())
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
        write!(text, " at {} requests/s", quantity::in_full(rate))?;
    }
    write!(text, ", {}-byte payload", run.payload_bytes)?;
    if run.flows > 1 {
        write!(text, ", {} flows", run.flows)?;
    }
    if run.protocol != Protocol::Fathom.name() {
        write!(text, ", protocol {}", run.protocol)?;
    }
    text.push('\n');
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
    if let (Some(vhost), Some(reason)) = (&run.vhost, &run.vhost_reason) {
        writeln!(text, "vhost-net  {vhost}: {reason}")?;
    }
    if let Some(boot_ms) = run.boot_ms {
        write!(
            text,
            "boot       {} from QEMU's start to ready",
            time(boot_ms * 1e6)
        )?;
        if let Some(guest_ms) = run.guest_boot_ms {
            write!(text, ", {} of it in the guest", time(guest_ms * 1e6))?;
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

/// Writes what the host's idle CPUs did, and which other measurements went on at the same time.
pub(super) fn host(environment: &Environment, text: &mut String) -> fmt::Result {
    if let Some(host_idle) = &environment.host_idle {
        writeln!(text, "idle CPUs  {host_idle}")?;
    }
    for other in &environment.concurrent {
        writeln!(text, "also       measured at the same time: {other}")?;
    }
    Ok(())
}

fn counts(run: &Run, text: &mut String) -> fmt::Result {
    write!(
        text,
        "requests   {} sent, {} received, {} lost",
        count(run.sent),
        count(run.received),
        count(run.lost)
    )?;
    if let Some(rate) = run.achieved_rate {
        let what = if run.depth.is_some() { " echoes" } else { "" };
        write!(text, "; {}{what}/s", quantity::rate(rate))?;
    }
    writeln!(text, "; {} before as warm-up", count(run.warmup_discarded))?;
    if let Some(places) = accounting::places(run) {
        writeln!(text, "lost       {places}")?;
    }
    if run.dropped_locally > 0 {
        let dropped = count(run.dropped_locally);
        writeln!(
            text,
            "dropped    {dropped} that were due and that this host gave up sending"
        )?;
    }
    if !run.send_errors.is_empty() {
        let total: u64 = run.send_errors.values().sum();
        let by_name = run
            .send_errors
            .iter()
            .map(|(name, &errors)| format!("{} {name}", count(errors)));
        writeln!(
            text,
            "not sent   {} that this host refused to send, neither sent nor lost: {}",
            count(total),
            by_name.collect::<Vec<_>>().join(", ")
        )?;
    }
    writeln!(
        text,
        "replies    {} late, {} duplicated, {} reordered, {} corrupted",
        count(run.late),
        count(run.duplicated),
        count(run.reordered),
        count(run.corrupted)
    )?;
    let rare = [
        (run.in_flight_at_end, "unanswered at the end"),
        (run.foreign, "from another boot"),
        (run.stale, "too old to tell"),
        (run.impossible_times, "with impossible guest times"),
    ];
    let rare: Vec<String> = rare
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, what)| format!("{} {what}", count(*number)))
        .collect();
    if !rare.is_empty() {
        writeln!(text, "           {}", rare.join(", "))?;
    }
    if let Some(signals) = &run.signals {
        let (doorbells, interrupts) = (count(signals.doorbells), count(signals.interrupts));
        writeln!(
            text,
            "signals    {doorbells} doorbells, {interrupts} interrupts, warm-up included"
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
