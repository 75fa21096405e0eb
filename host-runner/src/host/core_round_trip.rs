//! The physical floor of everything that two cores tell each other through memory: the round trip of
//! one cache line.
//!
//! On a shared host it moves within seconds, as the host moves its cores about, so a latency on
//! shared memory is best read in units of it. It is another for each line, too, by where in the
//! processor's mesh the line's home is: many lines are played on, of which the median is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// Lines that the ball is played on, in turns.
const LINES: usize = 64;

/// Round trips between two readings of the clock, which would else be a good part of each; all on one
/// line.
const BATCH: u64 = 100;

/// Batches, of which the median is taken: some are interrupted. With fewer than the least there is
/// no telling.
const BATCHES: usize = 4 * LINES + 1;
const LEAST_BATCHES: usize = 21;

/// For how long it is tried, in nanoseconds: the other core may be busy with something else.
const LONGEST_NS: u64 = 300_000_000;

/// What ends the other thread.
const END: u64 = u64::MAX;

/// A cache line of its own, and its neighbour's, which is fetched with it.
#[derive(Default)]
#[repr(align(128))]
struct Line(AtomicU64);

/// What the ball is played on.
struct Court(Vec<Line>);

impl Court {
    fn new() -> Self {
        Self((0..LINES).map(|_| Line::default()).collect())
    }

    /// The word that `ball` and its answer are written to: another for each batch.
    fn word(&self, ball: u64) -> &AtomicU64 {
        let batch = ball / (2 * BATCH);
        &self.0[batch as usize % LINES].0
    }

    /// Ends the other thread, wherever it waits.
    fn end(&self) {
        for line in &self.0 {
            line.0.store(END, Ordering::Release);
        }
    }
}

/// The median round trip, in nanoseconds, of a cache line between this thread and one that has
/// done `prepare`, which binds it to a CPU. `None` if there is no second CPU, no thread to be had,
/// or hardly an answer.
pub fn core_round_trip_ns(
    mut now_ns: impl FnMut() -> u64,
    prepare: impl FnOnce() + Send + 'static,
) -> Option<f64> {
    let court = Arc::new(Court::new());
    let theirs = Arc::clone(&court);
    let answer = move || {
        prepare();
        answer(&theirs);
    };
    let thread = thread::Builder::new().spawn(answer).ok()?;
    let mut batches = Vec::with_capacity(BATCHES);
    let start_ns = now_ns();
    let mut ball = 0;
    while batches.len() < BATCHES {
        let word = court.word(ball);
        let Some(ns) = batch(word, &mut ball, start_ns + LONGEST_NS, &mut now_ns) else {
            break;
        };
        batches.push(ns);
    }
    // More than once: a ball that was given up may come back late and cover the word.
    while !thread.is_finished() {
        court.end();
        thread::yield_now();
    }
    let ended = thread.join();
    batches.sort_unstable();
    // The first ones, while the thread is being started, are among the longest.
    let median = *batches.get(batches.len() / 2)?;
    (ended.is_ok() && batches.len() >= LEAST_BATCHES).then(|| median as f64 / BATCH as f64)
}

/// Sends the ball [`BATCH`] times: how long that took, or `None` if it was not back by `by_ns`.
fn batch(
    word: &AtomicU64,
    ball: &mut u64,
    by_ns: u64,
    now_ns: &mut impl FnMut() -> u64,
) -> Option<u64> {
    let start_ns = now_ns();
    for _ in 0..BATCH {
        word.store(*ball + 1, Ordering::Release);
        *ball += 2;
        let mut looks = 0_u32;
        while word.load(Ordering::Acquire) != *ball {
            looks = looks.wrapping_add(1);
            if looks.is_multiple_of(1024) && now_ns() > by_ns {
                return None;
            }
        }
    }
    Some(now_ns() - start_ns)
}

/// Sends back every ball that comes.
fn answer(court: &Court) {
    let mut ball = 0;
    loop {
        let word = court.word(ball);
        match word.load(Ordering::Acquire) {
            END => return,
            come if come == ball + 1 => {
                word.store(ball + 2, Ordering::Release);
                ball += 2;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partner_that_never_plays_is_given_up() {
        let mut now_ns = 0;
        let word = AtomicU64::new(0);
        let mut clock = || {
            now_ns += 1_000;
            now_ns
        };
        assert_eq!(batch(&word, &mut 0, 10_000, &mut clock), None);
    }

    #[test]
    fn the_ball_comes_back_each_time_on_each_line() {
        let court = Arc::new(Court::new());
        let theirs = Arc::clone(&court);
        let partner = thread::spawn(move || answer(&theirs));
        let mut ball = 0;
        let mut now_ns = 0;
        let mut clock = || {
            now_ns += 1;
            now_ns
        };
        for batches in 1..=LINES as u64 + 1 {
            // Two readings of a clock that counts its readings, and those of waiting.
            let spent = batch(court.word(ball), &mut ball, u64::MAX, &mut clock);
            assert!(spent >= Some(1));
            assert_eq!(ball, 2 * BATCH * batches);
        }
        for line in &court.0 {
            assert!(line.0.load(Ordering::Acquire) > 0);
        }
        court.end();
        partner.join().unwrap();
    }
}
