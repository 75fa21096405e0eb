//! The bytes behind the header: a pattern of seed and sequence number, so that a reply with
//! another request's padding, or with any bit changed, is seen.
//!
//! The seed makes a row of random words, once; the sequence number makes a key, another one for
//! every number, that each word is combined with. So a request's padding costs one operation per
//! eight bytes, and words that changed places are seen too.

/// The finaliser of SplitMix64: a bijection, so that two numbers never make the same key.
const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The padding of all requests of one length, made from one seed.
#[derive(Clone, Debug)]
pub struct Padding {
    seed: u64,
    words: Box<[[u8; 8]]>,
    len: usize,
}

impl Padding {
    /// Padding of `len` bytes.
    #[must_use]
    pub fn new(seed: u64, len: usize) -> Self {
        let word = |index: u64| {
            let state = seed.wrapping_add((index + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            mix(state).to_le_bytes()
        };
        Self {
            seed,
            words: (0..len.div_ceil(8) as u64).map(word).collect(),
            len,
        }
    }

    fn key(&self, seq: u64) -> u64 {
        mix(self.seed ^ seq.wrapping_mul(0xd6e8_feb8_6659_fd93))
    }

    /// Fills `padding`, which is as long as was said, with the pattern of request `seq`.
    #[inline]
    pub fn fill(&self, seq: u64, padding: &mut [u8]) {
        debug_assert_eq!(padding.len(), self.len, "padding is of one length");
        let key = self.key(seq);
        let (chunks, rest) = padding.as_chunks_mut::<8>();
        for (chunk, word) in chunks.iter_mut().zip(&self.words) {
            *chunk = (u64::from_le_bytes(*word) ^ key).to_le_bytes();
        }
        if let Some(word) = self.last_word() {
            let word = (u64::from_le_bytes(*word) ^ key).to_le_bytes();
            rest.copy_from_slice(&word[..rest.len()]);
        }
    }

    /// Returns whether `padding` is the pattern of request `seq`, byte for byte.
    #[must_use]
    #[inline]
    pub fn is_intact(&self, seq: u64, padding: &[u8]) -> bool {
        if padding.len() != self.len {
            return false;
        }
        let key = self.key(seq);
        let (chunks, rest) = padding.as_chunks::<8>();
        // All words, without looking at each: padding that is not intact is rare.
        let mut difference = 0;
        for (chunk, word) in chunks.iter().zip(&self.words) {
            difference |= u64::from_le_bytes(*chunk) ^ u64::from_le_bytes(*word) ^ key;
        }
        if let Some(word) = self.last_word() {
            let mut last = (u64::from_le_bytes(*word) ^ key).to_le_bytes();
            last[..rest.len()].copy_from_slice(rest);
            difference |= u64::from_le_bytes(last) ^ u64::from_le_bytes(*word) ^ key;
        }
        difference == 0
    }

    /// The word of which only a part is sent, if there is one.
    fn last_word(&self) -> Option<&[u8; 8]> {
        self.words.get(self.len / 8)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn filled(padding: &Padding, seq: u64, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        padding.fill(seq, &mut bytes);
        bytes
    }

    proptest! {
        #[test]
        fn any_changed_bit_is_seen(seed: u64, seq: u64, len in 1..1428usize, bit: u8, at: usize) {
            let padding = Padding::new(seed, len);
            let mut bytes = filled(&padding, seq, len);
            prop_assert!(padding.is_intact(seq, &bytes));
            bytes[at % len] ^= 1 << (bit % 8);
            prop_assert!(!padding.is_intact(seq, &bytes));
        }

        #[test]
        fn another_requests_padding_is_seen(seed: u64, seq in 0..u64::MAX, len in 8..40usize) {
            let padding = Padding::new(seed, len);
            let bytes = filled(&padding, seq, len);
            prop_assert!(!padding.is_intact(seq + 1, &bytes));
            prop_assert!(!Padding::new(seed ^ 1, len).is_intact(seq, &bytes));
        }

        #[test]
        fn words_that_changed_places_are_seen(seed: u64, seq: u64, a in 0..178usize, b in 0..178usize) {
            prop_assume!(a != b);
            let padding = Padding::new(seed, 1428);
            let mut bytes = filled(&padding, seq, 1428);
            for byte in 0..8 {
                bytes.swap(8 * a + byte, 8 * b + byte);
            }
            prop_assert!(!padding.is_intact(seq, &bytes));
        }

        #[test]
        fn another_length_is_seen(seed: u64, seq: u64, len in 1..100usize) {
            let padding = Padding::new(seed, len);
            let bytes = filled(&padding, seq, len);
            prop_assert!(!padding.is_intact(seq, &bytes[1..]));
            prop_assert!(!padding.is_intact(seq, &[&bytes[..], &[0]].concat()));
        }
    }

    #[test]
    fn no_padding_is_intact() {
        let padding = Padding::new(1, 0);
        padding.fill(2, &mut []);
        assert!(padding.is_intact(2, &[]));
    }
}
