//! Lines of source files, and which of them the tests ran, from LCOV's format. Lines of tests themselves don't count.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::ops::Range;
use std::path::Path;

use crate::Share;

/// Number of times that each line of each file ran. Paths are the repository's own.
#[derive(Debug, Default)]
pub struct Lines(BTreeMap<String, BTreeMap<usize, u64>>);

impl Lines {
    /// Reads `lcov`, of the files below `root`.
    ///
    /// # Errors
    ///
    /// If a file of source can't be read, or a record is malformed.
    pub fn read(root: &Path, lcov: &str) -> Result<Self, Box<dyn Error>> {
        let prefix = format!("{}/", root.display());
        let mut lines = Self::default();
        for (path, counts) in records(lcov)? {
            let Some(path) = path.strip_prefix(&prefix).filter(|path| !is_test(path)) else {
                continue;
            };
            let tests = tests_within(&fs::read_to_string(root.join(path))?);
            let file = lines.0.entry(path.to_owned()).or_default();
            for (line, count) in counts {
                if !tests.iter().any(|range| range.contains(&line)) {
                    let sum = file.entry(line).or_default();
                    *sum = u64::max(*sum, count);
                }
            }
        }
        Ok(lines)
    }

    /// Returns the share of lines that ran, of the files that `is_part` says.
    pub fn share(&self, is_part: impl Fn(&str) -> bool) -> Share {
        let mut share = Share::default();
        for counts in self.files(is_part).map(|(_, counts)| counts) {
            share.files += 1;
            share.lines += counts.len();
            share.run += counts.values().filter(|&&count| count > 0).count();
        }
        share
    }

    /// Returns the lines that did not run, by file.
    pub fn missing(&self, is_part: impl Fn(&str) -> bool) -> Vec<(&str, String)> {
        let files = self.files(is_part).map(|(path, counts)| {
            let missing = counts.iter().filter(|(_, count)| **count == 0);
            let missing: Vec<String> = missing.map(|(line, _)| line.to_string()).collect();
            (path, missing.join(" "))
        });
        files.filter(|(_, missing)| !missing.is_empty()).collect()
    }

    fn files(
        &self,
        is_part: impl Fn(&str) -> bool,
    ) -> impl Iterator<Item = (&str, &BTreeMap<usize, u64>)> {
        let files = self.0.iter().map(|(path, counts)| (&**path, counts));
        files.filter(move |(path, _)| is_part(path))
    }
}

/// Numbers of lines, and how often each ran.
type Counts = Vec<(usize, u64)>;

/// Returns the files of an LCOV trace (geninfo(1)), each with its lines.
fn records(lcov: &str) -> Result<Vec<(&str, Counts)>, Box<dyn Error>> {
    let mut records = Vec::new();
    for line in lcov.lines() {
        if let Some(path) = line.strip_prefix("SF:") {
            records.push((path, Vec::new()));
        } else if let Some(data) = line.strip_prefix("DA:") {
            let (number, count) = data.split_once(',').ok_or("a line without a count")?;
            let (_, lines) = records.last_mut().ok_or("a line without a file")?;
            lines.push((number.parse()?, count.parse()?));
        }
    }
    Ok(records)
}

/// Returns whether a file is there for tests alone.
fn is_test(path: &str) -> bool {
    let names = ["/tests.rs", "/testing.rs", "/fake.rs", "/rogue_driver.rs"];
    let folders = ["/tests/", "/fake/"];
    folders.iter().any(|folder| path.contains(folder))
        || names.iter().any(|name| path.ends_with(name))
}

/// Returns the lines of modules of tests within a formatted file, counted from 1.
fn tests_within(source: &str) -> Vec<Range<usize>> {
    let lines: Vec<&str> = source.lines().collect();
    let mut ranges = Vec::new();
    for (index, pair) in lines.windows(2).enumerate() {
        let is_module = pair[1].starts_with("mod ") || pair[1].starts_with("pub mod ");
        if pair[0] == "#[cfg(test)]" && is_module && pair[1].ends_with('{') {
            let rest = &lines[index..];
            let len = rest.iter().position(|line| *line == "}");
            ranges.push(index + 1..index + 2 + len.unwrap_or(rest.len()));
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_tests_do_not_count() {
        let source =
            "fn f() {\n}\n\n#[cfg(test)]\nmod tests {\n    fn t() {\n    }\n}\nfn g() {}\n";
        assert_eq!(tests_within(source), vec![4..9]);
        assert_eq!(tests_within("#[cfg(test)]\nmod tests;\n"), Vec::new());
        assert!(is_test("kernel-app/src/virtio/driver/fake.rs") && is_test("a/src/b/tests/c.rs"));
        assert!(!is_test("wire/src/latest.rs"));
    }

    #[test]
    fn a_line_ran_if_it_ran_in_any_program() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let file = root.join("src/main.rs");
        let lcov = format!(
            "SF:{0}\nDA:1,0\nDA:2,3\nDA:3,0\nend_of_record\nSF:{0}\nDA:1,1\nend_of_record\nSF:/elsewhere.rs\nDA:1,1\n",
            file.display()
        );
        let lines = Lines::read(root, &lcov).unwrap();
        let share = lines.share(|path| path == "src/main.rs");
        assert_eq!((share.files, share.lines, share.run), (1, 3, 2));
        assert_eq!(lines.missing(|_| true), [("src/main.rs", "3".to_owned())]);
    }
}
