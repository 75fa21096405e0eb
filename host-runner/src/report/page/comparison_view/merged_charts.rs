//! The charts of a comparison: a curve per target instead of one per run.

use hdrhistogram::Histogram;

use crate::record::origin::OnLink;
use crate::report::chart::{Axis, Band, Curve, Plot, Size};
use crate::report::page::charts::{Chart, Figures, Group, Legend, Panel, quantities, sample};
use crate::report::page::comparison_view::{ComparisonView, LinkView, TargetView, merged_tables};
use crate::report::page::method;
use crate::report::page::plots::{by_percentile, floors, latency_axis, over_time};

/// The targets that there is something to draw of.
fn drawn<'a, 'b>(link: &'a LinkView<'b>) -> impl Iterator<Item = &'a TargetView<'b>> {
    link.targets
        .iter()
        .filter(|target| !target.rounds.is_empty())
}

/// Latency by percentile: a drawing and a table per link, all drawings on the same scales. `id` goes
/// before what links can point to.
#[must_use]
pub fn by_percentile(comparison_view: &ComparisonView<'_>, id: &str) -> Chart {
    let links = &comparison_view.links;
    let curves: Vec<Vec<Curve>> = links.iter().map(|link| curves(link)).collect();
    let bands = links.iter().map(|link| {
        let rounds = drawn(link).flat_map(|target| &target.rounds);
        floors::bands(rounds.map(|round| round.run))
    });
    let bands: Vec<_> = bands.collect();
    let counts = links.iter().flat_map(|link| drawn(link));
    let rarest = counts
        .map(|target| target.merged_histogram.histogram.len())
        .max();
    let x = Axis::percentile(rarest.unwrap_or_default() as f64);
    let y = latency_axis(curves.iter().flatten(), bands.iter().flatten());
    let groups = links.iter().zip(curves.into_iter().zip(bands));
    let group = |(link, (curves, bands)): (&LinkView<'_>, (Vec<Curve>, Vec<Band>))| {
        let is_empty = curves.is_empty();
        let plot = Plot {
            title: format!("Latency by percentile on {}", link.name),
            x: x.clone(),
            y: y.clone(),
            curves,
            bands,
        };
        Group {
            title: Some(link.name.clone()),
            legend: legend(link),
            panels: (!is_empty)
                .then(|| Panel::new(None, &plot, Size::Wide))
                .into_iter()
                .collect(),
            is_grid: false,
            figures: Some(Figures {
                table: merged_tables::merged(link),
                samples: link
                    .targets
                    .iter()
                    .map(|target| sample(target.style))
                    .collect(),
            }),
        }
    };
    Chart {
        id: format!("{id}by-percentile"),
        title: "Latency by percentile".to_owned(),
        caption: format!("{} {}", method::MERGED, method::BY_PERCENTILE),
        groups: groups.map(group).collect(),
    }
}

fn curves(link: &LinkView<'_>) -> Vec<Curve> {
    let curve = |target: &TargetView<'_>| {
        let rounds = target
            .rounds
            .iter()
            .map(|round| &round.distribution.histogram);
        let rounds: Vec<&Histogram<u64>> = rounds.collect();
        // A round alone is the whole.
        let behind = if rounds.len() > 1 { &rounds[..] } else { &[] };
        by_percentile::curve(&target.series(), behind)
    };
    drawn(link).map(curve).collect()
}

fn legend(link: &LinkView<'_>) -> Legend {
    drawn(link)
        .map(|target| {
            let on_link = OnLink {
                label: &target.label,
                link: &target.merged.link,
            };
            (sample(target.style), on_link.marked())
        })
        .collect()
}

/// Latency over time: a drawing per target, with its rounds beside each other; all of a link are on the
/// same scales. `None` if no run is valid.
#[must_use]
pub fn by_round(comparison_view: &ComparisonView<'_>, id: &str) -> Option<Chart> {
    let group = |link: &LinkView<'_>| {
        let targets = drawn(link).map(|target| over_time::Rounds {
            series: target.series(),
            rounds: target
                .rounds
                .iter()
                .map(|round| (round.number, round.distribution.intervals.as_slice()))
                .collect(),
        });
        let targets: Vec<over_time::Rounds<'_>> = targets.collect();
        let wanted = link
            .targets
            .iter()
            .map(|target| target.merged.rounds_wanted);
        let plots = over_time::by_round(&targets, wanted.max().unwrap_or(1));
        let panels = targets.iter().zip(&plots);
        let panels = panels.map(|(target, plot)| {
            let title = target.series.label.to_owned();
            Panel::new(Some(title), plot, Size::Half)
        });
        Group {
            title: Some(link.name.clone()),
            legend: quantities(None, &over_time::QUANTITIES),
            panels: panels.collect(),
            is_grid: true,
            figures: None,
        }
    };
    let links = comparison_view.links.iter();
    let measured: Vec<_> = links.filter(|link| drawn(link).next().is_some()).collect();
    (!measured.is_empty()).then(|| Chart {
        id: format!("{id}over-time"),
        title: "Latency round by round".to_owned(),
        caption: method::BY_ROUND.to_owned(),
        groups: measured.into_iter().map(group).collect(),
    })
}
