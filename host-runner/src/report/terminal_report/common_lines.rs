//! Lines that tables of different kinds share: accelerator, host, trust.

use std::fmt::{self, Write as _};

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
