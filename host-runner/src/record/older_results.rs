//! Older results in a directory that is to hold new ones: which files are theirs.

use serde::Deserialize;

use super::file_names::{FAILURE, RESULT, UNCORRECTED, console_log};
use super::read::RESULT_BYTES;
use super::system_label::label;
use super::{MergedRuns, Run, Skipped};
use crate::files::Directory;

/// Prefix of the text of a failure that Fathom wrote into the directory.
pub(super) const FAILURE_PREFIX: &str = "fathom: ";

/// Part of a record that tells the names of its files, whatever else has changed since the record was
/// written.
#[derive(Deserialize)]
struct Record {
    schema: String,
    runs: Vec<Run>,
    #[serde(default)]
    merged: Vec<MergedRuns>,
    #[serde(default)]
    skipped: Vec<Skipped>,
}

/// Largest number of attempts at a measurement that was given up.
const ATTEMPTS: u32 = 100;

/// The files that belong to the record in `directory`, with those called `rendered` that were made from it: none
/// if there is no record. `None` if there is one that is not ours, or can't be read.
pub(super) fn names(directory: &Directory, rendered: &[&str]) -> Option<Vec<String>> {
    let bytes = match directory.read(RESULT, RESULT_BYTES) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Some(Vec::new()),
        Err(_) => return None,
    };
    let record: Record = serde_json::from_slice(&bytes).ok()?;
    if !record.schema.starts_with("fathom/") {
        return None;
    }
    let own = [RESULT, "console.log"];
    let own = own.iter().chain(rendered);
    let mut names: Vec<String> = own.map(|&name| name.to_owned()).collect();
    for run in &record.runs {
        for stem in [run.file_stem(), run.file_stem() + UNCORRECTED] {
            names.extend(histograms(&stem));
        }
        if let (Some(round), Some(attempt)) = (run.round, run.attempt) {
            let log = |attempt| console_log(&run.target_label(), &run.link, round, attempt);
            names.extend((1..=attempt.min(ATTEMPTS)).map(log));
        }
    }
    for merged in &record.merged {
        names.extend(histograms(&merged.file_stem()));
    }
    for skipped in &record.skipped {
        if let Some(round) = skipped.round {
            let label = label(&skipped.target, skipped.responder.as_deref());
            let log = |attempt| console_log(&label, &skipped.link, round, attempt);
            names.extend((1..=ATTEMPTS).map(log));
        }
    }
    // Nothing in a record leads out of its directory.
    names.retain(|name| !name.contains(['/', '\0']));
    Some(names)
}

fn histograms(stem: &str) -> [String; 2] {
    [format!("{stem}.hgrm"), format!("{stem}.hlog")]
}

/// Removes what was written of an earlier failure.
pub(super) fn remove_failure(directory: &Directory) {
    let text = directory.read(FAILURE, RESULT_BYTES);
    if text.is_ok_and(|text| text.starts_with(FAILURE_PREFIX.as_bytes())) {
        directory.remove(FAILURE);
    }
}
