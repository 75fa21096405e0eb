//! Fuzz target: images that somebody else wrote. Reading them ends, takes no more memory than there may be, and a
//! configuration that is replaced in one reads back as it was written.
//!
//! An input is a byte that says what the rest is ([`kind`]): the bytes of a file, or changes to an image of our own,
//! each a sector, an offset there, and counted bytes.

use std::sync::OnceLock;

use fathom::image::contents::{DiskImage, Format};
use fathom::image::kernel::{self, Elf};
use fathom::image::layout::{self, PATCH_MAGIC, Parts};
use fathom::image::{CONFIG_FILE, Disk, MAX_KEPT_BYTES, config_file, qcow2};
use flate2::Crc;
use fuzz_harness::{Input, Target, put_counted};

/// The target.
pub const TARGET: Target = Target {
    name: "disk_images",
    run,
    seeds,
};

/// Content of an input.
mod kind {
    pub const FILE: u8 = 0;
    pub const RAW: u8 = 1;
    pub const QCOW2: u8 = 2;
    pub const DISK: u8 = 3;
    pub const CONFIG: u8 = 4;
    pub const COUNT: u8 = 5;
}

const SECTOR: usize = 512;

/// Configuration that is written into images.
const CONFIG: &[u8] = b"ip=10.0.2.15/24 port=9001\n";

/// A disk as `fathom image new` makes them, with programs of a few sectors.
fn ours() -> &'static Disk {
    static DISK: OnceLock<Disk> = OnceLock::new();
    DISK.get_or_init(|| {
        let elf = [&b"\x7fELF"[..], &[7; 996]].concat();
        let mut efi = b"MZ".to_vec();
        efi.resize(SECTOR, 0);
        efi.extend(&elf);
        let mut second_stage = PATCH_MAGIC.to_vec();
        second_stage.resize(400, 0xf4);
        let parts = Parts {
            elf: &elf,
            efi: &efi,
            boot_sector: &[0x90; 100],
            second_stage: &second_stage,
            config: b"ip=dhcp\n",
        };
        layout::build(&parts, None).expect("a disk")
    })
}

/// The same as a file, raw or in QEMU's format.
fn ours_as(format: Format) -> &'static [u8] {
    static FILES: OnceLock<[Vec<u8>; 2]> = OnceLock::new();
    let [raw, qcow2] = FILES.get_or_init(|| {
        let disk = ours();
        let mut in_qemus_format = Vec::new();
        qcow2::write(disk, &mut in_qemus_format).expect("memory");
        let len = usize::try_from(disk.len()).expect("a small disk");
        [disk.bytes_at(0, len).expect("all of it"), in_qemus_format]
    });
    match format {
        Format::Qcow2 => qcow2,
        _ => raw,
    }
}

fn run(data: &[u8]) {
    let mut input = Input::new(data);
    match input.u8() % kind::COUNT {
        kind::FILE => file(input.rest()),
        kind::RAW => {
            let mut bytes = ours_as(Format::Raw).to_vec();
            change(&mut bytes, input);
            mend_partition_table(&mut bytes);
            image(Format::Raw, &bytes);
        }
        kind::QCOW2 => {
            let mut bytes = ours_as(Format::Qcow2).to_vec();
            change(&mut bytes, input);
            image(Format::Qcow2, &bytes);
        }
        kind::DISK => round_trip(input),
        _ => config(input.rest()),
    }
}

/// Makes changes to an image.
fn change(bytes: &mut [u8], mut input: Input<'_>) {
    while !input.is_empty() {
        let at = usize::from(input.u16()) * SECTOR + usize::from(input.u16()) % SECTOR;
        let at = at % bytes.len();
        let change = input.counted();
        let len = change.len().min(bytes.len() - at);
        bytes[at..at + len].copy_from_slice(&change[..len]);
    }
}

/// Makes the checksums of a GPT right (UEFI 2.10 §5.3.2), so that its fields are read.
fn mend_partition_table(bytes: &mut [u8]) {
    const ENTRIES: std::ops::Range<usize> = 2 * SECTOR..34 * SECTOR;
    let crc = |bytes: &[u8]| {
        let mut crc = Crc::new();
        crc.update(bytes);
        crc.sum().to_le_bytes()
    };
    let of_entries = crc(&bytes[ENTRIES]);
    let header = &mut bytes[SECTOR..SECTOR + 92];
    header[88..92].copy_from_slice(&of_entries);
    header[16..20].fill(0);
    let of_header = crc(header);
    header[16..20].copy_from_slice(&of_header);
}

fn file(bytes: &[u8]) {
    match Format::of(bytes) {
        Ok(Format::Elf) => {
            if let Ok(elf) = Elf::read(bytes) {
                assert!(elf.len <= bytes.len());
            }
        }
        Ok(Format::Efi) => {
            kernel::check_efi(bytes).expect("what it was taken for");
            if let Some((offset, elf)) = kernel::within(bytes) {
                assert!(offset + elf.len <= bytes.len());
            }
        }
        Ok(format) => image(format, bytes),
        Err(what) => assert!(!what.is_empty()),
    }
}

/// Opens an image, lists it and replaces its configuration, as `fathom image show` and `set` do.
fn image(format: Format, bytes: &[u8]) {
    let Ok(mut image) = DiskImage::open(format, bytes) else {
        return;
    };
    assert!(image.disk.blocks().count() * fathom::image::BLOCK <= MAX_KEPT_BYTES);
    if let Ok(files) = image.files() {
        assert!(
            files
                .iter()
                .any(|(path, _)| path.eq_ignore_ascii_case(CONFIG_FILE))
        );
    }
    let _ = image.config();
    let _ = image.volume.first_sector(&image.disk, &image.config);
    if image
        .volume
        .replace(&mut image.disk, &image.config, CONFIG)
        .is_err()
    {
        return;
    }
    // A root directory that lies in its own file's cluster is overwritten with it.
    let found = image.volume.find(&image.disk, CONFIG_FILE);
    if let Ok(Some(config)) = found
        && config.len as usize == CONFIG.len()
        && let Ok(content) = image.volume.read(&image.disk, &config)
    {
        assert_eq!(content, CONFIG);
    }
}

/// Writes a disk in QEMU's format, and reads it back.
fn round_trip(mut input: Input<'_>) {
    let mut disk = Disk::new(u64::from(input.u32()) << (input.u8() % 4));
    while !input.is_empty() {
        let at = u64::from(input.u32());
        let bytes = input.counted();
        let fits = disk
            .len()
            .checked_sub(bytes.len() as u64)
            .is_some_and(|last| at <= last);
        assert_eq!(disk.write_at(at, bytes).is_ok(), fits);
    }
    let mut file = Vec::new();
    qcow2::write(&disk, &mut file).expect("memory");
    let read = qcow2::read(&file).expect("our own");
    assert_eq!(read.len(), disk.len());
    assert!(read.blocks().eq(disk.blocks()));
}

/// Reads a configuration file. What is accepted has no words that the service would refuse.
fn config(bytes: &[u8]) {
    if let Ok(text) = config_file::from_file(bytes.to_vec()) {
        assert!(config_file::words(&text).all(|word| !word.is_empty()));
        assert!(config_file::check(&text).is_ok(), "{text}");
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let change = |kind: u8, changes: &[(u16, u16, &[u8])]| {
        let mut seed = vec![kind];
        for (sector, offset, bytes) in changes {
            seed.extend([*sector, *offset].map(u16::to_le_bytes).as_flattened());
            put_counted(&mut seed, bytes);
        }
        seed
    };
    let mut disk = vec![kind::DISK];
    disk.extend((1_u32 << 24).to_le_bytes());
    disk.push(3);
    for at in [0_u32, 5000, 1 << 23] {
        disk.extend(at.to_le_bytes());
        put_counted(&mut disk, b"something");
    }
    // The partition, its file system's boot sector, allocation table and root directory.
    vec![
        change(kind::RAW, &[]),
        change(kind::RAW, &[(2, 32, &64_u64.to_le_bytes())]),
        change(kind::RAW, &[(64, 13, &[8, 1, 0, 2, 0, 2])]),
        change(kind::RAW, &[(65, 0, &[0xf8, 0xff, 0xff, 0xff, 0x4f, 0])]),
        change(
            kind::RAW,
            &[(67, 0, b"FATHOM  CFG"), (67, 26, &[2, 0, 9, 0, 0, 0])],
        ),
        change(kind::QCOW2, &[]),
        change(kind::QCOW2, &[(0, 4, &[0, 0, 0, 2])]),
        change(kind::QCOW2, &[(0, 20, &[0, 0, 0, 9])]),
        disk,
        [&[kind::CONFIG][..], b"\xef\xbb\xbfip=dhcp\r\nport=9001\n"].concat(),
        [&[kind::FILE][..], &ours_as(Format::Qcow2)[..104]].concat(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The image that is changed is one, and remains so where nothing is changed.
    #[test]
    fn images_of_our_own_are_read() {
        for format in [Format::Raw, Format::Qcow2] {
            let mut bytes = ours_as(format).to_vec();
            if format == Format::Raw {
                mend_partition_table(&mut bytes);
                assert_eq!(bytes, ours_as(format), "the checksums are what they were");
            }
            assert_eq!(Format::of(&bytes), Ok(format));
            let image = DiskImage::open(format, &bytes).expect("our own");
            assert_eq!(image.config().unwrap(), "ip=dhcp\n");
            assert_eq!(image.files().unwrap().len(), 2);
        }
    }
}
