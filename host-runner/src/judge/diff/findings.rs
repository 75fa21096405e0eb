//! Findings of a difference: data for whoever shows or passes them on.

use std::borrow::Cow;
use std::path::PathBuf;

use serde::Serialize;

use crate::judge::fingerprints::Change;

/// The schema of a [`Diff`] in JSON.
pub const SCHEMA: &str = "fathom-diff/1";

/// Outcome of a finding, or of all together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The second result is worse.
    Regression,
    /// The second result is better.
    Improvement,
    /// The second result is not worse by more than the limit.
    NoRegression,
    /// The results can't tell.
    CannotTell,
}

/// One of the two results.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Side {
    /// Directory.
    pub directory: PathBuf,
    /// Start of the measurement.
    pub started_at: String,
    /// Revision that the instrument was built from.
    pub git_revision: Option<String>,
    /// Version of the instrument.
    pub fathom_version: String,
    /// SHA-256 digest of the image.
    pub image_sha256: Option<String>,
    /// Most valid boots of a target.
    pub rounds: usize,
}

/// A case of the first result that was not held against the second.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NotCompared {
    /// The target, with its mode.
    pub target: String,
    /// The link.
    pub link: String,
    /// `closed`, `open` or `pipeline`.
    pub mode: String,
    /// Fields in which the nearest case of the second result differs.
    pub differs: Vec<Change>,
    /// The same in words.
    pub reason: String,
}

/// Differences between two results.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Diff {
    /// [`SCHEMA`].
    pub schema: Cow<'static, str>,
    /// The first result.
    pub a: Side,
    /// The second result, which is judged.
    pub b: Side,
    /// From the start of the first to that of the second, in seconds.
    pub apart_s: i64,
    /// Latency may be higher by this share and is no regression yet.
    pub margin: f64,
    /// Fields in which the hosts differ, so that time is not compared.
    pub hosts_differ: Vec<Change>,
    /// Fields that differ and were overlooked.
    pub overlooked: Vec<Change>,
    /// Figures that are counted.
    pub exact: Vec<ExactFinding>,
    /// Latency at the percentiles that are judged.
    pub latency: Vec<LatencyFinding>,
    /// Latency at many percentiles, to be looked at: not judged.
    pub shift: Vec<Shift>,
    /// Cases of the first result that have no counterpart.
    pub not_compared: Vec<NotCompared>,
    /// Outcome of all together.
    pub verdict: Outcome,
    /// Reasons for that, in words.
    pub because: Vec<String>,
    /// Command that measures both in turns, which settles a doubt.
    pub settled_by: Option<String>,
}

/// A figure of both results.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExactFinding {
    /// The target, with its mode.
    pub target: String,
    /// The link.
    pub link: String,
    /// Name of the figure.
    pub figure: Figure,
    /// Figure of the first result; null if it was not counted.
    pub a: Option<f64>,
    /// Figure of the second.
    pub b: Option<f64>,
    /// Ratio of the second to the first; null if the first is zero.
    pub ratio: Option<f64>,
    /// Outcome: a regression from a change by more than 1 % on; that it can't be told if either was not counted.
    pub outcome: Outcome,
}

/// A figure that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// Instructions of the guest per echo at full load.
    InstructionsPerEcho,
    /// Doorbells per echo that is alone.
    DoorbellsPerEcho,
    /// Interrupts per echo that is alone.
    InterruptsPerEcho,
    /// Files that are loaded to start it, in bytes.
    ImageBytes,
}

impl Figure {
    /// Returns the figure's name in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::InstructionsPerEcho => "instructions per echo",
            Self::DoorbellsPerEcho => "doorbells per echo",
            Self::InterruptsPerEcho => "interrupts per echo",
            Self::ImageBytes => "image bytes",
        }
    }
}

/// Something that was measured in the same rounds and has not been changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AnchorKind {
    /// The target `null`.
    Null,
    /// The round trip to a thread in the service's place, before and after each run.
    Floor,
    /// The target `linux-guest:busy`.
    LinuxGuest,
}

impl AnchorKind {
    /// Returns the anchor's name in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Floor => "floor",
            Self::LinuxGuest => "linux-guest:busy",
        }
    }
}

/// Evidence that a finding is judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Time.
    Direct,
    /// Units of the anchor.
    Anchored,
    /// Both: a claim has to hold in time and in units of the anchor.
    Both,
    /// None.
    Nothing,
}

/// A ratio of the second result to the first, with an interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Band {
    /// Estimate.
    pub ratio: f64,
    /// Lower end of the 90 % interval; null if it has none, because requests were lost.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
}

/// The movement of an anchor.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct AnchorFinding {
    /// Anchor.
    pub kind: AnchorKind,
    /// Typical value in the first result, in nanoseconds.
    pub a_ns: f64,
    /// Typical value in the second.
    pub b_ns: f64,
    /// Ratio of the two.
    pub band: Band,
    /// True if the whole interval lies within the margin.
    pub is_still: bool,
}

/// A percentile of a target in both results.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LatencyFinding {
    /// The target, with its mode, as the second result calls it.
    pub target: String,
    /// The link.
    pub link: String,
    /// `closed`, `open` or `pipeline`.
    pub mode: String,
    /// Name of the percentile.
    pub percentile: &'static str,
    /// Number of boots of the first result.
    pub rounds_a: usize,
    /// Number of boots of the second.
    pub rounds_b: usize,
    /// Median of the first result's boots, in nanoseconds.
    pub a_ns: Option<f64>,
    /// Median of the second's.
    pub b_ns: Option<f64>,
    /// The anchor, if there is one.
    pub anchor: Option<AnchorFinding>,
    /// Ratio in time.
    pub direct: Option<Band>,
    /// Ratio in units of the anchor.
    pub anchored: Option<Band>,
    /// Evidence that is judged.
    pub basis: Basis,
    /// Ratio that is judged; of both, the hull.
    pub judged: Option<Band>,
    /// Probability of such a difference, or a larger one, where there is none; from 0 to 1.
    pub p_value: Option<f64>,
    /// Level that it was held to: 5 % over all findings together (Holm).
    pub level: Option<f64>,
    /// Outcome.
    pub outcome: Outcome,
    /// Number of further boots of each that would probably decide; null if it is decided, or if more would not help.
    pub rounds_missing: Option<u32>,
    /// Reason why nothing is judged, in words.
    pub reason: Option<String>,
}

/// The ratio of one percentile, for those who want to see where a distribution moved.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Shift {
    /// The target, with its mode.
    pub target: String,
    /// The link.
    pub link: String,
    /// `closed`, `open` or `pipeline`.
    pub mode: String,
    /// Name of the percentile.
    pub percentile: &'static str,
    /// The ratio, by the same evidence as the target's median is judged by.
    pub band: Band,
}

impl LatencyFinding {
    /// Returns the quantity in words: `p99 of hermit on vhost-user, closed loop`.
    #[must_use]
    pub fn words(&self) -> String {
        let Self {
            percentile,
            target,
            link,
            mode,
            ..
        } = self;
        let load = if mode == "pipeline" { "" } else { " loop" };
        format!("{percentile} of {target} on {link}, {mode}{load}")
    }
}
