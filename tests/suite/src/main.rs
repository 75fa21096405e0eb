//! `make test`, once everything is built: lint and every test program of both workspaces, side by
//! side where they don't measure. Ends with what was skipped and why, and the sum of all.
//!
//! - [`libtest`]: reads what Rust's test harness prints;
//! - [`parts`]: what there is to run, and in which lane;
//! - [`run`]: runs one part to its end, with a directory for temporary files of its own;
//! - [`left`]: finds what a part leaves behind, files and processes;
//! - [`report`]: what is printed.
//!
//! A part that fails does not keep the others from running. Names of parts as arguments run those
//! alone: `cargo run --release -p suite -- tap runs`.
#![forbid(unsafe_code)]

mod left;
mod libtest;
mod parts;
mod report;
mod run;

use std::collections::VecDeque;
use std::env;
use std::error::Error;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use parts::{Lane, Part};
use report::Report;
use run::Runner;
use suite::Required;

fn main() -> ExitCode {
    match suite() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("tests: error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs everything; returns whether all of it passed.
fn suite() -> Result<bool, Box<dyn Error>> {
    let start = Instant::now();
    // A wrong name is better told before the tests than after.
    Required::from_env()?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()?;
    let logs = root.join("target/test-output");
    // What an earlier call left there.
    if logs.exists() {
        fs::remove_dir_all(&logs)?;
    }
    fs::create_dir_all(&logs)?;
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&interrupted))?;
    }
    // In the system's directory for such files, whose path is short: those of sockets have a limit.
    // Open, as that directory is, since some tests call `fathom` as another user.
    let scratch = tempfile::Builder::new().prefix("fathom-tests-").tempdir()?;
    fs::set_permissions(scratch.path(), Permissions::from_mode(0o755))?;
    let wanted: Vec<String> = env::args().skip(1).collect();
    let is_wanted = |part: &Part| wanted.is_empty() || wanted.contains(&part.name);

    let report = Mutex::new(Report::default());
    let runner = Runner {
        logs,
        scratch: scratch.path().to_owned(),
        interrupted: &interrupted,
    };
    let run = |mut part: Part| {
        let outcome = runner.run(&mut part);
        let mut report = report.lock().unwrap_or_else(PoisonError::into_inner);
        report.add(&part.name, outcome);
    };
    let programs = parts::programs(&root)?;
    // Lint first: it compiles, and is among the longest.
    let parts = std::iter::once(parts::lint(&root)).chain(programs);
    in_lanes(parts.filter(is_wanted).collect(), &interrupted, &run);

    let report = report.into_inner().unwrap_or_else(PoisonError::into_inner);
    scratch.close()?;
    if interrupted.load(Ordering::Relaxed) {
        return Err("interrupted".into());
    }
    report.conclude(start.elapsed());
    Ok(report.is_fine())
}

/// Runs all parts, those that measure one after the other, and beside them the others.
fn in_lanes(parts: Vec<Part>, interrupted: &AtomicBool, run: &(impl Fn(Part) + Sync)) {
    let is_on = || !interrupted.load(Ordering::Relaxed);
    let (waiting, busy): (Vec<Part>, Vec<Part>) = parts
        .into_iter()
        .partition(|part| part.lane == Lane::Waiting);
    let (measuring, beside): (Vec<Part>, Vec<Part>) = busy
        .into_iter()
        .partition(|part| part.lane == Lane::Measuring);
    let beside = Mutex::new(VecDeque::from(beside));
    let next_beside = || {
        beside
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front()
    };
    let run_beside = || {
        while let Some(part) = next_beside().filter(|_| is_on()) {
            run(part);
        }
    };
    let run_all = |parts: Vec<Part>| {
        for part in parts {
            if is_on() {
                run(part);
            }
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| run_all(waiting));
        if thread::available_parallelism().is_ok_and(|cpus| cpus.get() > 1) {
            scope.spawn(run_beside);
        }
        run_all(measuring);
        run_beside();
    });
}
