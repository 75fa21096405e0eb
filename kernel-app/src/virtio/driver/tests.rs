//! The driver against a device that keeps the rules, and one that does not.

use std::boxed::Box;
use std::string::ToString;
use std::vec::Vec;

use smoltcp::phy::{Device as _, RxToken as _, TxToken as _};
use smoltcp::time::Instant;
use virtio_drivers::transport::DeviceStatus;
use wire::Mac;

use super::fake::{FakeDevice, MAC};
use super::*;
use crate::frame_device::IndexJump;
use crate::virtio::pool::STACK_BUFFERS;
use crate::virtio::ring::{RECEIVE, TRANSMIT};

mod completions;
mod jumbo_frames;
mod notifications;
mod resets;
mod setting_up;

type TestNic = VirtioNic<FakeDevice>;

fn set_up(device: &FakeDevice) -> Result<TestNic, SetupError> {
    let memory: &'static NicMemory = Box::leak(Box::new(NicMemory::new()));
    TestNic::new(device.clone(), memory, own())
}

/// The address that a device without one has.
fn own() -> Mac {
    Mac::new([2, b'F', 10, 0, 2, 15])
}

fn working() -> (FakeDevice, TestNic) {
    let device = FakeDevice::new();
    let nic = set_up(&device).unwrap();
    (device, nic)
}

fn send_back(nic: &mut TestNic) -> Disposition {
    nic.offer(|frame| {
        frame.reverse();
        Action::Tx(frame.len())
    })
}

/// Takes the frames that have come, as they are.
fn frames(nic: &mut TestNic) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    let mut look = |frame: &mut [u8]| {
        frames.push(frame.to_vec());
        Action::Drop
    };
    while nic.offer(&mut look) != Disposition::NoFrame {}
    frames
}

#[test]
fn sends_frames_back_in_the_order_they_came() {
    let (device, mut nic) = working();
    for round in 0..1000_u32 {
        let burst = round % 5 + 1;
        for i in 0..burst {
            device.deliver(&[round.to_le_bytes(), i.to_le_bytes()].concat());
        }
        for _ in 0..burst {
            assert_eq!(send_back(&mut nic), Disposition::Sent);
        }
        assert_eq!(send_back(&mut nic), Disposition::NoFrame);
        for i in 0..burst {
            let mut expected = [round.to_le_bytes(), i.to_le_bytes()].concat();
            expected.reverse();
            assert_eq!(device.collect(), Some(expected));
        }
        // Those of this round's answers, and of the last larger one's, are still to be put back.
        let posted = device.posted(RECEIVE);
        assert!(posted + 2 * 5 >= RECEIVE_SIZE, "no buffer is lost");
    }
    let counts = nic.counts();
    assert_eq!(counts.frames_sent, counts.frames_received);
    assert_eq!(counts.frames_sent as usize, device.rings(TRANSMIT));
    let rings = device.rings(TRANSMIT) + device.rings(RECEIVE);
    assert_eq!(counts.doorbells as usize, rings);
}

/// The driver may leave out what it has written before only if the device cannot have changed it.
#[test]
fn an_echo_writes_the_indices_and_the_frame_alone() {
    let (device, mut nic) = working();
    let echo = |nic: &mut TestNic| {
        device.deliver(&[1; 60]);
        assert_eq!(send_back(nic), Disposition::Sent);
        assert_eq!(device.collect(), Some(vec![1; 60]));
    };
    for _ in 0..2 * TRANSMIT_SIZE {
        echo(&mut nic);
    }
    let [before, after] = [(); 2].map(|()| {
        let rings = [RECEIVE, TRANSMIT].map(|queue| device.written_by_driver(queue));
        for _ in 0..2 * TRANSMIT_SIZE {
            echo(&mut nic);
        }
        rings
    });
    assert_eq!(before, after);
}

#[test]
fn writes_of_the_device_to_the_drivers_area_mean_nothing() {
    let (device, mut nic) = working();
    device.deliver(&[1; 60]);
    device.scribble(RECEIVE);
    device.scribble(TRANSMIT);
    assert_eq!(frames(&mut nic), [vec![1; 60]]);
    assert_eq!(nic.fault(), None);
}

#[test]
fn a_device_that_keeps_every_answer_gets_its_buffers_back_when_it_lets_go() {
    let (device, mut nic) = working();
    for left in (0..RECEIVE_SIZE).rev() {
        device.deliver(&[1; 60]);
        assert_eq!(send_back(&mut nic), Disposition::Sent);
        assert_eq!(device.posted(RECEIVE), left);
    }
    assert!(!nic.is_idle(), "it looks for buffers");
    assert_eq!(send_back(&mut nic), Disposition::NoFrame);
    // The stack has buffers of its own, but no room for them.
    assert!(nic.transmit(Instant::ZERO).is_none());

    for _ in 0..RECEIVE_SIZE {
        assert_eq!(device.collect(), Some(vec![1; 60]));
    }
    let rings = device.rings(RECEIVE);
    assert_eq!(send_back(&mut nic), Disposition::NoFrame);
    assert_eq!(device.posted(RECEIVE), RECEIVE_SIZE);
    assert_eq!(device.rings(RECEIVE), rings + 1, "it was waiting for them");
    assert!(nic.is_idle());
    drop(nic.transmit(Instant::ZERO).unwrap());
    device.deliver(&[1; 60]);
    assert_eq!(send_back(&mut nic), Disposition::Sent);
}

#[test]
fn the_stack_waits_for_its_own_buffers_alone() {
    let (device, mut nic) = working();
    for _ in 0..STACK_BUFFERS {
        let transmit = nic.transmit(Instant::ZERO).unwrap();
        transmit.consume(60, |frame| frame.fill(2));
    }
    assert!(nic.transmit(Instant::ZERO).is_none());
    device.deliver(&[1; 60]);
    assert_eq!(nic.offer(|_| Action::Pass), Disposition::Passed);
    assert!(nic.receive(Instant::ZERO).is_none());
    assert_eq!(nic.counts().dropped_transmit, 1);
    device.deliver(&[1; 60]);
    assert_eq!(send_back(&mut nic), Disposition::Sent);
    assert_eq!(device.collect(), Some(vec![2; 60]));
    assert!(nic.transmit(Instant::ZERO).is_some());
}

fn transmit(nic: &mut TestNic, bytes: &[u8]) {
    let transmit = nic.transmit(Instant::ZERO).unwrap();
    transmit.consume(bytes.len(), |frame| frame.copy_from_slice(bytes));
}

/// Lengths and buffers of the answers differ: the descriptor stands for each in turn.
#[test]
fn an_answer_whose_descriptor_the_stack_has_is_sent_all_the_same() {
    let (device, mut nic) = working();
    for round in 0..3_u8 {
        transmit(&mut nic, &[0xff, 0xfe, round]);
        for number in 0..RECEIVE_SIZE - 1 {
            device.deliver(&[number as u8, round, 1, 2]);
            assert_eq!(send_back(&mut nic), Disposition::Sent, "{number}");
        }
        assert_eq!(device.collect(), Some(vec![0xff, 0xfe, round]));
        for number in 0..RECEIVE_SIZE - 1 {
            assert_eq!(device.collect(), Some(vec![2, 1, round, number as u8]));
        }
        assert_eq!(device.collect(), None);
        assert_eq!(send_back(&mut nic), Disposition::NoFrame);
        assert_eq!(device.posted(RECEIVE), RECEIVE_SIZE, "no buffer is lost");
    }
    let every_buffer: Vec<_> = (0..STACK_BUFFERS)
        .map_while(|_| {
            nic.transmit(Instant::ZERO)
                .map(|transmit| transmit.consume(1, |frame| frame.fill(3)))
        })
        .collect();
    assert_eq!(every_buffer.len(), STACK_BUFFERS, "nor one of the stack's");
    assert_eq!((nic.fault(), nic.counts().dropped_transmit), (None, 0));
}

/// Otherwise a second burst would find as few buffers as the first has left.
#[test]
fn an_idle_poll_takes_back_what_a_burst_has_sent() {
    let (device, mut nic) = working();
    for _ in 0..RECEIVE_SIZE {
        device.deliver(&[1; 60]);
    }
    for _ in 0..RECEIVE_SIZE {
        assert_eq!(send_back(&mut nic), Disposition::Sent);
    }
    let few = RECEIVE_SIZE / 8;
    for _ in few..RECEIVE_SIZE {
        assert!(!nic.is_idle());
        assert!(device.collect().is_some());
        assert_eq!(send_back(&mut nic), Disposition::NoFrame);
    }
    assert!(nic.is_idle());
    assert_eq!(device.posted(RECEIVE), RECEIVE_SIZE - few);
}

/// The queue has room for as many frames as there are buffers to answer from, and not for the stack's
/// besides.
#[test]
fn an_answer_that_finds_the_transmit_queue_full_is_dropped() {
    let (device, mut nic) = working();
    for number in 0..STACK_BUFFERS {
        transmit(&mut nic, &[0xff, number as u8]);
    }
    let room = TRANSMIT_SIZE - STACK_BUFFERS;
    for number in 0..room {
        device.deliver(&[number as u8, 1]);
        assert_eq!(send_back(&mut nic), Disposition::Sent);
    }
    for _ in 0..STACK_BUFFERS {
        device.deliver(&[1; 60]);
        assert_eq!(send_back(&mut nic), Disposition::TxFull);
    }
    assert_eq!(nic.counts().frames_sent, TRANSMIT_SIZE as u64);
    // Each buffer is where it belongs, and each frame is what was sent, in order.
    assert_eq!(device.posted(RECEIVE), RECEIVE_SIZE - room);
    for number in 0..STACK_BUFFERS {
        assert_eq!(device.collect(), Some(vec![0xff, number as u8]));
    }
    for number in 0..room {
        assert_eq!(device.collect(), Some(vec![1, number as u8]));
    }
    assert_eq!(device.collect(), None);
    assert_eq!(send_back(&mut nic), Disposition::NoFrame);
    assert_eq!(device.posted(RECEIVE), RECEIVE_SIZE);
    // Once round, so that each answer has been in the place of one of the stack's frames.
    for number in 0..2 * RECEIVE_SIZE {
        device.deliver(&[number as u8, 2]);
        assert_eq!(send_back(&mut nic), Disposition::Sent);
        assert_eq!(device.collect(), Some(vec![2, number as u8]));
    }
    assert_eq!(nic.fault(), None);
}

#[test]
fn passed_frames_go_to_the_stack() {
    let (device, mut nic) = working();
    device.deliver(b"question");
    device.deliver(b"the next");
    assert_eq!(nic.offer(|_| Action::Pass), Disposition::Passed);
    let (received, transmit) = nic.receive(Instant::ZERO).unwrap();
    received.consume(|frame| {
        assert_eq!(frame, b"question");
        transmit.consume(6, |answer| answer.copy_from_slice(b"answer"));
    });
    assert_eq!(device.collect().as_deref(), Some(&b"answer"[..]));
    assert_eq!(frames(&mut nic), [b"the next"]);
    assert_eq!(device.posted(RECEIVE), RECEIVE_SIZE);
}

#[test]
fn an_unused_right_to_send_costs_nothing() {
    let (device, mut nic) = working();
    for _ in 0..10 * RECEIVE_SIZE {
        drop(nic.transmit(Instant::ZERO).unwrap());
        device.deliver(&[1; 60]);
        assert_eq!(nic.offer(|_| Action::Pass), Disposition::Passed);
        assert!(nic.receive(Instant::ZERO).is_some());
    }
    assert_eq!(frames(&mut nic).len(), 0);
    assert_eq!(device.posted(RECEIVE), RECEIVE_SIZE);
    assert_eq!(device.collect(), None);
}

#[test]
fn takes_frames_of_every_length() {
    let (device, mut nic) = working();
    for len in 0..=MAX_FRAME {
        device.deliver(&vec![7; len]);
        assert_eq!(frames(&mut nic), [vec![7; len]]);
    }
    assert_eq!(nic.counts().faults, 0);
}

#[test]
fn refuses_frames_of_impossible_length() {
    let (device, mut nic) = working();
    let lengths = [0, HEADER - 1];
    for len in lengths {
        let (token, ..) = device.take(RECEIVE);
        device.complete(RECEIVE, token, len);
    }
    device.deliver(b"good");
    assert_eq!(frames(&mut nic), [b"good"]);
    assert_eq!(nic.counts().faults, lengths.len() as u64);
    assert_eq!(nic.fault(), None);
    assert_eq!(device.posted(RECEIVE), RECEIVE_SIZE);
}

/// A network with a larger MTU is no fault of the device's.
#[test]
fn frames_of_a_larger_mtu_are_taken_as_far_as_buffers_go() {
    let device = FakeDevice::new().with_mtu(u16::MAX);
    let mut nic = set_up(&device).unwrap();
    for len in [MAX_FRAME + 1, MAX_FRAME + 4, BUFFER_LEN - HEADER] {
        device.deliver(&vec![7; len]);
        assert_eq!(send_back(&mut nic), Disposition::Sent);
        assert_eq!(device.collect(), Some(vec![7; len]));
    }
    assert_eq!(nic.counts().faults, 0);
}
