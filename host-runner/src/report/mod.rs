//! Results: as `result.json`, as HdrHistogram files, as a table for the terminal.
//!
//! - [`environment`]: what it was measured on;
//! - [`run`]: one measurement's record;
//! - `floor`: what a latency on shared memory stands on;
//! - [`hgrm`], [`hlog`]: the files that the HdrHistogram tools read;
//! - [`common_rate`]: the rate of a comparison's open loops;
//! - [`comparison`]: what comes of holding targets against each other;
//!   [`merged_table`]: the same on one screen; [`apart`]: what of it may be the cores' distance;
//! - [`why`]: what lies behind a target's latency, and holds on other machines too;
//! - [`table`]: one screen for people; [`sweep`]: a sweep's part of it;
//! - `marked`, `trust`, `stalls`, `accounting`: states, the maximum and the requests in words;
//! - [`origin`]: where replies are made and what the links are, in words;
//! - [`own_share`]: what the targets' own emulation took of the measuring CPU;
//! - `named`: the name of what each record is of;
//! - [`directory`]: where all of it goes; `older`: what was there before;
//! - [`methods`]: what the figures mean, as codes;
//! - [`schema`]: the JSON Schema of all that;
//! - [`read`]: results back from there; [`machines`]: whether they are of one machine;
//! - [`document`]: `report.html` and `report.md`, with [`chart`]'s charts.
#![forbid(unsafe_code)]

use std::borrow::Cow;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::terminal;

mod accounting;
pub mod apart;
pub mod chart;
pub mod common_rate;
pub mod comparison;
pub mod directory;
pub mod document;
pub mod environment;
mod floor;
pub mod hgrm;
pub mod hlog;
pub mod machines;
mod marked;
pub mod merged_table;
pub mod methods;
mod named;
mod older;
pub mod origin;
pub mod own_share;
pub mod read;
pub mod run;
pub mod schema;
mod stalls;
pub mod sweep;
pub mod table;
mod trust;
mod utc;
pub mod why;

#[cfg(test)]
pub(crate) mod sample;

pub use common_rate::CommonRate;
pub use comparison::{BootRange, Comparison, Merged, Pairing, Part, RoundPair, Skipped, Weight};
pub use directory::Directory;
pub use environment::{Environment, Image};
pub use floor::BeforeAfter;
pub use methods::Methods;
pub use read::{ReadError, Source};
pub use run::{Run, Setting};
pub use why::Why;

/// The schema that [`Report`] is written in.
pub const SCHEMA: &str = "fathom/1";

/// Everything in `result.json`.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: Cow<'static, str>,
    /// Meanings of the figures, as codes; null in records of versions that did not say.
    #[serde(default)]
    pub methods: Option<Methods>,
    /// What it was measured on.
    pub environment: Environment,
    /// Requests per second that the generator itself sends on this link, whatever the service could do: of
    /// a sweep, whose steps are shares of no more than that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generator_limit: Option<f64>,
    /// The measurements.
    #[serde(serialize_with = "named::serialize")]
    #[schemars(with = "Vec<named::Named<'static, Run>>")]
    pub runs: Vec<Run>,
    /// The runs of each target and link together; absent, as what follows, without a comparison.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        serialize_with = "named::serialize"
    )]
    #[schemars(with = "Vec<named::Named<'static, Merged>>")]
    pub merged: Vec<Merged>,
    /// The rates at which open loops are compared, by link.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub common_rate: Vec<CommonRate>,
    /// What comes of holding targets against each other.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        serialize_with = "named::serialize"
    )]
    #[schemars(with = "Vec<named::Named<'static, Comparison>>")]
    pub comparisons: Vec<Comparison>,
    /// What an echo costs each target on each link, and what the target takes.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        serialize_with = "named::serialize"
    )]
    #[schemars(with = "Vec<named::Named<'static, Why>>")]
    pub why: Vec<Why>,
    /// What was not measured, and why.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        serialize_with = "named::serialize"
    )]
    #[schemars(with = "Vec<named::Named<'static, Skipped>>")]
    pub skipped: Vec<Skipped>,
}

impl Report {
    /// A report of `runs`.
    #[must_use]
    pub fn new(environment: Environment, runs: Vec<Run>) -> Self {
        Self {
            schema: Cow::Borrowed(SCHEMA),
            methods: Some(Methods::OWN),
            environment,
            generator_limit: None,
            runs,
            merged: Vec::new(),
            common_rate: Vec::new(),
            comparisons: Vec::new(),
            why: Vec::new(),
            skipped: Vec::new(),
        }
    }

    /// The report as JSON, one field per line, with a newline at the end.
    ///
    /// # Errors
    ///
    /// [`ReportError::Json`] if it holds something that JSON has no form for.
    pub fn to_json(&self) -> Result<String, ReportError> {
        serde_json::to_string_pretty(self)
            .map(|json| terminal::escape_json(&json).into_owned() + "\n")
            .map_err(ReportError::Json)
    }
}

/// Why results could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A directory or file can't be written.
    #[error("can't write {}; choose a place with `--out DIR` or `--json FILE` that you may write to", path.display())]
    Unwritable {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// There is no room for a file.
    #[error("there is no room for {}; make room, or choose another place with `--out DIR` or `--json FILE`", path.display())]
    Full {
        /// Which.
        path: PathBuf,
        /// What the system said.
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
        /// Which.
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
    Unreadable(#[from] read::ReadError),
    /// A document can't be put together.
    #[error("the report can't be put together")]
    Document(#[from] minijinja::Error),
}

impl ReportError {
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
