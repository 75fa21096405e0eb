//! A measurement in full: everything that is known of it.

use std::fmt::{self, Write as _};

use super::{common_lines, floor_lines, node_rows, noise_lines, percentile_rows, stall_table};
use crate::load::Protocol;
use crate::quantity::{self, count, time};
use crate::record::{Record, Run};
use crate::report::accounting;

/// Writes all that is known of `run`, which `report` holds.
pub(super) fn write(record: &Record, run: &Run, text: &mut String) -> fmt::Result {
    heading(record, run, text)?;
    text.push('\n');
    percentile_rows::write(run, text)?;
    text.push('\n');
    node_rows::write(run, text)?;
    common_lines::one_way(run, text)?;
    counts(run, text)?;
    floor_lines::write(run, text)?;
    // A sum has none of its own.
    if run.nodes.is_empty() {
        noise_lines::write(&run.noise, text)?;
    }
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
    common_lines::host(&record.environment, text)?;
    stall_table::write(run, text)?;
    common_lines::trust(run, text)
}

fn heading(record: &Record, run: &Run, text: &mut String) -> fmt::Result {
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
    if let Some(mtu) = run.mtu {
        write!(text, ", MTU {mtu}")?;
    }
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
    let environment = &record.environment;
    common_lines::accelerator(run.accel.as_deref(), environment, text)?;
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
    for (direction, faults) in accounting::faults(run).into_iter().flatten() {
        writeln!(text, "{direction:<11}{faults}")?;
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
