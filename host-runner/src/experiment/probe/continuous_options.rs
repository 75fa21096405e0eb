//! Options of a measurement with an end that mean nothing to one without: each is refused with its reason, since one that
//! is ignored in silence is believed to act.
#![forbid(unsafe_code)]

/// Reason of options for a result.
const NO_RESULT: &str = "a continuous measurement has no result: it serves metrics (--exporter) and writes interval logs \
                         (--hlog), which `fathom merge` adds up to one";

/// Reason of options that judge a result.
const NO_VERDICT: &str = "a continuous measurement has no result to judge: alert on its metrics, where fathom_valid is 1, or \
                          hold the sum of its logs (`fathom merge`) against objectives by `fathom check`";

/// Reason of options that a view of one run has.
const NO_VIEW: &str = "a continuous measurement has no live view: its metrics are at /metrics";

/// Reason of options for this host.
const NO_HOST: &str = "a continuous measurement takes the host as it is, waits for nobody and has no CPU chosen for it; \
                       taskset(1) gives it one";

/// Reason of options for other loads.
const OPEN_LOOP: &str = "a continuous measurement is one open loop for each target: --rate and --arrivals shape it, and \
                         --duration or Ctrl-C ends it";

/// Options by their identifiers on the command line, with the reasons.
const WITHOUT_MEANING: [(&str, &[&str]); 5] = [
    (NO_RESULT, &["out", "json", "verbose", "percentiles"]),
    (
        NO_VERDICT,
        &[
            "needs",
            "strict",
            "require",
            "warn_at",
            "objectives",
            "baseline",
            "junit",
            "github",
        ],
    ),
    (NO_VIEW, &["live"]),
    (
        NO_HOST,
        &["host_idle", "wait", "concurrent", "cpus", "quiet"],
    ),
    (OPEN_LOOP, &["depth", "sweep", "count"]),
];

/// Returns the identifiers of the options that a continuous measurement has no use for.
pub fn without_meaning() -> impl Iterator<Item = &'static str> {
    let groups = WITHOUT_MEANING.iter();
    groups.flat_map(|(_, options)| options.iter().copied())
}

/// Returns the reason of the conflict that `message` is about, if it is one of a continuous measurement with such an
/// option: of the first that it names.
#[must_use]
pub fn reason_in(message: &str) -> Option<&'static str> {
    // An empty line ends the error itself.
    let (conflict, _) = message.split_once("\n\n").unwrap_or((message, ""));
    let is_one = conflict.contains("'--exporter") || conflict.contains("'--hlog");
    if !is_one || !conflict.contains("cannot be used with") {
        return None;
    }
    let is_named = |option: &&str| {
        let name = option.replace('_', "-");
        let mut words = conflict.split([' ', '\'', '[', '=', '\n']);
        words.any(|word| word.strip_prefix("--") == Some(&name))
    };
    let mut groups = WITHOUT_MEANING.iter();
    groups.find_map(|(reason, options)| options.iter().any(is_named).then_some(*reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_that_of_the_option_that_a_conflict_names() {
        let of = |other: &str| {
            let message = format!(
                "error: the argument '--exporter <[IP:]PORT>' cannot be used with{other}\n\nUsage: --needs"
            );
            reason_in(&message)
        };
        assert_eq!(of(" '--live <WHEN>'"), Some(NO_VIEW));
        assert_eq!(of(":\n  --github[=<WHEN>]"), Some(NO_VERDICT));
        assert_eq!(of(" '--label <NAME=VALUE>'"), None);
        assert_eq!(
            reason_in("error: the argument '--sweep' cannot be used with '--count <COUNT>'"),
            None
        );
    }
}
