//! Requests of a Linux process to the kernel about its threads, the same for `fathom` and the service on Linux.
//!
//! - [`scheduling`]: scheduling policies (sched(7)).
//!
//! Unsafe only in `scheduling`.
#![deny(unsafe_code)]

pub mod scheduling;
