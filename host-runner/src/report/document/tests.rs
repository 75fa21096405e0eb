use super::*;

fn documents(sources: &[Source]) -> Documents {
    render_sources(sources).unwrap()
}

#[test]
fn the_page_needs_nothing_but_itself() {
    let html = documents(&[
        made_up::closed(),
        made_up::open(1000.0),
        made_up::open(2000.0),
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
    let report = crate::report::sample::sweep_report();
    let distribution = made_up::closed().distributions.remove(0);
    let distributions = vec![distribution; report.runs.len()];
    let source = Source::new("results/a".into(), report, distributions).unwrap();
    let html = documents(&[source]).html;
    assert!(html.contains("id=\"against-load\""));
    for label in ["hermit, unix, pipeline of 8", "hermit, unix, open 500/s"] {
        assert!(html.contains(label), "{label}");
    }
    assert!(html.contains("Pipeline: a fixed number"));
}

#[test]
fn every_element_is_closed() {
    let html = documents(&[made_up::closed(), made_up::open(1000.0)]).html;
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
fn what_the_record_says_is_text_and_never_markup() {
    let mut source = made_up::closed();
    let run = &mut source.report.runs[0];
    run.target = "<img src=x onerror=alert(1)>|`".to_owned();
    run.valid = false;
    run.invalid_because = vec!["</section><script>".to_owned()];
    source.report.environment.kernel = "a | b\nc".to_owned();
    let documents = documents(&[source]);
    assert!(!documents.html.contains("<img") && !documents.html.contains("<script"));
    assert!(documents.html.contains("&lt;img"));
    assert!(documents.markdown.contains("| kernel | a \\| b c |"));
}

#[test]
fn validity_and_the_emulator_are_told() {
    let mut source = made_up::closed();
    source.report.runs[0].valid = false;
    source.report.runs[0].invalid_because = vec!["the host slept".to_owned()];
    let documents = documents(&[source]);
    for text in [&documents.html, &documents.markdown] {
        assert!(text.contains("the host slept"), "{text}");
        assert!(text.contains("no statement about"), "{text}");
        assert!(text.contains("needs 10,000"), "{text}");
    }
}

#[test]
fn markdown_has_a_line_per_measurement() {
    let markdown = documents(&[made_up::closed()]).markdown;
    assert!(
        markdown.starts_with("# Round-trip latency: hermit, unix\n"),
        "{markdown}"
    );
    let row = "| hermit, unix | 20.00 | 24.99 | 28.99 | 29.90 | n/a (needs 10,000) |";
    assert!(
        markdown.lines().any(|line| line.starts_with(row)),
        "{markdown}"
    );
    assert!(!markdown.contains("<svg") && !markdown.contains("&lt;"));
}
