//! The open loop: every request at its time, whatever became of the others.

use std::num::NonZeroU32;

use super::engine::Engine;
use super::schedule::Schedule;
use super::supervise::{Progress, Supervisor};
use super::{Ending, Observer};
use crate::link::Link;

/// How long before a request is due the loop stops sleeping and asks the link without waiting, in
/// nanoseconds: longer than a sleeping thread takes to wake up.
const AWAKE_NS: u64 = 60_000;

pub(super) fn run<L, O, C, H, E>(
    engine: &mut Engine<'_, L, O, C>,
    supervisor: &mut Supervisor<'_, H>,
    rate: NonZeroU32,
) -> Result<(), Ending<E>>
where
    L: Link + ?Sized,
    O: Observer,
    C: FnMut() -> u64,
    H: FnMut(&Progress) -> Result<(), E>,
{
    let mut now_ns = engine.now_ns();
    engine.begin(now_ns);
    let schedule = Schedule::new(now_ns, rate);
    let mut due_ns = schedule.due_ns(0);
    let mut sending = engine.wants(due_ns);
    loop {
        let loss_ns = engine.window.next_loss_ns();
        if sending && due_ns <= now_ns && engine.window.has_room() {
            engine.send(Some(due_ns)).map_err(Ending::LinkFailed)?;
            due_ns = schedule.due_ns(engine.window.next_seq());
            sending = engine.wants(due_ns);
            // A generator that is behind takes in a reply after each request all the same, so that
            // no queue runs over meanwhile.
            now_ns = engine.receive(0, now_ns).map_err(Ending::LinkFailed)?;
        } else {
            let wake_ns = match (sending && engine.window.has_room(), loss_ns) {
                (true, Some(loss_ns)) => loss_ns.min(due_ns.saturating_sub(AWAKE_NS)),
                (true, None) => due_ns.saturating_sub(AWAKE_NS),
                (false, Some(loss_ns)) => loss_ns,
                (false, None) => return Ok(()),
            };
            now_ns = engine
                .receive(wake_ns, now_ns)
                .map_err(Ending::LinkFailed)?;
        }
        let is_quiet = engine.window.in_flight() == 0;
        supervisor.look_up(now_ns, is_quiet, || engine.progress(now_ns))?;
    }
}
