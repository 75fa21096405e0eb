//! Runs a part to its end, and says what came of it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use suite::SKIPPED;

use crate::left::{self, MARK};
use crate::libtest::{self, Tests};
use crate::parts::Part;

/// Longest time that a part may take before it is taken for one that hangs.
const DEADLINE: Duration = Duration::from_secs(1200);

/// Between two looks at whether a part has ended.
const POLL: Duration = Duration::from_millis(20);

/// The environment variable with the name of the lock by which measurements wait for each other.
const LOCK: &str = "FATHOM_LOCK";

/// Outcome of a part.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Results that the part's tests printed.
    pub tests: Tests,
    /// Tests that skipped themselves, each with its reason.
    pub skipped: Vec<String>,
    /// Other problems, in words.
    pub problems: Vec<String>,
    /// Time that the part took.
    pub took: Duration,
    /// Everything that it printed.
    pub output: String,
}

/// Directories that parts are run with, and a flag that ends them.
#[derive(Debug)]
pub struct Runner<'a> {
    /// The directory for what the parts print.
    pub logs: PathBuf,
    /// The directory for the parts' temporary files.
    pub scratch: PathBuf,
    /// Flag that is set when the user wants the suite to end.
    pub interrupted: &'a AtomicBool,
}

impl Runner<'_> {
    /// Runs `part` to its end.
    pub fn run(&self, part: &mut Part) -> Outcome {
        let start = Instant::now();
        let mut outcome = self.outcome(part).unwrap_or_else(|error| Outcome {
            problems: vec![format!("it can't be run: {error}")],
            ..Outcome::default()
        });
        outcome.took = start.elapsed();
        outcome
    }

    fn outcome(&self, part: &mut Part) -> io::Result<Outcome> {
        let name = part.name.replace(' ', "-");
        let log = |what: &str| self.logs.join(format!("{name}.{what}"));
        let (stdout, stderr, skipped) = (log("stdout"), log("stderr"), log("skipped"));
        let scratch = self.scratch.join(&name);
        fs::create_dir(&scratch)?;
        let mark = format!("{}-{name}", std::process::id());
        part.command
            .env("TMPDIR", &scratch)
            .env(SKIPPED, &skipped)
            .env(MARK, &mark)
            // Waits for no measurement but its own, of other parts or of another user of this host.
            .env(LOCK, &mark)
            // A `make` that a part starts is nobody's child, and has no other's variables.
            .env_remove("MAKEFLAGS")
            .env_remove("MAKELEVEL")
            .env_remove("ARGS")
            .stdin(Stdio::null())
            .stdout(File::create(&stdout)?)
            .stderr(File::create(&stderr)?);
        let ended = self.wait(part.command.spawn()?)?;
        let mut problems = left::processes(&mark);
        problems.extend(left::files(&scratch)?);
        let printed = read(&stdout)?;
        let tests = libtest::parse(&printed);
        match ended {
            Some(status) if status.success() => {}
            Some(status) if tests.failed.is_empty() => problems.push(format!("it ended: {status}")),
            Some(_) => {}
            None => problems.push(format!("it was not done after {} s", DEADLINE.as_secs())),
        }
        if part.has_tests && tests.closing_lines == 0 && problems.is_empty() {
            problems.push("it ended without a closing line".to_owned());
        }
        Ok(Outcome {
            tests,
            skipped: read(&skipped)?.lines().map(str::to_owned).collect(),
            problems,
            took: Duration::ZERO,
            output: printed + &read(&stderr)?,
        })
    }

    /// Waits for the child's end, and ends it at the deadline or when the user wants it.
    fn wait(&self, mut child: Child) -> io::Result<Option<ExitStatus>> {
        let start = Instant::now();
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(Some(status));
            }
            let is_late = start.elapsed() > DEADLINE;
            if is_late || self.interrupted.load(Ordering::Relaxed) {
                // The processes of a test end with its thread.
                child.kill()?;
                let status = child.wait()?;
                return Ok(Some(status).filter(|_| !is_late));
            }
            thread::sleep(POLL);
        }
    }
}

/// The text in a file; none if nobody made it.
fn read(path: &Path) -> io::Result<String> {
    match fs::read(path) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(error),
    }
}
