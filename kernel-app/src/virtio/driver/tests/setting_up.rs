//! Setting a device up: negotiation, its address, its reset.

use super::*;

#[test]
fn sets_the_device_up_to_be_polled() {
    let (device, nic) = working();
    assert!(device.status().contains(DeviceStatus::DRIVER_OK));
    assert_eq!(nic.mac(), MAC);
    let taken = (1 << 3) | (1 << 5) | (1 << 16) | (1 << 32) | (1 << 33) | (1 << 36);
    assert_eq!(device.taken_features(), taken, "of all that there are");
    assert_eq!(device.posted(RECEIVE), RECEIVE_SIZE);
    assert_eq!(device.posted(TRANSMIT), 0);
    assert!(device.is_silent(RECEIVE) && device.is_silent(TRANSMIT));
    assert_eq!(device.rings(RECEIVE), 1);
}

#[test]
fn says_what_is_wrong_with_a_device() {
    let failure = |device: FakeDevice| {
        let failure = set_up(&device).err();
        assert!(device.status().contains(DeviceStatus::FAILED));
        failure
    };
    let legacy = FakeDevice::new().offering(Features::MAC.0);
    assert_eq!(failure(legacy), Some(SetupError::Legacy(Features::MAC)));
    let small = FakeDevice::new().with_queue_size(128);
    let too_small = SetupError::QueueSize {
        queue: RECEIVE,
        size: 128,
    };
    assert_eq!(failure(small), Some(too_small));
    let broken = FakeDevice::new().unable_to_start();
    assert_eq!(failure(broken), Some(SetupError::NotStarted(0x4f)));
    for mac in [[0; 6], [0xff; 6], [1, 0, 0, 0, 0, 0]].map(Mac::new) {
        let device = FakeDevice::new().with_mac(mac);
        assert_eq!(failure(device), Some(SetupError::Mac(mac)));
    }
}

/// virtio 1.2 §5.1.4.2: a driver that takes the MTU has buffers for it, and sends nothing longer.
#[test]
fn an_mtu_that_there_are_buffers_for_is_obeyed_and_no_other() {
    for (mtu, frame, buffers) in [
        (576, 590, 256),
        (1280, 1294, 256),
        (1500, 1514, 256),
        (1501, 1515, 256),
        (1574, 1588, 256),
        (1575, 1589, 128),
        (9000, 9014, 42),
        (9216, 9230, 42),
    ] {
        let device = FakeDevice::new().with_mtu(mtu);
        let mut nic = set_up(&device).unwrap();
        assert_ne!(device.taken_features() & 1 << 3, 0, "{mtu}");
        assert_eq!(nic.capabilities().max_transmission_unit, frame);
        assert_eq!(device.posted(RECEIVE), buffers);
        let (token, _, room) = device.take(RECEIVE);
        assert_eq!(room, HEADER + frame, "a longer frame has no room");
        device.complete(RECEIVE, token, room);
        assert_eq!(send_back(&mut nic), Disposition::Sent);
        assert_eq!(device.collect().unwrap().len(), frame);
    }
    for mtu in [0, 68, 575, 9217, u16::MAX] {
        let device = FakeDevice::new().with_mtu(mtu);
        let nic = set_up(&device).unwrap();
        assert_eq!(device.taken_features() & 1 << 3, 0, "{mtu}");
        assert_eq!(nic.capabilities().max_transmission_unit, MAX_FRAME);
        assert_eq!(device.take(RECEIVE).2, BUFFER_LEN);
    }
    let silent = FakeDevice::new().offering(Features::VERSION_1.0);
    let nic = set_up(&silent.with_mtu(576)).unwrap();
    assert_eq!(nic.capabilities().max_transmission_unit, MAX_FRAME);
}

/// QEMU insists on it where it is asked for (`iommu_platform=on`), and hardware on another.
#[test]
fn required_features_are_accepted_where_supported() {
    for needed in [1 << 33, 1 << 36] {
        let device = FakeDevice::new().needing(needed);
        assert!(set_up(&device).is_ok(), "{needed:#x}");
    }
    let offered = Features(1 << 15 | 1 << 32 | 1 << 34 | 1 << 41);
    let device = FakeDevice::new().offering(offered.0).needing(1 << 34);
    let failure = set_up(&device).err().unwrap();
    assert_eq!(failure, SetupError::Negotiation(offered));
    assert_eq!(
        failure.to_string(),
        "it refuses to work with VERSION_1 alone; this driver has none of the others that it \
         offers: MRG_RXBUF RING_PACKED 41"
    );
}

#[test]
fn a_device_without_address_has_the_drivers() {
    let device = FakeDevice::new().offering(Features::VERSION_1.0);
    let mut nic = set_up(&device).unwrap();
    assert_eq!(nic.mac(), own());
    assert_eq!(device.taken_features(), Features::VERSION_1.0);
    device.deliver(b"question");
    assert_eq!(send_back(&mut nic), Disposition::Sent);
    assert_eq!(device.collect().as_deref(), Some(&b"noitseuq"[..]));
}

#[test]
fn the_address_is_read_before_the_device_is_chosen() {
    let device = FakeDevice::new();
    let mac = read_mac(&mut device.clone(), own()).unwrap();
    assert_eq!(mac, MAC);
    assert_eq!(device.status(), DeviceStatus::empty(), "and it is left be");
    let anonymous = FakeDevice::new().offering(Features::VERSION_1.0);
    assert_eq!(read_mac(&mut anonymous.clone(), own()), Ok(own()));
    let group = FakeDevice::new().with_mac(Mac::new([1; 6]));
    let failure = read_mac(&mut group.clone(), own());
    assert_eq!(failure, Err(SetupError::Mac(Mac::new([1; 6]))));
    assert_eq!(group.status(), DeviceStatus::empty());
}

#[test]
fn a_reset_is_waited_for_but_not_for_ever() {
    let slow = FakeDevice::new().with_slow_reset(1000);
    let mut nic = set_up(&slow).unwrap();
    slow.deliver(b"question");
    assert_eq!(send_back(&mut nic), Disposition::Sent);
    let stuck = FakeDevice::new().with_slow_reset(u32::MAX);
    assert_eq!(set_up(&stuck).err(), Some(SetupError::Reset(0xf)));
}
