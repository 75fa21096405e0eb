//! Paths of the built programs. The tests run what `make build` built, and build nothing.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};

/// The repository's root.
#[must_use]
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The unikernel image.
///
/// # Panics
///
/// If it is not there.
#[must_use]
pub fn image() -> PathBuf {
    artefact("target/fathom.elf")
}

/// The image of an example of a service.
///
/// # Panics
///
/// If it is not there.
#[must_use]
pub fn example(name: &str) -> PathBuf {
    let path = root().join(format!("target/examples/{name}.elf"));
    path.canonicalize()
        .unwrap_or_else(|_| panic!("there is no {}: run `make examples` first", path.display()))
}

/// A file of the loaders, or with an empty name their directory.
///
/// # Panics
///
/// If it is not there.
#[must_use]
pub fn loader(name: &str) -> PathBuf {
    artefact(&format!("target/loaders/{name}"))
}

/// The `fathom` command.
///
/// # Panics
///
/// If it is not there.
#[must_use]
pub fn fathom() -> PathBuf {
    artefact("target/release/fathom")
}

/// The program that reads configurations of machine monitors by the types of their APIs.
///
/// # Panics
///
/// If it is not there.
#[must_use]
pub fn vmm_types() -> PathBuf {
    let path = root().join("target/vmm-types/debug/vmm-types");
    assert!(
        path.exists(),
        "there is no {}: run `make vmm-types` first",
        path.display()
    );
    path
}

/// The QEMU that the tests start themselves: `FATHOM_QEMU`, as for `fathom`.
#[must_use]
pub fn qemu() -> PathBuf {
    std::env::var_os("FATHOM_QEMU")
        .filter(|program| !program.is_empty())
        .map_or_else(|| PathBuf::from("qemu-system-x86_64"), PathBuf::from)
}

fn artefact(path: &str) -> PathBuf {
    let path = root().join(path);
    path.canonicalize()
        .unwrap_or_else(|_| panic!("there is no {}: run `make build` first", path.display()))
}
