//! This host: its CPUs, other processes, and other measurements.
//!
//! - [`tree`]: the kernel's files;
//! - [`topology`]: the CPUs that this process may use, and what they share;
//! - [`assignment`]: the choice of two of them for a measurement;
//! - [`interrupts`]: interrupts and softirqs per CPU;
//! - [`activity`]: what the host does on the CPUs in use, with [`frequency`], their speed;
//! - [`fingerprint`]: what else decides latencies on this host, with [`cpuinfo`];
//! - [`cgroup`]: the control groups of this process;
//! - [`rights`]: what this process may do;
//! - [`memory`]: locking memory;
//! - [`thread`]: how long a thread ran and waited;
//! - [`process`]: what `/proc` says of a process;
//! - [`lock`]: one measurement at a time.
#![forbid(unsafe_code)]

pub mod activity;
pub mod assignment;
pub mod cgroup;
pub mod cpuinfo;
pub mod fingerprint;
pub mod frequency;
pub mod interrupts;
pub mod lock;
pub mod memory;
pub mod process;
pub mod rights;
pub mod thread;
pub mod topology;
pub mod tree;
