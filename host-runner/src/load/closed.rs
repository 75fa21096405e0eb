//! The closed loop: one request in flight, the next right after the reply.

use super::engine::{Engine, REFUSED_PAUSE_NS};
use super::supervise::{Progress, Supervisor};
use super::{Ending, Failure, Observer};
use crate::link::Link;

pub(super) fn run<L, O, C, H, E>(
    engine: &mut Engine<'_, L, O, C>,
    supervisor: &mut Supervisor<'_, H>,
) -> Result<(), Ending<Failure<E>>>
where
    L: Link + ?Sized,
    O: Observer,
    C: FnMut() -> u64,
    H: FnMut(&Progress) -> Result<(), E>,
{
    let mut now_ns = engine.now_ns();
    engine.begin(now_ns);
    while engine.wants(now_ns) {
        let attempt = engine.send(None)?;
        if let Some(refusal) = attempt.refusal {
            engine.count_refused(refusal);
            now_ns = engine.receive(attempt.at_ns + REFUSED_PAUSE_NS, attempt.at_ns)?;
            supervisor.poll(now_ns, 0, || engine.progress(now_ns))?;
        }
        while let Some(loss_ns) = engine.tracker.next_loss_ns() {
            now_ns = engine.receive(loss_ns, now_ns)?;
            let in_flight = engine.tracker.in_flight();
            supervisor.poll(now_ns, in_flight, || engine.progress(now_ns))?;
        }
    }
    Ok(())
}
