//! Percentiles beside the five that every summary has, by name: `99.999`.
//!
//! A percentile is kept as the decimal that was asked for: how many samples it takes is reckoned in whole
//! numbers, where a binary fraction of 0.99999 would be off by some.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use hdrhistogram::Histogram;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::percentile_rule::{MIN_BEYOND, PERCENTILES};

/// The most decimals that a percentile has: one in a hundred million lies beyond the highest.
const MAX_DECIMALS: usize = 6;

/// Largest number of percentiles that are read beside the standard ones.
pub const MOST: usize = 100;

/// A percentile, above 0 and below 100.
///
/// ```
/// use fathom::stats::Requested;
///
/// let percentile: Requested = "99.9".parse()?;
/// assert_eq!(percentile.name(), "p99.9");
/// // Ten samples have to lie beyond it.
/// assert_eq!(percentile.samples_needed(), 10_000);
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requested {
    /// The percent, without zeros at the end of a fraction.
    percent: String,
    /// So many samples lie beyond it, of `of`.
    beyond: u64,
    of: u64,
}

impl Requested {
    /// Name in tables and results.
    #[must_use]
    pub fn name(&self) -> String {
        format!("p{}", self.percent)
    }

    /// Returns the number of samples needed to show the percentile.
    #[must_use]
    pub fn samples_needed(&self) -> u64 {
        (MIN_BEYOND * self.of).div_ceil(self.beyond)
    }

    /// One sample in this many lies beyond it: 1/(1-p).
    #[must_use]
    pub fn one_in(&self) -> f64 {
        self.of as f64 / self.beyond as f64
    }

    /// Returns the share of samples that do not exceed it.
    #[must_use]
    pub fn quantile(&self) -> f64 {
        (self.of - self.beyond) as f64 / self.of as f64
    }

    /// Returns its rank among `count` samples, from 1 on.
    #[must_use]
    pub fn rank(&self, count: u64) -> u64 {
        let beyond = u128::from(count) * u128::from(self.beyond) / u128::from(self.of);
        count - u64::try_from(beyond).unwrap_or(count)
    }

    /// Returns the number of samples needed to have `least` of them on either side.
    #[must_use]
    pub fn samples_for(&self, least: u64) -> u64 {
        (least * self.of).div_ceil(self.beyond.min(self.of - self.beyond))
    }

    /// Returns whether every summary has the percentile anyway.
    #[must_use]
    pub fn is_standard(&self) -> bool {
        PERCENTILES
            .iter()
            .any(|percentile| percentile.name == self.name())
    }

    /// Returns its value in `histogram`, in nanoseconds, if that has enough samples; none is beyond `max_ns`, which the
    /// histogram knows to three digits only.
    #[must_use]
    pub fn of(&self, histogram: &Histogram<u64>, max_ns: u64) -> Option<u64> {
        let quantile = (self.of - self.beyond) as f64 / self.of as f64;
        let is_enough = histogram.len() >= self.samples_needed();
        is_enough.then(|| histogram.value_at_quantile(quantile).min(max_ns))
    }
}

impl Ord for Requested {
    fn cmp(&self, other: &Self) -> Ordering {
        // Both are below 10^9: no product overflows.
        (other.beyond * self.of).cmp(&(self.beyond * other.of))
    }
}

impl PartialOrd for Requested {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Requested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.percent)
    }
}

impl FromStr for Requested {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let is_number =
            |digits: &str| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
        if !is_number(whole) || !is_number(fraction) {
            return Err(format!(
                "`{text}` is no percentile: write, for example, 99.999"
            ));
        }
        let fraction = fraction.trim_end_matches('0');
        if fraction.len() > MAX_DECIMALS {
            return Err(format!(
                "more than {MAX_DECIMALS} decimals: no run has samples enough"
            ));
        }
        let whole = whole.trim_start_matches('0');
        let hundred = 100 * 10_u64.pow(fraction.len() as u32);
        let part = format!("{whole}{fraction}").parse::<u64>().unwrap_or(0);
        if whole.len() > 2 || part == 0 || part >= hundred {
            return Err(
                "a percentile is above 0 and below 100: minimum and maximum are always shown"
                    .to_owned(),
            );
        }
        let whole = if whole.is_empty() { "0" } else { whole };
        let point = if fraction.is_empty() { "" } else { "." };
        Ok(Self {
            percent: format!("{whole}{point}{fraction}"),
            beyond: hundred - part,
            of: hundred,
        })
    }
}

/// Returns those of `asked` that a summary does not have anyway, each once, in order.
#[must_use]
pub fn without_standard<'a>(asked: impl IntoIterator<Item = &'a Requested>) -> Vec<Requested> {
    let mut requested: Vec<Requested> = asked
        .into_iter()
        .filter(|requested| !requested.is_standard())
        .cloned()
        .collect();
    requested.sort_unstable();
    requested.dedup();
    requested
}

/// The values of requested percentiles, in order: in JSON, fields of the summary that holds them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Values(Vec<(Requested, Option<u64>)>);

impl Values {
    /// Adds a percentile's value, unless there is one.
    pub fn add(&mut self, requested: &Requested, ns: Option<u64>) {
        if let Err(place) = self.0.binary_search_by(|(known, _)| known.cmp(requested)) {
            self.0.insert(place, (requested.clone(), ns));
        }
    }

    /// The value of a percentile, if it was asked for: null where there were too few samples.
    #[must_use]
    pub fn get(&self, requested: &Requested) -> Option<Option<u64>> {
        self.iter()
            .find(|(known, _)| *known == requested)
            .map(|(_, ns)| ns)
    }

    /// Each with its value.
    pub fn iter(&self) -> impl Iterator<Item = (&Requested, Option<u64>)> {
        self.0.iter().map(|(requested, ns)| (requested, *ns))
    }
}

impl Serialize for Values {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().map(|(requested, ns)| (requested.name(), ns)))
    }
}

impl<'de> Deserialize<'de> for Values {
    /// Ignores fields that are no percentiles: those of other versions.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = Values;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a summary")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Values, A::Error> {
                let mut values = Values::default();
                while let Some((name, value)) = fields.next_entry::<String, Value>()? {
                    let requested = name.strip_prefix('p').and_then(|name| name.parse().ok());
                    if let Some(requested) =
                        requested.filter(|requested: &Requested| !requested.is_standard())
                    {
                        values.add(&requested, value.as_u64());
                    }
                    if values.0.len() > MOST {
                        let what = format!("more than {MOST} percentiles");
                        return Err(serde::de::Error::custom(what));
                    }
                }
                Ok(values)
            }
        }

        deserializer.deserialize_map(Fields)
    }
}

impl JsonSchema for Values {
    fn schema_name() -> Cow<'static, str> {
        "RequestedPercentiles".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Percentiles that were asked for with `--percentiles`, by their names.",
            "type": "object",
            "patternProperties": {
                r"^p[0-9]{1,2}(\.[0-9]+)?$": {
                    "description": "Null where there are too few samples.",
                    "type": ["integer", "null"], "format": "uint64", "minimum": 0
                },
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Summary;
    use super::*;
    use crate::histogram::DurationHistogram;

    fn requested(text: &str) -> Requested {
        text.parse().unwrap()
    }

    #[test]
    fn samples_are_reckoned_in_whole_numbers() {
        for (text, name, samples) in [
            ("50", "p50", 20),
            ("75", "p75", 40),
            ("99.999", "p99.999", 1_000_000),
            ("99.9950", "p99.995", 200_000),
            ("66.6", "p66.6", 30),
            ("0.1", "p0.1", 11),
            ("07", "p7", 11),
            ("99.999999", "p99.999999", 1_000_000_000),
        ] {
            let requested = requested(text);
            assert_eq!(
                (&*requested.name(), requested.samples_needed()),
                (name, samples)
            );
        }
        assert!(requested("99.9").is_standard() && !requested("99.99999").is_standard());
        let order = ["99.999", "75", "99.95"].map(requested);
        let sorted = without_standard(order.iter().chain(&[requested("50"), requested("75.0")]));
        assert_eq!(sorted, ["75", "99.95", "99.999"].map(requested));
    }

    #[test]
    fn a_malformed_percentile_is_named() {
        for (text, complaint) in [
            ("", "no percentile"),
            ("p99", "no percentile"),
            ("-1", "no percentile"),
            ("99.", "no percentile"),
            (".5", "no percentile"),
            ("1e1", "no percentile"),
            ("99,9", "no percentile"),
            ("0", "above 0 and below 100"),
            ("0.0", "above 0 and below 100"),
            ("100", "above 0 and below 100"),
            ("100.5", "above 0 and below 100"),
            ("99999999999999999999999", "above 0 and below 100"),
            ("99.9999999", "decimals"),
        ] {
            let said = text.parse::<Requested>().unwrap_err();
            assert!(said.contains(complaint), "{text}: {said}");
        }
    }

    #[test]
    fn fewer_than_ten_samples_beyond_tell_nothing() {
        let values = |samples: u64| {
            let durations = DurationHistogram::of_values(1..=samples);
            let mut summary = Summary::from(&durations);
            summary.add(&durations, &[requested("75"), requested("99.95")]);
            summary
                .requested
                .iter()
                .map(|(_, ns)| ns)
                .collect::<Vec<_>>()
        };
        assert_eq!(values(39), [None, None]);
        assert_eq!(values(40), [Some(30), None]);
        assert_eq!(values(20_000)[1], Some(19_999));
    }

    #[test]
    fn they_are_fields_of_the_summary_and_others_are_left_alone() {
        let durations = DurationHistogram::of_values(1..=100);
        let mut summary = Summary::from(&durations);
        summary.add(&durations, &[requested("99.999"), requested("75")]);
        let json = serde_json::to_value(&summary).unwrap();
        assert_eq!((&json["p75"], &json["p99.999"]), (&75.into(), &Value::Null));
        assert_eq!(json["p90"], 90);
        let mut other = json.clone();
        other["p"] = "x".into();
        other["phase"] = serde_json::json!({"a": [1]});
        let read: Summary = serde_json::from_value(other).unwrap();
        assert_eq!(read, summary);
        assert_eq!(serde_json::to_value(&read).unwrap(), json);
    }
}
