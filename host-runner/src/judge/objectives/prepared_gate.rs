//! Objectives with the results that they are relative to, ready to judge.

use std::path::{Path, PathBuf};

use super::gate::{Judgement, References, judge};
use super::planned::Planned;
use super::subject::GroupKey;
use super::{Objectives, ObjectivesError};
use crate::record::read::{self, ReadError};
use crate::record::{ObjectiveState, Source};

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
            gate.baselines.push((name, vec![read::read(directory)?]));
        }
        Ok(gate)
    }

    /// Checks the objectives against `groups`, which are going to be measured, or were.
    ///
    /// # Errors
    ///
    /// As [`Planned::check`].
    pub fn check(&self, groups: Vec<GroupKey>) -> Result<(), ObjectivesError> {
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
    fn sources(&self, result: &Source) -> Vec<Source> {
        let began_at = result.record.environment.started_at;
        let mut sources: Vec<Source> = (directories(&self.base).iter())
            .filter_map(|directory| read::read(directory).ok())
            .filter(|source| source.record.environment.started_at < began_at)
            .filter(|source| is_good(source) && is_of_the_same_machine(result, source))
            .collect();
        sources.sort_by_key(|source| source.record.environment.started_at);
        let first = sources.len().saturating_sub(self.count);
        sources.split_off(first)
    }
}

/// Returns true if `source` has a valid run, and was not found wanting.
fn is_good(source: &Source) -> bool {
    let summary = source.record.objective_summary.as_ref();
    source.record.runs.iter().any(|run| run.valid)
        && summary.is_none_or(|summary| summary.state == ObjectiveState::Met)
}

fn is_of_the_same_machine(one: &Source, other: &Source) -> bool {
    crate::record::machines::Differences::between(&one.record, &other.record).is_none()
}

/// Returns the directories in `base`, without links, so that none is there twice.
fn directories(base: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(base) else {
        return Vec::new();
    };
    let entries = entries.filter_map(Result::ok);
    let directories = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    directories.map(|entry| entry.path()).collect()
}

/// Returns the groups of the runs of `source`.
#[must_use]
pub fn groups_of(source: &Source) -> Vec<GroupKey> {
    let groups = super::figures::groups(source);
    groups.into_iter().map(|group| group.key).collect()
}
