//! Calls with objectives, and what came of them.
#![forbid(unsafe_code)]

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::fathom::{Call, Outcome};
use crate::qemu_lock::QemuLock;

/// First line of a file of objectives.
const SCHEMA: &str = "schema = \"fathom-objectives/1\"\n";

/// Adds `--require` with each of `requirements` to `call`.
#[must_use]
pub fn requiring(call: Call, requirements: &[&str]) -> Call {
    let add = |call: Call, requirement: &&str| call.with("--require", *requirement);
    requirements.iter().fold(call, add)
}

/// Adds a file of objectives to `call`, whose second line is the first of `text`.
///
/// # Panics
///
/// If it can't be written.
#[must_use]
pub fn with_file(call: Call, text: &str) -> Call {
    let file = call.file("objectives.toml");
    fs::write(&file, format!("{SCHEMA}{text}")).expect("the place is writable");
    call.with("--objectives", file)
}

/// Calls `fathom check` on the result in `directory`.
#[must_use]
pub fn check(lock: &QemuLock, directory: &Path, requirements: &[&str]) -> Outcome {
    let call = Call::new("check --github=off").with_argument(directory);
    requiring(call, requirements).finish(lock)
}

/// Returns the expressions of a result's objectives, each with its state.
///
/// # Panics
///
/// If there are none.
#[must_use]
pub fn states(json: &Value) -> Vec<(&str, &str)> {
    let objectives = json["objectives"].as_array().expect("objectives[]");
    let state = |objective| {
        let objective: &Value = objective;
        let field = |name: &str| objective[name].as_str().expect("text");
        (field("expression"), field("state"))
    };
    objectives.iter().map(state).collect()
}

/// Returns the reason for the outcome of `expression`; empty if it has none.
///
/// # Panics
///
/// If there is no such objective.
#[must_use]
pub fn needs<'j>(json: &'j Value, expression: &str) -> &'j str {
    let objectives = json["objectives"].as_array().expect("objectives[]");
    let mut own = objectives.iter();
    let own = own.find(|objective| objective["expression"] == expression);
    let own = own.expect("an objective of this expression");
    own["needs"].as_str().unwrap_or_default()
}
