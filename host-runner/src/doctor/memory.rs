//! Huge pages.

use super::Finding;

/// Whether the kernel may stop a process to put its pages together.
pub(super) fn huge_pages(enabled: Option<&str>) -> Finding {
    const NAME: &str = "transparent huge pages";
    let chosen = enabled.and_then(|text| {
        let (_, rest) = text.split_once('[')?;
        rest.split_once(']').map(|(chosen, _)| chosen)
    });
    match chosen {
        Some(chosen @ ("madvise" | "never")) => Finding::ok(
            NAME,
            format!("{chosen}: nobody is stopped for them unasked"),
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
    fn the_choice_is_in_brackets() {
        let verdict = |text| huge_pages(text).verdict;
        assert_eq!(verdict(Some("always [madvise] never")), Verdict::Ok);
        assert_eq!(verdict(Some("[always] madvise never")), Verdict::Warn);
        assert_eq!(verdict(Some("always")), Verdict::Unknown);
        assert_eq!(verdict(None), Verdict::Unknown);
    }
}
