//! Buffers that the device hands back, and what it says of them.

use super::*;

#[test]
fn a_receive_buffer_that_was_not_lent_fails_the_device() {
    for token in [256, 319, 320, 1000, 65536, u32::MAX] {
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

/// Such a device may have written to the buffers behind that one.
#[test]
fn a_frame_longer_than_its_buffer_fails_the_device() {
    for len in [BUFFER_LEN + 1, 2049, 65536, u32::MAX as usize] {
        let (device, mut nic) = working();
        device.deliver(b"good");
        let (token, ..) = device.take(RECEIVE);
        device.complete(RECEIVE, token, len);
        device.deliver(b"never seen");
        assert_eq!(frames(&mut nic), [b"good"]);
        assert_eq!(nic.fault(), Some(DeviceFault::Overlong(len as u32)));
        assert_eq!(nic.counts().faults, 1);
    }
}

/// Answers `frames` frames, so that as many buffers lie on the transmit ring; their ids.
fn fill(device: &FakeDevice, nic: &mut TestNic, frames: usize) -> Vec<u32> {
    (0..frames)
        .map(|_| {
            device.deliver(&[1; 60]);
            assert_eq!(send_back(nic), Disposition::Sent);
            device.take(TRANSMIT).0
        })
        .collect()
}

/// Completions are seen with the next replies.
fn fault_after_answers(device: &FakeDevice, nic: &mut TestNic) -> Option<DeviceFault> {
    for _ in 0..4 {
        if nic.fault().is_none() {
            device.deliver(&[1; 60]);
            send_back(nic);
        }
    }
    let counts = nic.counts();
    assert_eq!(counts.faults, u64::from(nic.fault().is_some()));
    assert!(nic.fault().is_none() || nic.transmit(Instant::ZERO).is_none());
    nic.fault()
}

#[test]
fn a_transmit_buffer_returned_twice_fails_the_device() {
    let (device, mut nic) = working();
    let ids = fill(&device, &mut nic, 3);
    device.complete(TRANSMIT, ids[1], 0);
    device.complete(TRANSMIT, ids[1], 0);
    let fault = fault_after_answers(&device, &mut nic);
    assert_eq!(fault, Some(DeviceFault::Transmit(ids[1])));
}

#[test]
fn a_transmit_buffer_that_was_not_lent_fails_the_device() {
    for id in [60, 64, 127, 128, 192, 255, 256, 65536, u32::MAX] {
        let (device, mut nic) = working();
        fill(&device, &mut nic, 3);
        device.complete(TRANSMIT, id, 0);
        let fault = fault_after_answers(&device, &mut nic);
        assert_eq!(fault, Some(DeviceFault::Transmit(id)));
    }
}

#[test]
fn completions_out_of_order_are_good() {
    let (device, mut nic) = working();
    for id in fill(&device, &mut nic, 3).into_iter().rev() {
        device.complete(TRANSMIT, id, usize::MAX);
    }
    assert_eq!(fault_after_answers(&device, &mut nic), None);
    let [first, second, third] = [(); 3].map(|()| device.take(RECEIVE).0);
    for id in [second, third, first] {
        device.complete(RECEIVE, id, HEADER + 60);
    }
    assert_eq!(frames(&mut nic).len(), 3);
    assert_eq!(nic.fault(), None);
}

#[test]
fn more_completions_than_there_can_be_fail_the_device() {
    for by in [RECEIVE_SIZE as u16 + 1, 1000, 1 << 15, u16::MAX] {
        let (device, mut nic) = working();
        device.jump(RECEIVE, by);
        assert!(!nic.is_idle());
        assert_eq!(frames(&mut nic).len(), 0);
        let jump = IndexJump {
            completed: by,
            lent: RECEIVE_SIZE as u16,
        };
        assert_eq!(nic.fault(), Some(DeviceFault::ReceiveJump(jump)));
        assert_eq!(nic.counts().faults, 1);
    }
    for by in [5, TRANSMIT_SIZE as u16 + 1, u16::MAX] {
        let (device, mut nic) = working();
        fill(&device, &mut nic, 3);
        device.jump(TRANSMIT, by);
        let jump = IndexJump {
            completed: by,
            lent: 4,
        };
        let fault = fault_after_answers(&device, &mut nic);
        assert_eq!(fault, Some(DeviceFault::TransmitJump(jump)));
    }
}

/// An entry that was never written says no bytes in buffer 0, which is in flight anew each time.
#[test]
fn completions_without_entries_are_no_frames() {
    let (device, mut nic) = working();
    device.jump(RECEIVE, RECEIVE_SIZE as u16);
    assert_eq!(frames(&mut nic).len(), 0);
    assert_eq!(nic.counts().faults, RECEIVE_SIZE as u64);
}

/// The token may be in flight anew meanwhile. Then what comes is a frame that was not sent, as
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
