//! GUIDs and serial numbers of a disk, derived from what it holds: the same content makes the same disk,
//! and two that differ are told apart.

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// Identity of the disk that holds a certain ELF file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// GUID of the disk.
    pub disk: Uuid,
    /// GUID of its partition.
    pub partition: Uuid,
    /// Serial number of the FAT volume.
    pub volume: u32,
}

impl Identity {
    /// Derives the identity of the disk that holds `elf`.
    #[must_use]
    pub fn of(elf: &[u8]) -> Self {
        let content = Sha256::digest(elf);
        let derived = |purpose: &str| -> [u8; 16] {
            let digest = Sha256::new()
                .chain_update(purpose)
                .chain_update(content)
                .finalize();
            std::array::from_fn(|index| digest[index])
        };
        let [a, b, c, d, ..] = derived("fathom volume");
        Self {
            disk: custom(derived("fathom disk")),
            partition: custom(derived("fathom partition")),
            volume: u32::from_le_bytes([a, b, c, d]),
        }
    }
}

/// Makes a UUID of version 8, custom (RFC 9562 §5.8).
const fn custom(bytes: [u8; 16]) -> Uuid {
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_decides() {
        let [one, same, other] = [b"one", b"one", b"two"].map(|elf| Identity::of(elf));
        assert_eq!(one, same);
        assert_ne!(one.disk, other.disk);
        assert_ne!(one.partition, other.partition);
        assert_ne!(one.disk, one.partition);
        assert_ne!(one.volume, other.volume);
    }
}
