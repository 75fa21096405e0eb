//! A virtio network device without a thread of its own: what the front end has set up, and the two
//! queues that come of it.
//!
//! The front end's messages ([`super::session`]) change it, and whoever measures polls it. No
//! unsafe code.

use std::fs::File;

use super::memory_regions::{Memory, Part};
use super::ring::{self, Fault, Given, Ring};
use crate::link::Signals;

/// The queues' numbers (virtio 1.2 §5.1.2): the names are the driver's.
pub const RECEIVE: usize = 0;
/// See [`RECEIVE`].
pub const TRANSMIT: usize = 1;

/// Number of queues.
pub const QUEUES: usize = 2;

/// Number of sent frames that may wait until the driver is told that they are sent. Each time it is told
/// costs it a cache line; the driver has more buffers than these.
const COMPLETION_BATCH: u16 = 16;

/// A queue that can't be set up as the front end says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetupError {
    /// No queue has this number.
    #[error("there is no queue {0}")]
    NoSuchQueue(usize),
    /// The size is no power of two up to [`ring::MAX_SIZE`].
    #[error("queue {queue} can't have {size} entries")]
    Size {
        /// The queue.
        queue: usize,
        /// The size.
        size: u32,
    },
    /// A part of the queue is not in the guest's memory, or is not aligned.
    #[error("queue {queue} is not where the front end says: outside memory, or not aligned")]
    Address {
        /// The queue.
        queue: usize,
    },
    /// The queue was started before it was described.
    #[error("queue {queue} was started before its size and addresses were known")]
    Incomplete {
        /// The queue.
        queue: usize,
    },
}

/// The front end's addresses of a queue's three parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// The descriptor table.
    pub descriptors: u64,
    /// The avail ring.
    pub avail: u64,
    /// The used ring.
    pub used: u64,
}

/// One queue: what is known of it, and the ring once it runs.
#[derive(Debug, Default)]
struct Queue {
    size: u16,
    base: u16,
    addresses: Option<Addresses>,
    /// Rung by the driver.
    kick: Option<File>,
    /// Rung for the driver.
    call: Option<File>,
    /// The front end has started it and has not stopped it.
    is_started: bool,
    /// The queue's ring; `None` unless the queue is started and where the front end says.
    ring: Option<Ring>,
}

/// The device.
#[derive(Debug, Default)]
pub struct Device {
    memory: Memory,
    queues: [Queue; QUEUES],
    signals: Signals,
    /// Frames that were dropped because the driver's buffer had no room for them, since they were last taken.
    too_long: u64,
}

impl Device {
    /// The guest's memory is this from now on. Queues that run are looked up in it anew, and wait
    /// for other addresses if they are not there.
    pub fn set_memory(&mut self, memory: Memory) {
        for queue in 0..QUEUES {
            self.pause(queue);
        }
        self.memory = memory;
        for queue in 0..QUEUES {
            // The front end will say where the queue is now, if it goes on.
            let _ = self.resume(queue);
        }
    }

    /// Sets the number of a queue's entries.
    ///
    /// # Errors
    ///
    /// [`SetupError::NoSuchQueue`], or [`SetupError::Size`] if it is no power of two up to [`ring::MAX_SIZE`].
    pub fn set_size(&mut self, queue: usize, size: u32) -> Result<(), SetupError> {
        let entries = u16::try_from(size)
            .ok()
            .filter(|size| size.is_power_of_two() && *size <= ring::MAX_SIZE);
        self.queue(queue)?.size = entries.ok_or(SetupError::Size { queue, size })?;
        Ok(())
    }

    /// Sets the addresses of a queue. One that runs goes on there.
    ///
    /// # Errors
    ///
    /// [`SetupError::NoSuchQueue`]; of a queue that runs, [`SetupError::Address`] if it is not in memory.
    pub fn set_addresses(&mut self, queue: usize, addresses: Addresses) -> Result<(), SetupError> {
        self.queue(queue)?.addresses = Some(addresses);
        self.pause(queue);
        self.resume(queue)
    }

    /// Sets the number of a queue's buffers that were taken before.
    ///
    /// # Errors
    ///
    /// [`SetupError::NoSuchQueue`].
    pub fn set_base(&mut self, queue: usize, base: u16) -> Result<(), SetupError> {
        self.queue(queue)?.base = base;
        Ok(())
    }

    /// Sets what is rung for the driver, if anything.
    ///
    /// # Errors
    ///
    /// [`SetupError::NoSuchQueue`].
    pub fn set_call(&mut self, queue: usize, call: Option<File>) -> Result<(), SetupError> {
        self.queue(queue)?.call = call;
        Ok(())
    }

    /// Sets what the driver rings, and starts the queue. (A ring is started by its kick
    /// descriptor, vhost-user, "Ring states"; the front end need not enable it besides.)
    ///
    /// # Errors
    ///
    /// [`SetupError::NoSuchQueue`]; [`SetupError::Incomplete`] if its size or addresses are not known;
    /// [`SetupError::Address`] if it is not in memory.
    pub fn set_kick(&mut self, queue: usize, kick: Option<File>) -> Result<(), SetupError> {
        self.queue(queue)?;
        self.count_doorbells();
        self.pause(queue);
        let state = self.queue(queue)?;
        state.kick = kick;
        state.is_started = true;
        self.resume(queue)
    }

    /// Stops a queue, and returns how many of its buffers were taken.
    ///
    /// # Errors
    ///
    /// [`SetupError::NoSuchQueue`].
    pub fn stop(&mut self, queue: usize) -> Result<u16, SetupError> {
        self.queue(queue)?.is_started = false;
        self.pause(queue);
        Ok(self.queue(queue)?.base)
    }

    /// Forgets everything but what was counted: there is another front end.
    pub fn reset(&mut self) {
        self.count_doorbells();
        *self = Self {
            signals: self.signals,
            too_long: self.too_long,
            ..Self::default()
        };
    }

    /// Returns whether frames can go both ways.
    pub const fn is_running(&self) -> bool {
        matches!(
            &self.queues,
            [Queue { ring: Some(_), .. }, Queue { ring: Some(_), .. }]
        )
    }

    /// Number of entries of the receive queue: the most buffers that the driver can have there.
    pub const fn receive_size(&self) -> u16 {
        self.queues[RECEIVE].size
    }

    /// Puts a frame into the driver's next receive buffer; `false` if it has none. A frame that is longer than the buffer
    /// is dropped and counted.
    ///
    /// # Errors
    ///
    /// [`Fault`] if the driver broke virtio's rules.
    #[inline]
    pub fn send(&mut self, frame: &[u8]) -> Result<bool, Fault> {
        let Queue {
            ring: Some(ring),
            call,
            ..
        } = &mut self.queues[RECEIVE]
        else {
            return Ok(false);
        };
        match ring.give(&self.memory, frame)? {
            Given::Delivered => {
                if ring.publish() {
                    self.signals.interrupts += interrupt(call.as_ref());
                }
            }
            Given::NoBuffer => return Ok(false),
            Given::TooLong { .. } => self.too_long += 1,
        }
        Ok(true)
    }

    /// Returns the number of frames that were longer than the driver's buffer, since this was last asked.
    pub const fn take_too_long(&mut self) -> u64 {
        std::mem::replace(&mut self.too_long, 0)
    }

    /// Takes the next frame that the driver sends into `frame`, and returns its length.
    ///
    /// # Errors
    ///
    /// [`Fault`] if the driver broke virtio's rules, or if the frame is longer than `frame` or empty.
    #[inline]
    pub fn receive(&mut self, frame: &mut [u8]) -> Result<Option<usize>, Fault> {
        let Queue {
            ring: Some(ring), ..
        } = &mut self.queues[TRANSMIT]
        else {
            return Ok(None);
        };
        let taken = ring.take(&self.memory, frame)?;
        if ring.unpublished() >= COMPLETION_BATCH {
            self.settle();
        }
        Ok(taken)
    }

    /// Gets ready for the next [`Device::send`]: to be called when there is time.
    #[inline]
    pub fn prepare(&self) {
        if let Some(ring) = &self.queues[RECEIVE].ring {
            ring.prepare(&self.memory);
        }
    }

    /// Tells the driver of every frame that is sent: to be called when there is time.
    pub fn settle(&mut self) {
        let Queue {
            ring: Some(ring),
            call,
            ..
        } = &mut self.queues[TRANSMIT]
        else {
            return;
        };
        if ring.unpublished() > 0 && ring.publish() {
            self.signals.interrupts += interrupt(call.as_ref());
        }
    }

    /// Number of times that the driver rang and was rung. The doorbells are read here.
    pub fn signals(&mut self) -> Signals {
        self.count_doorbells();
        self.signals
    }

    fn count_doorbells(&mut self) {
        let kicks = self.queues.iter().filter_map(|queue| queue.kick.as_ref());
        self.signals.doorbells += kicks.map(rung).sum::<u64>();
    }

    fn queue(&mut self, queue: usize) -> Result<&mut Queue, SetupError> {
        self.queues
            .get_mut(queue)
            .ok_or(SetupError::NoSuchQueue(queue))
    }

    /// Lets go of a queue's memory, with nothing left to be told to the driver.
    fn pause(&mut self, queue: usize) {
        let Some(state) = self.queues.get_mut(queue) else {
            return;
        };
        if let Some(mut ring) = state.ring.take() {
            state.base = ring.base();
            if ring.unpublished() > 0 && ring.publish() {
                self.signals.interrupts += interrupt(state.call.as_ref());
            }
        }
    }

    /// Goes on with a queue that is started, in the memory that there is now.
    fn resume(&mut self, queue: usize) -> Result<(), SetupError> {
        let state = self
            .queues
            .get_mut(queue)
            .ok_or(SetupError::NoSuchQueue(queue))?;
        if !state.is_started {
            return Ok(());
        }
        let addresses = state.addresses.filter(|_| state.size > 0);
        let addresses = addresses.ok_or(SetupError::Incomplete { queue })?;
        let lengths = ring::lengths(state.size);
        let part = |address, len, alignment| {
            let part = self.memory.part_at_user_address(address, len);
            let aligned = part
                .ok()
                .filter(|part: &Part| part.is_aligned_to(alignment));
            aligned.ok_or(SetupError::Address { queue })
        };
        state.ring = Some(Ring::new(
            state.size,
            state.base,
            part(addresses.descriptors, lengths.0, 16)?,
            part(addresses.avail, lengths.1, 2)?,
            part(addresses.used, lengths.2, 4)?,
        ));
        Ok(())
    }
}

/// Rings for the driver: how often it was rung.
fn interrupt(call: Option<&File>) -> u64 {
    // An event descriptor (eventfd(2)) counts; one that is full has been rung often enough.
    call.map_or(0, |call| {
        u64::from(rustix::io::write(call, &1_u64.to_ne_bytes()).is_ok())
    })
}

/// Number of times that the driver has rung since this was last asked.
fn rung(kick: &File) -> u64 {
    let mut count = [0; 8];
    match rustix::io::read(kick, &mut count) {
        Ok(8) => u64::from_ne_bytes(count),
        // Not once.
        Ok(_) | Err(_) => 0,
    }
}

#[cfg(test)]
mod tests;
