//! The ring's index arithmetic: 16-bit indices that run freely, held against counts that never wrap around.

use proptest::prelude::*;
use std::boxed::Box;

use super::*;

const SIZE: usize = 8;

/// A device on a ring's memory, which counts in 64 bits.
struct Device {
    memory: &'static RingMemory<SIZE>,
    completed: u64,
}

impl Device {
    /// Completes the next buffer; the length tells which it was.
    fn complete(&mut self) {
        let slot = self.completed as usize % SIZE;
        let id = self.memory.avail.ring[slot].load(Ordering::Relaxed);
        let entry = &self.memory.used.ring[slot];
        entry.id.store(id.into(), Ordering::Relaxed);
        entry.len.store(self.completed as u32, Ordering::Relaxed);
        self.completed += 1;
        self.publish(self.completed);
    }

    /// Writes the used ring's index.
    fn publish(&self, completed: u64) {
        let index = &self.memory.used.index;
        index.store(completed as u16, Ordering::Release);
    }
}

/// Returns a ring, and its device, after `count` buffers went out and came back.
fn after(count: u64) -> (Ring<SIZE>, Device) {
    let memory: &'static RingMemory<SIZE> = Box::leak(Box::new(RingMemory::new()));
    memory.avail.index.store(count as u16, Ordering::Relaxed);
    let device = Device {
        memory,
        completed: count,
    };
    device.publish(count);
    let ring = Ring {
        memory,
        number: TRANSMIT,
        posted: count,
        notified: count,
        reclaimed: count as u16,
        entries: [0; SIZE],
        descriptions: [0; SIZE],
    };
    (ring, device)
}

/// Counts of buffers from which an index wraps around soon, and any.
fn count() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(0),
        65_500..65_536_u64,
        131_050..131_072_u64,
        0..1_u64 << 40
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn indices_that_wrap_around_count_on(
        count in count(),
        steps in prop::collection::vec((0..3_u8, 1..SIZE), 1..200),
        beyond in 1..=u16::MAX,
    ) {
        let (mut ring, mut device) = after(count);
        let (mut posted, mut reclaimed) = (count, count);
        for (step, times) in steps {
            for _ in 0..times {
                match step {
                    0 if posted - reclaimed < SIZE as u64 => {
                        ring.post((posted % SIZE as u64) as u8);
                        posted += 1;
                    }
                    1 if device.completed < posted => device.complete(),
                    2 => {
                        let next = (reclaimed < device.completed).then(|| Used {
                            id: (reclaimed % SIZE as u64) as u32,
                            len: reclaimed as u32,
                        });
                        prop_assert_eq!(ring.reclaim(), Ok(next));
                        reclaimed += u64::from(next.is_some());
                    }
                    _ => {}
                }
            }
            prop_assert_eq!(u64::from(ring.in_flight()), posted - reclaimed);
            prop_assert_eq!(ring.has_no_completions(), device.completed == reclaimed);
            let index = device.memory.avail.index.load(Ordering::Relaxed);
            prop_assert_eq!(index, posted as u16);
            let is_due = posted != count && device.completed != posted;
            prop_assert_eq!(ring.is_notification_due(), is_due);
        }
        // More than were posted: an index that says so is refused, whatever it is.
        device.publish(posted + u64::from(beyond));
        let completed = (posted + u64::from(beyond) - reclaimed) as u16;
        let lent = ring.in_flight();
        if completed > lent {
            prop_assert_eq!(ring.reclaim(), Err(IndexJump { completed, lent }));
        }
    }
}
