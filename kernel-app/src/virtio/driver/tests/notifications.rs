//! Notifications: which are sent, which are left out, and which are made up for.

use super::*;

#[test]
fn does_not_ring_for_a_device_that_polls() {
    let (device, mut nic) = working();
    device.start_polling(RECEIVE);
    device.start_polling(TRANSMIT);
    device.deliver(&[1; 60]);
    assert_eq!(send_back(&mut nic), Disposition::Sent);
    assert_eq!(device.rings(RECEIVE), 1, "from before");
    assert_eq!(device.rings(TRANSMIT), 0);
}

/// A driver and a device that polls both queues and has an answer on its transmit queue, of which
/// the driver has not notified it.
fn answered_while_it_polls() -> (FakeDevice, TestNic) {
    let (device, mut nic) = working();
    device.start_polling(RECEIVE);
    device.start_polling(TRANSMIT);
    device.deliver(&[1; 60]);
    assert_eq!(send_back(&mut nic), Disposition::Sent);
    assert_eq!(send_back(&mut nic), Disposition::NoFrame);
    assert_eq!(device.rings(TRANSMIT), 0);
    assert!(nic.is_idle(), "a device that polls sees for itself");
    (device, nic)
}

#[test]
fn makes_up_for_a_notification_that_a_device_turns_out_to_need() {
    let (device, mut nic) = answered_while_it_polls();
    device.stop_polling(TRANSMIT);
    assert!(!nic.is_idle(), "the answer may be unseen");
    assert_eq!(send_back(&mut nic), Disposition::NoFrame);
    assert_eq!(device.rings(TRANSMIT), 1);
    assert_eq!(nic.counts().doorbells as usize, 1 + device.rings(RECEIVE));
    // Once: that the device has not taken it yet means nothing now.
    assert!(nic.is_idle());
    assert_eq!(send_back(&mut nic), Disposition::NoFrame);
    assert_eq!(device.rings(TRANSMIT), 1);
    assert_eq!(device.collect(), Some(vec![1; 60]));
}

#[test]
fn does_not_notify_a_device_of_what_it_has_taken() {
    let (device, mut nic) = answered_while_it_polls();
    assert_eq!(device.collect(), Some(vec![1; 60]));
    device.stop_polling(TRANSMIT);
    assert!(nic.is_idle());
    assert_eq!(send_back(&mut nic), Disposition::NoFrame);
    assert_eq!(device.rings(TRANSMIT), 0);
}

/// Without it a device that has run out of buffers would never deliver a frame again.
#[test]
fn makes_up_for_the_notification_of_receive_buffers() {
    let (device, mut nic) = working();
    device.start_polling(RECEIVE);
    device.deliver(&[1; 60]);
    assert_eq!(frames(&mut nic), [vec![1; 60]]);
    assert!(nic.is_idle());
    assert_eq!(device.rings(RECEIVE), 1, "from before");
    device.stop_polling(RECEIVE);
    assert!(!nic.is_idle());
    assert_eq!(frames(&mut nic).len(), 0);
    assert_eq!(device.rings(RECEIVE), 2);
    assert!(nic.is_idle());
}

#[test]
fn makes_up_for_the_notification_of_the_stacks_frames() {
    let (device, mut nic) = working();
    device.start_polling(TRANSMIT);
    let transmit = nic.transmit(Instant::ZERO).unwrap();
    transmit.consume(60, |frame| frame.fill(2));
    device.stop_polling(TRANSMIT);
    assert!(!nic.is_idle());
    assert_eq!(send_back(&mut nic), Disposition::NoFrame);
    assert_eq!(device.rings(TRANSMIT), 1);
}

/// The indices are counted modulo 2¹⁶, what the device was notified of is not.
#[test]
fn a_notification_is_due_however_many_frames_later() {
    let (device, mut nic) = working();
    device.deliver(&[1; 60]);
    assert_eq!(send_back(&mut nic), Disposition::Sent);
    assert_eq!(device.rings(TRANSMIT), 1);
    assert_eq!(device.collect(), Some(vec![1; 60]));
    device.start_polling(TRANSMIT);
    for posted in 1..=1_u32 << 16 {
        device.deliver(&[1; 60]);
        assert_eq!(send_back(&mut nic), Disposition::Sent);
        if posted < 1 << 16 {
            assert_eq!(device.collect(), Some(vec![1; 60]));
        }
    }
    device.stop_polling(TRANSMIT);
    assert!(!nic.is_idle());
    assert_eq!(send_back(&mut nic), Disposition::NoFrame);
    assert_eq!(device.rings(TRANSMIT), 2);
}
