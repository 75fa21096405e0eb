//! The ACPI root pointer: on a paragraph (16 bytes) in the firmware's memory (ACPI 6.5, 5.2.5.1).

const SIGNATURE: [u8; 8] = *b"RSD PTR ";

/// Bytes that the checksum of every version covers.
const LEN: usize = 20;

/// Finds the root pointer in `area`, which starts on a paragraph; returns its offset.
#[must_use]
pub fn root_pointer(area: &[u8]) -> Option<usize> {
    (0..area.len()).step_by(16).find(|&offset| {
        let candidate = area.get(offset..offset + LEN).unwrap_or_default();
        candidate.starts_with(&SIGNATURE)
            && candidate
                .iter()
                .fold(0, |sum: u8, &byte| sum.wrapping_add(byte))
                == 0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(at: usize) -> Vec<u8> {
        let mut area = vec![0; 256];
        area[at..at + 8].copy_from_slice(&SIGNATURE);
        let sum = SIGNATURE
            .iter()
            .fold(0, |sum: u8, &byte| sum.wrapping_add(byte));
        area[at + 8] = sum.wrapping_neg();
        area
    }

    #[test]
    fn the_root_pointer_is_found_on_a_paragraph_with_its_checksum() {
        assert_eq!(root_pointer(&area(64)), Some(64));
        assert_eq!(root_pointer(&area(0)), Some(0));
        assert_eq!(root_pointer(&area(72)), None);
        let mut damaged = area(64);
        damaged[70] ^= 1;
        assert_eq!(root_pointer(&damaged), None);
        // Only its beginning.
        assert_eq!(root_pointer(&area(64)[..80]), None);
        assert_eq!(root_pointer(&[]), None);
    }
}
