//! The time stamp counter's frequency, measured against the PC's timer (Intel 8254).
//!
//! The timer's counter is read, and not its interrupts counted: those come when a hypervisor gets to
//! deliver them, while the counter's value is that of the moment when it was latched. That moment lies
//! between two readings of the time stamp counter, so each pair of readings bounds the frequency, and
//! the narrowest of many bounds is the result: a virtual processor that is put off in between
//! widens a bound, and shifts none. How often the timer ran out is not known, so a run of it
//! ends with that, and is started again.
//!
//! Nothing is waited for without a bound, and a machine without such a timer is known by its first
//! answer. No unsafe code: the ports are behind [`Timer`].
#![forbid(unsafe_code)]

use super::frequency::usable;

/// The timer's frequency in Hz: a third of NTSC's colour burst.
pub(super) const TIMER_HZ: u64 = 1_193_182;

/// Number of ticks in an attempt: 10 ms, of the 55 ms that the timer takes to run out. Every boot on which nobody
/// says the frequency takes as much longer.
const WINDOW: u16 = 11_932;

/// Readings that are less than a millisecond apart tell too little.
const SHORTEST: u16 = 1_194;

/// Readings at either end of it.
const READINGS: usize = 16;

/// The most readings in an attempt: with the fastest of ports as many take twice the window.
const MOST_READINGS: u32 = 200_000;

/// The most attempts, most of which a very busy host may spoil: a second of them.
const ATTEMPTS: u32 = 20;

/// Bounds as narrow as this end the search, in parts of a million.
const NARROW_PPM: u64 = 500;

/// Bounds wider than this are no result. The kernel may know better then.
const WIDE_PPM: u64 = 5_000;

/// A timer that counts down once, when it is started.
pub trait Timer {
    /// Starts it.
    fn start(&mut self);
    /// Reads it.
    fn read(&mut self) -> Reading;
}

/// A reading of the timer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reading {
    /// The time stamp counter before it.
    pub before: u64,
    /// The time stamp counter after it.
    pub after: u64,
    /// Ticks since the start; `None` if the timer has run out, or there is none.
    pub ticks: Option<u16>,
}

impl Reading {
    const fn width(&self) -> u64 {
        self.after.saturating_sub(self.before)
    }
}

/// Between what the frequency lies, in Hz.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    low: u64,
    high: u64,
}

impl Bounds {
    const NONE: Self = Self {
        low: 0,
        high: u64::MAX,
    };

    /// Narrows them by two readings, `b` a good while after `a`.
    fn narrow(&mut self, a: &Reading, b: &Reading) {
        let (Some(from), Some(to)) = (a.ticks, b.ticks) else {
            return;
        };
        let Some(ticks) = to.checked_sub(from).filter(|&ticks| ticks > 1) else {
            return;
        };
        // Whole ticks were counted: it may have been all but one more, or one less.
        let hz = |cycles: u64, ticks: u16| cycles.saturating_mul(TIMER_HZ) / u64::from(ticks);
        self.low = self
            .low
            .max(hz(b.before.saturating_sub(a.after), ticks + 1));
        self.high = self
            .high
            .min(hz(b.after.saturating_sub(a.before), ticks - 1));
    }

    /// Returns the width of the bounds, in parts per million of the lower one.
    fn ppm(&self) -> u64 {
        let width = self.high.saturating_sub(self.low);
        match self.low {
            0 => u64::MAX,
            low => width.saturating_mul(1_000_000) / low,
        }
    }
}

/// The time stamp counter's frequency in kHz; `None` if there is no timer, or what it says is good for
/// nothing.
pub fn khz(timer: &mut impl Timer) -> Option<u32> {
    let mut bounds = Bounds::NONE;
    for _ in 0..ATTEMPTS {
        // It is the same counter each time, so whatever bounds it does.
        let _ = attempt(timer, &mut bounds);
        if bounds.ppm() <= NARROW_PPM {
            break;
        }
    }
    // Bounds that exclude each other are of a counter that does not run evenly.
    let is_usable = bounds.low <= bounds.high && bounds.ppm() <= WIDE_PPM;
    let middle = bounds.low + bounds.high.saturating_sub(bounds.low) / 2;
    if is_usable {
        usable((middle + 500) / 1000)
    } else {
        None
    }
}

/// Narrows `bounds` by one run of the timer, which ends early with `None` if the timer has run out.
fn attempt(timer: &mut impl Timer, bounds: &mut Bounds) -> Option<()> {
    timer.start();
    let mut first = [Reading::default(); READINGS];
    for reading in &mut first {
        *reading = timer.read();
        reading.ticks?;
    }
    let start = first[0].ticks?;
    let narrowest = first.iter().min_by_key(|reading| reading.width())?;
    for _ in 0..MOST_READINGS {
        let reading = timer.read();
        let ticks = reading.ticks?.saturating_sub(start);
        // A host that is busy may not let an attempt come to its end.
        if ticks >= SHORTEST {
            bounds.narrow(narrowest, &reading);
        }
        if ticks >= WINDOW {
            for _ in 0..READINGS {
                let last = timer.read();
                last.ticks?;
                first.iter().for_each(|first| bounds.narrow(first, &last));
            }
            return Some(());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    /// A timer on a counter of `hz`, which is put off for some cycles at certain readings.
    struct FakeTimer {
        hz: u64,
        now: u64,
        started: u64,
        readings: usize,
        /// Cycles between the two ends of a reading.
        bracket: u64,
        /// At which reading, for how many cycles.
        pauses: Vec<(usize, u64)>,
        is_there: bool,
    }

    impl FakeTimer {
        fn new(hz: u64) -> Self {
            Self {
                hz,
                now: 1 << 40,
                started: 0,
                readings: 0,
                bracket: hz / 500_000, // 2 us
                pauses: Vec::new(),
                is_there: true,
            }
        }

        fn milliseconds(&self, ms: u64) -> u64 {
            self.hz / 1000 * ms
        }
    }

    impl Timer for FakeTimer {
        fn start(&mut self) {
            self.started = self.now;
        }

        fn read(&mut self) -> Reading {
            let before = self.now;
            self.readings += 1;
            self.now += self.bracket / 2;
            for &(at, cycles) in &self.pauses {
                self.now += if at == self.readings { cycles } else { 0 };
            }
            let ticks = u128::from(self.now - self.started) * u128::from(TIMER_HZ);
            let ticks = u16::try_from(ticks / u128::from(self.hz)).ok();
            self.now += self.bracket / 2;
            let after = self.now;
            self.now += self.bracket;
            Reading {
                before,
                after,
                ticks: ticks.filter(|&ticks| ticks < u16::MAX && self.is_there),
            }
        }
    }

    fn expect_close(timer: &mut FakeTimer) {
        let truth = timer.hz as f64 / 1000.0;
        let measured = f64::from(khz(timer).expect("it is measured"));
        let ppm = (measured / truth - 1.0) * 1e6;
        assert!(
            ppm.abs() <= NARROW_PPM as f64 / 2.0,
            "{truth} kHz: {ppm} ppm"
        );
    }

    #[test]
    fn measures_counters_slow_and_fast() {
        for hz in [100_000_000, 999_999_999, 2_599_998_000, 5_000_000_000] {
            let mut timer = FakeTimer::new(hz);
            expect_close(&mut timer);
            let ms = (timer.now - (1 << 40)) * 1000 / hz;
            assert!(ms < 40, "one attempt is enough: {ms} ms");
        }
    }

    #[test]
    fn pauses_widen_but_do_not_shift() {
        // Within either end, in between, and at every single reading of the start but one.
        let mut timer = FakeTimer::new(2_000_000_000);
        let pause = timer.milliseconds(1);
        timer.pauses = (1..READINGS).map(|at| (at, pause / 2)).collect();
        timer.pauses.push((1000, 10 * pause));
        expect_close(&mut timer);
    }

    #[test]
    fn an_attempt_in_which_the_timer_ran_out_is_void() {
        let mut timer = FakeTimer::new(2_000_000_000);
        // 55 ms and more, after which a timer that starts over would look like new.
        timer.pauses = vec![(3, timer.milliseconds(56)), (500, timer.milliseconds(60))];
        expect_close(&mut timer);
    }

    #[test]
    fn a_host_that_lets_no_attempt_end_leaves_wider_bounds() {
        let mut timer = FakeTimer::new(2_000_000_000);
        let pause = timer.milliseconds(60);
        // A run of some 5 ms each, a millisecond of which has 250 readings.
        timer.pauses = (1..1000).map(|at| (1250 * at, pause)).collect();
        let khz = khz(&mut timer).expect("it is measured");
        let ppm = (f64::from(khz) / 2e6 - 1.0) * 1e6;
        assert!(ppm.abs() <= WIDE_PPM as f64 / 2.0, "{ppm} ppm");
    }

    #[test]
    fn a_machine_without_a_timer_costs_a_few_readings() {
        let mut timer = FakeTimer::new(2_000_000_000);
        timer.is_there = false;
        assert_eq!(khz(&mut timer), None);
        assert_eq!(timer.readings, ATTEMPTS as usize);
    }

    #[test]
    fn a_timer_that_stands_still_is_given_up() {
        struct Still(u64);
        impl Timer for Still {
            fn start(&mut self) {}
            fn read(&mut self) -> Reading {
                self.0 += 1;
                Reading {
                    before: self.0,
                    after: self.0,
                    ticks: Some(7),
                }
            }
        }
        let mut still = Still(0);
        assert_eq!(khz(&mut still), None);
        assert!(still.0 <= u64::from(ATTEMPTS * (MOST_READINGS + 100)));
    }

    #[test]
    fn a_counter_that_stands_still_has_no_frequency() {
        struct Still(u16);
        impl Timer for Still {
            fn start(&mut self) {
                self.0 = 0;
            }
            fn read(&mut self) -> Reading {
                self.0 += 2;
                Reading {
                    before: 5,
                    after: 5,
                    ticks: Some(self.0),
                }
            }
        }
        assert_eq!(khz(&mut Still(0)), None);
    }
}
