//! Disk images and packages of the unikernel: made, shown and configured without root, loop devices or
//! other programs.
//!
//! - [`dist`]: the files of a release; [`contents`]: what a file holds; [`edit`]: changed arguments;
//! - [`sources`]: the parts of an image, read from files; [`config_file`]: the arguments as text;
//! - [`kernel`]: the ELF file and the EFI program;
//! - [`Disk`]: a disk in memory; [`layout`]: what is on it, by [`partition`] and [`fat`];
//! - [`qcow2`]: a disk in QEMU's format; [`gce`]: as Google Compute Engine takes it; [`oci`]: as KubeVirt does;
//! - [`identity`]: GUIDs and digests.
//!
//! The same parts make the same bytes: nothing here reads a clock, a random number or the machine. What is
//! read may be anybody's, so each number in it is checked and each loop is bounded.

pub mod config_file;
pub mod contents;
mod disk;
pub mod dist;
pub mod edit;
mod error;
pub mod fat;
pub mod gce;
pub mod identity;
pub mod kernel;
pub mod layout;
pub mod oci;
pub mod partition;
pub mod qcow2;
#[cfg(test)]
mod sample_parts;
pub mod sources;

pub use disk::{BLOCK, Disk, MAX_KEPT_BYTES};
pub use error::ImageError;

/// Version of the images that this program makes.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Path of the EFI program on the EFI system partition: where firmware looks on a disk that it was told
/// nothing of (UEFI 2.10 §3.5.1.1).
pub const BOOT_FILE: &str = "EFI/BOOT/BOOTX64.EFI";

/// Name of the file on the EFI system partition that holds the arguments.
pub const CONFIG_FILE: &str = "FATHOM.CFG";
