//! Comment of Fathom's in an interval log that says what became of the requests, as [`log_description`] has it.
//!
//! [`log_description`]: super::log_description

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::log_description::{comment, parse};
use super::{RecordError, Run};
use crate::stats::outcomes::Outcomes;
use crate::stats::percentile_rule::PERCENTILES;
use crate::stats::{PercentileState, Reason};

/// First part of the line, without the `#` that begins it.
const COUNTS: &str = "[Fathom counts ";

/// Counts of the requests whose latencies a log has, by what became of them, and how far to trust them. The fields are those of a
/// [`Run`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogCounts {
    /// Requests sent.
    pub sent: u64,
    /// Requests answered in time.
    pub received: u64,
    /// Requests not answered in time.
    pub lost: u64,
    /// Requests that were due and that the host gave up sending.
    pub dropped_locally: u64,
    /// Requests unanswered when a partial run was broken off.
    pub in_flight_at_end: u64,
    /// Requests before the measurement.
    pub warmup_discarded: u64,
    /// First answers after the timeout.
    pub late: u64,
    /// Repeated answers.
    pub duplicated: u64,
    /// Answers overtaken by others.
    pub reordered: u64,
    /// Datagrams that are no proper answer.
    pub corrupted: u64,
    /// Answers from another boot of the service.
    pub foreign: u64,
    /// Answers to requests no longer remembered.
    pub stale: u64,
    /// Answers whose guest times are impossible.
    pub impossible_times: u64,
    /// Number of latencies that are lower bounds.
    pub censored_count: u64,
    /// Latencies from here on, in nanoseconds, are lower bounds.
    pub censored_from_ns: Option<u64>,
    /// True if the measurement was broken off.
    pub partial: bool,
    /// True if the figures mean what they say.
    pub valid: bool,
    /// True if a percentile counts only if it is clean.
    pub strict: bool,
    /// The percentile that was asked for.
    pub needs: Option<String>,
    /// The highest percentile up to which all count.
    pub valid_to: Option<String>,
    /// State of each percentile, by its name.
    pub percentiles: BTreeMap<String, PercentileState>,
    /// Everything that stands against the measurement.
    pub reasons: Vec<Reason>,
    /// Reasons for invalidity, in words.
    pub invalid_because: Vec<String>,
}

/// Implements both conversions of the fields that a run and its counts share: all of the latter's, or it does not compile.
macro_rules! conversions {
    ($($field:ident),+ $(,)?) => {
        impl From<&Run> for LogCounts {
            fn from(run: &Run) -> Self {
                Self {
                    $($field: Clone::clone(&run.$field)),+
                }
            }
        }

        impl LogCounts {
            /// Puts the counts into `run`.
            pub fn fill(&self, run: &mut Run) {
                $(run.$field.clone_from(&self.$field);)+
            }
        }
    };
}

conversions!(
    sent,
    received,
    lost,
    dropped_locally,
    in_flight_at_end,
    warmup_discarded,
    late,
    duplicated,
    reordered,
    corrupted,
    foreign,
    stale,
    impossible_times,
    censored_count,
    censored_from_ns,
    partial,
    valid,
    strict,
    needs,
    valid_to,
    percentiles,
    reasons,
    invalid_because,
);

impl From<&Outcomes> for LogCounts {
    /// Returns the counts of requests by outcome, without a judgement of them.
    fn from(outcomes: &Outcomes) -> Self {
        Self {
            sent: outcomes.requests,
            received: outcomes.replies,
            lost: outcomes.lost,
            dropped_locally: outcomes.not_sent,
            late: outcomes.late,
            duplicated: outcomes.duplicated,
            reordered: outcomes.reordered,
            corrupted: outcomes.corrupted,
            ..Self::default()
        }
    }
}

impl LogCounts {
    /// Adds the counts of what was measured after these. It is valid together if both parts are. The states of
    /// percentiles are of one part each, and none of both.
    pub fn add(&mut self, other: Self) {
        let counts = [
            (&mut self.sent, other.sent),
            (&mut self.received, other.received),
            (&mut self.lost, other.lost),
            (&mut self.dropped_locally, other.dropped_locally),
            (&mut self.in_flight_at_end, other.in_flight_at_end),
            (&mut self.warmup_discarded, other.warmup_discarded),
            (&mut self.late, other.late),
            (&mut self.duplicated, other.duplicated),
            (&mut self.reordered, other.reordered),
            (&mut self.corrupted, other.corrupted),
            (&mut self.foreign, other.foreign),
            (&mut self.stale, other.stale),
            (&mut self.impossible_times, other.impossible_times),
            (&mut self.censored_count, other.censored_count),
        ];
        for (count, more) in counts {
            *count = count.saturating_add(more);
        }
        self.censored_from_ns = least(self.censored_from_ns, other.censored_from_ns);
        self.partial |= other.partial;
        self.valid &= other.valid;
        self.strict |= other.strict;
        self.needs = self.needs.take().or(other.needs);
        self.valid_to = lower(self.valid_to.take(), other.valid_to);
        self.percentiles.clear();
        for reason in other.reasons {
            if !self.reasons.contains(&reason) {
                self.reasons.push(reason);
            }
        }
        for words in other.invalid_because {
            if !self.invalid_because.contains(&words) {
                self.invalid_because.push(words);
            }
        }
    }

    /// Returns the comment, without the `#` that begins its line.
    ///
    /// # Errors
    ///
    /// [`RecordError::Json`] if a share is no number.
    pub fn comment(&self) -> Result<String, RecordError> {
        comment(COUNTS, self)
    }

    /// Returns what `line` says; `None` if it is another line.
    ///
    /// # Errors
    ///
    /// A message, if it is such a comment and says something else.
    pub fn parse(line: &str) -> Result<Option<Self>, String> {
        parse(COUNTS, line)
    }
}

/// The lesser of two values, or the one that there is.
pub(super) fn least(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    a.into_iter().chain(b).min()
}

/// The lower of two percentiles up to which all count; `None`, as for a part of which none does, is the lowest.
pub(super) fn lower(a: Option<String>, b: Option<String>) -> Option<String> {
    let rank = |name: &String| {
        let percentiles = PERCENTILES.iter();
        percentiles.clone().position(|known| known.name == *name)
    };
    let (a, b) = (a?, b?);
    Some(if rank(&b) < rank(&a) { b } else { a })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn together_they_are_valid_as_far_as_each() {
        let part = |valid_to: Option<&str>| LogCounts {
            sent: 10,
            lost: 1,
            valid: valid_to.is_some(),
            valid_to: valid_to.map(str::to_owned),
            censored_from_ns: valid_to.map(|_| 500),
            ..LogCounts::default()
        };
        let mut sum = part(Some("p99.9"));
        sum.add(part(Some("p90")));
        assert_eq!((sum.sent, sum.lost, sum.valid), (20, 2, true));
        assert_eq!(sum.valid_to.as_deref(), Some("p90"));
        sum.add(part(None));
        assert_eq!((sum.valid, sum.valid_to), (false, None));
        assert_eq!(sum.censored_from_ns, Some(500));
    }
}
