//! The parts of the suite: lint, and each test program as cargo names it.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// End-to-end test programs that measure nothing, or don't depend on what: a CPU that they keep busy
/// costs others time, and nothing else.
const BESIDE: [&str; 18] = [
    "bad_frames",
    "boots",
    "bursts",
    "captures",
    "cold_boots",
    "device_resets",
    "disks",
    "elf",
    "frames",
    "html",
    "images",
    "install",
    "linux",
    "machines",
    "microvm",
    "mutated_frames",
    "neighbours",
    "nics",
];

/// Tests that mostly wait for something that never comes.
const WAITING: [&str; 1] = ["hangs"];

/// The package of the end-to-end tests.
const END_TO_END: &str = "tests";

/// Order in which parts run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// One by one: measured runs that share CPUs wait for each other.
    Measuring,
    /// Beside those, one by one.
    Beside,
    /// Beside all others.
    Waiting,
}

/// One part of the suite.
#[derive(Debug)]
pub struct Part {
    /// Name of the part in the output.
    pub name: String,
    /// Lane that the part runs in.
    pub lane: Lane,
    /// Command that the part runs.
    pub command: Command,
    /// True if the part runs tests, which end with a closing line.
    pub has_tests: bool,
}

/// Formatting and clippy.
#[must_use]
pub fn lint(root: &Path) -> Part {
    let mut command = Command::new("make");
    command.args(["--no-print-directory", "lint"]);
    command.current_dir(root);
    Part {
        name: "lint".to_owned(),
        lane: Lane::Beside,
        command,
        has_tests: false,
    }
}

/// Builds the test programs of all workspaces, and the documentation's tests.
///
/// # Errors
///
/// If they can't be built.
pub fn programs(root: &Path) -> Result<Vec<Part>, Box<dyn Error>> {
    // Of the workspaces beside the host's, what is tested without hardware.
    let beside = |directory: &str| {
        vec![
            "--manifest-path".to_owned(),
            format!("{directory}/Cargo.toml"),
            "--workspace".to_owned(),
            "--target-dir".to_owned(),
            root.join(format!("target/{directory}-host"))
                .display()
                .to_string(),
        ]
    };
    let workspaces = [
        ("guest ", beside("kernel-app")),
        ("loaders' ", beside("loaders")),
        ("", vec!["--workspace".to_owned()]),
    ];
    let mut parts = Vec::new();
    for (name, options) in workspaces {
        let mut build = cargo_test(root, &options);
        // Not the examples: they are images of the unikernel, which do not compile for the host.
        build.args([
            "--tests",
            "--no-run",
            "--quiet",
            "--message-format=json-render-diagnostics",
        ]);
        let built = build.stderr(Stdio::inherit()).output()?;
        if !built.status.success() {
            return Err("the tests can't be built".into());
        }
        parts.extend(artefacts(&String::from_utf8(built.stdout)?)?);
        let mut doc = cargo_test(root, &options);
        doc.arg("--doc");
        parts.push(Part {
            name: format!("{name}documentation"),
            lane: Lane::Beside,
            command: doc,
            has_tests: true,
        });
    }
    Ok(parts)
}

fn cargo_test(root: &Path, options: &[String]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .args(["test", "--locked", "--release"])
        .args(options);
    command.current_dir(root).env_remove("MAKEFLAGS");
    command
}

/// The test programs among cargo's messages.
fn artefacts(messages: &str) -> Result<Vec<Part>, Box<dyn Error>> {
    let mut parts = Vec::new();
    for line in messages.lines() {
        let message: Value = serde_json::from_str(line)?;
        let is_test = message["profile"]["test"] == true;
        let (Some(executable), true) = (message["executable"].as_str(), is_test) else {
            continue;
        };
        let manifest = PathBuf::from(message["manifest_path"].as_str().ok_or("no manifest")?);
        let package = manifest.parent().ok_or("no package")?;
        let directory = package.file_name().unwrap_or_default().to_string_lossy();
        let target = message["target"]["name"].as_str().ok_or("no target")?;
        let kind = message["target"]["kind"][0].as_str().unwrap_or_default();
        let (name, lane) = named(&directory, target, kind);
        let mut command = Command::new(executable);
        // As cargo does it.
        command
            .current_dir(package)
            .env("CARGO_MANIFEST_DIR", package);
        parts.push(Part {
            name,
            lane,
            command,
            has_tests: true,
        });
    }
    Ok(parts)
}

/// Returns the name of a test program in the output, and its lane.
fn named(package: &str, target: &str, kind: &str) -> (String, Lane) {
    match (package, kind) {
        (END_TO_END, "test") if BESIDE.contains(&target) => (target.to_owned(), Lane::Beside),
        (END_TO_END, "test") if WAITING.contains(&target) => (target.to_owned(), Lane::Waiting),
        (END_TO_END, "test") => (target.to_owned(), Lane::Measuring),
        (_, "lib") => (format!("{package} unit tests"), Lane::Beside),
        _ => (format!("{package} {target}"), Lane::Beside),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_programs_are_found_among_cargos_messages() {
        let message = |package: &str, kind: &str, name: &str, is_test: bool| {
            let executable = if kind == "lib" && !is_test {
                "null"
            } else {
                "\"/bin/true\""
            };
            format!(
                "{{\"reason\": \"compiler-artifact\", \"manifest_path\": \"/src/{package}/Cargo.toml\", \
                 \"target\": {{\"kind\": [\"{kind}\"], \"name\": \"{name}\"}}, \
                 \"profile\": {{\"test\": {is_test}}}, \"executable\": {executable}}}\n"
            )
        };
        let messages = message("wire", "lib", "wire", false)
            + &message("wire", "lib", "wire", true)
            + &message("host-runner", "bin", "fathom", false)
            + &message("responder", "test", "loopback", true)
            + &message("tests", "test", "tap", true)
            + &message("tests", "test", "boots", true)
            + &message("tests", "test", "hangs", true)
            + "{\"reason\": \"build-finished\", \"success\": true}\n";
        let parts = artefacts(&messages).unwrap();
        let parts: Vec<_> = parts.iter().map(|part| (&*part.name, part.lane)).collect();
        assert_eq!(
            parts,
            [
                ("wire unit tests", Lane::Beside),
                ("responder loopback", Lane::Beside),
                ("tap", Lane::Measuring),
                ("boots", Lane::Beside),
                ("hangs", Lane::Waiting),
            ]
        );
    }
}
