//! A virtio-net device in memory: the registers as a [`Transport`], and a hand on the other end of
//! the queues that does as a test tells it, true or false.
//!
//! Of the status it takes what the standard has the driver write (virtio 1.2 §3.1.1): 0, or what is
//! there and the next bit. Anything else it ignores, as Firecracker does, and so it does features and
//! queues that come before or after their time.

use core::cell::RefCell;
use std::rc::Rc;
use std::vec::Vec;

use virtio_drivers::transport::DeviceStatus;
use wire::Mac;

use crate::virtio::ring::{Doorbell, RECEIVE, TRANSMIT};

mod fake_registers;

pub const MAC: Mac = Mac::new([0x52, 0x54, 0, 0x12, 0x34, 0x56]);
pub const HEADER: usize = 12;

/// Addresses of a queue, and the device's position in it.
#[derive(Clone, Copy, Default)]
struct FakeQueue {
    size: u16,
    descriptors: u64,
    avail: u64,
    used: u64,
    next_avail: u16,
    next_used: u16,
}

/// The status bits in the order in which the driver sets them.
const STEPS: [DeviceStatus; 4] = [
    DeviceStatus::ACKNOWLEDGE,
    DeviceStatus::DRIVER,
    DeviceStatus::FEATURES_OK,
    DeviceStatus::DRIVER_OK,
];

struct State {
    features: u64,
    /// Features without which it does not work.
    needed_features: u64,
    /// Features that the driver has written.
    taken_features: u64,
    mac: Mac,
    mtu: u16,
    status: DeviceStatus,
    /// Number of reads of the status for which a reset is still going on.
    reset_reads: u32,
    /// The same, for the next reset.
    reads_per_reset: u32,
    /// Number of reads of the status.
    status_reads: usize,
    is_link_up: bool,
    queue_size: u32,
    cannot_start: bool,
    queues: [FakeQueue; 2],
    rings: [usize; 2],
}

/// The device; its clones are the same device.
#[derive(Clone)]
pub struct FakeDevice(Rc<RefCell<State>>);

impl FakeDevice {
    pub fn new() -> Self {
        Self(Rc::new(RefCell::new(State {
            features: u64::MAX,
            needed_features: 0,
            taken_features: 0,
            mac: MAC,
            mtu: 1500,
            // A firmware has driven it before, say.
            status: STEPS.into_iter().collect(),
            reset_reads: 0,
            reads_per_reset: 0,
            status_reads: 0,
            is_link_up: true,
            queue_size: 256,
            cannot_start: false,
            queues: [FakeQueue::default(); 2],
            rings: [0; 2],
        })))
    }

    pub fn offering(self, features: u64) -> Self {
        self.0.borrow_mut().features = features;
        self
    }

    /// A device that does not work without `features`.
    pub fn needing(self, features: u64) -> Self {
        self.0.borrow_mut().needed_features = features;
        self
    }

    pub fn with_queue_size(self, size: u32) -> Self {
        self.0.borrow_mut().queue_size = size;
        self
    }

    /// A device that finds when it is to start that it can't.
    pub fn unable_to_start(self) -> Self {
        self.0.borrow_mut().cannot_start = true;
        self
    }

    /// A device whose status can be read so often before it has done a reset.
    pub fn with_slow_reset(self, reads: u32) -> Self {
        self.0.borrow_mut().reads_per_reset = reads;
        self
    }

    pub fn with_mac(self, mac: Mac) -> Self {
        self.0.borrow_mut().mac = mac;
        self
    }

    pub fn with_mtu(self, mtu: u16) -> Self {
        self.0.borrow_mut().mtu = mtu;
        self
    }

    /// Finds that it can't go on.
    pub fn need_reset(&self) {
        self.0.borrow_mut().status |= DeviceStatus::DEVICE_NEEDS_RESET;
    }

    /// Plugs the cable in, or unplugs it.
    pub fn set_link(&self, is_up: bool) {
        self.0.borrow_mut().is_link_up = is_up;
    }

    /// Has resets go on for so many reads of the status from now on.
    pub fn set_reset_reads(&self, reads: u32) {
        self.0.borrow_mut().reads_per_reset = reads;
    }

    /// Returns the number of times that the status was read.
    pub fn status_reads(&self) -> usize {
        self.0.borrow().status_reads
    }

    /// The features that the driver has written.
    pub fn taken_features(&self) -> u64 {
        self.0.borrow().taken_features
    }

    pub fn status(&self) -> DeviceStatus {
        self.0.borrow().status
    }

    /// Returns the number of times that the doorbell of a queue was rung.
    pub fn rings(&self, queue: u16) -> usize {
        self.0.borrow().rings[usize::from(queue)]
    }

    /// Returns true if the driver asked for no interrupts: the avail ring's flags.
    pub fn is_silent(&self, queue: u16) -> bool {
        let avail = self.queue(queue).avail;
        // SAFETY: the driver's avail ring starts with its flags and stays where it is.
        unsafe { read::<u16>(avail) == 1 }
    }

    /// Writes to memory that is the driver's to write: a descriptor, and the avail ring.
    pub fn scribble(&self, number: u16) {
        let queue = self.queue(number);
        for i in 0..u64::from(queue.size) {
            // SAFETY: inside descriptor table and ring.
            unsafe {
                write(queue.descriptors + 16 * i + 8, u32::MAX);
                write(queue.avail + 4 + 2 * i, u16::MAX);
            }
        }
    }

    /// Returns what the driver wrote into a queue, but for its index: lengths and entries.
    pub fn written_by_driver(&self, number: u16) -> Vec<u32> {
        let queue = self.queue(number);
        let read_both = |i: u64| {
            // SAFETY: inside descriptor table and ring.
            unsafe {
                let entry: u16 = read(queue.avail + 4 + 2 * i);
                [read::<u32>(queue.descriptors + 16 * i + 8), entry.into()]
            }
        };
        (0..u64::from(queue.size)).flat_map(read_both).collect()
    }

    /// Tells the driver not to ring: the used ring's flags.
    pub fn start_polling(&self, queue: u16) {
        // SAFETY: the used ring starts with its flags and stays where it is.
        unsafe { write::<u16>(self.queue(queue).used, 1) }
    }

    /// Tells the driver to ring again.
    pub fn stop_polling(&self, queue: u16) {
        // SAFETY: the used ring starts with its flags and stays where it is.
        unsafe { write::<u16>(self.queue(queue).used, 0) }
    }

    /// Returns the number of buffers that the driver has posted and the device has not taken.
    pub fn posted(&self, queue: u16) -> usize {
        let queue = self.queue(queue);
        // SAFETY: the index follows the avail ring's flags.
        let index = unsafe { read::<u16>(queue.avail + 2) };
        index.wrapping_sub(queue.next_avail).into()
    }

    /// Takes the next posted buffer: its token, and its place and length.
    pub fn take(&self, number: u16) -> (u32, u64, usize) {
        assert!(self.posted(number) > 0, "queue {number} is empty");
        let is_live = self.status().contains(DeviceStatus::DRIVER_OK);
        assert!(is_live, "a device that is not live takes no buffers");
        let queue = self.queue(number);
        let slot = u64::from(queue.next_avail % queue.size);
        // SAFETY: slot and token are inside ring and descriptor table, which stay where they are.
        let (token, address, len, flags) = unsafe {
            let token = read::<u16>(queue.avail + 4 + 2 * slot);
            let descriptor = queue.descriptors + 16 * u64::from(token);
            let flags = read::<u16>(descriptor + 12);
            (token, read(descriptor), read::<u32>(descriptor + 8), flags)
        };
        let is_writable = flags == 2;
        assert_eq!(
            is_writable,
            number == RECEIVE,
            "one descriptor, and of the right direction"
        );
        let state = &mut self.0.borrow_mut().queues[usize::from(number)];
        state.next_avail = state.next_avail.wrapping_add(1);
        (token.into(), address, len as usize)
    }

    /// Puts an entry on the used ring, whatever it says.
    pub fn complete(&self, number: u16, token: u32, len: usize) {
        let queue = self.queue(number);
        let slot = u64::from(queue.next_used % queue.size);
        let next_used = queue.next_used.wrapping_add(1);
        // SAFETY: the slot is inside the used ring, which stays where it is.
        unsafe {
            write(queue.used + 4 + 8 * slot, token);
            write(queue.used + 8 + 8 * slot, len as u32);
            write(queue.used + 2, next_used);
        }
        self.0.borrow_mut().queues[usize::from(number)].next_used = next_used;
    }

    /// Puts the used ring's index `by` further on, and no entries.
    pub fn jump(&self, number: u16, by: u16) {
        let queue = self.queue(number);
        let next_used = queue.next_used.wrapping_add(by);
        // SAFETY: the index follows the used ring's flags.
        unsafe { write(queue.used + 2, next_used) };
        self.0.borrow_mut().queues[usize::from(number)].next_used = next_used;
    }

    /// A frame arrives.
    pub fn deliver(&self, frame: &[u8]) {
        let (token, address, len) = self.take(RECEIVE);
        assert!(HEADER + frame.len() <= len);
        for (i, byte) in [0xee; HEADER].iter().chain(frame).enumerate() {
            // SAFETY: inside the posted buffer.
            unsafe { write(address + i as u64, *byte) };
        }
        self.complete(RECEIVE, token, HEADER + frame.len());
    }

    /// A frame leaves, if one was posted. Returns it once its header has been looked at.
    pub fn collect(&self) -> Option<Vec<u8>> {
        if self.posted(TRANSMIT) == 0 {
            return None;
        }
        let (token, address, len) = self.take(TRANSMIT);
        // SAFETY: inside the posted buffer.
        let read_byte = |i: usize| unsafe { read::<u8>(address + i as u64) };
        let bytes: Vec<u8> = (0..len).map(read_byte).collect();
        assert_eq!(bytes[..HEADER], [0; HEADER]);
        self.complete(TRANSMIT, token, 0);
        Some(bytes[HEADER..].to_vec())
    }

    fn queue(&self, queue: u16) -> FakeQueue {
        self.0.borrow().queues[usize::from(queue)]
    }
}

/// # Safety
///
/// `address` is of a `T` in memory that was exposed to the device.
unsafe fn read<T>(address: u64) -> T {
    // SAFETY: the caller's contract.
    unsafe { core::ptr::with_exposed_provenance::<T>(address as usize).read_volatile() }
}

/// # Safety
///
/// `address` is of a `T` in memory that was exposed to the device, to write to.
unsafe fn write<T>(address: u64, value: T) {
    // SAFETY: the caller's contract.
    unsafe { core::ptr::with_exposed_provenance_mut::<T>(address as usize).write_volatile(value) }
}

impl Doorbell for FakeDevice {
    fn ring(&self, queue: u16) {
        self.0.borrow_mut().rings[usize::from(queue)] += 1;
    }
}
