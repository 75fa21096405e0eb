//! Content of a drawing, and that nothing in it overlaps.

use super::*;
use crate::report::chart::{Axis, Band, Claim, Curve, Line, Mark, Style};

fn example() -> Plot {
    let label = |label: &str, low, high| Band {
        low,
        high,
        label: label.to_owned(),
    };
    Plot {
        title: "a < b & \"c\"".to_owned(),
        x: Axis::percentile(1e6),
        y: Axis::latency(100.0, 1e7),
        curves: vec![Curve {
            style: Style::numbered(1),
            lines: vec![Line {
                points: vec![(1.0, 120.0), (1e6, 1e7)],
                claim: Claim::Full,
            }],
            marks: vec![Mark {
                at: (2.0, 200.0),
                is_hollow: true,
                says: "<p50>".to_owned(),
            }],
        }],
        bands: vec![label("one", 120.0, 130.0), label("two", 125.0, 131.0)],
    }
}

/// The places of the texts of a class: x, y.
fn places(svg: &str, class: &str) -> Vec<(f64, f64)> {
    let start = format!("<text class=\"{class}\"");
    let number = |text: &str, name: &str| {
        let (_, rest) = text.split_once(&format!(" {name}=\"")).unwrap();
        rest.split_once('"').unwrap().0.parse::<f64>().unwrap()
    };
    svg.lines()
        .filter(|line| line.starts_with(&start))
        .map(|line| (number(line, "x"), number(line, "y")))
        .collect()
}

#[test]
fn text_is_escaped_and_the_box_is_the_sizes() {
    let svg = plot(&example(), Size::Wide);
    assert!(svg.starts_with("<svg class=\"plot wide\" viewBox=\"0 0 940 430\""));
    assert!(svg.contains("aria-label=\"a &lt; b &amp; &quot;c&quot;\""));
    assert!(svg.contains("<title>&lt;p50&gt;</title>"));
    assert!(svg.contains("class=\"mark hollow\""));
}

#[test]
fn no_two_labels_are_in_each_others_way() {
    for size in [Size::Wide, Size::Half, Size::Narrow] {
        let svg = plot(&example(), size);
        let bands = places(&svg, "bandlabel");
        assert!((bands[0].1 - bands[1].1).abs() >= FONT, "{bands:?}");
        let bottom = size.height() - BOTTOM + TICK_BELOW;
        let mut ticks: Vec<f64> = places(&svg, "tick")
            .into_iter()
            .filter(|(_, y)| (y - bottom).abs() < 1.0)
            .map(|(x, _)| x)
            .collect();
        ticks.sort_by(f64::total_cmp);
        assert!(ticks.len() >= 4, "{ticks:?}");
        assert!(ticks.windows(2).all(|pair| pair[1] - pair[0] > 10.0));
    }
}

#[test]
fn a_label_at_the_end_is_within_the_drawing() {
    let ticks = places(&plot(&example(), Size::Narrow), "tick");
    let last = ticks.iter().map(|at| at.0).fold(0.0, f64::max);
    let half = text_width("99.9999") / 2.0;
    assert!(
        last > Size::Narrow.width() - RIGHT - half,
        "it is there: {ticks:?}"
    );
    assert!(last <= Size::Narrow.width() - half, "{ticks:?}");
}

#[test]
fn labels_make_way_for_curves() {
    let mut busy = example();
    busy.bands.truncate(1);
    let at = |plot: &Plot| places(&super::plot(plot, Size::Wide), "bandlabel")[0].0;
    // The curve begins at the lower left.
    assert!(at(&busy) > 900.0);
    // Now it also ends at the lower right.
    busy.curves[0].lines[0].points = vec![(1.0, 1e7), (1e6, 130.0)];
    busy.curves[0].marks.clear();
    assert!(at(&busy) < 100.0);
}

#[test]
fn crowded_labels_stay_within_the_plot() {
    let mut crowded = example();
    for band in &mut crowded.bands {
        band.low = 9.9e6;
        band.high = 1e7;
    }
    let places = places(&plot(&crowded, Size::Narrow), "bandlabel");
    assert!(places.iter().all(|&(_, y)| y > TOP + 4.0), "{places:?}");
}

#[test]
fn a_label_goes_under_its_band_where_a_curve_runs_along_it() {
    let mut along = example();
    along.bands.truncate(1);
    (along.bands[0].low, along.bands[0].high) = (1e4, 2e4);
    along.curves[0].marks.clear();
    let foot = |plot: &Plot| places(&super::plot(plot, Size::Wide), "bandlabel")[0].1;
    along.curves[0].lines[0].points = vec![(1.0, 1e6), (1e6, 1e6)];
    let over = foot(&along);
    along.curves[0].lines[0].points = vec![(1.0, 2.4e4), (1e6, 2.4e4)];
    assert!(foot(&along) > over + FONT, "{} and {over}", foot(&along));
}
