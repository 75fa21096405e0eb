//! The first screen of made-up results: what the title is about, what the line of trust says, and the
//! chart as a file.

use super::*;
use crate::record::fixtures::source_fixtures;
use crate::record::{Comparison, SystemCost, fixtures};
use crate::report::page::comparison_view::{LinkView, comparison_views};
use crate::report::page::entry::entries;
use crate::report::page::front::finding::{Finding, of_run};
use crate::stats::State;
use crate::stats::comparison::Verdict;

/// The title of the made-up comparison, the last of whose differences is changed.
fn title(change: impl FnOnce(&mut Comparison)) -> String {
    let mut source = source_fixtures::comparison();
    let mut comparison = Comparison {
        target: "hermit".to_owned(),
        baseline: "linux-guest:busy".to_owned(),
        link: "unix".to_owned(),
        percentile: "p99".into(),
        rounds: 3,
        target_ns: 33_000,
        baseline_ns: 245_000,
        low_ns: Some(-1),
        high_ns: Some(-1),
        ratio: Some(0.135),
        outcome: Some(Verdict::Lower),
        verdict: "lower by 1 ns".to_owned(),
        ..Comparison::default()
    };
    change(&mut comparison);
    source.record.comparisons = vec![comparison];
    let sources = [source];
    let comparison_views = comparison_views(&sources);
    let loads = leading_load::leading_loads(&comparison_views[0]);
    Finding::of(&loads).unwrap().title()
}

#[test]
fn the_title_is_the_finding_with_values_and_ratio() {
    assert_eq!(
        title(|_| ()),
        "Over unix, hermit answers in 33.0 µs at p99; a Linux guest (busy) takes 245 µs, 7.4 times as long"
    );
    let higher = title(|difference| {
        (difference.target_ns, difference.baseline_ns) =
            (difference.baseline_ns, difference.target_ns);
        difference.ratio = Some(7.4);
        difference.outcome = Some(Verdict::Higher);
        difference.verdict = "higher by 1 ns".to_owned();
    });
    assert_eq!(
        higher,
        "Over unix, a Linux guest (busy) answers in 33.0 µs at p99; hermit takes 245 µs, 7.4 times as long"
    );
}

#[test]
fn a_title_without_a_difference_names_the_detectable_one() {
    let same = |detectable_ratio| {
        title(|difference| {
            (difference.target_ns, difference.baseline_ns) = (33_000, 34_000);
            difference.detectable_ratio = detectable_ratio;
            difference.outcome = Some(Verdict::NoDifference);
            difference.verdict = "no difference seen".to_owned();
        })
    };
    let plain = "Over unix, no difference is seen at p99 between hermit (33.0 µs) and a Linux guest (busy) \
                 (34.0 µs)";
    assert_eq!(same(None), plain);
    assert_eq!(
        same(Some(1.08)),
        format!("{plain}; one of 1.08 times would have been")
    );
    assert_eq!(same(Some(f64::INFINITY)), plain);
}

#[test]
fn censored_values_have_no_ratio() {
    let title = title(|difference| {
        difference.baseline_ns = 1_000_000_000;
        difference.ratio = None;
    });
    assert_eq!(
        title,
        "Over unix, hermit answers in 33.0 µs at p99; a Linux guest (busy) takes ≥ 1.00 s"
    );
}

#[test]
fn a_run_has_its_values_in_the_title() {
    let mut run = fixtures::stated_run([State::Clean, State::Clean, State::Late, State::Clean]);
    assert_eq!(
        of_run(&run),
        "hermit over unix: p50 25.0 µs, p99 29.9 µs (late)"
    );
    run.latency_ns.p99 = None;
    run.valid = false;
    let expected = "hermit over unix: p50 25.0 µs, max 30.0 µs (not valid)";
    assert_eq!(of_run(&run), expected);
    run.latency_ns = Default::default();
    assert_eq!(of_run(&run), "hermit over unix: no reply");
}

#[test]
fn a_sentence_carries_its_caveats() {
    let mut source = source_fixtures::comparison();
    source.record.environment.git_revision = Some("0123456789abcdef-dirty".to_owned());
    for comparison in &mut source.record.comparisons {
        (
            comparison.ratio_low,
            comparison.ratio_high,
            comparison.confidence,
        ) = (Some(1.2), Some(1.4), Some(0.95));
    }
    let sources = [source];
    let beginning = beginning(&comparison_views(&sources), &[], &sources);
    assert_eq!(
        beginning.front.unwrap().quote,
        "Fathom 0123456-dirty, unix, closed loop, 64 B, TCG, 3 rounds of fresh boots: p99 29.9 µs (hermit), \
         29.9 µs (linux-guest:busy); hermit takes 1.2–1.4 times what linux-guest:busy takes (95 % \
         confidence)."
    );
    let mut source = source_fixtures::closed();
    source.record.environment.git_revision = None;
    let sources = [source];
    let quote = super::beginning(&[], &entries(&sources), &sources)
        .front
        .unwrap()
        .quote;
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        quote,
        format!(
            "Fathom {version}, hermit over unix, closed loop, 64 B, TCG, 1 run of 1.00 s: p50 25.0 µs, p90 \
             29.0 µs, p99 29.9 µs; 1,000 samples, 2 lost; trust: valid."
        )
    );
}

#[test]
fn without_a_valid_run_title_and_sentence_say_so() {
    let mut source = source_fixtures::comparison();
    source.record.comparisons.clear();
    for run in &mut source.record.runs {
        run.valid = false;
    }
    for merged in &mut source.record.merged {
        merged.rounds.clear();
        merged.latency_ns = Default::default();
    }
    let sources = [source];
    let beginning = beginning(&comparison_views(&sources), &[], &sources);
    assert!(
        beginning.title.starts_with("No valid run: hermit and "),
        "{}",
        beginning.title
    );
    let quote = beginning.front.unwrap().quote;
    assert!(
        quote.ends_with(": no p99, for want of valid runs or of requests."),
        "{quote}"
    );
}

#[test]
fn a_counted_quantity_has_a_tile_with_a_bar_for_each_target() {
    let mut source = source_fixtures::comparison();
    let why = |target: &str, link: &str, instructions: f64| SystemCost {
        target: target.to_owned(),
        link: link.to_owned(),
        instructions_per_echo: Some(instructions),
        interrupts_per_echo: Some(0.0),
        ..SystemCost::default()
    };
    source.record.why = vec![
        why("other", "unix", 1000.0),
        why("hermit", "unix", 500.0),
        why("hermit", "vhost-user", 7.0),
    ];
    let sources = [source];
    let front = beginning(&comparison_views(&sources), &[], &sources)
        .front
        .unwrap();
    let tiles: Vec<_> = front.tiles.iter().map(|tile| tile.title).collect();
    assert_eq!(tiles, ["instructions per echo", "interrupts per echo"]);
    let bars = front.tiles[0].bars.iter();
    let bars: Vec<_> = bars
        .map(|bar| (&*bar.label, &*bar.value, bar.percent))
        .collect();
    assert_eq!(bars, [("hermit", "500", 50), ("other", "1,000", 100)]);
    assert_eq!(front.tiles[1].bars[0].percent, 0);
}

#[test]
fn the_chart_is_a_file_that_says_what_it_holds_for() {
    let sources = [source_fixtures::comparison()];
    let file = beginning(&comparison_views(&sources), &[], &sources)
        .file
        .unwrap()
        .render();
    assert!(
        file.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""),
        "{file}"
    );
    for words in [
        "Over unix",
        "TCG",
        "linux-guest:busy",
        "prefers-color-scheme",
        "round 2: p50",
    ] {
        assert!(file.contains(words), "{words}: {file}");
    }
    assert!(!file.contains("var("), "every program knows its colours");
    assert_eq!(file.matches("<svg").count(), file.matches("</svg>").count());
    // Of a single run and of a sweep it is the curve and the load.
    let sources = [source_fixtures::closed()];
    let file = beginning(&[], &entries(&sources), &sources)
        .file
        .unwrap()
        .render();
    assert!(file.contains("percentile, %"), "{file}");
    let again = [source_fixtures::closed(), source_fixtures::closed()];
    assert!(beginning(&[], &entries(&again), &again).file.is_none());
}

#[test]
fn a_comparison_has_a_row_for_each_target_with_a_valid_round() {
    let mut source = source_fixtures::comparison();
    for merged in &mut source.record.merged {
        if merged.target == "hermit" && merged.link == "unix" {
            merged.latency_ns.p99 = merged.latency_ns.p99.map(|ns| ns - 1);
        }
    }
    let sources = [source];
    let comparison_views = comparison_views(&sources);
    let loads = leading_load::leading_loads(&comparison_views[0]);
    let plot = overview::plot(&loads).unwrap();
    let panels: Vec<(&str, Vec<&str>)> = plot
        .panels
        .iter()
        .map(|panel| {
            let rows = panel.rows.iter().map(|row| row.label.as_str());
            (panel.title.as_str(), rows.collect())
        })
        .collect();
    assert_eq!(
        panels,
        [
            ("unix", vec!["hermit", "linux-guest:busy"]),
            (
                "vhost-user  (thin line: no guest at all, 25.0 µs at p50)",
                vec!["hermit"]
            ),
            ("loopback", vec!["linux-host:busy (native)"]),
        ]
    );
    let first = &plot.panels[0].rows[0];
    // p50, p90 and p99; p99.9 takes more samples. Two marks for each of three boots.
    assert_eq!((first.dots.len(), first.repetitions.len()), (3, 6));
}

/// The title, the sentence to quote and the titles of the chart's panels of a comparison under two loads.
fn of_two_loads(closed: Option<Verdict>, open: Option<Verdict>) -> (String, String, Vec<String>) {
    let sources = [source_fixtures::two_loads(closed, open)];
    let views = comparison_views(&sources);
    let beginning = beginning(&views, &[], &sources);
    let plot = overview::plot(&leading_load::leading_loads(&views[0])).unwrap();
    let panels = plot.panels.into_iter().map(|panel| panel.title).collect();
    (beginning.title, beginning.front.unwrap().quote, panels)
}

#[test]
fn title_quote_and_chart_speak_of_one_load() {
    let few = Some(Verdict::TooFewRounds);
    let lower = Some(Verdict::Lower);
    let cases = [
        (lower, lower, "open"),
        (few, lower, "open"),
        (None, lower, "open"),
        (few, few, "open"),
        (None, few, "open"),
        // The open loop has no verdict, and the closed one has: it leads.
        (lower, few, "closed"),
        (lower, None, "closed"),
        (few, None, "closed"),
        // There are rounds, and nothing was judged.
        (None, None, "open"),
    ];
    for (closed, open, leading) in cases {
        let (title, quote, panels) = of_two_loads(closed, open);
        let name = match leading {
            "open" => "unix, open loop at 1.00k/s",
            _ => "unix, closed loop",
        };
        let context = format!("{closed:?} and {open:?}: {title}; {quote}");
        assert_eq!(panels, [name], "{context}");
        let is_judged = closed.is_some() || open.is_some();
        assert_eq!(title.contains(name), is_judged, "{context}");
        assert!(quote.contains(&format!(", unix, {leading} ")), "{context}");
    }
}

#[test]
fn a_load_without_a_valid_round_does_not_lead() {
    let sources = [source_fixtures::two_loads(None, None)];
    let mut views = comparison_views(&sources);
    let open = |load: &&mut LinkView<'_>| load.mode == Some("open");
    let open = views[0].links.iter_mut().find(open).unwrap();
    open.targets
        .iter_mut()
        .for_each(|target| target.rounds.clear());
    let leading = leading_load::leading_loads(&views[0]);
    let modes: Vec<_> = leading.iter().map(|load| load.mode).collect();
    assert_eq!(modes, [Some("closed")]);
}
