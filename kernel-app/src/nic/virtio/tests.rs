use std::boxed::Box;
use std::vec::Vec;

use smoltcp::phy::{Device as _, RxToken as _, TxToken as _};
use smoltcp::time::Instant;

use super::fake::{FakeDevice, LeakingHal, MAC};
use super::*;
use crate::nic::pool::PoolMemory;

type TestNic = VirtioNic<LeakingHal, FakeDevice, FakeDevice>;

fn set_up(device: &FakeDevice) -> Result<TestNic, SetupError> {
    let memory: &'static PoolMemory = Box::leak(Box::new(PoolMemory::new()));
    TestNic::new(device.clone(), device.clone(), memory.take().unwrap())
}

fn working() -> (FakeDevice, TestNic) {
    let device = FakeDevice::new();
    let nic = set_up(&device).unwrap();
    (device, nic)
}

fn send_back(nic: &mut TestNic) -> Offered {
    nic.offer(|frame| {
        frame.reverse();
        Fate::SendBack(frame.len())
    })
}

/// Takes the frames that have come, as they are.
fn frames(nic: &mut TestNic) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    let mut look = |frame: &mut [u8]| {
        frames.push(frame.to_vec());
        Fate::Drop
    };
    while nic.offer(&mut look) != Offered::Nothing {}
    frames
}

#[test]
fn sets_the_device_up_to_be_polled() {
    let (device, nic) = working();
    assert!(device.status().contains(DeviceStatus::DRIVER_OK));
    assert_eq!(nic.mac(), MAC);
    assert_eq!(device.posted(RECEIVE), QUEUE_SIZE);
    assert_eq!(device.posted(TRANSMIT), 0);
    assert!(device.is_silent(RECEIVE) && device.is_silent(TRANSMIT));
    assert_eq!(device.rings(RECEIVE), 1);
}

#[test]
fn says_what_is_wrong_with_a_device() {
    let failure = |device: FakeDevice| set_up(&device).err();
    let legacy = FakeDevice::new().offering(F_MAC);
    assert_eq!(failure(legacy), Some(SetupError::Features(F_MAC)));
    let anonymous = FakeDevice::new().offering(F_VERSION_1);
    assert_eq!(failure(anonymous), Some(SetupError::Features(F_VERSION_1)));
    let moody = FakeDevice::new().refusing_features();
    assert_eq!(failure(moody), Some(SetupError::Negotiation));
    for mac in [[0; 6], [0xff; 6], [1, 0, 0, 0, 0, 0]] {
        let device = FakeDevice::new().with_mac(mac);
        assert_eq!(failure(device), Some(SetupError::Mac(mac)));
    }
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
            assert_eq!(send_back(&mut nic), Offered::Sent);
        }
        assert_eq!(send_back(&mut nic), Offered::Nothing);
        for i in 0..burst {
            let mut expected = [round.to_le_bytes(), i.to_le_bytes()].concat();
            expected.reverse();
            assert_eq!(device.collect(), Some(expected));
        }
        assert_eq!(device.posted(RECEIVE), QUEUE_SIZE, "no buffer is lost");
    }
    assert_eq!(nic.counts().frames_sent, nic.counts().frames_received);
    assert_eq!(nic.counts().frames_sent as usize, device.rings(TRANSMIT));
}

#[test]
fn does_not_ring_for_a_device_that_polls() {
    let (device, mut nic) = working();
    device.start_polling(RECEIVE);
    device.start_polling(TRANSMIT);
    device.deliver(&[1; 60]);
    assert_eq!(send_back(&mut nic), Offered::Sent);
    assert_eq!(device.rings(RECEIVE), 1, "from before");
    assert_eq!(device.rings(TRANSMIT), 0);
}

#[test]
fn drops_answers_while_the_transmit_ring_is_full() {
    let (device, mut nic) = working();
    for _ in 0..QUEUE_SIZE {
        device.deliver(&[1; 60]);
        assert_eq!(send_back(&mut nic), Offered::Sent);
    }
    for _ in 0..2 * QUEUE_SIZE {
        device.deliver(&[1; 60]);
        assert_eq!(send_back(&mut nic), Offered::Full);
        assert_eq!(device.posted(RECEIVE), QUEUE_SIZE);
    }
    assert!(nic.transmit(Instant::ZERO).is_none());
    device.deliver(&[1; 60]);
    assert_eq!(nic.offer(|_| Fate::Keep), Offered::Kept);
    assert!(nic.receive(Instant::ZERO).is_none());
    assert_eq!(nic.counts().dropped_transmit, 1);

    for _ in 0..QUEUE_SIZE {
        assert_eq!(device.collect(), Some(vec![1; 60]));
    }
    device.deliver(&[1; 60]);
    assert_eq!(send_back(&mut nic), Offered::Sent);
    assert_eq!(device.posted(RECEIVE), QUEUE_SIZE);
}

#[test]
fn what_is_kept_goes_to_the_stack() {
    let (device, mut nic) = working();
    device.deliver(b"question");
    device.deliver(b"the next");
    assert_eq!(nic.offer(|_| Fate::Keep), Offered::Kept);
    let (received, transmit) = nic.receive(Instant::ZERO).unwrap();
    received.consume(|frame| {
        assert_eq!(frame, b"question");
        transmit.consume(6, |answer| answer.copy_from_slice(b"answer"));
    });
    assert_eq!(device.collect().as_deref(), Some(&b"answer"[..]));
    assert_eq!(frames(&mut nic), [b"the next"]);
    assert_eq!(device.posted(RECEIVE), QUEUE_SIZE);
}

#[test]
fn an_unused_right_to_send_costs_nothing() {
    let (device, mut nic) = working();
    for _ in 0..10 * QUEUE_SIZE {
        drop(nic.transmit(Instant::ZERO).unwrap());
        device.deliver(&[1; 60]);
        assert_eq!(nic.offer(|_| Fate::Keep), Offered::Kept);
        assert!(nic.receive(Instant::ZERO).is_some());
    }
    assert_eq!(frames(&mut nic).len(), 0);
    assert_eq!(device.posted(RECEIVE), QUEUE_SIZE);
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
    let lengths = [
        0,
        HEADER - 1,
        HEADER + MAX_FRAME + 1,
        2049,
        65536,
        u32::MAX as usize,
    ];
    for len in lengths {
        let (token, ..) = device.take(RECEIVE);
        device.complete(RECEIVE, token, len);
    }
    device.deliver(b"good");
    assert_eq!(frames(&mut nic), [b"good"]);
    assert_eq!(nic.counts().faults, lengths.len() as u64);
    assert_eq!(nic.fault(), None);
    assert_eq!(device.posted(RECEIVE), QUEUE_SIZE);
}

#[test]
fn a_receive_buffer_that_was_not_lent_fails_the_device() {
    for token in [64, 1000, u16::MAX] {
        let (device, mut nic) = working();
        device.deliver(b"good");
        device.complete(RECEIVE, token, 60);
        device.deliver(b"never seen");
        assert_eq!(frames(&mut nic), [b"good"]);
        assert_eq!(nic.fault(), Some(DeviceFault::Receive(token)));
        assert_eq!(nic.counts().faults, 1);
        assert_eq!(frames(&mut nic).len(), 0);
        assert!(nic.transmit(Instant::ZERO).is_none());
    }
}

#[test]
fn a_transmit_buffer_returned_twice_fails_the_device() {
    let (device, mut nic) = working();
    device.deliver(&[1; 60]);
    assert_eq!(send_back(&mut nic), Offered::Sent);
    let (token, ..) = device.take(TRANSMIT);
    device.complete(TRANSMIT, token, 0);
    device.complete(TRANSMIT, token, 0);
    assert!(nic.transmit(Instant::ZERO).is_none());
    assert_eq!(nic.fault(), Some(DeviceFault::Transmit(token)));
}

/// The token may have been lent anew meanwhile. Then what comes is a frame that was not sent, as
/// any device can make one up; but it comes in a buffer that is ours, and no buffer is lost.
#[test]
fn a_receive_buffer_returned_twice_is_a_frame_or_a_fault() {
    let (device, mut nic) = working();
    let (token, ..) = device.take(RECEIVE);
    for _ in 0..3 {
        device.complete(RECEIVE, token, 60);
        let seen = frames(&mut nic).len();
        assert_eq!(seen == 0, nic.fault().is_some());
    }
}

#[test]
fn a_transmit_buffer_that_was_not_lent_fails_the_device() {
    let (device, mut nic) = working();
    device.complete(TRANSMIT, 5, 0);
    device.deliver(&[1; 60]);
    assert_eq!(send_back(&mut nic), Offered::Full);
    assert_eq!(nic.fault(), Some(DeviceFault::Transmit(5)));
    assert_eq!(nic.counts().faults, 1);
}
