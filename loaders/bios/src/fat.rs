//! The root directory of a FAT12 file system, for one file in one cluster (Microsoft's FAT specification 1.03).

/// Name of the configuration file as a directory has it: eight characters and three, padded with blanks.
pub const CONFIG_NAME: [u8; 11] = *b"FATHOM  CFG";

const ENTRY_LEN: usize = 32;

/// Bits of the attributes: volume label, directory. A piece of a long name has the first as well.
const VOLUME_LABEL: u8 = 0x08;
const DIRECTORY: u8 = 0x10;

/// A file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct File {
    /// Number of its first cluster; clusters are counted from 2. An empty file has none, and a 0 here.
    pub first_cluster: u32,
    /// Length in bytes.
    pub len: u32,
}

/// Finds the file `name` in a root directory.
#[must_use]
pub fn find(directory: &[u8], name: &[u8; 11]) -> Option<File> {
    // A zero instead of a name ends the directory.
    let used = directory
        .chunks_exact(ENTRY_LEN)
        .take_while(|entry| entry.first() != Some(&0));
    let mut found = used.filter_map(|entry| entry.first_chunk::<ENTRY_LEN>());
    found
        .find(|entry| entry.starts_with(name) && entry[11] & (VOLUME_LABEL | DIRECTORY) == 0)
        .map(|entry| File {
            first_cluster: u32::from(u16::from_le_bytes([entry[26], entry[27]])),
            len: u32::from_le_bytes([entry[28], entry[29], entry[30], entry[31]]),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &[u8; 11], attributes: u8, cluster: u16, len: u32) -> [u8; ENTRY_LEN] {
        let mut entry = [0; ENTRY_LEN];
        entry[..11].copy_from_slice(name);
        entry[11] = attributes;
        entry[26..28].copy_from_slice(&cluster.to_le_bytes());
        entry[28..].copy_from_slice(&len.to_le_bytes());
        entry
    }

    #[test]
    fn a_file_is_found_by_its_name_wherever_it_stands() {
        let directory = [
            entry(b"FATHOM     ", VOLUME_LABEL, 0, 0),
            entry(b"EFI        ", DIRECTORY, 2, 0),
            // Deleted; a piece of a long name; a directory and a label of that name.
            entry(b"\xe5ATHOM  CFG", 0x20, 3, 1),
            entry(&CONFIG_NAME, 0x0f, 3, 2),
            entry(&CONFIG_NAME, DIRECTORY, 3, 3),
            entry(&CONFIG_NAME, VOLUME_LABEL, 3, 4),
            entry(&CONFIG_NAME, 0x20, 0x1f7, 0x123),
        ]
        .concat();
        let found = find(&directory, &CONFIG_NAME).unwrap();
        assert_eq!((found.first_cluster, found.len), (0x1f7, 0x123));
        assert_eq!(find(&directory[..6 * ENTRY_LEN], &CONFIG_NAME), None);
    }

    #[test]
    fn nothing_is_found_behind_the_end_of_a_directory() {
        let file = entry(&CONFIG_NAME, 0x20, 3, 1);
        let directory = [[0; ENTRY_LEN], file].concat();
        assert_eq!(find(&directory, &CONFIG_NAME), None);
        assert_eq!(find(&file[..31], &CONFIG_NAME), None);
    }
}
