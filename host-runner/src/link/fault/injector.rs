//! The wrapper around one end of an Ethernet.

use super::datagram_number::ServiceDatagram;
use super::fate::{Direction, Fate, FateGenerator, Hold};
use super::fault_account::{DirectionCounts, InjectedFaults, Outcome};
use super::held::Held;
use super::parameters::FaultParameters;
use crate::clock;
use crate::host::gaps::Gaps;
use crate::link::ethernet::Frames;
use crate::link::{LinkError, Received, Sent, Signals};

/// Faults in one direction.
#[derive(Debug)]
struct Channel {
    generator: FateGenerator,
    held: Held,
    frame: Vec<u8>,
}

/// One end of an Ethernet that injects faults.
#[derive(Debug)]
pub struct FaultInjector<F, C = fn() -> u64> {
    inner: F,
    now_ns: C,
    to_guest: Channel,
    from_guest: Channel,
    faults: InjectedFaults,
}

impl<F: Frames> FaultInjector<F> {
    /// Wraps `inner`.
    #[must_use]
    pub fn new(inner: F, parameters: FaultParameters) -> Self {
        Self::on_clock(inner, parameters, clock::now_ns)
    }
}

impl Channel {
    fn new(parameters: &FaultParameters, direction: Direction) -> Self {
        let rates = match direction {
            Direction::ToGuest => parameters.to_guest,
            Direction::FromGuest => parameters.from_guest,
        };
        Self {
            generator: FateGenerator::new(rates, direction, parameters.seed),
            held: Held::default(),
            frame: Vec::new(),
        }
    }
}

/// Counts a frame, and what is done to it.
fn count(counts: &mut DirectionCounts, fate: &Fate) {
    counts.frames += 1;
    counts.lost += u64::from(fate.is_lost);
    counts.corrupted += u64::from(fate.corruption.is_some());
    counts.duplicated += u64::from(fate.is_duplicated);
    match fate.hold {
        Some(Hold::Overtaken { .. }) => counts.reordered += 1,
        Some(Hold::Delayed { .. }) => counts.delayed += 1,
        None => {}
    }
}

impl<F: Frames, C: Fn() -> u64> FaultInjector<F, C> {
    /// Wraps `inner`, whose times are of the clock `now_ns`.
    #[must_use]
    pub fn on_clock(inner: F, parameters: FaultParameters, now_ns: C) -> Self {
        Self {
            inner,
            now_ns,
            to_guest: Channel::new(&parameters, Direction::ToGuest),
            from_guest: Channel::new(&parameters, Direction::FromGuest),
            faults: InjectedFaults::new(parameters),
        }
    }

    /// Sends the frames to the guest that are due, as far as there is room for them.
    fn release(&mut self) -> Result<(), LinkError> {
        while self.to_guest.held.next_ns().is_some() {
            let now_ns = (self.now_ns)();
            let Some((index, frame)) = self.to_guest.held.due(now_ns) else {
                break;
            };
            if self.inner.send(frame)? != Sent::Out {
                break;
            }
            self.to_guest.held.remove(index);
        }
        Ok(())
    }

    /// Sends `frame` with its faults, or refuses it: it comes here again then, and has the same faults.
    fn send_datagram(
        &mut self,
        frame: &[u8],
        datagram: &ServiceDatagram,
    ) -> Result<Sent, LinkError> {
        let channel = &mut self.to_guest;
        let fate = channel.generator.fate(self.faults.to_guest.frames);
        channel.frame.clear();
        channel.frame.extend_from_slice(frame);
        if let Some(choice) = fate.corruption {
            datagram.corrupt(&mut channel.frame, choice);
        }
        if fate.passes_now()
            && let refused @ Sent::Refused(_) = self.inner.send(&channel.frame)?
        {
            return Ok(refused);
        }
        channel.held.keep(&channel.frame, &fate, &self.now_ns);
        count(&mut self.faults.to_guest, &fate);
        if !fate.is_lost && fate.corruption.is_none() {
            self.faults.delivered += 1 + u64::from(fate.is_duplicated);
        }
        let outcome = Outcome::of(&fate, Direction::ToGuest);
        self.faults.sent(datagram.number, outcome);
        self.release()?;
        Ok(Sent::Out)
    }

    /// Does to `frame`, which came at `at_ns`, what its faults are. Returns true if it goes on now.
    fn receive_datagram(
        &mut self,
        frame: &mut [u8],
        datagram: &ServiceDatagram,
        at_ns: u64,
    ) -> bool {
        let channel = &mut self.from_guest;
        let fate = channel.generator.fate(self.faults.from_guest.frames);
        if let Some(choice) = fate.corruption {
            datagram.corrupt(frame, choice);
        }
        channel.held.keep(frame, &fate, || at_ns);
        count(&mut self.faults.from_guest, &fate);
        let outcome = Outcome::of(&fate, Direction::FromGuest);
        self.faults.answered(datagram.number, outcome);
        fate.passes_now()
    }

    /// Takes a frame from the guest that was held back and is due.
    fn take_held(&mut self, buffer: &mut [u8]) -> Option<Received> {
        self.from_guest.held.next_ns()?;
        let at_ns = (self.now_ns)();
        let (index, frame) = self.from_guest.held.due(at_ns)?;
        let len = frame.len().min(buffer.len());
        buffer[..len].copy_from_slice(&frame[..len]);
        self.from_guest.held.remove(index);
        Some(Received { len, at_ns })
    }
}

impl<F: Frames, C: Fn() -> u64> Frames for FaultInjector<F, C> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn send(&mut self, frame: &[u8]) -> Result<Sent, LinkError> {
        self.release()?;
        match ServiceDatagram::find(frame) {
            Some(datagram) => self.send_datagram(frame, &datagram),
            None => self.inner.send(frame),
        }
    }

    fn receive(
        &mut self,
        frame: &mut [u8],
        deadline_ns: u64,
    ) -> Result<Option<Received>, LinkError> {
        loop {
            self.release()?;
            if let Some(received) = self.take_held(frame) {
                return Ok(Some(received));
            }
            let held = [&self.to_guest, &self.from_guest].map(|channel| channel.held.next_ns());
            let next_ns = held.into_iter().flatten().fold(deadline_ns, u64::min);
            let Some(received) = self.inner.receive(frame, next_ns)? else {
                if next_ns < deadline_ns && (self.now_ns)() < deadline_ns {
                    continue;
                }
                return Ok(None);
            };
            let Received { len, at_ns } = received;
            let Some(datagram) = ServiceDatagram::find(&frame[..len]) else {
                return Ok(Some(received));
            };
            if self.receive_datagram(&mut frame[..len], &datagram, at_ns) {
                return Ok(Some(received));
            }
            // There may be more of those than time to look at them.
            if at_ns >= deadline_ns {
                return Ok(None);
            }
        }
    }

    fn signals(&self) -> Option<Signals> {
        self.inner.signals()
    }

    fn clock_was_read(&mut self, at_ns: u64) {
        self.inner.clock_was_read(at_ns);
    }

    fn take_gaps(&mut self) -> Option<Gaps> {
        self.inner.take_gaps()
    }

    /// Closes the account and opens another. Frames that are still held back are gone; those of the next account
    /// are numbered from 0 again.
    fn take_faults(&mut self) -> Option<InjectedFaults> {
        self.to_guest.held.clear();
        self.from_guest.held.clear();
        let empty = InjectedFaults::new(self.faults.parameters);
        Some(std::mem::replace(&mut self.faults, empty))
    }

    /// Drops the frames to the guest that are held back, too.
    fn drop_waiting(&mut self) -> u64 {
        let held = self.to_guest.held.len();
        self.to_guest.held.clear();
        held + self.inner.drop_waiting()
    }

    fn take_too_long(&mut self) -> u64 {
        self.inner.take_too_long()
    }

    fn capacity(&self) -> Option<u64> {
        self.inner.capacity()
    }

    fn is_polled(&self) -> bool {
        self.inner.is_polled()
    }
}
