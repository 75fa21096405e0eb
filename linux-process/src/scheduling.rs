//! Scheduling policy of threads of this process and of others (sched(7)).
//!
//! Unsafe here: the system call sched_setscheduler(2), which no crate in use has for threads of another process.
#![expect(
    unsafe_code,
    reason = "sched_setscheduler(2) of another process's threads"
)]

use std::io;

use rustix::process::Pid;

/// Above every ordinary thread; below the kernel's own threads, which start at 50. All that go first are equal:
/// none preempts another (`SCHED_FIFO`, sched(7)).
const PRIORITY: libc::c_int = 10;

/// Gives `thread`, or the calling one, real-time priority ([`PRIORITY`], `SCHED_FIFO`).
///
/// # Errors
///
/// Those of sched_setscheduler(2): the privilege is missing (EPERM), or the thread has ended (ESRCH).
pub fn set_fifo_priority(thread: Option<Pid>) -> io::Result<()> {
    let id = thread.map_or(0, |thread| thread.as_raw_nonzero().get());
    set(id, libc::SCHED_FIFO, PRIORITY)
}

/// Gives `thread` the ordinary policy (`SCHED_OTHER`), which takes no privilege. One that has ended is ignored.
pub fn set_normal_priority(thread: Pid) {
    let _ = set(thread.as_raw_nonzero().get(), libc::SCHED_OTHER, 0);
}

/// Gives the calling thread the policy `SCHED_IDLE`: it runs where no other thread wants to, and a thread that wakes up
/// takes its CPU at once. Takes no privilege.
///
/// # Errors
///
/// Those of sched_setscheduler(2): a filter of system calls that refuses it (EPERM).
pub fn set_own_idle_priority() -> io::Result<()> {
    set(0, libc::SCHED_IDLE, 0)
}

fn set(thread: libc::pid_t, policy: libc::c_int, priority: libc::c_int) -> io::Result<()> {
    let parameters = libc::sched_param {
        sched_priority: priority,
    };
    // SAFETY: the pointer is to a valid `sched_param` that outlives the call, which only reads it.
    match unsafe { libc::sched_setscheduler(thread, policy, &raw const parameters) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_can_step_back_behind_all_others() {
        let policy = std::thread::spawn(|| {
            set_own_idle_priority().unwrap();
            // SAFETY: reads the policy of the calling thread.
            unsafe { libc::sched_getscheduler(0) }
        });
        assert_eq!(policy.join().unwrap(), libc::SCHED_IDLE);
    }

    #[test]
    fn a_thread_that_is_not_there_is_an_error() {
        // No Linux has so many threads (PID_MAX_LIMIT is 2^22).
        let nobody = Pid::from_raw(i32::MAX).unwrap();
        let error = set_fifo_priority(Some(nobody)).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ESRCH));
    }
}
