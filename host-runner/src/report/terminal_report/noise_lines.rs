//! Effects of the host on a thread that only spins, and on those that measured.

use std::fmt::{self, Write as _};

use crate::host::gaps::GapSummary;
use crate::host::noise::Noise;
use crate::quantity::{count, share, time};

/// A shorter wait for a quiet host is not told.
const LONG_WAIT_NS: u64 = 10_000_000;

/// Writes what there was of it before the run, what the kernel says of the run, and the rest.
pub fn write(noise: &Noise, text: &mut String) -> fmt::Result {
    write!(
        text,
        "noise      a spinning thread lost {} of its time, {} at most",
        share(noise.floor_share),
        time(noise.floor_max_gap_ns as f64),
    )?;
    if let Some(switches) = noise.involuntary_switches {
        write!(text, "; put off the CPU {} times", count(switches))?;
    }
    if let Some(stolen) = noise.steal_share {
        write!(text, "; steal {}", share(stolen))?;
    }
    if let Some(waited_ns) = noise.waited_for_quiet_ns.filter(|&ns| ns >= LONG_WAIT_NS) {
        let outcome = match noise.was_quiet {
            Some(true) => "after",
            _ => "not quiet after",
        };
        write!(text, "; {outcome} {}", time(waited_ns as f64))?;
    }
    text.push('\n');
    beside(noise, text)?;
    answering(noise, text)?;
    shared(noise, text)
}

/// Writes what the instrument took of the CPU of QEMU's main loop, on a line of its own.
fn shared(noise: &Noise, text: &mut String) -> fmt::Result {
    let Some(waits) = noise.waits_for_measuring() else {
        return Ok(());
    };
    writeln!(
        text,
        "           QEMU's main loop shares the measuring thread's CPU, and waited up to {} for that thread",
        time(waits.total_ns as f64)
    )
}

/// Writes what became of the thread that answers, on a line of its own.
fn answering(noise: &Noise, text: &mut String) -> fmt::Result {
    let Some(thread) = noise.answering else {
        return Ok(());
    };
    write!(
        text,
        "           the answering thread waited {} for its CPU in the run, was put off it {} times",
        time(thread.waited_ns as f64),
        count(thread.involuntary_switches)
    )?;
    if let Some((ticks, part)) = thread
        .steal_ticks
        .zip(thread.steal_share)
        .filter(|ticks| ticks.0 > 0)
    {
        write!(text, "; steal {} ({} ticks)", share(part), count(ticks))?;
    }
    text.push('\n');
    Ok(())
}

/// Writes the noise during the run and after, on a line of its own.
fn beside(noise: &Noise, text: &mut String) -> fmt::Result {
    let lost = |when: &str, lost: Option<GapSummary>| {
        lost.map(|lost| {
            let (part, longest) = (share(lost.share), time(lost.max_gap_ns as f64));
            format!("{when} {part}, {longest} at most")
        })
    };
    let own = |ns: u64| {
        let slices = noise.own_beside_slices;
        let slices = slices.map(|slices| format!(" in {} slices", count(slices)));
        let (ran, slices) = (time(ns as f64), slices.unwrap_or_default());
        format!("QEMU's other threads ran {ran}{slices} in the run")
    };
    let waited = |waited: f64| format!("waited for the CPU {}", share(waited));
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
