//! Timestamps and error estimates.

use proptest::prelude::*;

use super::*;
use time::to_ns;

const UTC: ClockState = ClockState {
    epoch: Epoch::Unix { tai_offset_s: 37 },
    error_ns: Some(1_000_000),
};

/// RFC 5905 figure 4: 1 January 2000 is 3,155,673,600 s after NTP's epoch, 946,684,800 after 1970.
#[test]
fn a_date_in_both_formats() {
    let ns = 946_684_800_250_000_000;
    assert_eq!(
        UTC.timestamp(ns, Format::Ntp),
        3_155_673_600 << 32 | 0x4000_0000
    );
    assert_eq!(
        UTC.timestamp(ns, Format::Ptp),
        946_684_837 << 32 | 250_000_000
    );
}

/// 7 February 2036, 06:28:16: NTP's seconds begin again.
#[test]
fn the_next_era_of_ntp_begins_at_zero() {
    assert_eq!(UTC.timestamp(2_085_978_496_000_000_000, Format::Ntp), 0);
}

#[test]
fn error_estimates() {
    // 1 ms is 4,294,967.3 units of 2^-32 s: 132 * 2^15 is the next above with eight bits.
    let estimate = UTC.error_estimate(Format::Ntp);
    assert_eq!(estimate, ErrorEstimate(0x8000 | 15 << 8 | 132));
    assert!(estimate.is_synchronised());
    assert_eq!(UTC.error_estimate(Format::Ptp).0, estimate.0 | 0x4000);
    let unknown = ClockState::SINCE_BOOT.error_estimate(Format::Ntp);
    assert!(!unknown.is_synchronised());
    assert_eq!((unknown, unknown.error()), (ErrorEstimate(0x3f02), None));
    assert_eq!(
        ErrorEstimate::synchronised(0, Format::Ntp),
        ErrorEstimate(0x8001)
    );
    let second = ErrorEstimate::synchronised(1_000_000_000, Format::Ntp);
    assert_eq!(second.error(), Some(1 << 32));
}

proptest! {
    #[test]
    fn a_timestamp_reads_as_the_nanosecond_it_was_made_of(ns in 0..u64::from(u32::MAX) * 1_000_000_000) {
        for format in [Format::Ntp, Format::Ptp] {
            prop_assert_eq!(to_ns(ClockState::SINCE_BOOT.timestamp(ns, format), format), ns);
        }
    }

    #[test]
    fn any_timestamp_is_read(timestamp: u64) {
        let ns = to_ns(timestamp, Format::Ntp);
        prop_assert!(ns / 1_000_000_000 == timestamp >> 32);
        let _ = to_ns(timestamp, Format::Ptp);
    }

    #[test]
    fn an_estimate_is_an_upper_bound_and_a_close_one(error_ns in 0..4_000_000_000_u64 * 1_000_000_000) {
        let estimate = ErrorEstimate::synchronised(error_ns, Format::Ntp);
        let exact = (u128::from(error_ns) << 32).div_ceil(1_000_000_000).max(1);
        let error = u128::from(estimate.error().unwrap());
        prop_assert!(estimate.0 & 0xff != 0);
        prop_assert!(error >= exact && error <= exact + exact / 64 + 1, "{} {}", error, exact);
    }
}
