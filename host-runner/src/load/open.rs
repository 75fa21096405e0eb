//! The open loop: every request at its time, whatever became of the others.
//!
//! A request that the link has no room for stays due and is tried again, so that its latency tells of the
//! wait. The loop gives one up only if the link has taken nothing for as long as the timeout, or refuses for
//! a reason that does not pass by itself.

use super::engine::Engine;
use super::schedule::{Arrivals, Schedule};
use super::supervise::{Progress, Supervisor};
use super::waiting::{Rest, Wait, WaitRule};
use super::{Ending, Failure, Observer, Rate, earlier};
use crate::link::{Link, LinkError, Refusal};

/// Time before a request is due from which on the loop no longer sleeps and asks the link without waiting, in
/// nanoseconds: longer than a sleeping thread takes to wake up.
const AWAKE_NS: u64 = 60_000;

/// Stays awake for no more than this part of the time, and rather sends a little late. For this thread
/// may go first on its CPU: whoever carries a reply may need that, and a thread that goes first and hardly
/// ever rests is taken off its CPU by the kernel, for 50 ms of every second (sched(7),
/// `sched_rt_runtime_us`).
const AWAKE_SHARE: u64 = 4;

/// Time before a request is due at which the wait on a link that polls ends, in nanoseconds: about as long as
/// putting the request together and leaving the poll takes. The rest of the time until it is due is spent on
/// the clock alone, so that the request is late by one reading of it and not by all of that.
const LEAD_NS: u64 = 120;

/// Lateness of a request, in nanoseconds, from which on the generator was kept from its work and has to catch up.
/// Meanwhile it has no more before the service than the way there holds ([`Link::capacity`]): the service is
/// as busy with those as it can be, and more of them would wait in queues, or be lost there, for no fault of
/// the service's. A generator that is on time never holds back.
const BEHIND_NS: u64 = 100_000;

/// Time to wait for room on the link, in nanoseconds, before it is tried again. An answer ends the wait.
const RETRY_NS: u64 = 50_000;

/// The most requests that a generator that is behind sends before it looks for replies: few beside the
/// shortest queue on any link's way, so that both directions move on together.
const BURST: u64 = 8;

pub(super) fn run<L, O, C, H, E>(
    engine: &mut Engine<'_, L, O, C>,
    supervisor: &mut Supervisor<'_, H>,
    rate: Rate,
    arrivals: Arrivals,
) -> Result<(), Ending<Failure<E>>>
where
    L: Link + ?Sized,
    O: Observer,
    C: FnMut() -> u64,
    H: FnMut(&Progress) -> Result<(), E>,
{
    let mut now_ns = engine.now_ns();
    engine.begin(now_ns);
    let mut schedule = Schedule::new(now_ns, rate, arrivals, engine.plan.seed);
    let mut sending = engine.wants(schedule.due_ns());
    // A warm-up shorter than an interval is one request, and does not wait for the next one to be due.
    let early_ns = (engine.plan.warmup.duration_ns)
        .filter(|&warmup_ns| warmup_ns < rate.interval_ns())
        .map(|warmup_ns| schedule.due_ns().saturating_add(warmup_ns));
    // A link that polls ends its wait right before the request is due.
    let (awake_ns, lead_ns) = if engine.is_polled() {
        (LEAD_NS, LEAD_NS)
    } else {
        (AWAKE_NS.min(rate.interval_ns() / AWAKE_SHARE), 0)
    };
    let yields = engine.plan.wait_rule == WaitRule::Yield && !engine.is_polled();
    let mut rest = yields.then(|| Rest::new(now_ns));
    let capacity = engine.capacity().unwrap_or(u64::MAX);
    // When the link last took a request.
    let mut taken_ns = now_ns;
    loop {
        let mut burst = 0;
        let mut is_blocked = false;
        while sending && schedule.due_ns() <= now_ns.saturating_add(lead_ns) && burst < BURST {
            let due_ns = schedule.due_ns();
            let late_ns = now_ns.saturating_sub(due_ns);
            let holds_back = late_ns > BEHIND_NS && engine.tracker.outstanding() >= capacity;
            let refusal = if holds_back || !engine.tracker.has_room() {
                Some(Refusal::FULL)
            } else {
                let attempt = engine.send(Some(due_ns))?;
                now_ns = attempt.at_ns;
                attempt.refusal
            };
            match refusal {
                None => taken_ns = now_ns,
                Some(refusal) => {
                    let gives_up_ns = due_ns.max(taken_ns).saturating_add(engine.plan.timeout_ns);
                    if refusal.is_for_want_of_room() && now_ns < gives_up_ns {
                        is_blocked = true;
                        break;
                    }
                    engine.give_up(due_ns, now_ns, refusal);
                }
            }
            schedule.advance();
            if let Some(early_ns) = early_ns.filter(|_| engine.is_warming_up()) {
                schedule.go_on_at(early_ns);
            }
            sending = engine.wants(schedule.due_ns());
            burst += 1;
        }
        now_ns = if let Some(rest) = rest.as_mut().filter(|_| !is_blocked) {
            let due_ns = sending.then(|| schedule.due_ns());
            match wait(engine, rest, burst, due_ns, now_ns) {
                Ok(None) => return Ok(()),
                Ok(Some(now_ns)) => Ok(now_ns),
                Err(error) => Err(error),
            }
        } else if burst > 0 {
            // One more than was sent: a generator that is behind takes in more than it sends, so
            // that no queue runs over meanwhile.
            engine.receive_waiting(burst + 1, now_ns)
        } else if is_blocked {
            let retry_ns = earlier(engine.tracker.next_loss_ns(), Some(now_ns + RETRY_NS));
            engine.receive_blocked(retry_ns.unwrap_or(now_ns), now_ns)
        } else {
            let send_ns = sending.then(|| schedule.due_ns().saturating_sub(awake_ns));
            let Some(wake_ns) = earlier(engine.tracker.next_loss_ns(), send_ns) else {
                return Ok(());
            };
            engine.receive(wake_ns, now_ns)
        }?;
        let in_flight = engine.tracker.in_flight();
        let due_in_ns = sending.then(|| schedule.due_ns().saturating_sub(now_ns));
        supervisor.poll(now_ns, in_flight, || Progress {
            due_in_ns,
            ..engine.progress(now_ns)
        })?;
    }
}

/// Waits after `burst` requests, awake or asleep as `rest` has it, for a reply or until the next request is due
/// at `due_ns`. Returns the time then, or `None` if there is nothing to wait for.
fn wait<L, O, C>(
    engine: &mut Engine<'_, L, O, C>,
    rest: &mut Rest,
    burst: u64,
    due_ns: Option<u64>,
    now_ns: u64,
) -> Result<Option<u64>, LinkError>
where
    L: Link + ?Sized,
    O: Observer,
    C: FnMut() -> u64,
{
    if burst > 0 {
        rest.has_event(now_ns);
        // The requests are carried before anything else is done, for as long as that takes.
        let now_ns = engine.receive_yielding(0)?;
        return engine.receive_waiting(burst, now_ns).map(Some);
    }
    let in_flight = engine.tracker.in_flight();
    let Some(wait) = rest.next(now_ns, due_ns, engine.tracker.next_loss_ns()) else {
        return Ok(None);
    };
    let at_ns = match wait {
        Wait::Awake(until_ns) => engine.receive_yielding(until_ns)?,
        Wait::Asleep(until_ns) => {
            engine.receive(until_ns, now_ns)?;
            let at_ns = engine.now_ns();
            rest.has_slept(now_ns, at_ns);
            at_ns
        }
    };
    if engine.tracker.in_flight() < in_flight {
        rest.has_event(at_ns);
    }
    Ok(Some(at_ns))
}
