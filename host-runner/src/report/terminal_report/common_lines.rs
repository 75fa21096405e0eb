//! Lines that tables of different kinds share: accelerator, host, trust.

use std::fmt::{self, Write as _};

use crate::quantity::time;
use crate::record::{Environment, Run};
use crate::report::trust::sentence;

/// Writes how far to trust it, and what to do about that.
pub fn trust(run: &Run, text: &mut String) -> fmt::Result {
    writeln!(text, "trust      {}", sentence(run))?;
    for remedy in run.remedies() {
        writeln!(text, "           {remedy}")?;
    }
    Ok(())
}

/// Writes the delays of either direction, where there are estimates of them.
pub fn one_way(run: &Run, text: &mut String) -> fmt::Result {
    let Some(delays) = &run.one_way else {
        return Ok(());
    };
    for (name, delay) in [("one way", &delays.forward), ("and back", &delays.backward)] {
        writeln!(
            text,
            "{name:<11}p50 by the two clocks {}, so from {} to {}",
            signed(delay.p50_ns),
            time(delay.p50_at_least_ns as f64),
            time(delay.p50_at_most_ns as f64),
        )?;
    }
    let apart = time(delays.error_ns as f64);
    writeln!(
        text,
        "           the clocks may be apart by {apart}, by their own error estimates"
    )
}

/// Returns a time that may be below zero.
fn signed(ns: i64) -> String {
    let sign = if ns < 0 { "-" } else { "" };
    format!("{sign}{}", time(ns.unsigned_abs() as f64))
}

/// Writes the accelerator that it ran on, if on any, and the reason.
pub fn accelerator(
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
pub fn host(environment: &Environment, text: &mut String) -> fmt::Result {
    if let Some(host_idle) = &environment.host_idle {
        writeln!(text, "idle CPUs  {host_idle}")?;
    }
    for other in &environment.concurrent {
        writeln!(text, "also       measured at the same time: {other}")?;
    }
    Ok(())
}
