//! The speed of a CPU, timed: steps of a computation each of which needs the one before. A processor can't
//! do them at the same time, so how many it makes in a microsecond is in proportion to its frequency, in
//! any virtual machine, whatever the kernel says.

use std::hint::black_box;
use std::thread;

use crate::clock;
use crate::host::placement::bind_to;

/// Steps that are timed at once: some microseconds, short enough that most are not interrupted.
const STEPS: u64 = 2000;

/// Number of times, of which the shortest counts: less than a millisecond in all.
const TIMES: u32 = 64;

/// Returns the steps per microsecond on the CPU `cpu`; `None` if no thread can be had.
#[must_use]
pub fn steps_per_us(cpu: usize) -> Option<f64> {
    let timed = move || {
        bind_to(cpu);
        shortest_ns(clock::now_ns)
    };
    let ns = thread::Builder::new().spawn(timed).ok()?.join().ok()?;
    (ns > 0).then(|| STEPS as f64 * 1e3 / ns as f64)
}

/// Returns the shortest time of [`STEPS`] steps, in nanoseconds.
fn shortest_ns(mut now_ns: impl FnMut() -> u64) -> u64 {
    let mut state = black_box(0x9e37_79b9_7f4a_7c15);
    let times = (0..TIMES).map(|_| {
        let start_ns = now_ns();
        state = black_box(steps(state));
        now_ns().saturating_sub(start_ns)
    });
    times.min().unwrap_or(0)
}

/// Makes [`STEPS`] steps of a generator (xorshift64), whose six operations form one chain.
fn steps(mut state: u64) -> u64 {
    for _ in 0..STEPS {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
    }
    state
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_time_counts() {
        // One of the times is half as long as the others.
        let mut calls = 0_u64;
        let mut at_ns = 0;
        let now_ns = || {
            calls += 1;
            at_ns += if calls == 20 { 500 } else { 1000 };
            at_ns
        };
        assert_eq!(shortest_ns(now_ns), 500);
    }

    #[test]
    fn every_step_changes_the_state() {
        assert_ne!(steps(1), steps(2));
        assert_ne!(steps(1), 1);
    }

    #[test]
    fn a_cpu_has_a_speed() {
        let cpu = *crate::host::topology::allowed().first().unwrap();
        assert!(steps_per_us(cpu) > Some(0.0));
    }
}
