//! Frames of a network with an MTU of 9000, in buffers that several of the usual size make.

use super::*;

const MTU: u16 = 9000;

/// Longest frame, in bytes.
const LONGEST: usize = 14 + MTU as usize;

/// Number of receive buffers, and of the stack's.
const BUFFERS: [usize; 2] = [42, 10];

fn jumbo() -> (FakeDevice, TestNic) {
    let device = FakeDevice::new().with_mtu(MTU);
    let nic = set_up(&device).unwrap();
    (device, nic)
}

/// A frame whose every byte depends on its place and on `seed`.
fn frame(len: usize, seed: usize) -> Vec<u8> {
    (0..len)
        .map(|at| (at * 7 + at / 256 + seed) as u8)
        .collect()
}

fn reversed(mut frame: Vec<u8>) -> Vec<u8> {
    frame.reverse();
    frame
}

#[test]
fn frames_of_every_length_come_back_byte_for_byte() {
    let (device, mut nic) = jumbo();
    let lens = (1..=1600).chain([1601, 3199, 3200, 4096, 8191, 8192, LONGEST - 1, LONGEST]);
    for (seed, len) in lens.enumerate() {
        device.deliver(&frame(len, seed));
        assert_eq!(send_back(&mut nic), Disposition::Sent);
        assert_eq!(device.collect(), Some(reversed(frame(len, seed))));
    }
    assert_eq!(nic.counts().faults, 0);
}

/// As many as there are buffers, several times over: none lies in another, and none is lost.
#[test]
fn a_burst_of_the_longest_frames_comes_back() {
    let (device, mut nic) = jumbo();
    for round in 0..4 {
        assert_eq!(device.posted(RECEIVE), BUFFERS[0], "{round}");
        for seed in 0..BUFFERS[0] {
            device.deliver(&frame(LONGEST, round * 100 + seed));
        }
        while send_back(&mut nic) != Disposition::NoFrame {}
        for seed in 0..BUFFERS[0] {
            let expected = reversed(frame(LONGEST, round * 100 + seed));
            assert_eq!(device.collect(), Some(expected), "{round} {seed}");
        }
        // What the device has sent comes back when nothing else is to be done.
        assert_eq!(send_back(&mut nic), Disposition::NoFrame);
    }
}

/// Few frames may lie on the transmit ring while the receive ring has as few buffers.
#[test]
fn an_idle_poll_leaves_few_sent_frames_where_there_are_few_buffers() {
    let (device, mut nic) = jumbo();
    for _ in 0..BUFFERS[0] {
        device.deliver(&[1; 60]);
        assert_eq!(send_back(&mut nic), Disposition::Sent);
    }
    while device.collect().is_some() {}
    assert!(!nic.is_idle());
    assert_eq!(send_back(&mut nic), Disposition::NoFrame);
    assert!(nic.is_idle());
    assert_eq!(device.posted(RECEIVE), BUFFERS[0]);
}

#[test]
fn the_stack_sends_the_longest_frames_and_gets_its_buffers_back() {
    let (device, mut nic) = jumbo();
    for round in 0..5 {
        for seed in 0..BUFFERS[1] {
            let token = nic.transmit(Instant::ZERO).unwrap();
            token.consume(LONGEST, |room| room.copy_from_slice(&frame(LONGEST, seed)));
        }
        assert!(nic.transmit(Instant::ZERO).is_none(), "{round}");
        for seed in 0..BUFFERS[1] {
            assert_eq!(device.collect(), Some(frame(LONGEST, seed)));
        }
    }
}

#[test]
fn the_stack_reads_a_long_frame_where_it_is() {
    let (device, mut nic) = jumbo();
    device.deliver(&frame(LONGEST, 3));
    assert_eq!(nic.offer(|_| Action::Pass), Disposition::Passed);
    let (received, _) = nic.receive(Instant::ZERO).unwrap();
    received.consume(|bytes| assert_eq!(bytes, frame(LONGEST, 3)));
}

/// The length is a number of the device's: one that is more than it was given room for is no frame, and one that is more
/// than the buffer has fails it.
#[test]
fn lengths_of_no_frame_are_refused() {
    for len in [0, HEADER - 1, HEADER + LONGEST + 1, 6 * BUFFER_LEN] {
        let (device, mut nic) = jumbo();
        let (token, ..) = device.take(RECEIVE);
        device.complete(RECEIVE, token, len);
        device.deliver(b"good");
        assert_eq!(frames(&mut nic), [b"good"], "{len}");
        assert_eq!((nic.counts().faults, nic.fault()), (1, None), "{len}");
    }
    for len in [6 * BUFFER_LEN + 1, 65536, u32::MAX as usize] {
        let (device, mut nic) = jumbo();
        let (token, ..) = device.take(RECEIVE);
        device.complete(RECEIVE, token, len);
        assert_eq!(frames(&mut nic).len(), 0);
        assert_eq!(nic.fault(), Some(DeviceFault::Overlong(len as u32)));
    }
}

/// Descriptors between two buffers' own are nobody's.
#[test]
fn a_completion_of_a_descriptor_between_fails_the_device() {
    for token in [1, 5, 7, 251, 252, 255] {
        let (device, mut nic) = jumbo();
        device.complete(RECEIVE, token, 60);
        assert_eq!(frames(&mut nic).len(), 0);
        assert_eq!(nic.fault(), Some(DeviceFault::Receive(token)));
    }
}

#[test]
fn buffers_are_as_large_after_a_reset() {
    let (device, mut nic) = jumbo();
    device.deliver(&frame(LONGEST, 1));
    device.complete(RECEIVE, 1, 60);
    while send_back(&mut nic) != Disposition::NoFrame {}
    assert!(nic.fault().is_some());
    assert!(nic.restart());
    assert_eq!(device.posted(RECEIVE), BUFFERS[0]);
    device.deliver(&frame(LONGEST, 2));
    assert_eq!(send_back(&mut nic), Disposition::Sent);
    assert_eq!(device.collect(), Some(reversed(frame(LONGEST, 2))));
}
