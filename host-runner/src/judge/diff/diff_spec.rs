//! Questions that a difference is asked for, and refusals of those that have no answer.

use crate::judge::fingerprints::{self, Change, is_of};

/// Name that stands for the lack of an anchor among the fields that may be overlooked.
pub(super) const ANCHOR: &str = "anchor";

/// Percentiles that are looked at, and those among them that are judged if nobody names others.
pub(super) const PERCENTILES: [(&str, f64, bool); 13] = [
    ("p1", 0.01, false),
    ("p5", 0.05, false),
    ("p10", 0.1, false),
    ("p25", 0.25, false),
    ("p50", 0.5, true),
    ("p75", 0.75, false),
    ("p90", 0.9, true),
    ("p95", 0.95, false),
    ("p99", 0.99, true),
    ("p99.5", 0.995, false),
    ("p99.9", 0.999, true),
    ("p99.95", 0.9995, false),
    ("p99.99", 0.9999, false),
];

/// Evidence that is judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Evidence {
    /// Figures that are counted, and latency.
    #[default]
    All,
    /// Figures that are counted alone: they hold on any machine.
    Exact,
}

/// A question about two results.
#[derive(Clone, Debug)]
pub struct DiffSpec {
    /// Latency may be higher by this share and is no regression yet.
    pub margin: f64,
    /// Fields in which the results may differ all the same.
    pub anyway: Vec<String>,
    /// Labels of the targets that are judged; none: those of the unikernel, and without any, all but `null`.
    pub targets: Vec<String>,
    /// Names of the percentiles that are judged, such as `p99`; none: p50, p90 and p99, and p99.9 if a
    /// result was to be valid up to it, as far as both are.
    pub percentiles: Vec<String>,
    /// Evidence.
    pub evidence: Evidence,
}

impl Default for DiffSpec {
    fn default() -> Self {
        Self {
            margin: 0.05,
            anyway: Vec::new(),
            targets: Vec::new(),
            percentiles: Vec::new(),
            evidence: Evidence::All,
        }
    }
}

impl DiffSpec {
    /// Checks that the fields that are overlooked exist, and the percentiles that are judged.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoSuchField`] or [`Refusal::NoSuchPercentile`] with the first that does not.
    pub(super) fn check(&self) -> Result<(), Refusal> {
        let exists = |asked: &&String| {
            let mut names = fingerprints::names().chain([ANCHOR]);
            names.any(|name| is_of(asked, name))
        };
        if let Some(field) = self.anyway.iter().find(|asked| !exists(asked)) {
            return Err(Refusal::NoSuchField(field.clone()));
        }
        let is_there =
            |asked: &&String| PERCENTILES.iter().any(|percentile| percentile.0 == *asked);
        match self.percentiles.iter().find(|asked| !is_there(asked)) {
            Some(percentile) => Err(Refusal::NoSuchPercentile(percentile.clone())),
            None => Ok(()),
        }
    }

    /// Returns true if `change` is overlooked.
    pub(super) fn overlooks(&self, change: &Change) -> bool {
        self.anyway.iter().any(|asked| change.is_of(asked))
    }
}

/// Reason why two results can't be held against each other.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A field is to be overlooked that there is not.
    #[error("`--anyway {0}`: there is no field of this name; there are {names}", names = all_names())]
    NoSuchField(String),
    /// A percentile is to be judged that there is not.
    #[error("`--percentiles {0}`: there are {names}", names = percentile_names())]
    NoSuchPercentile(String),
    /// No target of the one is in the other under the same setting.
    #[error(
        "not comparable: {}; `--anyway {}` overlooks the field, and the output says so",
        listed(.0), .0.first().map_or("FIELD", |change| &change.field)
    )]
    Different(Vec<Change>),
    /// No target is to be judged.
    #[error(
        "not comparable: no run of {0} has a target that is to be judged; name one with `--targets`"
    )]
    NoTarget(String),
}

fn all_names() -> String {
    let names: Vec<&str> = fingerprints::names().chain([ANCHOR]).collect();
    names.join(", ")
}

fn percentile_names() -> String {
    PERCENTILES.map(|percentile| percentile.0).join(", ")
}

fn listed(changes: &[Change]) -> String {
    let changes: Vec<String> = changes.iter().map(ToString::to_string).collect();
    changes.join(", ")
}
