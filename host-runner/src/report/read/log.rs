//! An interval log, taken apart.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

use super::{Distribution, Interval};
use crate::stats::summary::{PERCENTILES, Percentile};

/// The intervals of a log, and their sum.
pub(super) fn decode(log: &[u8]) -> Result<Distribution, String> {
    let mut histogram = Histogram::new(3).map_err(|error| error.to_string())?;
    let mut intervals = Vec::new();
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
        intervals.push(Interval {
            start_s: interval.start_timestamp().as_secs_f64(),
            length_s: interval.duration().as_secs_f64(),
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
