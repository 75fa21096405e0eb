//! Objectives with the results that they are relative to, ready to judge.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::figures::Group;
use super::gate::{Judgement, References, judge};
use super::planned::{Extent, Planned, PlannedGroup};
use super::{Objectives, ObjectivesError};
use crate::judge::fingerprints::machine;
use crate::record::read::{self, ReadError, result_directories};
use crate::record::{ObjectiveState, Record, Source};

/// Objectives, and the results that they are relative to.
#[derive(Clone, Debug)]
pub struct PreparedGate {
    /// The objectives.
    pub objectives: Objectives,
    /// Baselines, each of one result or of several together, by name.
    pub baselines: Vec<(String, Vec<Source>)>,
}

/// Earlier results that a result is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Earlier {
    /// Number of them.
    pub count: usize,
    /// Directory that each has a directory in.
    pub base: PathBuf,
}

impl PreparedGate {
    /// Returns a gate that judges nothing.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            objectives: Objectives::none(),
            baselines: Vec::new(),
        }
    }

    /// Returns `objectives` with the result in the directory `baseline`, if they are relative to one.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if that can't be read.
    pub fn new(objectives: Objectives, baseline: Option<&Path>) -> Result<Self, ReadError> {
        let mut gate = Self {
            objectives,
            baselines: Vec::new(),
        };
        if let Some(directory) = baseline {
            let name = directory.display().to_string();
            gate.baselines
                .push((name, vec![read::read_measured_or_counted(directory)?]));
        }
        Ok(gate)
    }

    /// Checks the objectives against `groups`, which are going to be measured, or were; they are asked for only if there are
    /// objectives, for to count the requests of a plan takes time.
    ///
    /// # Errors
    ///
    /// As [`Planned::check`].
    pub fn check(&self, groups: impl FnOnce() -> Vec<PlannedGroup>) -> Result<(), ObjectivesError> {
        if self.objectives.is_empty() {
            return Ok(());
        }
        let groups = groups();
        // Where nothing can be measured that is the message.
        if groups.is_empty() {
            return Ok(());
        }
        let has_baseline = !self.baselines.is_empty();
        Planned {
            groups,
            has_baseline,
        }
        .check(&self.objectives)
    }

    /// Holds `result` against the objectives, at one of `looks` looks.
    #[must_use]
    pub fn judge(&self, result: &Source, looks: u32) -> Judgement {
        let references = References {
            baselines: &self.baselines,
            looks,
        };
        judge(&self.objectives, result, references)
    }

    /// Returns the gate with `earlier` results of `result` as a further baseline.
    #[must_use]
    pub fn with_earlier(&self, earlier: &Earlier, result: &Source) -> Self {
        let sources = earlier.sources(result);
        let mut gate = self.clone();
        let name = format!("the last {} in {}", sources.len(), earlier.base.display());
        gate.baselines.push((name, sources));
        gate
    }
}

impl Earlier {
    /// Returns the newest results that began before `result`, are valid, of the same machine, and missed no objective.
    /// Those that can't be read are left out.
    fn sources(&self, result: &Source) -> Vec<Source> {
        let directories = result_directories(&self.base).unwrap_or_default();
        let mut candidates: Vec<(Timestamp, PathBuf)> = directories
            .into_iter()
            .filter_map(|directory| {
                let record = read::read_record(&directory).ok()?;
                let is_candidate = is_earlier(&record, &result.record) && is_good(&record);
                is_candidate.then_some((record.environment.started_at, directory))
            })
            .collect();
        candidates.sort();
        self.newest(&candidates, |directory| read::read(directory).ok())
    }

    /// Returns what `read` makes of the newest of `candidates`, which are in order. Reads no more of them than it takes:
    /// logs are long.
    fn newest<T>(
        &self,
        candidates: &[(Timestamp, PathBuf)],
        read: impl FnMut(&PathBuf) -> Option<T>,
    ) -> Vec<T> {
        let directories = candidates.iter().rev().map(|(_, directory)| directory);
        let mut newest: Vec<T> = directories.filter_map(read).take(self.count).collect();
        newest.reverse();
        newest
    }
}

/// Returns true if `record` began before `result`, on the same machine.
fn is_earlier(record: &Record, result: &Record) -> bool {
    record.environment.started_at < result.environment.started_at
        && is_of_the_same_machine(result, record)
}

/// Returns true if `record` has a valid run, and was not found wanting.
fn is_good(record: &Record) -> bool {
    let summary = record.objective_summary.as_ref();
    record.runs.iter().any(|run| run.valid)
        && summary.is_none_or(|summary| summary.state == ObjectiveState::Met)
}

fn is_of_the_same_machine(one: &Record, other: &Record) -> bool {
    let [one, other] = [one, other].map(|record| machine(&record.environment));
    one.changes(&other).is_empty()
}

/// Returns the groups of the runs of `source`.
#[must_use]
pub fn groups_of(source: &Source) -> Vec<PlannedGroup> {
    let groups = super::figures::groups(source);
    let over = |group: Group<'_>| PlannedGroup {
        key: group.key,
        extent: Extent::Over,
        uncounted: None,
    };
    groups.into_iter().map(over).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::load::Mode;
    use crate::record::file_names::RESULT;
    use crate::record::{ObjectiveSummary, fixtures};

    #[test]
    fn no_more_results_are_read_than_are_compared_with() {
        let candidates: Vec<(Timestamp, PathBuf)> = (1..=5)
            .map(|second| {
                let started_at = Timestamp::from_second(second).unwrap();
                (started_at, second.to_string().into())
            })
            .collect();
        let earlier = Earlier {
            count: 2,
            base: PathBuf::new(),
        };
        let mut read = Vec::new();
        let newest = earlier.newest(&candidates, |directory| {
            let name = directory.display().to_string();
            read.push(name.clone());
            // The log of one is damaged.
            (name != "4").then_some(name)
        });
        assert_eq!(newest, ["3", "5"]);
        assert_eq!(read, ["5", "4", "3"]);
    }

    #[test]
    fn earlier_results_are_valid_ones_of_the_same_machine_that_missed_nothing() {
        let base = tempfile::tempdir().unwrap();
        let log = fixtures::log(Mode::Closed, &fixtures::recorder(Mode::Closed));
        let write = |name: &str, hour: i64, change: fn(&mut Record)| {
            let directory = base.path().join(name);
            fs::create_dir(&directory).unwrap();
            let mut record = fixtures::record(fixtures::closed_run());
            record.environment.started_at = Timestamp::from_second(3600 * hour).unwrap();
            change(&mut record);
            fs::write(directory.join(RESULT), record.to_json().unwrap()).unwrap();
            fs::write(directory.join("hermit-unix-closed.hlog"), &log).unwrap();
            directory
        };
        write("good", 1, |_| ());
        write("better", 2, |_| ());
        write("invalid", 3, |record| record.runs[0].valid = false);
        write("elsewhere", 4, |record| record.environment.cores = Some(97));
        write("missed", 5, |record| {
            record.objective_summary = Some(ObjectiveSummary {
                state: ObjectiveState::Missed,
                reason: String::new(),
                warnings: 0,
                looks: 1,
                confidence: 0.95,
                points: 0.0,
                weight: 1.0,
                score_to_pass: None,
                score_to_warn: None,
            });
        });
        let result = read::read(&write("result", 6, |_| ())).unwrap();
        write("later", 7, |_| ());
        let names = |count| -> Vec<String> {
            let base = base.path().to_owned();
            let sources = Earlier { count, base }.sources(&result);
            let names = sources
                .iter()
                .filter_map(|source| source.directory.file_name());
            names.map(|name| name.display().to_string()).collect()
        };
        assert_eq!(names(1), ["better"]);
        assert_eq!(names(5), ["good", "better"]);
    }
}
