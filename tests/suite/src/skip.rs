//! A test that is skipped says so, whatever becomes of its output.

use std::env;
use std::fmt::Display;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::panic::Location;
use std::path::Path;
use std::thread;

use crate::capability::{Capability, REQUIRE, Required};

/// The environment variable with the path of the file that skipped tests are listed in.
pub const SKIPPED: &str = "FATHOM_SKIPPED";

/// Lists the calling test as skipped, since this host lacks `capability`, for `reason`. The test is
/// to return then, and must not have skipped only a part of itself.
///
/// Writes a line to the file that [`SKIPPED`] names, or to standard error without it; not through
/// `eprintln!`, whose output the test harness captures and drops.
///
/// # Panics
///
/// If `FATHOM_REQUIRE` names the capability, or anything that is none.
#[track_caller]
pub fn skip(capability: Capability, reason: impl Display) {
    let required = Required::from_env().unwrap_or_else(|error| panic!("{error}"));
    let reason = reason.to_string();
    refuse(&required, capability, &reason);
    // The harness names a test's thread after it.
    let thread = thread::current();
    let line = line(thread.name(), Location::caller(), capability, &reason);
    let file = env::var_os(SKIPPED);
    write(file.as_deref().map(Path::new), &line).expect("the list of skipped tests is writable");
}

/// Fails the test if `capability` is among those `required`.
#[track_caller]
fn refuse(required: &Required, capability: Capability, reason: &str) {
    assert!(
        !required.contains(capability),
        "{REQUIRE} names {capability}, and this host lacks it: {reason}"
    );
}

/// One line, whatever is in `reason`.
fn line(test: Option<&str>, at: &Location<'_>, capability: Capability, reason: &str) -> String {
    let place = format!("{}:{}", at.file(), at.line());
    let test = test.filter(|name| *name != "main").unwrap_or(&place);
    let reason: Vec<&str> = reason.split_whitespace().collect();
    format!("{test}: lacks {capability}: {}\n", reason.join(" "))
}

/// Writes `line` in one piece, so that lines of several tests never mix.
fn write(file: Option<&Path>, line: &str) -> io::Result<()> {
    match file {
        Some(path) => {
            let mut file = OpenOptions::new().append(true).create(true).open(path)?;
            file.write_all(line.as_bytes())
        }
        None => io::stderr().write_all(format!("skipped: {line}").as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_line_names_test_capability_and_reason() {
        let at = Location::caller();
        let named = line(Some("tap::answers"), at, Capability::Tap, "not\nroot");
        assert_eq!(named, "tap::answers: lacks tap: not root\n");
        let unnamed = line(None, at, Capability::Tap, "why");
        assert!(unnamed.contains("skip.rs:") && unnamed.ends_with(": lacks tap: why\n"));
    }

    #[test]
    #[should_panic(expected = "FATHOM_REQUIRE names tap, and this host lacks it: not root")]
    fn required_capabilities_are_not_skipped() {
        refuse(&"mount,tap".parse().unwrap(), Capability::Tap, "not root");
    }

    #[test]
    fn other_capabilities_may_be_skipped() {
        refuse(&"mount".parse().unwrap(), Capability::Tap, "not root");
    }

    #[test]
    fn lines_are_added_to_the_list() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("skipped");
        for text in ["one\n", "two\n"] {
            write(Some(&file), text).unwrap();
        }
        assert_eq!(fs::read_to_string(&file).unwrap(), "one\ntwo\n");
    }
}
