//! Holds the dependencies of each workspace of the repository against `deny.toml`, which it reads as cargo-deny
//! does: licences, several versions of one crate, versions without a bound, registries and git repositories.
//! It needs no network, and knows nothing of advisories.
#![forbid(unsafe_code)]

mod metadata;
mod policy;

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use metadata::Metadata;
use policy::Policy;

/// The manifests of the repository's workspaces.
const MANIFESTS: [&str; 5] = [
    "Cargo.toml",
    "fuzz/Cargo.toml",
    "kernel-app/Cargo.toml",
    "loaders/Cargo.toml",
    "tests/vmm-types/Cargo.toml",
];

fn main() -> ExitCode {
    match findings() {
        Ok(findings) if findings.is_empty() => ExitCode::SUCCESS,
        Ok(findings) => {
            for finding in findings {
                eprintln!("deny: {finding}");
            }
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("deny: error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Returns everything that `deny.toml` denies, one line each.
fn findings() -> Result<Vec<String>, Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let policy: Policy = toml::from_str(&fs::read_to_string(root.join("deny.toml"))?)?;
    let mut findings = Vec::new();
    let mut skipped = Vec::new();
    for manifest in MANIFESTS {
        let metadata = metadata(&root.join(manifest))?;
        let found = policy.check(&metadata, &mut skipped);
        findings.extend(
            found
                .into_iter()
                .map(|finding| format!("{manifest}: {finding}")),
        );
    }
    findings.extend(policy.useless_skips(&skipped));
    Ok(findings)
}

/// Returns what cargo knows of a workspace and its locked dependencies.
fn metadata(manifest: &Path) -> Result<Metadata, Box<dyn Error>> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .args([
            "metadata",
            "--locked",
            "--format-version",
            "1",
            "--manifest-path",
        ])
        .arg(manifest);
    let output = command.output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("cargo metadata of {}: {said}", manifest.display()).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}
