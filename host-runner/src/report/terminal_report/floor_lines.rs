//! The floors under a latency on shared memory, and the latency in units of each.

use std::fmt::{self, Write as _};

use crate::quantity;
use crate::record::Run;

/// The floors, and the median latency in units of each.
pub fn write(run: &Run, text: &mut String) -> fmt::Result {
    let floors = [
        ("core-to-core round trip", &run.core_round_trip_ns),
        (
            "a thread in the guest's place",
            &run.reflector_round_trip_ns,
        ),
    ];
    for (i, (name, floor)) in floors.into_iter().enumerate() {
        let Some(floor) = floor else { continue };
        let label = if i == 0 { "floor" } else { "" };
        let [before, after] = [floor.before, floor.after].map(|ns| match ns {
            Some(ns) => quantity::time(ns),
            None => "n/a".to_owned(),
        });
        write!(text, "{label:<11}{name}: {before} before, {after} after")?;
        if let Some(times) = floor.in_units(run.latency_ns.p50) {
            write!(text, "; p50 is {} times that", quantity::ratio(times))?;
        }
        text.push('\n');
    }
    Ok(())
}
