//! x86-64: from the loader's jump into the image to Hermit's entry point, and what the service needs of the
//! machine afterwards.
//!
//! The image boots by PVH, or as a Linux kernel does. The layers, from the top, each of which knows those below it:
//!
//! - `entry`: the ELF note, and the assembly that goes to 64-bit long mode with memory identity-mapped; `version`
//!   is for readers of the file;
//! - `start`: turns what the loader left behind (by [`pvh`] or [`linux`]) into what Hermit's kernel expects from
//!   its own, a flattened device tree and a `BootInfo`, and keeps the texts that configure the service. It also
//!   finds out how fast the time stamp counter runs ([`frequency`], `kvm_clock`), which the kernel can't well;
//! - `pit` and `local_apic`, which [`timer`] measures that by; `power`; `config_space` by `config_ports` or `ecam`;
//! - `stamps`, `console` (on [`serial`]), `register_mapper`, `identity` (memory through the boot's page tables),
//!   [`random`];
//! - [`counter`]: the time stamp counter; `page_tables`; [`virtio_mmio`].
//!
//! Of the boot the device tree, the boot information, those texts and the page tables outlive the jump into the
//! kernel, all of them statics of the image. Two things the kernel, too, leaves to this module: the console, and how
//! the machine ends.

pub mod counter;
pub mod frequency;
pub mod linux;
pub mod pvh;
pub mod random;
pub mod serial;
pub mod timer;
pub mod virtio_mmio;

#[cfg(target_os = "none")]
mod config_ports;
#[cfg(target_os = "none")]
pub mod config_space;
#[cfg(target_os = "none")]
pub mod console;
#[cfg(target_os = "none")]
mod ecam;
#[cfg(target_os = "none")]
mod entry;
#[cfg(target_os = "none")]
mod identity;
#[cfg(target_os = "none")]
mod kvm_clock;
#[cfg(target_os = "none")]
mod local_apic;
#[cfg(target_os = "none")]
mod page_tables;
#[cfg(target_os = "none")]
mod pit;
#[cfg(target_os = "none")]
pub mod power;
#[cfg(target_os = "none")]
pub mod register_mapper;
#[cfg(target_os = "none")]
pub mod stamps;
#[cfg(target_os = "none")]
mod start;
#[cfg(target_os = "none")]
mod version;
