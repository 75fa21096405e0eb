//! Addresses at which machine monitors for x86-64 put virtio-mmio devices. No unsafe code.
#![forbid(unsafe_code)]

use crate::arch::device_memory::WindowRow;

/// Windows of virtio-mmio devices, in the order in which they are searched.
pub const VIRTIO_MMIO: [WindowRow; 3] = [
    // QEMU's microvm: 24 with ACPI, else 8 (hw/i386/microvm.c).
    WindowRow {
        first: 0xfeb0_0000,
        size: 0x200,
        count: 24,
    },
    // Firecracker (layout.rs), the second before 1.12; in the order in which they were added.
    WindowRow {
        first: 0xc000_1000,
        size: 0x1000,
        count: 8,
    },
    WindowRow {
        first: 0xd000_0000,
        size: 0x1000,
        count: 8,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_windows_are_those_of_the_machine_monitors() {
        let windows: Vec<(u64, u64)> = VIRTIO_MMIO
            .iter()
            .flat_map(|row| (0..row.count).map(|i| (row.first + i * row.size, row.size)))
            .collect();
        for (address, size) in [
            (0xfeb0_0000, 512),
            (0xfeb0_0e00, 512),
            (0xfeb0_2e00, 512),
            (0xc000_1000, 4096),
            (0xd000_0000, 4096),
        ] {
            assert!(windows.contains(&(address, size)), "{address:#x}");
        }
    }
}
