//! Windows of synthetic times, and the whole count with a guest whose socket has few places.

use std::collections::VecDeque;

use super::*;
use crate::link::in_process::InProcessLink;
use crate::link::{Link, LinkError, Received, Sent};

/// A guest that takes 500 instructions for an echo, and for each burst as many as make it 600.
struct Guest {
    burst: u64,
    windows: Windows,
    now_ns: u64,
    echoes: u64,
}

impl Guest {
    fn with(feed_rate: FeedRate) -> Self {
        Self {
            burst: feed_rate.burst,
            windows: Windows::new(feed_rate),
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
fn the_work_of_a_burst_is_divided_by_its_echoes() {
    for feed_rate in [FeedRate::RING, FeedRate::SOCKET] {
        let mut guest = Guest::with(feed_rate);
        guest.answer(WARMUP + feed_rate.window * WINDOWS - 1);
        assert_eq!(guest.windows.median(), None);
        guest.answer(1);
        assert_eq!(guest.windows.median(), Some(600.0));
        assert_eq!(
            [1, 3].map(|quarter| guest.windows.quartile(quarter)),
            [600.0; 2]
        );
    }
}

#[test]
fn warm_up_and_waiting_are_left_out() {
    for feed_rate in [FeedRate::RING, FeedRate::SOCKET] {
        let mut guest = Guest::with(feed_rate);
        for _ in 0..WARMUP {
            guest.now_ns += 90_000;
            guest.answer(1);
        }
        while guest.windows.median().is_none() {
            guest.answer(feed_rate.recovery() + 3 * feed_rate.window / 2);
            guest.windows.starve();
            guest.now_ns += 10_000_000;
        }
        // Each of them: no window contains the wait, so not just the median is free of it.
        let whole = 600 * feed_rate.window as u64;
        assert!(
            guest
                .windows
                .durations_ns
                .iter()
                .all(|&duration_ns| duration_ns == whole)
        );
    }
}

#[test]
fn a_few_windows_with_a_wait_do_not_move_the_median() {
    let mut guest = Guest::with(FeedRate::RING);
    while guest.windows.median().is_none() {
        guest.answer(4 * FeedRate::RING.window);
        guest.now_ns += 10_000_000;
    }
    assert_eq!(guest.windows.median(), Some(600.0));
}

#[test]
fn a_clock_that_goes_back_is_an_error() {
    let mut windows = Windows::new(FeedRate::RING);
    windows.add(5).unwrap();
    assert!(matches!(windows.add(4), Err(CostError::ClockWentBackwards)));
}

/// Duration of an echo of [`SmallSocket`].
const ECHO_NS: u64 = 500;

/// A guest that holds few requests and drops all others. Every third `receive` has a reply.
struct SmallSocket {
    places: usize,
    waiting: VecDeque<Vec<u8>>,
    /// Returns true for the requests that are dropped in any case.
    is_dropped: fn(u64) -> bool,
    sent: u64,
    dropped: u64,
    now_ns: u64,
    receives: u64,
}

impl Link for SmallSocket {
    fn name(&self) -> &'static str {
        "small socket"
    }

    fn send(&mut self, datagram: &[u8]) -> Result<Sent, LinkError> {
        if self.waiting.len() == self.places || (self.is_dropped)(self.sent) {
            self.dropped += 1;
            // Dropping a request takes time as well.
            self.now_ns += ECHO_NS / 3;
        } else {
            self.waiting.push_back(datagram.to_vec());
        }
        self.sent += 1;
        Ok(Sent::Out)
    }

    fn receive(&mut self, buffer: &mut [u8], _: u64) -> Result<Option<Received>, LinkError> {
        self.receives += 1;
        if !self.receives.is_multiple_of(3) {
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

fn counted(
    guest: &mut SmallSocket,
    feed_rate: FeedRate,
    timeout: Duration,
) -> Result<f64, CostError> {
    let never = || false;
    per_echo(&mut EchoClient::new(guest, 64, timeout, &never), feed_rate).map(|count| count.median)
}

const LONG: Duration = Duration::from_secs(60);

fn small_socket(places: usize, is_dropped: fn(u64) -> bool) -> SmallSocket {
    SmallSocket {
        places,
        waiting: VecDeque::new(),
        is_dropped,
        sent: 0,
        dropped: 0,
        now_ns: 0,
        receives: 0,
    }
}

#[test]
fn a_guest_with_few_places_loses_nothing_at_the_sockets_rate() {
    let mut guest = small_socket(3, |_| false);
    let median = counted(&mut guest, FeedRate::SOCKET, LONG).unwrap();
    assert_eq!((median, guest.dropped), (ECHO_NS as f64, 0));
}

#[test]
fn a_guest_with_few_places_has_no_figure_at_the_rings_rate() {
    let mut guest = small_socket(4, |_| false);
    let timeout = SILENCE + Duration::from_millis(200);
    let none = counted(&mut guest, FeedRate::RING, timeout);
    assert!(matches!(none, Err(CostError::OutOfTime)), "{none:?}");
    // Lost requests were given up and others sent.
    assert!(guest.sent > 2 * FeedRate::RING.burst);
}

#[test]
fn echoes_around_a_lost_request_are_not_counted() {
    let mut guest = small_socket(3, |seq| seq.is_multiple_of(40));
    let median = counted(&mut guest, FeedRate::SOCKET, LONG).unwrap();
    assert_eq!(median, ECHO_NS as f64);
    assert!(guest.dropped > 50, "{}", guest.dropped);
}

#[test]
fn all_requests_in_flight_may_be_lost() {
    let mut guest = small_socket(3, |seq| (2000..2003).contains(&seq));
    let median = counted(&mut guest, FeedRate::SOCKET, LONG).unwrap();
    assert_eq!((median, guest.dropped), (ECHO_NS as f64, 3));
}

#[test]
fn a_guest_that_always_waits_runs_out_of_time() {
    let mut guest = InProcessLink::new(7);
    let never = || false;
    let mut client = EchoClient::new(&mut guest, 64, Duration::from_millis(100), &never);
    let none = per_echo(&mut client, FeedRate::SOCKET);
    assert!(matches!(none, Err(CostError::OutOfTime)), "{none:?}");
}
