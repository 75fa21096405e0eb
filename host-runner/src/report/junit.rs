//! JUnit XML, which GitLab, Jenkins, Azure Pipelines and others read: one `testcase` for each judgement.
//!
//! What is missed is a `failure`. What is undecided or was not measured is an `error`, never `skipped`, which counts
//! as passed nearly everywhere. A warning passes, with its message as `system-out`: the format has no warnings.

use quick_junit::{NonSuccessKind, Report, TestCaseStatus};

use super::test_case::{TestCase, TestOutcome, TestSuite};
use crate::terminal;

/// Returns the XML document of `suite`.
#[must_use]
pub fn render(suite: &TestSuite) -> String {
    let mut report = Report::new("fathom");
    let mut test_suite = quick_junit::TestSuite::new(text(&suite.name));
    test_suite.add_test_cases(suite.cases().iter().map(test_case));
    report.add_test_suite(test_suite);
    let mut xml = Vec::new();
    // Writing to memory does not fail.
    let _ = report.serialize(&mut xml);
    String::from_utf8(xml).unwrap_or_default()
}

fn test_case(case: &TestCase) -> quick_junit::TestCase {
    let message = text(&case.message);
    let mut test_case = quick_junit::TestCase::new(text(&case.name), status(case, &message));
    test_case.set_classname(text(&case.class));
    if matches!(case.outcome, TestOutcome::Passed | TestOutcome::Warning) {
        let prefix = match case.outcome {
            TestOutcome::Warning => "warning: ",
            _ => "",
        };
        test_case.set_system_out(format!("{prefix}{message}"));
    }
    test_case
}

fn status(case: &TestCase, message: &str) -> TestCaseStatus {
    let kind = match case.outcome {
        TestOutcome::Passed | TestOutcome::Warning => return TestCaseStatus::success(),
        TestOutcome::Failed => NonSuccessKind::Failure,
        TestOutcome::Undecided | TestOutcome::NotMeasured => NonSuccessKind::Error,
    };
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(case.outcome.words()).set_message(message);
    status
}

/// Returns `text` on one line, without the characters that XML can't have (XML 1.0, section 2.2).
fn text(text: &str) -> String {
    terminal::one_line(text).replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::super::test_case::tests::case;
    use super::*;

    #[test]
    fn each_outcome_has_its_element() {
        use TestOutcome::{Failed, NotMeasured, Passed, Undecided, Warning};
        let cases = [Passed, Warning, Failed, Undecided, NotMeasured]
            .map(|outcome| case("p99 <= 2us", outcome, 0.0));
        let xml = render(&TestSuite::new("fathom check", cases.to_vec()));
        for part in [
            "<testsuite name=\"fathom check\" tests=\"5\" skipped=\"0\" errors=\"2\" failures=\"1\">",
            "<testcase name=\"p99 &lt;= 2us\" classname=\"hermit on unix\">",
            "<system-out>warning: 3.00 µs, limit 2.00 µs</system-out>",
            "<failure message=\"3.00 µs, limit 2.00 µs\" type=\"missed\"/>",
            "<error message=\"3.00 µs, limit 2.00 µs\" type=\"undecided\"/>",
            "<error message=\"3.00 µs, limit 2.00 µs\" type=\"not measured\"/>",
        ] {
            assert!(xml.contains(part), "{part}: {xml}");
        }
        assert!(!xml.contains("<skipped"), "{xml}");
    }

    #[test]
    fn what_xml_can_not_have_is_not_in_it() {
        let mut hostile = case("\x1b[31m\"<a>&\u{ffff}", TestOutcome::Failed, 0.0);
        hostile.message = "a\n]]>\0\u{fffe}".to_owned();
        let xml = render(&TestSuite::new("fathom\x07", vec![hostile]));
        let allowed = |character: char| matches!(character, '\n' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}');
        assert!(xml.chars().all(allowed), "{xml:?}");
        assert!(xml.contains("&quot;&lt;a&gt;&amp;"), "{xml}");
        assert!(xml.contains("a | ]]&gt;"), "{xml}");
    }
}
