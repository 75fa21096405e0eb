//! A device that is reset: what it had comes back, once, and it goes on as before.

use proptest::prelude::*;

use super::*;

/// Looks at a device from which no frame has come since the last look.
fn check_when_quiet(nic: &mut TestNic) {
    for _ in 0..2 {
        assert_eq!(nic.check(), None);
    }
}

/// Returns the number of frames that the stack can send without the device's taking one.
fn free_of_stack(nic: &mut TestNic) -> usize {
    (0..=STACK_BUFFERS)
        .take_while(|_| {
            let transmit = nic.transmit(Instant::ZERO);
            transmit
                .map(|transmit| transmit.consume(60, |frame| frame.fill(9)))
                .is_some()
        })
        .count()
}

/// Checks that the device has each buffer to receive into, the stack has its own, and frames come and go.
fn assert_as_new(device: &FakeDevice, nic: &mut TestNic) {
    assert_eq!(nic.fault(), None);
    assert_eq!(
        (device.posted(RECEIVE), device.posted(TRANSMIT)),
        (RECEIVE_SIZE, 0)
    );
    assert!(device.is_silent(RECEIVE) && device.is_silent(TRANSMIT));
    let mut places = std::collections::BTreeSet::new();
    for number in 0..2 * RECEIVE_SIZE {
        let frame = (number as u64).to_be_bytes();
        let (token, address, _) = device.take(RECEIVE);
        places.insert((token, address));
        // SAFETY: inside the posted buffer.
        unsafe { write_frame(address, &frame) };
        device.complete(RECEIVE, token, HEADER + frame.len());
        assert_eq!(send_back(nic), Disposition::Sent);
        let mut expected = frame;
        expected.reverse();
        assert_eq!(device.collect(), Some(expected.to_vec()));
    }
    assert_eq!(
        places.len(),
        RECEIVE_SIZE,
        "each buffer is one descriptor's"
    );
    assert_eq!(free_of_stack(nic), STACK_BUFFERS);
    while device.collect().is_some() {}
    assert!(nic.transmit(Instant::ZERO).is_some());
    assert_eq!(nic.fault(), None);
}

/// # Safety
///
/// `address` is of a buffer that the driver has posted.
unsafe fn write_frame(address: u64, frame: &[u8]) {
    for (i, byte) in frame.iter().enumerate() {
        let at = core::ptr::with_exposed_provenance_mut::<u8>(address as usize + HEADER + i);
        // SAFETY: the caller's contract.
        unsafe { at.write_volatile(*byte) };
    }
}

#[test]
fn a_reset_amid_traffic_loses_frames_and_no_buffers() {
    let (device, mut nic) = working();
    // Answers on their way and taken, frames of the stack's, one that it has not read, and some that nobody has.
    for _ in 0..5 {
        device.deliver(&[1; 60]);
        assert_eq!(send_back(&mut nic), Disposition::Sent);
    }
    assert!(device.collect().is_some());
    for _ in 0..3 {
        transmit(&mut nic, &[2; 60]);
    }
    device.deliver(b"to the stack");
    assert_eq!(nic.offer(|_| Action::Pass), Disposition::Passed);
    device.deliver(b"never seen");
    device.complete(RECEIVE, 7777, 60);
    let before = nic.counts();
    assert!(nic.restart());
    assert!(nic.receive(Instant::ZERO).is_none());
    assert_eq!(nic.counts().frames_sent, before.frames_sent);
    assert_eq!(nic.counts().doorbells, before.doorbells + 1);
    assert_as_new(&device, &mut nic);
}

#[test]
fn a_frame_that_the_stack_was_reading_is_not_lent_twice() {
    let (device, mut nic) = working();
    device.deliver(b"question");
    assert_eq!(nic.offer(|_| Action::Pass), Disposition::Passed);
    assert!(nic.receive(Instant::ZERO).is_some());
    assert!(nic.restart());
    assert_as_new(&device, &mut nic);
}

#[test]
fn a_device_that_failed_works_again() {
    for break_it in [
        |device: &FakeDevice| device.complete(RECEIVE, 256, 60),
        |device: &FakeDevice| device.jump(RECEIVE, 1000),
        |device: &FakeDevice| device.complete(RECEIVE, 3, 1 << 20),
        FakeDevice::need_reset,
    ] {
        let (device, mut nic) = working();
        let taken = device.taken_features();
        for round in 0..3 {
            break_it(&device);
            frames(&mut nic);
            check_when_quiet(&mut nic);
            assert!(nic.fault().is_some(), "{round}");
            assert!(nic.restart());
            assert_eq!(device.taken_features(), taken);
            assert_as_new(&device, &mut nic);
        }
    }
}

/// Anything that another device has left in the rings, or whoever scribbled there, means nothing.
#[test]
fn rings_are_written_anew() {
    let (device, mut nic) = working();
    device.scribble(RECEIVE);
    device.scribble(TRANSMIT);
    device.start_polling(RECEIVE);
    device.start_polling(TRANSMIT);
    device.jump(RECEIVE, 77);
    device.jump(TRANSMIT, 77);
    let rings = device.rings(RECEIVE);
    assert!(nic.restart());
    assert_eq!(device.rings(RECEIVE), rings + 1);
    assert_as_new(&device, &mut nic);
}

#[test]
fn a_device_that_does_not_come_back_keeps_its_fault_until_it_does() {
    let (device, mut nic) = working();
    device.deliver(&[1; 60]);
    assert_eq!(send_back(&mut nic), Disposition::Sent);
    device.need_reset();
    check_when_quiet(&mut nic);
    let fault = nic.fault();
    assert_eq!(fault, Some(DeviceFault::Status(0x4f)));
    let changes: [[fn(&FakeDevice); 2]; 3] = [
        [
            |device| device.set_reset_reads(u32::MAX),
            |device| device.set_reset_reads(0),
        ],
        [
            |device| drop(device.clone().offering(Features::VERSION_1.0)),
            |device| drop(device.clone().offering(u64::MAX)),
        ],
        [
            |device| drop(device.clone().with_mac(own())),
            |device| drop(device.clone().with_mac(MAC)),
        ],
    ];
    for [change, change_back] in changes {
        change(&device);
        assert!(!nic.restart());
        assert_eq!(nic.fault(), fault);
        assert_eq!(frames(&mut nic).len(), 0);
        assert!(nic.transmit(Instant::ZERO).is_none());
        change_back(&device);
    }
    assert!(nic.restart());
    assert_as_new(&device, &mut nic);
}

/// Each read of a register leaves the virtual machine.
#[test]
fn the_registers_of_a_device_that_delivers_frames_are_left_alone() {
    let (device, mut nic) = working();
    let reads = device.status_reads();
    for _ in 0..3 {
        device.deliver(&[1; 60]);
        assert_eq!(send_back(&mut nic), Disposition::Sent);
        assert!(device.collect().is_some());
        assert_eq!(nic.check(), None);
    }
    assert_eq!(device.status_reads(), reads);
    assert_eq!(nic.check(), None);
    assert_eq!(device.status_reads(), reads + 1);
    // One that delivers and sends nothing may have stopped in part.
    for _ in 0..TRANSMIT_SIZE {
        device.deliver(&[1; 60]);
        assert_eq!(send_back(&mut nic), Disposition::Sent);
    }
    device.need_reset();
    assert_eq!(nic.check(), None);
    assert!(nic.fault().is_some());
}

#[test]
fn a_link_is_seen_to_go_and_come_back() {
    let (device, mut nic) = working();
    assert_eq!(nic.check(), None);
    for _ in 0..2 {
        device.set_link(false);
        assert_eq!(nic.check(), Some(Link::Down));
        assert_eq!(nic.check(), None);
        let rings = [RECEIVE, TRANSMIT].map(|queue| device.rings(queue));
        device.set_link(true);
        // Frames may be there before the next check.
        device.deliver(&[1; 60]);
        assert_eq!(frames(&mut nic).len(), 1);
        assert_eq!(nic.check(), Some(Link::Up));
        assert_eq!(nic.check(), None);
        let after = [RECEIVE, TRANSMIT].map(|queue| device.rings(queue));
        assert!(
            after[0] > rings[0] && after[1] > rings[1],
            "it is told of what it has"
        );
    }
    assert_eq!(nic.fault(), None);
    let silent = FakeDevice::new().offering(Features::VERSION_1.0);
    let mut nic = set_up(&silent).unwrap();
    silent.set_link(false);
    assert_eq!(nic.check(), None, "it does not say");
}

/// Something that happens to driver or device.
#[derive(Clone, Copy, Debug)]
enum Step {
    Deliver,
    Answer,
    Pass,
    Read,
    Send,
    Collect,
    Nonsense(u32),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => Just(Step::Deliver),
        8 => Just(Step::Answer),
        3 => Just(Step::Pass),
        2 => Just(Step::Read),
        3 => Just(Step::Send),
        5 => Just(Step::Collect),
        1 => (256..400_u32).prop_map(Step::Nonsense),
        1 => Just(Step::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_buffer_is_lost_or_lent_twice_whatever_came_before(
        steps in proptest::collection::vec(step(), 0..600),
    ) {
        let (device, mut nic) = working();
        for step in steps {
            match step {
                Step::Deliver if device.posted(RECEIVE) > 0 => device.deliver(&[1; 60]),
                Step::Answer => {
                    send_back(&mut nic);
                }
                Step::Pass => {
                    nic.offer(|_| Action::Pass);
                }
                Step::Read => drop(nic.receive(Instant::ZERO)),
                Step::Send => if let Some(transmit) = nic.transmit(Instant::ZERO) {
                    transmit.consume(60, |frame| frame.fill(2));
                },
                Step::Collect => drop(device.collect()),
                Step::Nonsense(token) => device.complete(RECEIVE, token, 60),
                Step::Restart => assert!(nic.restart()),
                Step::Deliver => {}
            }
        }
        assert!(nic.restart());
        assert_as_new(&device, &mut nic);
    }
}
