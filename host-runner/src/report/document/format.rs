//! Numbers and text as a document has them.

/// A time with three digits and the unit that suits it.
#[must_use]
pub fn nanoseconds(ns: f64) -> String {
    let (value, unit) = match ns.abs() {
        value if value < 999.5 => (ns, "ns"),
        value if value < 999.5e3 => (ns / 1e3, "µs"),
        value if value < 999.5e6 => (ns / 1e6, "ms"),
        _ => (ns / 1e9, "s"),
    };
    if value == 0.0 {
        return "0".to_owned();
    }
    format!("{} {unit}", plain(value))
}

/// A range of differences in nanoseconds, with their signs: `−3.1 to +4.2 µs`.
#[must_use]
pub fn differences(low_ns: f64, high_ns: f64) -> String {
    let (divisor, unit) = match low_ns.abs().max(high_ns.abs()) {
        most if most < 999.5 => (1.0, "ns"),
        most if most < 999.5e3 => (1e3, "µs"),
        most if most < 999.5e6 => (1e6, "ms"),
        _ => (1e9, "s"),
    };
    let signed = |ns: f64| {
        let number = plain((ns / divisor).abs());
        match ns {
            // What is rounded to nothing has no sign.
            _ if number == "0" => number,
            _ if ns < 0.0 => format!("\u{2212}{number}"),
            _ => format!("+{number}"),
        }
    };
    format!("{} to {} {unit}", signed(low_ns), signed(high_ns))
}

/// Requests per second with three digits.
#[must_use]
pub fn rate(per_second: f64) -> String {
    match per_second.abs() {
        value if value < 999.5 => plain(per_second),
        value if value < 999.5e3 => format!("{}k", plain(per_second / 1e3)),
        _ => format!("{}M", plain(per_second / 1e6)),
    }
}

/// A number with three digits, none of them a zero at the end of a fraction.
#[must_use]
pub fn plain(value: f64) -> String {
    let decimals = match value.abs() {
        value if value >= 99.95 => 0,
        value if value >= 9.995 => 1,
        value if value >= 0.9995 => 2,
        _ => 3,
    };
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// Nanoseconds as microseconds for a column of figures.
#[must_use]
pub fn micros(ns: f64) -> String {
    format!("{:.2}", ns / 1e3)
}

/// A count with its thousands apart.
#[must_use]
pub fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `text` for markup.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // No control character may be in an SVG but these.
            '\t' | '\n' => escaped.push(' '),
            control if control.is_control() => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

/// A command as one would type it.
#[must_use]
pub fn command(arguments: &[String]) -> String {
    let is_plain =
        |character: char| character.is_ascii_alphanumeric() || "_-./:=@%+,".contains(character);
    let quoted = arguments.iter().map(|argument| {
        if !argument.is_empty() && argument.chars().all(is_plain) {
            argument.clone()
        } else {
            format!("'{}'", argument.replace('\'', "'\\''"))
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_the_unit_that_suits_them() {
        let of = [
            0.0,
            640.0,
            999.6,
            1_090.0,
            85_000.0,
            1e6,
            12_345_678.0,
            1e9,
            61e9,
        ];
        let expected = [
            "0", "640 ns", "1 µs", "1.09 µs", "85 µs", "1 ms", "12.3 ms", "1 s", "61 s",
        ];
        assert_eq!(of.map(nanoseconds), expected);
    }

    #[test]
    fn differences_have_one_unit_and_their_signs() {
        assert_eq!(differences(-3_140.0, 4_200.0), "−3.14 to +4.2 µs");
        assert_eq!(differences(-0.2, 812.0), "−0.2 to +812 ns");
        assert_eq!(differences(0.0, 2e6), "0 to +2 ms");
    }

    #[test]
    fn rates_and_counts_can_be_read() {
        assert_eq!(
            [50.0, 1000.0, 12_500.0, 2e6].map(rate),
            ["50", "1k", "12.5k", "2M"]
        );
        let of = [0, 999, 1000, 1_234_567];
        assert_eq!(of.map(count), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn commands_can_be_pasted() {
        let arguments = ["fathom", "run", "--out", "a b", "", "it's"].map(str::to_owned);
        assert_eq!(command(&arguments), "fathom run --out 'a b' '' 'it'\\''s'");
    }
}
