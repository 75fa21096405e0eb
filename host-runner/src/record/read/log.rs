//! An interval log, taken apart: nothing in it is believed before its size is known.

use std::collections::BTreeMap;
use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use flate2::read::ZlibDecoder;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{
    IntervalLogHistogram, IntervalLogIterator, LogEntry,
};

use super::limits::LOG_INTERVALS;
use super::{Distribution, Interval};
use crate::histogram::HIGHEST_NS;
use crate::record::run::Node;
use crate::stats::Tag;
use crate::stats::percentile_rule::{PERCENTILES, Percentile};

/// A last interval that the run filled by less than this share goes with the one before: it is what a
/// run needs to end, and no second of it. Logs of older versions have such intervals.
const REST: f64 = 0.1;

/// Cookies at the start of a compressed histogram (HdrHistogram's V2 encoding), and of the one in it.
const COMPRESSED: u32 = 0x1c84_9314;
const PLAIN: u32 = 0x1c84_9313;

/// The length of a plain histogram's header.
const HEADER: usize = 40;

/// The significant digits of every histogram of Fathom's.
const DIGITS: u32 = 3;

/// More than a histogram of so many digits up to [`HIGHEST_NS`] can have, 9 bytes for every count.
const MAX_PLAIN: usize = 1 << 20;

/// The intervals of the log of a run that took `elapsed_s`, their sum, and what is tagged: other quantities, and the shares
/// of `nodes`.
pub(super) fn decode(log: &[u8], elapsed_s: f64, nodes: &[Node]) -> Result<Distribution, String> {
    let mut sum = Sum {
        histogram: Histogram::new(DIGITS as u8).map_err(|error| error.to_string())?,
        intervals: Vec::new(),
    };
    let mut tagged: BTreeMap<Tag, Histogram<u64>> = BTreeMap::new();
    let mut of_nodes: Vec<Histogram<u64>> = Vec::new();
    let mut last: Option<(f64, f64, Histogram<u64>)> = None;
    let mut count = 0;
    for entry in IntervalLogIterator::new(log) {
        let interval = match entry.map_err(|error| format!("{error:?}"))? {
            LogEntry::Interval(interval) => interval,
            LogEntry::StartTime(_) | LogEntry::BaseTime(_) => continue,
        };
        count += 1;
        if count > LOG_INTERVALS {
            return Err(format!("it has more than {LOG_INTERVALS} intervals"));
        }
        if let Some(tag) = interval.tag() {
            let name = tag.as_str();
            if nodes
                .get(of_nodes.len())
                .is_some_and(|node| node.name == name)
            {
                of_nodes.push(histogram(&interval)?);
                continue;
            }
            // Those of other versions are left alone.
            if let Some(tag) = Tag::named(name) {
                let part = histogram(&interval)?;
                match tagged.get_mut(&tag) {
                    Some(sum) => sum.add(part).map_err(|error| error.to_string())?,
                    None => {
                        tagged.insert(tag, part);
                    }
                }
            }
            continue;
        }
        let part = histogram(&interval)?;
        let start_s = interval.start_timestamp().as_secs_f64();
        let length_s = interval.duration().as_secs_f64();
        let rest_s = (elapsed_s - start_s).max(0.0);
        match &mut last {
            Some((from_s, before_s, before)) if rest_s < REST * length_s => {
                *before_s = before_s.max(elapsed_s - *from_s);
                before.add(part).map_err(|error| error.to_string())?;
            }
            _ => {
                // Older versions wrote whole intervals, longer than the run.
                let next = (start_s, length_s.min(rest_s), part);
                if let Some(complete) = last.replace(next) {
                    sum.add(complete)?;
                }
            }
        }
    }
    if let Some(complete) = last {
        sum.add(complete)?;
    }
    if let Some(missing) = nodes.get(of_nodes.len()) {
        return Err(format!("it has no entry of node {}", missing.name));
    }
    Ok(Distribution {
        nodes: of_nodes.iter().map(Into::into).collect(),
        histogram: sum.histogram,
        intervals: sum.intervals,
        tagged: tagged
            .iter()
            .map(|(&tag, histogram)| (tag, histogram.into()))
            .collect(),
    })
}

/// Sum of the intervals decoded so far.
struct Sum {
    histogram: Histogram<u64>,
    intervals: Vec<Interval>,
}

impl Sum {
    fn add(&mut self, (start_s, length_s, part): (f64, f64, Histogram<u64>)) -> Result<(), String> {
        self.intervals.push(Interval {
            start_s,
            length_s,
            percentiles_ns: PERCENTILES.map(|percentile| quantile(&part, &percentile)),
            max_ns: (!part.is_empty()).then(|| part.max()),
        });
        self.histogram.add(part).map_err(|error| error.to_string())
    }
}

/// The histogram of `interval`, if it is one that Fathom can have written.
///
/// # Errors
///
/// A message, if it is none.
pub(in crate::record) fn histogram(
    interval: &IntervalLogHistogram<'_>,
) -> Result<Histogram<u64>, String> {
    let bytes = BASE64
        .decode(interval.encoded_histogram())
        .map_err(|error| error.to_string())?;
    let (cookie, rest) = word(&bytes)?;
    if cookie != COMPRESSED {
        return Err("it has a histogram that is not compressed".to_owned());
    }
    let (_, compressed) = word(rest)?;
    let mut plain = Vec::new();
    ZlibDecoder::new(compressed)
        .take(MAX_PLAIN as u64 + 1)
        .read_to_end(&mut plain)
        .map_err(|error| error.to_string())?;
    if plain.len() > MAX_PLAIN {
        return Err(format!("it has a histogram of more than {MAX_PLAIN} bytes"));
    }
    check(&plain)?;
    Deserializer::new()
        .deserialize(&mut plain.as_slice())
        .map_err(|error| error.to_string())
}

/// Looks at the header of a plain histogram, by which memory is asked for.
fn check(plain: &[u8]) -> Result<(), String> {
    let (cookie, rest) = word(plain)?;
    let (payload_len, rest) = word(rest)?;
    let (_normalizing_offset, rest) = word(rest)?;
    let (digits, rest) = word(rest)?;
    let (_lowest, rest) = wide_word(rest)?;
    let (highest, _) = wide_word(rest)?;
    let complaint = if cookie != PLAIN {
        "it has a histogram of another encoding"
    } else if plain.len().checked_sub(HEADER) != Some(payload_len as usize) {
        "it has a histogram of another length than it says"
    } else if digits != DIGITS {
        "it has a histogram of another precision"
    } else if highest > HIGHEST_NS {
        "it has a histogram of longer times than are measured"
    } else {
        return Ok(());
    };
    Err(complaint.to_owned())
}

/// The next four bytes as a number, and what follows.
fn word(bytes: &[u8]) -> Result<(u32, &[u8]), String> {
    let (word, rest) = bytes.split_first_chunk().ok_or("it has half a histogram")?;
    Ok((u32::from_be_bytes(*word), rest))
}

/// The next eight bytes as a number, and what follows.
fn wide_word(bytes: &[u8]) -> Result<(u64, &[u8]), String> {
    let (word, rest) = bytes.split_first_chunk().ok_or("it has half a histogram")?;
    Ok((u64::from_be_bytes(*word), rest))
}

/// A percentile of part of a run, by the same rule as of the whole.
fn quantile(part: &Histogram<u64>, percentile: &Percentile) -> Option<u64> {
    let is_enough = part.len() >= percentile.samples_needed();
    is_enough.then(|| part.value_at_quantile(percentile.quantile))
}
