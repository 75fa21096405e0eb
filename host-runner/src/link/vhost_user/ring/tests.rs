//! The ring against a driver that lies, and chains split at every place.

use super::super::rogue_driver::{
    BUFFER_REGION, Descriptor, NEXT, QUEUE_REGION, REGION_LEN, Rogue, SIZE,
};
use super::super::{virtio_net::RECEIVE, virtio_net::TRANSMIT};
use super::*;
use crate::link::frame::MAX_FRAME;

mod any_bytes;
mod index_jumps;

const FRAME: [u8; 60] = {
    let mut frame = [0; 60];
    let mut i = 0;
    while i < frame.len() {
        frame[i] = i as u8 + 1;
        i += 1;
    }
    frame
};

const WHOLE: usize = HEADER + FRAME.len();

fn take(rogue: &Rogue, ring: &mut Ring) -> Result<Option<Vec<u8>>, Fault> {
    let mut frame = [0; MAX_FRAME];
    let taken = ring.take(&rogue.memory(), &mut frame)?;
    Ok(taken.map(|len| frame[..len].to_vec()))
}

/// Puts [`FRAME`] into a chain of buffers of these lengths and has the device take it.
fn take_from(lens: &[usize]) -> Result<Option<Vec<u8>>, Fault> {
    let mut rogue = Rogue::new();
    let mut ring = rogue.ring(TRANSMIT);
    rogue.write(BUFFER_REGION + HEADER as u64, &FRAME);
    rogue.chain(TRANSMIT, 0, lens);
    rogue.offer(TRANSMIT, 0);
    let taken = take(&rogue, &mut ring);
    ring.publish();
    // What was not taken is not given back either.
    let used = u16::from(taken.is_ok());
    assert_eq!(rogue.used_ring(TRANSMIT).1, used);
    assert_eq!(rogue.completed(TRANSMIT, 0), (0, 0));
    taken
}

/// Has the device put [`FRAME`] into a chain of buffers of these lengths: what is in them then.
fn give_to(lens: &[usize]) -> Result<Vec<u8>, Given> {
    let mut rogue = Rogue::new();
    let mut ring = rogue.ring(RECEIVE);
    let room = lens.iter().sum::<usize>();
    rogue.write(BUFFER_REGION, &vec![0xee; room + 16]);
    rogue.chain(RECEIVE, 5, lens);
    rogue.offer(RECEIVE, 5);
    let given = ring.give(&rogue.memory(), &FRAME).unwrap();
    ring.publish();
    let is_delivered = given == Given::Delivered;
    assert_eq!(rogue.used_ring(RECEIVE).1, u16::from(is_delivered));
    assert_eq!(
        ring.base(),
        u16::from(is_delivered),
        "a buffer that is too small stays"
    );
    if !is_delivered {
        return Err(given);
    }
    assert_eq!(rogue.completed(RECEIVE, 0), (5, WHOLE as u32));
    let beyond = rogue.read(BUFFER_REGION + WHOLE as u64, room + 16 - WHOLE);
    assert!(beyond.iter().all(|&byte| byte == 0xee), "{lens:?}");
    Ok(rogue.read(BUFFER_REGION, WHOLE))
}

/// Every way to cut a frame with its header into two or three parts, empty ones among them, and
/// into single bytes.
fn cuts() -> Vec<Vec<usize>> {
    let mut cuts = vec![vec![WHOLE], vec![1; WHOLE]];
    for first in 0..=WHOLE {
        cuts.push(vec![first, WHOLE - first]);
        for second in 0..=WHOLE - first {
            cuts.push(vec![first, second, WHOLE - first - second]);
        }
    }
    cuts
}

#[test]
fn a_frame_is_taken_however_it_is_cut() {
    for lens in cuts() {
        assert_eq!(take_from(&lens), Ok(Some(FRAME.to_vec())), "{lens:?}");
    }
}

#[test]
fn a_frame_is_given_however_its_buffer_is_cut() {
    let mut expected = PLAIN_HEADER.to_vec();
    expected.extend(FRAME);
    for mut lens in cuts() {
        assert_eq!(give_to(&lens).as_ref(), Ok(&expected), "{lens:?}");
        // With room to spare, in the last buffer and in one more.
        *lens.last_mut().unwrap() += 3;
        lens.push(5);
        assert_eq!(give_to(&lens).as_ref(), Ok(&expected), "{lens:?}");
    }
}

#[test]
fn a_chain_may_be_as_long_as_the_table_and_no_longer() {
    let mut lens = vec![0; SIZE.into()];
    lens[usize::from(SIZE) - 1] = WHOLE;
    assert_eq!(take_from(&lens), Ok(Some(FRAME.to_vec())));

    let mut rogue = Rogue::new();
    let mut ring = rogue.ring(TRANSMIT);
    rogue.chain(TRANSMIT, 0, &lens);
    // The last is followed by the first.
    let last = Descriptor {
        address: BUFFER_REGION,
        len: 0,
        flags: NEXT,
        next: 0,
    };
    rogue.describe(TRANSMIT, SIZE - 1, last);
    rogue.offer(TRANSMIT, 3);
    assert_eq!(take(&rogue, &mut ring), Err(Fault::Loop { head: 3 }));
}

#[test]
fn loops_end() {
    for (len, next) in [(0, 0), (0, 1), (1, 0)] {
        for queue in [RECEIVE, TRANSMIT] {
            let mut rogue = Rogue::new();
            let mut ring = rogue.ring(queue);
            rogue.chain(queue, 0, &[len, len, len]);
            let flags = NEXT | if queue == RECEIVE { WRITE } else { 0 };
            let descriptor = Descriptor {
                address: BUFFER_REGION,
                len: len as u32,
                flags,
                next,
            };
            rogue.describe(queue, next, descriptor);
            rogue.offer(queue, 0);
            let fault = if queue == RECEIVE {
                ring.give(&rogue.memory(), &FRAME).unwrap_err()
            } else {
                take(&rogue, &mut ring).unwrap_err()
            };
            assert_eq!(fault, Fault::Loop { head: 0 }, "{len} {next} {queue}");
        }
    }
}

#[test]
fn a_loop_of_long_buffers_is_too_long_a_frame() {
    let mut rogue = Rogue::new();
    let mut ring = rogue.ring(TRANSMIT);
    let descriptor = Descriptor {
        address: BUFFER_REGION,
        len: 5000,
        flags: NEXT,
        next: 0,
    };
    rogue.describe(TRANSMIT, 0, descriptor);
    rogue.offer(TRANSMIT, 0);
    let fault = take(&rogue, &mut ring);
    assert_eq!(fault, Err(Fault::FrameLength { len: 10_000 }));
}

#[test]
fn frames_without_a_header_or_with_nothing_else_are_refused() {
    for len in 0..=HEADER {
        assert_eq!(take_from(&[len]), Err(Fault::FrameLength { len }));
        let parts = [len / 2, 0, len - len / 2];
        assert_eq!(take_from(&parts), Err(Fault::FrameLength { len }));
    }
    assert_eq!(take_from(&[HEADER + 1]), Ok(Some(vec![1])));
}

#[test]
fn frames_longer_than_ethernets_are_refused() {
    let longest = HEADER + MAX_FRAME;
    assert_eq!(take_from(&[longest]).unwrap().unwrap().len(), MAX_FRAME);
    let len = longest + 1;
    for lens in [
        &[len][..],
        &[HEADER, MAX_FRAME, 1],
        &[HEADER, MAX_FRAME + 1],
    ] {
        assert_eq!(take_from(lens), Err(Fault::FrameLength { len }), "{lens:?}");
    }
    // As long as the memory itself: inside it, and far too long.
    let len = REGION_LEN as usize;
    assert_eq!(take_from(&[len]), Err(Fault::FrameLength { len }));
}

#[test]
fn a_frame_too_long_for_the_buffer_is_dropped_and_the_buffer_stays() {
    for len in [0, 1, HEADER, WHOLE - 1] {
        assert_eq!(give_to(&[len]), Err(Given::TooLong { len }));
    }
    let lens = [4, 4, 4, 20];
    assert_eq!(give_to(&lens), Err(Given::TooLong { len: 32 }));
    // The next frame has the same buffer.
    let mut rogue = Rogue::new();
    let mut ring = rogue.ring(RECEIVE);
    rogue.chain(RECEIVE, 5, &[WHOLE]);
    rogue.offer(RECEIVE, 5);
    let memory = rogue.memory();
    let longer = [9; FRAME.len() + 1];
    assert_eq!(
        ring.give(&memory, &longer),
        Ok(Given::TooLong { len: WHOLE })
    );
    assert_eq!(ring.give(&memory, &FRAME), Ok(Given::Delivered));
    assert_eq!(ring.give(&memory, &FRAME), Ok(Given::NoBuffer));
    ring.publish();
    assert_eq!(rogue.completed(RECEIVE, 0), (5, WHOLE as u32));
    let written = rogue.read(BUFFER_REGION + HEADER as u64, FRAME.len());
    assert_eq!(written, FRAME);
}

#[test]
fn buffers_outside_memory_are_refused() {
    let end = BUFFER_REGION + REGION_LEN;
    for (address, len) in [
        // Nowhere; below, between and above the regions.
        (0, 100),
        (QUEUE_REGION - 100, 100),
        (QUEUE_REGION + REGION_LEN, 100),
        (end, 1),
        // Across a beginning and across an end, by one byte and by many.
        (BUFFER_REGION - 1, 100),
        (end - 99, 100),
        (end - 1, u32::MAX),
        (BUFFER_REGION, u32::MAX),
        (BUFFER_REGION, REGION_LEN as u32 + 1),
        // Round the end of all addresses, back to where memory is.
        (u64::MAX, 100),
        (u64::MAX - 49, 100),
        (u64::MAX, u32::MAX),
        (0_u64.wrapping_sub(BUFFER_REGION), u32::MAX),
        // Not even nothing is outside.
        (end, 0),
    ] {
        for queue in [RECEIVE, TRANSMIT] {
            let mut rogue = Rogue::new();
            let mut ring = rogue.ring(queue);
            // Behind a good one, so that both have been walked to.
            rogue.chain(queue, 0, &[20, 20]);
            let flags = if queue == RECEIVE { WRITE } else { 0 };
            let bad = Descriptor {
                address,
                len,
                flags,
                next: 0,
            };
            rogue.describe(queue, 1, bad);
            rogue.offer(queue, 0);
            let fault = if queue == RECEIVE {
                ring.give(&rogue.memory(), &FRAME).unwrap_err()
            } else {
                take(&rogue, &mut ring).unwrap_err()
            };
            assert_eq!(fault, Fault::OutsideMemory { address, len });
        }
    }
}

#[test]
fn descriptors_beyond_the_table_are_refused() {
    for index in [SIZE, SIZE + 1, u16::MAX] {
        let fault = Fault::NoSuchDescriptor { index, size: SIZE };
        let mut rogue = Rogue::new();
        let mut ring = rogue.ring(TRANSMIT);
        rogue.offer(TRANSMIT, index);
        assert_eq!(take(&rogue, &mut ring), Err(fault), "as a head");

        let mut rogue = Rogue::new();
        let mut ring = rogue.ring(TRANSMIT);
        let descriptor = Descriptor {
            address: BUFFER_REGION,
            len: 20,
            flags: NEXT,
            next: index,
        };
        rogue.describe(TRANSMIT, 0, descriptor);
        rogue.offer(TRANSMIT, 0);
        assert_eq!(take(&rogue, &mut ring), Err(fault), "as the next");
    }
}

#[test]
fn the_wrong_direction_is_refused_anywhere_in_a_chain() {
    for queue in [RECEIVE, TRANSMIT] {
        for index in 0..3 {
            let mut rogue = Rogue::new();
            let mut ring = rogue.ring(queue);
            rogue.chain(queue, 0, &[30, 30, 30]);
            let wrong = if queue == RECEIVE { 0 } else { WRITE };
            let descriptor = Descriptor {
                address: BUFFER_REGION,
                len: 30,
                flags: wrong | if index < 2 { NEXT } else { 0 },
                next: index + 1,
            };
            rogue.describe(queue, index, descriptor);
            rogue.offer(queue, 0);
            let fault = if queue == RECEIVE {
                ring.give(&rogue.memory(), &FRAME).unwrap_err()
            } else {
                take(&rogue, &mut ring).unwrap_err()
            };
            assert_eq!(fault, Fault::Direction { index });
        }
    }
}

#[test]
fn indirect_descriptors_are_refused() {
    for flags in [INDIRECT, INDIRECT | NEXT, INDIRECT | WRITE, u16::MAX] {
        let mut rogue = Rogue::new();
        let mut ring = rogue.ring(TRANSMIT);
        let descriptor = Descriptor {
            address: BUFFER_REGION,
            len: 32,
            flags,
            next: 0,
        };
        rogue.describe(TRANSMIT, 7, descriptor);
        rogue.offer(TRANSMIT, 7);
        let fault = take(&rogue, &mut ring);
        assert_eq!(fault, Err(Fault::Indirect { index: 7 }), "{flags:#x}");
    }
}

#[test]
fn an_empty_ring_has_nothing_and_takes_nothing() {
    let rogue = Rogue::new();
    let mut ring = rogue.ring(RECEIVE);
    assert_eq!(ring.give(&rogue.memory(), &FRAME), Ok(Given::NoBuffer));
    assert_eq!(take(&rogue, &mut rogue.ring(TRANSMIT)), Ok(None));
    assert_eq!(rogue.used_ring(RECEIVE), (NO_NOTIFY, 0));
}

#[test]
fn writes_of_the_driver_to_the_used_ring_change_nothing() {
    let mut rogue = Rogue::new();
    let mut ring = rogue.ring(TRANSMIT);
    for i in 0..3 {
        // The device's own index and flags, overwritten by the driver.
        rogue.scribble(TRANSMIT, 0xa5a5);
        rogue.offer_frame(&FRAME);
        assert_eq!(take(&rogue, &mut ring), Ok(Some(FRAME.to_vec())));
        ring.publish();
        assert_eq!(rogue.used_ring(TRANSMIT).1, i + 1);
    }
}
