//! Numbers that the disk's writer puts into the second stage: little-endian 32-bit numbers behind the eight bytes
//! `FTHMBOOT`, by which it finds the place.

/// Number of fields.
pub const FIELDS: usize = 7;

/// Places on the disk. Sectors are counted from the disk's first (LBA).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// First sector of the ELF file.
    pub elf_lba: u32,
    /// Offset of its beginning in that sector, in bytes.
    pub elf_offset_in_sector: u32,
    /// Length of the ELF file, which is contiguous, in bytes.
    pub elf_bytes: u32,
    /// First sector of the root directory.
    pub root_dir_lba: u32,
    /// Length of the root directory, in sectors.
    pub root_dir_sectors: u32,
    /// First sector of the first cluster.
    pub fat_first_data_lba: u32,
    /// Length of a cluster, in sectors.
    pub sectors_per_cluster: u32,
}

impl Parameters {
    /// Makes sense of the fields; `None` if nobody filled them in.
    #[must_use]
    pub const fn new(fields: [u32; FIELDS]) -> Option<Self> {
        let [
            elf_lba,
            elf_offset_in_sector,
            elf_bytes,
            root_dir_lba,
            root_dir_sectors,
            fat_first_data_lba,
            sectors_per_cluster,
        ] = fields;
        if elf_lba == 0 || elf_offset_in_sector as usize >= crate::SECTOR_LEN || elf_bytes == 0 {
            return None;
        }
        Some(Self {
            elf_lba,
            elf_offset_in_sector,
            elf_bytes,
            root_dir_lba,
            root_dir_sectors,
            fat_first_data_lba,
            sectors_per_cluster,
        })
    }

    /// Returns the first sector of a cluster; `None` if there is no such cluster.
    #[must_use]
    pub fn cluster_lba(&self, cluster: u32) -> Option<u32> {
        let before = cluster
            .checked_sub(2)?
            .checked_mul(self.sectors_per_cluster)?;
        self.fat_first_data_lba.checked_add(before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_that_nobody_filled_in_are_none() {
        assert_eq!(Parameters::new([0; FIELDS]), None);
        assert_eq!(Parameters::new([1, 512, 1, 0, 0, 0, 0]), None);
        assert_eq!(Parameters::new([1, 0, 0, 0, 0, 0, 0]), None);
    }

    #[test]
    fn clusters_are_counted_from_two() {
        let parameters = Parameters::new([100, 0, 1, 66, 4, 70, 8]).unwrap();
        assert_eq!(parameters.cluster_lba(2), Some(70));
        assert_eq!(parameters.cluster_lba(5), Some(94));
        assert_eq!(parameters.cluster_lba(1), None);
        assert_eq!(parameters.cluster_lba(u32::MAX), None);
    }
}
