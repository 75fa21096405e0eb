//! Where results go: `results/<UTC time>/`, with `results/latest` pointing to the newest, or the
//! directory that the user names.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jiff::Timestamp;

use super::{Merged, Part, Report, ReportError, Run, document, file, hgrm, hlog, sweep};
use crate::stats::{Recorder, Recording};

/// Where results go unless told otherwise, under the working directory.
pub const DEFAULT_BASE: &str = "results";

/// The record.
const RESULT: &str = "result.json";

/// What the name of an uncorrected distribution's files has before the dot.
const UNCORRECTED: &str = "-uncorrected";

/// What the newest results are called there.
const LATEST: &str = "latest";

/// A directory for the results of one command; it exists and can be written to.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    /// Where `latest` is to be, if the directory is one of many.
    base: Option<PathBuf>,
}

impl Directory {
    /// Makes the directory `chosen`, or else one for `now` under `base`, and tries that it can be
    /// written to, so that nobody measures for an hour to learn that it can't.
    ///
    /// # Errors
    ///
    /// [`ReportError::Unwritable`].
    pub fn create(chosen: Option<&Path>, base: &Path, now: Timestamp) -> Result<Self, ReportError> {
        let directory = match chosen {
            Some(path) => {
                fs::create_dir_all(path).map_err(ReportError::unwritable(path))?;
                Self {
                    path: path.to_owned(),
                    base: None,
                }
            }
            None => {
                fs::create_dir_all(base).map_err(ReportError::unwritable(base))?;
                Self {
                    path: create_new(base, now)?,
                    base: Some(base.to_owned()),
                }
            }
        };
        tempfile::tempfile_in(&directory.path).map_err(ReportError::unwritable(&directory.path))?;
        Ok(directory)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the files of `run`, which began at `started_at`: what its recorder has.
    ///
    /// # Errors
    ///
    /// [`ReportError`] if something of it can't be written.
    pub fn write_run(
        &self,
        run: &Run,
        recorder: &Recorder,
        started_at: SystemTime,
    ) -> Result<(), ReportError> {
        let stem = run.file_stem();
        let distribution = hgrm::render(&recorder.latency);
        self.write_file(&format!("{stem}.hgrm"), distribution.as_bytes())?;
        let log = hlog::render(&recorder.intervals, started_at)?;
        self.write_file(&format!("{stem}.hlog"), &log)?;
        match &recorder.open {
            Some(open) => self.write_uncorrected(run, &open.uncorrected, started_at),
            None => Ok(()),
        }
    }

    /// Writes what a client that waits for each reply would have recorded of an open loop, to be
    /// laid over what it really took.
    fn write_uncorrected(
        &self,
        run: &Run,
        uncorrected: &Recording,
        started_at: SystemTime,
    ) -> Result<(), ReportError> {
        let stem = run.file_stem() + UNCORRECTED;
        self.write_file(
            &format!("{stem}.hgrm"),
            hgrm::render(uncorrected).as_bytes(),
        )?;
        let log = hlog::render_whole(uncorrected, run.measured(), started_at)?;
        self.write_file(&format!("{stem}.hlog"), &log)
    }

    /// Writes the files of `merged`: its `latency`, and its `parts` as intervals of a comparison that
    /// began at `began_at`.
    ///
    /// # Errors
    ///
    /// [`ReportError`] if something of it can't be written.
    pub fn write_merged(
        &self,
        merged: &Merged,
        latency: &Recording,
        parts: &[Part],
        began_at: SystemTime,
    ) -> Result<(), ReportError> {
        let stem = merged.file_stem();
        self.write_file(&format!("{stem}.hgrm"), hgrm::render(latency).as_bytes())?;
        let log = hlog::render_parts(parts, began_at)?;
        self.write_file(&format!("{stem}.hlog"), &log)
    }

    /// Writes what there is of the report so far. It takes the place of what was written before as a
    /// whole or, on a full disk, not at all.
    ///
    /// # Errors
    ///
    /// [`ReportError`] if it can't be written.
    pub fn keep(&self, report: &Report) -> Result<(), ReportError> {
        self.write_file(RESULT, report.to_json()?.as_bytes())
    }

    /// Writes the report, and a sweep's table; then makes this the latest.
    ///
    /// # Errors
    ///
    /// [`ReportError`] if something of it can't be written.
    pub fn write(&self, report: &Report) -> Result<(), ReportError> {
        if let Some(text) = sweep::render(&report.runs) {
            self.write_file("sweep.txt", text.as_bytes())?;
        }
        self.keep(report)?;
        // From the files, as anyone else would make them later.
        document::render(&[&self.path])?.write_to(&self.path)?;
        self.make_latest()
    }

    fn write_file(&self, name: &str, content: &[u8]) -> Result<(), ReportError> {
        file::write(&self.path.join(name), content)
    }

    /// Lets `latest` point here; whoever looks sees the old or the new results, never none.
    fn make_latest(&self) -> Result<(), ReportError> {
        let (Some(base), Some(name)) = (&self.base, self.path.file_name()) else {
            return Ok(());
        };
        let latest = base.join(LATEST);
        let new = base.join(format!(".{LATEST}-{}", std::process::id()));
        symlink(name, &new)
            .and_then(|()| fs::rename(&new, &latest))
            .map_err(ReportError::unwritable(latest))
    }

    /// Removes the directory if nothing came of it: it stays if there is anything in it.
    pub fn discard_if_empty(self) {
        // A directory with something in it can't be removed this way, which is as it should be.
        let _ = fs::remove_dir(&self.path);
    }
}

/// Makes a directory under `base` named after `now`; the second within a second gets a number.
fn create_new(base: &Path, now: Timestamp) -> Result<PathBuf, ReportError> {
    let name = now.strftime("%Y-%m-%dT%H%M%SZ").to_string();
    let names = std::iter::once(name.clone()).chain((2..).map(|number| format!("{name}-{number}")));
    for name in names {
        let path = base.join(name);
        match fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(ReportError::unwritable(path)(error)),
        }
    }
    unreachable!("there is always another number")
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use crate::load::Mode;

    fn now() -> Timestamp {
        "2026-11-23T11:44:55.5Z".parse().unwrap()
    }

    #[test]
    fn results_go_under_their_time_and_latest_follows() {
        let place = tempfile::tempdir().unwrap();
        let base = place.path().join("results");
        let report = sample::report(sample::closed_run());
        let recorder = sample::recorder(Mode::Closed);
        for name in ["2026-11-23T114455Z", "2026-11-23T114455Z-2"] {
            let directory = Directory::create(None, &base, now()).unwrap();
            assert_eq!(directory.path(), base.join(name));
            directory
                .write_run(&report.runs[0], &recorder, SystemTime::UNIX_EPOCH)
                .unwrap();
            directory.write(&report).unwrap();
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
            "report.html",
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
        let directory = Directory::create(Some(&chosen), place.path(), now()).unwrap();
        assert_eq!(directory.path(), chosen);
        let report = sample::report(sample::closed_run());
        let recorder = sample::recorder(Mode::Closed);
        directory
            .write_run(&report.runs[0], &recorder, SystemTime::UNIX_EPOCH)
            .unwrap();
        directory.write(&report).unwrap();
        assert!(chosen.join("result.json").exists());
        assert!(!chosen.join("sweep.txt").exists());
        assert!(!place.path().join("latest").exists());
    }

    #[test]
    fn every_run_of_a_sweep_has_its_own_files() {
        let place = tempfile::tempdir().unwrap();
        let directory = Directory::create(Some(place.path()), place.path(), now()).unwrap();
        let report = sample::sweep_report();
        for run in &report.runs {
            let recorder = sample::recorder(Mode::Closed);
            directory
                .write_run(run, &recorder, SystemTime::UNIX_EPOCH)
                .unwrap();
        }
        directory.write(&report).unwrap();
        let names = fs::read_dir(place.path()).unwrap();
        assert_eq!(names.count(), 2 * report.runs.len() + 4);
        for name in ["hermit-unix-open-95-percent.hlog", "sweep.txt"] {
            assert!(place.path().join(name).exists(), "{name}");
        }
    }

    #[test]
    fn what_cannot_be_written_is_said_beforehand() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("file");
        fs::write(&file, "").unwrap();
        let error = Directory::create(Some(&file.join("x")), place.path(), now()).unwrap_err();
        assert!(error.to_string().contains("--out DIR"), "{error}");
    }

    #[test]
    fn an_empty_directory_goes_and_a_full_one_stays() {
        let place = tempfile::tempdir().unwrap();
        let empty = Directory::create(None, place.path(), now()).unwrap();
        let path = empty.path().to_owned();
        empty.discard_if_empty();
        assert!(!path.exists());
        let full = Directory::create(None, place.path(), now()).unwrap();
        fs::write(full.path().join("console.log"), "").unwrap();
        full.discard_if_empty();
        assert!(path.join("console.log").exists());
    }
}
