//! Templates, filled in with a page.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, Value, context};

use super::chart_file;
use super::code_spans;
use super::markdown_text;
use super::result_set::ResultSet;
use crate::record::RecordError;

/// Fills in the template called `name`, one of `templates`; `None` if `results` have no page.
///
/// # Errors
///
/// [`RecordError::Document`] if there is an error in a template.
pub fn fill_in(
    name: &str,
    templates: &[(&'static str, &'static str)],
    results: &ResultSet<'_>,
) -> Result<Option<String>, RecordError> {
    let Some((page, chart)) = results.page() else {
        return Ok(None);
    };
    let page = context! {
        chart_file => chart.map(|_| chart_file::NAME),
        ..Value::from(Serde(page))
    };
    fill_in_value(name, templates, page).map(Some)
}

/// Fills in the template called `name`, one of `templates`, with `page`.
///
/// # Errors
///
/// [`RecordError::Document`] if there is an error in a template.
pub fn fill_in_value(
    name: &str,
    templates: &[(&'static str, &'static str)],
    page: Value,
) -> Result<String, RecordError> {
    let mut environment = Environment::new();
    // Lines that hold a statement alone leave nothing behind.
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build()?;
    environment.set_syntax(syntax);
    environment.add_filter("code", code_spans::html);
    environment.add_filter("text", markdown_text::text);
    for &(name, template) in templates {
        environment.add_template(name, template)?;
    }
    Ok(environment.get_template(name)?.render(page)?)
}
