//! Contents of image files, whole, foreign and damaged.

use std::fs;

use proptest::prelude::*;

use super::super::{layout, sample_parts};
use super::*;

fn disk_bytes() -> Vec<u8> {
    let parts = sample_parts::parts();
    let disk = layout::build(&parts.borrowed(), None).unwrap();
    disk.bytes_at(0, disk.len() as usize).unwrap()
}

fn of_bytes(bytes: &[u8]) -> Result<Contents, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    fs::write(&path, bytes).unwrap();
    of(&path).map_err(|error| error.to_string())
}

#[test]
fn every_format_says_what_it_holds() {
    let parts = sample_parts::parts();
    let raw = disk_bytes();
    let disk = Disk::from_bytes(&raw).unwrap();
    let mut qcow2 = Vec::new();
    qcow2::write(&disk, &mut qcow2).unwrap();
    let elf_len = Elf::read(&parts.elf).unwrap().len;
    for (bytes, format) in [
        (&raw, Format::Raw),
        (&qcow2, Format::Qcow2),
        (&parts.efi, Format::Efi),
        (&parts.elf, Format::Elf),
    ] {
        let contents = of_bytes(bytes).unwrap();
        assert_eq!(contents.format, format);
        assert_eq!(contents.sha256, sha256(bytes));
        let (elf, digest) = contents.elf.unwrap();
        assert_eq!(elf.len, elf_len);
        if format != Format::Elf {
            assert_eq!(digest, sha256(&parts.elf[..elf_len]));
        }
        let is_disk = matches!(format, Format::Raw | Format::Qcow2);
        assert_eq!(contents.disk.is_some(), is_disk);
        if let Some(disk) = contents.disk {
            assert_eq!(disk.len, 1 << 20);
            assert_eq!(disk.config.as_bytes(), parts.config);
            let mut files = disk.files;
            files.sort_by(|one, other| one.path.cmp(&other.path));
            let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
            assert_eq!(paths, [BOOT_FILE, CONFIG_FILE]);
            assert_eq!(files[0].sha256, sha256(&parts.efi));
            assert_eq!(files[1].len, parts.config.len() as u64);
        }
    }
}

#[test]
fn other_files_are_named_for_what_they_are() {
    let raw = disk_bytes();
    let mut no_table = raw.clone();
    no_table[512..1024].fill(0);
    let mut no_config = raw.clone();
    let at = raw
        .windows(11)
        .position(|window| window == b"FATHOM  CFG")
        .unwrap();
    no_config[at] = b'X';
    let mut no_file_system = raw.clone();
    no_file_system[64 * 512..65 * 512].fill(0);
    for (bytes, expected) in [
        (&b"text"[..], "neither a disk image"),
        (&b""[..], "neither a disk image"),
        (&b"\x1f\x8b\x08"[..], "compressed"),
        (&no_table, "no valid GPT partition table"),
        (&no_config, "no FATHOM.CFG"),
        (&no_file_system, "no FAT12 file system"),
        (&raw[..700 * 512], "ends beyond the disk"),
        (&b"\x7fELF"[..], "no 64-bit x86-64 ELF"),
    ] {
        let error = of_bytes(bytes).unwrap_err();
        assert!(error.contains(expected), "{expected}: {error}");
        assert!(error.contains("no image of Fathom's"), "{error}");
    }
}

#[test]
fn a_chain_of_clusters_without_end_ends() {
    let mut raw = disk_bytes();
    let fat = 65 * 512;
    // Cluster 4 leads to itself: twelve bits of an even entry.
    for cluster in [2, 3, 4, 5_usize] {
        let at = fat + cluster * 3 / 2;
        let entry = match cluster % 2 {
            0 => [cluster as u8, raw[at + 1] & 0xf0],
            _ => [raw[at] & 0x0f | (cluster as u8) << 4, 0],
        };
        raw[at..at + 2].copy_from_slice(&entry);
    }
    let error = of_bytes(&raw).unwrap_err();
    assert!(
        error.contains("file allocation table is damaged"),
        "{error}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_change_of_a_disk_makes_reading_it_panic(
        changes in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..10),
        where_to in 0_usize..3,
    ) {
        // The file system's first sectors, its directories, or the partition table.
        let (start, len) = [(64 * 512, 512), (65 * 512, 15 * 512), (0, 3 * 512)][where_to];
        let mut raw = disk_bytes();
        for (at, value) in changes {
            raw[start + at % len] = value;
        }
        if let Ok(image) = DiskImage::open(Format::Raw, &raw) {
            let _ = image.files();
            let _ = image.config();
        }
    }

    #[test]
    fn a_truncated_disk_is_refused(len in 0_usize..(1 << 20) - 34 * 512) {
        prop_assert!(DiskImage::open(Format::Raw, &disk_bytes()[..len]).is_err());
    }
}
