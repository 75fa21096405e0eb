//! The open loop: every request at its time, whatever became of the others.

use super::engine::Engine;
use super::schedule::Schedule;
use super::supervise::{Progress, Supervisor};
use super::{Ending, Observer, Rate, earlier};
use crate::link::Link;

/// How long before a request is due the loop stops sleeping and asks the link without waiting, in
/// nanoseconds: longer than a sleeping thread takes to wake up.
const AWAKE_NS: u64 = 60_000;

/// It stays awake for no more than this part of the time, and rather sends a little late. For this thread
/// may go first on its CPU: whoever carries a reply may need that, and a thread that goes first and hardly
/// ever rests is taken off its CPU by the kernel, for 50 ms of every second (sched(7),
/// `sched_rt_runtime_us`).
const AWAKE_SHARE: u64 = 4;

/// The most requests that a generator that is behind sends before it looks for replies: few enough
/// for the shortest queue on any link's way, the 64 receive buffers of the guest.
const BURST: u64 = 8;

pub(super) fn run<L, O, C, H, E>(
    engine: &mut Engine<'_, L, O, C>,
    supervisor: &mut Supervisor<'_, H>,
    rate: Rate,
) -> Result<(), Ending<E>>
where
    L: Link + ?Sized,
    O: Observer,
    C: FnMut() -> u64,
    H: FnMut(&Progress) -> Result<(), E>,
{
    let mut now_ns = engine.now_ns();
    engine.begin(now_ns);
    let mut schedule = Schedule::new(now_ns, rate);
    let mut sending = engine.wants(schedule.due_ns());
    // A warm-up shorter than an interval is one request, and does not wait for the next one to be due.
    let early_ns = (engine.plan.warmup.duration_ns)
        .filter(|&warmup_ns| warmup_ns < rate.interval_ns())
        .map(|warmup_ns| now_ns.saturating_add(warmup_ns));
    let awake_ns = AWAKE_NS.min(rate.interval_ns() / AWAKE_SHARE);
    loop {
        let mut burst = 0;
        while sending && schedule.due_ns() <= now_ns && burst < BURST && engine.window.has_room() {
            let due_ns = schedule.due_ns();
            now_ns = (engine.send(Some(due_ns)))
                .map_err(Ending::LinkFailed)?
                .at_ns;
            schedule.advance();
            if let Some(early_ns) = early_ns.filter(|_| engine.is_warming_up()) {
                schedule = Schedule::new(early_ns, rate);
            }
            sending = engine.wants(schedule.due_ns());
            burst += 1;
        }
        now_ns = if burst > 0 {
            // One more than was sent: a generator that is behind takes in more than it sends, so
            // that no queue runs over meanwhile.
            engine.receive_waiting(burst + 1, now_ns)
        } else {
            let sends = sending && engine.window.has_room();
            let send_ns = sends.then(|| schedule.due_ns().saturating_sub(awake_ns));
            let Some(wake_ns) = earlier(engine.window.next_loss_ns(), send_ns) else {
                return Ok(());
            };
            engine.receive(wake_ns, now_ns)
        }
        .map_err(Ending::LinkFailed)?;
        let is_quiet = engine.window.in_flight() == 0;
        supervisor.look_up(now_ns, is_quiet, || engine.progress(now_ns))?;
    }
}
