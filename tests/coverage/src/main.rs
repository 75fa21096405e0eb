//! Runs unit tests with coverage, and prints the share of lines that they run: of `wire`, the rings, the reflector and
//! the vhost-user back end. Fails if one has less than [`LEAST_PERCENT`].
//!
//! With the argument `--missing` the lines that no test runs are listed as well.
#![forbid(unsafe_code)]

mod lines;
mod llvm;
mod programs;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use lines::Lines;

/// The least share of lines, in percent.
const LEAST_PERCENT: f64 = 90.0;

/// A part: its name, and the beginnings of its files' paths.
struct Part {
    name: &'static str,
    paths: &'static [&'static str],
}

/// The parts. A file belongs to the first that has it.
const PARTS: [Part; 4] = [
    Part {
        name: "wire",
        paths: &["wire/src/"],
    },
    Part {
        name: "rings",
        paths: &[
            "kernel-app/src/virtio",
            "host-runner/src/link/vhost_user/memory_regions.rs",
            "host-runner/src/link/vhost_user/ring.rs",
        ],
    },
    Part {
        name: "reflector",
        paths: &[
            "kernel-app/src/handler",
            "kernel-app/src/net",
            "kernel-app/src/services.rs",
        ],
    },
    Part {
        name: "back end",
        paths: &["host-runner/src/link/vhost_user"],
    },
];

/// Lines of a part, and those of them that a test runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Share {
    files: usize,
    lines: usize,
    run: usize,
}

impl Share {
    fn percent(self) -> f64 {
        100.0 * self.run as f64 / self.lines.max(1) as f64
    }
}

fn main() -> ExitCode {
    let is_listed = std::env::args()
        .skip(1)
        .any(|argument| argument == "--missing");
    match measure() {
        Ok(lines) => report(&lines, is_listed),
        Err(error) => {
            eprintln!("coverage: error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the tests.
fn measure() -> Result<Lines, Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()?;
    let tools = llvm::Tools::find()?;
    let profiles = root.join("target/coverage");
    if profiles.exists() {
        std::fs::remove_dir_all(&profiles)?;
    }
    std::fs::create_dir_all(&profiles)?;
    let programs = programs::build(&root)?;
    programs::run(&programs, &profiles)?;
    let lcov = tools.lcov(&programs, &profiles)?;
    Lines::read(&root, &lcov)
}

/// Prints the table.
fn report(lines: &Lines, is_listed: bool) -> ExitCode {
    let mut total = Share::default();
    let mut is_enough = true;
    println!(
        "{:<12} {:>6} {:>7} {:>7} {:>8}",
        "part", "files", "lines", "run", "share"
    );
    for (index, part) in PARTS.iter().enumerate() {
        let share = lines.share(|path| place(path) == Some(index));
        print_row(part.name, share);
        is_enough &= share.lines > 0 && share.percent() >= LEAST_PERCENT;
        total.files += share.files;
        total.lines += share.lines;
        total.run += share.run;
    }
    print_row("total", total);
    if is_listed {
        for (path, missing) in lines.missing(|path| place(path).is_some()) {
            println!("{path}: {missing}");
        }
    }
    if is_enough {
        ExitCode::SUCCESS
    } else {
        eprintln!(
            "coverage: a part has less than {LEAST_PERCENT} %; ARGS=--missing lists the lines"
        );
        ExitCode::FAILURE
    }
}

fn print_row(name: &str, share: Share) {
    let Share { files, lines, run } = share;
    println!(
        "{name:<12} {files:>6} {lines:>7} {run:>7} {:>6.1} %",
        share.percent()
    );
}

/// Returns the number of the part that a file belongs to, counted from 0.
fn place(path: &str) -> Option<usize> {
    PARTS
        .iter()
        .position(|part| part.paths.iter().any(|start| path.starts_with(start)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_belongs_to_the_first_part_that_has_it() {
        let name = |path| place(path).map(|index| PARTS[index].name);
        assert_eq!(name("wire/src/header.rs"), Some("wire"));
        assert_eq!(
            name("host-runner/src/link/vhost_user/ring.rs"),
            Some("rings")
        );
        assert_eq!(
            name("host-runner/src/link/vhost_user/session.rs"),
            Some("back end")
        );
        assert_eq!(name("host-runner/src/link/unix.rs"), None);
    }
}
