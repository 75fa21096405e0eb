//! Directory of results: `results/<UTC time>/`, with `results/latest` pointing to the newest, or the
//! directory that the user names.
//!
//! Results of different commands don't mix: what older results a named directory holds goes when the first
//! file of the new ones is written, and not before. What Fathom did not write stays.

use std::fs::File;
use std::io;
use std::mem;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use jiff::Timestamp;

use super::file_names::{FAILURE, RESULT, UNCORRECTED, UNFINISHED};
use super::hlog::Head;
use super::log_counts::LogCounts;
use super::log_description::LogDescription;
use super::merge::Sum;
use super::{
    MergedRuns, Methods, Record, RecordError, RoundLatency, Run, Source, hgrm, hlog, image_store,
    older_results, read,
};
use crate::files::{self, Destination};
use crate::histogram::DurationHistogram;
use crate::stats::recorder::{Censored, OpenLoop};
use crate::stats::{RunRecorder, Tag};

/// Parent of results' directories unless told otherwise, under the working directory.
pub const DEFAULT_BASE: &str = "results";

/// Name of the newest results there.
const LATEST: &str = "latest";

/// A directory for the results of one command; it exists and can be written to.
#[derive(Debug)]
pub struct ResultDirectory {
    files: Arc<files::Directory>,
    /// Directory of `latest`, if this one is one of many.
    base: Option<files::Directory>,
    contents: Mutex<Contents>,
}

/// Contents of the directory beside the files that are written whole.
#[derive(Debug)]
struct Contents {
    /// The files of older results, until the first of these is written.
    older: Vec<String>,
    /// The logs that were begun.
    logs: Vec<Log>,
}

#[derive(Debug)]
struct Log {
    name: String,
    /// The name that it has for now.
    for_now: String,
}

impl ResultDirectory {
    /// Makes the directory `chosen`, or else one for `now` under `base`, and tries that it can be
    /// written to, so that nobody measures for an hour to learn that it can't. Older results go with the
    /// files called `rendered` that were made from them.
    ///
    /// # Errors
    ///
    /// [`RecordError::Unwritable`]; [`RecordError::Exposed`] if other users can change what is under
    /// `base`; [`RecordError::Occupied`] if there is a record in `chosen` that may not be replaced.
    pub fn create(
        chosen: Option<&Path>,
        base: &Path,
        now: Timestamp,
        rendered: &[&str],
    ) -> Result<Self, RecordError> {
        let (files, base) = match chosen {
            Some(path) => {
                let files = files::Directory::create(path);
                (files.map_err(RecordError::unwritable(path))?, None)
            }
            None => {
                let base = open_base(base)?;
                (create_new(&base, now)?, Some(base))
            }
        };
        let path = files.path();
        files
            .check_writable()
            .map_err(RecordError::unwritable(path))?;
        let older =
            older_results::names(&files, rendered).ok_or_else(|| RecordError::Occupied {
                path: path.join(RESULT),
            })?;
        Ok(Self {
            files: Arc::new(files),
            base,
            contents: Mutex::new(Contents {
                older,
                logs: Vec::new(),
            }),
        })
    }

    /// Returns the path.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.files.path()
    }

    /// Returns the destination of the log `name`. While older results are there, the log has another
    /// name.
    #[must_use]
    pub fn log(&self, name: &str) -> Destination {
        let mut contents = self.contents();
        let for_now = if contents.older.is_empty() {
            name.to_owned()
        } else {
            format!(".new-{name}")
        };
        let destination = Destination::within(Arc::clone(&self.files), &for_now);
        contents.logs.push(Log {
            name: name.to_owned(),
            for_now,
        });
        destination
    }

    /// Writes the files of `run`: what its recorder has.
    ///
    /// # Errors
    ///
    /// [`RecordError`] if something of it can't be written.
    pub fn write_run(&self, run: &Run, recorder: &RunRecorder) -> Result<(), RecordError> {
        // A run without a request has a log without an interval, which began at no time.
        let started_at = recorder
            .started_at
            .map_or(SystemTime::UNIX_EPOCH, SystemTime::from);
        let stem = run.file_stem();
        let distribution = hgrm::render(&recorder.latency, recorder.censored);
        self.write_file(&format!("{stem}.hgrm"), distribution.as_bytes())?;
        let description = LogDescription::of(run, Some(&Methods::OWN));
        let comments = [description.comment()?, LogCounts::from(run).comment()?];
        let head = Head {
            started_at,
            censored: recorder.censored,
            comments: &comments,
        };
        let tags = Tag::ALL
            .into_iter()
            .filter(|&tag| run.tagged(tag).is_some());
        let tagged = tags.filter_map(|tag| Some((tag, recorder.tagged(tag)?)));
        let log = hlog::render(head, &recorder.intervals, run.measured(), tagged)?;
        self.write_file(&format!("{stem}.hlog"), &log)?;
        match &recorder.open {
            Some(open) => self.write_uncorrected(run, open, started_at),
            None => Ok(()),
        }
    }

    /// Writes the files of the `sum` of several nodes.
    ///
    /// # Errors
    ///
    /// [`RecordError`] if something of it can't be written.
    pub fn write_sum(&self, sum: &Sum) -> Result<(), RecordError> {
        let stem = sum.run.file_stem();
        let censored = Censored {
            count: sum.run.censored_count,
            from_ns: sum.run.censored_from_ns,
        };
        let distribution = hgrm::render(&sum.distributions.latency, censored);
        self.write_file(&format!("{stem}.hgrm"), distribution.as_bytes())?;
        let description = LogDescription::of(&sum.run, sum.methods.as_ref());
        let comments = [description.comment()?, LogCounts::from(&sum.run).comment()?];
        let head = Head {
            started_at: SystemTime::UNIX_EPOCH + sum.start,
            censored,
            comments: &comments,
        };
        let log = hlog::render_sum(head, sum)?;
        self.write_file(&format!("{stem}.hlog"), &log)
    }

    /// Writes what a client that waits for each reply would have recorded of an open loop, to be
    /// laid over what it really took.
    fn write_uncorrected(
        &self,
        run: &Run,
        open: &OpenLoop,
        started_at: SystemTime,
    ) -> Result<(), RecordError> {
        let stem = run.file_stem() + UNCORRECTED;
        let censored = open.uncorrected_censored;
        let distribution = hgrm::render(&open.uncorrected, censored);
        self.write_file(&format!("{stem}.hgrm"), distribution.as_bytes())?;
        let head = Head {
            started_at,
            censored,
            comments: &[],
        };
        let log = hlog::render_whole(head, &open.uncorrected, run.measured())?;
        self.write_file(&format!("{stem}.hlog"), &log)
    }

    /// Writes the files of `merged`: its `latency`, in which each part weighs the same, as a distribution;
    /// and its `parts` with the counts that they have, each as an interval of a comparison that began at
    /// `began_at`, so that a reader can weigh them as they like.
    ///
    /// # Errors
    ///
    /// [`RecordError`] if something of it can't be written.
    pub fn write_merged(
        &self,
        merged: &MergedRuns,
        latency: &DurationHistogram,
        parts: &[RoundLatency],
        began_at: SystemTime,
    ) -> Result<(), RecordError> {
        let stem = merged.file_stem();
        let censored = Censored {
            count: merged.censored_count,
            from_ns: merged.censored_from_ns,
        };
        let distribution = hgrm::render(latency, censored);
        self.write_file(&format!("{stem}.hgrm"), distribution.as_bytes())?;
        let head = Head {
            started_at: began_at,
            censored,
            comments: &[],
        };
        let log = hlog::render_parts(head, parts)?;
        self.write_file(&format!("{stem}.hlog"), &log)
    }

    /// Writes what there is of the report so far. It takes the place of what was written before as a
    /// whole or, on a full disk, not at all.
    ///
    /// # Errors
    ///
    /// [`RecordError`] if it can't be written.
    pub fn keep(&self, record: &Record) -> Result<(), RecordError> {
        self.write_file(RESULT, record.to_json()?.as_bytes())
    }

    /// Reads back what was written.
    ///
    /// # Errors
    ///
    /// [`RecordError::Unreadable`] if it can't be read, or is not complete.
    pub fn read(&self) -> Result<Source, RecordError> {
        Ok(read::read_held(&self.files)?)
    }

    /// Writes the file `name`; it takes the place of an older one as a whole or not at all.
    ///
    /// # Errors
    ///
    /// [`RecordError`] if it can't be written.
    pub fn write_file(&self, name: &str, content: &[u8]) -> Result<(), RecordError> {
        self.begin();
        self.files
            .replace(name, content)
            .map_err(RecordError::unwritable(self.path().join(name)))
    }

    /// Creates the file of the intervals of a run that is under way. The next file that is written removes it.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn create_unfinished(&self) -> io::Result<File> {
        self.begin();
        Destination::within(Arc::clone(&self.files), UNFINISHED).create()
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        // Nothing that holds the lock leaves it half changed.
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Older results make room, and logs get their names.
    fn begin(&self) {
        older_results::remove_failure(&self.files);
        self.files.remove(UNFINISHED);
        let mut contents = self.contents();
        let older = mem::take(&mut contents.older);
        if older.is_empty() {
            return;
        }
        for name in older {
            self.files.remove(name);
        }
        for Log { name, for_now } in &mut contents.logs {
            if name != for_now && self.files.rename(for_now, name).is_ok() {
                for_now.clone_from(name);
            }
        }
    }

    /// Keeps the image at `path` beside the results, by its digest. Does nothing in a directory that was chosen.
    ///
    /// # Errors
    ///
    /// Those of [`image_store`]: the image can't be read, is too long, or can't be written.
    pub fn keep_image(&self, path: &Path) -> io::Result<()> {
        match &self.base {
            Some(base) => image_store::keep(base, path),
            None => Ok(()),
        }
    }

    /// Lets `latest` point here; whoever looks sees the old or the new results, never none. Does nothing in a
    /// directory that was chosen.
    ///
    /// # Errors
    ///
    /// [`RecordError::Unwritable`] if the link can't be made.
    pub fn make_latest(&self) -> Result<(), RecordError> {
        let (Some(base), Some(name)) = (&self.base, self.path().file_name()) else {
            return Ok(());
        };
        base.link(LATEST, name)
            .map_err(RecordError::unwritable(base.path().join(LATEST)))
    }

    /// Nothing was measured, `because` of something: leaves what was there before, and nothing else but
    /// what a guest printed, with a word that says why.
    pub fn abandon(self, because: &str) {
        let mut contents = self.contents();
        let mut is_any_left = false;
        for Log { for_now, .. } in mem::take(&mut contents.logs) {
            if !contents.older.is_empty() || self.files.len_of(&for_now) == Some(0) {
                self.files.remove(for_now);
            } else {
                is_any_left |= self.files.len_of(&for_now).is_some();
            }
        }
        if is_any_left {
            let text = format!("{}{because}\n", older_results::FAILURE_PREFIX);
            let _ = self.files.replace(FAILURE, text.as_bytes());
        }
        // A directory with something in it can't be removed this way, which is as it should be.
        let _ = std::fs::remove_dir(self.files.path());
    }
}

/// The directory of all results, if nobody else can change what is in it.
fn open_base(path: &Path) -> Result<files::Directory, RecordError> {
    let base = files::Directory::create(path).map_err(RecordError::unwritable(path))?;
    let exposure = base.exposure().map_err(RecordError::unwritable(path))?;
    match exposure {
        None => Ok(base),
        Some(how) => Err(RecordError::Exposed {
            path: path.to_owned(),
            how,
        }),
    }
}

/// Makes a directory under `base` named after `now`; the second within a second gets a number.
fn create_new(base: &files::Directory, now: Timestamp) -> Result<files::Directory, RecordError> {
    let name = now.strftime("%Y-%m-%dT%H%M%SZ").to_string();
    let names = std::iter::once(name.clone()).chain((2..).map(|number| format!("{name}-{number}")));
    for name in names {
        match base.create_new(&name) {
            Ok(directory) => return Ok(directory),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(RecordError::unwritable(base.path().join(name))(error)),
        }
    }
    unreachable!("there is always another number")
}

#[cfg(test)]
mod tests;
