//! The pipeline: a closed loop of several requests in flight. Each reply, or loss, makes room for
//! the next request, so the service always has something to do.
//!
//! Its latencies are those of a service at its limit: a request waits for those before it.

use std::num::NonZeroU16;

use super::engine::{Engine, REFUSED_PAUSE_NS};
use super::supervise::{Progress, Supervisor};
use super::{Ending, Failure, Observer, earlier};
use crate::link::Link;

pub(super) fn run<L, O, C, H, E>(
    engine: &mut Engine<'_, L, O, C>,
    supervisor: &mut Supervisor<'_, H>,
    depth: NonZeroU16,
) -> Result<(), Ending<Failure<E>>>
where
    L: Link + ?Sized,
    O: Observer,
    C: FnMut() -> u64,
    H: FnMut(&Progress) -> Result<(), E>,
{
    let depth = u64::from(depth.get());
    let mut now_ns = engine.now_ns();
    engine.begin(now_ns);
    loop {
        // There is room unless the link is faster than the window is large and a request was lost:
        // then the next one waits for the timeout.
        let mut retry_ns = None;
        while retry_ns.is_none()
            && engine.tracker.in_flight() < depth
            && engine.tracker.has_room()
            && engine.wants(now_ns)
        {
            let attempt = engine.send(None)?;
            now_ns = attempt.at_ns;
            if let Some(refusal) = attempt.refusal {
                engine.count_refused(refusal);
                retry_ns = Some(now_ns + REFUSED_PAUSE_NS);
            }
        }
        let Some(wake_ns) = earlier(engine.tracker.next_loss_ns(), retry_ns) else {
            return Ok(());
        };
        // Waits for one reply; whatever came with it is taken before anything is sent, since both
        // sides work best in bursts.
        now_ns = engine
            .receive(wake_ns, now_ns)
            .and_then(|now_ns| engine.receive_waiting(engine.tracker.in_flight(), now_ns))?;
        let in_flight = engine.tracker.in_flight();
        supervisor.poll(now_ns, in_flight, || engine.progress(now_ns))?;
    }
}
