//! The `.hgrm` file: a percentile distribution as text, as HdrHistogram's own
//! `outputPercentileDistribution` writes it and its plotter reads it. Values are in microseconds:
//! nanoseconds divided by a scaling ratio of 1000.
//!
//! The format has no place for the unit, nor for what is censored, so comments before the header say it.
//! Readers skip lines that
//! begin with `#`: the last three lines of every such file do, and HdrHistogram's `HistogramLogProcessor`
//! writes two before the header as well.

use std::fmt::{self, Write as _};

use crate::histogram::DurationHistogram;
use crate::stats::recorder::Censored;

/// Nanoseconds per unit of the file.
const SCALING_RATIO: f64 = 1000.0;

/// Comment that states the unit of the values.
const UNIT: &str = "#[Values are in microseconds]";

/// Lines per halving of the distance to 100 %, as HdrHistogram's tools have it.
const TICKS_PER_HALF_DISTANCE: u32 = 5;

/// The distribution of `recording` as the text of an `.hgrm` file; `censored` are those samples that are
/// lower bounds.
#[must_use]
pub fn render(recording: &DurationHistogram, censored: Censored) -> String {
    let mut text = String::new();
    // Writing to a string can't fail.
    let _ = write(recording, censored, &mut text);
    text
}

fn write(recording: &DurationHistogram, censored: Censored, text: &mut String) -> fmt::Result {
    let histogram = recording.histogram();
    writeln!(text, "{UNIT}")?;
    if let Some(from_ns) = censored.from_ns {
        let (count, from) = (censored.count, from_ns as f64 / SCALING_RATIO);
        writeln!(
            text,
            "#[Censored: {count} values of requests without a reply, from {from:.3} on: the true values \
             are at least the written ones]"
        )?;
    }
    writeln!(
        text,
        "{:>12} {:>14} {:>10} {:>14}\n",
        "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
    )?;
    let mut total = 0;
    for step in histogram.iter_quantiles(TICKS_PER_HALF_DISTANCE) {
        total += step.count_since_last_iteration();
        let value = step.value_iterated_to() as f64 / SCALING_RATIO;
        let quantile = step.quantile_iterated_to();
        write!(text, "{value:12.3} {quantile:.12} {total:10}")?;
        if quantile < 1.0 {
            write!(text, " {:14.2}", 1.0 / (1.0 - quantile))?;
        }
        text.push('\n');
    }
    let max = recording.max_ns().unwrap_or_default() as f64 / SCALING_RATIO;
    let sub_buckets = 1_usize << sub_bucket_magnitude(histogram.sigfig());
    writeln!(
        text,
        "#[Mean    = {:12.3}, StdDeviation   = {:12.3}]",
        recording.mean_ns().unwrap_or_default() / SCALING_RATIO,
        histogram.stdev() / SCALING_RATIO,
    )?;
    writeln!(
        text,
        "#[Max     = {max:12.3}, Total count    = {:12}]",
        histogram.len()
    )?;
    writeln!(
        text,
        "#[Buckets = {:12}, SubBuckets     = {sub_buckets:12}]",
        histogram.buckets(),
    )
}

/// The number of bits that tell `digits` significant digits apart, as HdrHistogram computes it.
fn sub_bucket_magnitude(digits: u8) -> u32 {
    (2 * 10_u32.pow(digits.into())).next_power_of_two().ilog2()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_the_form_that_the_plotter_reads() {
        let recording = DurationHistogram::of_values([1000, 2000, 3000, 4000]);
        let expected = "#[Values are in microseconds]
       Value     Percentile TotalCount 1/(1-Percentile)

       1.000 0.000000000000          1           1.00
       1.000 0.100000000000          1           1.11
       1.000 0.200000000000          1           1.25
       2.000 0.300000000000          2           1.43
       2.000 0.400000000000          2           1.67
       2.000 0.500000000000          2           2.00
       3.001 0.550000000000          3           2.22
       3.001 0.600000000000          3           2.50
       3.001 0.650000000000          3           2.86
       3.001 0.700000000000          3           3.33
       4.001 0.750000000000          4           4.00
       4.001 1.000000000000          4
#[Mean    =        2.500, StdDeviation   =        1.118]
#[Max     =        4.000, Total count    =            4]
#[Buckets =           31, SubBuckets     =         2048]
";
        assert_eq!(render(&recording, Censored::default()), expected);
    }

    /// The points that HdrHistogram's plotter (`plotFiles.html`) draws: lines of four numbers that are no
    /// comment.
    fn plotted(text: &str) -> Vec<(f64, f64)> {
        let point = |line: &str| {
            let numbers: Vec<&str> = line.split_whitespace().collect();
            let [value, _, _, one_in] = numbers.as_slice() else {
                return None;
            };
            Some((one_in.parse().ok()?, value.parse().ok()?))
        };
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.filter_map(point).collect()
    }

    #[test]
    fn a_plotter_sees_the_values_and_nothing_of_the_unit() {
        let recording = DurationHistogram::of_values([1000, 2000, 3000, 4000]);
        let censored = Censored {
            count: 1,
            from_ns: Some(4000),
        };
        let text = render(&recording, censored);
        assert!(
            text.contains("\n#[Censored: 1 values of requests without a reply, from 4.000 on: ")
        );
        let points = plotted(&text);
        assert_eq!(points.len(), 11);
        assert_eq!((points[0], points[10]), ((1.0, 1.0), (4.0, 4.001)));
        let rest = render(&recording, Censored::default());
        let (_, rest) = rest.split_once('\n').unwrap();
        assert_eq!(plotted(rest), points);
    }

    #[test]
    fn an_empty_recording_is_a_file_too() {
        assert!(
            render(&DurationHistogram::default(), Censored::default())
                .contains("Total count    =            0]")
        );
    }
}
