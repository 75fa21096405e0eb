//! What a Linux process asks of the kernel for its threads, of which `fathom` and the service on Linux ask the same.
//!
//! - [`scheduling`]: scheduling policies (sched(7)).
//!
//! Unsafe only in `scheduling`.
#![deny(unsafe_code)]

pub mod scheduling;
