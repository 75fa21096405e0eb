//! The built `fathom` command: called in a directory of its own, run to its end or interrupted.
//!
//! Every call carries a variable in its environment that its children inherit, so that what it
//! leaves behind is found, whatever that is; a call that leaves a process behind fails its test.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::{fs, thread};

use rustix::process::{Pid, Signal};
use tempfile::TempDir;

use crate::process::{self, Process};
use crate::results::Results;
use crate::turn::Turn;
use crate::{built, patience};

/// The variable by which the processes of a call are known.
const MARK: &str = "FATHOM_TEST_CALL";

/// A call of `fathom` to be made.
#[derive(Debug)]
pub struct Call {
    arguments: Vec<OsString>,
    qemu: Option<PathBuf>,
    wrapper: Vec<OsString>,
    place: TempDir,
}

impl Call {
    /// `fathom` with `arguments`, a line of words, and nothing else.
    ///
    /// # Panics
    ///
    /// If there is no directory to be had for it.
    #[must_use]
    pub fn new(arguments: &str) -> Self {
        Self {
            arguments: arguments.split_whitespace().map(OsString::from).collect(),
            qemu: None,
            wrapper: Vec::new(),
            place: tempfile::tempdir().expect("a temporary directory"),
        }
    }

    /// `fathom run` of the built image, with results where [`Outcome::results`] looks for them.
    #[must_use]
    pub fn run(arguments: &str) -> Self {
        let call = Self::new(&format!("run {arguments}")).with_image();
        let out = call.out();
        call.with("--out", out)
    }

    /// `fathom serve` of the built image.
    #[must_use]
    pub fn serve(arguments: &str) -> Self {
        Self::new(&format!("serve {arguments}")).with_image()
    }

    /// `fathom probe`, with results where [`Outcome::results`] looks for them.
    #[must_use]
    pub fn probe(arguments: &str) -> Self {
        let call = Self::new(&format!("probe {arguments}"));
        let out = call.out();
        call.with("--out", out)
    }

    fn with_image(self) -> Self {
        self.with("--image", built::image())
    }

    /// One more option, whose value may hold spaces.
    #[must_use]
    pub fn with(mut self, option: &str, value: impl Into<OsString>) -> Self {
        self.arguments.extend([option.into(), value.into()]);
        self
    }

    /// One more argument, which may hold spaces.
    #[must_use]
    pub fn with_argument(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Makes it use another QEMU.
    #[must_use]
    pub fn with_qemu(mut self, qemu: impl Into<PathBuf>) -> Self {
        self.qemu = Some(qemu.into());
        self
    }

    /// Makes it use the real QEMU with further arguments.
    #[must_use]
    pub fn with_qemu_arguments(self, arguments: &str) -> Self {
        self.with_qemu_script(&format!("exec \"$QEMU\" \"$@\" {arguments}"))
    }

    /// Makes it use a shell script in the place of QEMU: `$QEMU` is the real one there.
    ///
    /// # Panics
    ///
    /// If the script can't be written.
    #[must_use]
    pub fn with_qemu_script(self, script: &str) -> Self {
        let file = self.file("qemu-script");
        let text = format!("#!/bin/sh\nQEMU='{}'\n{script}\n", built::qemu().display());
        fs::write(&file, text).expect("the place is writable");
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(&file, executable).expect("it is our file");
        self.with_qemu(file)
    }

    /// Has `command` make the call: a program and its first arguments, which are followed by the call's.
    /// It may do so as another user: what it needs is put where everybody can get at it.
    ///
    /// # Panics
    ///
    /// If that can't be done.
    #[must_use]
    pub fn wrapped_in(mut self, command: &[&str]) -> Self {
        let copy = self.file("fathom");
        fs::copy(built::fathom(), &copy).expect("it was built, and the place is writable");
        let open = fs::Permissions::from_mode(0o777);
        fs::set_permissions(self.place.path(), open).expect("it is our directory");
        self.wrapper = command.iter().map(OsString::from).collect();
        self.wrapper.push(copy.into());
        self
    }

    /// A file of this call's own.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    fn out(&self) -> PathBuf {
        self.file("out")
    }

    /// Starts it.
    ///
    /// # Panics
    ///
    /// If it is not there.
    #[must_use]
    pub fn start(self, turn: &Turn) -> Running<'_> {
        static CALLS: AtomicU32 = AtomicU32::new(0);
        let number = CALLS.fetch_add(1, Ordering::Relaxed);
        let id = format!("{}-{number}", std::process::id());
        let (program, first) = match self.wrapper.split_first() {
            Some((program, first)) => (program.into(), first),
            None => (built::fathom(), &self.wrapper[..]),
        };
        let mut command = Command::new(program);
        command
            .args(first)
            .args(&self.arguments)
            .current_dir(self.place.path())
            .env(MARK, &id)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // As a shell does it, so that Ctrl-C can be sent as a terminal does.
            .process_group(0);
        if let Some(qemu) = &self.qemu {
            command.env("FATHOM_QEMU", qemu);
        }
        process::tie_to_this_thread(&mut command, Vec::new());
        let mut child = command.spawn().expect("it was built");
        let stdout = Stream::read(child.stdout.take().expect("piped"));
        let stderr = Stream::read(child.stderr.take().expect("piped"));
        Running {
            child,
            stdout,
            stderr,
            mark: format!("{MARK}={id}"),
            place: Some(self.place),
            _turn: turn,
        }
    }

    /// Makes the call and waits for its end.
    #[must_use]
    pub fn finish(self, turn: &Turn) -> Outcome {
        self.start(turn).finish()
    }
}

/// An output that is read as it comes.
#[derive(Debug)]
struct Stream {
    text: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Stream {
    fn read(mut from: impl Read + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(Vec::new()));
        let ours = Arc::clone(&text);
        let reader = thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(len @ 1..) = from.read(&mut buffer) {
                let mut text = ours.lock().unwrap_or_else(PoisonError::into_inner);
                text.extend_from_slice(&buffer[..len]);
            }
        });
        Self {
            text,
            reader: Some(reader),
        }
    }

    fn so_far(&self) -> String {
        let text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&text).into_owned()
    }

    /// All of it, once the last process that could write to it has ended.
    fn whole(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("it only reads");
        }
        self.so_far()
    }
}

/// A running `fathom`. Dropped, it is killed.
#[derive(Debug)]
pub struct Running<'t> {
    child: Child,
    stdout: Stream,
    stderr: Stream,
    mark: String,
    place: Option<TempDir>,
    _turn: &'t Turn,
}

impl Running<'_> {
    /// Its process.
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
        patience::until(patience::BOOT, what, || {
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
    pub fn finish(mut self) -> Outcome {
        let status = patience::until(patience::RUN, "the end of fathom", || {
            self.child.try_wait().expect("it is our child")
        });
        // What it was killed by can't wait for QEMU to end; the kernel does that an instant later.
        if status.code().is_none() {
            patience::until(patience::ANSWER, "QEMU's end after fathom's", || {
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

/// What came of a call.
#[derive(Debug)]
pub struct Outcome {
    /// Its exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
    place: TempDir,
}

impl Outcome {
    /// A file of the call's own.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// The directory it was called in.
    #[must_use]
    pub fn place(&self) -> &Path {
        self.place.path()
    }

    /// The results that it wrote, checked for everything that holds of all results.
    ///
    /// # Panics
    ///
    /// If there are none, or something does not hold.
    #[must_use]
    pub fn results(&self) -> Results {
        let results = Results::read(&self.file("out"));
        results.check();
        results
    }

    /// The results of a measurement that went as planned: the exit code says whether they are
    /// valid, which is the host's affair as much as ours.
    ///
    /// # Panics
    ///
    /// If it did not.
    #[must_use]
    pub fn measured(&self) -> Results {
        assert!(matches!(self.code, Some(0 | 4)), "{self:#?}");
        let results = self.results();
        let run = results.run();
        let expected = if run["valid"] == true { 0 } else { 4 };
        assert_eq!(self.code, Some(expected), "{self:#?}");
        assert_eq!(run["partial"], false, "{run:#}");
        results
    }

    /// Asserts that it failed with `code`, and that its message names `what`.
    ///
    /// # Panics
    ///
    /// If it did not.
    pub fn expect_failure(&self, code: i32, what: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:#?}");
        for what in what {
            assert!(
                self.stderr.contains(what),
                "{what:?} is not named: {self:#?}"
            );
        }
        assert!(
            !self.stderr.contains("panicked at host-runner")
                && !self.stderr.contains("RUST_BACKTRACE"),
            "fathom itself panicked: {self:#?}"
        );
    }
}
