//! Sums of the parts of a payload that a reply may change.
#![forbid(unsafe_code)]

use wire::HEADER_LEN;
use wire::checksum::Sum;

use crate::handler::Handler;

/// Returns the sum of the part of a payload that a reply may change.
#[inline(always)]
pub fn changing<H: Handler>(payload: &[u8]) -> Sum {
    const { assert!(H::CHANGES.is_multiple_of(2) || H::CHANGES == usize::MAX) };
    match (H::CHANGES, payload.first_chunk::<HEADER_LEN>()) {
        (0, _) => Sum::ZERO,
        // Of a length known when this is compiled, which takes half of the instructions.
        (HEADER_LEN, Some(header)) => Sum::of_array(header),
        (changes, _) => Sum::of(payload.get(..changes).unwrap_or(payload)),
    }
}

/// Returns the sum of the part of a reply's payload that may have changed. The rest had the sum `kept`, and has
/// it still, or the handler breaks the rules: builds with debug assertions, and tests, check that.
#[inline(always)]
pub fn changed<H: Handler>(payload: &[u8], kept: Sum) -> Sum {
    if cfg!(any(test, debug_assertions)) {
        let rest = payload.get(H::CHANGES..).map_or(Sum::ZERO, Sum::of);
        assert_eq!(rest, kept, "a handler changed more than its CHANGES");
    }
    changing::<H>(payload)
}
