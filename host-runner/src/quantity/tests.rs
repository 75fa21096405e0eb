//! Numbers as they are written, and what holds of all of them.

use proptest::prelude::*;

use super::*;

#[test]
fn differences_as_shares_have_a_sign_and_one_digit_where_they_are_small() {
    let shares = [0.034, -0.004, 0.0001, -0.4, 1.5, 30.0].map(signed_share);
    let expected = [
        "+3.4 %",
        "\u{2212}0.4 %",
        "0.0 %",
        "\u{2212}40 %",
        "+150 %",
        "+3,000 %",
    ];
    assert_eq!(shares, expected);
    assert_eq!(
        [0.05, 0.005, 0.2].map(exact_share),
        ["5 %", "0.5 %", "20 %"]
    );
}

#[test]
fn times_have_three_digits_and_the_unit_that_suits_them() {
    for (ns, expected) in [
        (0.0, "0 ns"),
        (0.4, "0 ns"),
        (64.0, "64 ns"),
        (640.0, "640 ns"),
        (999.4, "999 ns"),
        (999.6, "1.00 µs"),
        (1_090.0, "1.09 µs"),
        (85_000.0, "85.0 µs"),
        (999_499.0, "999 µs"),
        (999_500.0, "1.00 ms"),
        (12_345_678.0, "12.3 ms"),
        (36_805_890.0, "36.8 ms"),
        (368_312_300.0, "368 ms"),
        (1_016_070_140.0, "1.02 s"),
        (61e9, "61.0 s"),
        (3.6e12, "3,600 s"),
    ] {
        assert_eq!(time(ns), expected, "{ns}");
    }
    assert_eq!(at_least(1e9, true), "≥ 1.00 s");
    assert_eq!(at_least(1e9, false), "1.00 s");
}

#[test]
fn a_value_between_two_others_keeps_the_digits_of_both() {
    assert_eq!(between(12_800.0, 300_000.0), "12.8–300 µs");
    assert_eq!(between(640.0, 1_200.0), "640 ns–1.20 µs");
    assert_eq!(between(1_200.0, 1_201.0), "1.20 µs");
}

#[test]
fn chosen_values_have_no_trailing_zeros() {
    let of = [0.0, 500.0, 1e6, 2.5e9, 60e9, 1.5e3].map(exact_time);
    assert_eq!(of, ["0", "500 ns", "1 ms", "2.5 s", "60 s", "1.5 µs"]);
    let of = [0.2, 50.0, 1000.0, 12_500.0, 2e6].map(exact_rate);
    assert_eq!(of, ["0.2", "50", "1k", "12.5k", "2M"]);
    assert_eq!([0.0, 0.25, 7.0].map(exact), ["0", "0.25", "7"]);
    let of = [12_345.0, 0.2, 1000.0, 1234.5].map(in_full);
    assert_eq!(of, ["12,345", "0.2", "1,000", "1,234.5"]);
}

#[test]
fn ranges_have_one_unit_unless_that_hides_an_end() {
    assert_eq!(range(41_000.0, 48_500.0), "41.0–48.5 µs");
    assert_eq!(range(300.0, 700.0), "300–700 ns");
    assert_eq!(range(900.0, 4_100.0), "0.90–4.10 µs");
    assert_eq!(range(1e6, 2.5e8), "1–250 ms");
    assert_eq!(range(200.0, 2.5e8), "200 ns to 250 ms");
    assert_eq!(range(120.0, 120.2), "120 ns");
    assert_eq!(differences(-900.0, 1_200.0), "−0.90 to +1.20 µs");
    assert_eq!(differences(-0.2, 812.0), "0 to +812 ns");
    assert_eq!(differences(0.0, 2e6), "0 to +2.00 ms");
    assert_eq!(differences(-183e3, 949e3), "−183 to +949 µs");
}

#[test]
fn everything_else_has_its_digits() {
    let of = [0.2, 998.4, 1000.0, 698_991.0, 1_252_345.0].map(rate);
    assert_eq!(of, ["0.200", "998", "1.00k", "699k", "1.25M"]);
    let of = [0, 999, 1000, 80_070, 3_922_476].map(count);
    assert_eq!(of, ["0", "999", "1,000", "80,070", "3,922,476"]);
    let of = [0.0, 0.000_01, 0.0012, 0.25, 0.9999, 1.0].map(share);
    assert_eq!(of, ["0 %", "<0.01 %", "0.12 %", "25.0 %", "100 %", "100 %"]);
    let of = [0.0, 0.000_2, 0.0123, 0.5, 1.0, 2.003].map(per_echo);
    assert_eq!(of, ["0", "<0.001", "0.0123", "0.5", "1", "2"]);
    let of = [0.73, 4.42, 192.2, 1310.1].map(ratio);
    assert_eq!(of, ["0.73", "4.4", "190", "1,300"]);
    assert_eq!(ratios(822.5, 1310.1), "820–1,300");
    let of = [0, 512, 409_600, 1_047_000, 61_000_000, 1 << 31].map(bytes);
    let expected = [
        "0 bytes",
        "512 bytes",
        "400 KiB",
        "0.998 MiB",
        "58.2 MiB",
        "2.00 GiB",
    ];
    assert_eq!(of, expected);
}

/// The value that a time was written of, in nanoseconds, and half a unit of its last place.
fn read(text: &str) -> (f64, f64) {
    let (number, unit) = text.split_once(' ').unwrap();
    let unit = TIMES.iter().position(|known| *known == unit).unwrap();
    let unit_ns = 1000_f64.powi(i32::try_from(unit).unwrap());
    let number = number.replace(',', "");
    let digits = number.chars().filter(char::is_ascii_digit).count();
    let decimals = number.split_once('.').map_or(0, |(_, rest)| rest.len());
    // Past the last unit there are more digits than three, and only three of them are told.
    let place = decimals as i32 - digits.saturating_sub(DIGITS) as i32;
    let value: f64 = number.parse().unwrap();
    (value * unit_ns, 0.5 * 10_f64.powi(-place) * unit_ns)
}

/// Any positive value, as often small as large.
fn values() -> impl Strategy<Value = f64> {
    (0.0..13.0f64).prop_map(|exponent| 10_f64.powf(exponent))
}

proptest! {
    #[test]
    fn a_time_is_within_half_a_unit_of_its_last_digit(ns in values()) {
        let text = time(ns);
        let (shown, half) = read(&text);
        prop_assert!((shown - ns).abs() <= half * (1.0 + 1e-9), "{} for {}", text, ns);
        // And the last digit is the third.
        let is_whole_ns = text.ends_with("ns");
        prop_assert!(is_whole_ns || half <= shown * 0.5e-2 * (1.0 + 1e-9), "{} for {}", text, ns);
    }

    #[test]
    fn a_longer_time_never_reads_shorter(a in values(), ratio in 1.0..1.02f64) {
        let (shorter, longer) = (read(&time(a)).0, read(&time(a * ratio)).0);
        prop_assert!(shorter <= longer * (1.0 + 1e-9), "{} and {}", time(a), time(a * ratio));
    }

    #[test]
    fn a_thousand_of_a_unit_is_one_of_the_next(ns in 1.0..1e12f64) {
        for text in [time(ns), exact_time(ns)] {
            let (number, _) = text.split_once(' ').unwrap();
            let is_seconds = text.ends_with(" s");
            prop_assert!(is_seconds || number.parse::<f64>().unwrap() < 1000.0, "{}", text);
        }
        let (number, digits) = (rate(ns / 1e3), |character: char| !character.is_ascii_digit());
        let whole = number.split(digits).next().unwrap();
        prop_assert!(whole.len() <= 3, "{}", number);
        let memory = bytes(ns as u64);
        let (number, unit) = memory.split_once(' ').unwrap();
        prop_assert!(unit == "bytes" || number.parse::<f64>().unwrap() < 1000.0, "{}", memory);
    }

    #[test]
    fn a_range_never_says_that_what_is_something_is_nothing(low in values(), more in values()) {
        let text = range(low, low + more);
        let is_zero = |number: &str| !number.contains(|digit| ('1'..='9').contains(&digit));
        let numbers: Vec<&str> = text
            .split(|character: char| !(character.is_ascii_digit() || matches!(character, '.' | ',')))
            .filter(|word| !word.is_empty())
            .collect();
        prop_assert!(!numbers.is_empty() && numbers.iter().all(|number| !is_zero(number)), "{}", text);
    }

    #[test]
    fn nothing_that_a_float_can_be_is_a_panic(value in any::<f64>()) {
        for text in [time(value), exact_time(value), rate(value), exact(value), share(value),
            ratio(value), per_echo(value), range(value, -value), differences(value, 1.0)] {
            prop_assert!(!text.is_empty() && !text.contains("inf"), "{}", text);
        }
    }
}
