//! Buckets of a distribution as Prometheus has them.
//!
//! A slot of the distribution goes to the bucket of its upper edge: a bucket's bound is off by no more than a slot's width,
//! a thousandth. A loss has at least the timeout for a latency, so it is above every bound up to that.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use crate::histogram::DurationHistogram;
use crate::histogram::slots::Slot;

/// Upper bounds of the classic buckets, in nanoseconds: 1, 2.5 and 5 of each decade from a microsecond to ten seconds.
pub const BOUNDS_NS: [u64; 22] = {
    let mut bounds = [0; 22];
    let mut decade_ns = 1_000;
    let mut index = 0;
    while index < bounds.len() {
        bounds[index] = match index % 3 {
            0 => decade_ns,
            1 => decade_ns / 2 * 5,
            _ => decade_ns * 5,
        };
        if index % 3 == 2 {
            decade_ns *= 10;
        }
        index += 1;
    }
    bounds
};

/// Schemas of native histograms: 2^schema buckets for each doubling.
pub const SCHEMAS: std::ops::RangeInclusive<i32> = -4..=8;

/// Schema unless told otherwise: a bucket is 4.4 % wide.
pub const DEFAULT_SCHEMA: i32 = 4;

fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

/// Returns the upper bound of each classic bucket in seconds, the last of which is infinite, with the number of samples in
/// it.
#[must_use]
pub fn classic(durations: &DurationHistogram) -> Vec<(f64, u64)> {
    let bounds = BOUNDS_NS.iter().map(|&bound_ns| (seconds(bound_ns), 0));
    let mut buckets: Vec<_> = bounds.chain([(f64::INFINITY, 0)]).collect();
    for (slot, count) in durations.used() {
        let index = BOUNDS_NS.partition_point(|&bound_ns| bound_ns < slot.highest_ns());
        buckets[index].1 += count;
    }
    buckets
}

/// Sparse buckets of a native histogram: bucket `i` has the values up to 2^(i / 2^schema) seconds that bucket `i - 1` has
/// not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Native {
    /// Samples of no length.
    pub zeros: u64,
    /// Runs of buckets that follow each other: distance from the end of the run before (the first: from bucket 0), and
    /// length.
    pub spans: Vec<(i32, u32)>,
    /// Samples in each bucket, less those in the one before.
    pub deltas: Vec<i64>,
}

/// Returns the bucket of a slot, whose upper edge is not zero.
fn bucket(slot: Slot, schema: i32) -> i32 {
    let doublings = seconds(slot.highest_ns()).log2();
    // At most 40 doublings of 2^8 buckets.
    (doublings * f64::from(schema).exp2()).ceil() as i32
}

/// Returns the buckets of `schema`.
#[must_use]
pub fn native(durations: &DurationHistogram, schema: i32) -> Native {
    let mut counts = BTreeMap::<i32, u64>::new();
    let mut native = Native::default();
    for (slot, count) in durations.used() {
        match slot.highest_ns() {
            0 => native.zeros += count,
            _ => *counts.entry(bucket(slot, schema)).or_default() += count,
        }
    }
    let mut end = 0;
    let mut before = 0;
    for (index, count) in counts {
        match native.spans.last_mut() {
            Some((_, length)) if index == end => *length += 1,
            _ => native.spans.push((index - end, 1)),
        }
        end = index + 1;
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        native.deltas.push(count - before);
        before = count;
    }
    native
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn recorded(values: &[u64]) -> DurationHistogram {
        DurationHistogram::of_values(values.iter().copied())
    }

    #[test]
    fn bounds_are_those_that_people_write() {
        let first: Vec<String> = BOUNDS_NS[..4].iter().map(u64::to_string).collect();
        assert_eq!(first, ["1000", "2500", "5000", "10000"]);
        assert_eq!(
            BOUNDS_NS[18..],
            [1_000_000_000, 2_500_000_000, 5_000_000_000, 10_000_000_000]
        );
        assert!(BOUNDS_NS.is_sorted());
    }

    #[test]
    fn a_loss_is_above_the_bound_that_is_the_timeout() {
        let buckets = classic(&recorded(&[900_000_000, 1_000_000_000, 20_000_000_000]));
        let within = |bound: f64| {
            let below = buckets.iter().filter(|bucket| bucket.0 <= bound);
            below.map(|bucket| bucket.1).sum::<u64>()
        };
        assert_eq!((within(0.5), within(1.0), within(2.5)), (0, 1, 2));
        assert_eq!(within(f64::INFINITY), 3);
    }

    #[test]
    fn buckets_of_a_native_histogram_are_where_the_format_has_them() {
        // Half a second is the upper bound of bucket -1 of schema 0, and a second that of bucket 0; a slot's upper edge
        // is a little above.
        let native = native(
            &recorded(&[0, 400_000_000, 900_000_000, 900_000_000, 7_000_000_000]),
            0,
        );
        assert_eq!(native.zeros, 1);
        assert_eq!(native.spans, [(-1, 2), (2, 1)]);
        assert_eq!(native.deltas, [1, 1, -1]);
        assert_eq!(super::native(&recorded(&[]), 4), Native::default());
    }

    proptest! {
        #[test]
        fn every_sample_is_in_the_bucket_of_its_value(
            values in prop::collection::vec((1..1_u64 << 40, 0..30_u32), 1..100),
            schema in SCHEMAS,
        ) {
            let values: Vec<u64> = values.iter().map(|(value, shift)| (value >> shift).max(1)).collect();
            let native = native(&recorded(&values), schema);
            let (mut index, mut delta) = (0, native.deltas.iter());
            let (mut count, mut sum) = (0, 0);
            let base = (-f64::from(schema)).exp2().exp2();
            for (offset, length) in &native.spans {
                index += offset;
                for _ in 0..*length {
                    count += delta.next().unwrap();
                    prop_assert!(count > 0);
                    sum += count;
                    let upper_ns = base.powi(index) * 1e9;
                    let lower_ns = upper_ns / base;
                    // Less a slot's width: a thousandth, or a nanosecond.
                    let is_in = |value: &&u64| {
                        let value = **value as f64;
                        value <= upper_ns * 1.0001 && value >= lower_ns * 0.998 - 1.0
                    };
                    prop_assert!(values.iter().filter(is_in).count() as i64 >= count);
                    index += 1;
                }
            }
            prop_assert_eq!(delta.next(), None);
            prop_assert_eq!(sum, values.len() as i64);
            let classic: u64 = classic(&recorded(&values)).iter().map(|bucket| bucket.1).sum();
            prop_assert_eq!(classic, values.len() as u64);
        }
    }
}
