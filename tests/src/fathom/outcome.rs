//! Outcome of a call: its exit code, its output, and its results.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::results::Results;

/// Outcome of a call.
#[derive(Debug)]
pub struct Outcome {
    /// Exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
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
        let results = self.completed("out");
        results.check();
        let expected = if results.run()["valid"] == true { 0 } else { 4 };
        assert_eq!(self.code, Some(expected), "{self:#?}");
        results
    }

    /// The results in `directory` of a call that measured all it was to measure, in one run or many:
    /// nothing but the host made any of them invalid, and the exit code fits.
    ///
    /// # Panics
    ///
    /// If it did not.
    #[must_use]
    pub fn completed(&self, directory: impl AsRef<Path>) -> Results {
        assert!(matches!(self.code, Some(0 | 4)), "{self:#?}");
        let results = Results::read(&self.place.path().join(directory));
        let validity = results.check_completed();
        // A comparison may do with fewer valid rounds than it has measured.
        let fits = |is_valid: &bool| *is_valid == (self.code == Some(0));
        assert!(validity.iter().any(fits), "{validity:?}: {self:#?}");
        results
    }

    /// The results of one measurement that was broken off, with `because` among the reasons why it is
    /// invalid.
    ///
    /// # Panics
    ///
    /// If it was not, or nothing of it was kept.
    #[must_use]
    pub fn partial(&self, because: &str) -> Results {
        let results = self.results();
        let run = results.run();
        assert_eq!(
            (&run["partial"], &run["valid"]),
            (&true.into(), &false.into())
        );
        let reasons = run["invalid_because"].to_string();
        assert!(reasons.contains(because), "{because}: {run:#}");
        assert!(results.count("received") > 0, "{run:#}");
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
