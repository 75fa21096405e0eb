//! x86-64: from the loader's jump into the image to Hermit's entry point.
//!
//! The image boots by PVH, or as a Linux kernel does: [`entry`] holds the ELF note, and the assembly that
//! goes to 64-bit long mode with memory identity-mapped. From there [`start`] turns
//! what the loader left behind ([`firmware`], by [`pvh`] or [`linux`]) into what Hermit's kernel expects from
//! its own: a flattened device tree ([`fdt`]) and a `BootInfo`. It also finds out how fast the time stamp
//! counter runs ([`frequency`], `kvm_clock`, [`timer`]), which the kernel can't well, and keeps the texts
//! that configure the service ([`channels`], [`smbios`]).
//!
//! Random bits are to be had from [`random`] at any time.
//!
//! Of all this the device tree, the boot information, those texts and the page tables outlive the jump into the
//! kernel, all of them statics of the image. Three things go on: the console ([`serial`]), how the machine
//! ends ([`ending`], by [`acpi`] among others), and what a panic says (`panic`), all of which the kernel, too, leaves
//! to this module.
//! `version` is for readers of the file.

pub mod acpi;
pub mod channels;
pub mod ending;
#[cfg(target_os = "none")]
mod entry;
pub mod fdt;
pub mod firmware;
pub mod frequency;
#[cfg(target_os = "none")]
mod kvm_clock;
pub mod linux;
#[cfg(target_os = "none")]
mod local_apic;
pub mod memory;
#[cfg(target_os = "none")]
mod panic;
pub mod pvh;
pub mod random;
pub mod serial;
pub mod smbios;
#[cfg(target_os = "none")]
mod start;
pub mod timer;
#[cfg(target_os = "none")]
mod version;

#[cfg(target_os = "none")]
pub use serial::Console;
#[cfg(target_os = "none")]
pub use start::{boot_tsc, entry_tsc, tsc_frequency};
