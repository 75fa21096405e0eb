//! Frames of one direction that are held back.

use std::collections::VecDeque;

use super::fate::{Fate, Hold};

/// Longest time for which a frame waits to be overtaken, in nanoseconds: it goes on where nothing follows it.
pub const LONGEST_HOLD_NS: u64 = 10_000_000;

/// A frame that is held back.
#[derive(Debug)]
struct HeldFrame {
    /// Time at which it goes on at the latest, in nanoseconds.
    due_ns: u64,
    /// Number of frames that are still to overtake it; `None` if it waits for its time alone.
    overtakers: Option<u8>,
    bytes: Vec<u8>,
}

/// The frames that are held back, the oldest first.
#[derive(Debug, Default)]
pub struct Held(VecDeque<HeldFrame>);

impl Held {
    /// Holds back `frame`, which came at `at_ns`.
    fn hold(&mut self, frame: &[u8], hold: Hold, at_ns: u64) {
        let (due_ns, overtakers) = match hold {
            Hold::Overtaken { by } => (at_ns.saturating_add(LONGEST_HOLD_NS), Some(by)),
            Hold::Delayed { delay_ns } => (at_ns.saturating_add(delay_ns), None),
        };
        self.0.push_back(HeldFrame {
            due_ns,
            overtakers,
            bytes: frame.to_vec(),
        });
    }

    /// Holds back what is to be of `frame`, which had `fate`, and of a second copy; a frame that passes overtakes others.
    /// `now_ns` returns the time at which the frame came.
    pub fn keep(&mut self, frame: &[u8], fate: &Fate, now_ns: impl FnOnce() -> u64) {
        if fate.is_lost {
            return;
        }
        if let Some(hold) = fate.hold {
            self.hold(frame, hold, now_ns());
        }
        if fate.is_duplicated {
            self.hold_until_next(frame);
        }
        if fate.hold.is_none() {
            self.overtake();
        }
    }

    /// Holds `frame` until the next occasion.
    fn hold_until_next(&mut self, frame: &[u8]) {
        self.hold(frame, Hold::Delayed { delay_ns: 0 }, 0);
    }

    /// Notes that a frame has passed: those that wait to be overtaken have been, once more.
    fn overtake(&mut self) {
        for held in &mut self.0 {
            if let Some(overtakers) = &mut held.overtakers {
                *overtakers = overtakers.saturating_sub(1);
                if *overtakers == 0 {
                    held.due_ns = 0;
                }
            }
        }
    }

    /// Returns the time at which the next frame is due; `None` if none is held.
    pub fn next_ns(&self) -> Option<u64> {
        self.0.iter().map(|held| held.due_ns).min()
    }

    /// Returns the oldest frame that is due at `now_ns`, which stays.
    pub fn due(&self, now_ns: u64) -> Option<(usize, &[u8])> {
        let index = self.0.iter().position(|held| held.due_ns <= now_ns)?;
        Some((index, &self.0[index].bytes))
    }

    /// Removes the frame at `index`.
    pub fn remove(&mut self, index: usize) {
        self.0.remove(index);
    }

    /// Returns their number.
    pub fn len(&self) -> u64 {
        self.0.len() as u64
    }

    /// Removes all frames.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(held: &mut Held, now_ns: u64) -> Option<u8> {
        let (index, frame) = held.due(now_ns)?;
        let first = frame[0];
        held.remove(index);
        Some(first)
    }

    #[test]
    fn a_frame_goes_on_once_it_has_been_overtaken_as_often_as_it_takes() {
        let mut held = Held::default();
        held.hold(&[1], Hold::Overtaken { by: 2 }, 100);
        assert_eq!(
            (take(&mut held, 100), held.next_ns()),
            (None, Some(100 + LONGEST_HOLD_NS))
        );
        held.overtake();
        assert_eq!(take(&mut held, 100), None);
        held.overtake();
        assert_eq!((held.next_ns(), take(&mut held, 0)), (Some(0), Some(1)));
        assert_eq!(held.next_ns(), None);
    }

    #[test]
    fn a_frame_that_nothing_overtakes_goes_on_by_itself() {
        let mut held = Held::default();
        held.hold(&[1], Hold::Overtaken { by: 1 }, 100);
        assert_eq!(take(&mut held, 99 + LONGEST_HOLD_NS), None);
        assert_eq!(take(&mut held, 100 + LONGEST_HOLD_NS), Some(1));
    }

    #[test]
    fn delayed_frames_go_on_when_they_are_due() {
        let mut held = Held::default();
        held.hold(&[1], Hold::Delayed { delay_ns: 50 }, 100);
        held.hold(&[2], Hold::Delayed { delay_ns: 20 }, 110);
        held.hold_until_next(&[3]);
        assert_eq!(take(&mut held, 0), Some(3));
        assert_eq!((held.next_ns(), take(&mut held, 129)), (Some(130), None));
        assert_eq!(
            (take(&mut held, 150), take(&mut held, 150)),
            (Some(1), Some(2))
        );
        held.hold_until_next(&[4]);
        assert_eq!(held.len(), 1);
        held.clear();
        assert_eq!((held.next_ns(), held.len()), (None, 0));
    }
}
