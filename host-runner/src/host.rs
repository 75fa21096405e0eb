//! The host: its CPUs, other processes and other measurements, what they do to a measurement, and what can
//! be done about it. Nothing here knows of machines, links or results.
//!
//! - [`tree`]: the kernel's files;
//! - [`topology`]: the CPUs that this process may use, and what they share;
//! - [`assignment`]: the choice of two of them for a measurement;
//! - [`interrupts`]: interrupts and softirqs per CPU;
//! - [`activity`]: what the host does on the CPUs in use, with [`frequency`], their speed;
//! - [`fingerprint`]: what else decides latencies on this host, with [`cpuinfo`];
//! - [`cgroup`]: the control groups of this process;
//! - [`rights`]: what this process may do;
//! - [`signals`]: signals that end this program;
//! - [`memory_lock`]: locking memory;
//! - [`thread`]: how long a thread ran and waited;
//! - [`process`]: what `/proc` says of a process;
//! - [`lock`]: one measurement at a time;
//! - [`placement`]: the CPUs and priorities of a measurement's threads, which `linux-process` sets;
//! - [`cpu_latency`]: a request that idle CPUs stay awake;
//! - [`gaps`]: scheduling gaps of a thread that spins or polls; [`kernel_counters`]: the kernel's counts of CPUs and
//!   threads; [`noise`]: both, around a run;
//! - [`quiet`]: waiting for a quiet host;
//! - [`core_round_trip`]: the round trip of one cache line between two cores;
//! - [`emulators`]: QEMU and KVM, as far as they are there; [`qemu_user`]: the user that QEMU runs as;
//! - [`process_rights`]: the rights of a process, as the kernel tells them;
//! - [`doctor`]: an examination of all this, with advice.
#![forbid(unsafe_code)]

pub mod activity;
pub mod assignment;
pub mod cgroup;
pub mod core_round_trip;
pub mod cpu_latency;
pub mod cpuinfo;
pub mod doctor;
pub mod emulators;
pub mod fingerprint;
pub mod frequency;
pub mod gaps;
pub mod interrupts;
pub mod kernel_counters;
pub mod lock;
pub mod memory_lock;
pub mod noise;
pub mod placement;
pub mod process;
pub mod process_rights;
pub mod qemu_user;
pub mod quiet;
pub mod rights;
pub mod signals;
pub mod thread;
pub mod topology;
pub mod tree;
