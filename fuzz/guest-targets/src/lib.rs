//! Fuzz targets of what the guest makes of bytes that others wrote: messages, frames, boot arguments, and what a
//! loader leaves in memory. Each module has one, as a function and the seeds of its corpus.
#![forbid(unsafe_code)]

pub mod boot_arguments;
pub mod device_tree;
pub mod devices;
pub mod hand_over;
pub mod memory_maps;
pub mod reflector;
pub mod stamp;
pub mod wire_formats;

use fuzz_harness::Target;

/// All targets.
pub const TARGETS: [Target; 7] = [
    boot_arguments::TARGET,
    device_tree::TARGET,
    hand_over::TARGET,
    memory_maps::TARGET,
    reflector::TARGET,
    stamp::TARGET,
    wire_formats::TARGET,
];
