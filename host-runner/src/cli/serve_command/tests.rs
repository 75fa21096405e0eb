//! Counters that `fathom serve` prints at its end.

use super::*;

#[test]
fn every_counter_has_a_line() {
    let text = list(&Counters {
        replied: 42,
        ..Counters::ZERO
    });
    assert_eq!(text.lines().count(), Counters::LEN);
    assert!(text.contains("replied                           42\n"));
}
