//! A driver that writes to its rings whatever a test tells it to: all that a guest could do.
//! ([`super::driver`] is the honest one.)

use std::fs::File;
use std::sync::atomic::Ordering;

use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use vhost::vhost_user::message::VhostUserMemoryRegion;

use super::memory_regions::{Memory, Part, Slice};
use super::ring::{
    DESCRIPTOR, ELEMENTS, FLAGS, HEADER, INDEX, NO_INTERRUPT, Ring, USED_ELEMENT, WRITE, lengths,
};
use super::virtio_net::{Addresses, Device, QUEUES, RECEIVE, TRANSMIT};

/// Entries of each queue: more than a short frame has bytes.
pub const SIZE: u16 = 128;

/// The flag of a descriptor that another one follows.
pub const NEXT: u16 = 1;

/// The memory's two regions, as the guest sees them: queues, and what buffers are made of. They do
/// not touch, and the second is where a sum past the first's end would lead.
pub const QUEUE_REGION: u64 = 0x10_0000;
pub const BUFFER_REGION: u64 = 0x20_0000;
pub const REGION_LEN: u64 = 0x8000;

/// Difference of the front end's addresses of the regions from the guest's.
const USER_OFFSET: u64 = 0x7f00_0000_0000;

/// A page for each part of a queue.
const PAGE: u64 = 4096;
const PARTS: u64 = 3;

/// One descriptor, to be written as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// Address of its buffer in the guest's memory.
    pub address: u64,
    /// Length of the buffer, in bytes.
    pub len: u32,
    /// Flags (virtio 1.2 §2.7.5).
    pub flags: u16,
    /// The next one.
    pub next: u16,
}

/// The driver.
#[derive(Debug)]
pub struct Rogue {
    files: [File; 2],
    view: Memory,
    /// Each queue's avail index, as far as this side keeps to the rules.
    avail: [u16; QUEUES],
}

impl Rogue {
    /// A driver that has not written anything yet.
    pub fn new() -> Self {
        Self::from_base(0)
    }

    /// A driver that has used both queues `base` times.
    pub fn from_base(base: u16) -> Self {
        let files = [(); 2].map(|()| shared_file(REGION_LEN));
        let view = memory(&files);
        let mut rogue = Self {
            files,
            view,
            avail: [base; QUEUES],
        };
        for queue in [RECEIVE, TRANSMIT] {
            rogue.set_index(queue, base);
            rogue.used(queue).store_u16(INDEX, base, Ordering::Relaxed);
        }
        rogue
    }

    /// The memory, as it is shared with the device.
    pub fn memory(&self) -> Memory {
        memory(&self.files)
    }

    /// The device's side of a queue.
    pub fn ring(&self, queue: usize) -> Ring {
        let memory = self.memory();
        let Addresses {
            descriptors,
            avail,
            used,
        } = addresses(queue);
        let part = |address, len| -> Part { memory.part_at_user_address(address, len).unwrap() };
        let lengths = lengths(SIZE);
        Ring::new(
            SIZE,
            self.avail[queue],
            part(descriptors, lengths.0),
            part(avail, lengths.1),
            part(used, lengths.2),
        )
    }

    /// A device that runs both queues.
    pub fn device(&self) -> Device {
        let mut device = Device::default();
        device.set_memory(self.memory());
        for queue in [RECEIVE, TRANSMIT] {
            device.set_size(queue, SIZE.into()).unwrap();
            device.set_base(queue, self.avail[queue]).unwrap();
            device.set_addresses(queue, addresses(queue)).unwrap();
            device.set_kick(queue, None).unwrap();
        }
        assert!(device.is_running());
        device
    }

    /// Writes a descriptor.
    pub fn describe(&self, queue: usize, index: u16, descriptor: Descriptor) {
        let at = usize::from(index) * DESCRIPTOR;
        let table = self.slice(addresses(queue).descriptors, lengths(SIZE).0);
        table.store_u64(at, descriptor.address, Ordering::Relaxed);
        table.store_u32(at + 8, descriptor.len, Ordering::Relaxed);
        table.store_u16(at + 12, descriptor.flags, Ordering::Relaxed);
        table.store_u16(at + 14, descriptor.next, Ordering::Relaxed);
    }

    /// Reads a descriptor.
    pub fn descriptor(&self, queue: usize, index: u16) -> Descriptor {
        let at = usize::from(index) * DESCRIPTOR;
        let table = self.slice(addresses(queue).descriptors, lengths(SIZE).0);
        Descriptor {
            address: table.load_u64(at, Ordering::Relaxed),
            len: table.load_u32(at + 8, Ordering::Relaxed),
            flags: table.load_u16(at + 12, Ordering::Relaxed),
            next: table.load_u16(at + 14, Ordering::Relaxed),
        }
    }

    /// Writes the chain that starts at descriptor `head`: buffers of these lengths, one right behind
    /// the other, from the start of the buffers' region.
    pub fn chain(&self, queue: usize, head: u16, lens: &[usize]) {
        let mut address = BUFFER_REGION;
        for (i, &len) in lens.iter().enumerate() {
            let index = head + i as u16;
            let is_last = i + 1 == lens.len();
            let direction = if queue == RECEIVE { WRITE } else { 0 };
            let descriptor = Descriptor {
                address,
                len: len as u32,
                flags: direction | if is_last { 0 } else { NEXT },
                next: index + 1,
            };
            self.describe(queue, index, descriptor);
            address += len as u64;
        }
    }

    /// Makes the chain of a descriptor available.
    pub fn offer(&mut self, queue: usize, head: u16) {
        let slot = usize::from(self.avail[queue] % SIZE);
        self.avail(queue)
            .store_u16(ELEMENTS + slot * 2, head, Ordering::Relaxed);
        self.set_index(queue, self.avail[queue].wrapping_add(1));
    }

    /// Offers a plain frame for sending: the buffer of descriptor 0.
    pub fn offer_frame(&mut self, frame: &[u8]) {
        self.write(BUFFER_REGION, &[0; HEADER]);
        self.write(BUFFER_REGION + HEADER as u64, frame);
        self.chain(TRANSMIT, 0, &[HEADER + frame.len()]);
        self.offer(TRANSMIT, 0);
    }

    /// Offers a buffer to receive into: that of descriptor 0.
    pub fn offer_room(&mut self, len: usize) {
        self.chain(RECEIVE, 0, &[len]);
        self.offer(RECEIVE, 0);
    }

    /// Sets the avail index, to whatever.
    pub fn set_index(&mut self, queue: usize, index: u16) {
        self.avail[queue] = index;
        self.avail(queue).store_u16(INDEX, index, Ordering::Release);
    }

    /// Wants no interrupts of a queue, or wants them.
    pub fn suppress_interrupts(&self, queue: usize, suppress: bool) {
        let flags = if suppress { NO_INTERRUPT } else { 0 };
        self.avail(queue).store_u16(FLAGS, flags, Ordering::SeqCst);
    }

    /// Returns the flags and the index of the used ring, as the device has written them.
    pub fn used_ring(&self, queue: usize) -> (u16, u16) {
        let used = self.used(queue);
        (
            used.load_u16(FLAGS, Ordering::Acquire),
            used.load_u16(INDEX, Ordering::Acquire),
        )
    }

    /// An element of the used ring: which chain, and how much was written to it.
    pub fn completed(&self, queue: usize, index: u16) -> (u32, u32) {
        let at = ELEMENTS + usize::from(index % SIZE) * USED_ELEMENT;
        let used = self.used(queue);
        (
            used.load_u32(at, Ordering::Relaxed),
            used.load_u32(at + 4, Ordering::Relaxed),
        )
    }

    /// Writes `word` over what the device has told.
    pub fn scribble(&self, queue: usize, word: u16) {
        self.used(queue).store_u16(FLAGS, word, Ordering::Relaxed);
        self.used(queue).store_u16(INDEX, word, Ordering::Relaxed);
    }

    /// Writes to the guest's memory.
    pub fn write(&self, address: u64, bytes: &[u8]) {
        let slice = self.view.slice(address, bytes.len());
        slice.unwrap().copy_from(bytes);
    }

    /// Reads the guest's memory.
    pub fn read(&self, address: u64, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.view.slice(address, len).unwrap().copy_to(&mut bytes);
        bytes
    }

    fn avail(&self, queue: usize) -> Slice<'_> {
        self.slice(addresses(queue).avail, lengths(SIZE).1)
    }

    fn used(&self, queue: usize) -> Slice<'_> {
        self.slice(addresses(queue).used, lengths(SIZE).2)
    }

    fn slice(&self, user_address: u64, len: usize) -> Slice<'_> {
        self.view.slice(user_address - USER_OFFSET, len).unwrap()
    }
}

/// Returns the addresses of a queue's three parts, in the front end's memory.
pub const fn addresses(queue: usize) -> Addresses {
    let start = USER_OFFSET + QUEUE_REGION + queue as u64 * PARTS * PAGE;
    Addresses {
        descriptors: start,
        avail: start + PAGE,
        used: start + 2 * PAGE,
    }
}

/// Memory that can be mapped more than once.
pub fn shared_file(len: u64) -> File {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let file = File::from(memfd_create("guest", flags).unwrap());
    file.set_len(len).unwrap();
    fcntl_add_seals(&file, SealFlags::SHRINK).unwrap();
    file
}

fn memory(files: &[File; 2]) -> Memory {
    let region = |start| VhostUserMemoryRegion::new(start, REGION_LEN, USER_OFFSET + start, 0);
    let files = files.iter().map(|file| file.try_clone().unwrap());
    Memory::map(
        &[region(QUEUE_REGION), region(BUFFER_REGION)],
        files.collect(),
    )
    .unwrap()
}

/// An event descriptor, and the same once more for whoever is at the other end.
pub fn event() -> (File, File) {
    let event = File::from(eventfd(0, EventfdFlags::NONBLOCK).unwrap());
    (event.try_clone().unwrap(), event)
}

/// Number of times that an event was signalled since this was last asked.
pub fn signalled(event: &File) -> u64 {
    let mut count = [0; 8];
    rustix::io::read(event, &mut count).map_or(0, |_| u64::from_ne_bytes(count))
}
