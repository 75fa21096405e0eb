//! The bytes behind the header: a pattern of seed and sequence number, so that a reply with
//! another request's padding, or with any bit changed, is seen.

/// The pattern's eight-byte words (SplitMix64).
fn words(seed: u64, seq: u64) -> impl Iterator<Item = [u8; 8]> {
    let mut state = seed ^ seq.wrapping_mul(0xd6e8_feb8_6659_fd93);
    std::iter::repeat_with(move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)).to_le_bytes()
    })
}

/// Fills `padding` with the pattern of request `seq`.
pub fn fill(seed: u64, seq: u64, padding: &mut [u8]) {
    for (chunk, word) in padding.chunks_mut(8).zip(words(seed, seq)) {
        chunk.copy_from_slice(&word[..chunk.len()]);
    }
}

/// Whether `padding` is the pattern of request `seq`, byte for byte.
#[must_use]
pub fn is_intact(seed: u64, seq: u64, padding: &[u8]) -> bool {
    padding
        .chunks(8)
        .zip(words(seed, seq))
        .all(|(chunk, word)| *chunk == word[..chunk.len()])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_changed_bit_is_seen(seed: u64, seq: u64, len in 1..1428usize, bit: u8, at: usize) {
            let mut padding = vec![0; len];
            fill(seed, seq, &mut padding);
            prop_assert!(is_intact(seed, seq, &padding));
            padding[at % len] ^= 1 << (bit % 8);
            prop_assert!(!is_intact(seed, seq, &padding));
        }

        #[test]
        fn another_requests_padding_is_seen(seed: u64, seq in 0..u64::MAX) {
            let mut padding = [0; 20];
            fill(seed, seq, &mut padding);
            prop_assert!(!is_intact(seed, seq + 1, &padding));
        }
    }

    #[test]
    fn no_padding_is_intact() {
        assert!(is_intact(1, 2, &[]));
    }
}
