//! Load: when requests are sent, and what became of each of them.
//!
//! - [`plan`]: what is to be sent: loop, payload, warm-up, limits;
//! - `planned_requests`: how many requests a plan measures, as far as that is known before;
//! - [`load_spec`]: a load as it is asked for, which makes a plan;
//! - [`ladder`]: the plans of a sweep;
//! - [`rate`]: how many requests a second;
//! - [`schedule`]: when each request of an open loop is due;
//! - [`sequence_tracker`]: sequence accounting in bounded memory;
//! - [`padding`]: the bytes behind the header, made so that damage shows;
//! - [`content`]: given bytes in its place;
//! - [`protocol`]: what a service answers a request with;
//! - [`datagram`]: requests put together; [`reply_header`]: replies taken apart;
//! - `test_packets`: the same for STAMP and TWAMP-Light;
//! - [`tally`]: what is counted;
//! - `engine`: one request out, one datagram in;
//! - `resolution`: what reading the clock and polling the link takes;
//! - [`waiting`]: when an open loop on a link that sleeps stays awake;
//! - [`supervise`]: cancellation and health, polled from the measuring loop;
//! - `closed`, `open`, `pipeline`: the loops.
//!
//! Nothing here reads a clock or a socket of its own accord: the clock is a closure and the network
//! a [`Link`], so every rule is tested on virtual time. What is measured goes to an [`Observer`]
//! sample by sample; nothing on that path allocates, and the small functions on it are `#[inline]`
//! so that each echo passes through one piece of code.
#![forbid(unsafe_code)]

use std::sync::atomic::AtomicBool;

use wire::stamp::ErrorEstimate;

use crate::link::{Link, LinkError};

mod closed;
pub mod content;
pub mod datagram;
mod engine;
pub mod ladder;
pub mod load_spec;
mod open;
pub mod padding;
mod pipeline;
pub mod plan;
mod planned_requests;
pub mod protocol;
pub mod rate;
pub mod reply_header;
mod resolution;
pub mod schedule;
pub mod sequence_tracker;
pub mod supervise;
pub mod tally;
mod test_packets;
pub mod waiting;

#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
mod tests;

pub use content::{Content, ContentError};
pub use load_spec::LoadSpec;
pub use plan::{Limit, Mode, Plan, PlanError};
pub use protocol::Protocol;
pub use rate::Rate;
pub use schedule::Arrivals;
use sequence_tracker::SequenceTracker;
pub use supervise::{Phase, Progress};
pub use tally::{SendErrors, Tally};
pub use waiting::WaitRule;

/// A reply's two stamps, in nanoseconds of the guest's clock, as the reply has them: whatever a guest writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuestTimes {
    /// Time at which the guest had the request.
    pub t2_ns: u64,
    /// Time at which the guest sent the reply.
    pub t3_ns: u64,
    /// Error estimate of the clock behind them; `None` where the protocol has none. With one the times count from
    /// the epoch of its format.
    pub error_estimate: Option<ErrorEstimate>,
}

/// An in-time reply, measured. All times are of the host's clock but for [`Sample::guest_times`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Time at which the reply was in hand.
    pub at_ns: u64,
    /// From when the request was due to when the reply was in hand.
    pub latency_ns: u64,
    /// From when the request was really sent to when the reply was in hand; equals
    /// [`Sample::latency_ns`] in a loop that is not open.
    pub round_trip_ns: u64,
    /// True if a client that waits for each reply would have sent it (see
    /// [`sequence_tracker::SequenceTracker`]). Always so in a closed loop.
    pub is_closed_loop_sample: bool,
    /// The guest's stamps; `None` if the protocol has none.
    pub guest_times: Option<GuestTimes>,
}

/// A request that was not answered by its timeout. Its latency is censored: it is *at least* this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss {
    /// Time at which the timeout ran out.
    pub at_ns: u64,
    /// From when the request was due to when its timeout ran out; never under the timeout.
    pub latency_ns: u64,
    /// The timeout itself.
    pub round_trip_ns: u64,
    /// As [`Sample::is_closed_loop_sample`].
    pub is_closed_loop_sample: bool,
}

/// A request of an open loop that this host could not send. Its latency is censored: it is *at least* this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// Time at which it was given up, in nanoseconds of the host's clock.
    pub at_ns: u64,
    /// From when it was due to when it was given up, and never under the timeout.
    pub latency_ns: u64,
}

/// Receiver of a measurement's events, as they happen.
pub trait Observer {
    /// A request of warm-up was answered in time, which is not measured.
    fn warmed_up(&mut self, _sample: Sample) {}
    /// Warm-up is over; everything from `at_ns` on is measured.
    fn started(&mut self, at_ns: u64);
    /// A request of an open loop was sent `lateness_ns` after it was due.
    fn sent(&mut self, lateness_ns: u64);
    /// A request was answered in time.
    fn replied(&mut self, sample: Sample);
    /// A request was not.
    fn lost(&mut self, loss: Loss);
    /// A request of an open loop was due and never left this host.
    fn dropped(&mut self, dropped: Dropped);
    /// The counts at `at_ns`, of exactly those requests that have been observed; called every few milliseconds, between
    /// requests ([`supervise`]).
    fn tallied(&mut self, _at_ns: u64, _tally: &Tally) {}
    /// Returns whether a valid answer of another boot of the service is one: for measurements that outlive the service.
    /// Otherwise it is counted in [`Tally::foreign`].
    fn follows_restarts(&self) -> bool {
        false
    }
}

/// End of a measurement. All that was measured until then has been observed and counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending<F> {
    /// Everything planned was sent, and answered or lost.
    Completed,
    /// The user interrupted it.
    Interrupted,
    /// The check failed.
    Failed(F),
}

impl<F> Ending<F> {
    /// Returns whether there would have been more to measure.
    #[must_use]
    pub const fn is_partial(&self) -> bool {
        !matches!(self, Self::Completed)
    }
}

/// Failure of a measurement.
#[derive(Debug)]
pub enum Failure<E> {
    /// The link can't carry anything any more.
    Link(LinkError),
    /// The health check failed: the machine is gone.
    Unhealthy(E),
}

impl<E> From<LinkError> for Ending<Failure<E>> {
    fn from(error: LinkError) -> Self {
        Self::Failed(Failure::Link(error))
    }
}

/// Link, clock and observer of a measurement, and the ways to end it.
#[derive(Debug)]
pub struct LoadContext<'a, L: ?Sized, O, C, H> {
    /// The link to the service.
    pub link: &'a mut L,
    /// Receiver of every sample.
    pub observer: &'a mut O,
    /// The clock, in nanoseconds; the one that `link` stamps arrivals with.
    pub now_ns: C,
    /// Set from outside to end the measurement; looked at about once a millisecond.
    pub cancel: &'a AtomicBool,
    /// Called about once a millisecond, between requests where that is possible. An error ends the
    /// measurement at once.
    pub check: H,
}

/// Measures as planned. `boot_id` is the one that replies must carry; without one, that of the
/// first reply.
pub fn run<L, O, C, H, E>(
    plan: &Plan,
    boot_id: Option<u32>,
    context: LoadContext<'_, L, O, C, H>,
) -> (Tally, Ending<Failure<E>>)
where
    L: Link + ?Sized,
    O: Observer,
    C: FnMut() -> u64,
    H: FnMut(&Progress) -> Result<(), E>,
{
    let LoadContext {
        link,
        observer,
        now_ns,
        cancel,
        check,
    } = context;
    let mut now_ns = now_ns;
    // Some 10 ms for the longest ring: before the link first reads the clock, to which that would be a gap of the host's.
    let tracker = SequenceTracker::new(plan.to_remember(), plan.timeout_ns);
    let resolution = resolution::Resolution::measure(link, &mut now_ns);
    let prepared = (tracker, resolution);
    let mut engine = engine::Engine::new(plan, boot_id, link, observer, now_ns, prepared);
    let mut supervisor = supervise::Supervisor::new(cancel, check);
    let ended = match plan.mode {
        Mode::Closed => closed::run(&mut engine, &mut supervisor),
        Mode::Open { rate, arrivals } => open::run(&mut engine, &mut supervisor, rate, arrivals),
        Mode::Pipeline { depth } => pipeline::run(&mut engine, &mut supervisor, depth),
    };
    let ending = match ended {
        Ok(()) => Ending::Completed,
        Err(ending) => ending,
    };
    (engine.finish(), ending)
}

/// The earlier of two times, of which either may never come.
fn earlier(a_ns: Option<u64>, b_ns: Option<u64>) -> Option<u64> {
    match (a_ns, b_ns) {
        (Some(a_ns), Some(b_ns)) => Some(a_ns.min(b_ns)),
        (a_ns, b_ns) => a_ns.or(b_ns),
    }
}
