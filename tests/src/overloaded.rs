//! A guest at the speed of this host, measured and overloaded over any link: for benchmarks, since the figures are this
//! host's.
//!
//! As [`crate::icount`], it stands on the instrument's own library.
#![forbid(unsafe_code)]

use std::num::NonZeroU16;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use fathom::clock;
use fathom::host::assignment::Assignment;
use fathom::host::placement::Work;
use fathom::host::topology::Topology;
use fathom::link::{Link, LinkKind, Sent};
use fathom::load::{
    self, Arrivals, Ending, Failure, Limit, LoadContext, Mode, Plan, Progress, Protocol, Rate,
    Tally, WaitRule,
};
use fathom::machine::{AccelChoice, Machine};
use fathom::stats::RunRecorder;
use fathom::sut::guest::Guest;
use tempfile::TempDir;
use wire::{Counters, Header, MAX_PAYLOAD};

use crate::boot::boot;
use crate::qemu_lock::QemuLock;

/// Payload of every request, in bytes.
const PAYLOAD_LEN: usize = 64;

/// Requests in flight that keep the service busy.
const DEPTH: NonZeroU16 = NonZeroU16::new(32).unwrap();

/// Most replies that are taken in before requests are sent again.
const REPLIES: u64 = 64;

/// Most requests that are sent before replies are looked for: more than any queue holds, since a generator that stops for
/// replies earlier offers no more than what is answered.
const REQUESTS: u64 = 1024;

/// Outcome of requests that are sent at their time, whatever becomes of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Overload {
    /// Requests that were due.
    pub offered: u64,
    /// Requests that the link took.
    pub sent: u64,
    /// Requests that the link had no room for.
    pub refused: u64,
    /// Replies while requests were due.
    pub replies: u64,
    /// Replies after that.
    pub later: u64,
    /// Time in which requests were due.
    pub took: Duration,
}

impl Overload {
    /// Returns `count` per second.
    #[must_use]
    pub fn per_second(&self, count: u64) -> f64 {
        count as f64 / self.took.as_secs_f64()
    }
}

/// The guest and the link to it.
pub struct Overloaded<'t> {
    machine: Machine,
    link: Box<dyn Link>,
    _dir: TempDir,
    _lock: &'t QemuLock,
}

impl<'t> Overloaded<'t> {
    /// Boots the image on the accelerator of this host, with a CPU for each side if there are two.
    ///
    /// # Panics
    ///
    /// If it does not get ready.
    #[must_use]
    pub fn boot(link: LinkKind, lock: &'t QemuLock) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let Guest {
            mut machine, link, ..
        } = boot(link, AccelChoice::Auto, dir.path(), Vec::new());
        let assignment = Assignment::new(&Topology::here(), None).ok().flatten();
        let work = if link.is_polled() {
            Work::Polls
        } else {
            Work::Replies
        };
        machine.place(work, assignment.as_ref());
        Self {
            machine,
            link,
            _dir: dir,
            _lock: lock,
        }
    }

    /// The service's counters.
    ///
    /// # Panics
    ///
    /// If they can't be read.
    pub fn counters(&mut self) -> Counters {
        self.machine.counters().expect("QEMU reads them")
    }

    /// Returns the number of requests that full queues of this host have dropped so far, where that is known.
    #[must_use]
    pub fn queue_drops(&self) -> Option<u64> {
        self.link.queue_drops()
    }

    /// Measures for `duration`, and returns the counts and the latency's p99 in nanoseconds.
    ///
    /// # Panics
    ///
    /// If the link or the guest fails.
    pub fn measure(&mut self, mode: Mode, duration: Duration) -> (Tally, u64) {
        let plan = Plan {
            mode,
            payload_len: PAYLOAD_LEN,
            timeout_ns: 1_000_000_000,
            warmup: Limit::lasting(100_000_000),
            measure: Limit::lasting(duration.as_nanos() as u64),
            seed: 1,
            content: None,
            protocol: Protocol::Fathom,
            key: None,
            wait_rule: WaitRule::Sleep,
        };
        let mut recorder = RunRecorder::new(&plan);
        let machine = &self.machine;
        let context = LoadContext {
            link: self.link.as_mut(),
            observer: &mut recorder,
            now_ns: clock::now_ns,
            cancel: &AtomicBool::new(false),
            check: |_: &Progress| machine.check(),
        };
        let (tally, ending) = load::run(&plan, None, context);
        match ending {
            Ending::Completed => (tally, recorder.latency.quantile_ns(0.99)),
            Ending::Interrupted => unreachable!("nobody interrupts it"),
            Ending::Failed(Failure::Link(error)) => panic!("{error}"),
            Ending::Failed(Failure::Unhealthy(error)) => panic!("{error}"),
        }
    }

    /// Returns the best rate, in answers per second: that of a service that always has something to do.
    ///
    /// # Panics
    ///
    /// If nothing is answered.
    pub fn best_rate(&mut self, duration: Duration) -> f64 {
        let (tally, _) = self.measure(Mode::Pipeline { depth: DEPTH }, duration);
        tally.answer_rate().expect("it answers")
    }

    /// Sends `rate` requests per second for `duration`, and returns the latency's p99 in nanoseconds: each pause of the host's
    /// delays all requests that are due in it.
    ///
    /// # Panics
    ///
    /// As [`Overloaded::measure`].
    pub fn open_p99_ns(&mut self, rate: f64, duration: Duration) -> u64 {
        let mode = Mode::Open {
            rate: Rate::nearest(rate),
            arrivals: Arrivals::Poisson,
        };
        self.measure(mode, duration).1
    }

    /// Sends each request once the last is answered, and returns the latency's p99 in nanoseconds: a pause of the host's
    /// delays one request.
    ///
    /// # Panics
    ///
    /// As [`Overloaded::measure`].
    pub fn closed_p99_ns(&mut self, duration: Duration) -> u64 {
        self.measure(Mode::Closed, duration).1
    }

    /// Sends `rate` requests per second for `duration`, each at its time: one that the link has no room for is never
    /// tried again, and nothing is held back. Takes in what comes for another `rest`.
    ///
    /// # Panics
    ///
    /// If the link fails.
    pub fn overload(&mut self, rate: f64, duration: Duration, rest: Duration) -> Overload {
        let interval_ns = 1e9 / rate;
        let mut overload = Overload::default();
        let mut datagram = [0; PAYLOAD_LEN];
        let start_ns = clock::now_ns();
        let end_ns = start_ns + duration.as_nanos() as u64;
        loop {
            let now_ns = clock::now_ns();
            if now_ns >= end_ns {
                break;
            }
            let due = ((now_ns - start_ns) as f64 / interval_ns) as u64;
            for _ in 0..REQUESTS.min(due - overload.offered) {
                let header = Header::request(overload.offered, now_ns);
                header.encode(&mut datagram).expect("there is room");
                overload.offered += 1;
                match self.link.send(&datagram) {
                    Ok(Sent::Out) => overload.sent += 1,
                    Ok(Sent::Refused(_)) => overload.refused += 1,
                    Err(error) => panic!("{error}"),
                }
            }
            overload.replies += self.take_replies(0);
        }
        overload.took = duration;
        let rest_ns = end_ns + rest.as_nanos() as u64;
        while clock::now_ns() < rest_ns {
            overload.later += self.take_replies(rest_ns.min(clock::now_ns() + 1_000_000));
        }
        overload
    }

    /// Takes in the replies that are there, at most [`REPLIES`]; waits for the first until
    /// `deadline_ns`.
    fn take_replies(&mut self, deadline_ns: u64) -> u64 {
        let mut buffer = [0; MAX_PAYLOAD + 1];
        let mut deadline_ns = deadline_ns;
        for count in 0..REPLIES {
            match self.link.receive(&mut buffer, deadline_ns) {
                Ok(Some(_)) => deadline_ns = 0,
                Ok(None) => return count,
                Err(error) => panic!("{error}"),
            }
        }
        REPLIES
    }
}
