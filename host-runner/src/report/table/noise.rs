//! What the host did to a thread that only spins, and to those that measured.

use std::fmt::{self, Write as _};

use crate::stats::Noise;
use crate::stats::noise::Lost;

/// Writes what there was of it before the run, what the kernel says of the run, and the rest.
pub fn write(noise: &Noise, text: &mut String) -> fmt::Result {
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
    beside(noise, text)
}

/// What there was of it during the run and after, on a line of its own.
fn beside(noise: &Noise, text: &mut String) -> fmt::Result {
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
