//! One request out, one datagram in, and what both mean: the part that the two loops share.

use wire::{HEADER_LEN, Header, Kind, MAX_PAYLOAD};

use super::plan::Plan;
use super::supervise::{BUSY_INTERVAL_NS, Phase, Progress};
use super::window::{Arrival, Known, Request, Window};
use super::{Loss, Observer, Sample, Tally, padding};
use crate::link::{Link, LinkError, Received};

/// Room for one byte more than the longest datagram, so that one too long is seen to be.
const BUFFER_LEN: usize = MAX_PAYLOAD + 1;

pub(super) struct Engine<'a, L: ?Sized, O, C> {
    pub(super) plan: &'a Plan,
    pub(super) window: Window,
    link: &'a mut L,
    observer: &'a mut O,
    now_ns: C,
    tally: Tally,
    boot_id: Option<u32>,
    phase: Phase,
    /// The first request that is measured; those under it are warm-up.
    measured_from: u64,
    /// When the phase that sends began.
    phase_from_ns: u64,
    last_settled_ns: u64,
    request: Box<[u8]>,
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
    ) -> Self {
        Self {
            plan,
            window: Window::new(plan.in_flight(), plan.timeout_ns),
            link,
            observer,
            now_ns,
            tally: Tally::default(),
            boot_id,
            phase: Phase::WarmUp,
            measured_from: u64::MAX,
            phase_from_ns: 0,
            last_settled_ns: 0,
            request: vec![0; plan.payload_len].into_boxed_slice(),
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

    /// Whether a request that is due at `due_ns` is still to be sent. Moves from warm-up to
    /// measuring, and from measuring to draining.
    pub(super) fn wants(&mut self, due_ns: u64) -> bool {
        let elapsed_ns = due_ns.saturating_sub(self.phase_from_ns);
        match self.phase {
            Phase::WarmUp => {
                if self
                    .plan
                    .warmup
                    .is_reached(elapsed_ns, self.tally.warmup_discarded)
                {
                    self.phase = Phase::Measuring;
                    self.phase_from_ns = due_ns;
                    self.last_settled_ns = due_ns;
                    self.measured_from = self.window.next_seq();
                    self.tally.started_ns = due_ns;
                    self.observer.started(due_ns);
                }
                true
            }
            Phase::Measuring => {
                let ends = self.plan.measure.is_reached(elapsed_ns, self.tally.sent);
                if ends {
                    self.phase = Phase::Draining;
                }
                self.tally.sending_ns = elapsed_ns;
                !ends
            }
            Phase::Draining => false,
        }
    }

    /// Sends the next request. Without a due time it is due when it is sent.
    pub(super) fn send(&mut self, due_ns: Option<u64>) -> Result<(), LinkError> {
        let seq = self.window.next_seq();
        padding::fill(self.plan.seed, seq, &mut self.request[HEADER_LEN..]);
        let sent_ns = (self.now_ns)();
        let header = Header::request(seq, sent_ns);
        debug_assert!(self.plan.check().is_ok(), "a plan is checked before");
        // A checked plan's payload has room for the header.
        let _ = header.encode(&mut self.request);
        self.link.send(&self.request)?;
        self.window.sent(due_ns.unwrap_or(sent_ns), sent_ns);
        if !self.is_measured(seq) {
            self.tally.warmup_discarded += 1;
            return Ok(());
        }
        self.tally.sent += 1;
        if let Some(due_ns) = due_ns {
            self.observer.sent(sent_ns.saturating_sub(due_ns));
        }
        Ok(())
    }

    /// Takes in one datagram, waiting for it until `deadline_ns`, but never longer than a look-up
    /// may be put off. Returns what time it is.
    pub(super) fn receive(&mut self, deadline_ns: u64, now_ns: u64) -> Result<u64, LinkError> {
        let deadline_ns = deadline_ns.min(now_ns.saturating_add(BUSY_INTERVAL_NS));
        let received = self.link.receive(&mut self.buffer[..], deadline_ns)?;
        let now_ns = match received {
            Some(Received { at_ns, .. }) => at_ns,
            None => self.now_ns(),
        };
        // First what is lost by now: a reply that comes with the timeout comes too late.
        self.expire(now_ns);
        if let Some(Received { len, at_ns }) = received {
            self.take(len, at_ns);
        }
        Ok(now_ns)
    }

    fn expire(&mut self, now_ns: u64) {
        while let Some(request) = self.window.take_lost(now_ns) {
            if !self.is_measured(request.seq) {
                continue;
            }
            self.tally.lost += 1;
            let at_ns = request.sent_ns.saturating_add(self.plan.timeout_ns);
            self.last_settled_ns = self.last_settled_ns.max(at_ns);
            self.observer.lost(Loss {
                at_ns,
                latency_ns: at_ns.saturating_sub(request.due_ns),
                uncorrected_ns: self.plan.timeout_ns,
            });
        }
    }

    /// Accounts for the datagram in the buffer, `len` bytes that came at `at_ns`.
    fn take(&mut self, len: usize, at_ns: u64) {
        let Ok(header) = Header::decode(&self.buffer[..len.min(BUFFER_LEN)]) else {
            self.tally.corrupted += self.unless_warming_up();
            return;
        };
        if header.kind == Kind::Reply && self.boot_id.is_some_and(|boot| boot != header.boot_id) {
            self.tally.foreign += self.unless_warming_up();
            return;
        }
        match self.window.look_up(header.seq) {
            Known::NeverSent => self.tally.corrupted += self.unless_warming_up(),
            Known::Forgotten => self.tally.stale += u64::from(self.is_measured(header.seq)),
            Known::SentAt(sent_ns) if !self.is_intact(&header, sent_ns, len) => {
                self.tally.corrupted += u64::from(self.is_measured(header.seq));
            }
            Known::SentAt(_) => {
                self.boot_id = Some(header.boot_id);
                let arrival = self.window.arrived(header.seq);
                if self.is_measured(header.seq) {
                    self.count(arrival, &header, at_ns);
                }
            }
        }
    }

    /// Whether a reply has everything that it must carry back from a request sent at `sent_ns`.
    fn is_intact(&self, header: &Header, sent_ns: u64, len: usize) -> bool {
        header.kind == Kind::Reply
            && header.flags == 0
            && header.t1_ns == sent_ns
            && len == self.plan.payload_len
            && padding::is_intact(self.plan.seed, header.seq, &self.buffer[HEADER_LEN..len])
    }

    fn count(&mut self, arrival: Arrival, header: &Header, at_ns: u64) {
        match arrival {
            Arrival::Late => self.tally.late += 1,
            Arrival::Duplicate => self.tally.duplicated += 1,
            Arrival::InTime { request, reordered } => {
                self.tally.received += 1;
                self.tally.reordered += u64::from(reordered);
                self.last_settled_ns = self.last_settled_ns.max(at_ns);
                let sample = sample(&request, header, at_ns);
                self.tally.impossible_times += u64::from(sample.service_ns.is_none());
                self.observer.replied(sample);
            }
        }
    }

    fn is_measured(&self, seq: u64) -> bool {
        seq >= self.measured_from
    }

    /// One, if measuring has begun: for datagrams that can't be put down to a request.
    fn unless_warming_up(&self) -> u64 {
        u64::from(self.phase != Phase::WarmUp)
    }

    pub(super) fn progress(&self, now_ns: u64) -> Progress {
        Progress {
            phase: self.phase,
            elapsed_ns: match self.phase {
                Phase::WarmUp => 0,
                Phase::Measuring | Phase::Draining => now_ns.saturating_sub(self.phase_from_ns),
            },
            sent: self.tally.sent,
            lost: self.tally.lost,
            is_quiet: self.window.in_flight() == 0,
        }
    }

    /// The counts, once and for all.
    pub(super) fn finish(self) -> Tally {
        let settled = self.tally.received + self.tally.lost;
        Tally {
            in_flight_at_end: self.tally.sent - settled,
            elapsed_ns: self
                .last_settled_ns
                .saturating_sub(self.tally.started_ns)
                .max(self.tally.sending_ns),
            ..self.tally
        }
    }
}

fn sample(request: &Request, header: &Header, at_ns: u64) -> Sample {
    let round_trip_ns = at_ns.saturating_sub(request.sent_ns);
    Sample {
        at_ns,
        latency_ns: at_ns.saturating_sub(request.due_ns),
        uncorrected_ns: round_trip_ns,
        service_ns: header
            .t3_ns
            .checked_sub(header.t2_ns)
            .filter(|&service_ns| service_ns <= round_trip_ns),
    }
}
