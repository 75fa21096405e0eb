//! Causes of a change point, as far as the records tell: fields of the environment and revisions that differ between
//! the results around it, and the target or floor beside it that moved alike.

use serde::Serialize;

use super::PERCENTILES;
use super::dated_result::{DatedResult, Measurement};
use crate::judge::fingerprints::Change as FieldChange;
use crate::stats::change_points::{CONFIDENCE, MIN_SIDE, Shift};

/// The target without a guest.
const NULL: &str = "null";

/// Share of a shift that a reference has to have for having moved alike.
const ALIKE: f64 = 0.5;

/// Kind of a cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CauseKind {
    /// The host: a reference in the same results moved alike.
    Host,
    /// Fields of the environment changed there, and the code did not.
    Environment,
    /// The code changed there, and the environment did not.
    Code,
    /// Both did.
    CodeOrEnvironment,
    /// Nothing that is recorded changed there.
    Unknown,
}

/// Cause of a change point.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cause {
    /// Kind.
    pub kind: CauseKind,
    /// Fields that changed.
    pub fields: Vec<FieldChange>,
    /// Revisions, or images, between which the code changed.
    pub code: Option<CodeChange>,
    /// The reference that moved alike.
    pub reference: Option<Reference>,
}

/// Code before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CodeChange {
    /// Revision, or the start of the image's SHA-256, before.
    pub from: String,
    /// After.
    pub to: String,
    /// True if the image is the same: the instrument changed.
    pub is_same_image: bool,
}

/// Something else that was measured beside the target.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reference {
    /// Name: a target, or a floor.
    pub name: String,
    /// Shift of its logarithm.
    pub shift: Shift,
}

/// A floor of a measurement, in nanoseconds.
type Floor = fn(&Measurement) -> Option<f64>;

/// A measurement of a series with the result that it is of.
pub type Entry<'a> = (&'a DatedResult, &'a Measurement);

/// Levels on both sides of a change point.
#[derive(Clone, Copy, Debug)]
pub struct Levels<'a> {
    /// Results of the level before.
    pub before: &'a [Entry<'a>],
    /// Results of the level after.
    pub after: &'a [Entry<'a>],
}

/// Shift of one percentile of the target.
#[derive(Clone, Copy, Debug)]
pub struct MovedPercentile {
    /// Index in [`PERCENTILES`].
    pub index: usize,
    /// Shift.
    pub shift: Shift,
}

impl Cause {
    /// Returns the cause of a change of the `moved` percentiles somewhere between the results `from` and `to`.
    #[must_use]
    pub fn of(
        from: &Entry<'_>,
        to: &Entry<'_>,
        levels: Levels<'_>,
        moved: &[MovedPercentile],
    ) -> Self {
        let fields: Vec<FieldChange> = [
            from.0.machine.changes(&to.0.machine),
            from.1.conditions.changes(&to.1.conditions),
        ]
        .into_iter()
        .flatten()
        .filter(FieldChange::is_known)
        .collect();
        let code = CodeChange::between(from.0, to.0);
        let reference = reference(levels, moved);
        let kind = match (&reference, fields.is_empty(), &code) {
            (Some(_), _, _) => CauseKind::Host,
            (None, false, Some(_)) => CauseKind::CodeOrEnvironment,
            (None, false, None) => CauseKind::Environment,
            (None, true, Some(_)) => CauseKind::Code,
            // Nothing of `null` is the target's.
            (None, true, None) if to.1.label == NULL => CauseKind::Host,
            (None, true, None) => CauseKind::Unknown,
        };
        Self {
            kind,
            fields,
            code,
            reference,
        }
    }

    /// Returns the cause in words: `environment: kernel 6.1.147 -> 6.1.150`.
    #[must_use]
    pub fn words(&self) -> String {
        let fields: Vec<String> = self.fields.iter().map(ToString::to_string).collect();
        let fields = fields.join(", ");
        let code = self.code.as_ref().map(CodeChange::words);
        match (self.kind, code, &self.reference) {
            (CauseKind::Host, _, Some(reference)) => {
                let percent = super::level_change::percent(reference.shift.by);
                format!("host: {} moved alike ({percent})", reference.name)
            }
            (CauseKind::Code, Some(code), _) => format!("code: {code}"),
            (CauseKind::CodeOrEnvironment, Some(code), _) => {
                format!("code or environment: {code}; {fields}")
            }
            (CauseKind::Environment, _, _) => format!("environment: {fields}"),
            (CauseKind::Host, _, None) => "host: null is host and instrument alone".to_owned(),
            _ => "unknown: nothing that is recorded changed there".to_owned(),
        }
    }
}

impl CodeChange {
    /// Returns how the code differs between two results; `None` if it does not, or is not known.
    pub(super) fn between(from: &DatedResult, to: &DatedResult) -> Option<Self> {
        let has_changed =
            |a: &Option<String>, b: &Option<String>| matches!((a, b), (Some(a), Some(b)) if a != b);
        let is_other_image = has_changed(&from.image, &to.image);
        let is_other_revision = has_changed(&from.revision, &to.revision);
        let start = |text: &Option<String>| -> String {
            let digits = text.iter().flat_map(|text| text.chars());
            digits.take(DIGITS).collect()
        };
        let (a, b) = match (is_other_revision, is_other_image) {
            (true, _) => (start(&from.revision), start(&to.revision)),
            (false, true) => (
                format!("image {}", start(&from.image)),
                format!("image {}", start(&to.image)),
            ),
            (false, false) => return None,
        };
        Some(Self {
            from: a,
            to: b,
            is_same_image: !is_other_image && from.image.is_some() && to.image.is_some(),
        })
    }

    /// Returns it in words: `8269e39 -> bf2fc61`.
    pub(super) fn words(&self) -> String {
        let Self { from, to, .. } = self;
        match self.is_same_image {
            true => format!("{from} -> {to} (the same image: the instrument)"),
            false => format!("{from} -> {to}"),
        }
    }
}

/// Digits of a digest that are shown.
const DIGITS: usize = 12;

/// Returns what moved alike: `null` on the same link if there is one, else the floor, else a Linux target. The first
/// of them that both levels have decides.
fn reference(levels: Levels<'_>, moved: &[MovedPercentile]) -> Option<Reference> {
    let own = &levels.after.first()?.1.label;
    let mut others: Vec<&str> = Vec::new();
    for (result, measurement) in levels.before.iter().chain(levels.after) {
        let beside = result.measurements.iter();
        let beside = beside.filter(|other| is_beside(other, measurement));
        for other in beside.map(|other| other.label.as_str()) {
            if other != own && is_reference(other, own) && !others.contains(&other) {
                others.push(other);
            }
        }
    }
    // `null` has the link alone, a guest more.
    others.sort_by_key(|name| *name != NULL);
    let (null, linux): (Vec<&str>, Vec<&str>) = others.into_iter().partition(|name| *name == NULL);
    let by_target = |name: &str| target_reference(name, levels, moved);
    let by_floor = || {
        let floors: [(&str, Floor); 2] = [
            ("the floor (one cache line)", |measurement| {
                measurement.core_round_trip_ns
            }),
            ("the floor (the link)", |measurement| {
                measurement.reflector_round_trip_ns
            }),
        ];
        (floors.into_iter()).find_map(|(name, floor)| floor_reference(name, floor, levels, moved))
    };
    let null = null.into_iter().find_map(by_target);
    let decisive = null.or_else(by_floor);
    let decisive = decisive.or_else(|| linux.into_iter().find_map(by_target));
    decisive.and_then(|(reference, is_alike)| is_alike.then_some(reference))
}

/// Returns true if a target is one that others are held against.
fn is_reference(other: &str, own: &str) -> bool {
    other == NULL || (other.starts_with("linux-") && own != NULL && !own.starts_with("linux-"))
}

/// Returns true if both are of one link and load.
fn is_beside(a: &Measurement, b: &Measurement) -> bool {
    a.rounds > 0 && (&a.link, &a.mode) == (&b.link, &b.mode)
}

/// Returns the shift of `value` from one level to the other; `None` if either has too few values.
fn shift(levels: Levels<'_>, value: impl Fn(&Entry<'_>) -> Option<f64>) -> Option<Shift> {
    let logs = |entries: &[Entry<'_>]| -> Vec<f64> {
        let values = entries.iter().filter_map(&value);
        values.filter(|value| *value > 0.0).map(f64::ln).collect()
    };
    let (before, after) = (logs(levels.before), logs(levels.after));
    if before.len().min(after.len()) < MIN_SIDE {
        return None;
    }
    Shift::between(&before, &after, CONFIDENCE)
}

/// Returns the target `name` with whether it moved as all of `moved` did.
fn target_reference(
    name: &str,
    levels: Levels<'_>,
    moved: &[MovedPercentile],
) -> Option<(Reference, bool)> {
    let value = |index: usize| {
        move |(result, measurement): &Entry<'_>| {
            let mut beside = result.measurements.iter();
            let other =
                beside.find(|other| other.label == name && is_beside(other, measurement))?;
            let value = other.values[index]?;
            (!value.is_censored).then_some(value.ns as f64)
        }
    };
    let shifts: Vec<(Shift, bool)> = moved
        .iter()
        .filter_map(|moved| {
            let shift = shift(levels, value(moved.index))?;
            Some((shift, is_alike(&shift, &moved.shift)))
        })
        .collect();
    let (first, _) = *shifts.first()?;
    let reference = Reference {
        name: name.to_owned(),
        shift: first,
    };
    Some((reference, shifts.iter().all(|(_, is_alike)| *is_alike)))
}

/// Returns a floor with whether it moved as p50 did; a floor says nothing of a tail.
fn floor_reference(
    name: &str,
    floor: Floor,
    levels: Levels<'_>,
    moved: &[MovedPercentile],
) -> Option<(Reference, bool)> {
    let shift = shift(levels, |entry| floor(entry.1))?;
    let middle = moved.iter().find(|moved| PERCENTILES[moved.index] == "p50");
    let is_alike = middle.is_some_and(|middle| is_alike(&shift, &middle.shift));
    let reference = Reference {
        name: name.to_owned(),
        shift,
    };
    Some((reference, is_alike))
}

/// Returns true if `reference` moved for certain, the same way as `shift`, and by a good part of it.
fn is_alike(reference: &Shift, shift: &Shift) -> bool {
    let is_same_way = reference.by.signum() == shift.by.signum();
    is_same_way && reference.is_at_least(ALIKE * shift.by.abs())
}
