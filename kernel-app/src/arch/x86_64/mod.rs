//! x86-64: from the firmware's jump into the image to Hermit's entry point.
//!
//! The image boots by PVH: [`entry`] holds the ELF note, and the assembly that goes from 32-bit
//! protected mode to 64-bit long mode with low memory identity-mapped. From there [`start`] turns
//! what the firmware left behind ([`pvh`]) into what Hermit's kernel expects from its loader: a
//! flattened device tree ([`fdt`]) and a `BootInfo`. It also finds out how fast the time stamp counter
//! runs ([`frequency`], `kvm_clock`, [`timer`]), which the kernel can't well.
//!
//! Nothing here outlives the jump into the kernel but the device tree, the boot information and
//! the page tables, all of them statics of the image.

#[cfg(target_os = "none")]
mod entry;
pub mod fdt;
pub mod frequency;
#[cfg(target_os = "none")]
mod kvm_clock;
pub mod pvh;
#[cfg(target_os = "none")]
mod start;
pub mod timer;

#[cfg(target_os = "none")]
pub use start::{entry_tsc, tsc_frequency};
