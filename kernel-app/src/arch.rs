//! Everything that another processor architecture would replace, under names that are the same for each.
//!
//! An architecture is a folder, so far `x86_64`, and the rest of the crate knows of it what is named here. Its
//! folder provides, on bare metal:
//!
//! | name | what it is |
//! |---|---|
//! | (the image's entry) | what a loader jumps to; maps memory to itself, zeroes `.bss`, reads the hand-over into a [`Firmware`](crate::boot::firmware::Firmware), and calls the kernel's `_start` |
//! | `link.ld` | the linker script, which `build.rs` takes from the folder |
//! | `Console` | a [`core::fmt::Write`] that waits without bound for nothing, and the kernel's `console_write` |
//! | `CounterClock` | a [`Clock`](crate::clock::Clock) on a counter of constant frequency: `new`, `ticks`, `at_ns` |
//! | `entry_ticks`, `boot_ticks`, `counter_frequency` | that counter at the steps of the boot, and its [`Frequency`](frequency::Frequency) |
//! | `power_off`, `has_power_button`, `is_power_button_pressed`, `end_machine` | how the machine ends; the last is the kernel's as well |
//! | `random_bits` | bits that differ from machine to machine |
//! | `RegisterMapper` | makes device registers accessible at their physical addresses |
//! | `ConfigSpace` | PCI configuration space: a [`ConfigurationAccess`](virtio_drivers::transport::pci::bus::ConfigurationAccess), with the addresses that are to be given to devices |
//! | `VIRTIO_MMIO` | where virtio-mmio devices are that nobody names |
//!
//! Its parts that touch no hardware are built and tested on hosts of the same architecture.

pub mod device_memory;
#[cfg(target_arch = "x86_64")]
pub mod x86_64;

#[cfg(all(target_arch = "x86_64", target_os = "none"))]
pub use self::x86_64::{
    config_space::ConfigSpace,
    console::Console,
    power::{end_machine, has_power_button, is_power_button_pressed, power_off},
    register_mapper::RegisterMapper,
    stamps::{boot_ticks, counter_frequency, entry_ticks},
    virtio_mmio::VIRTIO_MMIO,
};
#[cfg(target_arch = "x86_64")]
pub use self::x86_64::{counter::CounterClock, frequency, random::random_bits};
