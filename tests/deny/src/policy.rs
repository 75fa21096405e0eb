//! `deny.toml`, and what it denies.

use std::collections::BTreeMap;

use serde::Deserialize;
use spdx::{Expression, ParseMode};

use crate::metadata::{Metadata, Package};

/// Rules for dependencies.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    licenses: Licenses,
    bans: Bans,
    sources: Sources,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Licenses {
    /// SPDX identifiers of the licences that are accepted.
    allow: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Bans {
    multiple_versions: Level,
    wildcards: Level,
    allow_wildcard_paths: bool,
    skip: Vec<Skip>,
}

/// An older version that may stand beside a newer one.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Skip {
    /// `NAME:VERSION`, where the version may be cut off after any part.
    #[serde(rename = "crate")]
    package: String,
    reason: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Sources {
    unknown_registry: Level,
    unknown_git: Level,
    allow_registry: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Level {
    Allow,
    Deny,
}

impl Policy {
    /// Returns what is denied of a workspace's dependencies; adds to `skipped` the entries of `skip` that apply.
    pub fn check(&self, metadata: &Metadata, skipped: &mut Vec<String>) -> Vec<String> {
        let mut findings = Vec::new();
        for package in &metadata.packages {
            findings.extend(self.license(package));
            findings.extend(self.source(package));
            findings.extend(self.wildcards(package));
        }
        findings.extend(self.versions(&metadata.packages, skipped));
        findings
    }

    /// Returns the entries of `skip` that no workspace needs, or that have no reason.
    pub fn useless_skips(&self, skipped: &[String]) -> Vec<String> {
        let is_useless =
            |skip: &&Skip| !skipped.contains(&skip.package) || skip.reason.trim().is_empty();
        let useless = self.bans.skip.iter().filter(is_useless);
        useless
            .map(|skip| format!("deny.toml: `skip` needs no {}, or a reason", skip.package))
            .collect()
    }

    fn license(&self, package: &Package) -> Option<String> {
        let Package {
            name,
            version,
            license,
            ..
        } = package;
        let Some(license) = license else {
            return Some(format!("{name} {version} states no licence"));
        };
        let allowed = |identifier: &str| {
            self.licenses
                .allow
                .iter()
                .any(|license| license == identifier)
        };
        match Expression::parse_mode(license, ParseMode::LAX) {
            Ok(expression) if expression.evaluate(|license| allowed(&license.to_string())) => None,
            Ok(_) => Some(format!(
                "{name} {version}: licence {license} is not accepted"
            )),
            Err(error) => Some(format!("{name} {version}: licence {license}: {error}")),
        }
    }

    fn source(&self, package: &Package) -> Option<String> {
        let source = package.source.as_deref()?;
        let is_known = match source.split_once('+') {
            Some(("registry" | "sparse", registry)) => {
                self.sources.unknown_registry == Level::Allow
                    || self
                        .sources
                        .allow_registry
                        .iter()
                        .any(|allowed| allowed == registry)
            }
            _ => self.sources.unknown_git == Level::Allow,
        };
        let Package { name, version, .. } = package;
        (!is_known).then(|| format!("{name} {version} comes from {source}"))
    }

    fn wildcards(&self, package: &Package) -> Vec<String> {
        if package.source.is_some() || self.bans.wildcards == Level::Allow {
            return Vec::new();
        }
        let dependencies = package
            .dependencies
            .iter()
            .filter(|dependency| dependency.req == "*");
        dependencies
            .filter(|dependency| dependency.path.is_none() || !self.bans.allow_wildcard_paths)
            .map(|dependency| {
                format!(
                    "{}: any version of {} will do",
                    package.name, dependency.name
                )
            })
            .collect()
    }

    fn versions(&self, packages: &[Package], skipped: &mut Vec<String>) -> Vec<String> {
        let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for package in packages {
            versions
                .entry(&package.name)
                .or_default()
                .push(&package.version);
        }
        let mut findings = Vec::new();
        for (name, mut versions) in versions {
            if versions.len() < 2 || self.bans.multiple_versions == Level::Allow {
                continue;
            }
            versions.retain(|version| {
                let skip = self.bans.skip.iter().find(|ban| ban.names(name, version));
                skipped.extend(skip.map(|skip| skip.package.clone()));
                skip.is_none()
            });
            if versions.len() > 1 {
                findings.push(format!(
                    "{name} in {} versions: {}",
                    versions.len(),
                    versions.join(", ")
                ));
            }
        }
        findings
    }
}

impl Skip {
    fn names(&self, name: &str, version: &str) -> bool {
        self.package
            .split_once(':')
            .is_some_and(|(skipped, start)| {
                skipped == name
                    && version
                        .strip_prefix(start)
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = r#"
[licenses]
allow = ["MIT", "Apache-2.0", "Zlib"]
[bans]
multiple-versions = "deny"
wildcards = "deny"
allow-wildcard-paths = true
skip = [{ crate = "old:1", reason = "a test" }, { crate = "gone:1", reason = "a test" }]
[sources]
unknown-registry = "deny"
unknown-git = "deny"
allow-registry = ["https://example.org/index"]
"#;

    fn package(name: &str, version: &str, license: Option<&str>, source: Option<&str>) -> Package {
        Package {
            name: name.to_owned(),
            version: version.to_owned(),
            license: license.map(str::to_owned),
            source: source.map(str::to_owned),
            dependencies: Vec::new(),
        }
    }

    fn check(packages: Vec<Package>) -> Vec<String> {
        let policy: Policy = toml::from_str(POLICY).unwrap();
        policy.check(&Metadata { packages }, &mut Vec::new())
    }

    #[test]
    fn licences_are_expressions() {
        for (license, is_accepted) in [
            (Some("MIT"), true),
            (Some("MIT/GPL-3.0"), true),
            (Some("GPL-3.0 OR Apache-2.0 / MIT"), true),
            (Some("MIT AND Zlib"), true),
            (Some("MIT AND GPL-3.0"), false),
            (Some("GPL-3.0"), false),
            (Some("no licence of all"), false),
            (None, false),
        ] {
            let found = check(vec![package("a", "1.0.0", license, None)]);
            assert_eq!(found.is_empty(), is_accepted, "{license:?}: {found:?}");
        }
    }

    #[test]
    fn sources_are_known_registries() {
        for (source, is_known) in [
            (None, true),
            (Some("registry+https://example.org/index"), true),
            (Some("registry+https://example.com/index"), false),
            (Some("git+https://example.org/index"), false),
        ] {
            let found = check(vec![package("a", "1.0.0", Some("MIT"), source)]);
            assert_eq!(found.is_empty(), is_known, "{source:?}: {found:?}");
        }
    }

    #[test]
    fn one_version_of_a_crate_is_enough_but_for_those_skipped() {
        let both = |name: &str| {
            check(vec![
                package(name, "1.2.3", Some("MIT"), None),
                package(name, "2.0.0", Some("MIT"), None),
            ])
        };
        assert_eq!(both("old"), Vec::<String>::new());
        assert_eq!(both("new"), ["new in 2 versions: 1.2.3, 2.0.0"]);
        let skip = |package: &str| Skip {
            package: package.to_owned(),
            reason: String::new(),
        };
        assert!(!skip("old:1").names("old", "10.0.0"));
        assert!(skip("old:1.2").names("old", "1.2.9"));
    }

    #[test]
    fn entries_that_nothing_needs_are_found() {
        let policy: Policy = toml::from_str(POLICY).unwrap();
        let found = policy.useless_skips(&["old:1".to_owned()]);
        assert!(found.len() == 1 && found[0].contains("gone:1"), "{found:?}");
    }

    #[test]
    fn dependencies_have_a_version_unless_they_are_in_the_repository() {
        let asks = |path: Option<&str>| {
            let mut asking = package("a", "1.0.0", Some("MIT"), None);
            asking.dependencies.push(crate::metadata::Dependency {
                name: "b".to_owned(),
                req: "*".to_owned(),
                path: path.map(str::to_owned),
            });
            check(vec![asking])
        };
        assert_eq!(asks(Some("/b")), Vec::<String>::new());
        assert_eq!(asks(None), ["a: any version of b will do"]);
    }
}
