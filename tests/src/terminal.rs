//! A terminal with the built `fathom` on it: a pseudo-terminal (pty(7)), whose other end is the test's.
//!
//! A shell leads its session and outlives the call, for the kernel resets a terminal whose session ends. It ignores what
//! Ctrl-C sends to all on the terminal.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::{fs, thread};

use rustix::fs::{Mode, OFlags, open};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Termios, Winsize, tcgetattr, tcsetwinsize};
use tempfile::TempDir;

use crate::{artifacts, process, timeouts};

/// Script of the shell: the call writes its process id, and its exit code follows what it prints.
const SCRIPT: &str = r#"trap : INT QUIT
sh -c 'echo $$ > pid; exec "$@"' call "$@"
echo "ended with $?"
exec sleep 600"#;

/// A call of `fathom` on a terminal of its own; dropped, it ends.
#[derive(Debug)]
pub struct Terminal {
    shell: Child,
    controller: File,
    /// Everything that was written to the terminal.
    written: Arc<Mutex<Vec<u8>>>,
    before: Termios,
    place: TempDir,
}

impl Terminal {
    /// Starts `fathom` with `arguments` on a terminal of `columns` by `rows`, with `environment` beside the test's own.
    ///
    /// # Panics
    ///
    /// If there is no terminal to be had, or no `setsid` (util-linux).
    #[must_use]
    pub fn start(
        arguments: &str,
        (columns, rows): (u16, u16),
        environment: &[(&str, &str)],
    ) -> Self {
        let mut program = Command::new("setsid");
        program.args(["--ctty", "sh", "-c", SCRIPT, "shell"]);
        program.arg(artifacts::fathom());
        program.args(arguments.split_whitespace());
        Self::run(program, (columns, rows), environment)
    }

    /// Starts this very test again, on a terminal of 80 by 24, with `name` set in its environment.
    ///
    /// # Panics
    ///
    /// As [`Self::start`].
    #[must_use]
    pub fn with_this_test(test: &str, name: &str) -> Self {
        let mut program = Command::new("setsid");
        program.args(["--ctty", "sh", "-c", SCRIPT, "shell"]);
        program.arg(std::env::current_exe().expect("a test is a file"));
        program.args(["--exact", test, "--nocapture"]);
        Self::run(program, (80, 24), &[(name, "1")])
    }

    fn run(
        mut program: Command,
        (columns, rows): (u16, u16),
        environment: &[(&str, &str)],
    ) -> Self {
        let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&controller).expect("it is ours");
        unlockpt(&controller).expect("it is ours");
        let name = ptsname(&controller, Vec::new()).expect("it has a name");
        let flags = OFlags::RDWR | OFlags::NOCTTY;
        let terminal: OwnedFd = open(&*name, flags, Mode::empty()).expect("it was unlocked");
        let size = Winsize {
            ws_col: columns,
            ws_row: rows,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&controller, size).expect("it is a terminal");
        let before = tcgetattr(&controller).expect("it is a terminal");
        let place = tempfile::tempdir().expect("a temporary directory");
        let copy = |end: &OwnedFd| end.try_clone().expect("a descriptor");
        program
            .current_dir(place.path())
            .env_remove("CI")
            .env_remove("NO_COLOR")
            .env("TERM", "xterm")
            .env("FATHOM_LOCK", place.path().join("lock"))
            .envs(environment.iter().copied())
            .stdin(copy(&terminal))
            .stdout(copy(&terminal))
            .stderr(terminal);
        process::tie_to_this_thread(&mut program, Vec::new());
        let shell = program.spawn().expect("util-linux is there");
        // The descriptors of the terminal are the shell's alone.
        drop(program);
        let controller = File::from(controller);
        let written = Arc::default();
        read_all(&controller, &written);
        Self {
            shell,
            controller,
            written,
            before,
            place,
        }
    }

    /// Returns what was written to the terminal so far.
    ///
    /// # Panics
    ///
    /// If the thread that reads has.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.written.lock().unwrap()).into_owned()
    }

    /// Waits until `text` was written after the first `from` bytes, and returns everything that was written.
    ///
    /// # Panics
    ///
    /// If it never is.
    #[must_use]
    pub fn shows(&self, text: &str, from: usize) -> String {
        timeouts::until(timeouts::RUN, text, || {
            let written = self.text();
            let is_there = written.get(from..).is_some_and(|rest| rest.contains(text));
            is_there.then_some(written)
        })
    }

    /// Types `keys`.
    ///
    /// # Panics
    ///
    /// If nobody has the terminal.
    pub fn type_keys(&self, keys: &str) {
        (&self.controller).write_all(keys.as_bytes()).unwrap();
    }

    /// Sends a signal to `fathom` alone.
    ///
    /// # Panics
    ///
    /// If it has ended.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.process(), signal).expect("it runs");
    }

    /// Returns the process of `fathom`.
    ///
    /// # Panics
    ///
    /// If it never starts.
    #[must_use]
    pub fn process(&self) -> Pid {
        timeouts::until(timeouts::RUN, "the process id", || {
            let text = fs::read_to_string(self.place.path().join("pid")).ok()?;
            Pid::from_raw(text.trim().parse().ok()?)
        })
    }

    /// Returns whether what is typed is shown.
    ///
    /// # Panics
    ///
    /// If the terminal is gone.
    #[must_use]
    pub fn has_echo(&self) -> bool {
        let settings = tcgetattr(&self.controller).expect("it is a terminal");
        settings.local_modes.contains(LocalModes::ECHO)
    }

    /// Asserts that the terminal has the settings that it had at first.
    ///
    /// # Panics
    ///
    /// If it has not.
    pub fn is_as_before(&self) {
        let now = tcgetattr(&self.controller).expect("it is a terminal");
        assert_eq!(format!("{now:?}"), format!("{:?}", self.before));
    }

    /// Waits for the end of `fathom`, and returns its exit code, or 128 and the signal's number (sh(1)), with everything
    /// that was written.
    ///
    /// # Panics
    ///
    /// If it does not end.
    #[must_use]
    pub fn finish(&self) -> (i32, String) {
        const END: &str = "ended with ";
        let text = timeouts::until(timeouts::RUN, "the end", || {
            let text = self.text();
            let code = text.rsplit_once(END)?.1;
            code.contains('\n').then_some(text)
        });
        let code = text.rsplit_once(END).unwrap().1;
        let code = code.lines().next().unwrap().trim().parse();
        (code.unwrap(), text)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if let Ok(text) = fs::read_to_string(self.place.path().join("pid"))
            && let Some(process) = text.trim().parse().ok().and_then(Pid::from_raw)
            && !self.text().contains("ended with ")
        {
            let _ = kill_process(process, Signal::KILL);
        }
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}

/// Adds everything that is written to the terminal to `written`, until nobody has it any more.
fn read_all(controller: &File, written: &Arc<Mutex<Vec<u8>>>) {
    let mut controller = controller.try_clone().expect("a descriptor");
    let written = Arc::clone(written);
    thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = controller.read(&mut bytes) {
            written.lock().unwrap().extend_from_slice(&bytes[..count]);
        }
    });
}
