//! Judgement of a run: the state of each percentile, and whether the run means what it was asked for. A pure
//! decision from what was observed.
//!
//! A run is valid if nothing stands against it as a whole (it was broken off, nothing was received, another
//! boot answered, a histogram ran over) and every percentile up to the one that was asked for counts
//! ([`PercentileState::counts`]). A run of too few requests for that percentile is judged by the highest one
//! that they support, and by none if they support none: a short run is short, and not disturbed. With
//! `--strict` the percentile that was asked for has to be there.
//!
//! No rule here looks at how long the service took: a slow service is not an invalid one, nor is one that
//! loses requests.

use std::collections::BTreeMap;
use std::str::FromStr;

use crate::load::{Ending, Mode, Plan, Tally};

use super::interference::{Interference, MeasuringGaps, ThreadWaits};
use super::percentile_rule::{PERCENTILES, Percentile};
use super::reason::{Code, TakenBy, Thread};
use super::state::{Evidence, PercentileState, State};
use super::{Reason, RunRecorder};
use crate::host::noise::Noise;

/// End of a run, with the reason of a failure in words.
pub type Ended = Ending<String>;

/// A percentile that is asked for, by its place in [`PERCENTILES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Needs(usize);

impl Default for Needs {
    /// The 99th.
    fn default() -> Self {
        Self(2)
    }
}

impl Needs {
    /// Returns the percentile.
    #[must_use]
    pub const fn percentile(self) -> Percentile {
        PERCENTILES[self.0]
    }

    /// Returns its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.percentile().name
    }
}

impl FromStr for Needs {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = PERCENTILES
            .iter()
            .position(|percentile| percentile.name == text);
        found.map(Self).ok_or_else(|| {
            let names = PERCENTILES.map(|percentile| percentile.name);
            format!("expected one of {}", names.join(", "))
        })
    }
}

/// Requirements that a run has to meet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// The percentile up to which figures are needed.
    pub needs: Needs,
    /// True if a percentile counts only where the system under test alone decided its value.
    pub is_strict: bool,
}

/// Judgement of one run.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// State of each standard percentile, by its name.
    pub percentiles: BTreeMap<String, PercentileState>,
    /// The highest percentile up to which all count; `None` if none does.
    pub valid_to: Option<&'static str>,
    /// The percentile that the run was judged by; `None` if there were too few requests for any.
    pub judged_by: Option<&'static str>,
    /// Everything that stands against the run or against a percentile of it.
    pub reasons: Vec<Reason>,
    /// The reasons that make the run invalid.
    pub decisive: Vec<Reason>,
}

impl Judgement {
    /// Returns true if the run is valid.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.decisive.is_empty()
    }

    /// Returns the decisive reasons in words.
    #[must_use]
    pub fn invalid_because(&self) -> Vec<String> {
        self.decisive.iter().map(ToString::to_string).collect()
    }

    /// Returns advice on the decisive reasons, each piece once.
    #[must_use]
    pub fn advice(&self) -> Vec<&'static str> {
        let mut advice = Vec::new();
        for piece in self
            .decisive
            .iter()
            .filter_map(|reason| reason.code.advice())
        {
            if !advice.contains(&piece) {
                advice.push(piece);
            }
        }
        advice
    }
}

/// Judges a run by `policy`.
#[must_use]
pub fn judge(
    policy: Policy,
    plan: &Plan,
    ended: &Ended,
    tally: &Tally,
    recorder: &RunRecorder,
    noise: &Noise,
) -> Judgement {
    let host = interference(plan, tally, recorder, noise);
    let evidence = Evidence {
        latency: &recorder.latency,
        round_trip: recorder.open.as_ref().map(|open| &open.round_trip),
        stalls: &recorder.stalls,
        lost: tally.lost,
        dropped: tally.dropped_locally,
        timeout_ns: plan.timeout_ns,
        host: &host,
    };
    let states = evidence.states();
    let counting = states
        .iter()
        .take_while(|(_, state)| state.counts(policy.is_strict));
    let valid_to = counting.last().map(|(percentile, _)| percentile.name);
    let needed = states.iter().take(policy.needs.0 + 1);
    let judged: Vec<_> = needed
        .filter(|(percentile, _)| {
            policy.is_strict || recorder.latency.count() >= percentile.samples_needed()
        })
        .collect();
    let mut decisive = structural(ended, tally, recorder);
    let failing = judged
        .iter()
        .find(|(_, state)| !state.counts(policy.is_strict));
    let facts = Facts {
        tally,
        evidence: &evidence,
    };
    if let Some((percentile, state)) = failing {
        decisive.extend(facts.reason(percentile, state));
    }
    let mut reasons = decisive.clone();
    for (index, (percentile, state)) in states.iter().enumerate() {
        // Nobody expects a tail of a few requests.
        let is_of_note = match state.state {
            State::Few => state.low_ns.is_some() || index <= policy.needs.0,
            _ => true,
        };
        let reason = facts.reason(percentile, state).filter(|_| is_of_note);
        let is_new = |new: &Reason| reasons.iter().all(|reason| reason.code != new.code);
        if let Some(reason) = reason.filter(is_new) {
            reasons.push(reason);
        }
    }
    reasons.extend(shared_cpu(noise, &host, &evidence, policy));
    reasons.extend(steal(noise));
    reasons.extend(recorder.correction.reason());
    Judgement {
        percentiles: states
            .iter()
            .map(|(percentile, state)| (percentile.name.to_owned(), *state))
            .collect(),
        valid_to,
        judged_by: judged.last().map(|(percentile, _)| percentile.name),
        reasons,
        decisive,
    }
}

/// Returns the faults of the run as a whole.
fn structural(ended: &Ended, tally: &Tally, recorder: &RunRecorder) -> Vec<Reason> {
    let ended = match ended {
        Ended::Completed => None,
        Ended::Interrupted => Some(Reason::of(Code::Interrupted)),
        Ended::Failed(what) => Some(Reason {
            text: Some(what.clone()),
            ..Reason::of(Code::Failed)
        }),
    };
    let nothing = (tally.received == 0).then(|| Reason::of(Code::NothingReceived));
    let counted = |code, number| {
        (number > 0).then(|| Reason {
            count: Some(number),
            ..Reason::of(code)
        })
    };
    let foreign = counted(Code::ForeignBoot, tally.foreign);
    let saturated = counted(Code::Saturated, recorder.latency.saturated());
    [ended, nothing, foreign, saturated]
        .into_iter()
        .flatten()
        .collect()
}

/// Returns what the hypervisor took of a CPU in use, if that is more than a clock tick may be wrong by.
fn steal(noise: &Noise) -> Option<Reason> {
    let threads = [
        (Thread::Measuring, noise.measuring),
        (Thread::Answering, noise.answering),
    ];
    let stolen = threads.into_iter().filter_map(|(thread, noise)| {
        let (ticks, share) = noise?.judged_steal()?;
        Some(Reason {
            count: Some(ticks),
            share: Some(share),
            thread: Some(thread),
            ..Reason::of(Code::Steal)
        })
    });
    stolen.max_by_key(|stolen| stolen.count)
}

/// Returns what the measuring thread took of the CPU of the thread that carries its messages, if that can
/// account for over half of the requests beyond the percentile that was asked for or one below it. It is no
/// fault of the host's, and part of every figure on a host with two CPUs.
fn shared_cpu(
    noise: &Noise,
    host: &Interference<'_>,
    evidence: &Evidence<'_>,
    policy: Policy,
) -> Option<Reason> {
    let waits = noise.waits_for_measuring()?;
    let instrument = Interference {
        gaps: None,
        waits: vec![ThreadWaits {
            thread: Thread::Carrying,
            taken_by: TakenBy::Programs,
            waits,
        }],
        ..host.clone()
    };
    let shares = PERCENTILES[..=policy.needs.0].iter().map(|percentile| {
        let hits = instrument.hits(evidence.deciding_ns(percentile))?;
        Some((percentile, evidence.share_beyond(percentile, hits)))
    });
    let (percentile, share) = shares.flatten().find(|&(_, share)| share > 0.5)?;
    let reason = Reason {
        share: Some(share),
        thread: Some(Thread::Carrying),
        ns: Some(waits.total_ns),
        ..Reason::of(Code::SharedCpu)
    };
    Some(reason.at(percentile.name))
}

/// Returns what the host took from the threads of the run.
fn interference<'a>(
    plan: &Plan,
    tally: &Tally,
    recorder: &'a RunRecorder,
    noise: &Noise,
) -> Interference<'a> {
    let gaps = recorder.gaps.as_ref().map(|lengths| MeasuringGaps {
        lengths,
        account: noise.gap_account(lengths.count()),
    });
    let (in_flight, due_per_ns) = match plan.mode {
        Mode::Closed => (1.0, 0.0),
        Mode::Pipeline { depth } => (f64::from(depth.get()), 0.0),
        Mode::Open { .. } => {
            let due_per_ns = tally.sent as f64 / tally.sending_ns.max(1) as f64;
            let open = recorder.open.as_ref();
            let round_trip_ns = open.map_or(0, |open| open.round_trip.quantile_ns(0.5));
            (due_per_ns * round_trip_ns as f64, due_per_ns)
        }
    };
    Interference {
        waits: noise.foreign_waits(gaps.is_some()),
        gaps,
        in_flight,
        due_per_ns,
        resolution_ns: tally.resolution_ns.unwrap_or_default(),
    }
}

/// Facts that the reasons for a percentile's state follow from.
struct Facts<'a> {
    tally: &'a Tally,
    evidence: &'a Evidence<'a>,
}

impl Facts<'_> {
    /// Returns the reason why a percentile is in its state; `None` if it is clean.
    fn reason(&self, percentile: &Percentile, state: &PercentileState) -> Option<Reason> {
        let lateness_ns = self.evidence.lateness_ns(percentile);
        let reason = match state.state {
            State::Clean => return None,
            State::Partly | State::Host => {
                let most_hit = self.evidence.most_hit(percentile);
                Reason {
                    share: state.host_share,
                    thread: most_hit.map(|hit| hit.thread),
                    by: most_hit.and_then(|hit| hit.taken_by),
                    ns: most_hit.map(|hit| hit.total_ns),
                    ..Reason::of(Code::Host)
                }
            }
            State::Late => Reason {
                ns: Some(lateness_ns),
                share: state.high_ns.map(|ns| lateness_ns as f64 / ns as f64),
                ..Reason::of(Code::Late)
            },
            State::Censored => Reason {
                count: Some(self.tally.lost),
                ..Reason::of(Code::Censored)
            },
            State::Dropped => Reason {
                count: Some(self.tally.dropped_locally),
                ..Reason::of(Code::Dropped)
            },
            State::Few if state.low_ns.is_none() => Reason {
                count: Some(self.evidence.latency.count()),
                ..Reason::of(Code::Few)
            },
            State::Few => Reason {
                count: state.stalls,
                ..Reason::of(Code::FewStalls)
            },
        };
        Some(reason.at(percentile.name))
    }
}

#[cfg(test)]
mod tests;
