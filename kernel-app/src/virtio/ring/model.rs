//! Models of a device beside the driver's side of a ring, for loom: each returns if the model holds, and panics in the
//! order of steps in which it does not.

use loom::thread;
use std::boxed::Box;

use super::*;

const SIZE: usize = 2;

/// Position at which the models begin: the 16-bit indices wrap around behind the first buffer.
const BEGIN: u16 = u16::MAX;

/// Memory of driver and device, and the doorbell between them.
#[derive(Clone, Copy)]
struct Shared {
    ring: &'static RingMemory<SIZE>,
    /// Content of the buffer.
    frame: &'static AtomicU64,
    doorbells: &'static AtomicU16,
}

impl Doorbell for Shared {
    fn ring(&self, _queue: u16) {
        self.doorbells.fetch_add(1, Ordering::AcqRel);
    }
}

impl Shared {
    fn new(flags: u16) -> Self {
        let word = || AtomicU16::new(0);
        let ring = RingMemory {
            descriptors: [(); SIZE].map(|()| Descriptor {
                address: AtomicU64::new(0),
                len: AtomicU32::new(0),
                flags: word(),
                next: word(),
            }),
            avail: Avail {
                flags: word(),
                index: AtomicU16::new(BEGIN),
                ring: [(); SIZE].map(|()| word()),
            },
            used: UsedRing {
                flags: AtomicU16::new(flags),
                index: AtomicU16::new(BEGIN),
                ring: [(); SIZE].map(|()| UsedEntry {
                    id: AtomicU32::new(0),
                    len: AtomicU32::new(0),
                }),
            },
        };
        Self {
            ring: Box::leak(Box::new(ring)),
            frame: Box::leak(Box::new(AtomicU64::new(0))),
            doorbells: Box::leak(Box::new(word())),
        }
    }

    fn driver(self) -> Ring<SIZE> {
        Ring {
            memory: self.ring,
            number: RECEIVE,
            posted: BEGIN.into(),
            notified: BEGIN.into(),
            reclaimed: BEGIN,
            entries: [u16::MAX; SIZE],
            descriptions: [0; SIZE],
        }
    }

    /// Returns the number of buffers that the device sees.
    fn available(self) -> u16 {
        let index = self.ring.avail.index.load(Ordering::Acquire);
        index.wrapping_sub(BEGIN)
    }

    /// Completes buffers, of which it has completed `completed`, as far as the device sees them: writes to each what it
    /// read there and 1. Returns how many it has completed then.
    fn complete(self, completed: u16) -> u16 {
        let available = self.available();
        for position in (completed..available).map(|count| BEGIN.wrapping_add(count)) {
            let slot = usize::from(position) % SIZE;
            let id = self.ring.avail.ring[slot].load(Ordering::Relaxed);
            let descriptor = &self.ring.descriptors[usize::from(id)];
            let len = descriptor.len.load(Ordering::Relaxed);
            let frame = self.frame.load(Ordering::Relaxed);
            assert_eq!(descriptor.address.load(Ordering::Relaxed), frame);
            self.frame.store(frame + 1, Ordering::Relaxed);
            let entry = &self.ring.used.ring[slot];
            entry.id.store(id.into(), Ordering::Relaxed);
            entry.len.store(len, Ordering::Relaxed);
            let index = &self.ring.used.index;
            index.store(position.wrapping_add(1), Ordering::Release);
        }
        available
    }

    /// Has the driver write a frame and post it as buffer `id`; address and content are `frame`.
    fn post(self, driver: &mut Ring<SIZE>, id: u8, frame: u64) {
        self.frame.store(frame, Ordering::Relaxed);
        driver.describe(id, OWN, frame as u16, || frame);
        driver.post(id);
    }
}

/// A buffer that either side gives up is there as a whole when the other one sees it: entry, descriptor and content.
pub fn buffers_are_handed_over_whole() {
    let shared = Shared::new(NO_NOTIFY);
    let mut driver = shared.driver();
    let device = thread::spawn(move || {
        let completed = shared.complete(0);
        shared.complete(completed)
    });
    let check = |driver: &mut Ring<SIZE>, id: u8, frame: u64| {
        let Some(used) = driver.reclaim().expect("the device keeps the rules") else {
            return false;
        };
        let (id, len) = (id.into(), frame as u32);
        assert_eq!(used, Used { id, len });
        assert_eq!(shared.frame.load(Ordering::Relaxed), frame + 1);
        true
    };
    shared.post(&mut driver, 1, 7);
    let mut completed = 0;
    if check(&mut driver, 1, 7) {
        completed = 1;
        // In the descriptor and with the content of another.
        shared.post(&mut driver, 0, 20);
    }
    let seen = device.join().expect("its checks hold");
    if completed == 1 && seen == 2 {
        assert!(check(&mut driver, 0, 20));
    } else if completed == 0 && seen == 1 {
        assert!(check(&mut driver, 1, 7));
    }
    assert_eq!(driver.reclaim(), Ok(None));
}

/// A device that stops polling, and looks at the ring once more as it has to (virtio 1.2 §2.7.13.4.1), has seen the buffer or
/// is notified of it.
pub fn no_notification_is_lost() {
    let shared = Shared::new(NO_NOTIFY);
    let mut driver = shared.driver();
    let device = thread::spawn(move || {
        shared.ring.used.flags.store(0, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        shared.available()
    });
    shared.post(&mut driver, 0, 1);
    let sent = driver.notify(&shared);
    let seen = device.join().expect("it has no checks");
    let doorbells = shared.doorbells.load(Ordering::Acquire);
    assert_eq!(u64::from(doorbells), sent);
    assert!(seen == 1 || doorbells == 1, "the device sleeps for ever");
}

/// A device that looks once more without a barrier, as under TCG, may miss a buffer and a notification at once: the poll
/// after that makes up for it. One that has completed all is left alone.
pub fn a_suppressed_notification_is_sent_later() {
    let shared = Shared::new(NO_NOTIFY);
    let mut driver = shared.driver();
    let device = thread::spawn(move || {
        let completed = shared.complete(0);
        shared.ring.used.flags.store(0, Ordering::Relaxed);
        shared.complete(completed)
    });
    shared.post(&mut driver, 0, 1);
    driver.notify(&shared);
    driver.notify_if_due(&shared);
    let completed = device.join().expect("its checks hold");
    let before = shared.doorbells.load(Ordering::Acquire);
    driver.notify_if_due(&shared);
    let doorbells = shared.doorbells.load(Ordering::Acquire);
    if completed == 1 {
        assert_eq!(doorbells, before, "there is nothing to be notified of");
    } else {
        assert!(doorbells > 0, "the device sleeps for ever");
    }
}
