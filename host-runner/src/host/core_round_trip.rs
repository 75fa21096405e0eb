//! Round trip of a cache line between two cores (ping-pong): the least that any message through shared memory
//! takes.
//!
//! A hypervisor moves virtual CPUs between cores, so the figure changes within seconds on a shared host, and
//! a latency on shared memory is best given as a multiple of it. It also depends on the line's home slice in
//! the processor's mesh, so [`LINES`] lines are sampled and the median is reported.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// Number of cache lines sampled, in turns.
const LINES: usize = 64;

/// Round trips between two readings of the clock, all on one line: a reading takes about as long as a round
/// trip.
const BATCH: u64 = 100;

/// Batches, of which the median is taken, since some are interrupted; with fewer than the least there is no
/// result.
const BATCHES: usize = 4 * LINES + 1;
const LEAST_BATCHES: usize = 21;

/// Time limit in nanoseconds: the other core may be busy with something else.
const LONGEST_NS: u64 = 300_000_000;

/// Value of a line that ends the other thread.
const END: u64 = u64::MAX;

/// A counter on a pair of cache lines of its own: hardware prefetches the neighbour of a line with it.
#[derive(Default)]
#[repr(align(128))]
struct Line(AtomicU64);

/// Cache lines that two threads increment in turns.
struct Lines(Vec<Line>);

impl Lines {
    fn new() -> Self {
        Self((0..LINES).map(|_| Line::default()).collect())
    }

    /// Returns the word that `count` and its answer are written to: another for each batch.
    fn word(&self, count: u64) -> &AtomicU64 {
        let batch = count / (2 * BATCH);
        &self.0[batch as usize % LINES].0
    }

    /// Ends the other thread, wherever it waits.
    fn end(&self) {
        for line in &self.0 {
            line.0.store(END, Ordering::Release);
        }
    }
}

/// Returns the median round trip, in nanoseconds, of a cache line between the calling thread and a new one that
/// first does `prepare`, which binds it to a CPU. `None` if there is no second CPU, if no thread can be started,
/// or if fewer than [`LEAST_BATCHES`] batches end within [`LONGEST_NS`].
pub fn core_round_trip_ns(
    mut now_ns: impl FnMut() -> u64,
    prepare: impl FnOnce() + Send + 'static,
) -> Option<f64> {
    let lines = Arc::new(Lines::new());
    let theirs = Arc::clone(&lines);
    let answer = move || {
        prepare();
        answer(&theirs);
    };
    let thread = thread::Builder::new().spawn(answer).ok()?;
    let mut batches = Vec::with_capacity(BATCHES);
    let start_ns = now_ns();
    let mut count = 0;
    while batches.len() < BATCHES {
        let word = lines.word(count);
        let Some(ns) = ping_pong(word, &mut count, start_ns + LONGEST_NS, &mut now_ns) else {
            break;
        };
        batches.push(ns);
    }
    // More than once: an answer that was given up may come late and overwrite the word.
    while !thread.is_finished() {
        lines.end();
        thread::yield_now();
    }
    let ended = thread.join();
    batches.sort_unstable();
    // The first ones, while the thread is being started, are among the longest.
    let median = *batches.get(batches.len() / 2)?;
    (ended.is_ok() && batches.len() >= LEAST_BATCHES).then(|| median as f64 / BATCH as f64)
}

/// Makes [`BATCH`] round trips on `word` and returns their time in nanoseconds; `None` if an answer is missing
/// at `by_ns`.
fn ping_pong(
    word: &AtomicU64,
    count: &mut u64,
    by_ns: u64,
    now_ns: &mut impl FnMut() -> u64,
) -> Option<u64> {
    let start_ns = now_ns();
    for _ in 0..BATCH {
        word.store(*count + 1, Ordering::Release);
        *count += 2;
        let mut polls = 0_u32;
        while word.load(Ordering::Acquire) != *count {
            polls = polls.wrapping_add(1);
            if polls.is_multiple_of(1024) && now_ns() > by_ns {
                return None;
            }
        }
    }
    Some(now_ns() - start_ns)
}

/// Answers every count with the next, until [`END`].
fn answer(lines: &Lines) {
    let mut count = 0;
    loop {
        let word = lines.word(count);
        match word.load(Ordering::Acquire) {
            END => return,
            come if come == count + 1 => {
                word.store(count + 2, Ordering::Release);
                count += 2;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_never_answers_is_given_up() {
        let mut now_ns = 0;
        let word = AtomicU64::new(0);
        let mut clock = || {
            now_ns += 1_000;
            now_ns
        };
        assert_eq!(ping_pong(&word, &mut 0, 10_000, &mut clock), None);
    }

    #[test]
    fn each_count_is_answered_on_each_line() {
        let lines = Arc::new(Lines::new());
        let theirs = Arc::clone(&lines);
        let partner = thread::spawn(move || answer(&theirs));
        let mut count = 0;
        let mut now_ns = 0;
        let mut clock = || {
            now_ns += 1;
            now_ns
        };
        for batches in 1..=LINES as u64 + 1 {
            // Two readings of a clock that counts its readings, and those of waiting.
            let spent = ping_pong(lines.word(count), &mut count, u64::MAX, &mut clock);
            assert!(spent >= Some(1));
            assert_eq!(count, 2 * BATCH * batches);
        }
        for line in &lines.0 {
            assert!(line.0.load(Ordering::Acquire) > 0);
        }
        lines.end();
        partner.join().unwrap();
    }
}
