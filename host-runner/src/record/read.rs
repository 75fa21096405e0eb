//! Results back from a directory: the record out of `result.json`, and the distributions out of the
//! `.hlog` files, which hold all that the `.hgrm` files do and more.
//!
//! Files come from anywhere, so nothing in them is taken on trust: the schema must be known, an
//! interval log must add up to exactly the samples that the record counts, and so must the valid
//! repetitions of a comparison to what they were merged to.
//!
//! - `limits`: how much of everything there may be;
//! - `log`: an interval log, taken apart;
//! - `merged_histogram`: repetitions, put together;
//! - `result_list`: results below a directory.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use hdrhistogram::Histogram;
use serde::Deserialize;

use super::file_names::RESULT;
use super::{Record, Run, SCHEMA};
use crate::files::Directory;
use crate::histogram::HIGHEST_NS;
use crate::stats::percentile_rule::PERCENTILES;
use crate::stats::{self, Requested, Summary, Tag};

mod limits;
pub(super) mod log;
mod merged_histogram;
mod result_list;

use limits::Budget;
pub(super) use limits::RESULT_BYTES;
pub use merged_histogram::MergedHistogram;
pub use result_list::result_directories;

/// Reason why results can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A file is missing, or not for us.
    #[error("can't read {}; name a directory that `fathom run` wrote, with all its files", path.display())]
    Unreadable {
        /// Path of the file.
        path: PathBuf,
        /// Error of the system.
        #[source]
        source: io::Error,
    },
    /// The record is no record.
    #[error("{} is damaged, or no result of Fathom's", path.display())]
    Json {
        /// Path of the record.
        path: PathBuf,
        /// Fault of its JSON.
        #[source]
        source: serde_json::Error,
    },
    /// The record is another version's.
    #[error("{} has schema `{found}`, this program reads `{SCHEMA}`: render it with the version that wrote it", path.display())]
    Schema {
        /// Path of the record.
        path: PathBuf,
        /// The schema it names.
        found: String,
    },
    /// The record has no measurement.
    #[error("{} holds no measurement", path.display())]
    Empty {
        /// Path of the record.
        path: PathBuf,
    },
    /// The record has more of something than Fathom writes, or a name that it gives to nothing.
    #[error("{} is not taken: {what}", path.display())]
    Excessive {
        /// Path of the record.
        path: PathBuf,
        /// Reason for the refusal: what the record has too much of, or the bad name.
        what: String,
    },
    /// An interval log is damaged.
    #[error("{} is damaged: {what}", path.display())]
    Log {
        /// Path of the log.
        path: PathBuf,
        /// Fault of the log.
        what: String,
    },
    /// Record and interval logs contradict each other.
    #[error("{} contradicts the other files beside it: {what}", path.display())]
    Contradiction {
        /// Path of the file that contradicts others.
        path: PathBuf,
        /// In what.
        what: String,
    },
}

/// The results in one directory.
#[derive(Clone, Debug)]
pub struct Source {
    /// Directory of the results.
    pub directory: PathBuf,
    /// The record.
    pub record: Record,
    /// The latency of each of its runs.
    pub distributions: Vec<Distribution>,
    /// Repetitions that each of its merged targets consists of.
    pub merged_histograms: Vec<MergedHistogram>,
}

impl Source {
    /// The results in `directory`: `report`, and the latency of each of its runs.
    ///
    /// # Errors
    ///
    /// [`ReadError::Contradiction`] if a merged target is not the sum of its valid repetitions.
    pub fn new(
        directory: PathBuf,
        record: Record,
        distributions: Vec<Distribution>,
    ) -> Result<Self, ReadError> {
        let contradiction = |what| ReadError::Contradiction {
            path: directory.join(RESULT),
            what,
        };
        let merged_histograms =
            merged_histogram::all(&record, &distributions).map_err(contradiction)?;
        Ok(Self {
            directory,
            record,
            distributions,
            merged_histograms,
        })
    }

    /// Returns true if its runs are repetitions that were merged and held against each other.
    #[must_use]
    pub fn is_comparison(&self) -> bool {
        !self.record.merged.is_empty()
    }
}

/// A run's latency, and what else was recorded of it.
#[derive(Clone, Debug)]
pub struct Distribution {
    /// All of it.
    pub histogram: Histogram<u64>,
    /// The same over time.
    pub intervals: Vec<Interval>,
    /// Other times that were recorded; empty for logs of older versions.
    pub tagged: BTreeMap<Tag, stats::Distribution>,
    /// The latency of each node of a sum, in the order of the record's.
    pub nodes: Vec<stats::Distribution>,
}

/// A part of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Interval {
    /// Start, in seconds after that of the run.
    pub start_s: f64,
    /// Length, in seconds.
    pub length_s: f64,
    /// The percentiles of its latency, in the order of [`PERCENTILES`], where it has enough samples.
    pub percentiles_ns: [Option<u64>; PERCENTILES.len()],
    /// The largest latency, if there is one.
    pub max_ns: Option<u64>,
}

/// Reads the results in `directory`.
///
/// # Errors
///
/// [`ReadError`] if something is missing or does not fit, or nothing was measured.
pub fn read(directory: &Path) -> Result<Source, ReadError> {
    read_held(&open(directory)?)
}

/// Reads the results in `directory`, or the exact figures alone that another program counted.
///
/// # Errors
///
/// [`ReadError`] if something is missing or does not fit, or there is neither.
pub fn read_measured_or_counted(directory: &Path) -> Result<Source, ReadError> {
    let directory = open(directory)?;
    let record = record_held(&directory)?;
    with_distributions(record, &directory)
}

/// Reads the record in `directory` alone, without the logs beside it: what it says of itself.
///
/// # Errors
///
/// [`ReadError`] if it is missing, damaged or another version's.
pub fn read_record(directory: &Path) -> Result<Record, ReadError> {
    measured(&open(directory)?)
}

/// As [`read`], of a directory that is held open.
///
/// # Errors
///
/// As [`read`].
pub fn read_held(directory: &Directory) -> Result<Source, ReadError> {
    with_distributions(measured(directory)?, directory)
}

/// Returns the record in `directory`, if it has runs.
fn measured(directory: &Directory) -> Result<Record, ReadError> {
    let record = record_held(directory)?;
    match record.runs.is_empty() {
        true => Err(ReadError::Empty {
            path: directory.path().join(RESULT),
        }),
        false => Ok(record),
    }
}

fn with_distributions(record: Record, directory: &Directory) -> Result<Source, ReadError> {
    let mut budget = Budget::default();
    let distributions = record
        .runs
        .iter()
        .map(|run| distribution(run, directory, &mut budget))
        .collect::<Result<Vec<_>, _>>()?;
    Source::new(directory.path().to_owned(), record, distributions)
}

fn open(directory: &Path) -> Result<Directory, ReadError> {
    Directory::open(directory).map_err(unreadable(&directory.join(RESULT)))
}

fn record_held(directory: &Directory) -> Result<Record, ReadError> {
    let path = directory.path().join(RESULT);
    let bytes = directory.read(RESULT, RESULT_BYTES);
    parse(&bytes.map_err(unreadable(&path))?, &path)
}

/// Reads the results in `directories`, and adds the `requested` percentiles to their latencies, with
/// those that any of the records has: what a record lacks, its log knows.
///
/// # Errors
///
/// [`ReadError`] if results are missing or damaged.
pub fn read_all(
    directories: &[impl AsRef<Path>],
    requested: &[Requested],
) -> Result<Vec<Source>, ReadError> {
    let sources = directories.iter().map(|directory| read(directory.as_ref()));
    let mut sources = sources.collect::<Result<Vec<Source>, _>>()?;
    let mut all = requested.to_vec();
    let runs = sources.iter().flat_map(|source| &source.record.runs);
    all.extend(runs.flat_map(|run| {
        run.latency_ns
            .requested
            .iter()
            .map(|(percentile, _)| percentile.clone())
    }));
    for source in &mut sources {
        let runs = source.record.runs.iter_mut().zip(&source.distributions);
        for (run, distribution) in runs {
            run.latency_ns.add_from(&distribution.histogram, &all);
            for (&tag, recording) in &distribution.tagged {
                if let Some(summary) = run.tagged_mut(tag) {
                    summary.add_from(&recording.histogram(), &all);
                }
            }
        }
        for (merged, whole) in source
            .record
            .merged
            .iter_mut()
            .zip(&source.merged_histograms)
        {
            merged.latency_ns.add_from(&whole.histogram, &all);
            for (&tag, recording) in &whole.tagged {
                if let Some(summary) = merged.tagged_mut(tag) {
                    summary.add_from(&recording.histogram(), &all);
                }
            }
        }
    }
    Ok(sources)
}

fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> ReadError {
    let path = path.to_owned();
    |source| ReadError::Unreadable { path, source }
}

/// The record, once its schema is known to be ours.
fn parse(text: &[u8], path: &Path) -> Result<Record, ReadError> {
    #[derive(Deserialize)]
    struct Head {
        schema: String,
    }
    let path = || path.to_owned();
    let damaged = |source| ReadError::Json {
        path: path(),
        source,
    };
    let Head { schema } = serde_json::from_slice(text).map_err(damaged)?;
    if schema != SCHEMA {
        return Err(ReadError::Schema {
            path: path(),
            found: schema,
        });
    }
    let record: Record = serde_json::from_slice(text).map_err(damaged)?;
    if record.runs.is_empty() && record.figures.is_empty() {
        return Err(ReadError::Empty { path: path() });
    }
    match limits::excess(&record) {
        None => Ok(record),
        Some(what) => Err(ReadError::Excessive { path: path(), what }),
    }
}

/// The distribution of `run`, checked against its record.
fn distribution(
    run: &Run,
    directory: &Directory,
    budget: &mut Budget,
) -> Result<Distribution, ReadError> {
    let name = format!("{}.hlog", run.file_stem());
    let path = directory.path().join(&name);
    let bytes = directory
        .read(name, limits::LOG_BYTES)
        .map_err(unreadable(&path))?;
    let decoded = budget
        .take_log(bytes.len())
        .and_then(|()| log::decode(&bytes, run.elapsed_ns as f64 / 1e9, &run.nodes));
    let taken = decoded.and_then(|distribution| budget.take(&distribution).map(|()| distribution));
    let distribution = taken.map_err(|what| ReadError::Log {
        path: path.clone(),
        what,
    })?;
    let tagged = distribution.tagged.iter().filter_map(|(&tag, recording)| {
        let what = match run.tagged(tag) {
            Some(summary) => contradiction(summary, &recording.histogram())?,
            None => "the record has none".to_owned(),
        };
        Some(format!("of its entries with tag {}: {what}", tag.name()))
    });
    let of_latency = contradiction(&run.latency_ns, &distribution.histogram);
    let of_nodes = node_contradiction(run, &distribution);
    match of_latency.into_iter().chain(tagged).chain(of_nodes).next() {
        None => Ok(distribution),
        Some(what) => Err(ReadError::Contradiction { path, what }),
    }
}

/// Returns in what the nodes of `run` are not what it is the sum of, if in anything.
fn node_contradiction(run: &Run, distribution: &Distribution) -> Option<String> {
    if run.nodes.is_empty() {
        return None;
    }
    let nodes = run.nodes.iter().zip(&distribution.nodes);
    let of_one = nodes.clone().find_map(|(node, latency)| {
        let what = contradiction(&node.latency_ns, &latency.histogram())?;
        Some(format!("of node {}: {what}", node.name))
    });
    let of_all = || {
        let samples = distribution.nodes.iter().map(stats::Distribution::count);
        let sum = samples.fold(0, u64::saturating_add);
        let total = distribution.histogram.len();
        (sum != total).then(|| format!("its nodes have {sum} samples together, it has {total}"))
    };
    of_one.or_else(of_all)
}

/// Returns what the record says otherwise than the histogram, if anything.
fn contradiction(record: &Summary, histogram: &Histogram<u64>) -> Option<String> {
    let (logged, counted) = (histogram.len(), record.count);
    if logged != counted {
        return Some(format!("it has {logged} samples, the record {counted}"));
    }
    let max_ns = record.max?.min(HIGHEST_NS);
    let logged_ns = histogram.max();
    (!histogram.equivalent(max_ns, logged_ns))
        .then(|| format!("its largest latency is {logged_ns} ns, the record's {max_ns} ns"))
}

#[cfg(test)]
mod tests;
