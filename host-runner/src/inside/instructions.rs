//! How many instructions the guest takes for an echo, at full load.
//!
//! QEMU counts them ([`COUNTING`]): one takes one nanosecond of the guest's time, so the distance of
//! two of its time stamps is the number of instructions in between, exactly and on any machine. (A
//! Linux kernel left to itself measures its time stamp counter, which counts the instructions, at
//! 999.993 MHz with the timer chip and then at 1000.000 MHz.)
//!
//! Whatever the guest does from taking one request to taking another is part of it: system calls,
//! scheduler, interrupts, timer. Requests come in bursts, and the next burst is there before the one
//! before it is answered, so that no instruction is spent on waiting, and a guest that takes many
//! frames at a time, as Linux does, has the full advantage of that. A host that is busy may send a
//! burst too late all the same: what the guest did around that is left out.

use std::time::Instant;

use super::{Asker, LookError};

/// What makes QEMU count. The accelerator must be TCG.
pub const COUNTING: [&str; 2] = ["-icount", "shift=0"];

/// What a Hermit kernel must be told then, before all other boot arguments: that its time stamp
/// counter runs at 1000 MHz. Left to measure that, it would come to something near it.
pub const HERMIT_CLOCK: &str = "-freq 1000 --";

/// Requests that are sent together. Two bursts are under way at most; with the 16 answers that the
/// link may hold back before it says that it has them, they fill the unikernel's 64 buffers: one more
/// and a request would wait outside of the ring, unseen by the guest.
const BURST: usize = 24;

/// With fewer requests than these under way, the guest may have to wait: for the next, or for the
/// word that it is there.
const MARGIN: usize = BURST / 2;

/// Echoes before any is counted: a driver has used each entry of its rings by then.
const WARMUP: usize = 1024;

/// Echoes that are not counted after the guest may have waited: until it is in step again.
const RECOVERY: usize = 2 * BURST;

/// Echoes that are counted together: what is done once for a burst is in it in proportion.
const WINDOW: usize = 2 * BURST;

/// How many windows make a figure. Of Linux's timer ticks there is one in five to ten.
const WINDOWS: usize = 128;

/// Instructions per echo of the guest that `asker` asks, which was booted with [`COUNTING`].
///
/// # Errors
///
/// [`LookError`] if it does not answer as it should.
pub fn per_echo(asker: &mut Asker<'_>) -> Result<f64, LookError> {
    let mut windows = Windows::default();
    let (mut asked, mut answered) = (0, 0);
    let mut idle_since = Instant::now();
    loop {
        while let Some(answer) = asker.waiting()? {
            windows.add(answer.t2_ns)?;
            answered += 1;
        }
        if let Some(median) = windows.median() {
            return Ok(median);
        }
        let under_way = asked - answered;
        if under_way < MARGIN {
            windows.starve();
        }
        if under_way > BURST {
            asker.rest(idle_since)?;
            continue;
        }
        for _ in 0..BURST {
            asker.ask()?;
        }
        asked += BURST;
        idle_since = Instant::now();
    }
}

/// The guest's times, put together into windows without a wait in them.
#[derive(Debug)]
struct Windows {
    /// Echoes to leave out.
    to_skip: usize,
    /// When the current window began, and how many echoes it has.
    began_ns: u64,
    len: usize,
    latest_ns: u64,
    /// What an echo took in each whole window.
    per_echo: Vec<u64>,
}

impl Default for Windows {
    fn default() -> Self {
        Self {
            to_skip: WARMUP,
            began_ns: 0,
            len: 0,
            latest_ns: 0,
            per_echo: Vec::with_capacity(WINDOWS),
        }
    }
}

impl Windows {
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
        if self.len == WINDOW {
            self.per_echo.push(t2_ns - self.began_ns);
            (self.began_ns, self.len) = (t2_ns, 0);
        }
        Ok(())
    }

    /// The guest may have waited since the last request it took.
    fn starve(&mut self) {
        self.to_skip = self.to_skip.max(RECOVERY);
    }

    /// What an echo takes in the window that half of them are under, once there are enough: a host
    /// that stands still in a bad moment is in few of them.
    fn median(&mut self) -> Option<f64> {
        (self.per_echo.len() >= WINDOWS).then(|| {
            self.per_echo.sort_unstable();
            self.per_echo[self.per_echo.len() / 2] as f64 / WINDOW as f64
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A guest that takes 500 instructions for an echo, and for each burst as many as make it 600.
    #[derive(Default)]
    struct Guest {
        windows: Windows,
        now_ns: u64,
        echoes: usize,
    }

    impl Guest {
        fn answer(&mut self, count: usize) {
            for _ in 0..count {
                let is_first = self.echoes.is_multiple_of(BURST);
                self.now_ns += if is_first {
                    500 + 100 * BURST as u64
                } else {
                    500
                };
                self.windows.add(self.now_ns).unwrap();
                self.echoes += 1;
            }
        }
    }

    #[test]
    fn what_is_done_for_a_burst_is_shared_by_its_echoes() {
        let mut guest = Guest::default();
        guest.answer(WARMUP + WINDOW * WINDOWS - 1);
        assert_eq!(guest.windows.median(), None);
        guest.answer(1);
        assert_eq!(guest.windows.median(), Some(600.0));
    }

    #[test]
    fn warm_up_and_waiting_are_left_out() {
        let mut guest = Guest::default();
        for _ in 0..WARMUP {
            guest.now_ns += 90_000;
            guest.answer(1);
        }
        while guest.windows.median().is_none() {
            guest.answer(5 * BURST);
            guest.windows.starve();
            guest.now_ns += 10_000_000;
        }
        // Every one: none has the wait in it, so it is not the median that keeps it out.
        let whole = 600 * WINDOW as u64;
        assert!(guest.windows.per_echo.iter().all(|&it| it == whole));
    }

    #[test]
    fn a_few_windows_that_a_wait_slipped_into_change_nothing() {
        let mut guest = Guest::default();
        while guest.windows.median().is_none() {
            guest.answer(4 * WINDOW);
            guest.now_ns += 10_000_000;
        }
        assert_eq!(guest.windows.median(), Some(600.0));
    }

    #[test]
    fn a_clock_that_goes_back_is_an_error() {
        let mut windows = Windows::default();
        windows.add(5).unwrap();
        assert!(matches!(windows.add(4), Err(LookError::Disorder)));
    }
}
