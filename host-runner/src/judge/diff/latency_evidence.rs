//! Evidence by latency: percentiles of two sets of boots, in time and in units of an anchor.
//!
//! An anchor was measured in the same rounds as the target, and nothing of it was changed: what moves it is the host.
//! It is the target `null` on the same link under the same load; without that the floor, the round trip to a thread
//! in the service's place right before and after each run; without that a Linux guest that polls. Of `null` and
//! Linux the same percentile is taken, of the floor the one value that there is.
//!
//! | hosts | anchor | judged by |
//! |---|---|---|
//! | agree in every field | has not moved: its interval lies within the margin | time |
//! | agree | has moved, or is not known not to have | both: the hull of the two intervals |
//! | agree | none | nothing, unless `anchor` is overlooked: then time |
//! | differ | any | units of the anchor |
//! | differ | none | nothing |
//!
//! Nothing says that what moves the anchor by a tenth moves the target by a tenth as well, and not by half of that.
//! On one host the truth lies between the two, so a claim has to hold both ways. Between hosts there is no other
//! way than to take it for true.

use std::collections::BTreeMap;

use super::decision::{self, Sample};
use super::diff_case::{Case, CaseBoot};
use super::diff_spec::{ANCHOR, DiffSpec, PERCENTILES};
use super::findings::{AnchorFinding, AnchorKind, Basis, LatencyFinding, Outcome, Shift};
use crate::stats::comparison::independent::IndependentDifference;
use crate::stats::comparison::{MIN_ROUNDS, levels};
use crate::stats::distribution::Value;
use crate::stats::median::median;

/// The label of the Linux guest that polls.
const LINUX: &str = "linux-guest:busy";

/// The two results' cases, and what is found about pairs of them.
pub(super) struct Latency<'a> {
    cases: (&'a [Case<'a>], &'a [Case<'a>]),
    spec: &'a DiffSpec,
    is_one_host: bool,
    tests: Vec<Test>,
    shift: Vec<Shift>,
}

/// A percentile before it is judged.
struct Test {
    finding: LatencyFinding,
    samples: Vec<Sample>,
}

impl<'a> Latency<'a> {
    pub fn new(
        a: &'a [Case<'a>],
        b: &'a [Case<'a>],
        spec: &'a DiffSpec,
        is_one_host: bool,
    ) -> Self {
        Self {
            cases: (a, b),
            spec,
            is_one_host,
            tests: Vec::new(),
            shift: Vec::new(),
        }
    }

    /// Adds the percentiles of the case `a` and its counterpart `b`.
    pub fn add(&mut self, a: &Case<'_>, b: &Case<'_>) {
        let before = self.tests.len();
        let asked = &self.spec.percentiles;
        let is_asked = |name: &str| asked.iter().any(|asked| asked == name);
        let needed = a.needed().max(b.needed());
        for (name, quantile, is_judged) in PERCENTILES {
            if !asked.is_empty() && !is_asked(name) {
                continue;
            }
            let test = self.test(a, b, name, quantile);
            if let (
                Some(band),
                LatencyFinding {
                    target, link, mode, ..
                },
            ) = (test.finding.judged, &test.finding)
            {
                self.shift.push(Shift {
                    target: target.clone(),
                    link: link.clone(),
                    mode: mode.clone(),
                    percentile: name,
                    band,
                });
            }
            let is_known = test.finding.a_ns.is_some() && test.finding.b_ns.is_some();
            if !asked.is_empty() || is_judged && quantile <= needed && is_known {
                self.tests.push(test);
            }
        }
        // A case that has nothing to judge is said to have nothing.
        if self.tests.len() == before {
            let (name, quantile, _) = PERCENTILES[4];
            let test = self.test(a, b, name, quantile);
            self.tests.push(test);
        }
    }

    fn test(&self, a: &Case<'_>, b: &Case<'_>, name: &'static str, quantile: f64) -> Test {
        let (boots_a, boots_b) = (Boots::of(a, quantile), Boots::of(b, quantile));
        let mut finding = LatencyFinding {
            target: b.label(),
            link: b.run.link.clone(),
            mode: b.run.mode.to_string(),
            percentile: name,
            rounds_a: boots_a.0.len(),
            rounds_b: boots_b.0.len(),
            a_ns: boots_a.median_ns(),
            b_ns: boots_b.median_ns(),
            anchor: None,
            direct: None,
            anchored: None,
            basis: Basis::Nothing,
            judged: None,
            p_value: None,
            level: None,
            outcome: Outcome::CannotTell,
            rounds_missing: None,
            reason: None,
        };
        let samples = match self.evidence((a, b), (&boots_a, &boots_b), quantile, &mut finding) {
            Ok(samples) => samples,
            Err(reason) => {
                finding.reason = Some(reason);
                Vec::new()
            }
        };
        finding.judged = decision::hull(&samples);
        Test { finding, samples }
    }

    /// Fills in what there is of evidence, and returns that which is judged.
    fn evidence(
        &self,
        (a, b): (&Case<'_>, &Case<'_>),
        (boots_a, boots_b): (&Boots, &Boots),
        quantile: f64,
        finding: &mut LatencyFinding,
    ) -> Result<Vec<Sample>, String> {
        for (side, boots) in [("first", boots_a), ("second", boots_b)] {
            let found = boots.0.len();
            if found < MIN_ROUNDS {
                let least = MIN_ROUNDS;
                return Err(format!(
                    "{found} of at least {least} boots of the {side} result are valid at {}",
                    finding.percentile
                ));
            }
        }
        let direct =
            Sample::of(boots_a, boots_b).ok_or("requests were lost in boots of both results")?;
        let anchor = self.anchor((a, b), quantile);
        let anchored = anchor.as_ref().and_then(|(_, before, after)| {
            Sample::of(&boots_a.in_units_of(before), &boots_b.in_units_of(after))
        });
        finding.anchor =
            anchor.and_then(|(kind, before, after)| self.movement(kind, &before, &after));
        finding.direct = Some(direct.band);
        finding.anchored = anchored.as_ref().map(|anchored| anchored.band);
        let is_still = finding.anchor.is_some_and(|anchor| anchor.is_still);
        let overlooks_anchor = self.spec.anyway.iter().any(|asked| asked == ANCHOR);
        let (basis, samples) = match (self.is_one_host, anchored) {
            (true, Some(anchored)) if !is_still && !overlooks_anchor => {
                (Basis::Both, vec![anchored, direct])
            }
            (true, Some(_)) => (Basis::Direct, vec![direct]),
            (true, None) if overlooks_anchor => (Basis::Direct, vec![direct]),
            (false, Some(anchored)) => (Basis::Anchored, vec![anchored]),
            (true, None) => {
                return Err(
                    "nothing else was measured in the same rounds, so the host may have moved; measure `null` \
                     beside it, or `--anyway anchor`"
                        .to_owned(),
                );
            }
            (false, None) => {
                return Err(
                    "the hosts differ, and nothing else was measured in the same rounds; measure `null` beside it"
                        .to_owned(),
                );
            }
        };
        finding.basis = basis;
        Ok(samples)
    }

    /// Returns the anchor of a pair of cases with its values in each round of both results.
    fn anchor(
        &self,
        (a, b): (&Case<'_>, &Case<'_>),
        quantile: f64,
    ) -> Option<(AnchorKind, ByRound, ByRound)> {
        let target = |name: &str| {
            let of = |cases: &[Case<'_>], own: &Case<'_>| {
                let is_beside = |other: &&Case<'_>| {
                    other.label() == name
                        && other.run.link == own.run.link
                        && other.run.mode == own.run.mode
                        && other.run.sweep_percent == own.run.sweep_percent
                };
                let beside = cases.iter().find(is_beside)?;
                // Values among lost requests are no unit.
                let value =
                    |boot: &CaseBoot| boot.value(quantile).filter(|value| !value.is_censored);
                let values = beside
                    .boots
                    .iter()
                    .filter_map(|boot| Some((boot.round, value(boot)?)));
                Some(
                    values
                        .map(|(round, value)| (round, (value.ln(), value.relative_width())))
                        .collect(),
                )
            };
            (a.label() != name).then(|| Some((of(self.cases.0, a)?, of(self.cases.1, b)?)))?
        };
        let floor = |case: &Case<'_>| -> ByRound {
            let floors = case
                .boots
                .iter()
                .filter_map(|boot| Some((boot.round, boot.floor_ns?)));
            floors.map(|(round, ns)| (round, (ns.ln(), 0.0))).collect()
        };
        let has_enough = |values: &ByRound, case: &Case<'_>| {
            let rounds = case
                .boots
                .iter()
                .filter(|boot| boot.value(quantile).is_some());
            rounds
                .filter(|boot| values.contains_key(&boot.round))
                .count()
                >= MIN_ROUNDS
        };
        let candidates = [
            (AnchorKind::Null, target("null")),
            (AnchorKind::Floor, Some((floor(a), floor(b)))),
            (AnchorKind::LinuxGuest, target(LINUX)),
        ];
        candidates.into_iter().find_map(|(kind, values)| {
            let (before, after) = values?;
            (has_enough(&before, a) && has_enough(&after, b)).then_some((kind, before, after))
        })
    }

    fn movement(
        &self,
        kind: AnchorKind,
        before: &ByRound,
        after: &ByRound,
    ) -> Option<AnchorFinding> {
        let boots = |values: &ByRound| {
            Boots(
                values
                    .iter()
                    .map(|(&round, &log)| (round, log, false))
                    .collect(),
            )
        };
        let (before, after) = (boots(before), boots(after));
        let band = Sample::of(&before, &after)?.band;
        let most = 1.0 + self.spec.margin;
        Some(AnchorFinding {
            kind,
            a_ns: before.median_ns()?,
            b_ns: after.median_ns()?,
            is_still: band.low.is_some_and(|low| low > 1.0 / most)
                && band.high.is_some_and(|high| high < most),
            band,
        })
    }

    /// Judges all that was added together.
    pub fn judge(self) -> (Vec<LatencyFinding>, Vec<Shift>) {
        let p_values: Vec<Option<f64>> = (self.tests.iter())
            .map(|test| decision::p_value(&test.samples))
            .collect();
        let levels = levels(&p_values);
        let margin = self.spec.margin;
        let judged = self.tests.into_iter().zip(p_values.into_iter().zip(levels));
        let judged = judged.map(|(Test { finding, samples }, (p_value, level))| {
            let (outcome, rounds_missing) = decision::decide(&samples, margin, level);
            LatencyFinding {
                p_value,
                level: p_value.map(|_| level),
                outcome,
                rounds_missing: rounds_missing.filter(|_| finding.basis != Basis::Nothing),
                ..finding
            }
        });
        (judged.collect(), self.shift)
    }
}

/// Logarithms with their relative widths, by round.
type ByRound = BTreeMap<u32, (f64, f64)>;

/// A percentile of each boot of a case: round, logarithm with its relative width, and whether that is a lower bound.
pub(super) struct Boots(pub Vec<(u32, (f64, f64), bool)>);

impl Boots {
    fn of(case: &Case<'_>, quantile: f64) -> Self {
        let value = |boot: &CaseBoot| {
            let value: Value = boot.value(quantile)?;
            let log = (value.ln(), value.relative_width());
            Some((boot.round, log, value.is_censored))
        };
        Self(case.boots.iter().filter_map(value).collect())
    }

    /// Returns the boots that `anchor` has a value beside, in units of that.
    fn in_units_of(&self, anchor: &ByRound) -> Self {
        let boots = self
            .0
            .iter()
            .filter_map(|(round, (log, width), is_censored)| {
                let (unit, unit_width) = anchor.get(round)?;
                Some((*round, (log - unit, width + unit_width), *is_censored))
            });
        Self(boots.collect())
    }

    fn median_ns(&self) -> Option<f64> {
        median(self.0.iter().map(|(_, (log, _), _)| log.exp()).collect())
    }
}

impl Sample {
    /// Of two sets of boots; `None` if requests were lost in both at this percentile.
    fn of(a: &Boots, b: &Boots) -> Option<Self> {
        let is_censored = |boots: &Boots| boots.0.iter().any(|boot| boot.2);
        let has_ends = (!is_censored(a), !is_censored(b));
        let logs = |boots: &Boots| boots.0.iter().map(|boot| boot.1.0).collect::<Vec<f64>>();
        let width = |boots: &Boots| boots.0.iter().map(|boot| boot.1.1).fold(0.0, f64::max);
        let has_enough = a.0.len() >= MIN_ROUNDS && b.0.len() >= MIN_ROUNDS;
        // A bound from below in the second leaves the ratio without an upper end, in the first without a lower.
        (has_enough && has_ends != (false, false)).then(|| {
            let (earlier, later) = (logs(a), logs(b));
            let difference = IndependentDifference::of((&earlier, width(a)), (&later, width(b)));
            Self::new(difference, a.0.len().min(b.0.len()), has_ends)
        })
    }
}
