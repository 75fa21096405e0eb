//! Fuzz target: results read back from a directory, and the report that is made of them. What contradicts itself is
//! refused, and what is accepted can be shown.
//!
//! An input is a byte of settings, a number of interval logs, each counted, and the record.

use std::fs;
use std::path::Path;

use fathom::files::{Directory, Scratch, scratch};
use fathom::record::file_names::RESULT;
use fathom::record::{ReadError, Record, Source, read};
use fathom::report::{self, renderer::Written};
use fuzz_harness::{Input, Target};

/// The target.
pub const TARGET: Target = Target {
    name: "result_files",
    run,
    seeds,
};

/// Settings: the report is rendered, which takes a hundred times as long as reading.
const RENDERED: u8 = 1;

/// The most runs whose log is written.
const MAX_RUNS: usize = 8;

thread_local! {
    static DIRECTORY: Scratch = scratch().expect("a directory of ours");
}

fn run(data: &[u8]) {
    let (settings, logs, record) = parts(data);
    DIRECTORY.with(|directory| match read(directory.path(), record, &logs) {
        Ok(source) => {
            assert!(!source.record.runs.is_empty());
            assert_eq!(source.distributions.len(), source.record.runs.len());
            for (run, distribution) in source.record.runs.iter().zip(&source.distributions) {
                assert_eq!(run.latency_ns.count, distribution.histogram.len());
            }
            if settings & RENDERED != 0 {
                let files = report::render(&[source], Written::Always).expect("a report");
                assert!(files.iter().all(|file| !file.text.is_empty()));
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    });
}

/// Returns an input's settings, logs and record.
fn parts(data: &[u8]) -> (u8, Vec<&[u8]>, &[u8]) {
    let mut input = Input::new(data);
    let settings = input.u8();
    let logs = (0..input.u8() % 4).map(|_| input.counted()).collect();
    (settings, logs, input.rest())
}

/// Writes a record and logs, reads them, and removes them.
fn read(path: &Path, record: &[u8], logs: &[&[u8]]) -> Result<Source, ReadError> {
    let written = write(path, record, logs);
    let held = Directory::open(path).expect("it is there");
    let source = read::read_held(&held);
    for name in written {
        fs::remove_file(path.join(name)).expect("it was written");
    }
    source
}

/// Writes a record, and for each of its runs one of `logs`. Returns the files' names.
fn write(directory: &Path, record: &[u8], logs: &[&[u8]]) -> Vec<String> {
    fs::write(directory.join(RESULT), record).expect("room for a file");
    let mut written = vec![RESULT.to_owned()];
    let record: Option<Record> = serde_json::from_slice(record).ok();
    let runs = record.iter().flat_map(|record| &record.runs);
    for (run, log) in runs.take(MAX_RUNS).zip(logs.iter().cycle()) {
        let name = format!("{}.hlog", run.file_stem());
        let is_new = !written.contains(&name);
        if is_new && !name.contains('/') && fs::write(directory.join(&name), log).is_ok() {
            written.push(name);
        }
    }
    written
}

/// None: valid results take a measurement, and those of one are in the corpus.
const fn seeds() -> Vec<Vec<u8>> {
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Results are accepted that the corpus begins with, or the fuzzer would see nothing but refusals.
    #[test]
    fn the_seeds_are_results() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus/result_files");
        let directory = scratch().unwrap();
        for (name, runs) in [("seed-run", 1), ("seed-comparison", 2)] {
            let seed = fs::read(corpus.join(name)).unwrap();
            let (_, logs, record) = parts(&seed);
            let source = read(directory.path(), record, &logs).unwrap();
            assert_eq!(source.record.runs.len(), runs, "{name}");
        }
    }
}
