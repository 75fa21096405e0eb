//! The measurement that is watched: what it is, and what has come of it so far.

use rustix::process::Pid;

use super::heat_map::HeatMap;
use super::live_snapshot::{LiveSnapshot, LiveStage, RequestFigures, WaitFigures, WindowFigures};
use super::objectives_so_far;
use super::standing::{self, SoFar};
use crate::experiment::progress::Subject;
use crate::histogram::DurationHistogram;
use crate::host::thread::ThreadCounts;
use crate::judge::objectives::expression::Expression;
use crate::load::{Arrivals, Mode, Plan, Tally};
use crate::quantity;
use crate::record::RunPosition;
use crate::stats::interference::Waits;
use crate::stats::snapshot::RunSnapshot;
use crate::stats::windows::Windows;
use crate::terminal::one_line;

/// A snapshot before this, in nanoseconds since measuring began, is of no second if it has no samples.
const EARLY_NS: u64 = 500_000_000;

/// The measurement that is watched.
#[derive(Debug)]
pub struct LiveRun {
    title: String,
    load: String,
    plan: Plan,
    objectives: Vec<Expression>,
    thread: Pid,
    /// Waits of the measuring thread before the first snapshot of measuring, once there was one.
    waited_before: Option<Waits>,
    waits: Option<Waits>,
    windows: Windows,
    heat_map: HeatMap,
    lateness: Option<DurationHistogram>,
    tally: Tally,
    at_ns: u64,
}

impl LiveRun {
    /// Returns `subject`, of which nothing is measured yet, with the objectives that it is held against.
    #[must_use]
    pub fn new(subject: &Subject<'_>, objectives: Vec<Expression>) -> Self {
        let place = match subject.position {
            RunPosition::First => String::new(),
            RunPosition::Step { percent } => format!(", at {percent} %"),
            RunPosition::Round { round, attempt: 1 } => format!(", round {round}"),
            RunPosition::Round { round, attempt } => format!(", round {round}, attempt {attempt}"),
        };
        let title = format!("{} over {}{place}", subject.target, subject.link);
        Self {
            title: one_line(&title),
            load: load_in_words(subject.plan),
            plan: *subject.plan,
            objectives,
            thread: subject.thread,
            waited_before: None,
            waits: None,
            windows: Windows::default(),
            heat_map: HeatMap::default(),
            lateness: None,
            tally: Tally::default(),
            at_ns: 0,
        }
    }

    /// Adds a snapshot, and returns whether it is of measuring: those of warm-up have nothing.
    pub fn add(&mut self, snapshot: &RunSnapshot) -> bool {
        let measured_ns = snapshot.at_ns.saturating_sub(snapshot.tally.started_ns);
        let is_early = snapshot.latency.count() == 0 && measured_ns < EARLY_NS;
        if snapshot.tally.started_ns == 0 || is_early {
            return false;
        }
        self.at_ns = snapshot.at_ns;
        self.tally = snapshot.tally;
        self.windows.add(snapshot.at_ns, snapshot.latency.clone());
        self.heat_map.add(&self.windows.second());
        self.lateness =
            matches!(self.plan.mode, Mode::Open { .. }).then(|| snapshot.lateness.clone());
        let waits = waits(self.thread);
        let before = *self.waited_before.get_or_insert(waits.unwrap_or_default());
        self.waits = waits.map(|waits| Waits {
            count: waits.count.saturating_sub(before.count),
            after_sleep: waits.after_sleep.saturating_sub(before.after_sleep),
            total_ns: waits.total_ns.saturating_sub(before.total_ns),
        });
        true
    }

    /// Returns the state at `now_ns` in `stage`.
    #[must_use]
    pub fn snapshot(&self, stage: LiveStage, message: Option<String>, now_ns: u64) -> LiveSnapshot {
        let tally = &self.tally;
        let has_begun = tally.started_ns > 0;
        let measured_ns = self.at_ns.saturating_sub(tally.started_ns);
        let achieved_rate = tally.sent as f64 / (measured_ns.max(1) as f64 / 1e9);
        let lost_from_ns = (tally.lost + tally.dropped_locally > 0).then_some(self.plan.timeout_ns);
        let elapsed_ns = match has_begun {
            true => now_ns.saturating_sub(tally.started_ns),
            false => 0,
        };
        let lateness = self.lateness.as_ref();
        let so_far = self.windows.whole().map(|latency| SoFar {
            latency,
            lateness,
            tally,
            waits: self.waits,
            in_flight: self.in_flight(achieved_rate),
        });
        LiveSnapshot {
            title: self.title.clone(),
            load: self.load.clone(),
            stage,
            elapsed_ns,
            left_ns: self.left_ns(elapsed_ns, achieved_rate),
            windows: WindowFigures::of_each(&self.windows, lost_from_ns),
            requests: RequestFigures {
                offered_rate: offered(&self.plan),
                achieved_rate: if has_begun { achieved_rate } else { 0.0 },
                sent: tally.sent,
                lost: tally.lost,
            },
            lateness: lateness.map(|lateness| WindowFigures::new(lateness, None)),
            waits: self.waits.filter(|_| has_begun).map(|waits| WaitFigures {
                total_ns: waits.total_ns,
                share: waits.total_ns as f64 / measured_ns.max(1) as f64,
            }),
            standing: so_far.as_ref().map(standing::judge).unwrap_or_default(),
            objectives: so_far
                .map(|so_far| objectives_so_far::judge(&self.objectives, &so_far))
                .unwrap_or_default(),
            heat_map: self.heat_map.clone(),
            message,
        }
    }

    /// Returns the time until the plan is done by whichever of its limits is nearer.
    fn left_ns(&self, elapsed_ns: u64, rate: f64) -> Option<u64> {
        let limit = &self.plan.measure;
        let by_time = limit
            .duration_ns
            .map(|duration_ns| duration_ns.saturating_sub(elapsed_ns));
        let by_count = limit.count.filter(|_| rate > 0.0).map(|count| {
            let requests = count.saturating_sub(self.tally.sent);
            (requests as f64 / rate * 1e9) as u64
        });
        match (by_time, by_count) {
            (Some(by_time), Some(by_count)) => Some(by_time.min(by_count)),
            (by_time, by_count) => by_time.or(by_count),
        }
    }

    /// Returns the number of requests in flight on average; in an open loop by Little's law.
    fn in_flight(&self, rate: f64) -> f64 {
        match self.plan.mode {
            Mode::Closed => 1.0,
            Mode::Pipeline { depth } => f64::from(depth.get()),
            Mode::Open { .. } => {
                let median_ns = self
                    .windows
                    .whole()
                    .map_or(0, |whole| whole.quantile_ns(0.5));
                (rate * median_ns as f64 / 1e9).max(1.0)
            }
        }
    }
}

/// Returns the waits of a thread for its CPU so far; `None` if it is gone or the kernel does not tell. Each time that
/// it got a CPU without having been put off one is a wait after a sleep.
fn waits(thread: Pid) -> Option<Waits> {
    let counts = ThreadCounts::of(thread)?;
    Some(Waits {
        count: counts.slices,
        after_sleep: counts.slices.saturating_sub(counts.involuntary_switches),
        total_ns: counts.waited_ns,
    })
}

fn offered(plan: &Plan) -> Option<f64> {
    match plan.mode {
        Mode::Open { rate, .. } => Some(rate.as_f64()),
        Mode::Closed | Mode::Pipeline { .. } => None,
    }
}

/// Returns a load in words.
fn load_in_words(plan: &Plan) -> String {
    let mode = match plan.mode {
        Mode::Closed => "closed loop".to_owned(),
        Mode::Pipeline { depth } => format!("pipeline of {depth}"),
        Mode::Open { rate, arrivals } => {
            let arrivals = match arrivals {
                Arrivals::Even => "even arrivals",
                Arrivals::Poisson => "Poisson arrivals",
            };
            let rate = quantity::exact_rate(rate.as_f64());
            format!("open loop, {rate}/s, {arrivals}")
        }
    };
    format!("{mode}, {} bytes", plan.payload_len)
}

#[cfg(test)]
mod tests;
