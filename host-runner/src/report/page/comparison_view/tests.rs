//! A made-up comparison: what is merged, what is said of it, and in which order.

use super::*;
use crate::record::SystemCost;
use crate::record::fixtures::source_fixtures;
use crate::report::chart::Claim;
use crate::report::page::plots::by_percentile;

fn link<'a, 'b>(comparison_view: &'a ComparisonView<'b>, name: &str) -> &'a LinkView<'b> {
    let found = comparison_view.links.iter().find(|link| link.name == name);
    found.unwrap()
}

#[test]
fn runs_come_link_by_link_and_target_by_target() {
    let sources = [source_fixtures::closed(), source_fixtures::comparison()];
    let comparison_views = comparison_views(&sources);
    let [comparison_view] = comparison_views.as_slice() else {
        panic!("one of them is none: {comparison_views:?}");
    };
    let names: Vec<&str> = comparison_view
        .links
        .iter()
        .map(|link| link.name.as_str())
        .collect();
    assert_eq!(names, ["unix", "vhost-user", "loopback"]);
    let unix = link(comparison_view, "unix");
    let labels: Vec<&str> = unix.runs.iter().map(|run| run.label.as_str()).collect();
    let expected = [
        "hermit, round 1",
        "hermit, round 2",
        "hermit, round 2, attempt 2",
        "hermit, round 3",
        "linux-guest:busy, round 1",
        "linux-guest:busy, round 2",
        "linux-guest:busy, round 3",
    ];
    assert_eq!(labels, expected);
    let rounds = unix.targets[0].rounds.iter().map(|round| round.number);
    assert!(rounds.eq(1..=3));
}

#[test]
fn a_target_looks_the_same_on_every_link_and_like_no_other() {
    let sources = [source_fixtures::comparison()];
    let comparison_views = comparison_views(&sources);
    let links = comparison_views
        .iter()
        .flat_map(|comparison_view| &comparison_view.links);
    let looks: Vec<(&str, Style)> = links
        .flat_map(|link| &link.targets)
        .map(|target| (target.label.as_str(), target.style))
        .collect();
    assert_eq!(looks.len(), 6);
    for (label, style) in &looks {
        for (other, theirs) in &looks {
            assert_eq!(label == other, style == theirs, "{label}, {other}");
        }
    }
}

#[test]
fn a_curve_is_the_whole_with_its_rounds_behind_it() {
    let sources = [source_fixtures::comparison()];
    let comparison_views = comparison_views(&sources);
    let hermit = &link(&comparison_views[0], "unix").targets[0];
    assert_eq!(hermit.merged_histogram.histogram.len(), 3000);
    let rounds = hermit.rounds.iter();
    let rounds: Vec<_> = rounds.map(|round| &round.distribution.histogram).collect();
    let curve = by_percentile::curve(&hermit.series(), &rounds);
    let claims: Vec<Claim> = curve.lines.iter().map(|line| line.claim).collect();
    let expected = [
        Claim::Part,
        Claim::Part,
        Claim::Part,
        Claim::Full,
        Claim::None,
    ];
    assert_eq!(claims, expected);
    // A thousand samples tell p99, three thousand no more; only the whole is drawn to its end.
    let end = |index: usize| curve.lines[index].points.last().unwrap().0.round();
    assert_eq!([end(0), end(3), end(4)], [100.0, 300.0, 3000.0]);
}

#[test]
fn verdicts_are_the_records_in_words_and_figures() {
    let sources = [source_fixtures::comparison()];
    let comparison_views = comparison_views(&sources);
    let groups = verdicts::groups(link(&comparison_views[0], "unix"));
    let [group] = groups.as_slice() else {
        panic!("{groups:?}");
    };
    assert_eq!((&*group.target, &*group.link), ("hermit", "unix"));
    let [row] = group.rows.as_slice() else {
        panic!("{group:?}");
    };
    assert_eq!(
        (&*row.baseline, &*row.rounds),
        ("linux-guest:busy", "3 rounds")
    );
    let cells: Vec<String> = row
        .cells
        .iter()
        .map(|cell| {
            let text = |part: &Option<String>| part.clone().unwrap_or_default();
            let (interval, values) = (text(&cell.interval), text(&cell.values));
            format!(
                "{}|{}|{}|{interval}|{values}",
                cell.percentile, cell.kind, cell.words
            )
        })
        .collect();
    let expected = [
        "p50|lower|lower by 41.0–48.0 µs||72.0 µs against 116 µs",
        "p90|same|no difference seen|−0.90 to +1.20 µs|72.0 µs against 116 µs",
        "p99|higher|higher by 300–700 ns||72.0 µs against 116 µs",
        "p99.9|none|n/a: a round needs 10,000 requests||",
    ];
    assert_eq!(cells, expected);
}

#[test]
fn a_target_never_valid_in_a_common_round_has_a_row_without_verdicts() {
    let sources = [source_fixtures::comparison()];
    let comparison_views = comparison_views(&sources);
    let groups = verdicts::groups(link(&comparison_views[0], "vhost-user"));
    let rows = groups[0].rows.iter();
    let rows: Vec<(&str, &str, usize)> = rows
        .map(|row| (&*row.baseline, &*row.rounds, row.cells.len()))
        .collect();
    let expected = [
        ("linux-guest:busy", "no round in which both are valid", 0),
        ("null", "1 round", 4),
    ];
    assert_eq!(rows, expected);
    assert!(verdicts::groups(link(&comparison_views[0], "loopback")).is_empty());
}

#[test]
fn the_tail_is_told_in_sentences() {
    let mut source = source_fixtures::comparison();
    let sentences = |source: &Source, name: &str| {
        let sources = std::slice::from_ref(source);
        verdicts::sentences(link(&comparison_views(sources)[0], name))
    };
    assert_eq!(
        sentences(&source, "unix"),
        ["hermit's p99 is higher than linux-guest:busy's by 300–700 ns."]
    );
    assert_eq!(
        sentences(&source, "vhost-user"),
        [
            "There are too few valid rounds to hold hermit against null: it takes 3 in which both \
             are valid.",
            "Without a valid run: linux-guest:busy."
        ]
    );
    assert_eq!(
        sentences(&source, "loopback"),
        ["There is nothing else on the link to hold linux-host:busy against."]
    );
    let differences = &mut source.record.comparisons;
    let p99 = differences[2].clone();
    // The words are made of the numbers: records of older versions spell the unit otherwise.
    for (baseline, verdict, interval) in [
        (
            "a",
            "lower by 149–151 us at p99",
            Some((-151_000, -149_000)),
        ),
        (
            "b",
            "lower by 1–2 ms at p99",
            Some((-2_000_000, -1_000_000)),
        ),
        ("c", "no difference seen at p99", Some((-1, 1))),
        ("d", "too few rounds to say", None),
    ] {
        let (baseline, verdict) = (baseline.to_owned(), verdict.to_owned());
        let (low_ns, high_ns) = interval.unzip();
        differences.push(Comparison {
            baseline,
            verdict,
            low_ns,
            high_ns,
            ..p99.clone()
        });
    }
    assert_eq!(
        sentences(&source, "unix"),
        [
            "hermit's p99 is lower than a's by 149–151 µs and than b's by 1.00–2.00 ms; it is higher than \
          linux-guest:busy's by 300–700 ns; it is not seen to differ from c's; it has too few rounds \
          to be held against d's."
        ]
    );
}

#[test]
fn every_table_has_as_many_cells_as_columns() {
    let sources = [source_fixtures::comparison()];
    let comparison_views = comparison_views(&sources);
    let unix = link(&comparison_views[0], "unix");
    let merged = merged_tables::merged(unix);
    for row in &merged.rows {
        assert_eq!(row.cells.len(), merged.head.len(), "{merged:?}");
    }
    assert_eq!(
        merged.rows[0].cells[..5],
        ["hermit", "3 of 3", "1", "25.0 µs", "29.0 µs"]
    );
    let invalid = merged_tables::invalid(unix).unwrap();
    assert_eq!(invalid.rows.len(), 1);
    assert_eq!(invalid.rows[0].cells, ["hermit, round 2", "the host slept"]);
    assert!(merged_tables::invalid(link(&comparison_views[0], "loopback")).is_none());
}

#[test]
fn the_unikernels_image_is_no_other_targets() {
    let sources = [source_fixtures::comparison()];
    let comparison_views = comparison_views(&sources);
    let unix = link(&comparison_views[0], "unix");
    let bytes = |index: usize| unix.runs[index].image_bytes();
    assert_eq!((bytes(0), bytes(6)), (Some(256_000), None));
}

#[test]
fn details_are_listed_for_entries_that_have_any() {
    let mut source = source_fixtures::comparison();
    assert!(merged_tables::why(&comparison_views(std::slice::from_ref(&source))[0]).is_none());
    let hermit = SystemCost {
        target: "hermit".to_owned(),
        link: "unix".to_owned(),
        instructions_per_echo: Some(495.6),
        image_bytes: Some(1 << 20),
        ..SystemCost::default()
    };
    let null = SystemCost {
        target: "null".to_owned(),
        link: "vhost-user".to_owned(),
        ..SystemCost::default()
    };
    source.record.why = vec![hermit, null];
    let table = merged_tables::why(&comparison_views(std::slice::from_ref(&source))[0]).unwrap();
    let expected = ["hermit", "unix", "496", "–", "–", "–", "–", "1.00 MiB"];
    assert_eq!(table.rows.len(), 1);
    assert_eq!(table.rows[0].cells, expected);
    assert_eq!(table.head.len(), expected.len());
}

#[test]
fn the_core_round_trip_is_reported_where_memory_is_shared() {
    let sources = [source_fixtures::comparison()];
    let comparison_views = comparison_views(&sources);
    let table = merged_tables::core_distance(&comparison_views[0]).unwrap();
    let rows: Vec<_> = table.rows.iter().map(|row| &row.cells[..3]).collect();
    assert_eq!(
        rows,
        [
            ["hermit", "vhost-user", "80–320 ns"],
            ["null (native)", "vhost-user", "80–320 ns"],
        ]
    );
}
