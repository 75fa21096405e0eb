//! How many instructions the guest takes for an echo, at full load.
//!
//! QEMU counts them ([`COUNTING`]): one takes one nanosecond of the guest's time, so the distance of
//! two of its time stamps is the number of instructions in between, exactly and on any machine. (A
//! Linux kernel left to itself measures its time stamp counter, which counts the instructions, at
//! 999.993 MHz with the timer chip and then at 1000.000 MHz.)
//!
//! Whatever the guest does from taking one request to taking another is part of it: system calls,
//! scheduler, interrupts, timer, and the reception of as many frames as it answers. The next request is
//! always there before the one before it is answered, so that no instruction is spent on waiting. How
//! many are there is the most that the guest loses none of ([`Supply`]): one that takes many frames at a
//! time, as Linux does, has the full advantage of that. A host that is busy may send too late all the
//! same, and a guest may lose a request: what it did around that is left out.
//!
//! The figure is a median of windows, of which a timer tick is in few: ticks are trimmed, which favours a
//! guest that has them by up to a hundredth. Each iteration of a `rep movs` counts, which is one instruction
//! on hardware, and a kernel that patches itself by the CPU model is counted with that model (`--cpu`, `max`
//! unless told otherwise; the command line is in the record).

use std::time::{Duration, Instant};

use super::{Asker, LookError};

/// What makes QEMU count. The accelerator must be TCG.
pub const COUNTING: [&str; 2] = ["-icount", "shift=0"];

/// The boot argument of a Hermit image then: its time stamp counter runs at 1 GHz, and not like the
/// host's. Left to measure that, it would come to something near it.
pub const HERMIT_CLOCK: &str = "tsc_khz=1000000";

/// How a guest is kept busy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Supply {
    /// Requests that are sent together.
    burst: u64,
    /// The most that are under way when the next burst is sent.
    reserve: u64,
    /// With fewer than these under way, the guest may have to wait: for the next, or for the word that
    /// it is there.
    margin: u64,
    /// Echoes that are counted together: what is done once for a burst is in it in proportion, and so is
    /// what is done whenever the link says that it has another 16 answers.
    window: usize,
    /// A wait for the guest that is long enough to sleep.
    long: Duration,
}

impl Supply {
    /// For a guest that loses nothing of what its receive ring holds. Two bursts are under way at most;
    /// with the 16 answers that the link may hold back before it says that it has them, they fill the
    /// unikernel's 64 buffers: one more and a request would wait outside of the ring, unseen by the
    /// guest.
    pub const RING: Self = Self {
        burst: 24,
        reserve: 24,
        margin: 12,
        window: 48,
        long: Duration::from_micros(300),
    };

    /// For Hermit's own sockets: their kernel empties the ring into a socket with four places, and drops
    /// what has none. smoltcp may need one itself, where the socket's buffer ends (`PacketBuffer`). So
    /// three requests are under way, one in the service's hands and two behind it.
    ///
    /// They are sent one by one, as they are answered: of some that come together, all are received
    /// before the first is answered, and what lies between their time stamps is an echo without its
    /// reception, some two thirds of the whole. With so few of them the next must be sent within an echo
    /// or two, or the guest waits. An echo is long there, some 80,000 instructions, and there is time to
    /// sleep; but a busy host is late now and then all the same, so the windows are short.
    pub const SOCKET: Self = Self {
        burst: 1,
        reserve: 2,
        margin: 2,
        window: 16,
        long: Duration::ZERO,
    };

    /// Echoes that are not counted after the guest may have waited: until it is in step again.
    const fn recovery(self) -> usize {
        (self.reserve + self.burst) as usize
    }
}

/// Echoes before any is counted: a driver has used each entry of its rings by then.
const WARMUP: usize = 1024;

/// How many windows make a figure. Of Linux's timer ticks there is one in five to ten.
const WINDOWS: usize = 128;

/// With requests under way and no answer for as long as this, they are lost.
const SILENCE: Duration = Duration::from_secs(1);

/// Instructions per echo over the windows. A timer tick is in one window of five to ten, so it is beyond the
/// upper quartile: neither figure has it in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Count {
    /// The median.
    pub median: f64,
    /// The lower and the upper quartile.
    pub quartiles: [f64; 2],
}

/// Instructions per echo of the guest that `asker` asks, which was booted with [`COUNTING`].
///
/// # Errors
///
/// [`LookError`] if it does not answer as it should.
pub fn per_echo(asker: &mut Asker<'_>, supply: Supply) -> Result<Count, LookError> {
    let mut windows = Windows::new(supply);
    // A guest answers in order: all requests before this one are answered, or lost.
    let mut next = asker.asked();
    let mut idle_since = Instant::now();
    let mut silent_since = idle_since;
    loop {
        // No more at a time than can be under way: answers that nobody asked for may never end.
        for _ in 0..=supply.reserve + supply.burst {
            let Some(answer) = asker.waiting()? else {
                break;
            };
            silent_since = Instant::now();
            if answer.seq != next {
                windows.starve();
            }
            windows.add(answer.t2_ns)?;
            next = next.max(answer.seq + 1);
        }
        if let Some(median) = windows.median() {
            return Ok(Count {
                median,
                quartiles: [1, 3].map(|quarter| windows.quartile(quarter)),
            });
        }
        let under_way = asker.asked() - next;
        if under_way < supply.margin {
            windows.starve();
        }
        if under_way > supply.reserve {
            asker.rest(idle_since, supply.long)?;
            if silent_since.max(idle_since).elapsed() > SILENCE {
                next = asker.asked();
            }
            continue;
        }
        asker.check()?;
        for _ in 0..supply.burst {
            asker.ask()?;
        }
        idle_since = Instant::now();
    }
}

/// The guest's times, put together into windows without a wait in them.
#[derive(Debug)]
struct Windows {
    supply: Supply,
    /// Echoes to leave out.
    to_skip: usize,
    /// When the current window began, and how many echoes it has.
    began_ns: u64,
    len: usize,
    latest_ns: u64,
    /// What an echo took in each whole window.
    per_echo: Vec<u64>,
}

impl Windows {
    fn new(supply: Supply) -> Self {
        Self {
            supply,
            to_skip: WARMUP,
            began_ns: 0,
            len: 0,
            latest_ns: 0,
            per_echo: Vec::with_capacity(WINDOWS),
        }
    }

    /// The guest took another request, at `t2_ns` of its clock.
    fn add(&mut self, t2_ns: u64) -> Result<(), LookError> {
        if t2_ns < self.latest_ns {
            return Err(LookError::Disorder);
        }
        self.latest_ns = t2_ns;
        if self.to_skip > 0 {
            self.to_skip -= 1;
            (self.began_ns, self.len) = (t2_ns, 0);
            return Ok(());
        }
        self.len += 1;
        if self.len == self.supply.window {
            self.per_echo.push(t2_ns - self.began_ns);
            (self.began_ns, self.len) = (t2_ns, 0);
        }
        Ok(())
    }

    /// The guest may have waited since the last request it took, or has lost some.
    fn starve(&mut self) {
        self.to_skip = self.to_skip.max(self.supply.recovery());
    }

    /// What an echo takes in the window that half of them are under, once there are enough: a host
    /// that stands still in a bad moment is in few of them.
    fn median(&mut self) -> Option<f64> {
        (self.per_echo.len() >= WINDOWS).then(|| {
            self.per_echo.sort_unstable();
            self.quartile(2)
        })
    }

    /// Returns what an echo takes in the window that `quarter` quarters of them are under, once they are sorted.
    fn quartile(&self, quarter: usize) -> f64 {
        self.per_echo[self.per_echo.len() * quarter / 4] as f64 / self.supply.window as f64
    }
}

#[cfg(test)]
mod tests;
