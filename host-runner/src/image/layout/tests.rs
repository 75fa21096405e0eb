//! The layout of disks, written and read back.

use proptest::prelude::*;

use super::super::sample_parts;
use super::*;

#[test]
fn the_disk_has_what_both_firmwares_look_for() {
    let parts = sample_parts::parts();
    let mut disk = build(&parts.borrowed(), None).unwrap();
    assert_eq!(disk.len(), 1 << 20);
    let place = partition::find(&mut disk).unwrap();
    assert_eq!((place.first_lba, place.sectors), (64, 2048 - 33 - 64));
    assert_eq!(place.name, format!("Fathom {VERSION}"));
    let volume = Volume::open(&disk, &place).unwrap();
    assert_eq!(volume.cluster_bytes(), CLUSTER);
    assert_eq!(volume.data_lba % 8, 0, "clusters lie on pages");
    for (path, content) in [(CONFIG_FILE, &parts.config), (BOOT_FILE, &parts.efi)] {
        let file = volume.find(&disk, path).unwrap().unwrap();
        assert_eq!(&volume.read(&disk, &file).unwrap(), content, "{path}");
        assert!(volume.first_sector(&disk, &file).unwrap().is_some());
    }
    assert_eq!(
        &disk.bytes_at(0, parts.boot_sector.len()).unwrap(),
        &parts.boot_sector
    );
}

#[test]
fn the_second_stage_learns_where_everything_is() {
    let parts = sample_parts::parts();
    let disk = build(&parts.borrowed(), None).unwrap();
    let code = disk.bytes_at(34 * 512, parts.second_stage.len()).unwrap();
    let at = sample_parts::PATCH_AREA;
    assert_eq!(&code[..at], &parts.second_stage[..at]);
    assert_eq!(&code[at..at + 8], b"FTHMBOOT");
    let fields: Vec<u64> = code[at + 8..at + 36]
        .chunks(4)
        .map(|bytes| u64::from(u32::from_le_bytes(bytes.try_into().unwrap())))
        .collect();
    assert_eq!(&code[at + 36..], &parts.second_stage[at + 36..]);
    let [
        elf_lba,
        elf_offset,
        elf_len,
        root_lba,
        root_sectors,
        data_lba,
        per_cluster,
    ] = fields[..].try_into().unwrap();
    assert_eq!(elf_offset, 0);
    let elf = disk.bytes_at(elf_lba * 512, elf_len as usize).unwrap();
    assert!(elf == parts.elf, "the loader reads the ELF file");
    // As the loader does: the name in the root directory, then one cluster.
    let root = disk
        .bytes_at(root_lba * 512, root_sectors as usize * 512)
        .unwrap();
    let entry = root
        .chunks(32)
        .find(|entry| entry.starts_with(b"FATHOM  CFG"))
        .expect("FATHOM.CFG in the root directory");
    let cluster = u64::from(u16::from_le_bytes([entry[26], entry[27]]));
    let text_at = (data_lba + (cluster - 2) * per_cluster) * 512;
    let text = disk.bytes_at(text_at, parts.config.len()).unwrap();
    assert_eq!(text, parts.config);
}

#[test]
fn the_same_parts_make_the_same_bytes_and_others_do_not() {
    let parts = sample_parts::parts();
    let bytes = |parts: &sample_parts::Parts| {
        let disk = build(&parts.borrowed(), None).unwrap();
        disk.bytes_at(0, disk.len() as usize).unwrap()
    };
    assert!(bytes(&parts) == bytes(&sample_parts::parts()));
    let mut other = sample_parts::parts();
    other.elf[600] ^= 1;
    other.efi = sample_parts::efi_with(&other.elf);
    let (one, two) = (bytes(&parts), bytes(&other));
    let guid = |bytes: &[u8]| bytes[512 + 56..512 + 72].to_vec();
    assert_ne!(guid(&one), guid(&two));
}

#[test]
fn a_larger_disk_has_its_copy_of_the_table_at_its_end() {
    let parts = sample_parts::parts();
    let disk = build(&parts.borrowed(), Some(1 << 30)).unwrap();
    assert_eq!(disk.len(), 1 << 30);
    assert_eq!(&disk.bytes_at((1 << 30) - 512, 8).unwrap(), b"EFI PART");
    assert!(disk.blocks().count() * CLUSTER < 1 << 20);
}

#[test]
fn incompatible_parts_are_refused() {
    let parts = sample_parts::parts();
    type Change = dyn Fn(&mut sample_parts::Parts);
    let refused = |change: &Change| {
        let mut parts = parts.clone();
        change(&mut parts);
        build(&parts.borrowed(), None).unwrap_err().to_string()
    };
    let cases: [(&Change, &str); 8] = [
        (&|parts| parts.elf[9] ^= 1, "does not hold this ELF"),
        (
            &|parts| parts.efi = parts.elf[..100].to_vec(),
            "does not hold this ELF",
        ),
        (&|parts| parts.boot_sector = vec![0x90; 441], "room for 440"),
        (&|parts| parts.second_stage.clear(), "FTHMBOOT once"),
        (
            &|parts| parts.second_stage.extend(PATCH_MAGIC),
            "FTHMBOOT once",
        ),
        (
            &|parts| parts.second_stage.resize(30 * 512 + 1, 0),
            "at most 15360",
        ),
        (&|parts| parts.config = vec![b'x'; 4097], "4097 bytes"),
        (&|parts| parts.efi.resize(20 << 20, 0), "too many for FAT12"),
    ];
    for (change, expected) in cases {
        let error = refused(change);
        assert!(error.contains(expected), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn parts_of_any_length_can_be_read_back(elf_len in 1_usize..3_000_000, config_len in 1..=CLUSTER) {
        let elf: Vec<u8> = (0..elf_len).map(|index| (index / 512) as u8 ^ index as u8 | 1).collect();
        let parts = sample_parts::Parts {
            efi: sample_parts::efi_with(&elf),
            elf,
            config: vec![b'c'; config_len],
            ..sample_parts::parts()
        };
        let mut disk = build(&parts.borrowed(), None).unwrap();
        let place = partition::find(&mut disk).unwrap();
        let volume = Volume::open(&disk, &place).unwrap();
        for (path, content) in [(CONFIG_FILE, &parts.config), (BOOT_FILE, &parts.efi)] {
            let file = volume.find(&disk, path).unwrap().unwrap();
            prop_assert!(&volume.read(&disk, &file).unwrap() == content);
        }
        prop_assert!(disk.len() - (parts.efi.len() as u64) < 2 << 20);
    }
}
