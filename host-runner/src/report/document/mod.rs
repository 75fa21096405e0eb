//! `report.html` and `report.md`: results for people, from what is in their directories.
//!
//! The HTML is one file that needs nothing else: no script, no font, no image but the SVG in it, and
//! a content policy that forbids all others.
//!
//! - [`entry`]: the measurements, each with a name that tells it from the others;
//! - [`plots`], [`tables`]: what is shown of them;
//! - [`method`]: how it was measured, in words;
//! - [`format`]: numbers and text.

use std::path::Path;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment as Templates, Value};
use serde::Serialize;

use super::chart::{Plot, Size, Style, draw};
use super::read::{self, Source};
use super::{ReportError, file};
use entry::Entry;
use tables::Table;

pub mod entry;
pub mod format;
pub mod method;
pub mod plots;
pub mod tables;

#[cfg(test)]
mod made_up;

/// What the page is called.
pub const HTML: &str = "report.html";

/// What the text to paste is called.
pub const MARKDOWN: &str = "report.md";

/// The documents of some results.
#[derive(Clone, Debug)]
pub struct Documents {
    /// [`HTML`].
    pub html: String,
    /// [`MARKDOWN`].
    pub markdown: String,
}

impl Documents {
    /// Writes both into `directory`.
    ///
    /// # Errors
    ///
    /// [`ReportError::Unwritable`].
    pub fn write_to(&self, directory: &Path) -> Result<(), ReportError> {
        for (name, text) in [(HTML, &self.html), (MARKDOWN, &self.markdown)] {
            let path = directory.join(name);
            file::write(&path, text.as_bytes())?;
        }
        Ok(())
    }
}

/// Reads the results in `directories` and puts them in one document of each form.
///
/// # Errors
///
/// [`ReportError::Unreadable`] if results are missing or damaged.
pub fn render(directories: &[impl AsRef<Path>]) -> Result<Documents, ReportError> {
    let sources = directories
        .iter()
        .map(|directory| read::read(directory.as_ref()))
        .collect::<Result<Vec<Source>, _>>()?;
    render_sources(&sources)
}

/// Everything that the templates show.
#[derive(Serialize)]
struct Page {
    title: String,
    measured_at: String,
    is_emulated: bool,
    entries: Vec<EntryView>,
    comparisons: Option<Table>,
    latency: Table,
    charts: Vec<Chart>,
    details: Vec<Table>,
    holds: Table,
    method: Vec<String>,
    sources: Vec<SourceView>,
}

/// A measurement, in short.
#[derive(Serialize)]
struct EntryView {
    label: String,
    colour: usize,
    sample: Value,
    is_valid: bool,
    reasons: String,
    is_partial: bool,
    figures: Vec<(&'static str, String)>,
}

/// One figure of the page, of one drawing or several.
#[derive(Serialize)]
struct Chart {
    id: &'static str,
    title: &'static str,
    caption: String,
    legend: Vec<(Value, String)>,
    panels: Vec<Panel>,
}

/// A drawing, at the sizes that it is shown in.
#[derive(Serialize)]
struct Panel {
    title: Option<String>,
    wide: Value,
    narrow: Value,
}

/// Where some of the measurements come from.
#[derive(Serialize)]
struct SourceView {
    directory: String,
    command: String,
    environment: Table,
    doctor: Option<Table>,
}

fn render_sources(sources: &[Source]) -> Result<Documents, ReportError> {
    let entries = entry::entries(sources);
    let page = Value::from(Serde(page(sources, &entries)));
    let mut templates = Templates::new();
    // Lines that hold a statement alone leave nothing behind.
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build()?;
    templates.set_syntax(syntax);
    templates.add_filter("cell", |text: &str| {
        text.replace(['\n', '\r'], " ").replace('|', "\\|")
    });
    templates.add_template("style.css", include_str!("style.css"))?;
    templates.add_template(HTML, include_str!("report.html.j2"))?;
    templates.add_template(MARKDOWN, include_str!("report.md.j2"))?;
    Ok(Documents {
        html: templates.get_template(HTML)?.render(page.clone())?,
        markdown: templates.get_template(MARKDOWN)?.render(page)?,
    })
}

fn page(sources: &[Source], entries: &[Entry<'_>]) -> Page {
    let title = match entries {
        [only] => format!("Round-trip latency: {}", only.label),
        several => format!("Round-trip latency: {} measurements", several.len()),
    };
    let times = sources
        .iter()
        .map(|source| source.report.environment.started_at);
    let time = times.min();
    let time = time.map(|at| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string());
    Page {
        title,
        measured_at: time.unwrap_or_default(),
        is_emulated: entries.iter().any(Entry::is_emulated),
        entries: entries.iter().map(entry_view).collect(),
        comparisons: tables::comparisons(sources),
        latency: tables::latency(entries),
        charts: charts(entries),
        details: vec![
            tables::floors(entries),
            tables::parts(entries),
            tables::requests(entries),
        ],
        holds: tables::holds(entries),
        method: method::paragraphs(entries),
        sources: sources.iter().map(source_view).collect(),
    }
}

fn entry_view(entry: &Entry<'_>) -> EntryView {
    let latency = &entry.run.latency_ns;
    let figures = [
        ("p50", latency.p50),
        ("p99", latency.p99),
        ("p99.9", latency.p99_9),
        ("max", latency.max),
    ];
    let figure = |ns: u64| {
        let is_bound = entry.censored_from_ns().is_some_and(|from| ns >= from);
        let relation = if is_bound { "≥ " } else { "" };
        format!("{relation}{}", format::nanoseconds(ns as f64))
    };
    let figures = figures.map(|(name, ns)| (name, ns.map_or_else(|| "n/a".to_owned(), figure)));
    EntryView {
        label: entry.label.clone(),
        colour: entry.style.colour,
        sample: sample(entry.style),
        is_valid: entry.run.valid,
        reasons: entry.run.invalid_because.join("; "),
        is_partial: entry.run.partial,
        figures: figures.into(),
    }
}

fn source_view(source: &Source) -> SourceView {
    SourceView {
        directory: source.directory.display().to_string(),
        command: format::command(&source.report.environment.command_line),
        environment: tables::environment(source),
        doctor: tables::doctor(source),
    }
}

fn sample(style: Style) -> Value {
    Value::from_safe_string(draw::sample(style))
}

fn charts(entries: &[Entry<'_>]) -> Vec<Chart> {
    let runs = || {
        let run = |entry: &Entry<'_>| (sample(entry.style), entry.label.clone());
        entries.iter().map(run).collect::<Vec<_>>()
    };
    let quantities = |colour: usize, names: &[(&str, usize)], subject: Option<&str>| {
        let quantity = |(name, look): &(&str, usize)| {
            let label = subject.map_or_else(|| (*name).to_owned(), |of| format!("{of}: {name}"));
            (sample(plots::quantity(colour, *look)), label)
        };
        names.iter().map(quantity).collect::<Vec<_>>()
    };
    let mut charts = vec![Chart {
        id: "by-percentile",
        title: "Latency by percentile",
        caption: method::BY_PERCENTILE.to_owned(),
        legend: runs(),
        panels: vec![panel(None, &plots::by_percentile(entries), Size::Wide)],
    }];
    let sweeps = plots::sweeps(entries);
    if !sweeps.is_empty() {
        let legend = sweeps
            .iter()
            .flat_map(|sweep| quantities(sweep.colour, &plots::AGAINST_LOAD, Some(&sweep.subject)));
        charts.push(Chart {
            id: "against-load",
            title: "Latency against offered load",
            caption: method::AGAINST_LOAD.to_owned(),
            legend: legend.collect(),
            panels: vec![panel(
                None,
                &plots::against_load(&sweeps, entries),
                Size::Wide,
            )],
        });
    }
    let over_time = plots::over_time(entries);
    let (legend_colour, size) = match entries {
        [only] => (only.style.colour, Size::Wide),
        _ => (NEUTRAL, Size::Half),
    };
    let panels = entries.iter().zip(&over_time).map(|(entry, plot)| {
        let title = (entries.len() > 1).then(|| entry.label.clone());
        panel(title, plot, size)
    });
    charts.push(Chart {
        id: "over-time",
        title: "Latency over time",
        caption: method::OVER_TIME.to_owned(),
        legend: quantities(legend_colour, &plots::OVER_TIME, None),
        panels: panels.collect(),
    });
    charts
}

/// The colour of what is of no measurement in particular.
const NEUTRAL: usize = 9;

fn panel(title: Option<String>, plot: &Plot, size: Size) -> Panel {
    Panel {
        title,
        wide: Value::from_safe_string(draw::plot(plot, size)),
        narrow: Value::from_safe_string(draw::plot(plot, Size::Narrow)),
    }
}

#[cfg(test)]
mod tests {
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
        let source = Source {
            distributions: vec![distribution; report.runs.len()],
            report,
            ..made_up::closed()
        };
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
}
