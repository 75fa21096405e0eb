//! What came of a call: its exit code, what it said, and its results.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::results::Results;

/// What came of a call.
#[derive(Debug)]
pub struct Outcome {
    /// Its exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
    pub(super) place: TempDir,
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
