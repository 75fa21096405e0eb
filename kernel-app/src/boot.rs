//! The way from the loader to the kernel, as far as it is the same on every architecture: tables that a loader
//! and its firmware leave in memory, and what Hermit's kernel is handed.
//!
//! - [`memory`]: physical memory, each access checked;
//! - [`firmware`]: the hand-over, whichever protocol it came by;
//! - [`acpi`]: how the machine is switched off, and its power button;
//! - [`smbios`], [`channels`]: the texts that configure the service;
//! - [`fdt`]: the device tree that the kernel is handed;
//! - [`hermit_network`]: the network that it is told, in the image on its own sockets.
//!
//! Everything is read through [`memory::Memory`]. The readers of the protocols and the entry code are in
//! [`arch`](crate::arch).

pub mod acpi;
pub mod channels;
pub mod fdt;
pub mod firmware;
pub mod hermit_network;
pub mod memory;
pub mod smbios;
