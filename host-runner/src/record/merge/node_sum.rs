//! All logs of one node, added up.

use std::collections::BTreeMap;

use super::log_stream::{LogStream, LoggedInterval, Said};
use super::timeline::Timeline;
use super::{Input, MergeError};
use crate::histogram::DurationHistogram;
use crate::record::Run;
use crate::record::log_counts::LogCounts;
use crate::stats::reason::Code;
use crate::stats::{Reason, Summary, Tag};

/// The distributions of one log, of a node's logs, or of all nodes.
#[derive(Debug, Default)]
pub struct Distributions {
    /// Latency.
    pub latency: DurationHistogram,
    /// Other quantities.
    pub tagged: BTreeMap<Tag, DurationHistogram>,
}

impl Distributions {
    /// Adds those of `other`.
    pub fn add_all(&mut self, other: &Self) {
        self.latency.add_all(&other.latency);
        for (&tag, durations) in &other.tagged {
            self.tagged.entry(tag).or_default().add_all(durations);
        }
    }
}

/// One log, added up.
#[derive(Debug)]
pub struct LogSum {
    /// Distributions of all of it.
    pub distributions: Distributions,
    /// The latency of its parts, by their names: of a log that is a sum itself, or of several targets.
    pub parts: BTreeMap<String, DurationHistogram>,
    /// Record of the measurement: the one beside the log, or what the log says itself.
    pub run: Run,
}

/// Place of a log's latency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// In entries without a tag. Those with the name of a part are some of them.
    Untagged,
    /// In entries with the names of parts.
    Parts,
}

/// Adds up the log of `input`, and puts its latency on the `timeline`.
///
/// # Errors
///
/// [`MergeError`] if it can't be read, or contradicts itself or its record.
pub fn read(input: &Input, timeline: &mut Timeline) -> Result<LogSum, MergeError> {
    let mut stream = LogStream::open(&input.path)?;
    let mut reading = Reading::default();
    while let Some(said) = stream.next()? {
        match said {
            Said::Start(_) => {}
            Said::Description(description) => {
                if input.run.is_none() && *description != input.description {
                    return Err(stream.fault("it is described twice, and differently"));
                }
            }
            Said::Counts(counts) => match &mut reading.counts {
                Some(sum) => sum.add(*counts),
                None => reading.counts = Some(*counts),
            },
            Said::Interval(interval) => {
                let added = reading.add(&interval, timeline);
                added.map_err(|problem| stream.fault(problem))?;
            }
        }
    }
    reading.finish(input)
}

/// A log that is being added up.
#[derive(Default)]
struct Reading {
    distributions: Distributions,
    parts: BTreeMap<String, DurationHistogram>,
    place: Option<Place>,
    counts: Option<LogCounts>,
}

impl Reading {
    fn add(
        &mut self,
        interval: &LoggedInterval,
        timeline: &mut Timeline,
    ) -> Result<(), &'static str> {
        let LoggedInterval {
            tag,
            start,
            length,
            histogram,
        } = interval;
        let quantity = tag.as_deref().and_then(quantity);
        let place = match (tag, quantity) {
            (_, Some(quantity)) => {
                let durations = self.distributions.tagged.entry(quantity).or_default();
                return add(durations, histogram);
            }
            (None, None) => Place::Untagged,
            (Some(name), None) => {
                add(self.parts.entry(name.clone()).or_default(), histogram)?;
                Place::Parts
            }
        };
        let known = *self.place.get_or_insert(place);
        if (known, place) == (Place::Parts, Place::Untagged) {
            return Err(
                "latency without a tag comes after latency with the names of parts, so that \
                        it is not known whether it is of them",
            );
        }
        if known == place {
            add(&mut self.distributions.latency, histogram)?;
            timeline.add(*start, *length, histogram);
        }
        Ok(())
    }

    fn finish(self, input: &Input) -> Result<LogSum, MergeError> {
        let Self {
            mut distributions,
            parts,
            counts,
            place,
        } = self;
        let contradiction = |what| MergeError::Contradiction {
            path: input.path.clone(),
            what,
        };
        let of_parts: u64 =
            (parts.values().map(DurationHistogram::count)).fold(0, u64::saturating_add);
        let samples = distributions.latency.count();
        if !parts.is_empty() && of_parts != samples {
            return Err(contradiction(format!(
                "entries with the names of parts have {of_parts} latencies, those without a tag {samples}"
            )));
        }
        let mut run = match &input.run {
            Some(run) => run.as_ref().clone(),
            None => described(input, counts, &distributions),
        };
        if place == Some(Place::Parts) {
            // Each of the targets was offered it.
            run.offered_rate = run.offered_rate.map(|rate| rate * parts.len() as f64);
        }
        if run.latency_ns.count != samples {
            return Err(contradiction(format!(
                "it has {samples} latencies, its record {}",
                run.latency_ns.count
            )));
        }
        if run.lost > samples {
            return Err(contradiction(format!(
                "it has {samples} latencies, and {} requests that were lost",
                run.lost
            )));
        }
        distributions.latency = exact(distributions.latency, &run.latency_ns);
        for (&tag, durations) in &mut distributions.tagged {
            if let Some(summary) = run.tagged(tag) {
                *durations = exact(std::mem::take(durations), summary);
            }
        }
        Ok(LogSum {
            distributions,
            parts,
            run,
        })
    }
}

/// Returns the quantity that the entries with `tag` are of, if it is another than the latency: of all that is in the log
/// (`service`), or of one part (`NAME#service`).
fn quantity(tag: &str) -> Option<Tag> {
    let of_part = || tag.rsplit_once('#').and_then(|(_, name)| Tag::named(name));
    Tag::named(tag).or_else(of_part)
}

/// Adds `histogram`.
///
/// # Errors
///
/// A message if there are more samples than can be counted.
fn add(
    durations: &mut DurationHistogram,
    histogram: &hdrhistogram::Histogram<u64>,
) -> Result<(), &'static str> {
    let sum = durations.count().checked_add(histogram.len());
    sum.ok_or("with those before it, it has more samples than can be counted")?;
    durations.add_histogram(histogram);
    Ok(())
}

/// Takes extremes and mean from `summary`, which has them exactly, if it is of the same samples.
fn exact(durations: DurationHistogram, summary: &Summary) -> DurationHistogram {
    match (summary.min, summary.max, summary.mean) {
        (Some(min_ns), Some(max_ns), Some(mean_ns)) if summary.count == durations.count() => {
            durations.with_exact(min_ns, max_ns, mean_ns)
        }
        _ => durations,
    }
}

/// Returns the run that the log of `input` is of, by its own word. A log that does not say what became of its requests is
/// not valid.
fn described(input: &Input, counts: Option<LogCounts>, distributions: &Distributions) -> Run {
    let mut run = input.description.run();
    let latency = &distributions.latency;
    match counts {
        Some(counts) => counts.fill(&mut run),
        None => {
            run.sent = latency.count();
            let reason = Reason {
                text: Some("the log does not say what became of its requests".to_owned()),
                ..Reason::of(Code::Failed)
            };
            run.invalid_because = vec![reason.to_string()];
            run.reasons = vec![reason];
        }
    }
    run.latency_ns = Summary::from(latency);
    for (&tag, durations) in &distributions.tagged {
        run.set_tagged(tag, Some(Summary::from(durations)));
    }
    run
}
