//! What the unikernel does, without the unikernel.
//!
//! - [`arch`]: from the firmware to the kernel, and all else that another architecture would replace;
//! - [`args`]: the boot arguments, a crate of its own;
//! - [`clock`]: nanoseconds from the time stamp counter;
//! - [`frame_device`]: the network device as the server uses it;
//! - [`services`]: timestamps and echo, and whom they answer;
//! - [`net`]: the service as a host on a network: reflector, stack, addresses;
//! - [`server`]: the poll loop, generic over device and clock;
//! - [`shared_counters`]: the event counters, where the machine monitor reads them;
//! - [`idle`]: what to do when there is nothing to do;
//! - [`virtio`]: virtio-net on PCI and virtio-mmio;
//! - [`hermit_sockets`]: the parts of the image on Hermit's own sockets that need no Hermit.
//!
//! Nothing here depends on Hermit: `main.rs` brings the two together, and `bin/hermit_sockets` likewise. All but the last steps to
//! the hardware (configuration ports, page tables, the time stamp counter) is built and tested on
//! the host as well. Unsafe code is confined to [`arch`], to [`virtio`] and to reading the counter in
//! [`clock`].
#![cfg_attr(not(test), no_std)]

pub mod arch;
pub mod clock;
pub mod frame_device;
pub mod hermit_sockets;
pub mod idle;
pub mod net;
pub mod server;
pub mod services;
pub mod shared_counters;
#[cfg(test)]
mod testing;
pub mod virtio;

pub use boot_args as args;
