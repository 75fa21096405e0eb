//! An interval log, taken apart.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

use super::{Distribution, Interval};
use crate::stats::summary::{PERCENTILES, Percentile};

/// A last interval that the run filled by less than this share goes with the one before: it is what a
/// run needs to end, and no second of it. Logs of older versions have such intervals.
const REST: f64 = 0.1;

/// The intervals of the log of a run that took `elapsed_s`, and their sum.
pub(super) fn decode(log: &[u8], elapsed_s: f64) -> Result<Distribution, String> {
    let mut parts: Vec<(f64, f64, Histogram<u64>)> = Vec::new();
    let mut deserializer = Deserializer::new();
    for entry in IntervalLogIterator::new(log) {
        let interval = match entry.map_err(|error| format!("{error:?}"))? {
            LogEntry::Interval(interval) => interval,
            LogEntry::StartTime(_) | LogEntry::BaseTime(_) => continue,
        };
        let bytes = BASE64
            .decode(interval.encoded_histogram())
            .map_err(|error| error.to_string())?;
        let part: Histogram<u64> = deserializer
            .deserialize(&mut bytes.as_slice())
            .map_err(|error| error.to_string())?;
        let start_s = interval.start_timestamp().as_secs_f64();
        let length_s = interval.duration().as_secs_f64();
        let rest_s = (elapsed_s - start_s).max(0.0);
        match parts.last_mut() {
            Some((from_s, before_s, before)) if rest_s < REST * length_s => {
                *before_s = before_s.max(elapsed_s - *from_s);
                before.add(part).map_err(|error| error.to_string())?;
            }
            // Older versions wrote whole intervals, longer than the run.
            _ => parts.push((start_s, length_s.min(rest_s), part)),
        }
    }
    let mut histogram = Histogram::new(3).map_err(|error| error.to_string())?;
    let mut intervals = Vec::new();
    for (start_s, length_s, part) in parts {
        intervals.push(Interval {
            start_s,
            length_s,
            percentiles_ns: PERCENTILES.map(|percentile| quantile(&part, &percentile)),
            max_ns: (!part.is_empty()).then(|| part.max()),
        });
        histogram.add(part).map_err(|error| error.to_string())?;
    }
    Ok(Distribution {
        histogram,
        intervals,
    })
}

/// A percentile of part of a run, by the same rule as of the whole.
fn quantile(part: &Histogram<u64>, percentile: &Percentile) -> Option<u64> {
    let is_enough = part.len() >= percentile.samples_needed();
    is_enough.then(|| part.value_at_quantile(percentile.quantile))
}
