//! Output for GitHub Actions: annotations, which are lines that the runner finds in a step's output
//! ([workflow commands](https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands)), and the
//! summary of a step, which is Markdown that is added to a file.
//!
//! GitHub keeps ten annotations of a kind per step and drops the rest in their order, and refuses a summary of over
//! one MiB: here the worst come first, and the last says how many are left out.

use super::markdown_text;
use super::test_case::{TestCase, TestOutcome, TestSuite};

/// Largest number of annotations of one kind in a step.
const ANNOTATIONS: usize = 10;

/// Largest length of a step's summary in bytes.
pub const SUMMARY_BYTES: usize = 1 << 20;

/// Space that is kept for the line that says what is left out, in bytes.
const REMARK_BYTES: usize = 200;

/// Longest name or message in an annotation, in characters: GitHub cuts off after 4096 bytes.
const TEXT_CHARS: usize = 500;

/// Kind of an annotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Error,
    Warning,
}

impl Kind {
    const fn of(outcome: TestOutcome) -> Option<Self> {
        match outcome {
            TestOutcome::Failed | TestOutcome::Undecided | TestOutcome::NotMeasured => {
                Some(Self::Error)
            }
            TestOutcome::Warning => Some(Self::Warning),
            TestOutcome::Passed => None,
        }
    }

    const fn command(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// Returns the annotations of what did not pass, a line each, the worst first.
#[must_use]
pub fn annotations(suite: &TestSuite) -> String {
    let cases = suite.worst_first();
    [Kind::Error, Kind::Warning]
        .map(|kind| of_kind(suite, &cases, kind))
        .concat()
}

/// Returns the annotations of one kind.
fn of_kind(suite: &TestSuite, cases: &[&TestCase], kind: Kind) -> String {
    let cases = cases
        .iter()
        .filter(|case| Kind::of(case.outcome) == Some(kind));
    let cases: Vec<&&TestCase> = cases.collect();
    let shown = match cases.len() {
        0..=ANNOTATIONS => cases.len(),
        _ => ANNOTATIONS - 1,
    };
    let mut text = String::new();
    for case in &cases[..shown] {
        let title = format!("{}: {}", case.outcome.words(), case.name);
        let message = format!("{}: {}", case.class, case.message);
        text += &annotation(kind, &title, &message);
    }
    if shown < cases.len() {
        let message = format!(
            "and {} more: the step's summary has all of them",
            cases.len() - shown
        );
        text += &annotation(kind, &suite.name, &message);
    }
    text
}

fn annotation(kind: Kind, title: &str, message: &str) -> String {
    format!(
        "::{} title={}::{}\n",
        kind.command(),
        property(&shortened(title)),
        data(&shortened(message))
    )
}

/// Cuts off what would be too long.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(TEXT_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Returns `text` as the message of a workflow command.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// Returns `text` as the value of a property of a workflow command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// Returns the summary of `suite` in at most `most` bytes: a table, the worst case first, and after it `details`, a
/// report in Markdown, if there is space for it.
#[must_use]
pub fn summary(suite: &TestSuite, details: Option<&str>, most: usize) -> String {
    let cases = suite.worst_first();
    let mut text = format!(
        "## {}: {}\n\n| | judgement | of | figure |\n|---|---|---|---|\n",
        markdown_text::text(&suite.name),
        suite.counts()
    );
    let mut shown = 0;
    for case in &cases {
        let row = row(case);
        if text.len() + row.len() + REMARK_BYTES > most {
            break;
        }
        text += &row;
        shown += 1;
    }
    if shown < cases.len() {
        text += &format!("\n{} more are left out.\n", cases.len() - shown);
    }
    text.push('\n');
    if let Some(details) = details {
        let (begin, end) = (
            "<details><summary>Report</summary>\n\n",
            "\n\n</details>\n\n",
        );
        if text.len() + begin.len() + details.len() + end.len() <= most {
            text.extend([begin, details, end]);
        } else if text.len() + REMARK_BYTES <= most {
            text += "The report is too long for this summary.\n\n";
        }
    }
    // Not even the head may fit behind what others have written.
    if text.len() > most {
        return String::new();
    }
    text
}

fn row(case: &TestCase) -> String {
    let sign = match case.outcome {
        TestOutcome::Passed => "✅",
        TestOutcome::Warning => "⚠️",
        TestOutcome::NotMeasured | TestOutcome::Undecided => "❔",
        TestOutcome::Failed => "❌",
    };
    let [name, class, message] = [&case.name, &case.class, &case.message].map(|part| {
        let part = shortened(part);
        markdown_text::text(&part)
    });
    let words = case.outcome.words();
    format!("| {sign} {words} | {name} | {class} | {message} |\n")
}

#[cfg(test)]
mod tests {
    use super::super::test_case::tests::case;
    use super::*;

    fn suite(failed: usize, warnings: usize) -> TestSuite {
        let failed = (0..failed).map(|number| {
            let name = format!("p99 of {number}");
            case(&name, TestOutcome::Failed, number as f64)
        });
        let warnings = (0..warnings).map(|_| case("p50 <= 1us, or so", TestOutcome::Warning, 0.0));
        let passed = case("lost == 0", TestOutcome::Passed, 0.0);
        let cases = std::iter::once(passed).chain(failed).chain(warnings);
        TestSuite::new("fathom check", cases.collect())
    }

    #[test]
    fn ten_annotations_of_a_kind_come_through_and_the_last_counts_the_rest() {
        let text = annotations(&suite(10, 1));
        assert_eq!(text.lines().count(), 11, "{text}");
        assert!(!text.contains("more"), "{text}");
        let text = annotations(&suite(12, 11));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 20, "{text}");
        assert_eq!(
            lines[0],
            "::error title=missed%3A p99 of 11::hermit on unix: 3.00 µs, limit 2.00 µs"
        );
        assert_eq!(
            lines[9],
            "::error title=fathom check::and 3 more: the step's summary has all of them"
        );
        assert!(
            lines[10].starts_with("::warning title=warning%3A p50 <= 1us%2C or so::"),
            "{text}"
        );
        assert!(lines[19].contains("and 2 more"), "{text}");
        assert_eq!(annotations(&suite(0, 0)), "");
    }

    #[test]
    fn no_text_ends_an_annotation() {
        let mut hostile = case("100 %,\n::error::b", TestOutcome::Undecided, 0.0);
        hostile.message = "a\r\n::stop-commands::x".repeat(100);
        let text = annotations(&TestSuite::new("fathom", vec![hostile]));
        assert_eq!(text.lines().count(), 1, "{text}");
        let expected = "::error title=undecided%3A 100 %25%2C%0A%3A%3Aerror%3A%3Ab::hermit on unix: \
                        a%0D%0A::stop-commands::x";
        assert!(
            text.starts_with(expected) && text.ends_with("…\n"),
            "{text}"
        );
        assert!(text.len() < 4096, "{}", text.len());
    }

    #[test]
    fn a_summary_has_the_worst_first_and_the_report_if_it_fits() {
        let text = summary(&suite(2, 0), Some("# Report"), SUMMARY_BYTES);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "## fathom check: 2 missed, 1 met");
        assert!(lines[4].starts_with("| ❌ missed | p99 of 1 |"), "{text}");
        assert!(lines[6].starts_with("| ✅ met | lost == 0 |"), "{text}");
        assert!(text.contains("<summary>Report</summary>\n\n# Report\n"));
        let long = "x".repeat(SUMMARY_BYTES);
        let text = summary(&suite(2, 0), Some(&long), SUMMARY_BYTES);
        assert!(text.contains("too long") && text.len() < 1000, "{text}");
    }

    #[test]
    fn a_summary_is_never_longer_than_it_may_be() {
        let suite = suite(1000, 0);
        for most in [0, 100, 1000, 10_000, SUMMARY_BYTES] {
            let text = summary(&suite, Some("# Report"), most);
            assert!(text.len() <= most, "{} in {most}", text.len());
            let is_cut = (1000..=10_000).contains(&most);
            assert_eq!(text.contains("more are left out"), is_cut, "{most}");
        }
    }
}
