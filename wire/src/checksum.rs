//! The Internet checksum (RFC 1071): one's complement sums, eight bytes at a time.
//!
//! Sums are taken in the processor's own byte order, which RFC 1071 §2(B) allows: the result is
//! right when it is stored in that order too ([`Sum::checksum`] gives the bytes).

/// A one's complement sum in the making.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum(u64);

impl Sum {
    /// The sum of `bytes`, which stand at an even offset in what is summed.
    #[must_use]
    #[inline]
    pub fn of(bytes: &[u8]) -> Self {
        Self(0).and(bytes)
    }

    /// With `bytes` added, which stand at an even offset. An odd number of them is padded with a
    /// zero, so only the last ones may be that.
    #[must_use]
    #[inline]
    pub fn and(self, bytes: &[u8]) -> Self {
        let mut sum = self.0;
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            // In halves: 2^31 of them fit before the upper 32 bits overflow.
            let word = u64::from_ne_bytes(*word);
            sum += (word & 0xffff_ffff) + (word >> 32);
        }
        if !rest.is_empty() {
            let mut word = [0; 8];
            word[..rest.len()].copy_from_slice(rest);
            let word = u64::from_ne_bytes(word);
            sum += (word & 0xffff_ffff) + (word >> 32);
        }
        Self(sum)
    }

    /// With a 16-bit field of value `value` added, as it stands on the wire.
    #[must_use]
    #[inline]
    pub const fn and_field(self, value: u16) -> Self {
        Self(self.0 + value.to_be() as u64)
    }

    /// With the sum `other` added, of bytes at an even offset.
    #[must_use]
    #[inline]
    pub const fn and_sum(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }

    /// Whether what was summed, its checksum included, is undamaged.
    #[must_use]
    #[inline]
    pub const fn is_good(self) -> bool {
        self.folded() == 0xffff
    }

    /// The checksum, as it stands on the wire.
    #[must_use]
    #[inline]
    pub const fn checksum(self) -> [u8; 2] {
        (!self.folded()).to_ne_bytes()
    }

    const fn folded(self) -> u16 {
        let sum = (self.0 & 0xffff_ffff) + (self.0 >> 32);
        let sum = (sum & 0xffff) + (sum >> 16);
        let sum = (sum & 0xffff) + (sum >> 16);
        let sum = (sum & 0xffff) + (sum >> 16);
        sum as u16
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use std::vec::Vec;

    use super::*;

    /// RFC 1071 §4.1, word by word.
    fn reference(bytes: &[u8]) -> u16 {
        let mut sum = 0_u32;
        for pair in bytes.chunks(2) {
            let pair = [pair[0], pair.get(1).copied().unwrap_or(0)];
            sum += u32::from(u16::from_be_bytes(pair));
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !(sum as u16)
    }

    #[test]
    fn the_example_of_rfc_1071() {
        let bytes = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(Sum::of(&bytes).checksum(), (!0xddf2_u16).to_be_bytes());
    }

    #[test]
    fn the_longest_packet_of_ones() {
        let bytes = [0xff; 65_535];
        assert_eq!(Sum::of(&bytes).checksum(), reference(&bytes).to_be_bytes());
    }

    proptest! {
        #[test]
        fn agrees_with_the_reference(bytes: Vec<u8>, at: prop::sample::Index, field: u16) {
            prop_assert_eq!(Sum::of(&bytes).checksum(), reference(&bytes).to_be_bytes());
            let (a, b) = bytes.split_at(at.index(bytes.len() + 1) & !1);
            prop_assert_eq!(Sum::of(a).and(b), Sum::of(a).and_sum(Sum::of(b)));
            prop_assert_eq!(Sum::of(a).and(b).checksum(), Sum::of(&bytes).checksum());
            let mut summed = field.to_be_bytes().to_vec();
            summed.extend(&bytes);
            let checksum = Sum::of(&bytes).and_field(field).checksum();
            prop_assert_eq!(checksum, reference(&summed).to_be_bytes());
            if summed.len() % 2 == 1 {
                summed.push(0);
            }
            summed.extend(checksum);
            prop_assert!(Sum::of(&summed).is_good());
        }
    }
}
