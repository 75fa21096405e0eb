//! The files that are rendered from a record.

use std::path::Path;

use jiff::Timestamp;

use super::*;
use crate::files::directory_names::names;
use crate::load::Mode;
use crate::record::fixtures;

mod judged;
mod pages;

/// Writes `report` with all its files into `path`.
fn write_into(path: &Path, record: &Record) {
    let now = Timestamp::UNIX_EPOCH;
    let directory = ResultDirectory::create(Some(path), path, now, &file_names()).unwrap();
    for run in &record.runs {
        let recorder = fixtures::recorder(Mode::Closed);
        directory.write_run(run, &recorder).unwrap();
    }
    write(&directory, record).unwrap();
}

/// The names of the documents that every result has.
fn documents() -> impl Iterator<Item = &'static str> {
    let always = FORMATS
        .iter()
        .filter(|format| format.written == Written::Always);
    always.map(|format| format.name)
}

#[test]
fn a_run_has_documents_and_a_chart() {
    let dir = tempfile::tempdir().unwrap();
    write_into(dir.path(), &fixtures::record(fixtures::closed_run()));
    let results = [
        "hermit-unix-closed.hgrm",
        "hermit-unix-closed.hlog",
        "result.json",
    ];
    let mut expected: Vec<&str> = results.into_iter().chain(documents()).collect();
    expected.sort_unstable();
    assert_eq!(names(dir.path()), expected);
    for name in ["latency.svg", "report.html", "report.md"] {
        assert!(expected.contains(&name), "{name}");
    }
}

#[test]
fn a_sweep_has_a_table_and_every_step_its_own_files() {
    let dir = tempfile::tempdir().unwrap();
    let record = fixtures::sweep_report();
    write_into(dir.path(), &record);
    let names = names(dir.path());
    // The record, and the table of the sweep beside the documents.
    assert_eq!(names.len(), 2 * record.runs.len() + documents().count() + 2);
    for name in ["hermit-unix-open-95-percent.hlog", "sweep.txt"] {
        assert!(names.iter().any(|file| file == name), "{name}");
    }
}

#[test]
fn older_documents_make_room_with_their_record() {
    let dir = tempfile::tempdir().unwrap();
    write_into(dir.path(), &fixtures::sweep_report());
    assert!(dir.path().join("sweep.txt").exists());
    write_into(dir.path(), &fixtures::record(fixtures::closed_run()));
    assert!(!dir.path().join("sweep.txt").exists());
    assert_eq!(names(dir.path()).len(), 3 + documents().count());
}

#[test]
fn links_with_the_names_of_documents_are_replaced_and_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    let victim = dir.path().join("victim");
    std::fs::write(&victim, "precious").unwrap();
    let out = dir.path().join("out");
    std::fs::create_dir(&out).unwrap();
    for name in [html::NAME, markdown::NAME] {
        std::os::unix::fs::symlink(&victim, out.join(name)).unwrap();
    }
    write_into(&out, &fixtures::record(fixtures::closed_run()));
    assert_eq!(std::fs::read_to_string(victim).unwrap(), "precious");
    for name in [html::NAME, markdown::NAME] {
        let kind = std::fs::symlink_metadata(out.join(name)).unwrap();
        assert!(kind.is_file(), "{name}");
    }
}
