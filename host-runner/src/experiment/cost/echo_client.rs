//! Single requests, each sent when the caller says so, and the guest's own time of each answer.
//!
//! What measures latency is [`crate::load`]; here nothing is timed on the host.

use std::time::{Duration, Instant};

use wire::MAX_PAYLOAD;

use super::LookError;
use crate::clock;
use crate::link::{Link, Received, Sent, Signals};
use crate::load::Protocol;
use crate::load::datagram::{ReplyHeader, Requests};

/// How often the caller is asked whether it has given up.
const CANCEL_INTERVAL_NS: u64 = 20_000_000;

/// How long a moment's sleep is.
const REST: Duration = Duration::from_micros(20);

/// Who asks the service, one datagram at a time, within a time that ends.
pub struct Asker<'a> {
    link: &'a mut dyn Link,
    requests: Requests,
    next_seq: u64,
    buffer: Box<[u8; MAX_PAYLOAD + 1]>,
    deadline: Instant,
    cancelled: &'a dyn Fn() -> bool,
}

/// An answer that came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The request's number: they are counted from 0.
    pub seq: u64,
    /// When the link had it in hand, in nanoseconds of [`crate::clock`].
    pub at_ns: u64,
    /// When the guest had the request, in nanoseconds of its own clock.
    pub t2_ns: u64,
}

impl<'a> Asker<'a> {
    /// Asks over `link` in requests of `payload_len` bytes, and gives up after `patience`, or when
    /// `cancelled` says so.
    pub fn new(
        link: &'a mut dyn Link,
        payload_len: usize,
        patience: Duration,
        cancelled: &'a dyn Fn() -> bool,
    ) -> Self {
        Self {
            link,
            requests: Requests::new(payload_len, 0, Protocol::Fathom),
            next_seq: 0,
            buffer: Box::new([0; MAX_PAYLOAD + 1]),
            deadline: Instant::now() + patience,
            cancelled,
        }
    }

    /// Sends the next request.
    ///
    /// # Errors
    ///
    /// [`LookError::Link`].
    pub fn ask(&mut self) -> Result<(), LookError> {
        self.requests.prepare(self.next_seq);
        self.next_seq += 1;
        // One that this host refuses to send is one without an answer.
        let _: Sent = self.link.send(self.requests.stamped(clock::now_ns()))?;
        Ok(())
    }

    /// How many requests it has sent, which is the next one's number.
    #[must_use]
    pub const fn asked(&self) -> u64 {
        self.next_seq
    }

    /// Waits for the next answer, to whichever request.
    ///
    /// # Errors
    ///
    /// [`LookError`] if none comes.
    pub fn answer(&mut self) -> Result<Answer, LookError> {
        loop {
            let deadline_ns = clock::now_ns() + CANCEL_INTERVAL_NS;
            let received = self.link.receive(&mut self.buffer[..], deadline_ns)?;
            if let Some(answer) = received.and_then(|received| self.read(received)) {
                return Ok(answer);
            }
            self.check()?;
        }
    }

    /// Takes an answer that is there already.
    ///
    /// # Errors
    ///
    /// [`LookError::Link`].
    pub fn waiting(&mut self) -> Result<Option<Answer>, LookError> {
        let received = self.link.receive(&mut self.buffer[..], 0)?;
        Ok(received.and_then(|received| self.read(received)))
    }

    /// Rests for a moment, with nothing to do since `idle_since`. For as long as is not `long` it only
    /// lets others go first, for a fast guest will be done by then; then it sleeps, for a thread that does
    /// is let onto a busy host's CPUs before one that spins.
    ///
    /// # Errors
    ///
    /// [`LookError::Cancelled`] or [`LookError::OutOfTime`].
    pub fn rest(&self, idle_since: Instant, long: Duration) -> Result<(), LookError> {
        if idle_since.elapsed() < long {
            std::thread::yield_now();
        } else {
            std::thread::sleep(REST);
        }
        self.check()
    }

    /// Listens for as long as `time`, and lets go of whatever comes.
    ///
    /// # Errors
    ///
    /// [`LookError`] as [`Asker::answer`].
    pub fn listen(&mut self, time: Duration) -> Result<(), LookError> {
        let deadline_ns = clock::now_ns() + time.as_nanos() as u64;
        while let Some(received) = self.link.receive(&mut self.buffer[..], deadline_ns)? {
            if received.at_ns >= deadline_ns {
                break;
            }
        }
        self.check()
    }

    /// Whether there is still time.
    ///
    /// # Errors
    ///
    /// [`LookError::Cancelled`] or [`LookError::OutOfTime`].
    pub fn check(&self) -> Result<(), LookError> {
        self.check_cancelled()?;
        self.check_time()
    }

    fn check_cancelled(&self) -> Result<(), LookError> {
        if (self.cancelled)() {
            return Err(LookError::Cancelled);
        }
        Ok(())
    }

    fn check_time(&self) -> Result<(), LookError> {
        if Instant::now() >= self.deadline {
            return Err(LookError::OutOfTime);
        }
        Ok(())
    }

    /// The datagram in the buffer, if it is an answer.
    fn read(&self, received: Received) -> Option<Answer> {
        let len = received.len.min(self.buffer.len());
        let header = ReplyHeader::read(&self.buffer[..len])?;
        (header.is_reply && header.seq < self.next_seq).then_some(Answer {
            seq: header.seq,
            at_ns: received.at_ns,
            t2_ns: header.t2_ns,
        })
    }

    /// How often either side was woken so far, where the link can see it.
    #[must_use]
    pub fn signals(&self) -> Option<Signals> {
        self.link.signals()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::LinkError;
    use crate::link::fault::{Faults, Faulty};
    use crate::link::loopback::Loopback;

    #[test]
    fn an_answer_comes_with_the_guests_time() {
        let mut link = Loopback::new(7);
        let never = || false;
        let mut asker = Asker::new(&mut link, 64, Duration::from_secs(20), &never);
        asker.ask().unwrap();
        let first = asker.answer().unwrap();
        assert_eq!(asker.waiting().unwrap(), None);
        asker.ask().unwrap();
        assert!(asker.answer().unwrap().t2_ns >= first.t2_ns);
    }

    /// A link on which datagrams come that answer nothing, one after the other without end.
    struct Flood;

    impl Link for Flood {
        fn name(&self) -> &'static str {
            "flood"
        }

        fn send(&mut self, _: &[u8]) -> Result<Sent, LinkError> {
            Ok(Sent::Out)
        }

        fn receive(&mut self, _: &mut [u8], _: u64) -> Result<Option<Received>, LinkError> {
            let at_ns = clock::now_ns();
            Ok(Some(Received { len: 0, at_ns }))
        }
    }

    #[test]
    fn what_answers_nothing_keeps_nobody_waiting() {
        let mut flood = Flood;
        let asked = std::cell::Cell::new(0);
        let later = || {
            asked.set(asked.get() + 1);
            asked.get() > 3
        };
        let mut asker = Asker::new(&mut flood, 64, Duration::from_secs(60), &later);
        let error = asker.answer().unwrap_err();
        assert!(matches!(error, LookError::Cancelled), "{error}");
        let never = || false;
        let mut asker = Asker::new(&mut flood, 64, Duration::from_secs(60), &never);
        asker.listen(Duration::from_millis(5)).unwrap();
        let mut asker = Asker::new(&mut flood, 64, Duration::from_millis(5), &never);
        let error = asker.answer().unwrap_err();
        assert!(matches!(error, LookError::OutOfTime), "{error}");
    }

    #[test]
    fn waiting_has_an_end_of_its_own_and_the_callers() {
        let faults = Faults {
            lose_request: 1.0,
            ..Faults::default()
        };
        let mut link = Faulty::new(Loopback::new(7), faults, 1);
        let asked = |link: &mut Faulty<Loopback>, patience, cancelled| {
            let cancelled = || cancelled;
            let mut asker = Asker::new(link, 64, patience, &cancelled);
            asker.ask().unwrap();
            asker.answer().unwrap_err()
        };
        let error = asked(&mut link, Duration::from_millis(50), false);
        assert!(matches!(error, LookError::OutOfTime), "{error}");
        let error = asked(&mut link, Duration::from_secs(60), true);
        assert!(matches!(error, LookError::Cancelled), "{error}");
    }
}
