//! Requests to the scheduler and the memory manager, as far as they allow them.
#![forbid(unsafe_code)]

use linux_process::scheduling;
use rustix::mm::{MlockAllFlags, mlockall};
use rustix::thread::{CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity};
use wire::Mode;

/// Asks for what helps a service in `mode`, and returns a line for each thing that was refused.
pub fn ask(mode: Mode) -> Vec<String> {
    let mut refused = Vec::new();
    let mut note = |what: &str, outcome: Result<(), String>| {
        if let Err(error) = outcome {
            refused.push(format!("{what}: {error}"));
        }
    };
    note("locking memory", lock_memory());
    match mode {
        Mode::Busy | Mode::AfXdp => note("staying on one CPU", stay()),
        // One that never sleeps must not also go first: the kernel's own threads would wait for
        // ever, and its real-time throttle would stop it for 50 ms in every second.
        Mode::Blocking | Mode::IoUring => note("going first (SCHED_FIFO)", go_first()),
    }
    refused
}

/// No page of ours is taken away, or given late.
fn lock_memory() -> Result<(), String> {
    mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE).map_err(|error| error.to_string())
}

/// Stays on the CPU that it is on.
fn stay() -> Result<(), String> {
    let here = sched_getcpu();
    let allowed = sched_getaffinity(None).map_err(|error| error.to_string())?;
    if allowed.count() == 1 {
        return Ok(());
    }
    let mut cpu = CpuSet::new();
    cpu.set(here);
    sched_setaffinity(None, &cpu).map_err(|error| error.to_string())
}

/// Runs before every ordinary thread as soon as a datagram is there.
fn go_first() -> Result<(), String> {
    scheduling::set_fifo_priority(None).map_err(|error| error.to_string())
}
