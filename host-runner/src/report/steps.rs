//! The states of a sweep's steps, and reasons and remedies that several steps share.

use std::fmt;

use crate::quantity::{count, share};
use crate::record::Run;
use crate::record::run::Remedy;
use crate::report::trust;
use crate::stats::State;
use crate::stats::reason::{Code, TakenBy, Thread};

/// Share of the requests whose loss makes a step an overload, and not an accident.
const OVERLOAD: f64 = 0.001;

/// State of a step: the worst that applies.
#[derive(Clone, Debug, PartialEq)]
pub enum StepState {
    /// The service answered what was offered.
    Ok,
    /// A few requests were lost.
    Lost(u64),
    /// Percentiles from this one on are not the service's alone.
    Doubtful(String, State),
    /// The service lost this share of the requests.
    Overloaded(f64),
    /// The generator did not send what was offered.
    Generator,
    /// The step can't be used.
    NotValid,
}

impl StepState {
    /// Returns the state of `run`.
    #[must_use]
    pub fn of(run: &Run) -> Self {
        let lost = run.lost as f64 / run.sent.max(1) as f64;
        let is_broken = (run.reasons.iter()).any(|reason| reason.code.is_structural());
        // Records of older versions have no states.
        let is_unstated = run.percentiles.is_empty() && !run.valid;
        if run.partial || is_broken || is_unstated {
            return Self::NotValid;
        }
        if run.generator_limited {
            return Self::Generator;
        }
        if lost >= OVERLOAD {
            return Self::Overloaded(lost);
        }
        match trust::first_doubt(run) {
            Some((from, state)) => Self::Doubtful(from, state),
            None if run.lost > 0 => Self::Lost(run.lost),
            None if run.valid => Self::Ok,
            None => Self::NotValid,
        }
    }

    /// Returns whether the service answered what was offered.
    #[must_use]
    pub const fn is_carried(&self) -> bool {
        matches!(self, Self::Ok | Self::Lost(_) | Self::Doubtful(..))
    }
}

impl fmt::Display for StepState {
    /// `ok`, `late from p99`, `overloaded: 4.00 % lost`, `generator's limit`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok => f.write_str("ok"),
            Self::Lost(lost) => write!(f, "{} lost", count(*lost)),
            Self::Doubtful(from, state) => {
                let what = match state {
                    State::Late => "late",
                    State::Host => "host",
                    State::Partly => "host gaps",
                    State::Dropped => "dropped here",
                    State::Censored => "lost",
                    State::Clean | State::Few => "ok",
                };
                write!(f, "{what} from {from}")
            }
            Self::Overloaded(lost) => write!(f, "overloaded: {} lost", share(*lost)),
            Self::Generator => f.write_str("generator's limit"),
            Self::NotValid => f.write_str("not valid"),
        }
    }
}

/// Returns which of its attempts a step is that was measured again, in words: `attempt 2 of 3`. `None` of another.
#[must_use]
pub fn attempt(run: &Run) -> Option<String> {
    let kept = run.attempts.iter().position(|attempt| attempt.kept)?;
    Some(format!("attempt {} of {}", kept + 1, run.attempts.len()))
}

/// Returns why runs are not valid, like reasons together: the first one's words, and the names of the
/// runs.
#[must_use]
pub fn reasons<'a>(runs: &[(&'a str, &Run)]) -> Vec<(String, Vec<&'a str>)> {
    let mut groups: Vec<(Kind<'_>, String, Vec<&str>)> = Vec::new();
    for &(name, run) in runs.iter().filter(|(_, run)| !run.valid) {
        let kind = kind(run);
        match groups.iter_mut().find(|(known, ..)| *known == kind) {
            Some((_, _, of)) => of.push(name),
            None => groups.push((kind, run.invalid_because.join("; "), vec![name])),
        }
    }
    groups
        .into_iter()
        .map(|(_, words, of)| (words, of))
        .collect()
}

/// Returns what to do about runs that are not valid, each remedy once.
#[must_use]
pub fn remedies(runs: &[(&str, &Run)]) -> Vec<String> {
    let mut remedies: Vec<Remedy<'_>> = Vec::new();
    for remedy in runs.iter().flat_map(|(_, run)| run.remedies()) {
        // What a process took differs from step to step; one of them will do.
        if !remedies.iter().any(|known| known.is_like(&remedy)) {
            remedies.push(remedy);
        }
    }
    remedies.iter().map(Remedy::to_string).collect()
}

/// Reasons without their figures, which differ from step to step.
#[derive(PartialEq)]
enum Kind<'a> {
    Codes(Vec<Unquantified<'a>>),
    /// The words of a record of an older version, which has no codes.
    Words(&'a [String]),
}

/// A reason without its figures: its code, what it is about, and words of the system.
#[derive(PartialEq)]
struct Unquantified<'a> {
    code: Code,
    percentile: Option<&'a str>,
    thread: Option<Thread>,
    by: Option<TakenBy>,
    text: Option<&'a str>,
}

/// Returns the kind of the reasons why `run` is not valid: those that decided stand first.
fn kind(run: &Run) -> Kind<'_> {
    match run.reasons.get(..run.invalid_because.len()) {
        Some(decisive) => Kind::Codes(
            decisive
                .iter()
                .map(|reason| Unquantified {
                    code: reason.code,
                    percentile: reason.percentile.as_deref(),
                    thread: reason.thread,
                    by: reason.by,
                    text: reason.text.as_deref(),
                })
                .collect(),
        ),
        None => Kind::Words(&run.invalid_because),
    }
}
