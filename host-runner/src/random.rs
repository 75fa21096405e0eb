//! Numbers without a pattern, the same for the same seed: for dice, shuffles and resampling, never
//! for secrets.
#![forbid(unsafe_code)]

/// Sebastiano Vigna's splitmix64: eight lines, and good enough to throw dice with.
#[derive(Clone, Debug)]
pub struct SplitMix64(pub u64);

impl SplitMix64 {
    /// The next number, any of all.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// The next number from 0 to, but not including, 1.
    pub fn fraction(&mut self) -> f64 {
        // The upper 53 bits are a fraction that f64 holds exactly.
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Returns whether something of this probability happens.
    #[cfg(test)]
    pub fn happens(&mut self, probability: f64) -> bool {
        self.fraction() < probability
    }

    /// A number below `bound`, which is small beside 2^64: the bias is of no account.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next_u64() % bound as u64) as usize
    }

    /// Puts `items` in any order, each as likely (Fisher and Yates, as Durstenfeld has it).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

/// The largest seed: one more and JavaScript and jq, whose numbers are floating-point, read another one
/// from a record (RFC 8259, section 6).
const LARGEST_SEED: u64 = (1 << 53) - 1;

/// Reads a seed in decimal digits.
///
/// # Errors
///
/// A message if it is no whole number, or one that some programs can't read back from a record.
pub fn seed(text: &str) -> Result<u64, String> {
    let seed = text.parse().ok().filter(|seed| *seed <= LARGEST_SEED);
    seed.ok_or_else(|| {
        format!("a seed is a whole number up to {LARGEST_SEED}: larger ones are not exact in JSON")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_is_as_likely() {
        let mut random = SplitMix64(1);
        let mut seen = std::collections::BTreeMap::new();
        for _ in 0..6000 {
            let mut items = [0, 1, 2];
            random.shuffle(&mut items);
            *seen.entry(items).or_insert(0) += 1;
        }
        assert_eq!(seen.len(), 6);
        assert!(seen.values().all(|&times| (900..1100).contains(&times)));
    }

    #[test]
    fn fractions_are_spread_evenly() {
        let mut random = SplitMix64(2);
        let fractions: Vec<f64> = (0..10_000).map(|_| random.fraction()).collect();
        assert!(fractions.iter().all(|f| (0.0..1.0).contains(f)));
        let mean = fractions.iter().sum::<f64>() / 10_000.0;
        assert!((mean - 0.5).abs() < 0.01, "{mean}");
    }

    #[test]
    fn a_seed_is_one_that_every_reader_of_json_reads_exactly() {
        assert_eq!(seed("0"), Ok(0));
        let largest = seed("9007199254740991").unwrap();
        assert_eq!(largest as f64 as u64, largest);
        for text in ["9007199254740992", "18446744073709551615", "-1", "one", ""] {
            let error = seed(text).unwrap_err();
            assert!(error.contains("up to 9007199254740991"), "{error}");
        }
    }
}
