//! The unikernel's virtqueue with loom's atomics (`cfg(loom)`), and models of a device beside it.
//!
//! Loom runs a model under every order of the two sides' steps, and lets each load return every value that the memory
//! model allows. It has no model of QEMU's TCG, which keeps less than that under `-icount`.

pub use kernel_app::frame_device;

// Formatted with the unikernel, whose module of tests is not here.
#[rustfmt::skip]
#[path = "../../src/virtio/ring.rs"]
pub mod ring;
