//! Changes of the configuration file in raw and qcow2 images.

use std::fs;

use super::super::{Disk, config_file, layout, sample_parts};
use super::*;

fn disk() -> Disk {
    layout::build(&sample_parts::parts().borrowed(), None).unwrap()
}

#[test]
fn arguments_of_either_format_are_changed_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let disk = disk();
    let raw = disk.bytes_at(0, disk.len() as usize).unwrap();
    let mut qcow2 = Vec::new();
    qcow2::write(&disk, &mut qcow2).unwrap();
    for (name, bytes) in [("raw", raw), ("qcow2", qcow2)] {
        let path = dir.path().join(name);
        fs::write(&path, &bytes).unwrap();
        let long = format!("# {}\nip=dhcp\n", "x".repeat(4000));
        for text in ["port=9001\n", &long, "ip=dhcp\n"] {
            set(&path, text.as_bytes()).unwrap();
            let contents = contents::of(&path).unwrap();
            assert_eq!(contents.disk.unwrap().config, text);
        }
        // The first text again: as if nothing had been.
        assert!(fs::read(&path).unwrap() == bytes, "{name}");
    }
}

#[test]
fn a_link_goes_on_leading_to_the_image() {
    let dir = tempfile::tempdir().unwrap();
    let (path, link) = (dir.path().join("image"), dir.path().join("link"));
    let disk = disk();
    fs::write(&path, disk.bytes_at(0, disk.len() as usize).unwrap()).unwrap();
    std::os::unix::fs::symlink("image", &link).unwrap();
    set(&link, b"port=9001\n").unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(
        contents::of(&path).unwrap().disk.unwrap().config,
        "port=9001\n"
    );
}

#[test]
fn a_file_without_room_for_arguments_is_refused_and_unchanged() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let parts = sample_parts::parts();
    let disk = disk();
    let raw = disk.bytes_at(0, disk.len() as usize).unwrap();
    let mut damaged = raw.clone();
    let at = raw
        .windows(11)
        .position(|window| window == b"FATHOM  CFG")
        .unwrap();
    damaged[at + 26] = 0xff;
    let mut none = damaged.clone();
    none[at + 27] = 0x0f;
    let expected = [
        (parts.elf, "takes its arguments where it is started"),
        (parts.efi, "takes its arguments where it is started"),
        (raw[..100_000].to_vec(), "no image of Fathom's"),
        (damaged, "file allocation table is damaged"),
        (none, "FATHOM.CFG on its EFI system partition is damaged"),
        (b"text".to_vec(), "no image of Fathom's"),
    ];
    let text = config_file::from_arguments(["port=9001"]).unwrap();
    for (bytes, expected) in expected {
        fs::write(&path, &bytes).unwrap();
        let error = set(&path, text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert!(fs::read(&path).unwrap() == bytes, "{expected}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}

/// The image with a configuration file of `len` bytes, as another program would write it.
fn with_config(len: usize) -> Vec<u8> {
    let mut disk = disk();
    {
        // The file system alone, for the crate that writes it.
        let start = 64 * 512;
        let bytes = disk.bytes_at(start, (2048 - 33 - 64) * 512).unwrap();
        let mut volume = std::io::Cursor::new(bytes);
        let files = fatfs::FileSystem::new(&mut volume, fatfs::FsOptions::new()).unwrap();
        let mut file = files.root_dir().open_file("FATHOM.CFG").unwrap();
        file.truncate().unwrap();
        std::io::Write::write_all(&mut file, &vec![b'#'; len]).unwrap();
        drop(file);
        files.unmount().unwrap();
        disk.write_at(start, &volume.into_inner()).unwrap();
    }
    disk.bytes_at(0, disk.len() as usize).unwrap()
}

#[test]
fn an_empty_file_gets_a_cluster_and_a_long_one_keeps_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("image");
    let free = || {
        let bytes = fs::read(&path).unwrap();
        let volume = std::io::Cursor::new(bytes[64 * 512..2015 * 512].to_vec());
        let files = fatfs::FileSystem::new(volume, fatfs::FsOptions::new()).unwrap();
        files.stats().unwrap().free_clusters()
    };
    for (len, freed) in [(0, -1), (1, 0), (4096, 0), (4097, 1), (20_000, 4)] {
        fs::write(&path, with_config(len)).unwrap();
        let before = free();
        set(&path, b"port=9001\n").unwrap();
        let contents = contents::of(&path).unwrap();
        assert_eq!(contents.disk.unwrap().config, "port=9001\n", "{len}");
        assert_eq!(free(), before.checked_add_signed(freed).unwrap(), "{len}");
    }
}
