//! Finding the device and its registers in made-up configuration spaces.

use core::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::vec::Vec;

use virtio_drivers::transport::DeviceType;
use virtio_drivers::transport::pci::virtio_device_type;

use super::*;

/// Configuration space in memory: words by device and register, and sizes of BARs.
#[derive(Clone, Debug, Default)]
struct FakeSpace(Rc<RefCell<State>>);

#[derive(Debug)]
struct State {
    /// Value that is read where nothing is.
    filler: u32,
    reads: usize,
    words: BTreeMap<(u8, u8, u8, u8), u32>,
    /// Of BARs, the bits that cannot be written: those below the BAR's size.
    fixed_bits: BTreeMap<(u8, u8, u8, u8), u32>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            filler: u32::MAX,
            reads: 0,
            words: BTreeMap::new(),
            fixed_bits: BTreeMap::new(),
        }
    }
}

impl FakeSpace {
    fn set(&self, at: DeviceFunction, register: u8, word: u32) {
        let key = (at.bus, at.device, at.function, register);
        self.0.borrow_mut().words.insert(key, word);
    }
}

impl ConfigurationAccess for FakeSpace {
    fn read_word(&self, at: DeviceFunction, register: u8) -> u32 {
        self.0.borrow_mut().reads += 1;
        let state = self.0.borrow();
        let word = |register| {
            let key = (at.bus, at.device, at.function, register);
            state.words.get(&key).copied()
        };
        match word(0) {
            None => state.filler,
            Some(_) => word(register).unwrap_or(0),
        }
    }

    /// A register that nobody has set reads as 0 and stays so, like a BAR that is not there.
    fn write_word(&mut self, at: DeviceFunction, register: u8, word: u32) {
        let key = (at.bus, at.device, at.function, register);
        if !self.0.borrow().words.contains_key(&key) {
            return;
        }
        let fixed = self.0.borrow().fixed_bits.get(&key).copied();
        let before = self.read_word(at, register);
        let fixed = fixed.unwrap_or(0);
        self.set(at, register, (word & !fixed) | (before & fixed));
    }

    unsafe fn unsafe_clone(&self) -> Self {
        self.clone()
    }
}

const fn at(bus: u8, device: u8) -> DeviceFunction {
    DeviceFunction {
        bus,
        device,
        function: 0,
    }
}

const VIRTIO_NET: u32 = 0x1041_1af4;
const VIRTIO_NET_TRANSITIONAL: u32 = 0x1000_1af4;
const VIRTIO_BLOCK: u32 = 0x1042_1af4;
const BRIDGE: u32 = 0x0001_1b36;
const COMMON: usize = 0;
const NOTIFY: usize = 1;

fn add_bridge(space: &FakeSpace, at: DeviceFunction, secondary: u8) {
    space.set(at, 0, BRIDGE);
    space.set(at, 0x0c, 0x0001_0000);
    space.set(
        at,
        BRIDGE_BUSES,
        u32::from_le_bytes([at.bus, secondary, 255, 0]),
    );
}

/// A virtio-net device as QEMU makes it: four capabilities in a 64-bit BAR 4 of 16 KiB at `base`.
fn add_nic(space: &FakeSpace, at: DeviceFunction, base: u64) {
    space.set(at, 0, VIRTIO_NET);
    space.set(at, 0x04, 0x0010_0000); // capabilities list
    space.set(at, 0x34, 0x40);
    space.set(at, 0x20, base as u32 | 0xc);
    space.set(at, 0x24, (base >> 32) as u32);
    let bar = (at.bus, at.device, at.function, 0x20);
    space.0.borrow_mut().fixed_bits.insert(bar, 0x3fff);
    let types = [
        VIRTIO_PCI_CAP_COMMON_CFG,
        VIRTIO_PCI_CAP_NOTIFY_CFG,
        VIRTIO_PCI_CAP_ISR_CFG,
        VIRTIO_PCI_CAP_DEVICE_CFG,
    ];
    for (i, cfg_type) in types.into_iter().enumerate() {
        let start = capability_at(i);
        let next = if i == 3 { 0 } else { capability_at(i + 1) };
        space.set(at, start, u32::from_le_bytes([9, next, 20, cfg_type]));
        space.set(at, start + CAP_BAR, 4);
        space.set(at, start + CAP_OFFSET, 0x1000 * i as u32);
        space.set(at, start + CAP_LENGTH, 0x1000);
    }
    space.set(at, capability_at(NOTIFY) + CAP_NOTIFY_OFF_MULTIPLIER, 4);
}

const fn capability_at(index: usize) -> u8 {
    0x40 + 20 * index as u8
}

/// The places of the network devices that there is a driver for, in order.
fn network_devices(space: &FakeSpace) -> Vec<DeviceFunction> {
    let mut found = Vec::new();
    scan(&PciConfig::new(space.clone()), |at, info| {
        if virtio_device_type(info) == Some(DeviceType::Network) {
            found.push(at);
        }
    });
    found
}

#[test]
fn finds_network_devices_in_order() {
    let space = FakeSpace::default();
    assert_eq!(network_devices(&space), []);
    space.set(at(0, 0), 0, 0x1237_8086);
    space.set(at(0, 3), 0, VIRTIO_BLOCK);
    assert_eq!(network_devices(&space), []);
    space.set(at(0, 7), 0, VIRTIO_NET);
    space.set(at(0, 5), 0, VIRTIO_NET_TRANSITIONAL);
    assert_eq!(network_devices(&space), [at(0, 5), at(0, 7)]);
}

#[test]
fn looks_at_further_functions_of_a_device_that_has_some() {
    let space = FakeSpace::default();
    let function = |device, function| DeviceFunction {
        function,
        ..at(0, device)
    };
    // A device of one function, such as QEMU's, that answers for all eight.
    space.set(at(0, 3), 0, VIRTIO_NET);
    space.set(function(3, 1), 0, VIRTIO_NET);
    // One of several, the second of which is not there.
    space.set(at(0, 4), 0, VIRTIO_BLOCK);
    space.set(at(0, 4), HEADER_TYPE, 0x0080_0000);
    space.set(function(4, 2), 0, VIRTIO_NET);
    // One that cannot be, without the first.
    space.set(function(5, 2), 0, VIRTIO_NET);
    assert_eq!(network_devices(&space), [at(0, 3), function(4, 2)]);
}

#[test]
fn looks_behind_bridges_and_is_not_led_in_circles() {
    let space = FakeSpace::default();
    add_bridge(&space, at(0, 1), 2);
    add_bridge(&space, at(2, 0), 9);
    add_bridge(&space, at(9, 0), 2);
    add_bridge(&space, at(9, 1), 0);
    assert_eq!(network_devices(&space), []);
    space.set(at(5, 0), 0, VIRTIO_NET);
    assert_eq!(network_devices(&space), [], "no bridge leads to bus 5");
    space.set(at(9, 4), 0, VIRTIO_NET);
    assert_eq!(network_devices(&space), [at(9, 4)]);
}

/// Ports that lead nowhere read as all ones, or as 0.
#[test]
fn finds_nothing_where_no_bus_is() {
    for filler in [0, u32::MAX] {
        let space = FakeSpace::default();
        space.0.borrow_mut().filler = filler;
        scan(&PciConfig::new(space.clone()), |at, _| {
            panic!("{filler:#x}: {at}");
        });
        let reads = space.0.borrow().reads;
        assert_eq!(reads, 32, "one for each device");
    }
}

#[test]
fn locates_registers_low_and_high() {
    for base in [0xfebd_4000, 0x3800_0000_4000] {
        let space = FakeSpace::default();
        add_nic(&space, at(0, 3), base);
        let mut config = PciConfig::new(space);
        let registers = Registers::locate(&mut config, at(0, 3)).unwrap();
        assert_eq!(registers.common, base..base + 0x1000);
        assert_eq!(registers.notify, base + 0x1000..base + 0x2000);
        assert_eq!(registers.isr, base + 0x2000..base + 0x3000);
        assert_eq!(registers.device, base + 0x3000..base + 0x4000);
        assert_eq!(registers.doorbell(0), Some(base + 0x1000));
        assert_eq!(registers.doorbell(3), Some(base + 0x100c));
        assert_eq!(registers.doorbell(0x3ff), Some(base + 0x1ffc));
        assert_eq!(registers.doorbell(0x400), None);
        assert_eq!(registers.doorbell(u16::MAX), None);
    }
}

/// QEMU's microvm leaves all BARs without addresses.
#[test]
fn gives_addresses_where_the_firmware_has_not() {
    let space = FakeSpace::default();
    for device in [3, 4] {
        add_nic(&space, at(0, device), 0);
        // Before it one of 4 KiB and 32 bits, as for MSI-X, and one of ports.
        for (register, word, fixed_bits) in [(0x10, 1, 0x1f), (0x14, 0, 0xfff)] {
            space.set(at(0, device), register, word);
            let bar = (0, device, 0, register);
            space.0.borrow_mut().fixed_bits.insert(bar, fixed_bits);
        }
    }
    let mut config = PciConfig::new(space.clone());
    let mut free = 0xc000_0000..0xc000_c000;
    assign(&mut config, at(0, 3), &mut free).unwrap();
    assert_eq!(space.read_word(at(0, 3), 0x10), 1, "ports stay as they are");
    assert_eq!(space.read_word(at(0, 3), 0x14), 0xc000_0000);
    let registers = Registers::locate(&mut config, at(0, 3)).unwrap();
    assert_eq!(registers.common, 0xc000_4000..0xc000_5000);
    assert_eq!(free.start, 0xc000_8000);
    // What has an address keeps it.
    assign(&mut config, at(0, 3), &mut free).unwrap();
    assert_eq!(Registers::locate(&mut config, at(0, 3)), Ok(registers));
    assert_eq!(
        assign(&mut config, at(0, 4), &mut free),
        Err(RegisterProblem::BarUnassigned(4)),
        "the window has no 16 KiB left"
    );
    // Far above.
    let mut free = 1 << 40..1 << 41;
    assign(&mut config, at(0, 4), &mut free).unwrap();
    let registers = Registers::locate(&mut config, at(0, 4)).unwrap();
    assert_eq!(registers.common, 1 << 40..(1 << 40) + 0x1000);
}

#[test]
fn enables_memory_and_bus_mastering() {
    let space = FakeSpace::default();
    add_nic(&space, at(0, 3), 0xfebd_4000);
    let mut config = PciConfig::new(space.clone());
    enable(&mut config, at(0, 3));
    assert_eq!(space.read_word(at(0, 3), 4) & 0x406, 0x406);
}

#[test]
fn says_what_is_wrong_with_the_registers() {
    let locate = |spoil: &dyn Fn(&FakeSpace)| {
        let space = FakeSpace::default();
        add_nic(&space, at(0, 3), 0xfebd_4000);
        spoil(&space);
        Registers::locate(&mut PciConfig::new(space), at(0, 3)).unwrap_err()
    };
    let common = |field: u8, word: u32| {
        locate(&|space| space.set(at(0, 3), capability_at(COMMON) + field, word))
    };
    assert_eq!(common(CAP_OFFSET, 0x3001), RegisterProblem::OutOfBar(4));
    assert_eq!(common(CAP_OFFSET, u32::MAX), RegisterProblem::OutOfBar(4));
    assert_eq!(common(CAP_LENGTH, u32::MAX), RegisterProblem::OutOfBar(4));
    assert_eq!(common(CAP_BAR, 6), RegisterProblem::OutOfBar(6));
    assert_eq!(common(CAP_BAR, 1), RegisterProblem::OutOfBar(1));
    assert_eq!(
        locate(&|space| space.set(at(0, 3), 0x20, 0xc)),
        RegisterProblem::BarUnassigned(4)
    );
    assert_eq!(
        locate(&|space| space.set(at(0, 3), 0x04, 0)),
        RegisterProblem::MissingCapability(VIRTIO_PCI_CAP_NOTIFY_CFG),
        "a legacy device has no list"
    );
    for last in 0..4 {
        let ring = u32::from_le_bytes([9, capability_at(COMMON), 20, last as u8 + 1]);
        assert_eq!(
            locate(&|space| space.set(at(0, 3), capability_at(last), ring)),
            RegisterProblem::EndlessCapabilities
        );
    }
}
