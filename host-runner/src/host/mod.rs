//! This host: its CPUs, other processes, and other measurements.
//!
//! - [`tree`]: the kernel's files;
//! - [`topology`]: the CPUs that this process may use, and what they share;
//! - [`assignment`]: the choice of two of them for a measurement;
//! - [`interrupts`]: interrupts and softirqs per CPU;
//! - [`process`]: what `/proc` says of a process;
//! - [`lock`]: one measurement at a time.
#![forbid(unsafe_code)]

pub mod assignment;
pub mod interrupts;
pub mod lock;
pub mod process;
pub mod topology;
pub mod tree;
