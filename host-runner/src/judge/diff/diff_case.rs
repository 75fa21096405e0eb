//! Cases of a result: the valid boots of one target on one link under one load, and the same case of another result.

use super::diff_spec::{DiffSpec, Evidence};
use crate::judge::fingerprints::{COUNTED, Change, Fields, IDENTITY, setting};
use crate::record::{Run, Source};
use crate::stats::Distribution;
use crate::stats::distribution::Value;

/// One valid boot of a case.
#[derive(Clone, Debug)]
pub(super) struct CaseBoot {
    /// Number of the round.
    pub round: u32,
    latency: Distribution,
    /// Round trip to a thread in the service's place, right before and after, in nanoseconds.
    pub floor_ns: Option<f64>,
    /// Quantile up to which percentiles are the target's.
    valid_to: f64,
}

impl CaseBoot {
    fn new(source: &Source, index: usize) -> Self {
        let run = &source.record.runs[index];
        let is_lossy = run.lost + run.dropped_locally > 0;
        let censored_from_ns = run.censored_from_ns.or(is_lossy.then_some(run.timeout_ns));
        let latency = Distribution::from(&source.distributions[index].histogram);
        let floor = run.reflector_round_trip_ns.and_then(|floor| floor.mean());
        Self {
            round: run.round.unwrap_or(1),
            latency: latency.censored_from(censored_from_ns),
            floor_ns: floor.filter(|&ns| ns > 0.0),
            // Records of versions that did not judge percentiles have none.
            valid_to: run.valid_to.as_deref().and_then(quantile).unwrap_or(1.0),
        }
    }

    /// Returns the value at `quantile`, if it is the target's and there are samples enough.
    pub fn value(&self, quantile: f64) -> Option<Value> {
        let is_valid = quantile <= self.valid_to;
        is_valid.then(|| self.latency.value_at(quantile))?
    }
}

/// Returns the quantile of a percentile's name, such as `p99.9`.
fn quantile(name: &str) -> Option<f64> {
    let percent: f64 = name.strip_prefix('p')?.parse().ok()?;
    Some(percent / 100.0)
}

/// A target on a link under a load.
#[derive(Clone, Debug)]
pub(super) struct Case<'a> {
    /// A run of it.
    pub run: &'a Run,
    /// Setting of the runs.
    pub setting: Fields,
    /// Valid boots, in order.
    pub boots: Vec<CaseBoot>,
}

impl Case<'_> {
    /// Returns true if the target is a unikernel: `hermit` or `hermit-sockets`, whatever its image.
    pub fn is_unikernel(&self) -> bool {
        self.run.target.starts_with("hermit")
    }

    /// Returns the highest quantile that `--needs` asked a run for; that of p99, its default, if the record is older.
    pub fn needed(&self) -> f64 {
        let needs = self.run.needs.as_deref();
        needs.and_then(quantile).unwrap_or(0.99)
    }

    /// Returns the target with its mode.
    pub fn label(&self) -> String {
        self.run.target_label()
    }
}

/// Returns the cases of `source`, in the order of their first runs. Runs that are not valid, or were broken off, are
/// no boots.
pub(super) fn cases(source: &Source) -> Vec<Case<'_>> {
    let mut cases: Vec<Case<'_>> = Vec::new();
    for (index, run) in source.record.runs.iter().enumerate() {
        let setting = setting(&source.record, run);
        let is_same = |case: &Case<'_>| {
            let is_same = |name| case.setting.get(name) == setting.get(name);
            IDENTITY.into_iter().all(is_same)
        };
        let known = cases.iter().position(is_same).unwrap_or_else(|| {
            let boots = Vec::new();
            cases.push(Case {
                run,
                setting,
                boots,
            });
            cases.len() - 1
        });
        if run.valid && !run.partial {
            cases[known].boots.push(CaseBoot::new(source, index));
        }
    }
    cases
}

/// Counterpart of a case in another result.
#[derive(Debug)]
pub(super) enum Counterpart<'a, 'b> {
    /// The same case.
    Case(&'b Case<'a>),
    /// None: the nearest differs in these fields; in none if there is nothing at all.
    Different(Vec<Change>),
}

/// Finds the counterpart of `case` among `others`. Fields that `spec` overlooks may differ.
pub(super) fn counterpart<'a, 'b>(
    case: &Case<'_>,
    others: &'b [Case<'a>],
    spec: &DiffSpec,
) -> Counterpart<'a, 'b> {
    let candidates = others.iter().map(|other| {
        let all = case.setting.changes(&other.setting);
        let count = all.len();
        let left: Vec<Change> = all
            .into_iter()
            .filter(|change| !spec.overlooks(change) && matters(change, spec))
            .collect();
        let of_identity = left
            .iter()
            .filter(|change| IDENTITY.contains(&change.field.as_str()))
            .count();
        ((of_identity, left.len(), count), left, other)
    });
    let nearest = candidates.min_by_key(|(distance, ..)| *distance);
    match nearest {
        Some((_, left, other)) if left.is_empty() => Counterpart::Case(other),
        // Fields of the identity say what is missing; all else follows from that.
        Some(((of_identity, ..), mut left, _)) => {
            left.retain(|change| of_identity == 0 || IDENTITY.contains(&change.field.as_str()));
            Counterpart::Different(left)
        }
        None => Counterpart::Different(Vec::new()),
    }
}

/// Returns true if cases that differ by `change` are not the same to what is judged.
fn matters(change: &Change, spec: &DiffSpec) -> bool {
    spec.evidence == Evidence::All || COUNTED.contains(&change.field.as_str())
}
