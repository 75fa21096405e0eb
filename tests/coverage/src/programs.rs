//! The unit tests, compiled with counters and run.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// Package of each program, options of `cargo test` for it, and the names of its tests to run.
const TESTS: [(&str, &[&str], Option<&str>); 3] = [
    ("wire", &[], None),
    ("host-runner", &[], Some("link::")),
    (
        "kernel-app",
        &[
            "--manifest-path",
            "kernel-app/Cargo.toml",
            "--target-dir",
            "target/kernel-app-host",
        ],
        None,
    ),
];

/// Stack of each test, in bytes: unoptimised code copies what it moves, and a device's memory is moved a few times.
const STACK_LEN: &str = "16777216";

/// A program of tests.
#[derive(Debug)]
pub struct Program {
    /// The executable file.
    pub path: PathBuf,
    /// Directory of its package.
    directory: PathBuf,
    filter: Option<&'static str>,
}

/// Compiles the tests.
///
/// # Errors
///
/// If they can't be compiled.
pub fn build(root: &Path) -> Result<Vec<Program>, Box<dyn Error>> {
    let mut programs = Vec::new();
    for (package, options, filter) in TESTS {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command
            .args([
                "test",
                "--locked",
                "--release",
                "--lib",
                "--no-run",
                "--quiet",
            ])
            .arg("--message-format=json-render-diagnostics")
            .args(["--package", package])
            .args(options)
            // Unoptimised: compiled sooner, and a line stays a line.
            .arg("--config")
            .arg(format!("profile.release.package.{package}.opt-level=0"))
            .env(
                "RUSTC_WORKSPACE_WRAPPER",
                root.join("tests/coverage/rustc.sh"),
            )
            .current_dir(root)
            .stderr(Stdio::inherit());
        let built = command.output()?;
        if !built.status.success() {
            return Err("the tests can't be compiled".into());
        }
        let messages = String::from_utf8(built.stdout)?;
        let (path, directory) = program(&messages)?.ok_or("cargo names no program")?;
        programs.push(Program {
            path,
            directory,
            filter,
        });
    }
    Ok(programs)
}

/// Returns the program of tests among cargo's messages, and the directory of its package.
fn program(messages: &str) -> Result<Option<(PathBuf, PathBuf)>, Box<dyn Error>> {
    for line in messages.lines() {
        let message: Value = serde_json::from_str(line)?;
        let is_test = message["profile"]["test"] == true;
        if let (true, Some(path), Some(manifest)) = (
            is_test,
            message["executable"].as_str(),
            message["manifest_path"].as_str(),
        ) {
            let directory = Path::new(manifest).parent().ok_or("no package")?;
            return Ok(Some((path.into(), directory.to_owned())));
        }
    }
    Ok(None)
}

/// Runs the tests, each of which leaves its profile in `profiles`.
///
/// # Errors
///
/// If tests fail.
pub fn run(programs: &[Program], profiles: &Path) -> Result<(), Box<dyn Error>> {
    for (index, program) in programs.iter().enumerate() {
        let mut command = Command::new(&program.path);
        command
            .args(program.filter)
            .arg("--quiet")
            .current_dir(&program.directory)
            .env("CARGO_MANIFEST_DIR", &program.directory)
            .env("RUST_MIN_STACK", STACK_LEN)
            .env(
                "LLVM_PROFILE_FILE",
                profiles.join(format!("{index}-%p.profraw")),
            );
        let output = command.output()?;
        if !output.status.success() {
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8_lossy(&said);
            return Err(format!("{} fails:\n{said}", program.path.display()).into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_of_tests_is_found_among_cargos_messages() {
        let message = |is_test: bool, executable: &str| {
            format!(
                "{{\"manifest_path\": \"/src/wire/Cargo.toml\", \"profile\": {{\"test\": {is_test}}}, \
                 \"executable\": {executable}}}\n"
            )
        };
        let library = message(false, "null");
        let tests = message(true, "\"/built/wire\"");
        let found = program(&(library.clone() + &tests)).unwrap();
        assert_eq!(found, Some(("/built/wire".into(), "/src/wire".into())));
        assert_eq!(program(&library).unwrap(), None);
    }
}
