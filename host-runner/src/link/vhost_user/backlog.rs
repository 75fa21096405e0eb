//! Frames that found no receive buffer: they wait for one, in the order in which they came, as they
//! would in the queue of any other link. A guest that stands still for a while, or whose virtual
//! machine is paused, so delays them, and the delay is measured; what there is no room for is refused.

use std::collections::VecDeque;

use super::ring::Fault;
use super::virtio_net::Device;
use crate::link::{Refusal, Sent};

/// Capacity in bytes: that of the socket of a link that has one.
const ROOM: usize = 2 << 20;

/// The frames that wait.
#[derive(Debug, Default)]
pub struct Backlog {
    frames: VecDeque<Box<[u8]>>,
    bytes: usize,
}

impl Backlog {
    /// Returns whether none do.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Has a frame wait behind all others, or refuses it.
    #[cold]
    pub fn push(&mut self, frame: &[u8]) -> Sent {
        if self.bytes + frame.len() > ROOM {
            return Sent::Refused(Refusal::FULL);
        }
        self.bytes += frame.len();
        self.frames.push_back(frame.into());
        Sent::Out
    }

    /// Drops all frames, and returns their number.
    pub fn clear(&mut self) -> u64 {
        let Self { frames, .. } = std::mem::take(self);
        frames.len() as u64
    }

    /// Sends what there are buffers for by now.
    #[cold]
    pub fn send(&mut self, device: &mut Device) -> Result<(), Fault> {
        while let Some(frame) = self.frames.front() {
            if !device.send(frame)? {
                break;
            }
            self.bytes -= frame.len();
            self.frames.pop_front();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::ring::HEADER;
    use super::super::rogue_driver::{BUFFER_REGION, Rogue, SIZE};
    use super::super::virtio_net::RECEIVE;
    use super::*;

    /// Returns the content of the buffer that the driver has just offered.
    fn received(rogue: &mut Rogue, device: &mut Device, backlog: &mut Backlog) -> Vec<u8> {
        rogue.offer_room(2000);
        let (_, index) = rogue.used_ring(RECEIVE);
        backlog.send(device).unwrap();
        assert_eq!(rogue.used_ring(RECEIVE).1, index.wrapping_add(1));
        let (_, len) = rogue.completed(RECEIVE, index);
        rogue.read(BUFFER_REGION + HEADER as u64, len as usize - HEADER)
    }

    #[test]
    fn frames_wait_in_order_for_buffers() {
        let mut rogue = Rogue::new();
        let mut device = rogue.device();
        let mut backlog = Backlog::default();
        let frames: Vec<Vec<u8>> = (0..100_u8).map(|i| vec![i; 60 + usize::from(i)]).collect();
        for frame in &frames {
            assert_eq!(backlog.push(frame), Sent::Out);
        }
        backlog.send(&mut device).unwrap();
        assert_eq!(rogue.used_ring(RECEIVE).1, 0, "there is no buffer");
        for frame in &frames {
            assert!(!backlog.is_empty());
            assert_eq!(&received(&mut rogue, &mut device, &mut backlog), frame);
        }
        assert!(backlog.is_empty());
        assert_eq!(backlog.bytes, 0);
    }

    #[test]
    fn frames_that_still_wait_are_counted_when_they_are_dropped() {
        let mut rogue = Rogue::new();
        let mut device = rogue.device();
        let mut backlog = Backlog::default();
        for i in 0..3 {
            assert_eq!(backlog.push(&[i; 60]), Sent::Out);
        }
        assert_eq!(received(&mut rogue, &mut device, &mut backlog), [0; 60]);
        assert_eq!((backlog.clear(), backlog.clear()), (2, 0));
        assert_eq!(backlog.bytes, 0);
    }

    #[test]
    fn frames_beyond_the_capacity_are_refused() {
        let mut rogue = Rogue::new();
        let mut device = rogue.device();
        let mut backlog = Backlog::default();
        let fits = ROOM / 1024;
        for i in 0..fits {
            assert_eq!(backlog.push(&[i as u8; 1024]), Sent::Out);
        }
        for _ in 0..10 {
            assert_eq!(backlog.push(&[9; 1024]), Sent::Refused(Refusal::FULL));
        }
        assert_eq!(backlog.frames.len(), fits);
        // The oldest are there; and when one is gone there is room for another.
        assert_eq!(received(&mut rogue, &mut device, &mut backlog), [0; 1024]);
        assert_eq!(backlog.push(&[7; 1024]), Sent::Out);
        assert_eq!(backlog.push(&[8; 1024]), Sent::Refused(Refusal::FULL));
        assert_eq!(backlog.frames.back().unwrap()[..], [7; 1024]);
    }

    #[test]
    fn a_driver_that_lies_is_a_fault_here_too() {
        let mut rogue = Rogue::new();
        let mut device = rogue.device();
        let mut backlog = Backlog::default();
        assert_eq!(backlog.push(&[1; 60]), Sent::Out);
        rogue.set_index(RECEIVE, SIZE + 1);
        let fault = Fault::IndexJump {
            jump: SIZE + 1,
            size: SIZE,
        };
        assert_eq!(backlog.send(&mut device), Err(fault));
    }

    /// They hold up none of those behind them.
    #[test]
    fn frames_too_long_for_the_buffers_are_dropped_and_counted() {
        let mut rogue = Rogue::new();
        let mut device = rogue.device();
        let mut backlog = Backlog::default();
        for len in [2000, 60, 3000] {
            assert_eq!(backlog.push(&vec![7; len]), Sent::Out);
        }
        assert_eq!(received(&mut rogue, &mut device, &mut backlog), [7; 60]);
        assert_eq!(
            device.take_too_long(),
            1,
            "a header comes before 2000 bytes"
        );
        rogue.offer_room(2000);
        assert_eq!(backlog.send(&mut device), Ok(()));
        assert!(backlog.is_empty());
        assert_eq!((device.take_too_long(), device.take_too_long()), (1, 0));
    }
}
