//! The generator's own limits on a link, whatever the service could do: how many requests per second an open loop
//! gets out and takes back in, and up to which rate it keeps its schedule. What is offered beyond the first is
//! not sent; what is offered beyond the second is sent late, and its latency is a bracket.
//!
//! Both are measured against a thread in the service's place, on a link of the same kind. Time in which the
//! generator can only wait for that thread does not count for the first.

use std::panic::resume_unwind;
use std::thread;

use rustix::time::{ClockId, clock_gettime};

use super::{placing, reference};
use crate::host::assignment::Assignment;
use crate::host::placement::{self, Work};
use crate::link::{Link, tap, unix, vhost_user};
use crate::load::{Arrivals, Limit, Mode, Plan, Protocol, Rate, WaitRule};
use crate::sut::LinkChoice;
use crate::sut::null::reflector::{on_loopback, on_tap, on_unix};
use crate::sut::null::{Offer, shared_memory};

mod on_time;

/// Requests that are measured where no system call is on the way, and where there is: some 0.2 s.
const POLLED: u64 = 300_000;
const SLEEPING: u64 = 60_000;

/// Part of those that are sent before, and not measured.
const WARMUP: u64 = 10;

/// Offered rate, which is more than any generator sends: each request is late.
const RATE: Rate = Rate::per_second(20_000_000);

/// Extent to which the limits are measured.
#[derive(Clone, Copy, Debug)]
struct Extent {
    /// One in so many of the requests is sent.
    part: u64,
    /// Longest duration of that, in nanoseconds: the requests sent by then are enough.
    most_ns: u64,
    /// Longest time that the thread may be off its CPU, in nanoseconds.
    timeout_ns: u64,
    /// Number of searches for the highest rate at which the schedule is kept.
    searches: usize,
}

impl Extent {
    const FULL: Self = Self {
        part: 1,
        most_ns: 1_000_000_000,
        timeout_ns: 1_000_000_000,
        searches: on_time::SEARCHES,
    };
}

/// The generator's own limits, in requests per second; `None` if they could not be measured.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    /// The most that it sends, however late.
    pub throughput: Option<f64>,
    /// The highest rate at which it keeps its schedule.
    pub on_time: Option<f64>,
}

impl Limits {
    /// Returns the limit for loads whose latency is to be measured.
    #[must_use]
    pub fn for_latency(&self) -> Option<f64> {
        self.on_time.or(self.throughput)
    }
}

/// Measures the limits on a link like `link`, with the payload of `plan`, and both threads placed as the measurement to
/// come is. There are none where there can be no thread in the service's place.
///
/// To be called before there is a service: one that polls would take half the time of the CPU that the thread in its
/// place needs, and a round trip that waits for that CPU hides any lateness. The calling thread stays where it is.
#[must_use]
pub fn limits(
    link: LinkChoice,
    assignment: Option<&Assignment>,
    plan: &Plan,
    arrivals: Arrivals,
) -> Limits {
    let work = if link.is_polled() {
        Work::Polls
    } else {
        Work::Schedule
    };
    let measure = || {
        let placement = placement::place_beside(work, assignment);
        let plan = Plan {
            wait_rule: placing::wait_rule(&placement),
            ..*plan
        };
        limits_of(Extent::FULL, link.name(), placement.cpu(), &plan, arrivals)
    };
    thread::scope(|scope| scope.spawn(measure).join()).unwrap_or_else(|panic| resume_unwind(panic))
}

/// As [`limits`], to an `extent` and on the calling thread. The thread in the service's place
/// runs on `cpu`, if one is given.
fn limits_of(
    extent: Extent,
    link: &str,
    cpu: Option<usize>,
    plan: &Plan,
    arrivals: Arrivals,
) -> Limits {
    let bind = move || {
        placement::take_normal_priority();
        if let Some(cpu) = cpu {
            placement::bind_to(cpu);
        }
    };
    let flood = |count| Plan {
        mode: Mode::Open {
            rate: RATE,
            arrivals,
        },
        timeout_ns: extent.timeout_ns,
        warmup: Limit::requests(count / WARMUP),
        measure: Limit::requests(count),
        protocol: Protocol::Fathom,
        key: None,
        wait_rule: WaitRule::Sleep,
        ..*plan
    };
    let on = |link: &mut dyn Link, count: u64| {
        let throughput = throughput(link, &flood(count / extent.part), extent.most_ns);
        let searches = extent.searches;
        let on_time =
            (throughput).and_then(|most| on_time::limit(link, plan, arrivals, most, searches));
        Limits {
            throughput,
            on_time,
        }
    };
    let offer = Offer::default();
    let measured = match link {
        vhost_user::NAME => {
            shared_memory::start(offer, bind).map(|(_reflector, mut link)| on(&mut link, POLLED))
        }
        unix::NAME => on_unix(offer, bind).map(|(_reflector, mut link)| on(&mut link, SLEEPING)),
        tap::NAME => on_tap(offer, bind).map(|(_reflector, mut link)| on(&mut link, SLEEPING)),
        // Everything else is a UDP socket of this host's.
        _ => on_loopback(offer, bind).map(|(_reflector, mut link)| on(&mut link, SLEEPING)),
    };
    measured.unwrap_or_default()
}

fn throughput(link: &mut dyn Link, plan: &Plan, most_ns: u64) -> Option<f64> {
    let is_polled = link.is_polled();
    let before_ns = thread_ns();
    let (tally, _) = reference::measure(link, plan, most_ns);
    let ran_ns = thread_ns().saturating_sub(before_ns);
    if tally.received == 0 {
        None
    } else if is_polled {
        tally.unblocked_rate()
    } else {
        // Where it sleeps it takes no CPU time, and where there are more threads than CPUs the generator
        // waits for one of them as well, which is no limit of its own.
        let sent = tally.sent + tally.warmup_discarded;
        (ran_ns > 0).then(|| sent as f64 * 1e9 / ran_ns as f64)
    }
}

/// CPU time of the calling thread so far, in nanoseconds.
fn thread_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::fault::{FaultParameters, Rates, Share};
    use crate::sut::null::immediate::faulty_link;

    /// Few requests, each of which may wait for a thread of a busy host.
    const PATIENT: Extent = Extent {
        part: 100,
        most_ns: 60_000_000_000,
        timeout_ns: 20_000_000_000,
        searches: 1,
    };

    #[test]
    fn there_is_a_limit_on_every_link_that_needs_no_privilege() {
        for link in [vhost_user::NAME, unix::NAME, "user"] {
            let limits = limits_of(PATIENT, link, None, &Plan::FIXTURE, Arrivals::Poisson);
            let most = limits
                .throughput
                .unwrap_or_else(|| panic!("{link}: nothing came back"));
            assert!(most > 0.0, "{link}: {most}");
            // On a host that is busy enough no rate is kept.
            assert!(limits.on_time.is_none_or(|rate| rate > 0.0 && rate <= most));
            assert_eq!(limits.for_latency(), limits.on_time.or(Some(most)));
        }
    }

    #[test]
    fn a_load_that_nobody_answers_has_no_limit() {
        let deaf = Plan {
            mode: Mode::Open {
                rate: Rate::per_second(1000),
                arrivals: Arrivals::Even,
            },
            timeout_ns: 1_000_000,
            measure: Limit::requests(5),
            ..Plan::FIXTURE
        };
        let mut link = faulty_link(FaultParameters {
            to_guest: Rates {
                loss: Share::ALL,
                ..Rates::default()
            },
            ..FaultParameters::default()
        });
        assert_eq!(throughput(&mut link, &deaf, Extent::FULL.most_ns), None);
    }
}
