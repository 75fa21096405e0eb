//! Parses the output of Rust's test harness, in the format that the harness prints by default.

/// Results of the tests of one program, or of several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tests {
    /// Number of tests that passed, including those that skipped themselves.
    pub passed: usize,
    /// The names of those that failed.
    pub failed: Vec<String>,
    /// Tests that were ignored, each with its reason.
    pub ignored: Vec<String>,
    /// Number of programs that printed their closing line.
    pub closing_lines: usize,
}

/// Reads what test programs printed on standard output.
#[must_use]
pub fn parse(output: &str) -> Tests {
    let mut tests = Tests::default();
    for line in output.lines() {
        if let Some(rest) = line.strip_prefix("test result: ") {
            tests.closing_lines += 1;
            tests.passed += passed(rest).unwrap_or(0);
        } else if let Some((name, result)) = named(line) {
            if result == "FAILED" {
                tests.failed.push(name.to_owned());
            } else if let Some(reason) = result.strip_prefix("ignored") {
                let reason = reason.trim_start_matches(',').trim_start();
                let reason = if reason.is_empty() { "ignored" } else { reason };
                tests.ignored.push(format!("{name}: {reason}"));
            }
        }
    }
    tests
}

/// The name in `test NAME ... RESULT`, and the result.
fn named(line: &str) -> Option<(&str, &str)> {
    let (name, result) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
    // Such as `name - should panic`.
    Some((name.split(" - ").next().unwrap_or(name), result))
}

/// The count in `ok. 12 passed; 0 failed; …`.
fn passed(rest: &str) -> Option<usize> {
    let (_, counts) = rest.split_once(". ")?;
    counts.split_once(" passed")?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_read() {
        let output = "
running 4 tests
test a::passes ... ok
test a::panics - should panic ... ok
test b::fails ... FAILED
test takes_long ... ignored, 240 boots: `make alike`
test c::breaks - should panic ... FAILED

failures:

---- b::fails stdout ----
test result: is printed by a test

test result: FAILED. 2 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s
";
        let tests = parse(output);
        assert_eq!(tests.passed, 2);
        assert_eq!(tests.failed, ["b::fails", "c::breaks"]);
        assert_eq!(tests.ignored, ["takes_long: 240 boots: `make alike`"]);
    }

    #[test]
    fn results_of_several_programs_add_up() {
        let one = "test a ... ok\ntest result: ok. 1 passed; 0 failed; 0 ignored\n";
        let tests = parse(&one.repeat(3));
        assert_eq!((tests.passed, tests.closing_lines), (3, 3));
    }

    #[test]
    fn a_program_that_ended_early_has_no_closing_line() {
        let tests = parse("running 2 tests\ntest a ... ok\n");
        assert_eq!((tests.passed, tests.closing_lines), (0, 0));
    }
}
