//! Identities of PCI devices, and names of network controllers that machines have and there is no driver for.
//!
//! No unsafe code.
#![forbid(unsafe_code)]

use core::fmt;

/// Identity of a PCI device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PciId {
    /// Vendor.
    pub vendor: u16,
    /// Number among the vendor's devices.
    pub device: u16,
}

impl fmt::Display for PciId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { vendor, device } = self;
        let name = network_controller(*self).unwrap_or("a network controller");
        write!(f, "{name} ({vendor:04x}:{device:04x})")
    }
}

/// Vendor, device, and name: QEMU's where it has them, else the maker's.
const NETWORK_CONTROLLERS: [(u16, u16, &str); 19] = [
    (0x8086, 0x100e, "e1000"),
    (0x8086, 0x100f, "e1000-82545em"),
    (0x8086, 0x10d3, "e1000e"),
    (0x8086, 0x10c9, "igb"),
    (0x8086, 0x1209, "i82559er"),
    (0x8086, 0x1889, "Intel iavf"),
    (0x8086, 0x1452, "Intel IDPF"),
    (0x8086, 0x145c, "Intel IDPF"),
    (0x10ec, 0x8139, "rtl8139"),
    (0x10ec, 0x8029, "ne2k_pci"),
    (0x1022, 0x2000, "pcnet"),
    (0x1011, 0x0009, "tulip"),
    (0x15ad, 0x07b0, "vmxnet3"),
    (0x1d0f, 0x0ec2, "Amazon ENA"),
    (0x1d0f, 0xec20, "Amazon ENA"),
    (0x1d0f, 0xec21, "Amazon ENA"),
    (0x1ae0, 0x0042, "Google gVNIC"),
    (0x1414, 0x00ba, "Microsoft MANA"),
    (0x15b3, 0x101e, "Mellanox mlx5"),
];

/// Returns a controller's name, if it is one of the common ones.
fn network_controller(id: PciId) -> Option<&'static str> {
    NETWORK_CONTROLLERS
        .iter()
        .find(|&&(vendor, device, _)| (vendor, device) == (id.vendor, id.device))
        .map(|&(_, _, name)| name)
}
