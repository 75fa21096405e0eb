//! qcow2 files, written and read back, foreign and damaged.

use proptest::prelude::*;

use super::*;

fn written(disk: &Disk) -> Vec<u8> {
    let mut file = Vec::new();
    write(disk, &mut file).unwrap();
    file
}

/// A disk of `len` bytes with something at each of `offsets`.
fn disk_with(len: u64, offsets: &[u64]) -> Disk {
    let mut disk = Disk::new(len);
    for &offset in offsets {
        disk.write_at(offset, b"something").unwrap();
    }
    disk
}

/// Compares what is on two disks, whatever was written there and removed again.
fn is_same(one: &Disk, other: &Disk) -> bool {
    one.len() == other.len() && one.blocks().eq(other.blocks())
}

#[test]
fn empty_clusters_take_no_space() {
    let file = written(&Disk::new(1 << 20));
    assert_eq!(
        file.len(),
        4 * BLOCK,
        "header, counts and their table, first table"
    );
    let disk = disk_with(1 << 30, &[0, 5000, (1 << 30) - 9]);
    let file = written(&disk);
    assert_eq!(file.len(), (4 + 2 + 3) * BLOCK);
    assert!(is_same(&read(&file).unwrap(), &disk));
}

#[test]
fn many_clusters_have_many_reference_counts() {
    let offsets: Vec<u64> = (0..5000).map(|index| index * 3 * CLUSTER).collect();
    let disk = disk_with(61 << 20, &offsets);
    let file = written(&disk);
    assert!(is_same(&read(&file).unwrap(), &disk));
    // Every cluster of the file is counted once, and none beyond.
    let clusters = file.len() / BLOCK;
    let blocks = word(&file, Some(CLUSTER)).unwrap() as usize;
    let counts = file[blocks..]
        .chunks(2)
        .map(|chunk| u16::from_be_bytes([chunk[0], chunk[1]]));
    let counts: Vec<u16> = counts
        .take(clusters.next_multiple_of(COUNTS as usize))
        .collect();
    assert!(counts[..clusters].iter().all(|&count| count == 1));
    assert!(counts[clusters..].iter().all(|&count| count == 0));
}

#[test]
fn unsupported_features_are_named() {
    let disk = disk_with(1 << 20, &[0]);
    let mut entry_at = None;
    let file = written(&disk);
    for at in (BLOCK..file.len()).step_by(8) {
        // The entry of the one cluster of data, the last of the file.
        if word(&file, Some(at as u64)).unwrap() & OFFSET == (file.len() - BLOCK) as u64 {
            entry_at = Some(at);
        }
    }
    let cases: [(usize, u8, &str); 8] = [
        (15, 1, "backing file"),
        (35, 1, "encrypted"),
        (63, 1, "snapshots"),
        (79, 4, "features"),
        (7, 9, "version 2 or 3"),
        (24, 1, "larger than 64 GiB"),
        (23, 40, "damaged"),
        (entry_at.unwrap(), 0x40, "compressed"),
    ];
    for (at, value, expected) in cases {
        let mut changed = file.clone();
        changed[at] = value;
        let error = read(&changed).unwrap_err().to_string();
        assert!(error.contains(expected), "{at}: {error}");
    }
}

#[test]
fn a_truncated_image_is_refused_wherever_it_ends() {
    let file = written(&disk_with(1 << 20, &[0, 500_000, (1 << 20) - 9]));
    for len in (0..file.len()).step_by(97) {
        assert!(read(&file[..len]).is_err(), "{len}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_disk_is_read_back(
        len in 1_u64..20_000_000,
        offsets in proptest::collection::vec(any::<u64>(), 0..50),
    ) {
        let len = len + 9;
        let offsets: Vec<u64> = offsets.iter().map(|offset| offset % (len - 9)).collect();
        let disk = disk_with(len, &offsets);
        prop_assert!(is_same(&read(&written(&disk)).unwrap(), &disk));
    }

    #[test]
    fn no_change_of_an_image_makes_reading_it_panic(
        changes in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..8),
        is_in_header in any::<bool>(),
    ) {
        let mut file = written(&disk_with(1 << 20, &[0, 500_000]));
        let range = if is_in_header { HEADER } else { file.len() };
        for (at, value) in changes {
            file[at % range] = value;
        }
        let _ = read(&file);
    }
}
