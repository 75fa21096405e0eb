//! A difference between two results on one screen: what was compared, a line per finding, and the verdict.

use std::fmt::Write as _;

use super::columns;
use crate::judge::diff::{
    AnchorFinding, Band, Basis, Diff, ExactFinding, LatencyFinding, Shift, Side,
};
use crate::judge::fingerprints::Change;
use crate::quantity::{count, signed_share, time};
use crate::report::diff_words;

/// Characters of a revision that tell it from others.
const REVISION: usize = 12;

/// Fields that are named before the rest are counted.
const FIELDS: usize = 5;

/// Returns the difference as text, with a newline at the end.
#[must_use]
pub fn render(diff: &Diff) -> String {
    let mut text = String::new();
    // Writing to a string can't fail.
    let _ = writeln!(text, "A  {}\nB  {}", side(&diff.a), side(&diff.b));
    let hosts = match diff.hosts_differ.is_empty() {
        true => "same host".to_owned(),
        false => format!("hosts differ in {}", listed(&diff.hosts_differ)),
    };
    let _ = writeln!(text, "   {hosts}; {}, not interleaved", apart(diff.apart_s));
    if !diff.overlooked.is_empty() {
        let _ = writeln!(text, "   overlooked: {}", listed(&diff.overlooked));
    }
    let _ = writeln!(text, "\n{}", columns::lines(&rows(diff), &[0, 1, 2, 3, 5]));
    for (case, shift) in cases(&diff.shift) {
        let _ = writeln!(
            text,
            "{case}: B by A at each percentile, with its 90 % interval\n{}",
            columns::lines(&shift_rows(&shift), &[0])
        );
    }
    for case in &diff.not_compared {
        let _ = writeln!(
            text,
            "not compared: {} on {}, {}: {}",
            case.target, case.link, case.mode, case.reason
        );
    }
    let because = match diff.because.is_empty() {
        true => String::new(),
        false => format!(": {}", several(&diff.because)),
    };
    let _ = writeln!(text, "verdict     {}{because}", diff_words::verdict(diff));
    if let Some(command) = &diff.settled_by {
        let _ = writeln!(text, "in turns    {command}");
    }
    let _ = writeln!(
        text,
        "both        fathom report {} {} --out both",
        diff.a.directory.display(),
        diff.b.directory.display()
    );
    text
}

fn side(side: &Side) -> String {
    let revision = side.git_revision.as_deref().unwrap_or("unknown revision");
    let image = side.image_sha256.as_deref().map_or_else(
        || "no image".to_owned(),
        |digest| format!("image {}", first(digest, REVISION)),
    );
    let date = side.started_at.get(..16).unwrap_or(&side.started_at);
    let rounds = match side.rounds {
        1 => "1 round".to_owned(),
        rounds => format!("{rounds} rounds"),
    };
    format!(
        "{} UTC  {image}, fathom {}, {rounds}  {}",
        date.replace('T', " "),
        first(revision, REVISION),
        side.directory.display()
    )
}

fn first(text: &str, characters: usize) -> String {
    text.chars().take(characters).collect()
}

fn listed(changes: &[Change]) -> String {
    let named: Vec<String> = changes
        .iter()
        .take(FIELDS)
        .map(ToString::to_string)
        .collect();
    let more = match changes.len().saturating_sub(FIELDS) {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    named.join(", ") + &more
}

fn several(words: &[String]) -> String {
    let named = words.iter().take(FIELDS).cloned().collect::<Vec<_>>();
    let more = match words.len().saturating_sub(FIELDS) {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    named.join("; ") + &more
}

/// Returns the time between two starts in words.
fn apart(seconds: i64) -> String {
    const UNITS: [(u64, &str); 3] = [(86_400, "days"), (3600, "hours"), (60, "minutes")];
    let (length, order) = (
        seconds.unsigned_abs(),
        if seconds < 0 { ", B before A" } else { "" },
    );
    let unit = UNITS.iter().find(|(unit, _)| length >= 2 * unit);
    let (number, unit) = unit.map_or((length, "seconds"), |(unit, name)| {
        ((length + unit / 2) / unit, *name)
    });
    format!("{} {unit} apart{order}", count(number))
}

/// Lines of exact figures, of anchors, and of latency.
fn rows(diff: &Diff) -> Vec<Vec<String>> {
    let mut rows: Vec<Vec<String>> = Vec::new();
    for finding in &diff.exact {
        rows.push(exact_row(finding));
    }
    for finding in &diff.latency {
        if let Some(anchor) = &finding.anchor {
            let row = anchor_row(finding, anchor);
            if !rows.contains(&row) {
                rows.push(row);
            }
        }
    }
    rows.extend(
        diff.latency
            .iter()
            .map(|finding| latency_row(finding, diff.margin)),
    );
    let mut before = String::new();
    for row in &mut rows {
        let kind = row[0].clone();
        if kind == before {
            row[0].clear();
        }
        before = kind;
    }
    rows
}

fn exact_row(finding: &ExactFinding) -> Vec<String> {
    vec![
        "exact".to_owned(),
        finding.link.clone(),
        format!("{} {}", finding.target, finding.figure.words()),
        diff_words::counted(finding),
        finding
            .ratio
            .map_or_else(|| "-".to_owned(), |ratio| signed_share(ratio - 1.0)),
        diff_words::exact(finding).to_owned(),
    ]
}

fn anchor_row(finding: &LatencyFinding, anchor: &AnchorFinding) -> Vec<String> {
    let has_moved = |band: &Band| {
        band.low.is_some_and(|low| low > 1.0) || band.high.is_some_and(|high| high < 1.0)
    };
    let verdict = match (finding.basis, anchor.is_still) {
        (Basis::Anchored, _) => "other host: judged in units of it",
        (_, true) => "still: judged in time",
        (Basis::Both, _) if has_moved(&anchor.band) => {
            "the host moved: judged in time and in units of it"
        }
        (Basis::Both, _) => "not known to be still: judged in time and in units of it",
        (Basis::Direct | Basis::Nothing, _) => "overlooked",
    };
    vec![
        "anchor".to_owned(),
        finding.link.clone(),
        format!(
            "{} {}, {}",
            anchor.kind.words(),
            finding.percentile,
            finding.mode
        ),
        format!("{} -> {}", time(anchor.a_ns), time(anchor.b_ns)),
        diff_words::band(&anchor.band),
        verdict.to_owned(),
    ]
}

fn latency_row(finding: &LatencyFinding, margin: f64) -> Vec<String> {
    let value = |ns: Option<f64>| ns.map_or_else(|| "-".to_owned(), time);
    vec![
        "latency".to_owned(),
        finding.link.clone(),
        format!(
            "{} {}, {}",
            finding.target, finding.percentile, finding.mode
        ),
        format!("{} -> {}", value(finding.a_ns), value(finding.b_ns)),
        finding
            .judged
            .as_ref()
            .map_or_else(|| "-".to_owned(), diff_words::band),
        diff_words::latency(finding, margin),
    ]
}

/// Returns the shifts by case, in their order.
fn cases(shift: &[Shift]) -> Vec<(String, Vec<&Shift>)> {
    let mut cases: Vec<(String, Vec<&Shift>)> = Vec::new();
    for shift in shift {
        let name = format!("{} on {}, {}", shift.target, shift.link, shift.mode);
        match cases.last_mut() {
            Some((last, own)) if *last == name => own.push(shift),
            _ => cases.push((name, vec![shift])),
        }
    }
    cases
}

fn shift_rows(shift: &[&Shift]) -> Vec<Vec<String>> {
    let row = |name: &str, cell: &dyn Fn(&Shift) -> String| {
        let cells = shift.iter().map(|shift| cell(shift));
        std::iter::once(name.to_owned()).chain(cells).collect()
    };
    let share = |ratio: Option<f64>| {
        ratio.map_or_else(|| "-".to_owned(), |ratio| signed_share(ratio - 1.0))
    };
    vec![
        row("", &|shift| shift.percentile.to_owned()),
        row("B by A", &|shift| share(Some(shift.band.ratio))),
        row("from", &|shift| share(shift.band.low)),
        row("to", &|shift| share(shift.band.high)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_between_results_are_told_in_whole_units() {
        assert_eq!(apart(6 * 86_400), "6 days apart");
        assert_eq!(apart(-7200), "2 hours apart, B before A");
        assert_eq!(apart(90), "90 seconds apart");
        assert_eq!(apart(150), "3 minutes apart");
    }
}
