//! Charts of a series: a panel for each percentile, with a point for each result and a line for each level.

use super::history_table::short;
use crate::judge::history::Series;
use crate::quantity;
use crate::report::chart::axis::{Scale, Tick};
use crate::report::chart::{Axis, Claim, Curve, Line, Mark, Plot, Size, Style};
use crate::report::page::charts::{Chart, Group, Panel, sample};
use crate::stats::median::median;
use crate::terminal::one_line;

/// Look of the results.
const RESULTS: Style = Style {
    colour: 0,
    dash: 0,
    mark: 0,
};

/// Look of the levels.
const LEVEL: Style = Style {
    colour: 1,
    dash: 0,
    mark: 1,
};

/// Look of change points.
const CHANGE: Style = Style {
    colour: 5,
    dash: 2,
    mark: 2,
};

/// Explanation of the charts.
const CAPTION: &str = "A point for each result, in the order of their starts; hollow ones are lower bounds, or too new \
    to tell. A line for each level: the median of its results. A dotted line across where the level changed.";

/// Returns the chart of `series`, number `number` on the page.
pub(super) fn chart(series: &Series, number: usize) -> Chart {
    let columns = 0..series.percentiles.len();
    let panels = columns.map(|column| {
        let title = Some(series.percentiles[column].to_owned());
        Panel::new(title, &plot(series, column), Size::Half)
    });
    let legend = [
        (RESULTS, "result"),
        (LEVEL, "level"),
        (CHANGE, "change point"),
    ];
    Chart {
        id: format!("series-{number}"),
        title: one_line(&series.name),
        caption: CAPTION.to_owned(),
        groups: vec![Group {
            title: None,
            legend: legend
                .map(|(style, name)| (sample(style), name.to_owned()))
                .into(),
            panels: panels.collect(),
            is_grid: true,
            figures: None,
        }],
    }
}

/// Returns the plot of the percentile in `column`.
fn plot(series: &Series, column: usize) -> Plot {
    let values: Vec<f64> = series
        .results
        .iter()
        .map(|result| result.values_ns[column] as f64)
        .collect();
    let low = values.iter().copied().fold(f64::MAX, f64::min);
    let high = values.iter().copied().fold(1.0, f64::max);
    let y = Axis::latency_between(low, high);
    Plot {
        title: format!(
            "{} of {}, result by result",
            series.percentiles[column], series.name
        ),
        x: results_axis(values.len()),
        curves: vec![
            changes(series, y.ends()),
            results(series, column, &values),
            levels(series, &values),
        ],
        y,
        bands: Vec::new(),
    }
}

/// Returns an axis of `count` results, with about five numbers.
fn results_axis(count: usize) -> Axis {
    let step = [1, 2, 5, 10, 20, 50, 100, 200, 500]
        .into_iter()
        .find(|step| count <= 8 * step)
        .unwrap_or(1000);
    let numbers = (1..=count).filter(|number| number % step == 0);
    let ticks = numbers.map(|number| Tick {
        at: place(number - 1),
        label: Some(number.to_string()),
        has_line: false,
    });
    Axis {
        title: "number of the result".to_owned(),
        scale: Scale::Linear {
            low: 0.0,
            high: count.max(1) as f64,
        },
        ticks: ticks.collect(),
    }
}

/// Returns the place of a result along the axis.
fn place(index: usize) -> f64 {
    index as f64 + 0.5
}

fn results(series: &Series, column: usize, values: &[f64]) -> Curve {
    let newest = series
        .possible
        .as_ref()
        .map_or(0, |possible| possible.results);
    let is_possible = |index: usize| index + newest >= values.len();
    let mark = |(index, ns): (usize, &f64)| {
        let result = &series.results[index];
        Mark {
            at: (place(index), *ns),
            is_hollow: result.is_bound[column] || is_possible(index),
            says: format!(
                "{}: {}, revision {}",
                result.started_at.strftime("%Y-%m-%d %H:%M"),
                quantity::at_least(*ns, result.is_bound[column]),
                short(result.revision.as_deref())
            ),
        }
    };
    Curve {
        style: RESULTS,
        lines: Vec::new(),
        marks: values.iter().enumerate().map(mark).collect(),
    }
}

fn levels(series: &Series, values: &[f64]) -> Curve {
    let starts = series.changes.iter().map(|change| change.index);
    let starts: Vec<usize> = [0].into_iter().chain(starts).collect();
    let ends = starts.iter().skip(1).copied().chain([values.len()]);
    let line = |(start, end): (usize, usize)| {
        let middle = median(values[start..end].to_vec())?;
        Some(Line {
            points: vec![(start as f64, middle), (end as f64, middle)],
            claim: Claim::Full,
        })
    };
    Curve {
        style: LEVEL,
        lines: starts.iter().copied().zip(ends).filter_map(line).collect(),
        marks: Vec::new(),
    }
}

fn changes(series: &Series, (low, high): (f64, f64)) -> Curve {
    let line = |index: usize| Line {
        points: vec![(index as f64, low), (index as f64, high)],
        claim: Claim::None,
    };
    Curve {
        style: CHANGE,
        lines: series
            .changes
            .iter()
            .map(|change| line(change.index))
            .collect(),
        marks: Vec::new(),
    }
}
