//! Random bits, as good as the processor has them: for what must differ from machine to machine, and not
//! for secrets.
//!
//! Unsafe here: an instruction that not every processor has.

use core::arch::x86_64::{__cpuid, _rdrand64_step};

use super::counter::CounterClock;

/// Returns random bits.
///
/// Of the time stamp counter alone they would often be another machine's: it starts at 0 with each, and they
/// all take the same time to get here.
#[must_use]
pub fn random_bits() -> u64 {
    mixed(CounterClock::ticks() ^ of_processor().unwrap_or(0))
}

/// Returns the processor's own, if it makes some (Intel SDM, volume 2, RDRAND).
fn of_processor() -> Option<u64> {
    const HAS_RDRAND: u32 = 1 << 30;
    if __cpuid(1).ecx & HAS_RDRAND == 0 {
        return None;
    }
    // SAFETY: the processor has the instruction.
    unsafe { rdrand() }
}

/// As often as Intel recommends (volume 1, 7.3.17): then it has none.
const ATTEMPTS: u32 = 10;

#[target_feature(enable = "rdrand")]
fn rdrand() -> Option<u64> {
    let mut bits = 0;
    (0..ATTEMPTS)
        .any(|_| _rdrand64_step(&mut bits) == 1)
        .then_some(bits)
}

/// Mixes bits, so that each of the result depends on all (the finaliser of MurmurHash3).
const fn mixed(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    bits = (bits ^ (bits >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    bits ^ (bits >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_two_are_the_same() {
        // As many as are used of them.
        let halves: BTreeSet<u64> = (0..100).map(|_| random_bits() >> 32).collect();
        assert!(halves.len() >= 99, "{}", halves.len());
    }

    #[test]
    fn like_ticks_give_unlike_bits() {
        for bit in 0..64 {
            let changed = mixed(0x1234_5678) ^ mixed(0x1234_5678 ^ 1 << bit);
            assert!((16..=48).contains(&changed.count_ones()), "{bit}");
        }
    }
}
