//! A client that sends single requests when its caller says so, and reads the guest's time of each reply.
//!
//! Nothing is timed on the host here; [`crate::load`] measures latency.

use std::time::{Duration, Instant};

use wire::MAX_JUMBO_PAYLOAD;

use super::CostError;
use crate::clock;
use crate::link::{Link, Received, Sent, Signals};
use crate::load::Protocol;
use crate::load::datagram::Requests;
use crate::load::reply_header::ReplyHeader;

/// Interval in nanoseconds between checks for cancellation by the caller.
const CANCEL_INTERVAL_NS: u64 = 20_000_000;

/// Duration of one sleep of [`EchoClient::back_off`].
const BACK_OFF_SLEEP: Duration = Duration::from_micros(20);

/// A client of the service that gives up at a deadline.
pub struct EchoClient<'a> {
    link: &'a mut dyn Link,
    requests: Requests,
    next_seq: u64,
    buffer: Box<[u8; MAX_JUMBO_PAYLOAD + 1]>,
    deadline: Instant,
    is_cancelled: &'a dyn Fn() -> bool,
}

/// A received reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Sequence number of the request, counted from 0.
    pub seq: u64,
    /// Time when the link received the reply, in nanoseconds of [`crate::clock`].
    pub at_ns: u64,
    /// Time when the guest received the request, in nanoseconds of the guest's clock.
    pub t2_ns: u64,
}

impl<'a> EchoClient<'a> {
    /// Returns a client that sends requests of `payload_len` bytes over `link`. Its calls fail once
    /// `timeout` has passed, or when `is_cancelled` returns true.
    pub fn new(
        link: &'a mut dyn Link,
        payload_len: usize,
        timeout: Duration,
        is_cancelled: &'a dyn Fn() -> bool,
    ) -> Self {
        Self {
            link,
            requests: Requests::new(payload_len, 0, Protocol::Fathom),
            next_seq: 0,
            buffer: Box::new([0; MAX_JUMBO_PAYLOAD + 1]),
            deadline: Instant::now() + timeout,
            is_cancelled,
        }
    }

    /// Sends the next request.
    ///
    /// # Errors
    ///
    /// [`CostError::Link`] if the link fails.
    pub fn send(&mut self) -> Result<(), CostError> {
        self.requests.prepare(self.next_seq);
        self.next_seq += 1;
        // A request that this host refuses to send is a request without a reply.
        let _: Sent = self.link.send(self.requests.stamped(clock::now_ns()))?;
        Ok(())
    }

    /// Returns the number of requests sent, which is the next request's sequence number.
    #[must_use]
    pub const fn sent(&self) -> u64 {
        self.next_seq
    }

    /// Waits for the next reply to any request.
    ///
    /// # Errors
    ///
    /// [`CostError::Link`] if the link fails; [`CostError::Cancelled`] or [`CostError::OutOfTime`] if no
    /// reply comes before the caller cancels or the deadline passes.
    pub fn recv(&mut self) -> Result<Reply, CostError> {
        loop {
            let deadline_ns = clock::now_ns() + CANCEL_INTERVAL_NS;
            let received = self.link.receive(&mut self.buffer[..], deadline_ns)?;
            if let Some(reply) = received.and_then(|received| self.read(received)) {
                return Ok(reply);
            }
            self.check()?;
        }
    }

    /// Takes a reply that has arrived already; `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`CostError::Link`] if the link fails.
    pub fn try_recv(&mut self) -> Result<Option<Reply>, CostError> {
        let received = self.link.receive(&mut self.buffer[..], 0)?;
        Ok(received.and_then(|received| self.read(received)))
    }

    /// Yields the CPU until `sleep_after` has passed since `idle_since`, by which time a fast guest has
    /// answered, and then sleeps 20 us at a time: a busy host schedules a thread that sleeps before one that
    /// spins.
    ///
    /// # Errors
    ///
    /// [`CostError::Cancelled`] or [`CostError::OutOfTime`], as [`Self::check`].
    pub fn back_off(&self, idle_since: Instant, sleep_after: Duration) -> Result<(), CostError> {
        if idle_since.elapsed() < sleep_after {
            std::thread::yield_now();
        } else {
            std::thread::sleep(BACK_OFF_SLEEP);
        }
        self.check()
    }

    /// Receives and discards all datagrams for `duration`.
    ///
    /// # Errors
    ///
    /// [`CostError::Link`] if the link fails; [`CostError::Cancelled`] or [`CostError::OutOfTime`], as
    /// [`Self::check`].
    pub fn drain(&mut self, duration: Duration) -> Result<(), CostError> {
        let deadline_ns = clock::now_ns() + duration.as_nanos() as u64;
        while let Some(received) = self.link.receive(&mut self.buffer[..], deadline_ns)? {
            if received.at_ns >= deadline_ns {
                break;
            }
        }
        self.check()
    }

    /// Checks for cancellation and for the deadline.
    ///
    /// # Errors
    ///
    /// [`CostError::Cancelled`] if the caller has cancelled, [`CostError::OutOfTime`] after the deadline.
    pub fn check(&self) -> Result<(), CostError> {
        if (self.is_cancelled)() {
            return Err(CostError::Cancelled);
        }
        if Instant::now() >= self.deadline {
            return Err(CostError::OutOfTime);
        }
        Ok(())
    }

    /// Reads the datagram in the buffer; `None` if it is no reply to a request of this client.
    fn read(&self, received: Received) -> Option<Reply> {
        let len = received.len.min(self.buffer.len());
        let header = ReplyHeader::read(&self.buffer[..len])?;
        (header.is_reply && header.seq < self.next_seq).then_some(Reply {
            seq: header.seq,
            at_ns: received.at_ns,
            t2_ns: header.t2_ns,
        })
    }

    /// Returns the notifications of both sides so far, where the link counts them.
    #[must_use]
    pub fn signals(&self) -> Option<Signals> {
        self.link.signals()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::LinkError;
    use crate::link::fault::{FaultParameters, Rates, Share};
    use crate::link::in_process::InProcessLink;
    use crate::sut::null::immediate::faulty_link;

    #[test]
    fn a_reply_has_the_guests_time() {
        let mut link = InProcessLink::new(7);
        let never = || false;
        let mut client = EchoClient::new(&mut link, 64, Duration::from_secs(20), &never);
        client.send().unwrap();
        let first = client.recv().unwrap();
        assert_eq!(client.try_recv().unwrap(), None);
        client.send().unwrap();
        assert!(client.recv().unwrap().t2_ns >= first.t2_ns);
    }

    /// A link that delivers an endless sequence of datagrams that are no replies.
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
    fn a_flood_of_other_datagrams_does_not_block_the_client() {
        let mut flood = Flood;
        let checks = std::cell::Cell::new(0);
        let later = || {
            checks.set(checks.get() + 1);
            checks.get() > 3
        };
        let mut client = EchoClient::new(&mut flood, 64, Duration::from_secs(60), &later);
        let error = client.recv().unwrap_err();
        assert!(matches!(error, CostError::Cancelled), "{error}");
        let never = || false;
        let mut client = EchoClient::new(&mut flood, 64, Duration::from_secs(60), &never);
        client.drain(Duration::from_millis(5)).unwrap();
        let mut client = EchoClient::new(&mut flood, 64, Duration::from_millis(5), &never);
        let error = client.recv().unwrap_err();
        assert!(matches!(error, CostError::OutOfTime), "{error}");
    }

    #[test]
    fn recv_ends_at_the_deadline_and_on_cancellation() {
        let mut link = faulty_link(FaultParameters {
            to_guest: Rates {
                loss: Share::ALL,
                ..Rates::default()
            },
            ..FaultParameters::default()
        });
        let received = |link: &mut dyn Link, timeout, is_cancelled| {
            let is_cancelled = || is_cancelled;
            let mut client = EchoClient::new(link, 64, timeout, &is_cancelled);
            client.send().unwrap();
            client.recv().unwrap_err()
        };
        let error = received(&mut link, Duration::from_millis(50), false);
        assert!(matches!(error, CostError::OutOfTime), "{error}");
        let error = received(&mut link, Duration::from_secs(60), true);
        assert!(matches!(error, CostError::Cancelled), "{error}");
    }
}
