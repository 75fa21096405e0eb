//! The part of `cargo metadata` that the policy is about.

use serde::Deserialize;

/// A workspace and all that it depends on.
#[derive(Clone, Debug, Deserialize)]
pub struct Metadata {
    /// The workspace's own packages and every dependency's.
    pub packages: Vec<Package>,
}

/// A package.
#[derive(Clone, Debug, Deserialize)]
pub struct Package {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// Licences, as an SPDX expression.
    pub license: Option<String>,
    /// Registry that it comes from; `None` if it is a directory of the repository.
    pub source: Option<String>,
    /// Dependencies.
    pub dependencies: Vec<Dependency>,
}

/// A dependency as a manifest states it.
#[derive(Clone, Debug, Deserialize)]
pub struct Dependency {
    /// The package's name.
    pub name: String,
    /// The versions that will do.
    pub req: String,
    /// The directory that it is in, if it is given by its path.
    pub path: Option<String>,
}
