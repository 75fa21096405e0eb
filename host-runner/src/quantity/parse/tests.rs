//! Durations, shares and times, right and wrong.

use super::*;

#[test]
fn reads_durations() {
    for (text, expected) in [
        ("10s", Duration::from_secs(10)),
        ("500ms", Duration::from_millis(500)),
        ("1.5m", Duration::from_secs(90)),
        ("2h", Duration::from_secs(7200)),
        ("250us", Duration::from_micros(250)),
        ("250µs", Duration::from_micros(250)),
        ("0s", Duration::ZERO),
    ] {
        assert_eq!(duration(text), Ok(expected), "{text}");
    }
}

#[test]
fn says_what_is_wrong_with_a_duration() {
    for (text, complaint) in [
        ("10", "unit is missing"),
        ("10x", "unknown unit `x`"),
        ("-1s", "no number"),
        ("s", "no number"),
        ("1e9h", "unknown unit"),
        ("99999h", "no number"),
    ] {
        let error = duration(text).unwrap_err();
        assert!(error.contains(complaint), "{text}: {error}");
    }
}

#[test]
fn a_share_is_a_number_with_its_sign() {
    for (text, expected) in [("5%", 0.05), ("0.5 %", 0.005), ("0%", 0.0), ("2%", 0.02)] {
        assert_eq!(share(text), Ok(expected), "{text}");
    }
    for text in ["5", "", "%", "-1%", "x%", "nan%", "NaN%", "5000%", "1000%"] {
        assert!(
            share(text).unwrap_err().contains("for example, 5%"),
            "{text}"
        );
    }
}

#[test]
fn a_time_is_a_date_too() {
    let noon = time("2026-11-01T12:00:00Z").unwrap();
    let midnight = time("2026-11-01").unwrap();
    assert_eq!(noon.duration_since(midnight).as_hours(), 12);
    assert!(time("yesterday").unwrap_err().contains("2026-11-01"));
}
