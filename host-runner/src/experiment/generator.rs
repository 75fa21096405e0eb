//! The generator's own limit: how many requests per second an open loop gets out and takes back in on a
//! link, whatever the service could do. What is offered beyond that measures the generator.
//!
//! It is measured against a thread in the service's place, on a link of the same kind. Time in which the
//! generator can only wait for that thread does not count.

use rustix::time::{ClockId, clock_gettime};

use super::reference;
use crate::host::placement;
use crate::link::reflector::{on_loopback, on_tap, on_unix};
use crate::link::{Link, tap, unix, vhost_user};
use crate::load::{Arrivals, Limit, Mode, Plan, Protocol, Rate, WaitRule};

/// Requests that are measured where no system call is on the way, and where there is: some 0.2 s.
const POLLED: u64 = 300_000;
const SLEEPING: u64 = 60_000;

/// Part of those that are sent before, and not measured.
const WARMUP: u64 = 10;

/// Offered rate, which is more than any generator sends: each request is late.
const RATE: Rate = Rate::per_second(20_000_000);

/// Longest time that the thread may be off its CPU, in nanoseconds.
const TIMEOUT_NS: u64 = 50_000_000;

/// Longest duration of the whole, in nanoseconds: the requests sent by then are enough.
const MOST_NS: u64 = 1_000_000_000;

/// Measures the limit on a link named `link`, in requests per second, with the payload of `plan`. The thread
/// in the service's place runs on `cpu`, if one is given. `None` if there can be no such thread here.
#[must_use]
pub fn limit(link: &str, cpu: Option<usize>, plan: &Plan, arrivals: Arrivals) -> Option<f64> {
    limit_of(1, MOST_NS, link, cpu, plan, arrivals)
}

/// As [`limit`], from one in `part` of the requests, or from what was sent of them in `most_ns`.
fn limit_of(
    part: u64,
    most_ns: u64,
    link: &str,
    cpu: Option<usize>,
    plan: &Plan,
    arrivals: Arrivals,
) -> Option<f64> {
    let bind = move || {
        if let Some(cpu) = cpu {
            placement::bind_to(cpu);
        }
    };
    let mode = Mode::Open {
        rate: RATE,
        arrivals,
    };
    let plan = |count| Plan {
        mode,
        payload_len: plan.payload_len,
        timeout_ns: TIMEOUT_NS,
        warmup: Limit::requests(count / WARMUP),
        measure: Limit::requests(count),
        seed: plan.seed,
        protocol: Protocol::Fathom,
        wait_rule: WaitRule::Sleep,
    };
    match link {
        vhost_user::NAME => {
            let (_reflector, mut link) = vhost_user::reflector::start(bind).ok()?;
            limit_on(&mut link, &plan(POLLED / part), most_ns)
        }
        unix::NAME => {
            let (_reflector, mut link) = on_unix(bind).ok()?;
            limit_on(&mut link, &plan(SLEEPING / part), most_ns)
        }
        tap::NAME => {
            let (_reflector, mut link) = on_tap(bind).ok()?;
            limit_on(&mut link, &plan(SLEEPING / part), most_ns)
        }
        // Everything else is a UDP socket of this host's.
        _ => {
            let (_reflector, mut link) = on_loopback(bind).ok()?;
            limit_on(&mut link, &plan(SLEEPING / part), most_ns)
        }
    }
}

fn limit_on(link: &mut dyn Link, plan: &Plan, most_ns: u64) -> Option<f64> {
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
    use crate::link::in_process::InProcessLink;
    use crate::link::turn::BOOT_ID;

    const PLAN: Plan = Plan {
        mode: Mode::Closed,
        payload_len: 64,
        timeout_ns: 1_000_000_000,
        warmup: Limit::NOTHING,
        measure: Limit::requests(1),
        seed: 1,
        protocol: Protocol::Fathom,
        wait_rule: WaitRule::Sleep,
    };

    #[test]
    fn there_is_a_limit_on_every_link_that_needs_no_privilege() {
        for link in [vhost_user::NAME, unix::NAME, "user"] {
            let limit = limit_of(100, 60_000_000_000, link, None, &PLAN, Arrivals::Poisson);
            let limit = limit.unwrap_or_else(|| panic!("{link}: nothing came back"));
            assert!(limit > 0.0, "{link}: {limit}");
        }
    }

    #[test]
    fn what_nobody_answers_has_no_limit() {
        let deaf = Plan {
            mode: Mode::Open {
                rate: Rate::per_second(1000),
                arrivals: Arrivals::Even,
            },
            timeout_ns: 1_000_000,
            measure: Limit::requests(5),
            ..PLAN
        };
        let faults = crate::link::fault::Faults {
            lose_request: 1.0,
            ..Default::default()
        };
        let mut link = crate::link::fault::Faulty::new(InProcessLink::new(BOOT_ID), faults, 1);
        assert_eq!(limit_on(&mut link, &deaf, MOST_NS), None);
    }
}
