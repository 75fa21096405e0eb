//! Restlessness of the machines that results are of: the share of invalid runs, and how much a reference varies from
//! one result to the next.

use serde::Serialize;

use super::dated_result::{DatedResult, Measurement};
use crate::stats::change_points::scaling::noise;

/// Share of invalid runs from which a machine is restless.
const MANY_INVALID: f64 = 0.2;

/// Noise of a reference from which a machine is restless.
const MUCH_NOISE: f64 = 0.1;

/// Fewest values that noise is told from.
const LEAST_VALUES: usize = 6;

/// A machine.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HostNoise {
    /// Hashed id, or the processor's name.
    pub host: String,
    /// Number of results.
    pub results: usize,
    /// Number of their runs.
    pub runs: usize,
    /// Number of those that are not valid.
    pub invalid_runs: usize,
    /// The references that the results have, each with how much it varies.
    pub references: Vec<ReferenceNoise>,
    /// True if changes are hard to find on it.
    pub is_restless: bool,
}

/// Noise of a reference.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReferenceNoise {
    /// Name and link.
    pub name: String,
    /// Number of results.
    pub results: usize,
    /// Standard deviation from result to result, as a share.
    pub noise: f64,
}

/// Returns the machines of `results`, which are in order.
pub(super) fn of(results: &[DatedResult]) -> Vec<HostNoise> {
    let mut hosts: Vec<(String, Vec<&DatedResult>)> = Vec::new();
    for result in results {
        let host = result.host();
        match hosts.iter_mut().find(|(known, _)| *known == host) {
            Some((_, of)) => of.push(result),
            None => hosts.push((host, vec![result])),
        }
    }
    hosts
        .into_iter()
        .map(|(host, of)| host_noise(host, &of))
        .collect()
}

fn host_noise(host: String, results: &[&DatedResult]) -> HostNoise {
    let runs = results.iter().map(|result| result.runs).sum();
    let invalid_runs = results.iter().map(|result| result.invalid_runs).sum();
    let references = references(results);
    let is_invalid = invalid_runs as f64 > MANY_INVALID * runs as f64;
    let varies = references
        .iter()
        .any(|reference| reference.noise > MUCH_NOISE);
    HostNoise {
        host,
        results: results.len(),
        runs,
        invalid_runs,
        is_restless: is_invalid || varies,
        references,
    }
}

/// Values of a reference, in the order of the results.
type Values = Vec<(String, Vec<f64>)>;

fn references(results: &[&DatedResult]) -> Vec<ReferenceNoise> {
    let mut values: Values = Vec::new();
    let valid = |measurement: &&Measurement| measurement.rounds > 0;
    for result in results {
        let mut seen: Vec<String> = Vec::new();
        for measurement in result.measurements.iter().filter(valid) {
            for (name, ns) in of_measurement(measurement) {
                if !seen.contains(&name) {
                    push(&mut values, name.clone(), ns);
                    seen.push(name);
                }
            }
        }
    }
    let enough = values
        .into_iter()
        .filter(|(_, values)| values.len() >= LEAST_VALUES);
    let references = enough.map(|(name, values)| {
        let points: Vec<Vec<f64>> = values.iter().map(|ns| vec![ns.ln()]).collect();
        ReferenceNoise {
            name,
            results: values.len(),
            noise: noise(&points).first().map_or(0.0, |noise| noise.exp_m1()),
        }
    });
    references.collect()
}

/// Returns the references that a measurement is or has, in nanoseconds.
fn of_measurement(measurement: &Measurement) -> Vec<(String, f64)> {
    let mut references = Vec::new();
    if let Some(ns) = measurement.core_round_trip_ns {
        references.push(("one cache line between two cores".to_owned(), ns));
    }
    if measurement.label == "null"
        && let Some(value) = measurement.values[0]
        && !value.is_censored
    {
        let name = format!("p50 of null on {}, {}", measurement.link, measurement.mode);
        references.push((name, value.ns as f64));
    }
    references.retain(|(_, ns)| *ns > 0.0);
    references
}

fn push(values: &mut Values, name: String, ns: f64) {
    match values.iter_mut().find(|(known, _)| *known == name) {
        Some((_, of)) => of.push(ns),
        None => values.push((name, vec![ns])),
    }
}
