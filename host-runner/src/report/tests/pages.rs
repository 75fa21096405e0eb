//! Whole pages: their statements, and that they need nothing else.

use crate::host::doctor::{Finding, Verdict};
use crate::record::Source;
use crate::record::fixtures::source_fixtures;
use crate::report::html::Html;
use crate::report::markdown::Markdown;
use crate::report::renderer::Renderer;
use crate::report::result_set::ResultSet;

/// A page in both forms.
struct Documents {
    html: String,
    markdown: String,
}

fn documents(sources: &[Source]) -> Documents {
    let results = ResultSet::of_sources(sources);
    let text = |renderer: &dyn Renderer| renderer.render(&results).unwrap().expect("it has a page");
    Documents {
        html: text(&Html),
        markdown: text(&Markdown),
    }
}

#[test]
fn the_page_needs_nothing_but_itself() {
    let html = documents(&[
        source_fixtures::closed(),
        source_fixtures::open(1000.0),
        source_fixtures::open(2000.0),
    ])
    .html;
    for reference in [
        "http:", "https:", "src=", "url(", "@import", "<script", "<link",
    ] {
        assert!(!html.contains(reference), "{reference}");
    }
    assert!(html.contains("default-src 'none'"));
    for id in ["by-percentile", "against-load", "over-time"] {
        assert!(html.contains(&format!("id=\"{id}\"")), "{id}");
    }
}

#[test]
fn a_sweep_is_a_pipeline_and_its_steps() {
    let record = crate::record::fixtures::sweep_report();
    let distribution = source_fixtures::closed().distributions.remove(0);
    let distributions = vec![distribution; record.runs.len()];
    let source = Source::new("results/a".into(), record, distributions).unwrap();
    let html = documents(&[source]).html;
    assert!(html.contains("id=\"against-load\""));
    for words in [
        "<h1>hermit under load: at 100/s 0.20 % of the requests are lost</h1>",
        "pipeline of 8",
        "open 500/s",
        "<b>open 950/s:</b> the generator was late",
        "overloaded: 0.20 % lost",
        "0 of 3 steps without a doubt",
    ] {
        assert!(
            html.contains(&words.replace('/', "&#x2f;").replace("<&#x2f;", "</")),
            "{words}"
        );
    }
    // The point of it comes first, and the curves after it.
    let place = |id: &str| html.find(&format!("id=\"{id}\"")).unwrap();
    assert!(place("against-load") < place("steps"));
    assert!(place("steps") < place("by-percentile"));
    assert!(html.contains("Pipeline: a fixed number"));
}

#[test]
fn every_element_is_closed() {
    let html = documents(&[source_fixtures::closed(), source_fixtures::open(1000.0)]).html;
    for element in [
        "section", "table", "tr", "td", "th", "svg", "g", "div", "figure", "p", "ul",
    ] {
        let opened = html.matches(&format!("<{element}>")).count()
            + html.matches(&format!("<{element} ")).count();
        let closed = html.matches(&format!("</{element}>")).count();
        assert_eq!(opened, closed, "{element}");
    }
}

#[test]
fn text_of_the_record_is_never_markup() {
    let mut source = source_fixtures::closed();
    let run = &mut source.record.runs[0];
    run.target = "<img src=x onerror=alert(1)>|`".to_owned();
    run.valid = false;
    run.invalid_because = vec!["</section><script>".to_owned()];
    source.record.environment.kernel = "a | b\nc".to_owned();
    let documents = documents(&[source]);
    assert!(!documents.html.contains("<img") && !documents.html.contains("<script"));
    assert!(documents.html.contains("&lt;img"));
    assert!(documents.markdown.contains("| kernel | a \\| b c |"));
}

#[test]
fn code_in_reasons_and_advice_is_code() {
    let mut source = source_fixtures::closed();
    let run = &mut source.record.runs[0];
    run.valid = false;
    run.invalid_because = vec!["lower `--rate`".to_owned()];
    source.record.environment.doctor = vec![Finding {
        name: "busy".to_owned(),
        verdict: Verdict::Bad,
        fact: "another program runs".to_owned(),
        advice: Some("look with `top -H`".to_owned()),
    }];
    let html = documents(&[source]).html;
    for code in ["lower <code>--rate</code>", "look with <code>top -H</code>"] {
        assert!(html.contains(code), "{code}: {html}");
    }
    assert!(!html.contains('`'), "{html}");
}

#[test]
fn validity_and_the_emulator_are_told() {
    let mut source = source_fixtures::closed();
    source.record.runs[0].valid = false;
    source.record.runs[0].invalid_because = vec!["the host slept".to_owned()];
    let documents = documents(&[source]);
    for text in [&documents.html, &documents.markdown] {
        assert!(text.contains("the host slept"), "{text}");
        assert!(text.contains("no statement about"), "{text}");
        assert!(text.contains("needs 10,000"), "{text}");
    }
}

#[test]
fn markdown_has_a_line_per_measurement() {
    let markdown = documents(&[source_fixtures::closed()]).markdown;
    assert!(
        markdown.starts_with("# hermit over unix: p50 25.0 µs, p99 29.9 µs\n"),
        "{markdown}"
    );
    let row = "| hermit, unix | 20.0 µs | 25.0 µs | 29.0 µs | 29.9 µs | n/a (needs 10,000) |";
    assert!(
        markdown.lines().any(|line| line.starts_with(row)),
        "{markdown}"
    );
    assert!(!markdown.contains("<svg") && !markdown.contains("&lt;"));
}

/// Number of times that `what` is in `text`.
fn count(text: &str, what: &str) -> usize {
    text.matches(what).count()
}

#[test]
fn a_comparison_begins_with_its_answer_and_ends_with_every_run() {
    let html = documents(&[source_fixtures::comparison()]).html;
    let title =
        "<h1>Over unix, a Linux guest (busy) answers in 116 µs at p99; hermit takes 72.0 µs</h1>";
    let parts = [
        title,
        "emulated (TCG)",
        "0 to 3 of 3 rounds valid, 1 run repeated",
        "order holds at 95 %",
        "id=\"overview\"",
        "To quote",
        "id=\"answer\"",
        "hermit&#x27;s p99 is higher than linux-guest:busy&#x27;s by 300–700 ns.",
        "2 of 11 runs are not valid",
        "id=\"verdicts\"",
        "lower by 41.0–48.0 µs",
        "id=\"skipped\"",
        "null on unix: null answers on vhost-user only",
        "id=\"by-percentile\"",
        "id=\"over-time\"",
        "id=\"method\"",
        "Verdicts are about boots",
        "Made again by:",
        "id=\"runs\"",
        "unix: 7 runs, 1 of them not valid",
        "the host slept",
    ];
    let mut rest = html.as_str();
    for part in parts {
        let at = rest
            .find(part)
            .unwrap_or_else(|| panic!("{part} is missing or too early"));
        rest = &rest[at..];
    }
    // Of eleven runs no more is drawn than five targets with a valid one, in three charts each of which
    // is there at two sizes: in one for all, together on each link, and by rounds.
    assert_eq!(count(&html, "<svg class=\"plot wide\""), 1 + 3 + 5);
    assert_eq!(count(&html, "<svg class=\"plot narrow\""), 1 + 3 + 5);
    assert_eq!(
        count(&html, "class=\"line part "),
        2 * 6,
        "of two targets three rounds each"
    );
}

#[test]
fn a_comparison_without_a_valid_run_says_so() {
    let whole = source_fixtures::comparison();
    let mut record = whole.record;
    record.comparisons.clear();
    for run in &mut record.runs {
        run.valid = false;
        run.invalid_because = vec!["the host slept".to_owned()];
    }
    for merged in &mut record.merged {
        merged.rounds.clear();
        (merged.sent, merged.received, merged.lost) = (0, 0, 0);
        merged.latency_ns = Default::default();
    }
    let source = Source::new(whole.directory, record, whole.distributions).unwrap();
    let documents = documents(&[source]);
    assert_eq!(
        count(&documents.html, "No run is valid: there is nothing to draw"),
        3
    );
    assert!(
        !documents.html.contains("id=\"over-time\"")
            && !documents.html.contains("svg class=\"plot")
    );
    for text in [&documents.html, &documents.markdown] {
        assert!(text.contains("11 of 11 runs are not valid"), "{text}");
        assert!(
            text.contains("Without a valid run: hermit and linux-guest:busy."),
            "{text}"
        );
        assert!(
            !text.contains("Differences\n") && !text.contains("<h2>Differences"),
            "{text}"
        );
    }
}

#[test]
fn the_markdown_of_a_comparison_has_its_tables_and_no_single_run() {
    let markdown = documents(&[source_fixtures::comparison()]).markdown;
    for line in [
        "# Over unix, a Linux guest (busy) answers in 116 µs at p99; hermit takes 72.0 µs",
        "![Over unix, a Linux guest (busy) answers in 116 µs at p99; hermit takes 72.0 µs](latency.svg)",
        "- **unix**: hermit's p99 is higher than linux-guest:busy's by 300–700 ns.",
        "| on | target | against | rounds | p50 | p90 | p99 | p99.9 |",
        "| unix | hermit | linux-guest:busy | 3 rounds | lower by 41.0–48.0 µs (72.0 µs against 116 µs) \
         | no difference seen, −0.90 to +1.20 µs (72.0 µs against 116 µs) | higher by 300–700 ns (72.0 µs \
         against 116 µs) | n/a: a round needs 10,000 requests |",
        "| vhost-user | hermit | linux-guest:busy | no round in which both are valid | n/a | n/a | n/a \
         | n/a |",
        "- null on unix: null answers on vhost-user only",
        "### unix",
        "## Method",
        "```sh",
    ] {
        let is_there = markdown.lines().any(|found| found == line);
        assert!(is_there, "{line}\n\n{markdown}");
    }
    let row = "| hermit | 3 of 3 | 1 | 25.0 µs |";
    assert!(
        markdown.lines().any(|line| line.starts_with(row)),
        "{markdown}"
    );
    assert!(
        !markdown.contains("round 2") && !markdown.contains("<svg"),
        "{markdown}"
    );
}

#[test]
fn comparisons_and_other_measurements_share_a_page() {
    let again = Source {
        directory: "results/again".into(),
        ..source_fixtures::comparison()
    };
    let html = documents(&[
        source_fixtures::comparison(),
        source_fixtures::closed(),
        again,
    ])
    .html;
    assert!(html.contains("<h1>Round-trip latency: 2 comparisons and 1 measurement</h1>"));
    for id in [
        "1-verdicts",
        "2-verdicts",
        "1-by-percentile",
        "2-by-percentile",
        "2-runs",
        "by-percentile",
    ] {
        assert_eq!(count(&html, &format!("id=\"{id}\"")), 1, "{id}");
    }
    assert!(html.contains("results&#x2f;compared") && html.contains("Other measurements"));
}

#[test]
fn results_of_different_machines_are_marked_at_the_top() {
    let mut other = source_fixtures::closed();
    other.record.environment.qemu_version = Some("8.0.0".to_owned());
    let both = documents(&[source_fixtures::closed(), other]);
    for text in [&both.html, &both.markdown] {
        let at = text.find("7.2.0 against 8.0.0").expect("it is said");
        assert!(at < text.find("Under TCG").unwrap(), "{text}");
    }
    let one = documents(&[source_fixtures::closed(), source_fixtures::closed()]);
    assert!(!one.html.contains("Different machines"));
}

#[test]
fn percentiles_that_were_requested_have_their_columns_and_marks() {
    let mut source = source_fixtures::closed();
    let requested = ["75", "99.999"].map(|name| name.parse().unwrap());
    let histogram = source.distributions[0].histogram.clone();
    source.record.runs[0]
        .latency_ns
        .add_from(&histogram, &requested);
    let documents = documents(&[source]);
    let head = "| latency | min | p50 | p75 | p90 | p99 | p99.9 | p99.99 | p99.999 | max |";
    assert!(documents.markdown.contains(head), "{}", documents.markdown);
    assert!(documents.markdown.contains("| n/a (needs 1,000,000) |"));
    // What the record does not have of the parts is no lack of samples.
    assert!(
        documents
            .markdown
            .contains("| hermit, unix | service | 1.50 µs | 1.50 µs | – |")
    );
    assert!(
        documents
            .html
            .contains("<title>hermit, unix: p75 is 27.5 µs</title>")
    );
}
