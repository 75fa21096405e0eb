//! The built `fathom` command: called in a directory of its own, run to its end or interrupted.
//!
//! Every call carries a variable in its environment that its children inherit, so that what it
//! leaves behind is found, whatever that is; a call that leaves a process or a temporary file behind
//! fails its test.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

use crate::qemu_lock::QemuLock;
use crate::{artifacts, process};

mod outcome;
mod running;
mod stream;

pub use outcome::Outcome;
pub use running::Running;
use stream::Stream;

/// The variable by which the processes of a call are known.
const MARK: &str = "FATHOM_TEST_CALL";

/// The call's own directory for temporary files, of which none may be left.
const SCRATCH: &str = "scratch";

/// The variable that names the lock by which calls of `fathom` wait for each other.
const LOCK: &str = "FATHOM_LOCK";

/// Commands that measure, which are called with [`QUIET`].
const MEASURING: [&str; 3] = ["run", "compare", "probe"];

/// Tests don't wait for a quiet host, which the one that they run on seldom is; one that does asks for it
/// with the same option.
const QUIET: [&str; 2] = ["--quiet", "0s"];

/// Options of a measurement without an end, which waits for no quiet host and refuses to be told so.
const ENDLESS: [&str; 2] = ["--exporter", "--hlog"];

/// A call of `fathom` to be made.
#[derive(Debug)]
pub struct Call {
    arguments: Vec<OsString>,
    qemu: Option<PathBuf>,
    wrapper: Vec<OsString>,
    lock: Option<String>,
    place: TempDir,
}

impl Call {
    /// `fathom` with `arguments`, a line of words, and nothing else but that it waits for no quiet host.
    ///
    /// # Panics
    ///
    /// If there is no directory to be had for it.
    #[must_use]
    pub fn new(arguments: &str) -> Self {
        let mut words = arguments.split_whitespace();
        let command = words.next();
        let is_continuous = ENDLESS.iter().any(|option| arguments.contains(option));
        let quiet = command.filter(|command| MEASURING.contains(command) && !is_continuous);
        let quiet = quiet.map_or(&[][..], |_| &QUIET);
        let words = command
            .into_iter()
            .chain(quiet.iter().copied())
            .chain(words);
        Self {
            arguments: words.map(OsString::from).collect(),
            qemu: None,
            wrapper: Vec::new(),
            lock: None,
            place: closed_directory(),
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
        self.with("--image", artifacts::image())
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
        let text = format!(
            "#!/bin/sh\nQEMU='{}'\n{script}\n",
            artifacts::qemu().display()
        );
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
        fs::copy(artifacts::fathom(), &copy).expect("it was built, and the place is writable");
        let open = fs::Permissions::from_mode(0o777);
        fs::set_permissions(self.place.path(), open).expect("it is our directory");
        self.wrapper = command.iter().map(OsString::from).collect();
        self.wrapper.push(copy.into());
        self
    }

    /// Has it wait for others with the same lock, instead of for nobody.
    #[must_use]
    pub fn with_lock(mut self, lock: impl Into<String>) -> Self {
        self.lock = Some(lock.into());
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
    pub fn start(self, lock: &QemuLock) -> Running<'_> {
        static CALLS: AtomicU32 = AtomicU32::new(0);
        let number = CALLS.fetch_add(1, Ordering::Relaxed);
        let id = format!("{}-{number}", std::process::id());
        let (program, first) = match self.wrapper.split_first() {
            Some((program, first)) => (program.into(), first),
            None => (artifacts::fathom(), &self.wrapper[..]),
        };
        let scratch = self.file(SCRATCH);
        fs::create_dir(&scratch).expect("the place is writable");
        let open = fs::Permissions::from_mode(0o777);
        fs::set_permissions(&scratch, open).expect("it is our directory");
        let mut command = Command::new(program);
        command
            .args(first)
            .args(&self.arguments)
            .current_dir(self.place.path())
            .env(MARK, &id)
            .env("TMPDIR", scratch)
            .env(LOCK, self.lock.unwrap_or_else(|| format!("{MARK}={id}")))
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
            _lock: lock,
        }
    }

    /// Makes the call and waits for its end.
    #[must_use]
    pub fn finish(self, lock: &QemuLock) -> Outcome {
        self.start(lock).finish()
    }
}

/// Makes a directory that is closed to others: a QEMU of the test's own in there runs as this user, and may write there.
fn closed_directory() -> TempDir {
    let mut builder = tempfile::Builder::new();
    builder.permissions(fs::Permissions::from_mode(0o700));
    builder.tempdir().expect("a temporary directory")
}
