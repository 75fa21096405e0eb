//! Lines of a live view beside its table, and the whole view on one line where there is no room for it.

use super::live_snapshot::{Figure, LiveSnapshot, LiveStage, WindowFigures, shown};
use crate::quantity;
use crate::record::ObjectiveState;

/// Bearing of a line on the result. It is also in the line's words: colour alone tells nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bearing {
    /// None.
    Neutral,
    /// The result holds.
    Good,
    /// The result may not hold.
    Doubtful,
    /// The result does not hold.
    Bad,
}

/// A line of a live view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveLine {
    /// The quantity, such as `lateness`.
    pub name: &'static str,
    /// The value, in words.
    pub text: String,
    /// Bearing on the result.
    pub bearing: Bearing,
}

impl LiveLine {
    const fn neutral(name: &'static str, text: String) -> Self {
        Self {
            name,
            text,
            bearing: Bearing::Neutral,
        }
    }
}

/// Returns the lines of `snapshot`, the most important first.
#[must_use]
pub fn lines(snapshot: &LiveSnapshot) -> Vec<LiveLine> {
    let mut lines = vec![standing(snapshot), requests(snapshot)];
    lines.extend(snapshot.objectives.iter().map(|objective| {
        let (state, bearing) = match objective.state {
            ObjectiveState::Met => ("met so far", Bearing::Good),
            ObjectiveState::Missed => ("missed so far", Bearing::Bad),
            ObjectiveState::Undecided => ("undecided", Bearing::Doubtful),
            ObjectiveState::NotMeasured => ("not measured yet", Bearing::Doubtful),
        };
        LiveLine {
            name: "objective",
            text: format!("{}: {state}; {}", objective.expression, objective.detail),
            bearing,
        }
    }));
    if let Some(lateness) = &snapshot.lateness {
        lines.push(LiveLine::neutral("lateness", figures(lateness, &[2, 3])));
    }
    if let Some(waits) = &snapshot.waits {
        let text = format!(
            "measuring thread off its CPU for {}, {}",
            quantity::time(waits.total_ns as f64),
            quantity::share(waits.share)
        );
        lines.push(LiveLine::neutral("host", text));
    }
    if let Some(message) = &snapshot.message {
        lines.push(LiveLine::neutral("message", message.clone()));
    }
    lines
}

/// Returns the judgement so far.
fn standing(snapshot: &LiveSnapshot) -> LiveLine {
    let standing = &snapshot.standing;
    let because = match standing.reasons.as_slice() {
        [] => String::new(),
        reasons => format!("; {}", reasons.join("; ")),
    };
    let (text, bearing) = match standing.valid_to {
        Some(percentile) => (
            format!("up to {percentile} so far{because}"),
            match standing.reasons.is_empty() {
                true => Bearing::Good,
                false => Bearing::Doubtful,
            },
        ),
        None if snapshot.windows[2].samples == 0 => {
            ("nothing measured yet".to_owned(), Bearing::Neutral)
        }
        None => (format!("none so far{because}"), Bearing::Bad),
    };
    LiveLine {
        name: "valid",
        text,
        bearing,
    }
}

fn requests(snapshot: &LiveSnapshot) -> LiveLine {
    let requests = &snapshot.requests;
    let offered = requests
        .offered_rate
        .map(|rate| format!("offered {}/s, ", quantity::exact_rate(rate)));
    let text = format!(
        "{}achieved {}/s; {} sent, {} lost",
        offered.unwrap_or_default(),
        quantity::rate(requests.achieved_rate),
        quantity::count(requests.sent),
        quantity::count(requests.lost)
    );
    LiveLine {
        name: "requests",
        text,
        bearing: match requests.lost {
            0 => Bearing::Neutral,
            _ => Bearing::Doubtful,
        },
    }
}

/// Returns `figures` on one line, with the percentiles at `indices`.
fn figures(figures: &WindowFigures, indices: &[usize]) -> String {
    let shown = shown();
    let percentiles = indices.iter().map(|&index| {
        let name = shown[index].name;
        format!("{name} {}", cell(figures.percentiles[index]))
    });
    let max = figures.max.map(|max| format!("max {}", cell(Some(max))));
    percentiles.chain(max).collect::<Vec<_>>().join(", ")
}

/// Returns a figure as a table has it.
#[must_use]
pub fn cell(figure: Option<Figure>) -> String {
    match figure {
        Some(Figure { ns, is_bound }) => quantity::at_least(ns as f64, is_bound),
        None => "n/a".to_owned(),
    }
}

/// Returns the stage, with its time and the time that is left.
#[must_use]
pub fn progress(snapshot: &LiveSnapshot) -> String {
    let stage = snapshot.stage.in_words();
    if !matches!(snapshot.stage, LiveStage::Measuring | LiveStage::Draining) {
        return stage.to_owned();
    }
    format!("{stage}, {}", time(snapshot))
}

/// Returns the time of a measurement so far, and what is left.
#[must_use]
pub fn time(snapshot: &LiveSnapshot) -> String {
    let elapsed = span(snapshot.elapsed_ns);
    match snapshot.left_ns {
        Some(left_ns) => format!("{elapsed}, {} left", span(left_ns)),
        None => elapsed,
    }
}

/// Returns a whole number of seconds as `42 s`, `3 min 05 s` or `2 h 07 min`.
fn span(ns: u64) -> String {
    let seconds = ns / 1_000_000_000;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds:02} s"),
        (hours, minutes, _) => format!("{hours} h {minutes:02} min"),
    }
}

/// Returns `snapshot` on one line.
#[must_use]
pub fn one_line(snapshot: &LiveSnapshot) -> String {
    let mut parts = vec![format!("{}: {}", snapshot.title, progress(snapshot))];
    if snapshot.windows[2].samples > 0 {
        let names = ["last second", "last 10 s", "whole run"];
        for (name, window) in names.iter().zip(&snapshot.windows) {
            let count = quantity::count(window.samples);
            let text = figures(window, &[0, 2, 3]);
            parts.push(format!("{name} {text} (n {count})"));
        }
        let rest = lines(snapshot).into_iter();
        let rest = rest.filter(|line| line.name != "message");
        parts.extend(rest.map(|line| format!("{} {}", line.name, line.text)));
    }
    parts.join(" · ")
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn a_line_has_all_three_windows_and_the_judgement() {
        let line = one_line(&sample::snapshot());
        for part in [
            "hermit over vhost-user: measuring, 12 s, 18 s left",
            "last second p50 641 ns",
            "whole run p50 642 ns",
            "(n 1,200,000)",
            "offered 100k/s, achieved 99.9k/s",
            "valid up to p99.9 so far",
            "objective p99 <= 2us: met so far",
        ] {
            assert!(line.contains(part), "{part}: {line}");
        }
        assert!(!line.contains('\n'));
    }

    #[test]
    fn nothing_is_claimed_before_there_is_a_sample() {
        let line = one_line(&LiveSnapshot {
            stage: LiveStage::WarmingUp,
            ..sample::empty()
        });
        assert_eq!(line, "hermit over vhost-user: warming up");
        let lines = lines(&sample::empty());
        assert_eq!(lines[0].text, "nothing measured yet");
        assert_eq!(lines[0].bearing, Bearing::Neutral);
    }

    #[test]
    fn what_spoils_the_result_is_in_words() {
        let mut snapshot = sample::snapshot();
        snapshot.standing.valid_to = None;
        snapshot.standing.reasons = vec!["the generator was late".to_owned()];
        let line = &lines(&snapshot)[0];
        assert_eq!(line.bearing, Bearing::Bad);
        assert_eq!(line.text, "none so far; the generator was late");
    }

    #[test]
    fn spans_have_two_units_at_most() {
        let spans = [0, 59, 65, 3600, 7627].map(|seconds| span(seconds * 1_000_000_000));
        assert_eq!(
            spans,
            ["0 s", "59 s", "1 min 05 s", "1 h 00 min", "2 h 07 min"]
        );
    }
}
