//! Objectives in every form of a report.

use crate::record::fixtures::source_fixtures;
use crate::record::{Objective, ObjectiveLevel, ObjectiveState, ObjectiveSummary, Source};
use crate::report::html::Html;
use crate::report::markdown::Markdown;
use crate::report::renderer::Renderer;
use crate::report::result_set::ResultSet;
use crate::report::terminal_report::{Detail, Terminal};

fn judged() -> Source {
    let mut source = source_fixtures::closed();
    let objective = |expression: &str, state| Objective {
        name: "tail".to_owned(),
        on: "hermit on unix, closed loop".to_owned(),
        expression: expression.to_owned(),
        level: ObjectiveLevel::Pass,
        state,
        value: Some(29_000.0),
        low: Some(28_000.0),
        high: Some(30_000.0),
        limit: Some(2000.0),
        unit: "ns".to_owned(),
        needs: Some("in this boot alone".to_owned()),
        key: false,
        weight: 1.0,
        points: 0.0,
    };
    source.record.objectives = vec![
        objective("p50 <= 1ms", ObjectiveState::Met),
        objective("p99 <= 2us", ObjectiveState::Missed),
    ];
    source.record.objective_summary = Some(ObjectiveSummary {
        state: ObjectiveState::Missed,
        reason: "of 1 objectives 1 missed".to_owned(),
        warnings: 0,
        confidence: 0.95,
        looks: 1,
        points: 0.0,
        weight: 1.0,
        score_to_pass: None,
        score_to_warn: None,
    });
    source
}

fn render(renderer: &dyn Renderer, source: Source) -> String {
    let sources = [source];
    let results = ResultSet::of_sources(&sources);
    renderer.render(&results).unwrap().unwrap()
}

#[test]
fn objectives_come_first() {
    let html = render(&Html, judged());
    let at = |text: &str, words: &str| {
        let place = text.find(words);
        place.unwrap_or_else(|| panic!("{words} in {text}"))
    };
    assert!(at(&html, "id=\"objectives\"") < at(&html, "class=\"quote\""));
    assert!(html.contains("class=\"bad\">missed</td>"), "{html}");
    // The worst is the first.
    assert!(at(&html, "tail: p99 &lt;= 2us") < at(&html, "tail: p50 &lt;= 1ms"));
    let markdown = render(&Markdown, judged());
    assert!(at(&markdown, "## Objectives") < at(&markdown, "Measured at"));
    let headline = "MISSED: of 1 objectives 1 missed (confidence 95 %)";
    assert!(markdown.contains(headline), "{markdown}");
    let terminal = Terminal {
        detail: Detail::Brief,
    };
    let text = render(&terminal, judged());
    assert!(
        text.starts_with(&format!("objectives {headline}\n")),
        "{text}"
    );
    assert!(!render(&Html, source_fixtures::closed()).contains("id=\"objectives\""));
}
