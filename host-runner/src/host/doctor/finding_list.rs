//! The findings for a terminal: verdict, name and fact, and under them what to do.

use super::{Finding, Verdict};

/// Greatest width of a line, in characters.
const WIDTH: usize = 100;

/// Column in which names and facts begin.
const NAME_AT: usize = 9;
const FACT_AT: usize = 34;

/// The findings as text, with a newline at the end.
#[must_use]
pub fn render(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let head = format!("{:<NAME_AT$}{}", finding.verdict.name(), finding.name);
        text.push_str(&format!("{head:<FACT_AT$}"));
        wrap(&finding.fact, &mut text);
        if let Some(advice) = &finding.advice {
            text.push_str(&" ".repeat(FACT_AT));
            wrap(&format!("-> {advice}"), &mut text);
        }
    }
    let count = |verdict| {
        let has_it = |finding: &&Finding| finding.verdict == verdict;
        findings.iter().filter(has_it).count()
    };
    text.push_str(&format!(
        "\n{} ok, {} warn, {} bad, {} unknown\n",
        count(Verdict::Ok),
        count(Verdict::Warn),
        count(Verdict::Bad),
        count(Verdict::Unknown)
    ));
    text
}

/// Adds `words` in lines that begin at [`FACT_AT`], the first of which has begun.
fn wrap(words: &str, text: &mut String) {
    let mut column = FACT_AT;
    for word in words.split(' ') {
        let len = word.chars().count();
        if column > FACT_AT && column + 1 + len > WIDTH {
            text.push('\n');
            text.push_str(&" ".repeat(FACT_AT));
            column = FACT_AT;
        } else if column > FACT_AT {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += len;
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_and_advice_stand_under_each_other() {
        let findings = [
            Finding::ok("cores", "8 CPUs may be used"),
            Finding::warn(
                "governor",
                "powersave on 8 of 8 CPUs: they change speed under a load that comes and goes",
            )
            .advise("sudo cpupower frequency-set -g performance"),
        ];
        let expected = "\
ok       cores                    8 CPUs may be used
warn     governor                 powersave on 8 of 8 CPUs: they change speed under a load that
                                  comes and goes
                                  -> sudo cpupower frequency-set -g performance

1 ok, 1 warn, 0 bad, 0 unknown
";
        assert_eq!(render(&findings), expected);
    }

    #[test]
    fn a_word_longer_than_the_line_has_a_line_of_its_own() {
        let fact = format!("see {}", "x".repeat(90));
        let text = render(&[Finding::ok("cores", fact)]);
        assert_eq!(text.lines().next().unwrap().trim_end().len(), FACT_AT + 3);
    }
}
