//! A network device of queues, and a clock that is set.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use kernel_app::clock::Clock;
use kernel_app::frame_device::{
    Action, DeviceCounts, DeviceFault, Disposition, FrameDevice, Link, MAX_FRAME,
};
use smoltcp::phy::{self, DeviceCapabilities, Medium};
use smoltcp::time::Instant;
use wire::Mac;

use fuzz_harness::frames::GUEST;

/// Frames of both directions, shared with the device that has them.
#[derive(Clone, Debug, Default)]
pub struct Queues(Rc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    inbox: RefCell<VecDeque<Vec<u8>>>,
    outbox: RefCell<VecDeque<Vec<u8>>>,
}

impl Queues {
    /// Delivers a frame to the guest.
    pub fn deliver(&self, frame: Vec<u8>) {
        self.0.inbox.borrow_mut().push_back(frame);
    }

    /// Takes what the guest has sent.
    #[must_use]
    pub fn sent(&self) -> VecDeque<Vec<u8>> {
        self.0.outbox.take()
    }

    fn next(&self) -> Option<Vec<u8>> {
        self.0.inbox.borrow_mut().pop_front()
    }

    fn send(&self, frame: Vec<u8>) {
        self.0.outbox.borrow_mut().push_back(frame);
    }

    fn is_empty(&self) -> bool {
        self.0.inbox.borrow().is_empty()
    }
}

/// A device on such queues.
#[derive(Debug, Default)]
pub struct QueueDevice {
    queues: Queues,
    kept: Option<Vec<u8>>,
    counts: DeviceCounts,
}

impl QueueDevice {
    /// Creates a device on `queues`.
    #[must_use]
    pub fn new(queues: &Queues) -> Self {
        Self {
            queues: queues.clone(),
            ..Self::default()
        }
    }
}

impl FrameDevice for QueueDevice {
    fn mac(&self) -> Mac {
        GUEST
    }

    fn is_idle(&self) -> bool {
        self.kept.is_none() && self.queues.is_empty()
    }

    fn offer(&mut self, visit: impl FnOnce(&mut [u8]) -> Action) -> Disposition {
        let next = self.kept.take().or_else(|| {
            let next = self.queues.next();
            self.counts.frames_received += u64::from(next.is_some());
            next
        });
        let Some(mut frame) = next else {
            return Disposition::NoFrame;
        };
        match visit(&mut frame) {
            Action::Tx(len) => {
                assert!(len <= frame.len(), "a reply is longer than its buffer");
                frame.truncate(len);
                self.counts.frames_sent += 1;
                self.queues.send(frame);
                Disposition::Sent
            }
            Action::Drop => Disposition::Dropped,
            Action::Pass => {
                self.kept = Some(frame);
                Disposition::Passed
            }
        }
    }

    fn counts(&self) -> DeviceCounts {
        self.counts
    }

    fn fault(&self) -> Option<DeviceFault> {
        None
    }

    fn check(&mut self) -> Option<Link> {
        None
    }

    fn restart(&mut self) -> bool {
        true
    }
}

impl phy::Device for QueueDevice {
    type RxToken<'a> = Received;
    type TxToken<'a> = Transmit<'a>;

    fn receive(&mut self, _now: Instant) -> Option<(Received, Transmit<'_>)> {
        let frame = self.kept.take()?;
        Some((Received(frame), Transmit(self)))
    }

    fn transmit(&mut self, _now: Instant) -> Option<Transmit<'_>> {
        Some(Transmit(self))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = MAX_FRAME;
        capabilities
    }
}

/// A frame on its way to the stack.
#[derive(Debug)]
pub struct Received(Vec<u8>);

impl phy::RxToken for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(&self.0)
    }
}

/// Room for a frame of the stack's.
#[derive(Debug)]
pub struct Transmit<'a>(&'a mut QueueDevice);

impl phy::TxToken for Transmit<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        assert!(len <= MAX_FRAME, "the stack sends {len} bytes");
        let mut frame = vec![0; len];
        let result = write(&mut frame);
        self.0.counts.frames_sent += 1;
        self.0.queues.send(frame);
        result
    }
}

/// A clock that goes on by a nanosecond each time it is read, and else when it is told to.
#[derive(Clone, Debug, Default)]
pub struct SetClock(Rc<Cell<u64>>);

impl SetClock {
    /// Goes on by `ns` nanoseconds.
    pub fn advance(&self, ns: u64) {
        self.0.set(self.0.get() + ns);
    }
}

impl Clock for SetClock {
    fn now_ns(&self) -> u64 {
        self.advance(1);
        self.0.get()
    }
}
