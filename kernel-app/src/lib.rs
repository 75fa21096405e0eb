//! A service on UDP as a unikernel: boot code, network device, network stack and poll loop.
//!
//! - [`arch`]: everything that another architecture would replace;
//! - [`boot`]: the way from the loader to the kernel, as far as it is the same everywhere;
//! - [`ending`]: how a machine that fails ends;
//! - [`args`]: the boot arguments, a crate of its own;
//! - [`clock`]: nanoseconds from a counter's ticks;
//! - [`frame_device`]: the network device as the server uses it;
//! - [`handler`]: the trait that a service implements; timestamps and echo;
//! - [`services`]: which service answers at which port, and whom it may answer;
//! - [`net`]: the service as a host on a network: reflector, stack, addresses;
//! - [`server`]: the poll loop, generic over device and clock;
//! - [`shared_counters`]: the event counters, where the machine monitor reads them;
//! - [`logging`]: the log in memory, and its budget;
//! - [`idle`]: what to do when there is nothing to do;
//! - [`virtio`]: virtio-net on PCI and virtio-mmio;
//! - [`hermit_sockets`]: the parts of the image on Hermit's own sockets that need no Hermit.
//!
//! Those make an image, and are there in images alone:
//!
//! - `image`: from Hermit's `main` to a server that never returns; the macros `serve!` and `image!`;
//! - `platform`: the little of Hermit that images use;
//! - `logger`: what takes the records of `log`;
//! - `panic`: the message of a panic.
//!
//! Nothing else depends on Hermit but `arch`'s entry code. All but [`arch`], and of that what touches no
//! hardware, is built and tested on any host. Unsafe code is confined to [`arch`], [`virtio`],
//! [`boot::channels`], `image`, `platform` and `panic`.
//!
//! A crate elsewhere links this one to be an image with a service of its own: `docs/writing-a-service.md`
//! leads there, and `examples/` has some.
#![cfg_attr(not(test), no_std)]
// An image's library is compiled for size; `optimize` marks its functions that many frames pass through, and what
// a program makes of generic code without being on their way (profile.toml).
#![cfg_attr(target_os = "none", feature(optimize_attribute))]

pub mod arch;
pub mod boot;
pub mod clock;
pub mod ending;
pub mod frame_device;
pub mod handler;
pub mod hermit_sockets;
pub mod idle;
#[cfg(all(target_os = "none", not(feature = "sockets")))]
pub mod image;
#[cfg(target_os = "none")]
pub mod logger;
pub mod logging;
pub mod net;
#[cfg(target_os = "none")]
mod panic;
#[cfg(target_os = "none")]
pub mod platform;
pub mod server;
pub mod services;
pub mod shared_counters;
#[cfg(test)]
mod testing;
pub mod virtio;

pub use boot_args as args;
