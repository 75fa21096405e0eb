//! Tests of the directory of a result's files.

use std::fs;

use super::super::fixtures;
use super::*;
use crate::files::directory_names::names;
use crate::load::Mode;

fn now() -> Timestamp {
    "2026-11-23T11:44:55.5Z".parse().unwrap()
}

/// Names of files that are rendered from a record.
const RENDERED: [&str; 2] = ["report.md", "sweep.txt"];

/// Writes `report` and a file that is rendered from it.
fn write(directory: &ResultDirectory, record: &Record) {
    directory.keep(record).unwrap();
    directory.write_file("report.md", b"rendered").unwrap();
    directory.make_latest().unwrap();
}

#[test]
fn results_go_under_their_time_and_latest_follows() {
    let place = tempfile::tempdir().unwrap();
    let base = place.path().join("results");
    let record = fixtures::record(fixtures::closed_run());
    let recorder = fixtures::recorder(Mode::Closed);
    for name in ["2026-11-23T114455Z", "2026-11-23T114455Z-2"] {
        let directory = ResultDirectory::create(None, &base, now(), &RENDERED).unwrap();
        assert_eq!(directory.path(), base.join(name));
        directory.write_run(&record.runs[0], &recorder).unwrap();
        write(&directory, &record);
        assert_eq!(fs::read_link(base.join("latest")).unwrap(), Path::new(name));
    }
    let mut names: Vec<_> = fs::read_dir(base.join("latest"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort_unstable();
    let expected = [
        "hermit-unix-closed.hgrm",
        "hermit-unix-closed.hlog",
        "report.md",
        "result.json",
    ];
    assert_eq!(names, expected);
    assert_eq!(fs::read_dir(&base).unwrap().count(), 3);
}

#[test]
fn a_chosen_directory_is_used_as_it_is() {
    let place = tempfile::tempdir().unwrap();
    let chosen = place.path().join("a/b");
    let directory = ResultDirectory::create(Some(&chosen), place.path(), now(), &RENDERED).unwrap();
    assert_eq!(directory.path(), chosen);
    let record = fixtures::record(fixtures::closed_run());
    let recorder = fixtures::recorder(Mode::Closed);
    directory.write_run(&record.runs[0], &recorder).unwrap();
    write(&directory, &record);
    assert!(chosen.join("result.json").exists());
    assert!(!chosen.join("sweep.txt").exists());
    assert!(!place.path().join("latest").exists());
}

#[test]
fn an_unwritable_directory_is_reported_beforehand() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("file");
    fs::write(&file, "").unwrap();
    let error =
        ResultDirectory::create(Some(&file.join("x")), place.path(), now(), &RENDERED).unwrap_err();
    assert!(error.to_string().contains("--out DIR"), "{error}");
}

#[test]
fn without_results_only_the_console_log_and_the_reason_remain() {
    let place = tempfile::tempdir().unwrap();
    for (printed, expected) in [
        (None, None),
        (Some(""), None),
        (Some("hello"), Some(["console.log", "failure.txt"])),
    ] {
        let directory = ResultDirectory::create(None, place.path(), now(), &RENDERED).unwrap();
        let path = directory.path().to_owned();
        let log = directory.log("console.log");
        if let Some(printed) = printed {
            fs::write(log.create().map(|_| log.path()).unwrap(), printed).unwrap();
        }
        directory.abandon("no such device");
        assert_eq!(path.exists(), expected.is_some(), "{printed:?}");
        if let Some(expected) = expected {
            assert_eq!(names(&path), expected);
            let why = fs::read_to_string(path.join("failure.txt")).unwrap();
            assert_eq!(why, "fathom: no such device\n");
        }
    }
}

/// Measures `target` into `path`.
fn measure(path: &Path, target: &str) {
    let directory = ResultDirectory::create(Some(path), path, now(), &RENDERED).unwrap();
    directory.log("console.log").create().unwrap();
    let mut record = fixtures::record(fixtures::closed_run());
    record.runs[0].target = target.to_owned();
    let recorder = fixtures::recorder(Mode::Closed);
    directory.write_run(&record.runs[0], &recorder).unwrap();
    write(&directory, &record);
}

#[test]
fn older_results_make_room_for_new_ones_and_nothing_else_does() {
    let place = tempfile::tempdir().unwrap();
    measure(place.path(), "linux-guest");
    for name in ["notes.txt", "other.hlog", "failure.txt"] {
        fs::write(place.path().join(name), "mine").unwrap();
    }
    let old = names(place.path());
    // A boot that fails changes nothing.
    let directory =
        ResultDirectory::create(Some(place.path()), place.path(), now(), &RENDERED).unwrap();
    fs::write(
        directory
            .log("console.log")
            .create()
            .map(|_| place.path().join(".new-console.log"))
            .unwrap(),
        "kernel panic",
    )
    .unwrap();
    directory.abandon("it panicked");
    assert_eq!(names(place.path()), old);

    measure(place.path(), "hermit");
    let expected = [
        "console.log",
        "failure.txt",
        "hermit-unix-closed.hgrm",
        "hermit-unix-closed.hlog",
        "notes.txt",
        "other.hlog",
        "report.md",
        "result.json",
    ];
    assert_eq!(names(place.path()), expected);
}

#[test]
fn a_record_that_is_not_ours_is_left_alone() {
    let place = tempfile::tempdir().unwrap();
    for text in ["{}", "no JSON", r#"{"schema": "another/1", "runs": []}"#] {
        fs::write(place.path().join("result.json"), text).unwrap();
        let error = ResultDirectory::create(Some(place.path()), place.path(), now(), &RENDERED)
            .unwrap_err();
        assert!(error.to_string().contains("--out DIR"), "{error}");
        let left = fs::read_to_string(place.path().join("result.json")).unwrap();
        assert_eq!(left, text);
    }
}

#[test]
fn results_where_others_can_change_them_are_refused() {
    use std::os::unix::fs::PermissionsExt;
    let place = tempfile::tempdir().unwrap();
    let base = place.path().join("results");
    fs::create_dir(&base).unwrap();
    fs::set_permissions(&base, fs::Permissions::from_mode(0o1777)).unwrap();
    let error = ResultDirectory::create(None, &base, now(), &RENDERED).unwrap_err();
    let said = error.to_string();
    assert!(
        said.contains("every user can write to it") && said.contains("--out DIR"),
        "{said}"
    );
    assert_eq!(names(&base), [] as [&str; 0]);
    ResultDirectory::create(Some(&base), place.path(), now(), &RENDERED).unwrap();
}

#[test]
fn links_among_the_results_are_replaced_and_not_followed() {
    let place = tempfile::tempdir().unwrap();
    let victim = place.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    let out = place.path().join("out");
    fs::create_dir(&out).unwrap();
    for name in ["report.md", "hermit-unix-closed.hlog", "console.log"] {
        std::os::unix::fs::symlink(&victim, out.join(name)).unwrap();
    }
    measure(&out, "hermit");
    assert_eq!(fs::read_to_string(victim).unwrap(), "precious");
    for name in names(&out) {
        let kind = fs::symlink_metadata(out.join(&name)).unwrap();
        assert!(kind.is_file(), "{name}");
    }
}
