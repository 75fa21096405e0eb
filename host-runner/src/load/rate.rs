//! Rate of an open loop, in requests per second.

use std::fmt;
use std::str::FromStr;

/// Millionths of a request per second in one request per second.
const SCALE: u64 = 1_000_000;

/// Decimal places that [`SCALE`] holds.
const DECIMALS: i32 = 6;

/// A rate in requests per second, exact to a millionth of a request per second: every number with up
/// to six decimal places is the rate itself and no approximation.
///
/// Read from text, it takes what wrk2 takes and more: `1000`, `0.2`, `100k`, `1.5M`, `1e6`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate {
    /// In millionths of a request per second; from 1 to [`Rate::HIGHEST`].
    micro_per_second: u64,
}

impl Rate {
    /// The highest: a request every nanosecond.
    pub const HIGHEST: Self = Self::per_second(1_000_000_000);

    /// The lowest: a request every million seconds.
    pub const LOWEST: Self = Self {
        micro_per_second: 1,
    };

    /// `requests` per second.
    ///
    /// # Panics
    ///
    /// If that is none, or more than one a nanosecond.
    #[must_use]
    pub const fn per_second(requests: u32) -> Self {
        assert!(
            requests > 0 && requests <= 1_000_000_000,
            "a rate is from above 0 to a request every nanosecond"
        );
        Self {
            micro_per_second: requests as u64 * SCALE,
        }
    }

    /// The rate nearest to `requests` per second that can be held, within the two ends.
    #[must_use]
    pub fn nearest(requests: f64) -> Self {
        // A number too large for the type becomes the largest, and no number becomes 0.
        let micro_per_second = (requests * SCALE as f64).round() as u64;
        Self {
            micro_per_second: micro_per_second.clamp(1, Self::HIGHEST.micro_per_second),
        }
    }

    /// In requests per second.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        self.micro_per_second as f64 / SCALE as f64
    }

    /// In millionths of a request per second.
    #[must_use]
    pub const fn micro_per_second(self) -> u64 {
        self.micro_per_second
    }

    /// From one request to the next, in nanoseconds, rounded down.
    #[must_use]
    pub const fn interval_ns(self) -> u64 {
        Self::NS_TIMES_SCALE / self.micro_per_second
    }

    /// A second in nanoseconds, times the millionths of a request per second: what the interval is a
    /// fraction of.
    pub(super) const NS_TIMES_SCALE: u64 = 1_000_000_000 * SCALE;

    /// Returns the number of requests that are due in `ns` nanoseconds, rounded up.
    #[must_use]
    pub fn requests_in(self, ns: u64) -> u64 {
        let product = u128::from(self.micro_per_second) * u128::from(ns);
        let requests = product.div_ceil(u128::from(Self::NS_TIMES_SCALE));
        u64::try_from(requests).unwrap_or(u64::MAX)
    }

    /// Returns the time that `count` requests take to send, in nanoseconds, rounded down.
    #[must_use]
    pub fn time_of(self, count: u64) -> u64 {
        let product = u128::from(count) * u128::from(Self::NS_TIMES_SCALE);
        u64::try_from(product / u128::from(self.micro_per_second)).unwrap_or(u64::MAX)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_f64())
    }
}

/// Reason why a text is no rate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RateError {
    /// Not written as a number is.
    #[error(
        "it is no number: write, for example, 1000, 0.2, 100k, 1.5M or 1e6 (requests per second)"
    )]
    NoNumber,
    /// Zero or less.
    #[error("a rate is above 0 requests per second; one a minute is 0.016667")]
    NotPositive,
    /// Above zero and lower than can be held.
    #[error("the lowest rate is 0.000001 requests per second")]
    TooLow,
    /// Higher than can be held.
    #[error("the highest rate is 1e9 requests per second, one a nanosecond")]
    TooHigh,
    /// Has decimal places that would be lost.
    #[error("a rate has no more than six decimal places")]
    TooFine,
}

impl FromStr for Rate {
    type Err = RateError;

    /// Reads a decimal number with an optional exponent and one of the factors k, M and G, of either
    /// case, as wrk2 reads it.
    fn from_str(text: &str) -> Result<Self, RateError> {
        let (number, factor) = match text.char_indices().last() {
            Some((at, 'k' | 'K')) => (&text[..at], 3),
            Some((at, 'm' | 'M')) => (&text[..at], 6),
            Some((at, 'g' | 'G')) => (&text[..at], 9),
            _ => (text, 0),
        };
        let (mantissa, exponent) = match number.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => {
                let exponent: i32 = exponent.parse().map_err(|_| RateError::NoNumber)?;
                (mantissa, exponent)
            }
            None => (number, 0),
        };
        let (is_negative, mantissa) = match mantissa.strip_prefix('-') {
            Some(mantissa) => (true, mantissa),
            None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
        };
        let (whole, decimals) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits: Vec<u8> = whole.bytes().chain(decimals.bytes()).collect();
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return Err(RateError::NoNumber);
        }
        if is_negative || digits.iter().all(|&digit| digit == b'0') {
            return Err(RateError::NotPositive);
        }
        let places = i32::try_from(decimals.len()).map_err(|_| RateError::TooFine)?;
        let shift = exponent
            .saturating_add(factor)
            .saturating_add(DECIMALS)
            .saturating_sub(places);
        scaled(&digits, shift)
    }
}

/// The rate of `digits` times ten to the power of `shift`, in millionths.
fn scaled(digits: &[u8], shift: i32) -> Result<Rate, RateError> {
    let first = digits.iter().position(|&digit| digit != b'0');
    let last = digits.iter().rposition(|&digit| digit != b'0');
    let (Some(first), Some(last)) = (first, last) else {
        return Err(RateError::NotPositive);
    };
    // Zeros at the end are part of the shift, so that they can't be decimal places.
    let zeros = i32::try_from(digits.len() - 1 - last).map_err(|_| RateError::TooHigh)?;
    let shift = shift.saturating_add(zeros);
    let digits = &digits[first..=last];
    let length = i32::try_from(digits.len()).map_err(|_| RateError::TooFine)?;
    if shift < 0 {
        let is_below_one = length.saturating_add(shift) <= 0;
        return Err(if is_below_one {
            RateError::TooLow
        } else {
            RateError::TooFine
        });
    }
    let highest = u128::from(Rate::HIGHEST.micro_per_second);
    let append = |value: u128, digit: u8| (value * 10 + u128::from(digit)).min(highest + 1);
    let zeros = std::iter::repeat_n(b'0', usize::try_from(shift).unwrap_or_default().min(40));
    let micro = digits
        .iter()
        .copied()
        .chain(zeros)
        .fold(0, |value, digit| append(value, digit - b'0'));
    match u64::try_from(micro) {
        Ok(micro_per_second) if micro <= highest => Ok(Rate { micro_per_second }),
        _ => Err(RateError::TooHigh),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_what_wrk2_reads() {
        for (text, per_second) in [
            ("1000", 1000.0),
            ("0.2", 0.2),
            ("100k", 100_000.0),
            ("1e6", 1_000_000.0),
            ("1.5M", 1_500_000.0),
            ("1.5m", 1_500_000.0),
            ("2.5K", 2500.0),
            ("1G", 1e9),
            (".5", 0.5),
            ("5.", 5.0),
            ("+7", 7.0),
            ("1E+3", 1000.0),
            ("200e-3", 0.2),
            ("0.000001", 1e-6),
            ("1.0000000000", 1.0),
            ("0.0000002k", 0.0002),
            ("00012", 12.0),
        ] {
            let rate: Rate = text.parse().unwrap();
            assert_eq!(rate.as_f64(), per_second, "{text}");
        }
    }

    #[test]
    fn says_what_is_wrong_with_a_rate() {
        for (text, error) in [
            ("", RateError::NoNumber),
            ("k", RateError::NoNumber),
            (".", RateError::NoNumber),
            ("NaN", RateError::NoNumber),
            ("inf", RateError::NoNumber),
            ("1x", RateError::NoNumber),
            ("1kk", RateError::NoNumber),
            ("1e", RateError::NoNumber),
            ("1 000", RateError::NoNumber),
            ("--1", RateError::NoNumber),
            ("1\u{e9}", RateError::NoNumber),
            ("0", RateError::NotPositive),
            ("0.0k", RateError::NotPositive),
            ("-5", RateError::NotPositive),
            ("1e-7", RateError::TooLow),
            ("1.0000001", RateError::TooFine),
            ("1000000001", RateError::TooHigh),
            ("2G", RateError::TooHigh),
            ("1e2000000000", RateError::TooHigh),
            ("1e-2000000000", RateError::TooLow),
        ] {
            assert_eq!(text.parse::<Rate>(), Err(error), "{text}");
        }
        for error in [RateError::NoNumber, RateError::TooHigh] {
            assert!(error.to_string().contains("requests per second"));
        }
    }

    #[test]
    fn a_rate_is_an_interval_and_a_number_of_requests() {
        let rate: Rate = "0.2".parse().unwrap();
        assert_eq!(rate.interval_ns(), 5_000_000_000);
        assert_eq!(rate.requests_in(60_000_000_000), 12);
        assert_eq!(rate.requests_in(1), 1);
        assert_eq!(rate.time_of(12), 60_000_000_000);
        assert_eq!(rate.to_string(), "0.2");
        assert_eq!(Rate::per_second(100_000).to_string(), "100000");
    }

    #[test]
    fn the_nearest_rate_is_within_the_two_ends() {
        assert_eq!(Rate::nearest(0.2), "0.2".parse().unwrap());
        assert_eq!(Rate::nearest(f64::NAN), Rate::LOWEST);
        assert_eq!(Rate::nearest(-1.0), Rate::LOWEST);
        assert_eq!(Rate::nearest(1e300), Rate::HIGHEST);
    }

    proptest! {
        #[test]
        fn any_text_is_a_rate_or_an_error(text in "[-+]?[0-9]{0,20}[.]?[0-9]{0,20}(e[-+]?[0-9]{1,12})?[kMG]?") {
            let _ = text.parse::<Rate>();
        }

        #[test]
        fn a_rate_is_read_back_as_it_is_shown(micro_per_second in 1..=1_000_000_000_000_000u64) {
            let rate = Rate { micro_per_second };
            prop_assert_eq!(Rate::nearest(rate.as_f64()), rate);
            prop_assert_eq!(rate.to_string().parse(), Ok(rate));
        }
    }
}
