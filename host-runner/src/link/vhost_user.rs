//! Ethernet frames through the guest's own virtqueues: the instrument is the back end of the guest's
//! network device (vhost-user).
//!
//! It shares the guest's memory, polls the queues and fills them from the thread that measures.
//! Between a request and its reply there is no system call, no interrupt, no virtual machine exit
//! and no thread but this one and the guest's own.
//!
//! - [`memory_regions`]: the guest's memory, mapped;
//! - `shared_copy`: copies from and to memory that others may write;
//! - [`ring`]: the device's side of a virtqueue;
//! - `backlog`: frames that wait for a receive buffer;
//! - [`virtio_net`]: both queues, as the front end has set them up;
//! - `session`: the front end's messages;
//! - [`driver`]: the driver's side of the queues, for a service without a guest.
//!
//! A guest that breaks virtio's rules ends the link with an error that says how ([`Fault`]).

mod backlog;
pub mod driver;
pub mod memory_regions;
pub mod ring;
#[cfg(test)]
mod rogue_driver;
mod session;
mod shared_copy;
pub mod virtio_net;

use std::fs::{self, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags};

pub use ring::Fault;

use super::ethernet::Frames;
use super::{LinkError, Received, Sent, Signals};
use crate::clock;
use crate::host::gaps::Gaps;
use backlog::Backlog;
use session::{Acceptor, Shared};
use virtio_net::Device;

/// The link's name.
pub const NAME: &str = "vhost-user";

/// Number of polls of the queue before the clock is read, a power of two, and before the driver is notified of
/// frames that are sent. Reading the clock takes as long as some ten polls.
const POLLS: u32 = 64;

/// The same when the deadline is [`NEAR_NS`] away or less, which is when the next request of an open loop is
/// due: it is not to wait for the rest of [`POLLS`].
const NEAR_POLLS: u32 = 8;

/// Time before the deadline from which on it is near, in nanoseconds: longer than [`POLLS`] take.
const NEAR_NS: u64 = 500;

/// Poll at which there is time to get ready for the next frame to send: there is nothing else to do
/// until the answer comes, which takes longer.
const PREPARED_AT: u32 = 1;

/// One end of an Ethernet made of virtqueues.
#[derive(Debug)]
pub struct Virtqueues {
    shared: Arc<Shared>,
    backlog: Backlog,
    gaps: Gaps,
    /// Socket that front ends connect to, if any are to.
    _acceptor: Option<Acceptor>,
}

impl Virtqueues {
    /// A device that no front end has set up yet, and the socket where it waits for one: a Unix
    /// socket that has no name any more, opened as a place (`O_PATH`), so that a front end which
    /// inherits it can connect to `/proc/self/fd/N`, and nobody else.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn listen() -> io::Result<(Self, OwnedFd)> {
        let directory = crate::files::scratch()?;
        let path = directory.path().join(NAME);
        let listener = UnixListener::bind(&path)?;
        // To connect is to write to it, and QEMU may be another user's. Nobody else gets at it: the directory is closed.
        fs::set_permissions(&path, Permissions::from_mode(0o666))?;
        let socket = rustix::fs::open(&path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
        let shared = Arc::new(Shared::default());
        let frames = Self {
            shared: Arc::clone(&shared),
            backlog: Backlog::default(),
            gaps: Gaps::default(),
            _acceptor: Some(Acceptor::open(listener, shared)?),
        };
        Ok((frames, socket))
    }

    /// Creates the end for the front end at the other end of `stream`, alone. It is gone when that is shut down.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn serving(stream: UnixStream) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        session::serve_alone(stream, Arc::clone(&shared))?;
        Ok(Self {
            shared,
            backlog: Backlog::default(),
            gaps: Gaps::default(),
            _acceptor: None,
        })
    }

    /// Returns the end of `device`, which is set up already.
    #[must_use]
    pub fn over(device: Device) -> Self {
        Self {
            shared: Arc::new(Shared::from(device)),
            backlog: Backlog::default(),
            gaps: Gaps::default(),
            _acceptor: None,
        }
    }
}

impl Frames for Virtqueues {
    fn name(&self) -> &'static str {
        NAME
    }

    fn send(&mut self, frame: &[u8]) -> Result<Sent, LinkError> {
        let mut device = self.shared.lock();
        if self.backlog.is_empty() && device.send(frame).map_err(broken)? {
            return Ok(Sent::Out);
        }
        // Those that wait go first, and may make room.
        self.backlog.send(&mut device).map_err(broken)?;
        let sent = self.backlog.push(frame);
        self.backlog.send(&mut device).map_err(broken)?;
        Ok(sent)
    }

    fn drop_waiting(&mut self) -> u64 {
        self.backlog.clear()
    }

    fn take_too_long(&mut self) -> u64 {
        self.shared.lock().take_too_long()
    }

    fn capacity(&self) -> Option<u64> {
        Some(self.shared.lock().receive_size().into())
    }

    fn is_polled(&self) -> bool {
        true
    }

    fn receive(
        &mut self,
        frame: &mut [u8],
        deadline_ns: u64,
    ) -> Result<Option<Received>, LinkError> {
        loop {
            let mut device = self.shared.lock();
            let mut polls = 0_u32;
            let mut until_reading = POLLS;
            while !self.shared.is_wanted() {
                if let Some(len) = device.receive(frame).map_err(broken)? {
                    let at_ns = clock::now_ns();
                    self.gaps.read(at_ns);
                    return Ok(Some(Received { len, at_ns }));
                }
                if polls == PREPARED_AT {
                    device.prepare();
                }
                // At the first poll and then now and again.
                if polls & (until_reading - 1) == 0 {
                    if !self.backlog.is_empty() {
                        self.backlog.send(&mut device).map_err(broken)?;
                    }
                    let now_ns = clock::now_ns();
                    self.gaps.read(now_ns);
                    if now_ns >= deadline_ns {
                        return Ok(None);
                    }
                    let is_near = deadline_ns - now_ns <= NEAR_NS;
                    until_reading = if is_near { NEAR_POLLS } else { POLLS };
                    if polls > 0 && polls.is_multiple_of(POLLS) {
                        device.settle();
                    }
                }
                polls = polls.wrapping_add(1);
            }
            drop(device);
            // Until the other thread has it: it is on its way.
            while self.shared.is_wanted() {
                std::thread::yield_now();
            }
        }
    }

    fn signals(&self) -> Option<Signals> {
        Some(self.shared.lock().signals())
    }

    #[inline]
    fn clock_was_read(&mut self, at_ns: u64) {
        self.gaps.read(at_ns);
    }

    fn take_gaps(&mut self) -> Option<Gaps> {
        Some(std::mem::take(&mut self.gaps))
    }
}

fn broken(fault: Fault) -> LinkError {
    LinkError::Guest { link: NAME, fault }
}

#[cfg(test)]
mod tests {
    use super::rogue_driver::{Rogue, SIZE};
    use super::virtio_net::{RECEIVE, TRANSMIT};
    use super::*;

    #[test]
    fn frames_go_both_ways_over_a_device_that_is_set_up_already() {
        let mut driver = Rogue::new();
        let mut frames = Virtqueues::over(driver.device());
        assert_eq!(frames.name(), "vhost-user");
        assert!(frames.is_polled());
        assert_eq!(frames.capacity(), Some(SIZE.into()));
        driver.offer_frame(&[7; 60]);
        let mut buffer = [0; 2048];
        let received = frames.receive(&mut buffer, u64::MAX).unwrap().unwrap();
        assert_eq!(buffer[..received.len], [7; 60]);
        driver.offer_room(2048);
        assert_eq!(frames.send(&[8; 60]).unwrap(), Sent::Out);
        // Nothing is left: one look at the deadline, which has passed.
        assert_eq!(frames.receive(&mut buffer, 0).unwrap(), None);
        let (_, completed) = driver.used_ring(RECEIVE);
        assert_eq!(completed, 1);
        frames.clock_was_read(clock::now_ns());
        assert!(frames.take_gaps().is_some());
    }

    #[test]
    fn frames_without_a_buffer_go_in_order_before_later_ones() {
        let mut driver = Rogue::new();
        let mut frames = Virtqueues::over(driver.device());
        for byte in 1..=3 {
            frames.send(&[byte; 60]).unwrap();
        }
        for byte in 1..=3 {
            driver.offer_room(2048);
            assert_eq!(frames.receive(&mut [0; 2048], 0).unwrap(), None);
            let written = driver.read(super::rogue_driver::BUFFER_REGION + 12, 60);
            assert_eq!(written, [byte; 60]);
        }
    }

    #[test]
    fn a_guest_that_breaks_the_rules_ends_the_link_and_is_named() {
        let mut driver = Rogue::new();
        let mut frames = Virtqueues::over(driver.device());
        driver.set_index(TRANSMIT, SIZE + 1);
        let error = frames.receive(&mut [0; 2048], u64::MAX).unwrap_err();
        assert!(
            matches!(error, LinkError::Guest { link: NAME, .. }),
            "{error}"
        );
        driver.set_index(RECEIVE, SIZE + 1);
        let error = frames.send(&[0; 60]).unwrap_err();
        assert!(
            matches!(error, LinkError::Guest { link: NAME, .. }),
            "{error}"
        );
    }
}
