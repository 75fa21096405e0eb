//! Number of times that a test repeats what fails seldom: few in the suite, as many as it takes on
//! request.
#![forbid(unsafe_code)]

/// The number in the environment variable `name`, else `in_suite`.
///
/// # Panics
///
/// If the variable holds no number.
#[must_use]
pub fn count(name: &str, in_suite: u64) -> u64 {
    std::env::var(name).map_or(in_suite, |count| {
        count
            .parse()
            .unwrap_or_else(|_| panic!("{name} is no number: {count:?}"))
    })
}
