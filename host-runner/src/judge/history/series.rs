//! Results of one setting on one machine, in the order of their starts, and where they changed.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::PERCENTILES;
use super::cause::{Cause, Entry, Levels, MovedPercentile};
use super::dated_result::{DatedResult, Value};
use super::level_change::{Change, Moved, Possible, as_text};
use super::series_name::{base_name, names};
use crate::judge::fingerprints::Fields;
use crate::stats::change_points::newest::{fewest_results, newest};
use crate::stats::change_points::{ChangePoint, Settings, Shift, find, scaling};

/// Share of results that may lack a percentile for it to be part of the points; those that do are left out.
const MAY_LACK: f64 = 0.2;

/// Results of one setting on one machine.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Series {
    /// Name, which no other series has.
    pub name: String,
    /// The target with its variant.
    pub target: String,
    /// Name of the link.
    pub link: String,
    /// Mode of the load.
    pub mode: String,
    /// Fields that all results have in common.
    pub setting: BTreeMap<String, String>,
    /// The machine's hashed id, or its processor.
    pub host: String,
    /// Percentiles that a point consists of.
    pub percentiles: Vec<&'static str>,
    /// The results.
    pub results: Vec<SeriesResult>,
    /// Standard deviation from result to result of each percentile, as a share.
    pub noise: Vec<f64>,
    /// Change points.
    pub changes: Vec<Change>,
    /// Newest results that look like another.
    pub possible: Option<Possible>,
    /// Number of results whose measurement is not valid.
    pub invalid: usize,
    /// Number of results that lack one of the percentiles.
    pub few_samples: usize,
    /// Number of results more until a change point can be found; zero if there are enough.
    pub needs_more: usize,
    /// Number of newest results whose measurement is not valid.
    pub newest_invalid: usize,
}

/// A result of a series.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SeriesResult {
    /// Directory.
    pub directory: String,
    /// Start.
    #[serde(serialize_with = "as_text")]
    pub started_at: Timestamp,
    /// Revision that the instrument was built from.
    pub revision: Option<String>,
    /// SHA-256 of the image.
    pub image: Option<String>,
    /// Number of valid rounds.
    pub rounds: usize,
    /// The percentiles, in nanoseconds.
    pub values_ns: Vec<u64>,
    /// True for those that are lower bounds.
    pub is_bound: Vec<bool>,
}

/// Returns the series that `results`, which are in order, make, with their change points.
pub(super) fn of(results: &[DatedResult], settings: &Settings) -> Vec<Series> {
    let mut groups: Vec<(String, Vec<Entry<'_>>)> = Vec::new();
    for result in results {
        let host = result.host();
        for measurement in &result.measurements {
            let key = format!("{host}: {}", measurement.setting.key());
            let entry = (result, measurement);
            match groups.iter_mut().find(|(known, _)| *known == key) {
                Some((_, entries)) => entries.push(entry),
                None => groups.push((key, vec![entry])),
            }
        }
    }
    let settings_of: Vec<(String, &Fields)> = groups
        .iter()
        .map(|(_, entries)| (base_name(&entries[0]), &entries[0].1.setting))
        .collect();
    let names = names(&settings_of);
    let groups = groups.iter().zip(names);
    groups
        .map(|((_, entries), name)| series(name, entries, settings))
        .collect()
}

/// Returns the indices of the percentiles that enough of `entries` have, from the middle on without a hole.
fn coordinates(entries: &[Entry<'_>]) -> Vec<usize> {
    let lacking = |index: &usize| {
        let lacking = entries
            .iter()
            .filter(|entry| entry.1.values[*index].is_none());
        lacking.count() as f64 <= MAY_LACK * entries.len() as f64
    };
    (0..PERCENTILES.len()).take_while(lacking).collect()
}

fn series(name: String, all: &[Entry<'_>], settings: &Settings) -> Series {
    let valid: Vec<Entry<'_>> = all
        .iter()
        .filter(|entry| entry.1.rounds > 0)
        .copied()
        .collect();
    let coordinates = coordinates(&valid);
    let values = |entry: &Entry<'_>| -> Option<Vec<Value>> {
        coordinates
            .iter()
            .map(|index| entry.1.values[*index])
            .collect()
    };
    let whole: Vec<(Entry<'_>, Vec<Value>)> = valid
        .iter()
        .filter_map(|entry| Some((*entry, values(entry)?)))
        .filter(|(_, values)| !values.is_empty())
        .collect();
    let points: Vec<Vec<f64>> = whole
        .iter()
        .map(|(_, values)| values.iter().map(|value| value.ln()).collect())
        .collect();
    let entries: Vec<Entry<'_>> = whole.iter().map(|(entry, _)| *entry).collect();
    let found = find(&points, settings);
    let level_start = found.last().map_or(0, |point| point.index);
    let newest_invalid = all.iter().rev().take_while(|entry| entry.1.rounds == 0);
    let (first, of_first) = all[0];
    let fields = of_first.setting.iter();
    Series {
        name,
        target: of_first.label.clone(),
        link: of_first.link.clone(),
        mode: of_first.mode.clone(),
        setting: fields
            .map(|field| (field.name.clone(), field.value.words().to_owned()))
            .collect(),
        host: first.host(),
        percentiles: coordinates
            .iter()
            .map(|index| PERCENTILES[*index])
            .collect(),
        results: whole.iter().map(result).collect(),
        noise: scaling::noise(&points)
            .iter()
            .map(|noise| noise.exp_m1())
            .collect(),
        changes: (0..found.len())
            .map(|number| change(&found, number, &entries, &coordinates, settings))
            .collect(),
        possible: newest(&points[level_start..], settings).map(|newest| Possible {
            results: newest.count,
            more: newest.more,
            moved: moved(&coordinates, &newest.shifts, &newest.outside),
        }),
        invalid: all.len() - valid.len(),
        few_samples: valid.len() - whole.len(),
        needs_more: fewest_results(settings).saturating_sub(whole.len()),
        newest_invalid: newest_invalid.count(),
    }
}

fn result(((result, measurement), values): &(Entry<'_>, Vec<Value>)) -> SeriesResult {
    SeriesResult {
        directory: result.directory.display().to_string(),
        started_at: result.started_at,
        revision: result.revision.clone(),
        image: result.image.clone(),
        rounds: measurement.rounds,
        values_ns: values.iter().map(|value| value.ns).collect(),
        is_bound: values.iter().map(|value| value.is_censored).collect(),
    }
}

fn moved(coordinates: &[usize], shifts: &[Shift], has_moved: &[bool]) -> Vec<Moved> {
    let each = coordinates.iter().zip(shifts).zip(has_moved);
    each.map(|((index, shift), has_moved)| Moved::new(PERCENTILES[*index], shift, *has_moved))
        .collect()
}

/// Returns change point `number` of those `found` among `entries`, with its cause.
fn change(
    found: &[ChangePoint],
    number: usize,
    entries: &[Entry<'_>],
    coordinates: &[usize],
    settings: &Settings,
) -> Change {
    let point = &found[number];
    let start = number
        .checked_sub(1)
        .map_or(0, |before| found[before].index);
    let end = found
        .get(number + 1)
        .map_or(entries.len(), |next| next.index);
    let levels = Levels {
        before: &entries[start..point.index],
        after: &entries[point.index..end],
    };
    let has_moved: Vec<bool> = point
        .shifts
        .iter()
        .map(|shift| shift.is_at_least(settings.min_change))
        .collect();
    let numbered = coordinates.iter().zip(&point.shifts).zip(&has_moved);
    let of_moved: Vec<MovedPercentile> = numbered
        .filter(|(_, has_moved)| **has_moved)
        .map(|((index, shift), _)| MovedPercentile {
            index: *index,
            shift: *shift,
        })
        .collect();
    let (first, last) = (point.places.start, point.places.end - 1);
    let (before, after) = (&entries[point.index - 1], &entries[point.index]);
    Change {
        index: point.index,
        between: [first, last],
        started_at: after.0.started_at,
        from_revision: before.0.revision.clone(),
        to_revision: after.0.revision.clone(),
        p_value: point.p_value,
        moved: moved(coordinates, &point.shifts, &has_moved),
        cause: Cause::of(&entries[first - 1], &entries[last], levels, &of_moved),
    }
}
