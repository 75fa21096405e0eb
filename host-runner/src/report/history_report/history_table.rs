//! A history as text for a terminal: each series with its change points, newest first.

use std::fmt::{self, Write as _};

use crate::judge::history::level_change::percent;
use crate::judge::history::{Change, ExactSeries, History, HostNoise, Moved, Possible, Series};
use crate::quantity::{count, share};
use crate::terminal::one_line;

/// Digits of a revision that are shown.
const DIGITS: usize = 12;

/// A step of so many times the noise is found in most series with ten results on either side: see the simulation of
/// `stats::change_points`.
const DETECTABLE: f64 = 2.0;

/// Results from which their noise is told.
const LEAST_RESULTS: usize = 6;

/// Renders `history`.
#[must_use]
pub fn render(history: &History) -> String {
    let mut text = String::new();
    // Writing to a string can't fail.
    let _ = write_all(history, &mut text);
    text
}

fn write_all(history: &History, text: &mut String) -> fmt::Result {
    for series in &history.series {
        write_series(series, text)?;
    }
    for exact in &history.exact {
        write_exact(exact, text)?;
    }
    for host in &history.hosts {
        writeln!(text, "{}", host_words(host))?;
    }
    for unread in &history.unread {
        writeln!(
            text,
            "not read   {}: {}",
            one_line(&unread.directory),
            one_line(&unread.reason)
        )?;
    }
    Ok(())
}

fn write_series(series: &Series, text: &mut String) -> fmt::Result {
    writeln!(text, "{}", one_line(&series.name))?;
    writeln!(text, "  results    {}", results_words(series))?;
    for change in series.changes.iter().rev() {
        let word = if change.is_worse() { "worse" } else { "better" };
        writeln!(
            text,
            "  {word:<10} {}",
            one_line(&place_words(series, change))
        )?;
        writeln!(
            text,
            "             {}",
            one_line(&moved_words(&change.moved))
        )?;
        writeln!(text, "             {}", one_line(&change.cause.words()))?;
    }
    if let Some(possible) = &series.possible {
        writeln!(text, "  possible   {}", possible_words(possible))?;
    }
    if series.newest_invalid > 0 {
        writeln!(text, "  not valid  {}", count_words(series.newest_invalid))?;
    }
    writeln!(text, "  noise      {}", noise_words(series))
}

/// Returns the number of newest results that are not valid, in words.
fn count_words(newest_invalid: usize) -> String {
    match newest_invalid {
        1 => "the newest result".to_owned(),
        many => format!("the newest {many} results"),
    }
}

/// Returns the number of results of `series`, and what was left out, in words.
pub(super) fn results_words(series: &Series) -> String {
    let mut words = count(series.results.len() as u64);
    let starts = || series.results.iter().map(|result| &result.started_at);
    if let (Some(first), Some(last)) = (starts().min(), starts().max()) {
        let day = |at: &jiff::Timestamp| at.strftime("%Y-%m-%d").to_string();
        let (first, last) = (day(first), day(last));
        words.push_str(&format!(", {first} to {last}"));
    }
    for (number, reason) in [
        (series.invalid, "not valid"),
        (series.few_samples, "with too few samples"),
    ] {
        if number > 0 {
            words.push_str(&format!("; {number} {reason} left out"));
        }
    }
    match (series.changes.len(), series.needs_more) {
        (0, 0) => words.push_str("; no change point"),
        (0, 1) => words.push_str("; 1 more until a change can be told from chance"),
        (0, more) => words.push_str(&format!(
            "; {more} more until a change can be told from chance"
        )),
        (1, _) => words.push_str("; 1 change point"),
        (many, _) => words.push_str(&format!("; {many} change points")),
    }
    words
}

/// Returns the place of `change` in words: the first result of the new level, and how sure that is.
pub(super) fn place_words(series: &Series, change: &Change) -> String {
    let result = &series.results[change.index];
    let at = change.started_at.strftime("%Y-%m-%d %H:%M");
    let [first, last] = change.between;
    let (earlier, later) = (change.index - first, last - change.index);
    let results = |count: usize| match count {
        1 => "1 result".to_owned(),
        many => format!("up to {many} results"),
    };
    let place = match (earlier, later) {
        (0, 0) => String::new(),
        (earlier, 0) => format!(", or {} earlier", results(earlier)),
        (0, later) => format!(", or {} later", results(later)),
        (earlier, later) => format!(", or {} earlier or {later} later", results(earlier)),
    };
    format!("from {at} on ({}){place}", result.directory)
}

/// Returns the percentiles that moved in words.
pub(super) fn moved_words(moved: &[Moved]) -> String {
    let moved = moved.iter().filter(|moved| moved.direction != 0);
    let words: Vec<String> = moved
        .map(|moved| format!("{} {}", moved.percentile, moved.words()))
        .collect();
    words.join(", ")
}

/// Returns the newest results in words.
pub(super) fn possible_words(possible: &Possible) -> String {
    let newest = count_words(possible.results);
    format!(
        "{newest}: {}; {} more like {} would tell",
        moved_words(&possible.moved),
        possible.more,
        if possible.results == 1 {
            "this"
        } else {
            "these"
        }
    )
}

/// Returns the noise of `series` in words, with what can be found under it.
pub(super) fn noise_words(series: &Series) -> String {
    let each = series.percentiles.iter().zip(&series.noise);
    let words: Vec<String> = each
        .map(|(name, noise)| format!("{name} {}", share(*noise)))
        .collect();
    let known = series.noise.first();
    let Some(least) = known.filter(|_| series.results.len() >= LEAST_RESULTS) else {
        return "not known".to_owned();
    };
    format!(
        "{} from result to result; a step of p50 by {} is found after some ten results",
        words.join(", "),
        percent((DETECTABLE * least).ln_1p())
    )
}

fn write_exact(exact: &ExactSeries, text: &mut String) -> fmt::Result {
    if exact.steps.is_empty() {
        return Ok(());
    }
    writeln!(text, "{}", one_line(&exact.name()))?;
    for step in exact.steps.iter().rev() {
        let word = if step.to > step.from {
            "worse"
        } else {
            "better"
        };
        let at = exact.values[step.index]
            .started_at
            .strftime("%Y-%m-%d %H:%M");
        let words = one_line(&exact.step_words(step));
        writeln!(text, "  {word:<10} from {at} on: {words}")?;
    }
    Ok(())
}

/// Returns how restless `host` is, in words.
pub(super) fn host_words(host: &HostNoise) -> String {
    let verdict = if host.is_restless {
        "restless"
    } else {
        "quiet"
    };
    let references = host.references.iter().map(|reference| {
        format!(
            "; {} varies by {} from result to result",
            reference.name,
            share(reference.noise)
        )
    });
    format!(
        "host       {} is {verdict}: {} of {} runs not valid{}",
        one_line(&host.host),
        count(host.invalid_runs as u64),
        count(host.runs as u64),
        references.collect::<String>()
    )
}

/// Returns the first digits of a revision.
pub(super) fn short(revision: Option<&str>) -> String {
    let revision = revision.unwrap_or("unknown");
    revision.chars().take(DIGITS).collect()
}
