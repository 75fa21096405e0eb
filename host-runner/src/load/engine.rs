//! One request out and one datagram in, with their accounting: what the three loops share.

mod receiving;

use wire::MAX_JUMBO_PAYLOAD;

use super::datagram::Requests;
use super::plan::Plan;
use super::resolution::Resolution;
use super::sequence_tracker::SequenceTracker;
use super::supervise::{Phase, Progress};
use super::{Dropped, Mode, Observer, Tally};
use crate::link::{Link, LinkError, Refusal, Sent};

/// Room for one byte more than the longest datagram, so that one too long is seen to be.
const BUFFER_LEN: usize = MAX_JUMBO_PAYLOAD + 1;

/// Pause in nanoseconds before anything is sent again that this host has refused: what is in its way is
/// seldom gone at once.
pub(super) const REFUSED_PAUSE_NS: u64 = 1_000_000;

/// Number of attempts to send a first request, after which it is plain that none will ever leave.
const FIRST_TRIES: u32 = 50;

/// Outcome of sending a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt {
    /// Time of sending the request, in nanoseconds.
    pub at_ns: u64,
    /// Reason for which this host refused the request, if it did: it never left.
    pub refusal: Option<Refusal>,
}

pub(super) struct Engine<'a, L: ?Sized, O, C> {
    pub(super) plan: &'a Plan,
    pub(super) tracker: SequenceTracker,
    link: &'a mut L,
    observer: &'a mut O,
    now_ns: C,
    tally: Tally,
    boot_id: Option<u32>,
    phase: Phase,
    /// The first request that is measured; those under it are warm-up.
    measured_from: u64,
    /// Time at which the phase that sends began.
    phase_from_ns: u64,
    last_settled_ns: u64,
    /// Requests of warm-up that this host refused to send.
    refused_in_warmup: u64,
    /// In-time replies since measuring began, those to warm-up's last requests included.
    completed: u64,
    requests: Requests,
    buffer: Box<[u8; BUFFER_LEN]>,
}

impl<'a, L, O, C> Engine<'a, L, O, C>
where
    L: Link + ?Sized,
    O: Observer,
    C: FnMut() -> u64,
{
    pub(super) fn new(
        plan: &'a Plan,
        boot_id: Option<u32>,
        link: &'a mut L,
        observer: &'a mut O,
        now_ns: C,
        (tracker, resolution): (SequenceTracker, Resolution),
    ) -> Self {
        Self {
            plan,
            tracker,
            link,
            observer,
            now_ns,
            tally: Tally {
                clock_read_ns: resolution.clock_read_ns,
                resolution_ns: resolution.resolution_ns,
                ..Tally::default()
            },
            boot_id,
            phase: Phase::WarmUp,
            measured_from: u64::MAX,
            phase_from_ns: 0,
            last_settled_ns: 0,
            refused_in_warmup: 0,
            completed: 0,
            requests: Requests::of_plan(plan),
            buffer: Box::new([0; BUFFER_LEN]),
        }
    }

    pub(super) fn now_ns(&mut self) -> u64 {
        (self.now_ns)()
    }

    /// The measurement begins, with warm-up.
    pub(super) fn begin(&mut self, at_ns: u64) {
        self.phase_from_ns = at_ns;
    }

    /// Returns whether requests that are sent now are not measured yet.
    pub(super) fn is_warming_up(&self) -> bool {
        self.phase == Phase::WarmUp
    }

    /// Returns whether a request that is due at `due_ns` is still to be sent. Moves from warm-up to
    /// measuring, and from measuring to draining.
    pub(super) fn wants(&mut self, due_ns: u64) -> bool {
        let elapsed_ns = due_ns.saturating_sub(self.phase_from_ns);
        match self.phase {
            Phase::WarmUp => {
                let tried = self.tally.warmup_discarded + self.refused_in_warmup;
                if self.plan.warmup.is_reached(elapsed_ns, tried) {
                    self.phase = Phase::Measuring;
                    self.phase_from_ns = due_ns;
                    self.last_settled_ns = due_ns;
                    self.measured_from = self.tracker.next_seq();
                    self.tally.started_ns = due_ns;
                    self.observer.started(due_ns);
                }
                true
            }
            Phase::Measuring => {
                // What was refused counts too, or a network that never comes back would have no end.
                let tried = self.tally.sent + self.tally.send_errors.total();
                let ends = self.plan.measure.is_reached(elapsed_ns, tried);
                if ends {
                    self.phase = Phase::Draining;
                }
                // The first that is due after the end of an open loop does not make it longer.
                self.tally.sending_ns = match (self.plan.mode, self.plan.measure.duration_ns) {
                    (Mode::Open { .. }, Some(duration_ns)) => elapsed_ns.min(duration_ns),
                    _ => elapsed_ns,
                };
                self.tally.completed = self.completed;
                !ends
            }
            Phase::Draining => false,
        }
    }

    /// Sends the next request. Without a due time it is due when it is sent. If this host refuses to send
    /// it, the next attempt has its number; the caller says what becomes of it.
    pub(super) fn send(&mut self, due_ns: Option<u64>) -> Result<Attempt, LinkError> {
        debug_assert!(self.plan.check().is_ok(), "a plan is checked before");
        let seq = self.tracker.next_seq();
        self.requests.prepare(seq);
        let mut sent_ns = (self.now_ns)();
        // A request that is put together ahead of its time waits for it here.
        while due_ns.is_some_and(|due_ns| sent_ns < due_ns) {
            sent_ns = (self.now_ns)();
        }
        self.link.clock_was_read(sent_ns);
        if let Sent::Refused(refusal) = self.link.send(self.requests.stamped(sent_ns))? {
            let attempt = self.refused(refusal, sent_ns)?;
            if attempt.refusal.is_some() {
                return Ok(attempt);
            }
            sent_ns = attempt.at_ns;
        }
        let attempt = Attempt {
            at_ns: sent_ns,
            refusal: None,
        };
        self.tracker.sent(due_ns.unwrap_or(sent_ns), sent_ns);
        if !self.is_measured(seq) {
            self.tally.warmup_discarded += 1;
            return Ok(attempt);
        }
        self.tally.sent += 1;
        self.tally.last_sent_ns = sent_ns;
        self.tally.last_due_ns = due_ns.unwrap_or(sent_ns);
        if let Some(due_ns) = due_ns {
            self.observer.sent(sent_ns.saturating_sub(due_ns));
        }
        Ok(attempt)
    }

    /// Counts a request that was refused and is not tried again.
    #[cold]
    pub(super) fn count_refused(&mut self, refusal: Refusal) {
        if self.phase == Phase::WarmUp {
            self.refused_in_warmup += 1;
        } else {
            self.tally.send_errors.add(refusal);
        }
    }

    /// Accounts for a request that was due at `due_ns` and is given up at `at_ns`.
    #[cold]
    pub(super) fn give_up(&mut self, due_ns: u64, at_ns: u64, refusal: Refusal) {
        self.count_refused(refusal);
        if self.phase == Phase::WarmUp {
            return;
        }
        self.tally.dropped_locally += 1;
        self.last_settled_ns = self.last_settled_ns.max(at_ns);
        self.observer.dropped(Dropped {
            at_ns,
            latency_ns: at_ns.saturating_sub(due_ns).max(self.plan.timeout_ns),
        });
    }

    /// Waits for a reply, which makes room on the link, until `deadline_ns`. What that takes beyond finding
    /// a reply that is there is time in which the generator had nothing to do.
    pub(super) fn receive_blocked(
        &mut self,
        deadline_ns: u64,
        now_ns: u64,
    ) -> Result<u64, LinkError> {
        let now_ns = self.now_ns().max(now_ns);
        let at_ns = self.receive(deadline_ns, now_ns)?;
        if self.phase == Phase::Measuring {
            let idle_ns = at_ns.saturating_sub(now_ns);
            self.tally.blocked_ns += idle_ns.saturating_sub(self.tally.resolution_ns.unwrap_or(0));
        }
        Ok(at_ns)
    }

    /// As [`Link::capacity`].
    pub(super) fn capacity(&self) -> Option<u64> {
        self.link.capacity()
    }

    /// As [`Link::is_polled`].
    pub(super) fn is_polled(&self) -> bool {
        self.link.is_polled()
    }

    /// Tries the request in hand again for a while, which was refused at `at_ns`, if none has ever left:
    /// what this host does not send from the start it may still send, or never will.
    #[cold]
    fn refused(&mut self, refusal: Refusal, at_ns: u64) -> Result<Attempt, LinkError> {
        let mut attempt = Attempt {
            at_ns,
            refusal: Some(refusal),
        };
        if self.tracker.next_seq() > 0 {
            return Ok(attempt);
        }
        for _ in 1..FIRST_TRIES {
            let until_ns = attempt.at_ns.saturating_add(REFUSED_PAUSE_NS);
            self.receive_by(until_ns)?;
            attempt.at_ns = (self.now_ns)();
            let request = self.requests.stamped(attempt.at_ns);
            if self.link.send(request)? == Sent::Out {
                attempt.refusal = None;
                return Ok(attempt);
            }
        }
        Err(LinkError::Refused {
            link: self.link.name(),
            refusal,
        })
    }

    fn is_measured(&self, seq: u64) -> bool {
        seq >= self.measured_from
    }

    /// One, if measuring has begun: for datagrams that can't be put down to a request.
    fn unless_warming_up(&self) -> u64 {
        u64::from(self.phase != Phase::WarmUp)
    }

    /// Returns the progress at `now_ns`, and has the observer know the counts.
    pub(super) fn progress(&mut self, now_ns: u64) -> Progress {
        self.observer.tallied(now_ns, &self.tally);
        Progress {
            phase: self.phase,
            elapsed_ns: match self.phase {
                Phase::WarmUp => 0,
                Phase::Measuring | Phase::Draining => now_ns.saturating_sub(self.phase_from_ns),
            },
            sent: self.tally.sent,
            lost: self.tally.lost,
            due_in_ns: None,
            is_idle: self.tracker.in_flight() == 0,
        }
    }

    /// The counts, once and for all.
    pub(super) fn finish(self) -> Tally {
        let settled = self.tally.received + self.tally.lost;
        let sent_ns = self.tally.last_sent_ns;
        let sending_ns = sent_ns.saturating_sub(self.tally.started_ns);
        let sending_ns = sending_ns.max(self.tally.sending_ns);
        Tally {
            in_flight_at_end: self.tally.sent - settled,
            measured_from: self.measured_from,
            sending_ns,
            elapsed_ns: self
                .last_settled_ns
                .saturating_sub(self.tally.started_ns)
                .max(sending_ns),
            ..self.tally
        }
    }
}
