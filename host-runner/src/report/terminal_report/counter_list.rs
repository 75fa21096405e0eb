//! The counters of a service, a line each.

use wire::Counters;

/// Returns a line for each counter, with its name and its count.
#[must_use]
pub fn render(counters: &Counters) -> String {
    Counters::NAMES
        .iter()
        .zip(counters.to_array())
        .map(|(name, count)| format!("{name:<24}{count:>12}\n"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_has_a_line() {
        let text = render(&Counters {
            replied: 42,
            ..Counters::ZERO
        });
        assert_eq!(text.lines().count(), Counters::LEN);
        assert!(text.contains("replied                           42\n"));
    }
}
