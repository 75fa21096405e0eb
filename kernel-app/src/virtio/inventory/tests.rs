//! Choosing among made-up devices, and what is said where there is nothing to choose from.

use std::format;
use std::string::{String, ToString};

use virtio_drivers::transport::pci::bus::HeaderType;

use super::*;
use crate::arch::device_memory::WindowRow;
use crate::virtio::mmio;

const fn at(device: u8) -> DeviceFunction {
    DeviceFunction {
        bus: 0,
        device,
        function: 0,
    }
}

const fn function(vendor_id: u16, device_id: u16, class: u8) -> DeviceFunctionInfo {
    DeviceFunctionInfo {
        vendor_id,
        device_id,
        class,
        subclass: 0,
        prog_if: 0,
        revision: 0,
        header_type: HeaderType::Standard,
    }
}

const BRIDGE: DeviceFunctionInfo = function(0x8086, 0x1237, 6);
const E1000: DeviceFunctionInfo = function(0x8086, 0x100e, 2);
const UNNAMED: DeviceFunctionInfo = function(0x1234, 0x5678, 2);
const TRANSITIONAL: DeviceFunctionInfo = function(0x1af4, 0x1000, 2);
const VIRTIO_NET: DeviceFunctionInfo = function(0x1af4, 0x1041, 2);
const VIRTIO_DISK: DeviceFunctionInfo = function(0x1af4, 0x1042, 1);

fn window(i: u64) -> Window {
    Window::new(0xfeb0_0000 + i * 512, 512).unwrap()
}

fn mac(last: u8) -> Mac {
    Mac::new([0x52, 0x54, 0, 0, 0, last])
}

/// Two devices on PCI, with a foreign one between them, and one with registers of its own.
fn three() -> Inventory {
    let mut inventory = Inventory::default();
    inventory.add_pci(at(0), &BRIDGE);
    inventory.add_pci(at(2), &VIRTIO_DISK);
    inventory.add_pci(at(3), &TRANSITIONAL);
    inventory.add_pci(at(4), &E1000);
    inventory.add_pci(at(5), &VIRTIO_NET);
    let modern = Identity::Network { version: 2 };
    inventory.add_mmio(window(1), Identity::Nothing);
    inventory.add_mmio(window(2), Identity::Other);
    inventory.add_mmio(window(3), modern);
    // The command line may say it twice.
    inventory.add_mmio(window(3), modern);
    inventory
}

/// The number by which the devices of [`three`] are told apart here.
fn number(location: Location) -> u8 {
    match location {
        Location::Pci(Address(at)) => at.device,
        Location::Mmio(_) => 100,
    }
}

/// Reads the address of one of them.
fn address(location: Location) -> Result<Mac, ChoiceError> {
    Ok(mac(number(location)))
}

#[test]
fn takes_the_first_and_looks_at_no_other() {
    let mac = |_| -> Result<Mac, ChoiceError> { panic!("nobody asked for an address") };
    let chosen = three().choose(None, mac).unwrap();
    assert_eq!(number(chosen.location), 3);
    assert_eq!(chosen.position.to_string(), "1/3");
}

#[test]
fn takes_the_one_whose_address_is_wanted() {
    for (wanted, position) in [(3, "1/3"), (5, "2/3"), (100, "3/3")] {
        let chosen = three().choose(Some(mac(wanted)), address).unwrap();
        assert_eq!(number(chosen.location), wanted);
        assert_eq!(chosen.position.to_string(), position);
    }
}

#[test]
fn names_all_addresses_if_none_is_the_wanted_one() {
    let error = three().choose(Some(mac(77)), address).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no network device has the address of nic=52:54:00:00:00:4d: there are 52:54:00:00:00:03, \
         52:54:00:00:00:05, 52:54:00:00:00:64"
    );
}

/// Else a device that nobody wants could keep the service from its own.
#[test]
fn a_device_that_cannot_be_opened_stands_in_nobody_elses_way() {
    let address = |location| match number(location) {
        3 => Err(ChoiceError::NotFound(Others::default())),
        number => Ok(mac(number)),
    };
    let chosen = three().choose(Some(mac(5)), address).unwrap();
    assert_eq!(chosen.position.to_string(), "2/3");
    let error = three().choose(Some(mac(3)), address).unwrap_err();
    assert_eq!(error, ChoiceError::NotFound(Others::default()));
}

#[test]
fn more_devices_than_it_has_room_for_are_counted() {
    let mut inventory = Inventory::default();
    for i in 0..300 {
        inventory.add_mmio(window(i), Identity::Network { version: 2 });
    }
    let chosen = inventory.choose(None, address).unwrap();
    assert_eq!(chosen.position.to_string(), "1/255");
}

/// Returns what is said of a machine without a device to be driven.
fn reason(inventory: Inventory) -> String {
    let error = inventory.choose(None, address).unwrap_err();
    error.to_string()
}

#[test]
fn names_what_is_there_instead() {
    let mut inventory = Inventory::default();
    inventory.add_pci(at(0), &BRIDGE);
    inventory.add_pci(at(2), &VIRTIO_DISK);
    assert!(inventory.is_empty());
    let give = "; give the machine one, such as -device virtio-net-pci";
    assert_eq!(
        reason(inventory.clone()),
        format!("no network device: no virtio-net device on PCI or virtio-mmio{give}")
    );
    inventory.add_pci(at(3), &E1000);
    assert!(!inventory.is_empty());
    assert_eq!(
        reason(inventory.clone()),
        format!("no network device: found e1000 (8086:100e), which it does not drive{give}")
    );
    inventory.add_pci(at(4), &UNNAMED);
    assert_eq!(
        reason(inventory.clone()),
        format!(
            "no network device: found e1000 (8086:100e), a network controller (1234:5678), which it \
             does not drive{give}"
        )
    );
    for device in 5..32 {
        inventory.add_pci(at(device), &E1000);
    }
    assert!(reason(inventory).len() < 300);
}

#[test]
fn the_legacy_interface_is_named_with_its_remedy() {
    let mut inventory = Inventory::default();
    inventory.add_mmio(window(7), Identity::Network { version: 1 });
    assert!(!inventory.is_empty());
    assert_eq!(
        reason(inventory),
        "no network device: found virtio-mmio 0xfeb00e00 of version 1, the legacy one, which it does \
         not drive; give it version 2, such as -global virtio-mmio.force-legacy=false"
    );
}

/// Values that are read where nothing is, 0 or all ones, are no device.
#[test]
fn nothing_is_found_where_nothing_is() {
    let row = WindowRow {
        first: 0xc000_1000,
        size: 0x1000,
        count: 8,
    };
    for filler in [0, u32::MAX] {
        let mut inventory = Inventory::default();
        for window in mmio::windows(&[row]) {
            inventory.add_mmio(window, window.identify(|_| filler));
        }
        assert!(inventory.is_empty(), "{filler:#x}");
    }
}
