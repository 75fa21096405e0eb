//! Values of options: durations and seeds.

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
fn a_seed_is_one_that_every_reader_of_json_reads_exactly() {
    assert_eq!(seed("0"), Ok(0));
    let largest = seed("9007199254740991").unwrap();
    assert_eq!(largest as f64 as u64, largest);
    for text in ["9007199254740992", "18446744073709551615", "-1", "one", ""] {
        let error = seed(text).unwrap_err();
        assert!(error.contains("up to 9007199254740991"), "{error}");
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
