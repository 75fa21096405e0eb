//! Fuzz targets of what the host makes of bytes that others wrote: a guest's rings, a front end's messages, disk
//! images, result files. Each module has one, as a function and the seeds of its corpus.
#![forbid(unsafe_code)]

pub mod disk_images;
pub mod result_files;
pub mod vhost_user_messages;
pub mod vhost_user_rings;

use fuzz_harness::Target;

/// All targets.
pub const TARGETS: [Target; 4] = [
    disk_images::TARGET,
    result_files::TARGET,
    vhost_user_messages::TARGET,
    vhost_user_rings::TARGET,
];
