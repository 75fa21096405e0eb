//! The device against a driver that lies, and queues that stop, move and come back.

use super::super::rogue_driver::{
    BUFFER_REGION, QUEUE_REGION, REGION_LEN, Rogue, SIZE, addresses, event, signalled,
};
use super::*;
use crate::link::frame::MAX_FRAME;

const FRAME: [u8; 60] = [7; 60];
const ROOM: usize = ring::HEADER + MAX_FRAME;

fn receive(device: &mut Device) -> Result<Option<usize>, Fault> {
    device.receive(&mut [0; MAX_FRAME])
}

/// Sends one frame each way.
fn exchange(rogue: &mut Rogue, device: &mut Device) {
    rogue.offer_frame(&FRAME);
    assert_eq!(receive(device), Ok(Some(FRAME.len())));
    assert_eq!(receive(device), Ok(None));
    rogue.offer_room(ROOM);
    assert_eq!(device.send(&FRAME), Ok(true));
    assert_eq!(device.send(&FRAME), Ok(false));
    device.settle();
}

/// Addresses like a queue's, with one of them `by` bytes further on.
fn displaced(queue: usize, which: usize, by: u64) -> Addresses {
    let mut moved = addresses(queue);
    let part = match which {
        0 => &mut moved.descriptors,
        1 => &mut moved.avail,
        _ => &mut moved.used,
    };
    *part = part.wrapping_add(by);
    moved
}

#[test]
fn a_device_that_is_not_set_up_carries_nothing() {
    let mut device = Device::default();
    assert!(!device.is_running());
    assert_eq!(device.send(&FRAME), Ok(false));
    assert_eq!(receive(&mut device), Ok(None));
    device.settle();
    assert_eq!(device.signals(), Signals::default());
}

#[test]
fn only_two_queues_exist() {
    let mut device = Rogue::new().device();
    for queue in [QUEUES, 255, usize::MAX] {
        let refused = SetupError::NoSuchQueue(queue);
        assert_eq!(device.set_size(queue, 64), Err(refused));
        assert_eq!(device.set_base(queue, 0), Err(refused));
        assert_eq!(device.set_addresses(queue, addresses(0)), Err(refused));
        assert_eq!(device.set_kick(queue, None), Err(refused));
        assert_eq!(device.set_call(queue, None), Err(refused));
        assert_eq!(device.stop(queue), Err(refused));
    }
}

#[test]
fn sizes_are_powers_of_two() {
    let mut device = Device::default();
    for size in [1, 2, 64, 256, 32_768] {
        assert_eq!(device.set_size(RECEIVE, size), Ok(()));
    }
    for size in [
        0,
        3,
        65,
        255,
        32_767,
        32_769,
        65_535,
        65_536,
        65_600,
        u32::MAX,
    ] {
        let queue = RECEIVE;
        let refused = SetupError::Size { queue, size };
        assert_eq!(device.set_size(queue, size), Err(refused));
    }
}

#[test]
fn a_queue_starts_when_all_is_known_of_it() {
    let rogue = Rogue::new();
    let mut device = Device::default();
    let queue = TRANSMIT;
    let incomplete = Err(SetupError::Incomplete { queue });
    assert_eq!(device.set_kick(queue, None), incomplete);
    device.set_size(queue, SIZE.into()).unwrap();
    assert_eq!(device.set_kick(queue, None), incomplete);
    let mut device = Device::default();
    device.set_addresses(queue, addresses(queue)).unwrap();
    assert_eq!(device.set_kick(queue, None), incomplete);
    device.set_size(queue, SIZE.into()).unwrap();
    // There is no memory yet.
    let nowhere = Err(SetupError::Address { queue });
    assert_eq!(device.set_kick(queue, None), nowhere);
    device.set_memory(rogue.memory());
    assert_eq!(device.set_kick(queue, None), Ok(()));
}

#[test]
fn queues_outside_memory_or_misaligned_are_refused() {
    let rogue = Rogue::new();
    for queue in [RECEIVE, TRANSMIT] {
        for which in 0..3 {
            let alignment = [16, 2, 4][which];
            let Addresses {
                descriptors,
                avail,
                used,
            } = addresses(queue);
            let start = [descriptors, avail, used][which];
            let to_the_end = addresses(RECEIVE).descriptors + REGION_LEN - start;
            for by in [
                1,
                alignment - 1,
                alignment + 1,
                // Below the region, across its end, at its end, beyond it; round the end of all.
                to_the_end.wrapping_sub(2 * REGION_LEN),
                to_the_end - 16,
                to_the_end,
                to_the_end + REGION_LEN,
                0_u64.wrapping_sub(start),
                0_u64.wrapping_sub(start + 16),
            ] {
                let mut device = rogue.device();
                let moved = displaced(queue, which, by);
                let is_refused = device.set_addresses(queue, moved).is_err();
                assert!(is_refused, "queue {queue}, part {which}, {by:#x}");
                assert!(!device.is_running());
            }
        }
    }
    // The guest's own addresses are not the front end's.
    let mut device = rogue.device();
    let guests = Addresses {
        descriptors: QUEUE_REGION,
        avail: QUEUE_REGION + 4096,
        used: QUEUE_REGION + 8192,
    };
    let refused = Err(SetupError::Address { queue: RECEIVE });
    assert_eq!(device.set_addresses(RECEIVE, guests), refused);
}

#[test]
fn a_queue_too_long_for_where_it_lies_is_refused() {
    let mut device = Rogue::new().device();
    let queue = TRANSMIT;
    device.set_size(queue, 32_768).unwrap();
    let refused = Err(SetupError::Address { queue });
    assert_eq!(device.set_addresses(queue, addresses(queue)), refused);
}

#[test]
fn frames_go_both_ways() {
    let mut rogue = Rogue::new();
    let mut device = rogue.device();
    for _ in 0..300 {
        exchange(&mut rogue, &mut device);
    }
    let header = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0];
    assert_eq!(rogue.read(BUFFER_REGION, 12), header);
    assert_eq!(rogue.read(BUFFER_REGION + 12, 60), FRAME);
}

#[test]
fn the_driver_is_told_not_to_ring() {
    let rogue = Rogue::new();
    let _device = rogue.device();
    for queue in [RECEIVE, TRANSMIT] {
        assert_eq!(rogue.used_ring(queue).0, 1, "VRING_USED_F_NO_NOTIFY");
    }
}

#[test]
fn interrupts_are_signalled_exactly_when_they_are_wanted() {
    let mut rogue = Rogue::new();
    let mut device = rogue.device();
    let calls = [RECEIVE, TRANSMIT].map(|queue| {
        let (ours, theirs) = event();
        device.set_call(queue, Some(theirs)).unwrap();
        ours
    });
    let mut expected = Signals::default();
    for wanted in [[true, true], [false, true], [true, false], [false, false]] {
        for queue in [RECEIVE, TRANSMIT] {
            rogue.suppress_interrupts(queue, !wanted[queue]);
        }
        for _ in 0..5 {
            exchange(&mut rogue, &mut device);
        }
        for queue in [RECEIVE, TRANSMIT] {
            let times = if wanted[queue] { 5 } else { 0 };
            assert_eq!(signalled(&calls[queue]), times, "{queue} of {wanted:?}");
            expected.interrupts += times;
        }
    }
    assert_eq!(device.signals(), expected);
    // Nothing new to tell: nobody is woken.
    rogue.suppress_interrupts(TRANSMIT, false);
    device.settle();
    assert_eq!(receive(&mut device), Ok(None));
    assert_eq!(signalled(&calls[TRANSMIT]), 0);
    assert_eq!(device.signals(), expected);
}

#[test]
fn sent_frames_are_told_in_batches_at_the_latest() {
    let mut rogue = Rogue::new();
    let mut device = rogue.device();
    let (call, theirs) = event();
    device.set_call(TRANSMIT, Some(theirs)).unwrap();
    for i in 1..=3 * COMPLETION_BATCH {
        rogue.offer_frame(&FRAME);
        assert!(receive(&mut device).unwrap().is_some());
        let published = i / COMPLETION_BATCH * COMPLETION_BATCH;
        assert_eq!(rogue.used_ring(TRANSMIT).1, published);
    }
    assert_eq!(signalled(&call), 3);
}

#[test]
fn a_full_call_descriptor_does_not_hold_anybody_up() {
    let mut rogue = Rogue::new();
    let mut device = rogue.device();
    let (call, theirs) = event();
    rustix::io::write(&call, &(u64::MAX - 1).to_ne_bytes()).unwrap();
    device.set_call(RECEIVE, Some(theirs)).unwrap();
    exchange(&mut rogue, &mut device);
    assert_eq!(device.signals().interrupts, 0);
    assert_eq!(signalled(&call), u64::MAX - 1);
}

#[test]
fn doorbells_are_counted_whoever_holds_the_bell() {
    let mut device = Rogue::new().device();
    let rings = |kick: &File, times: u64| {
        for _ in 0..times {
            rustix::io::write(kick, &1_u64.to_ne_bytes()).unwrap();
        }
    };
    let (first, theirs) = event();
    device.set_kick(TRANSMIT, Some(theirs)).unwrap();
    rings(&first, 3);
    let (second, theirs) = event();
    device.set_kick(RECEIVE, Some(theirs)).unwrap();
    rings(&second, 4);
    assert_eq!(device.signals().doorbells, 7);
    assert_eq!(device.signals().doorbells, 7);
    // Another descriptor in its place, and another front end.
    rings(&first, 2);
    device.set_kick(TRANSMIT, None).unwrap();
    assert_eq!(device.signals().doorbells, 9);
    rings(&second, 1);
    device.reset();
    assert_eq!(device.signals().doorbells, 10, "it never goes back");
}

#[test]
fn another_kick_descriptor_does_not_lose_the_place() {
    let mut rogue = Rogue::new();
    let mut device = rogue.device();
    exchange(&mut rogue, &mut device);
    for queue in [RECEIVE, TRANSMIT] {
        device.set_kick(queue, Some(event().1)).unwrap();
    }
    exchange(&mut rogue, &mut device);
    assert_eq!(device.stop(TRANSMIT), Ok(2));
}

#[test]
fn a_queue_goes_on_where_it_stopped() {
    let mut rogue = Rogue::from_base(u16::MAX);
    let mut device = rogue.device();
    for _ in 0..3 {
        exchange(&mut rogue, &mut device);
    }
    let bases = [RECEIVE, TRANSMIT].map(|queue| device.stop(queue).unwrap());
    assert_eq!(bases, [2, 2]);
    assert!(!device.is_running());
    rogue.offer_frame(&FRAME);
    assert_eq!(receive(&mut device), Ok(None), "it is stopped");
    // The same front end, which need not say it again, and another one, which must.
    device.set_kick(TRANSMIT, None).unwrap();
    assert_eq!(receive(&mut device), Ok(Some(FRAME.len())));
    assert_eq!(device.stop(TRANSMIT), Ok(3));
    let mut device = rogue.device();
    exchange(&mut rogue, &mut device);
    assert_eq!(device.stop(TRANSMIT), Ok(4));
}

#[test]
fn a_stopped_queue_does_not_start_of_its_own_accord() {
    let mut rogue = Rogue::new();
    let mut device = rogue.device();
    device.stop(TRANSMIT).unwrap();
    device.set_memory(rogue.memory());
    device.set_addresses(TRANSMIT, addresses(TRANSMIT)).unwrap();
    rogue.offer_frame(&FRAME);
    assert_eq!(receive(&mut device), Ok(None));
    assert!(!device.is_running());
}

#[test]
fn sent_frames_are_signalled_when_a_queue_stops_or_moves() {
    type Change = fn(&Rogue, &mut Device);
    let changes: [Change; 4] = [
        |_, device| device.stop(TRANSMIT).map(drop).unwrap(),
        |rogue, device| device.set_memory(rogue.memory()),
        |_, device| device.set_addresses(TRANSMIT, addresses(TRANSMIT)).unwrap(),
        |_, device| device.set_kick(TRANSMIT, None).unwrap(),
    ];
    for change in changes {
        let mut rogue = Rogue::new();
        let mut device = rogue.device();
        let (call, theirs) = event();
        device.set_call(TRANSMIT, Some(theirs)).unwrap();
        rogue.offer_frame(&FRAME);
        assert!(receive(&mut device).unwrap().is_some());
        assert_eq!((rogue.used_ring(TRANSMIT).1, signalled(&call)), (0, 0));
        change(&rogue, &mut device);
        assert_eq!((rogue.used_ring(TRANSMIT).1, signalled(&call)), (1, 1));
    }
}

#[test]
fn a_queue_may_move_while_it_runs() {
    let mut rogue = Rogue::new();
    let mut device = rogue.device();
    exchange(&mut rogue, &mut device);
    // Where the other queue was: it goes on there, by what it has taken so far.
    device.set_addresses(TRANSMIT, addresses(RECEIVE)).unwrap();
    rogue.chain(RECEIVE, 0, &[20]);
    let mut readable = rogue.descriptor(RECEIVE, 0);
    readable.flags = 0;
    rogue.describe(RECEIVE, 0, readable);
    rogue.offer(RECEIVE, 0);
    assert_eq!(receive(&mut device), Ok(Some(8)));
    assert_eq!(device.stop(TRANSMIT), Ok(2));
}

#[test]
fn the_memory_may_be_replaced_while_queues_run() {
    let mut rogue = Rogue::new();
    let mut device = rogue.device();
    for _ in 0..3 {
        exchange(&mut rogue, &mut device);
        device.set_memory(rogue.memory());
        assert!(device.is_running());
    }
    assert_eq!(device.stop(RECEIVE), Ok(3));
}

#[test]
fn queues_that_are_not_in_the_new_memory_wait_until_they_are_somewhere() {
    let mut rogue = Rogue::new();
    let mut device = rogue.device();
    exchange(&mut rogue, &mut device);
    device.set_memory(Memory::default());
    assert!(!device.is_running());
    rogue.offer_frame(&FRAME);
    assert_eq!(receive(&mut device), Ok(None));
    // Memory once more, and then word where the queues are.
    device.set_memory(rogue.memory());
    for queue in [RECEIVE, TRANSMIT] {
        device.set_addresses(queue, addresses(queue)).unwrap();
    }
    assert!(device.is_running());
    assert_eq!(receive(&mut device), Ok(Some(FRAME.len())));
}

#[test]
fn a_reset_forgets_the_guest() {
    let mut rogue = Rogue::new();
    let mut device = rogue.device();
    exchange(&mut rogue, &mut device);
    device.reset();
    assert!(!device.is_running());
    assert_eq!(receive(&mut device), Ok(None));
    let refused = Err(SetupError::Incomplete { queue: TRANSMIT });
    assert_eq!(device.set_kick(TRANSMIT, None), refused);
}
