//! The Internet checksum (RFC 1071), eight bytes at a time.
//!
//! A one's complement sum does not care how wide the words are that it is made of, in which order
//! they come, or whether they are summed in the wrong byte order, if the result is turned round
//! too (RFC 1071 §2). So 64-bit words in the processor's own order do, carries added back in. Sums
//! of parts add up to the sum of the whole where each part but the last has an even length.

/// A one's complement sum of 16-bit words, not yet folded to one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum(u64);

impl Sum {
    /// The sum of nothing.
    pub const ZERO: Self = Self(0);

    /// The sum of the words that `word` is made of, little-endian.
    #[inline(always)]
    #[must_use]
    pub const fn of_word(word: u64) -> Self {
        Self(word)
    }

    /// The sum of one 16-bit word in network byte order.
    #[inline(always)]
    #[must_use]
    pub const fn of_network_word(word: u16) -> Self {
        Self(word.to_be() as u64)
    }

    /// The sum of both.
    #[inline(always)]
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        let (sum, carry) = self.0.overflowing_add(other.0);
        Self(sum + carry as u64)
    }

    /// The sum of `bytes`; an odd last one counts as the high half of a word.
    #[inline(always)]
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let (blocks, rest) = bytes.as_chunks::<64>();
        let mut sum = Self::ZERO;
        for block in blocks {
            sum = sum.plus_words(block.as_chunks().0);
        }
        // By halves: no loop whose length the processor would have to guess.
        let (half, rest) = rest.as_chunks::<32>();
        if let Some(half) = half.first() {
            sum = sum.plus_words(half.as_chunks().0);
        }
        let (half, rest) = rest.as_chunks::<16>();
        if let Some(half) = half.first() {
            sum = sum.plus_words(half.as_chunks().0);
        }
        let (half, rest) = rest.as_chunks::<8>();
        if let Some(half) = half.first() {
            sum = sum.plus_words(half.as_chunks().0);
        }
        if rest.is_empty() {
            sum
        } else {
            sum.plus(Self::of_rest(bytes, rest))
        }
    }

    /// The sum of a number of bytes that is known when this is compiled.
    #[inline(always)]
    #[must_use]
    pub fn of_array<const LEN: usize>(bytes: &[u8; LEN]) -> Self {
        const { assert!(LEN.is_multiple_of(4)) };
        let (words, rest) = bytes.as_chunks::<8>();
        let sum = match rest {
            [a, b, c, d] => Self(u64::from(u32::from_le_bytes([*a, *b, *c, *d]))),
            _ => Self::ZERO,
        };
        sum.plus_words(words)
    }

    /// One addition with carry per word.
    #[inline(always)]
    fn plus_words(self, words: &[[u8; 8]]) -> Self {
        // Not a loop over the words: that would ask for each block whether it is there at all.
        let (sum, carry) = words.iter().fold((self.0, 0), |(sum, carry), word| {
            let mut next = sum;
            let carry = add(carry, sum, u64::from_le_bytes(*word), &mut next);
            (next, carry)
        });
        Self(sum).plus(Self(carry.into()))
    }

    /// The sum of the last bytes of `bytes`, fewer than eight.
    #[inline(always)]
    fn of_rest(bytes: &[u8], rest: &[u8]) -> Self {
        if let Some(word) = bytes.last_chunk::<8>() {
            // Those before them are shifted out.
            return Self(u64::from_le_bytes(*word) >> (64 - 8 * rest.len()));
        }
        let mut word = [0; 8];
        word[..rest.len()].copy_from_slice(rest);
        Self(u64::from_le_bytes(word))
    }

    /// Folded to one word, in the processor's order.
    #[inline(always)]
    const fn fold(self) -> u16 {
        // Adding a word to itself with its halves exchanged leaves the sum of both halves in the
        // upper one, the carry out of it, which the lower one passes on, included.
        let sum = self.0.wrapping_add(self.0.rotate_left(32)) >> 32;
        let sum = sum as u32;
        (sum.wrapping_add(sum.rotate_left(16)) >> 16) as u16
    }

    /// Returns true if this is the sum of data with its checksum and both are good.
    #[inline(always)]
    #[must_use]
    pub const fn is_good(self) -> bool {
        self.fold() == 0xffff
    }

    /// The checksum of data with this sum, as it stands in a packet.
    #[inline(always)]
    #[must_use]
    pub const fn checksum(self) -> [u8; 2] {
        (!self.fold()).to_le_bytes()
    }

    /// The same for UDP, where a checksum of 0 says that there is none, and is sent as 0xffff, its
    /// other representation (RFC 768).
    #[inline(always)]
    #[must_use]
    pub const fn udp_checksum(self) -> [u8; 2] {
        match !self.fold() {
            0 => [0xff; 2],
            checksum => checksum.to_le_bytes(),
        }
    }
}

/// Stores `a + b + carry` in `sum`, and returns the carry out of it.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn add(carry: u8, a: u64, b: u64, sum: &mut u64) -> u8 {
    core::arch::x86_64::_addcarry_u64(carry, a, b, sum)
}

#[cfg(not(target_arch = "x86_64"))]
use portable_add as add;

/// Stores `a + b + carry` in `sum`, and returns the carry out of it, on any processor.
#[cfg(any(test, not(target_arch = "x86_64")))]
#[inline(always)]
fn portable_add(carry: u8, a: u64, b: u64, sum: &mut u64) -> u8 {
    let (result, carry) = a.carrying_add(b, carry != 0);
    *sum = result;
    carry.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    /// RFC 1071 §4.1, word by word in network byte order.
    fn reference(bytes: &[u8]) -> [u8; 2] {
        let mut sum = 0_u64;
        for pair in bytes.chunks(2) {
            sum += u64::from(u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)]));
        }
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        (!(sum as u16)).to_be_bytes()
    }

    fn bytes(len: usize, seed: u8) -> Vec<u8> {
        (0..len)
            .map(|i| (i as u8).wrapping_mul(167).wrapping_add(seed))
            .collect()
    }

    #[test]
    fn every_length_and_alignment_as_the_rfc_has_it() {
        for len in 0..300 {
            for start in 0..9 {
                let data = bytes(len + start, len as u8);
                assert_eq!(
                    Sum::of(&data[start..]).checksum(),
                    reference(&data[start..])
                );
            }
        }
        for fill in [0x00, 0xff, 0x80, 0x01] {
            for len in 1..200 {
                let data = std::vec![fill; len];
                assert_eq!(Sum::of(&data).checksum(), reference(&data), "{fill}, {len}");
            }
        }
    }

    #[test]
    fn parts_add_up() {
        let data = bytes(1472, 3);
        for cut in (0..data.len()).step_by(2) {
            let sum = Sum::of(&data[..cut]).plus(Sum::of(&data[cut..]));
            assert_eq!(sum.checksum(), reference(&data));
        }
        let array: [u8; 44] = core::array::from_fn(|i| data[i]);
        assert_eq!(Sum::of_array(&array).checksum(), reference(&array));
        let words = Sum::of_word(u64::from_le_bytes([1, 2, 3, 4, 5, 6, 7, 8]))
            .plus(Sum::of_network_word(0x090a));
        assert_eq!(
            words.checksum(),
            reference(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
        );
    }

    #[test]
    fn good_data_sums_up_with_its_checksum() {
        let mut data = bytes(100, 9);
        let checksum = Sum::of(&data).checksum();
        data.extend(checksum);
        assert!(Sum::of(&data).is_good());
        data[5] ^= 1;
        assert!(!Sum::of(&data).is_good());
        assert!(!Sum::ZERO.is_good());
    }

    #[test]
    fn udp_has_no_checksum_of_zero() {
        assert_eq!(Sum::of(&[0xff; 10]).checksum(), [0, 0]);
        assert_eq!(Sum::of(&[0xff; 10]).udp_checksum(), [0xff, 0xff]);
        assert_eq!(Sum::of(&[1, 2]).udp_checksum(), reference(&[1, 2]));
    }

    proptest! {
        #[test]
        fn adding_is_the_same_on_every_processor(
            carry in 0_u8..2,
            a in prop_oneof![any::<u64>(), Just(0), Just(u64::MAX), Just(u64::MAX - 1)],
            b in prop_oneof![any::<u64>(), Just(0), Just(u64::MAX), Just(1)],
        ) {
            let (mut sum, mut portable_sum) = (0, 0);
            let carry_out = add(carry, a, b, &mut sum);
            let portable_carry_out = portable_add(carry, a, b, &mut portable_sum);
            prop_assert_eq!((sum, carry_out), (portable_sum, portable_carry_out));
            let whole = u128::from(a) + u128::from(b) + u128::from(carry);
            prop_assert_eq!(whole, u128::from(sum) | u128::from(carry_out) << 64);
        }
    }
}
