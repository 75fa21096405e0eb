//! The QEMU process and the one thread that lives exactly as long as it does.
//!
//! The thread starts QEMU (so that QEMU dies with it, see [`super::child`]), reads its console and
//! its standard error, writes the console log, and reaps it. Everybody else looks at [`Process`],
//! which shares what has been seen.
#![forbid(unsafe_code)]

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};

use super::console::{Console, Lines, Tail};
use crate::clock;
use crate::files::BoundedLog;
use crate::host::rights::{self, CapabilityUse};

/// Time for which the console must be quiet after a panic until the message is taken to be complete.
const PANIC_SETTLE: Duration = Duration::from_millis(100);

/// State of QEMU and its guest, as seen so far.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Output of the guest.
    pub console: Console,
    /// Time at which the ready line came, in nanoseconds of [`crate::clock`].
    pub ready_at_ns: u64,
    /// The panic's message will not grow any more.
    pub panic_settled: bool,
    /// The last lines that QEMU itself printed.
    pub stderr: Tail,
    /// Exit status of QEMU. Set at the moment at which the process is reaped.
    pub exit: Option<ExitStatus>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Something in `seen` ends the run.
    trouble: AtomicBool,
    seen: Mutex<Seen>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Seen> {
        // Nothing that holds the lock leaves it half changed.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update(&self, change: impl FnOnce(&mut Seen)) {
        let mut seen = self.lock();
        change(&mut seen);
        seen.panic_settled |= seen.console.panic_is_complete();
        if seen.console.ready().is_some() && seen.ready_at_ns == 0 {
            seen.ready_at_ns = clock::now_ns();
        }
        if seen.exit.is_some() || seen.console.fatal().is_some() || seen.panic_settled {
            self.trouble.store(true, Ordering::Relaxed);
        }
        self.changed.notify_all();
    }
}

/// A QEMU that was started. Dropped, it is killed and reaped.
#[derive(Debug)]
pub(crate) struct Process {
    pid: Pid,
    started_at_ns: u64,
    shared: Arc<Shared>,
}

impl Process {
    /// Starts `command` in a process group of its own, so that a Ctrl-C at the terminal is ours
    /// alone, and copies its standard output, the guest's console, to `log`, up to a limit.
    pub fn start(mut command: Command, log: File) -> io::Result<Self> {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let shared = Arc::new(Shared::default());
        let (started, outcome) = mpsc::channel();
        let theirs = Arc::clone(&shared);
        thread::Builder::new()
            .name("qemu".to_owned())
            .spawn(move || {
                let started_at_ns = clock::now_ns();
                let spawned = command.spawn();
                // Closes this process's copies of the descriptors that QEMU inherited.
                drop(command);
                rights::keep_in_this_thread(CapabilityUse::Supervising);
                match spawned {
                    Ok(child) => {
                        let pid = Pid::from_child(&child);
                        // If nobody waits for the answer any more, Process is gone: see it through.
                        let _ = started.send(Ok((pid, started_at_ns)));
                        supervise(child, log, &theirs);
                    }
                    Err(error) => {
                        let _ = started.send(Err(error));
                    }
                }
            })?;
        let (pid, started_at_ns) = outcome.recv().map_err(io::Error::other)??;
        Ok(Self {
            pid,
            started_at_ns,
            shared,
        })
    }

    /// QEMU's process.
    pub const fn pid(&self) -> Pid {
        self.pid
    }

    /// Returns the time of QEMU's start, in nanoseconds of [`crate::clock`].
    pub const fn started_at_ns(&self) -> u64 {
        self.started_at_ns
    }

    /// Returns its resident memory, shared memory included, in bytes; `None` if it is gone.
    pub fn resident_bytes(&self) -> Option<u64> {
        resident_bytes(&self.status()?)
    }

    /// Returns its status (proc_pid_status(5)); `None` if it is gone.
    pub fn status(&self) -> Option<String> {
        // Under the lock the process can't be reaped, so the number can't be another's by now.
        let seen = self.shared.lock();
        match seen.exit {
            None => fs::read_to_string(format!("/proc/{}/status", self.pid.as_raw_pid())).ok(),
            Some(_) => None,
        }
    }

    /// Returns whether anything was seen that ends the run: one relaxed load.
    pub fn in_trouble(&self) -> bool {
        self.shared.trouble.load(Ordering::Relaxed)
    }

    /// Looks at what was seen so far.
    pub fn seen<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(&self.shared.lock())
    }

    /// Waits until `done` says so of what was seen, or for `timeout`: whether it did say so.
    pub fn wait_until(&self, timeout: Duration, done: impl Fn(&Seen) -> bool) -> bool {
        let deadline = Instant::now() + timeout;
        let mut seen = self.shared.lock();
        loop {
            if done(&seen) {
                return true;
            }
            let Some(left) = deadline.checked_duration_since(Instant::now()) else {
                return false;
            };
            seen = self
                .shared
                .changed
                .wait_timeout(seen, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Waits for QEMU's end: whether it came within `timeout`.
    pub fn wait_for_exit(&self, timeout: Duration) -> bool {
        self.wait_until(timeout, |seen| seen.exit.is_some())
    }

    /// Sends `signal` to QEMU and whatever it started, unless it is gone already.
    pub fn signal(&self, signal: Signal) {
        // Under the lock the process can't be reaped, so the number can't be another's by now.
        let seen = self.shared.lock();
        if seen.exit.is_none() {
            // It may be a zombie already; then there is nothing to end.
            let _ = rustix::process::kill_process_group(self.pid, signal);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        // A process that the kernel can't get rid of is left to its thread.
        self.wait_for_exit(Duration::from_secs(5));
    }
}

/// Returns the resident memory in a process's status (proc(5), `VmRSS`), in bytes.
fn resident_bytes(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    kib.checked_mul(1024)
}

/// Reads until QEMU closes its outputs, then reaps it.
fn supervise(mut child: Child, log: File, shared: &Shared) {
    let mut log = BoundedLog::new(log);
    if let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) {
        // Without its console nothing more can be known of it: end it rather than wait for ever.
        if read_all(stdout, stderr, &mut log, shared).is_err() {
            let _ = child.kill();
        }
    }
    let pid = Pid::from_child(&child);
    // Waits without reaping, so that the reaping can be done under the lock.
    let waiting = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    while let Err(rustix::io::Errno::INTR) = rustix::process::waitid(WaitId::Pid(pid), waiting) {}
    shared.update(|seen| {
        seen.panic_settled = seen.console.panic().is_some();
        // Waiting for one's own child, not yet reaped, does not fail.
        seen.exit = child.wait().ok();
    });
}

fn read_all(
    stdout: impl Read + AsFd,
    stderr: impl Read + AsFd,
    log: &mut BoundedLog,
    shared: &Shared,
) -> io::Result<()> {
    let (mut console, mut errors) = (Stream::new(stdout), Stream::new(stderr));
    let mut buffer = [0; 4096];
    while console.pipe.is_some() || errors.pipe.is_some() {
        let (console_waits, errors_wait) =
            wait(console.pipe.as_ref(), errors.pipe.as_ref(), shared)?;
        if console_waits {
            let bytes = console.read(&mut buffer)?;
            // A full disk must not end the measurement: the log is for people.
            let _ = log.append(bytes);
            shared.update(|seen| console.lines.feed(bytes, |line| seen.console.line(line)));
        }
        if errors_wait {
            let bytes = errors.read(&mut buffer)?;
            shared.update(|seen| errors.lines.feed(bytes, |line| seen.stderr.push(line)));
        }
    }
    Ok(())
}

/// A pipe until its end, and the line that is being read from it.
struct Stream<P> {
    pipe: Option<P>,
    lines: Lines,
}

impl<P: Read> Stream<P> {
    fn new(pipe: P) -> Self {
        Self {
            pipe: Some(pipe),
            lines: Lines::default(),
        }
    }

    /// The next bytes; none at the end, which lets go of the pipe.
    fn read<'b>(&mut self, buffer: &'b mut [u8]) -> io::Result<&'b [u8]> {
        let len = match &mut self.pipe {
            None => 0,
            Some(pipe) => loop {
                match pipe.read(buffer) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    outcome => break outcome?,
                }
            },
        };
        if len == 0 {
            self.pipe = None;
        }
        Ok(&buffer[..len])
    }
}

/// Waits for either pipe: whether the first and whether the second has something. A panic whose
/// console has gone quiet is settled on the way.
fn wait(
    stdout: Option<&impl AsFd>,
    stderr: Option<&impl AsFd>,
    shared: &Shared,
) -> io::Result<(bool, bool)> {
    let mut fds = Vec::with_capacity(2);
    fds.extend(stdout.map(|pipe| PollFd::new(pipe, PollFlags::IN)));
    fds.extend(stderr.map(|pipe| PollFd::new(pipe, PollFlags::IN)));
    loop {
        let unsettled = {
            let seen = shared.lock();
            seen.console.panic().is_some() && !seen.panic_settled
        };
        let timeout = PANIC_SETTLE.try_into().map_err(io::Error::other)?;
        match rustix::event::poll(&mut fds, unsettled.then_some(&timeout)) {
            Ok(0) => shared.update(|seen| seen.panic_settled = true),
            Ok(_) => break,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let mut ready = fds.iter().map(|fd| !fd.revents().is_empty());
    let first = stdout.is_some() && ready.next() == Some(true);
    let second = stderr.is_some() && ready.next() == Some(true);
    Ok((first, second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_memory_is_read_from_the_status() {
        let status = "Name:\tqemu\nVmHWM:\t   70000 kB\nVmRSS:\t   61440 kB\nRssAnon:\t 1 kB\n";
        assert_eq!(resident_bytes(status), Some(60 << 20));
        // A kernel thread and a zombie have none.
        assert_eq!(resident_bytes("Name:\tkthreadd\n"), None);
        let own = fs::read_to_string("/proc/self/status").unwrap();
        assert!(resident_bytes(&own) > Some(1 << 20));
    }
}
