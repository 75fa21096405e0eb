//! Huge pages.

use super::Finding;

/// Judges whether the kernel may stop a process to put its pages together, by what was `chosen`.
pub(super) fn huge_pages(chosen: Option<&str>) -> Finding {
    const NAME: &str = "transparent huge pages";
    match chosen {
        Some(chosen @ ("madvise" | "never")) => Finding::ok(
            NAME,
            format!("{chosen}: the kernel stops no process to make them unless it asks"),
        ),
        Some(chosen) => Finding::warn(
            NAME,
            format!("{chosen}: the kernel may stop any process to put pages together"),
        )
        .advise("echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled"),
        None => Finding::unknown(NAME, "this kernel does not tell whether it makes them")
            .advise("nothing, unless the tail has steps of milliseconds"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn huge_pages_that_nobody_asked_for_are_a_warning() {
        let verdict = |text| huge_pages(text).verdict;
        assert_eq!(verdict(Some("madvise")), Verdict::Ok);
        assert_eq!(verdict(Some("never")), Verdict::Ok);
        assert_eq!(verdict(Some("always")), Verdict::Warn);
        assert_eq!(verdict(None), Verdict::Unknown);
    }
}
