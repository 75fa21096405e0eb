//! The worst stalls: when, how long, how many requests, and what the host did.

use std::fmt::{self, Write as _};

use crate::quantity::{count, time};
use crate::record::Run;
use crate::report::stalls;
use crate::report::terminal_report::columns;

/// Number of stalls that are shown.
const MOST: usize = 5;

/// Writes the worst of them, and the maximum.
pub(super) fn write(run: &Run, text: &mut String) -> fmt::Result {
    if !run.stalls.is_empty() {
        let head = ["stalls", "at", "length", "requests", "max", "the host then"];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        rows.extend(run.stalls.iter().take(MOST).map(|stall| {
            vec![
                String::new(),
                time(stall.at_ns as f64),
                time(stall.length_ns as f64),
                count(stall.requests),
                time(stall.max_ns as f64),
                stalls::host(stall),
            ]
        }));
        text.push_str(&columns::lines(&rows, &[0, 5]));
    }
    match stalls::maximum(run) {
        Some(max) => writeln!(text, "max        {max}"),
        None => Ok(()),
    }
}
