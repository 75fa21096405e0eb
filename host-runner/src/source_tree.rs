//! Tests of the source tree: a file's name means one thing in its crate, and no module is a `mod.rs`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Names that say what a file is to its folder or its crate, in every crate.
const EXCEPTIONS: &[&str] = &["lib.rs", "main.rs", "error.rs", "tests.rs", "build.rs"];

/// Files of each crate, by the crate's directory.
type Crates = BTreeMap<PathBuf, Vec<PathBuf>>;

/// Adds the sources below `folder` to the innermost crate that they are in.
fn add_sources(folder: &Path, outer: &Path, crates: &mut Crates) {
    let own = if folder.join("Cargo.toml").exists() {
        folder
    } else {
        outer
    };
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            if name != "target" && !name.starts_with('.') {
                add_sources(&path, own, crates);
            }
        } else if name.ends_with(".rs") {
            crates.entry(own.to_owned()).or_default().push(path);
        }
    }
}

/// Returns the files of this repository's crates.
fn crates() -> Crates {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut crates = Crates::new();
    add_sources(&root, &root, &mut crates);
    crates
}

/// Returns the files that share their name with an earlier one, but for the exceptions.
fn repeated(files: &[PathBuf]) -> Vec<(&PathBuf, &PathBuf)> {
    let mut first = BTreeMap::new();
    let mut repeated = Vec::new();
    for file in files {
        let name = file.file_name().unwrap();
        if EXCEPTIONS.iter().any(|exception| name == *exception) {
            continue;
        }
        if let Some(earlier) = first.insert(name, file) {
            repeated.push((earlier, file));
        }
    }
    repeated
}

#[test]
fn no_file_name_means_two_things_in_a_crate() {
    let crates = crates();
    assert!(crates.len() >= 10, "{:?}", crates.keys());
    for (directory, files) in &crates {
        let repeated = repeated(files);
        assert!(repeated.is_empty(), "{}: {repeated:?}", directory.display());
    }
}

#[test]
fn a_repeated_name_is_found() {
    let [closed, open, other_open, error, other_error] = [
        "src/closed.rs",
        "src/open.rs",
        "src/load/open.rs",
        "src/error.rs",
        "src/load/error.rs",
    ]
    .map(PathBuf::from);
    let files = [closed, open.clone(), error, other_open.clone(), other_error];
    assert_eq!(repeated(&files), [(&open, &other_open)]);
}

#[test]
fn a_module_is_a_file_beside_its_folder() {
    let files = crates().into_values().flatten();
    let modules: Vec<PathBuf> = files.filter(|file| file.ends_with("mod.rs")).collect();
    assert!(modules.is_empty(), "{modules:?}");
}
