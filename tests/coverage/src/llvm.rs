//! LLVM's tools for profiles, of the version that the compiler writes profiles for.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::programs::Program;

/// The tools.
#[derive(Debug)]
pub struct Tools {
    cov: PathBuf,
    profdata: PathBuf,
}

impl Tools {
    /// Finds the tools: rustup's component `llvm-tools`, or else the system's of the compiler's version.
    ///
    /// # Errors
    ///
    /// If there are none.
    pub fn find() -> Result<Self, Box<dyn Error>> {
        let facts = output(Command::new("rustc").arg("-vV"))?;
        let fact = |name: &str| facts.lines().find_map(|line| line.strip_prefix(name));
        let host = fact("host: ").ok_or("rustc names no host")?;
        let version = fact("LLVM version: ").ok_or("rustc names no version of LLVM")?;
        let major = version.split('.').next().unwrap_or(version);
        let sysroot = output(Command::new("rustc").args(["--print", "sysroot"]))?;
        let component = Path::new(sysroot.trim())
            .join("lib/rustlib")
            .join(host)
            .join("bin");
        let found = [
            (component.join("llvm-cov"), component.join("llvm-profdata")),
            (
                format!("llvm-cov-{major}").into(),
                format!("llvm-profdata-{major}").into(),
            ),
        ]
        .into_iter()
        .find(|(cov, _)| output(Command::new(cov).arg("--version")).is_ok());
        let Some((cov, profdata)) = found else {
            let what = format!(
                "no llvm-cov of version {major}: `rustup component add llvm-tools`, or Debian's llvm-{major}"
            );
            return Err(what.into());
        };
        Ok(Self { cov, profdata })
    }

    /// Returns the coverage of `programs` in LCOV's format, by the profiles that they left in a directory.
    ///
    /// # Errors
    ///
    /// If there are no profiles, or the tools fail.
    pub fn lcov(&self, programs: &[Program], profiles: &Path) -> Result<String, Box<dyn Error>> {
        let merged = profiles.join("all.profdata");
        let mut merge = Command::new(&self.profdata);
        merge.args(["merge", "--sparse", "--output"]).arg(&merged);
        for entry in profiles.read_dir()? {
            merge.arg(entry?.path());
        }
        output(&mut merge)?;
        let mut export = Command::new(&self.cov);
        export
            .args(["export", "--format=lcov", "--instr-profile"])
            .arg(&merged);
        for program in programs {
            export.arg("--object").arg(&program.path);
        }
        output(&mut export)
    }
}

/// Runs a command, and returns what it prints.
fn output(command: &mut Command) -> Result<String, Box<dyn Error>> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .map_err(|error| format!("{name}: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(format!("{name}: {said}").into());
    }
    Ok(String::from_utf8(output.stdout)?)
}
