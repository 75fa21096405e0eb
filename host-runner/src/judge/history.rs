//! History of a measurement over many results: from which results on it was another, and what else was another there.
//!
//! Results of one setting on one machine are a series, in the order of their starts or revisions. Each has one point: the logarithms
//! of the percentiles of its valid rounds together. [`change_points`] finds the places where the points changed.
//!
//! - [`result_reader`]: results from their directories;
//! - [`dated_result`]: the part of a result that history needs;
//! - [`revision_order`]: results by their starts, or by their revisions' places in a repository;
//! - [`series`]: results in series, and the change points of each, [`level_change`]s; `series_name`: their names;
//! - [`cause`]: whether code, environment or host changed at the same place;
//! - [`exact_steps`]: figures that are counted and not timed, over all machines;
//! - [`host_noise`]: how restless the machines are;
//! - [`outcome`]: whether the newest results are a regression.

use std::path::Path;

use serde::Serialize;

use crate::stats::change_points::{self, Settings};

pub mod cause;
pub mod dated_result;
pub mod exact_steps;
pub mod host_noise;
pub mod level_change;
pub mod outcome;
pub mod result_reader;
pub mod revision_order;
pub mod series;
mod series_name;

pub use cause::{Cause, CauseKind};
pub use dated_result::DatedResult;
pub use exact_steps::ExactSeries;
pub use host_noise::HostNoise;
pub use level_change::{Change, Moved, Possible};
pub use revision_order::{Order, OrderError};
pub use series::Series;

/// The schema that [`History`] is written in.
pub const SCHEMA: &str = "fathom-history/1";

/// Percentiles that points consist of, where the results have the samples.
pub const PERCENTILES: [&str; 4] = ["p50", "p90", "p99", "p99.9"];

/// Everything that the results tell together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct History {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// Order of the results.
    pub order: Order,
    /// Number of results.
    pub results: usize,
    /// Results that were not read or have no place in the order, each with the reason.
    pub unread: Vec<Unread>,
    /// The least change that counts, as a share.
    pub min_change: f64,
    /// The largest p-value of a change point.
    pub level: f64,
    /// Series of latencies.
    pub series: Vec<Series>,
    /// Series of figures that are counted.
    pub exact: Vec<ExactSeries>,
    /// The machines.
    pub hosts: Vec<HostNoise>,
}

/// A result that was not read, or has no place in the order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unread {
    /// Directory.
    pub directory: String,
    /// Reason.
    pub reason: String,
}

impl History {
    /// Returns the history that `results` have, in whatever order they are, by their starts.
    #[must_use]
    pub fn of(mut results: Vec<DatedResult>, unread: Vec<Unread>, settings: &Settings) -> Self {
        revision_order::by_start(&mut results);
        Self::of_ordered(&results, Order::Start, unread, settings)
    }

    /// Returns the history that `results` have in `order`; of revisions, that of the commits of `repository`.
    ///
    /// # Errors
    ///
    /// [`OrderError`] if git does not tell the order of revisions, or if no result has a place in it.
    pub fn in_order(
        (order, repository): (Order, &Path),
        results: Vec<DatedResult>,
        mut unread: Vec<Unread>,
        settings: &Settings,
    ) -> Result<Self, OrderError> {
        if order == Order::Start {
            return Ok(Self::of(results, unread, settings));
        }
        let (results, left_out) = revision_order::by_revision(results, repository)?;
        unread.extend(left_out);
        Ok(Self::of_ordered(&results, order, unread, settings))
    }

    fn of_ordered(
        results: &[DatedResult],
        order: Order,
        unread: Vec<Unread>,
        settings: &Settings,
    ) -> Self {
        Self {
            schema: SCHEMA,
            order,
            results: results.len(),
            unread,
            min_change: settings.min_change.exp_m1(),
            level: settings.level,
            series: series::of(results, settings),
            exact: exact_steps::of(results),
            hosts: host_noise::of(results),
        }
    }

    /// Returns true if any series has enough results for a change point, or any counted figure stands twice.
    #[must_use]
    pub fn can_tell(&self) -> bool {
        let latency = self.series.iter().any(|series| series.needs_more == 0);
        latency || self.exact.iter().any(|exact| exact.values.len() > 1)
    }
}

/// Returns the settings of a search for changes of at least `min_change`, as a share.
#[must_use]
pub fn settings(min_change: f64) -> Settings {
    Settings {
        min_change: min_change.ln_1p(),
        ..change_points::Settings::default()
    }
}

#[cfg(test)]
pub(crate) mod result_fixtures;
#[cfg(test)]
mod tests;
