//! Open loops that fall behind: kept from their work, too slow for it, or with nowhere to send to.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use super::*;
use crate::link::{Received, Refusal, Sent};

const MS: u64 = 1_000_000;

/// Time that each call of the link takes, in nanoseconds.
const CALL_NS: u64 = 50;

/// A queue of bounded length before a service that takes requests one by one.
struct Queue {
    clock: VirtualClock,
    /// Time that the service takes for a request, in nanoseconds.
    service_ns: u64,
    /// Number of requests that wait or are served.
    room: usize,
    /// True if the queue tells when it is full, false if it drops in silence.
    refuses: bool,
    capacity: Option<u64>,
    /// Time at which the service is free again, in nanoseconds.
    free_ns: u64,
    /// Time of arrival of each reply, in nanoseconds, and the reply.
    replies: VecDeque<(u64, Vec<u8>)>,
    received: Rc<Cell<u64>>,
    refused: u64,
    longest: usize,
    /// The host stands still at the first time until the second, once each.
    pauses: RefCell<VecDeque<(u64, u64)>>,
    /// The service stands still from the first time until the second.
    outage_ns: std::ops::Range<u64>,
}

impl Queue {
    fn new(clock: &VirtualClock, service_ns: u64, room: usize) -> Self {
        Self {
            clock: clock.clone(),
            service_ns,
            room,
            refuses: true,
            capacity: None,
            free_ns: 0,
            replies: VecDeque::new(),
            received: Rc::default(),
            refused: 0,
            longest: 0,
            pauses: RefCell::default(),
            outage_ns: 0..0,
        }
    }

    /// The time now, after a call, and after a pause of the host's that begins meanwhile.
    fn now_ns(&self) -> u64 {
        let now_ns = self.clock.now_ns() + CALL_NS;
        self.clock.advance_to(now_ns);
        let mut pauses = self.pauses.borrow_mut();
        if let Some(&(from_ns, to_ns)) = pauses.front()
            && now_ns >= from_ns
        {
            pauses.pop_front();
            self.clock.advance_to(to_ns);
        }
        self.clock.now_ns()
    }
}

impl Link for Queue {
    fn name(&self) -> &'static str {
        "queue"
    }

    fn capacity(&self) -> Option<u64> {
        self.capacity
    }

    fn is_polled(&self) -> bool {
        true
    }

    fn send(&mut self, datagram: &[u8]) -> Result<Sent, LinkError> {
        let now_ns = self.now_ns();
        let waiting = self
            .replies
            .iter()
            .rev()
            .take_while(|reply| reply.0 > now_ns);
        let waiting = waiting.count();
        self.longest = self.longest.max(waiting);
        if waiting >= self.room {
            self.refused += u64::from(self.refuses);
            return Ok(match self.refuses {
                true => Sent::Refused(Refusal::FULL),
                false => Sent::Out,
            });
        }
        self.received.set(self.received.get() + 1);
        let mut from_ns = self.free_ns.max(now_ns);
        if self.outage_ns.contains(&from_ns) {
            from_ns = self.outage_ns.end;
        }
        self.free_ns = from_ns + self.service_ns;
        self.replies.push_back((self.free_ns, reply(datagram)));
        Ok(Sent::Out)
    }

    fn receive(
        &mut self,
        buffer: &mut [u8],
        deadline_ns: u64,
    ) -> Result<Option<Received>, LinkError> {
        let now_ns = self.now_ns();
        let there_ns = self.replies.front().map_or(u64::MAX, |reply| reply.0);
        if there_ns > deadline_ns.max(now_ns) {
            self.clock.advance_to(deadline_ns);
            return Ok(None);
        }
        let Some((_, answer)) = self.replies.pop_front() else {
            return Ok(None);
        };
        self.clock.advance_to(there_ns);
        buffer[..answer.len()].copy_from_slice(&answer);
        let at_ns = self.clock.now_ns();
        Ok(Some(Received {
            len: answer.len(),
            at_ns,
        }))
    }
}

/// Measures an open loop of `rate` for `duration_ns`, with a timeout of a second.
fn measured(rate: u32, duration_ns: u64, clock: &VirtualClock, link: &mut Queue) -> (Tally, Log) {
    let plan = Plan {
        timeout_ns: 1000 * MS,
        measure: Limit::lasting(duration_ns),
        ..plan(open(rate), 0, 0)
    };
    let (tally, ending, log) = run_over(link, clock, &plan, Some(BOOT_ID));
    assert!(matches!(ending, Ending::Completed), "{ending:?}");
    assert_eq!(tally.sent, tally.received + tally.lost, "{tally:?}");
    assert_eq!(tally.dropped_locally, log.dropped.len() as u64);
    (tally, log)
}

#[test]
fn a_generator_paused_for_30_ms_at_1_4_million_a_second_loses_nothing() {
    // A queue of 64 buffers and a backlog of 2 MiB, which tells when it is full or doesn't; 42,000
    // requests are due when the generator goes on.
    for refuses in [true, false] {
        let clock = VirtualClock::default();
        let mut link = Queue::new(&clock, 500, 64 + 19_784);
        link.refuses = refuses;
        link.capacity = Some(64);
        link.pauses.get_mut().push_back((20 * MS, 50 * MS));
        let received = Rc::clone(&link.received);
        let (tally, log) = measured(1_400_000, 200 * MS, &clock, &mut link);
        assert_eq!((tally.sent, tally.lost), (280_000, 0), "{tally:?}");
        assert_eq!((tally.dropped_locally, tally.send_errors.total()), (0, 0));
        assert_eq!(received.get(), tally.sent, "what the service counts");
        let rate = tally.achieved_rate().unwrap();
        assert!((rate / 1.4e6 - 1.0).abs() < 0.001, "{rate}");
        assert!(!tally.is_generator_limited(0));
        // The whole pause is in the lateness and in the latency since the request was due...
        let latest_ns = log.lateness_ns.iter().max().copied().unwrap_or(0);
        assert!((29 * MS..31 * MS).contains(&latest_ns), "{latest_ns}");
        let longest_ns = log.samples.iter().map(|sample| sample.latency_ns).max();
        assert!(longest_ns >= Some(29 * MS));
        // ... and not in the round trips: there was no more before the service than it has buffers, and what
        // is due in the time in which a generator does not count as behind.
        assert!(link.longest <= 64 + 140, "{}", link.longest);
        // One round trip is the pause itself: its reply was there and nobody looked.
        let mut round_trips_ns: Vec<u64> = log
            .samples
            .iter()
            .map(|sample| sample.round_trip_ns)
            .collect();
        round_trips_ns.sort_unstable();
        let p99_99_ns = round_trips_ns[round_trips_ns.len() * 9999 / 10_000];
        assert!(p99_99_ns < 110_000, "{p99_99_ns}");
    }
}

#[test]
fn a_generator_on_time_holds_nothing_back_from_a_service_that_is_too_slow() {
    // 100,000 a second for one that does 50,000: the queue is before the service, and the open loop adds
    // to it whatever happens.
    let clock = VirtualClock::default();
    let mut link = Queue::new(&clock, 20_000, 1 << 20);
    link.capacity = Some(64);
    let (tally, log) = measured(100_000, 100 * MS, &clock, &mut link);
    assert_eq!(tally.sent, 10_000);
    assert!(link.longest > 4000, "{}", link.longest);
    assert!(log.lateness_ns.iter().all(|&ns| ns < 1000));
    assert!(!tally.is_generator_limited(0));
    assert_eq!(tally.blocked_ns, 0);
}

#[test]
fn a_service_that_stands_still_makes_requests_late_and_loses_none() {
    // For 100 ms, in which 10,000 requests are due, and the link holds 2,000.
    let clock = VirtualClock::default();
    let mut link = Queue::new(&clock, 1000, 2000);
    link.capacity = Some(64);
    link.outage_ns = 20 * MS..120 * MS;
    let (tally, log) = measured(100_000, 300 * MS, &clock, &mut link);
    assert_eq!(
        (tally.sent, tally.lost, tally.dropped_locally),
        (30_000, 0, 0)
    );
    assert!(link.refused > 0, "the link was never full");
    // Each has its share of the outage, whether it waited on the link or before it.
    let waited = |sample: &&Sample| sample.latency_ns > MS;
    let waited = log.samples.iter().filter(waited).count();
    // 10,000 were due meanwhile, and another thousand while those were worked off.
    assert!((10_800..11_200).contains(&waited), "{waited}");
    // The service was the limit meanwhile.
    assert!(!tally.is_generator_limited(0));
    assert!(tally.blocked_ns > 70 * MS, "{tally:?}");
}

#[test]
fn a_link_that_takes_nothing_for_a_timeout_has_requests_dropped_and_none_lost() {
    // From 20 ms on, for good.
    let clock = VirtualClock::default();
    let mut link = Queue::new(&clock, 1000, 500);
    link.outage_ns = 20 * MS..u64::MAX / 2;
    let received = Rc::clone(&link.received);
    let (tally, log) = measured(10_000, 2_000 * MS, &clock, &mut link);
    // What the link held was lost; what it did not take never left.
    assert_eq!(tally.lost, 500);
    assert_eq!(received.get(), tally.sent);
    assert_eq!(tally.sent + tally.dropped_locally, 20_000);
    assert_eq!(tally.send_errors.total(), tally.dropped_locally);
    assert!(log.dropped.iter().all(|drop| drop.latency_ns >= 1000 * MS));
    assert!(log.losses.iter().all(|loss| loss.latency_ns >= 1000 * MS));
    // They are given up one by one, a timeout after each was due, and not a second after the last.
    assert!(tally.elapsed_ns < 3_010 * MS, "{tally:?}");
    assert!(!tally.is_generator_limited(0), "the service is to blame");
}

#[test]
fn a_generator_that_is_too_slow_says_so() {
    // Each call takes 50 ns, so three millions a second are out of reach; the service could do more.
    let clock = VirtualClock::default();
    let mut link = Queue::new(&clock, 50, 1 << 20);
    link.capacity = Some(256);
    let plan_rate = 20_000_000;
    let plan = Plan {
        timeout_ns: 50 * MS,
        measure: Limit::lasting(5 * MS),
        ..plan(open(plan_rate), 0, 0)
    };
    let (tally, _, _) = run_over(&mut link, &clock, &plan, Some(BOOT_ID));
    assert_eq!((tally.sent, tally.lost), (100_000, 0));
    let took_ns = tally.last_sent_ns - tally.started_ns;
    let rate = tally.achieved_rate().unwrap();
    assert!((rate - 99_999e9 / took_ns as f64).abs() < 1.0);
    assert!(rate < 0.8 * f64::from(plan_rate), "{rate}");
    assert!(tally.is_generator_limited(0));
    // The log is as long as it really took.
    assert!(tally.sending_ns > 6 * MS, "{tally:?}");
}
