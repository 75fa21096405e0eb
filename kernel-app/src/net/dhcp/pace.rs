//! The pace at which a client without a lease asks (RFC 2131 §4.1).

use super::{Client, SECOND_NS};

/// Wait for an answer before asking again, as long as there was never a lease. The first frame after boot may find
/// the other side not ready yet, and a longer wait would be the boot time.
pub const RETRY_NS: u64 = SECOND_NS;

/// Number of questions at that pace.
const QUICK_RETRIES: u32 = 10;

/// Wait for an answer to the first question of an acquisition after that; each further wait is twice as long, up to the
/// longest, and random by up to a second either way (RFC 2131 §4.1).
const BACK_OFF_NS: u64 = 4 * SECOND_NS;
const DOUBLINGS: u32 = 4;
const JITTER_NS: u64 = SECOND_NS;

/// Number of requests for an address that was offered before asking for another: at the quick pace, and after that.
const QUICK_REQUESTS: u32 = 5;
const REQUESTS: u32 = 3;

impl Client {
    /// Returns 32 random bits (Knuth's MMIX generator).
    pub(super) const fn random(&mut self) -> u32 {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 32) as u32
    }

    /// Returns true if there was never a lease, and there were few questions.
    pub(super) const fn is_quick(&self) -> bool {
        !self.was_bound && self.asked <= QUICK_RETRIES
    }

    /// Returns the time to wait for an answer to the last of the questions without a lease.
    pub(super) const fn retry_ns(&mut self) -> u64 {
        if self.is_quick() {
            return RETRY_NS;
        }
        let before = if self.was_bound { 1 } else { 1 + QUICK_RETRIES };
        let doublings = self.asked - before;
        let doublings = if doublings < DOUBLINGS {
            doublings
        } else {
            DOUBLINGS
        };
        let jitter_ns = (2 * JITTER_NS * self.random() as u64) >> 32;
        (BACK_OFF_NS << doublings) - JITTER_NS + jitter_ns
    }

    /// Returns the number of requests for an address that was offered.
    pub(super) const fn requests(&self) -> u32 {
        if self.was_bound {
            REQUESTS
        } else {
            QUICK_REQUESTS
        }
    }
}
