//! The record of what was measured: `result.json` and the files beside it. Its types, its schema, its writing
//! and its reading.
//!
//! Renders nothing: [`report`](crate::report) does. Knows neither the command line nor how measurements are made.
//!
//! - [`environment`]: what it was measured on; [`run`]: one measurement;
//! - [`merged_runs`], [`verdict`], [`common_rate`], [`system_cost`], [`skipped`]: of a comparison;
//!   [`round_latency`]: what is merged;
//! - [`before_after`]: a quantity before and after a run;
//! - [`origin`]: places where replies are made and parts that links consist of, in words;
//! - [`objective`]: the objectives that it was held against;
//! - `labelled`: the name of what each part is of; [`methods`]: what the figures mean, as codes;
//! - [`schema`]: the JSON Schema of all that;
//! - [`service_status`]: the status of a running service;
//! - [`result_directory`]: the directory of a result's files; [`file_names`]: their names; `older_results`: those
//!   that were there before;
//! - [`image_store`]: images that were measured, kept by their digests;
//! - [`hgrm`], [`hlog`]: the files that the HdrHistogram tools read; [`rotating_log`]: the latter of a measurement without an
//!   end;
//! - [`log_description`], [`log_counts`]: comments in such a log that say what it is of;
//! - [`merge`]: logs of several nodes, added up;
//! - [`read`]: results back from there; [`fault_mixture`](mod@fault_mixture): whether they are under the same injected faults.
#![forbid(unsafe_code)]

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::terminal;

pub mod before_after;
pub mod common_rate;
pub mod environment;
pub mod fault_mixture;
pub mod file_names;
pub mod hgrm;
pub mod hlog;
pub mod image_store;
mod labelled;
pub mod log_counts;
pub mod log_description;
pub mod merge;
pub mod merged_runs;
pub mod methods;
pub mod objective;
mod older_results;
pub mod origin;
pub mod read;
pub mod result_directory;
pub mod rotating_log;
pub mod round_latency;
pub mod run;
pub mod schema;
pub mod service_status;
pub mod skipped;
pub mod system_cost;
pub mod system_label;
pub mod unfinished;
mod utc;
pub mod verdict;

#[cfg(test)]
pub(crate) mod fixtures;

pub use before_after::BeforeAfter;
pub use common_rate::CommonRate;
pub use environment::{Environment, EnvironmentBuilder, GuestMachine, Image};
pub use fault_mixture::fault_mixture;
pub use merged_runs::{BootRange, GuestEstimate, MergedRuns, Weight};
pub use methods::Methods;
pub use objective::{Objective, ObjectiveLevel, ObjectiveState, ObjectiveSummary};
pub use read::{ReadError, Source};
pub use result_directory::ResultDirectory;
pub use round_latency::RoundLatency;
pub use run::{Run, RunFacts, RunLabels, RunPosition};
pub use service_status::{ServiceLog, ServiceStatus};
pub use skipped::Skipped;
pub use system_cost::SystemCost;
pub use verdict::{Comparison, Pairing, RoundPair};

/// The schema that [`Record`] is written in.
pub const SCHEMA: &str = "fathom/1";

/// Everything in `result.json`.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Record {
    /// [`SCHEMA`].
    pub schema: Cow<'static, str>,
    /// Meanings of the figures, as codes; null in records of versions that did not say.
    #[serde(default)]
    pub methods: Option<Methods>,
    /// The host of the measurement.
    pub environment: Environment,
    /// Requests per second that the generator itself sends on this link, whatever the service could do: of
    /// a sweep, whose steps are shares of no more than that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generator_limit: Option<f64>,
    /// Requests per second up to which the generator keeps its schedule on this link, with the arrivals of the
    /// sweep, against a thread in the service's place: lateness moves p90 by no more than half of what a clean
    /// percentile allows at rest, and no more than one request in 20 is later. A sweep's steps are shares of no more
    /// than that. Null if the least that was tried was too much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generator_on_time_limit: Option<f64>,
    /// The measurements.
    #[serde(serialize_with = "labelled::serialize")]
    #[schemars(with = "Vec<labelled::Named<'static, Run>>")]
    pub runs: Vec<Run>,
    /// The runs of each target and link together; absent, as what follows, without a comparison.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        serialize_with = "labelled::serialize"
    )]
    #[schemars(with = "Vec<labelled::Named<'static, MergedRuns>>")]
    pub merged: Vec<MergedRuns>,
    /// The rates at which open loops are compared, by link.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub common_rate: Vec<CommonRate>,
    /// Comparisons of targets with each other.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        serialize_with = "labelled::serialize"
    )]
    #[schemars(with = "Vec<labelled::Named<'static, Comparison>>")]
    pub comparisons: Vec<Comparison>,
    /// Cost of an echo on each target and link, and what the target takes.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        serialize_with = "labelled::serialize"
    )]
    #[schemars(with = "Vec<labelled::Named<'static, SystemCost>>")]
    pub why: Vec<SystemCost>,
    /// Exact figures that another program counted, by their names, such as what `make bench` counts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub figures: BTreeMap<String, f64>,
    /// Cases that were not measured, with the reasons.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        serialize_with = "labelled::serialize"
    )]
    #[schemars(with = "Vec<labelled::Named<'static, Skipped>>")]
    pub skipped: Vec<Skipped>,
    /// Objectives that the result was held against, with their outcomes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objectives: Vec<Objective>,
    /// The outcome of those together; absent without objectives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objective_summary: Option<ObjectiveSummary>,
}

impl Record {
    /// A report of `runs`.
    #[must_use]
    pub fn new(environment: Environment, runs: Vec<Run>) -> Self {
        Self {
            schema: Cow::Borrowed(SCHEMA),
            methods: Some(Methods::OWN),
            environment,
            generator_limit: None,
            generator_on_time_limit: None,
            runs,
            merged: Vec::new(),
            common_rate: Vec::new(),
            comparisons: Vec::new(),
            why: Vec::new(),
            figures: BTreeMap::new(),
            skipped: Vec::new(),
            objectives: Vec::new(),
            objective_summary: None,
        }
    }

    /// The report as JSON, one field per line, with a newline at the end.
    ///
    /// # Errors
    ///
    /// [`RecordError::Json`] if it holds something that JSON has no form for.
    pub fn to_json(&self) -> Result<String, RecordError> {
        to_json(self)
    }
}

/// Returns `value` as indented JSON that is safe to print, with a newline at the end.
///
/// # Errors
///
/// [`RecordError::Json`] if it holds something that JSON has no form for.
pub fn to_json(value: &impl Serialize) -> Result<String, RecordError> {
    serde_json::to_string_pretty(value)
        .map(|json| terminal::escape_json(&json).into_owned() + "\n")
        .map_err(RecordError::Json)
}

/// Reason why results could not be written.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// A directory or file can't be written.
    #[error("can't write {}; choose a place with `--out DIR` or `--json FILE` that you may write to", path.display())]
    Unwritable {
        /// The one concerned.
        path: PathBuf,
        /// Error of the system.
        #[source]
        source: io::Error,
    },
    /// No room is left for a file.
    #[error("there is no room for {}; make room, or choose another place with `--out DIR` or `--json FILE`", path.display())]
    Full {
        /// The one concerned.
        path: PathBuf,
        /// Error of the system.
        #[source]
        source: io::Error,
    },
    /// Others could change the results, or lead them elsewhere.
    #[error("{} is no safe place for results: {how}; choose another with `--out DIR`, or make it yours alone with `chown` and `chmod`", path.display())]
    Exposed {
        /// Path of the directory.
        path: PathBuf,
        /// In what way.
        how: &'static str,
    },
    /// A record is where the new one is to be, and may not be replaced.
    #[error("{} is damaged, or no result of Fathom's: remove it, or choose another directory with `--out DIR`", path.display())]
    Occupied {
        /// The one concerned.
        path: PathBuf,
    },
    /// The report has no form in JSON.
    #[error("the result can't be put as JSON")]
    Json(#[source] serde_json::Error),
    /// A histogram could not be encoded.
    #[error("a histogram can't be encoded: {0}")]
    Histogram(String),
    /// Results can't be read back.
    #[error(transparent)]
    Unreadable(#[from] ReadError),
    /// A document can't be put together.
    #[error("the report can't be put together")]
    Document(#[from] minijinja::Error),
}

impl RecordError {
    pub(crate) fn unwritable(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        |source| match source.kind() {
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => Self::Full { path, source },
            _ => Self::Unwritable { path, source },
        }
    }
}
