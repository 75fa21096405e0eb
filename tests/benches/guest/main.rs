//! Needs of the guest, in figures that do not depend on the machine or on what else it does:
//! instructions, doorbells, interrupts, bytes of the image. They are held against those in `tests/benches/baseline.json`;
//! one that has changed by more than 5 % either way is a failure, for a figure that got better is to
//! be recorded just as well. `--record` writes that file. Both are written as results, too, which `fathom check` judges:
//! `target/bench`, and the baseline in `target/bench/baseline`.
//!
//! - [`figures`]: measures them;
//! - [`baseline`]: reads, compares and writes them.
#![forbid(unsafe_code)]

mod baseline;
mod figures;

use std::process::ExitCode;

use baseline::{Baseline, Comparison};
use tests::artifacts;

/// Directory of the figures as a result, in the repository.
const RESULT: &str = "target/bench";

/// The same of those that they are held against.
const RESULT_OF_BASELINE: &str = "target/bench/baseline";

fn main() -> ExitCode {
    let is_recording = std::env::args().any(|argument| argument == "--record");
    let baseline = match Baseline::read() {
        Ok(baseline) => baseline,
        // There may be none yet.
        Err(_) if is_recording => Baseline::default(),
        Err(error) => return failed(&error),
    };
    let measured = match figures::measure() {
        Ok(measured) => measured,
        Err(error) => return failed(&error),
    };
    for (figures, name) in [(&measured, RESULT), (&baseline, RESULT_OF_BASELINE)] {
        if let Err(error) = figures.write_result(&artifacts::root().join(name)) {
            return failed(&error);
        }
    }
    let comparison = Comparison::of(&baseline, &measured);
    print!("{comparison}");
    if is_recording {
        return match measured.write() {
            Ok(()) => {
                println!("recorded {} figures in {}", measured.len(), baseline::PATH);
                ExitCode::SUCCESS
            }
            Err(error) => failed(&error),
        };
    }
    let changed = comparison.changed();
    if changed.is_empty() {
        println!("{} figures, none changed by more than 5 %", measured.len());
        return ExitCode::SUCCESS;
    }
    failed(&format!(
        "changed by more than 5 %: {}; if that is meant, record it: make bench ARGS=--record",
        changed.join(", ")
    ))
}

fn failed(why: &str) -> ExitCode {
    eprintln!("bench: {why}");
    ExitCode::FAILURE
}
