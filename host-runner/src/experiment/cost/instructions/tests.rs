//! Windows of times that are made up, and the whole count with a guest that has few places.

use std::collections::VecDeque;

use super::*;
use crate::link::loopback::Loopback;
use crate::link::{Link, LinkError, Received, Sent};

/// A guest that takes 500 instructions for an echo, and for each burst as many as make it 600.
struct Guest {
    burst: u64,
    windows: Windows,
    now_ns: u64,
    echoes: u64,
}

impl Guest {
    fn with(supply: Supply) -> Self {
        Self {
            burst: supply.burst,
            windows: Windows::new(supply),
            now_ns: 0,
            echoes: 0,
        }
    }

    fn answer(&mut self, count: usize) {
        for _ in 0..count {
            let is_first = self.echoes.is_multiple_of(self.burst);
            self.now_ns += if is_first {
                500 + 100 * self.burst
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
    for supply in [Supply::RING, Supply::SOCKET] {
        let mut guest = Guest::with(supply);
        guest.answer(WARMUP + supply.window * WINDOWS - 1);
        assert_eq!(guest.windows.median(), None);
        guest.answer(1);
        assert_eq!(guest.windows.median(), Some(600.0));
        assert_eq!([1, 3].map(|it| guest.windows.quartile(it)), [600.0; 2]);
    }
}

#[test]
fn warm_up_and_waiting_are_left_out() {
    for supply in [Supply::RING, Supply::SOCKET] {
        let mut guest = Guest::with(supply);
        for _ in 0..WARMUP {
            guest.now_ns += 90_000;
            guest.answer(1);
        }
        while guest.windows.median().is_none() {
            guest.answer(supply.recovery() + 3 * supply.window / 2);
            guest.windows.starve();
            guest.now_ns += 10_000_000;
        }
        // Every one: none has the wait in it, so it is not the median that keeps it out.
        let whole = 600 * supply.window as u64;
        assert!(guest.windows.per_echo.iter().all(|&it| it == whole));
    }
}

#[test]
fn a_few_windows_that_a_wait_slipped_into_change_nothing() {
    let mut guest = Guest::with(Supply::RING);
    while guest.windows.median().is_none() {
        guest.answer(4 * Supply::RING.window);
        guest.now_ns += 10_000_000;
    }
    assert_eq!(guest.windows.median(), Some(600.0));
}

#[test]
fn a_clock_that_goes_back_is_an_error() {
    let mut windows = Windows::new(Supply::RING);
    windows.add(5).unwrap();
    assert!(matches!(windows.add(4), Err(LookError::Disorder)));
}

/// What an echo takes [`Places`].
const ECHO_NS: u64 = 500;

/// A guest that holds few requests and drops all others, and answers one at every third look.
struct Places {
    places: usize,
    waiting: VecDeque<Vec<u8>>,
    /// These are dropped whatever room there is.
    unlucky: fn(u64) -> bool,
    sent: u64,
    dropped: u64,
    now_ns: u64,
    looks: u64,
}

impl Link for Places {
    fn name(&self) -> &'static str {
        "places"
    }

    fn send(&mut self, datagram: &[u8]) -> Result<Sent, LinkError> {
        if self.waiting.len() == self.places || (self.unlucky)(self.sent) {
            self.dropped += 1;
            // Which costs it something as well.
            self.now_ns += ECHO_NS / 3;
        } else {
            self.waiting.push_back(datagram.to_vec());
        }
        self.sent += 1;
        Ok(Sent::Out)
    }

    fn receive(&mut self, buffer: &mut [u8], _: u64) -> Result<Option<Received>, LinkError> {
        self.looks += 1;
        if !self.looks.is_multiple_of(3) {
            return Ok(None);
        }
        let Some(mut answer) = self.waiting.pop_front() else {
            return Ok(None);
        };
        self.now_ns += ECHO_NS;
        let verdict = wire::handle(&mut answer, 7, self.now_ns, || self.now_ns);
        assert_eq!(verdict, wire::Verdict::Reply);
        buffer[..answer.len()].copy_from_slice(&answer);
        Ok(Some(Received {
            len: answer.len(),
            at_ns: 0,
        }))
    }
}

fn counted(guest: &mut Places, supply: Supply, patience: Duration) -> Result<f64, LookError> {
    let never = || false;
    per_echo(&mut Asker::new(guest, 64, patience, &never), supply).map(|it| it.median)
}

const LONG: Duration = Duration::from_secs(60);

fn places(places: usize, unlucky: fn(u64) -> bool) -> Places {
    Places {
        places,
        waiting: VecDeque::new(),
        unlucky,
        sent: 0,
        dropped: 0,
        now_ns: 0,
        looks: 0,
    }
}

#[test]
fn a_guest_with_few_places_loses_nothing_if_that_is_known() {
    let mut guest = places(3, |_| false);
    let median = counted(&mut guest, Supply::SOCKET, LONG).unwrap();
    assert_eq!((median, guest.dropped), (ECHO_NS as f64, 0));
}

#[test]
fn without_that_there_is_no_figure() {
    let mut guest = places(4, |_| false);
    let patience = SILENCE + Duration::from_millis(200);
    let none = counted(&mut guest, Supply::RING, patience);
    assert!(matches!(none, Err(LookError::OutOfTime)), "{none:?}");
    // It was given up waiting for them.
    assert!(guest.sent > 2 * Supply::RING.burst);
}

#[test]
fn what_was_done_around_a_lost_request_is_left_out() {
    let mut guest = places(3, |seq| seq.is_multiple_of(40));
    let median = counted(&mut guest, Supply::SOCKET, LONG).unwrap();
    assert_eq!(median, ECHO_NS as f64);
    assert!(guest.dropped > 50, "{}", guest.dropped);
}

#[test]
fn all_that_are_under_way_may_be_lost() {
    let mut guest = places(3, |seq| (2000..2003).contains(&seq));
    let median = counted(&mut guest, Supply::SOCKET, LONG).unwrap();
    assert_eq!((median, guest.dropped), (ECHO_NS as f64, 3));
}

#[test]
fn a_guest_that_always_waits_is_given_up() {
    let mut guest = Loopback::new(7);
    let never = || false;
    let mut asker = Asker::new(&mut guest, 64, Duration::from_millis(100), &never);
    let none = per_echo(&mut asker, Supply::SOCKET);
    assert!(matches!(none, Err(LookError::OutOfTime)), "{none:?}");
}
