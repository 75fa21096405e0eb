//! Kernel modules that a guest needs for its network device, in the order in which they load.
//!
//! A module names those that it needs in its section `.modinfo`, as `depends=a,b`: strings that end
//! with a zero byte, one after another. Debian's package comes without the index that depmod makes
//! of them, so it is made here, for the few that matter.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use object::{Object as _, ObjectSection as _};

use super::SutError;
use crate::files::read as read_file;

/// Modules that bring up a virtio network device on PCI. A kernel that has one built in has no module of
/// that name.
const ROOTS: [&str; 2] = ["virtio_pci", "virtio_net"];

/// The most bytes that a module may have.
const MAX_MODULE: u64 = 64 << 20;

/// A kernel module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    /// Name.
    pub name: String,
    /// File's content.
    pub content: Vec<u8>,
}

/// The modules in and below `directory` that a virtio network device needs, in the order in which
/// they are to be loaded; none if the kernel has them built in.
///
/// # Errors
///
/// [`SutError`] if one of them can't be read, or needs one that is not there.
pub fn find(directory: &Path) -> Result<Vec<Module>, SutError> {
    let files = files(directory).map_err(|source| SutError::Missing {
        what: "directory of kernel modules",
        path: directory.to_owned(),
        remedy: "run `make linux-guest`, or name another with `--modules DIR`",
        source,
    })?;
    let mut read = BTreeMap::new();
    let mut pending: Vec<String> = ROOTS.map(str::to_owned).to_vec();
    while let Some(name) = pending.pop() {
        let Some(path) = files.get(&name).filter(|_| !read.contains_key(&name)) else {
            continue;
        };
        let content = read_file(path, MAX_MODULE).map_err(|source| SutError::Missing {
            what: "kernel module",
            path: path.clone(),
            remedy: "run `make linux-guest` again",
            source,
        })?;
        let needs = needs(path, &content)?;
        pending.extend(needs.iter().cloned());
        read.insert(name, (needs, content));
    }
    let needs = read
        .iter()
        .map(|(name, (needs, _))| (name.clone(), needs.clone()));
    let order = order(&needs.collect())?;
    let modules = order.into_iter().filter_map(|name| {
        let (_, content) = read.remove(&name)?;
        Some(Module { name, content })
    });
    Ok(modules.collect())
}

/// The module files in and below `directory`, by their modules' names. In names, `-` and `_` are
/// the same.
fn files(directory: &Path) -> std::io::Result<BTreeMap<String, PathBuf>> {
    let mut found = BTreeMap::new();
    let mut pending = vec![directory.to_owned()];
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                pending.push(entry.path());
            } else if let Some((name, "" | ".xz" | ".zst" | ".gz")) = entry
                .file_name()
                .to_str()
                .and_then(|name| name.split_once(".ko"))
            {
                found.insert(name.replace('-', "_"), entry.path());
            }
        }
    }
    Ok(found)
}

/// The modules that the module at `path` needs.
fn needs(path: &Path, content: &[u8]) -> Result<Vec<String>, SutError> {
    let bad = |reason: &str| SutError::BadModule {
        path: path.to_owned(),
        reason: reason.to_owned(),
    };
    if path.extension().is_none_or(|extension| extension != "ko") {
        return Err(bad("it is compressed; unpack it first"));
    }
    let elf = object::File::parse(content).map_err(|error| bad(&error.to_string()))?;
    let section = elf.section_by_name(".modinfo");
    let section = section.ok_or_else(|| bad("it has no section .modinfo"))?;
    let modinfo = section.data().map_err(|error| bad(&error.to_string()))?;
    Ok(depends(modinfo))
}

/// The names in `depends=`.
fn depends(modinfo: &[u8]) -> Vec<String> {
    let strings = modinfo.split(|&byte| byte == 0);
    let values = strings.filter_map(|string| string.strip_prefix(b"depends="));
    let names = values.flat_map(|value| value.split(|&byte| byte == b','));
    names
        .filter(|name| !name.is_empty())
        .map(|name| String::from_utf8_lossy(name).replace('-', "_"))
        .collect()
}

/// The names of all modules, each after those that it needs.
fn order(needs: &BTreeMap<String, Vec<String>>) -> Result<Vec<String>, SutError> {
    let mut order: Vec<String> = Vec::new();
    let is_needed_first = |order: &[String], name: &str| !order.iter().any(|module| module == name);
    while order.len() < needs.len() {
        let before = order.len();
        for (name, needed) in needs {
            if let Some(missing) = needed.iter().find(|needed| !needs.contains_key(*needed)) {
                return Err(SutError::ModuleMissing {
                    module: name.clone(),
                    needed: missing.clone(),
                });
            }
            let waits = needed.iter().any(|needed| is_needed_first(&order, needed));
            if !waits && is_needed_first(&order, name) {
                order.push(name.clone());
            }
        }
        if order.len() == before {
            // Each waits for another: a circle, which no kernel builds.
            let module = needs.keys().find(|name| is_needed_first(&order, name));
            let module = module.cloned().unwrap_or_default();
            return Err(SutError::ModuleMissing {
                needed: format!("{module} itself, in a circle"),
                module,
            });
        }
    }
    Ok(order)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(needs: &[(&str, &[&str])]) -> BTreeMap<String, Vec<String>> {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        needs
            .iter()
            .map(|&(name, needs)| (name.to_owned(), owned(needs)))
            .collect()
    }

    #[test]
    fn reads_what_a_module_depends_on() {
        let modinfo = b"license=GPL\0description=depends=nothing\0depends=virtio-ring,virtio\0\
                        vermagic=6.1.0 SMP\0";
        assert_eq!(depends(modinfo), ["virtio_ring", "virtio"]);
        assert!(depends(b"depends=\0name=x\0").is_empty());
        assert!(depends(b"").is_empty());
    }

    #[test]
    fn every_module_comes_after_those_it_needs() {
        let needs = map(&[
            ("virtio_net", &["virtio_ring", "virtio", "net_failover"]),
            ("virtio_pci", &["virtio_ring", "virtio"]),
            ("net_failover", &["failover"]),
            ("failover", &[]),
            ("virtio", &["virtio_ring"]),
            ("virtio_ring", &[]),
        ]);
        let order = order(&needs).unwrap();
        assert_eq!(order.len(), needs.len());
        let at = |name: &str| order.iter().position(|module| module == name).unwrap();
        for (name, needed) in &needs {
            for needed in needed {
                assert!(at(needed) < at(name), "{needed} before {name}: {order:?}");
            }
        }
    }

    #[test]
    fn a_missing_module_and_a_circle_are_named() {
        let error = order(&map(&[("virtio", &["virtio_ring"])])).unwrap_err();
        assert!(error.to_string().contains("virtio needs virtio_ring"));
        let error = order(&map(&[("a", &["b"]), ("b", &["a"]), ("c", &[])])).unwrap_err();
        assert!(error.to_string().contains("circle"), "{error}");
    }

    #[test]
    fn a_kernel_with_everything_built_in_needs_no_modules() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(find(directory.path()).unwrap(), []);
    }

    #[test]
    fn a_damaged_module_is_named_and_unneeded_ones_are_not_read() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("net")).unwrap();
        fs::write(directory.path().join("net/other.ko"), "no module").unwrap();
        assert_eq!(find(directory.path()).unwrap(), []);
        for (file, what) in [
            ("virtio-net.ko", "virtio-net.ko"),
            ("virtio_net.ko.xz", "compressed"),
        ] {
            let path = directory.path().join("net").join(file);
            fs::write(&path, "no module").unwrap();
            let error = find(directory.path()).unwrap_err();
            assert!(error.to_string().contains(what), "{error}");
            fs::remove_file(path).unwrap();
        }
    }
}
