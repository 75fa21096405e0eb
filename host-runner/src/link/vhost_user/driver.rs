//! The driver's side of the virtqueues, in this process: what a guest's driver does, without a guest.
//! The device cannot tell the difference.
//!
//! It is what [`super::reflector`] answers through. Buffers and descriptors are paired for ever:
//! descriptor i of either queue is buffer i, and nothing is written that stands there already, so that
//! cache lines which do not change stay with both sides. No unsafe code.

use std::num::Wrapping;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use smoltcp::wire::ETHERNET_HEADER_LEN;
use vm_memory::MmapRegion;
use vm_memory::mmap::MmapRegionError;

use super::memory_regions::{Memory, Slice};
use super::ring::{DESCRIPTOR, ELEMENTS, FLAGS, HEADER, INDEX, NO_INTERRUPT, USED_ELEMENT, WRITE};
use super::virtio_net::{Addresses, Device, QUEUES, RECEIVE, TRANSMIT};
use crate::link::Mtu;

/// Entries of each queue: as many as the image's driver uses.
pub const SIZE: u16 = 64;

/// Size of a buffer for frames of an MTU of 1500, in bytes.
#[cfg(test)]
pub(super) const BUFFER: usize = buffer_len(Mtu::ETHERNET);

/// A cache line, in bytes.
const LINE: usize = 64;

/// A page for each part of a queue.
const PAGE: usize = 4096;
const PARTS: usize = 3;
const BUFFERS: usize = QUEUES * PARTS * PAGE;

/// Returns the size of a buffer for frames of a network with the given MTU, in bytes: room for a header and the longest,
/// in whole cache lines.
const fn buffer_len(mtu: Mtu) -> usize {
    (HEADER + ETHERNET_HEADER_LEN + mtu.bytes() as usize).next_multiple_of(LINE)
}

/// Returns the size of all memory, in bytes, with buffers of `buffer_len` bytes each.
pub(super) const fn memory_len(buffer_len: usize) -> usize {
    BUFFERS + SIZE as usize * buffer_len
}

/// A driver of both queues. Every buffer is with the device or in the hands of whoever drives.
#[derive(Debug)]
pub struct Driver {
    memory: Memory,
    /// Size of each buffer, in bytes.
    buffer_len: usize,
    /// Each queue's avail index as the device sees it, and used index as far as it was followed.
    avail: [Wrapping<u16>; QUEUES],
    used: [Wrapping<u16>; QUEUES],
}

/// A received frame, in buffer `buffer`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Incoming {
    /// The buffer's index.
    pub buffer: u16,
    /// Length of the frame, its virtio header not counted, in bytes.
    pub len: usize,
}

impl Driver {
    /// A driver that polls, on a network with the given MTU, and the device that it drives: running, with all buffers to
    /// receive into.
    ///
    /// # Errors
    ///
    /// Those of mapping memory.
    pub fn new(mtu: Mtu) -> Result<(Self, Device), MmapRegionError> {
        let buffer_len = buffer_len(mtu);
        let mapping = Arc::new(MmapRegion::new(memory_len(buffer_len))?);
        let driver = Self::over(Arc::clone(&mapping), buffer_len);
        let mut device = Device::default();
        device.set_memory(Memory::of(mapping));
        for queue in [RECEIVE, TRANSMIT] {
            let started = device
                .set_size(queue, SIZE.into())
                .and_then(|()| device.set_addresses(queue, addresses(queue)))
                .and_then(|()| device.set_kick(queue, None));
            debug_assert_eq!(started, Ok(()), "the queues are where they are described");
        }
        Ok((driver, device))
    }

    /// A driver that polls, in zeros of the [length](memory_len) for such buffers, with all of them to receive into.
    pub(super) fn over(mapping: Arc<MmapRegion>, buffer_len: usize) -> Self {
        let mut driver = Self {
            memory: Memory::of(mapping),
            buffer_len,
            avail: Default::default(),
            used: Default::default(),
        };
        for queue in [RECEIVE, TRANSMIT] {
            let flags = if queue == RECEIVE { WRITE } else { 0 };
            for buffer in 0..SIZE {
                driver.describe(queue, buffer, buffer_len, flags);
            }
            let avail = driver.part(addresses(queue).avail);
            avail.store_u16(FLAGS, NO_INTERRUPT, Ordering::Relaxed);
        }
        for buffer in 0..SIZE {
            driver.post(RECEIVE, buffer);
        }
        driver
    }

    /// The next frame, if there is one.
    pub fn receive(&mut self) -> Option<Incoming> {
        // With all buffers sent nothing can come in, and so nothing would be sent that has them recycled.
        if self.avail[RECEIVE] == self.used[RECEIVE] {
            self.recycle();
        }
        let (buffer, written) = self.reclaim(RECEIVE)?;
        let len = (written as usize).saturating_sub(HEADER);
        let incoming = Incoming { buffer, len };
        // The answer is written where the question stands: one transfer instead of two.
        self.frame(incoming).prefetch_for_writing();
        Some(incoming)
    }

    /// The frame in `buffer`, of `len` bytes.
    pub fn frame(&self, Incoming { buffer, len }: Incoming) -> Slice<'_> {
        let frame = self
            .memory
            .slice(self.buffer_address(buffer) + HEADER as u64, len);
        frame.expect("the device keeps to its buffers")
    }

    /// Sends the frame in `buffer`, which the device then has until it is sent.
    pub fn send(&mut self, Incoming { buffer, len }: Incoming) {
        self.describe(TRANSMIT, buffer, HEADER + len, 0);
        self.post(TRANSMIT, buffer);
        self.recycle();
    }

    /// Receives into a buffer again.
    pub fn release(&mut self, buffer: u16) {
        self.post(RECEIVE, buffer);
    }

    /// Receives into the buffers again that are sent.
    fn recycle(&mut self) {
        while let Some((buffer, _)) = self.reclaim(TRANSMIT) {
            self.post(RECEIVE, buffer);
        }
    }

    fn reclaim(&mut self, queue: usize) -> Option<(u16, u32)> {
        let used = self.part(addresses(queue).used);
        // Acquire: what the device wrote before the index is read after it.
        if used.load_u16(INDEX, Ordering::Acquire) == self.used[queue].0 {
            return None;
        }
        let at = ELEMENTS + usize::from(self.used[queue].0 % SIZE) * USED_ELEMENT;
        let head = used.load_u32(at, Ordering::Relaxed);
        let written = used.load_u32(at + 4, Ordering::Relaxed);
        self.used[queue] += 1;
        Some((head as u16, written))
    }

    fn post(&mut self, queue: usize, buffer: u16) {
        let avail = self.part(addresses(queue).avail);
        let at = ELEMENTS + usize::from(self.avail[queue].0 % SIZE) * 2;
        if avail.load_u16(at, Ordering::Relaxed) != buffer {
            avail.store_u16(at, buffer, Ordering::Relaxed);
        }
        let index = self.avail[queue] + Wrapping(1);
        avail.store_u16(INDEX, index.0, Ordering::Release);
        self.avail[queue] = index;
    }

    /// Writes descriptor `buffer` of a queue, unless it says the same already.
    fn describe(&self, queue: usize, buffer: u16, len: usize, flags: u16) {
        let table = self.part(addresses(queue).descriptors);
        let at = usize::from(buffer) * DESCRIPTOR;
        let words = [
            self.buffer_address(buffer),
            len as u64 | u64::from(flags) << 32,
        ];
        for (i, word) in words.into_iter().enumerate() {
            let at = at + i * 8;
            if table.load_u64(at, Ordering::Relaxed) != word {
                table.store_u64(at, word, Ordering::Relaxed);
            }
        }
    }

    const fn buffer_address(&self, buffer: u16) -> u64 {
        (BUFFERS + buffer as usize * self.buffer_len) as u64
    }

    fn part(&self, address: u64) -> Slice<'_> {
        let part = self.memory.slice(address, PAGE);
        part.expect("the layout is within the memory")
    }
}

/// Returns the addresses of a queue's three parts.
pub(super) const fn addresses(queue: usize) -> Addresses {
    let start = (queue * PARTS * PAGE) as u64;
    Addresses {
        descriptors: start,
        avail: start + PAGE as u64,
        used: start + 2 * PAGE as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_that_were_all_sent_come_back_when_the_device_has_taken_them() {
        let (mut driver, mut device) = Driver::new(Mtu::ETHERNET).unwrap();
        let mut frame = [0; BUFFER];
        for round in 0..3 {
            // The device looks for no answer until it has sent as many frames as there are buffers.
            for _ in 0..SIZE {
                assert!(device.send(&[7; 60]).unwrap(), "round {round}");
            }
            for _ in 0..SIZE {
                let incoming = driver.receive().unwrap();
                driver.send(incoming);
            }
            assert_eq!(driver.receive(), None);
            for _ in 0..SIZE {
                assert_eq!(device.receive(&mut frame).unwrap(), Some(60));
            }
            device.settle();
            assert_eq!(driver.receive(), None);
        }
    }
}
