//! Sets of files: their manifest, their digests, and that they are there together or not at all.

use std::fs;

use serde_json::Value;

use super::super::sample_parts;
use super::*;
use crate::digest::sha256;

fn written(packages: &[Package]) -> (tempfile::TempDir, Vec<Made>) {
    let dir = tempfile::tempdir().unwrap();
    let directory = Directory::open(dir.path()).unwrap();
    let parts = sample_parts::parts();
    let made = write(&directory, &parts.borrowed(), packages, Some("0123")).unwrap();
    (dir, made)
}

#[test]
fn every_file_is_listed_with_its_digest() {
    let (dir, made) = written(&Package::ALL);
    let names: Vec<&str> = made.iter().map(|file| file.name).collect();
    let expected = [
        "fathom.elf",
        "fathom.efi",
        "fathom.img",
        "fathom.qcow2",
        "fathom-gce.tar.gz",
        "fathom-oci.tar",
        "manifest.json",
        "SHA256SUMS",
    ];
    assert_eq!(names, expected);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), expected.len());
    for file in &made {
        let bytes = fs::read(dir.path().join(file.name)).unwrap();
        assert_eq!(bytes.len() as u64, file.bytes, "{}", file.name);
        assert_eq!(sha256(&bytes), file.sha256, "{}", file.name);
    }
    let sums = fs::read_to_string(dir.path().join(SUMS)).unwrap();
    assert_eq!(sums.lines().count(), expected.len() - 1);
    for (line, file) in sums.lines().zip(&made) {
        assert_eq!(line, format!("{}  {}", file.sha256, file.name));
    }
    let manifest = fs::read(dir.path().join(MANIFEST)).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(manifest["version"], VERSION);
    assert_eq!(manifest["commit"], "0123");
    assert_eq!(manifest["arguments"], serde_json::json!(["ip=dhcp"]));
    let sectors = fs::read(dir.path().join("fathom.img")).unwrap();
    assert_eq!(sectors.len(), 1 << 20);
    assert_eq!(manifest["files"].as_array().unwrap().len(), 6);
    assert_eq!(
        manifest["files"][2]["boot"],
        serde_json::json!(["bios", "uefi"])
    );
}

#[test]
fn the_same_parts_make_the_same_files() {
    let [(_one, made), (_other, again)] = [(); 2].map(|()| written(&Package::ALL));
    assert_eq!(made, again);
}

#[test]
fn only_requested_formats_are_made() {
    let (dir, made) = written(&[Package::Qcow2]);
    assert_eq!(made.len(), 5);
    assert!(dir.path().join("fathom.qcow2").exists());
    assert!(!dir.path().join("fathom.img").exists());
}
