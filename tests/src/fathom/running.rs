//! A call under way: what it has started and said so far, and its end.

use std::ffi::OsString;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Child;
use std::sync::{Arc, PoisonError};

use rustix::process::{Pid, Signal};
use tempfile::TempDir;

use super::stream::Stream;
use super::{Outcome, SCRATCH};
use crate::process::{self, Process};
use crate::qemu_lock::QemuLock;
use crate::timeouts;

/// First part of the names of temporary files that the next call removes if their own was killed.
const REMOVED_BY_THE_NEXT: &str = "fathom-scratch-";

/// A running `fathom`. Dropped, it is killed.
#[derive(Debug)]
pub struct Running<'t> {
    pub(super) child: Child,
    pub(super) stdout: Stream,
    pub(super) stderr: Stream,
    /// By which its processes are known.
    pub(super) mark: String,
    pub(super) place: Option<TempDir>,
    pub(super) _lock: &'t QemuLock,
}

impl Running<'_> {
    /// Process.
    #[must_use]
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Waits until it has started QEMU, and returns that.
    ///
    /// # Panics
    ///
    /// If it does not.
    pub fn qemu(&mut self) -> Process {
        self.process("qemu-system")
    }

    /// Waits until it or a descendant has a name that starts with `name`, and returns that.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn process(&mut self, name: &str) -> Process {
        let mark = self.mark.clone();
        self.wait_for(name, || {
            let mut processes = process::running_with(&mark).into_iter();
            processes.find(|process| process.name.starts_with(name))
        })
    }

    /// Waits until `file` of the call's own is at least `len` bytes long.
    ///
    /// # Panics
    ///
    /// If it does not become so.
    pub fn wait_for_file(&mut self, file: &str, len: u64) {
        let path = self.file(file);
        self.wait_for(&format!("{len} bytes of {file}"), || {
            let metadata = fs::metadata(&path).ok()?;
            (metadata.len() >= len).then_some(())
        });
    }

    /// Waits until it has printed a line that contains `what` on standard output; returns the line.
    ///
    /// # Panics
    ///
    /// If it does not.
    pub fn wait_for_output(&mut self, what: &str) -> String {
        let text = Arc::clone(&self.stdout.text);
        self.wait_for(&format!("the output {what:?}"), || {
            let text = text.lock().unwrap_or_else(PoisonError::into_inner);
            let text = String::from_utf8_lossy(&text);
            let complete = text.rsplit_once('\n')?.0;
            let line = complete.lines().find(|line| line.contains(what))?;
            Some(line.to_owned())
        })
    }

    /// Waits until `fathom serve` prints the address that it serves on, and returns that.
    ///
    /// # Panics
    ///
    /// If it does not, or there is no address in that line.
    pub fn serving_on(&mut self) -> SocketAddr {
        let greeting = self.wait_for_output("serving on ");
        let address = greeting
            .split_whitespace()
            .find_map(|word| word.trim_matches(['(', ')', ',', ';']).parse().ok());
        address.unwrap_or_else(|| panic!("no address: {greeting}"))
    }

    /// Waits until it has printed `what` on standard error.
    ///
    /// # Panics
    ///
    /// If it does not.
    pub fn wait_for_error(&mut self, what: &str) {
        let text = Arc::clone(&self.stderr.text);
        self.wait_for(&format!("the words {what:?}"), || {
            let text = text.lock().unwrap_or_else(PoisonError::into_inner);
            String::from_utf8_lossy(&text).contains(what).then_some(())
        });
    }

    fn wait_for<T>(&mut self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        timeouts::until(timeouts::BOOT, what, || {
            let seen = look();
            if seen.is_none() {
                let ended = self.child.try_wait().expect("it is our child");
                let error = self.stderr.so_far();
                assert!(ended.is_none(), "{ended:?} before {what}; stderr:\n{error}");
            }
            seen
        })
    }

    /// A file of the call's own.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        let place = self.place.as_ref().expect("kept until it has finished");
        place.path().join(name)
    }

    /// Ctrl-C: the signal goes to its whole process group, as from a terminal.
    pub fn interrupt(&self) {
        // It may have ended meanwhile.
        let _ = rustix::process::kill_process_group(self.pid(), Signal::INT);
    }

    /// Sends `signal` to it alone.
    pub fn signal(&self, signal: Signal) {
        // It may have ended meanwhile.
        let _ = rustix::process::kill_process(self.pid(), signal);
    }

    /// Waits for its end.
    ///
    /// # Panics
    ///
    /// If it does not come, or leaves a process behind.
    #[must_use]
    pub fn finish(self) -> Outcome {
        self.end(false)
    }

    /// Waits for an end that comes without any clearing up: what it has started ends soon after.
    ///
    /// # Panics
    ///
    /// If it does not come, or leaves a process behind.
    #[must_use]
    pub fn finish_abruptly(self) -> Outcome {
        self.end(true)
    }

    fn end(mut self, is_abrupt: bool) -> Outcome {
        let status = timeouts::until(timeouts::RUN, "the end of fathom", || {
            self.child.try_wait().expect("it is our child")
        });
        // Killed, it can't wait for QEMU to end; the kernel does that an instant later.
        if is_abrupt {
            timeouts::until(timeouts::ANSWER, "QEMU's end after fathom's", || {
                process::running_with(&self.mark).is_empty().then_some(())
            });
        }
        let left = process::running_with(&self.mark);
        for process in &left {
            process.signal(Signal::KILL);
        }
        let outcome = Outcome {
            code: status.code(),
            stdout: self.stdout.whole(),
            stderr: self.stderr.whole(),
            place: self.place.take().expect("kept until now"),
        };
        assert!(left.is_empty(), "left behind: {left:?}\n{outcome:?}");
        let scratch = fs::read_dir(outcome.file(SCRATCH)).expect("made for the call");
        let names = scratch.flatten().map(|entry| entry.file_name());
        // Killed, it leaves what its next call removes.
        let is_left = |name: &OsString| {
            !is_abrupt || !name.to_string_lossy().starts_with(REMOVED_BY_THE_NEXT)
        };
        let left: Vec<_> = names.filter(is_left).collect();
        assert!(left.is_empty(), "left behind: {left:?}\n{outcome:?}");
        outcome
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        // It may have ended already; either way it is gone after this.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
