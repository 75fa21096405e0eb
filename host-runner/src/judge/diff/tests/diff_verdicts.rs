//! Outcomes of single differences.

use super::*;

#[test]
fn a_result_has_no_difference_from_itself() {
    let source = USUAL.source();
    let diff = held(&source, &source, &DiffSpec::default());
    assert_eq!(diff.verdict, Outcome::NoRegression, "{diff:#?}");
    let names: Vec<&str> = diff
        .latency
        .iter()
        .map(|finding| finding.percentile)
        .collect();
    assert_eq!(names, ["p50", "p90", "p99"], "as far as there are requests");
    let p50 = at(&diff, "p50");
    assert_eq!(
        (p50.rounds_a, p50.rounds_b, p50.basis),
        (7, 7, Basis::Direct)
    );
    let band = p50.judged.unwrap();
    assert!((band.ratio - 1.0).abs() < 1e-3 && band.low < Some(1.0) && band.high > Some(1.0));
    assert_eq!(diff.exact.len(), 4);
    assert!(
        diff.exact
            .iter()
            .all(|finding| finding.ratio.is_none_or(|ratio| ratio == 1.0))
    );
    assert!(diff.shift.len() > 8, "{:#?}", diff.shift);
    assert_eq!(
        diff.settled_by.as_deref(),
        Some("fathom compare --targets hermit,hermit --links vhost-user --repeat 7")
    );
}

#[test]
fn a_deeper_percentile_is_judged_if_a_result_was_to_be_valid_up_to_it() {
    let judged = |needs: &str| -> Vec<&str> {
        let mut boots = Boots(SplitMix64(1));
        let mut record = USUAL.source().record;
        for run in &mut record.runs {
            run.needs = Some(needs.to_owned());
        }
        let distributions = record.runs.iter();
        let distributions = distributions.map(|_| boots.distribution(1700.0, 0.01, 10 * REQUESTS));
        let distributions = distributions.collect();
        let source = Source::new("results/a".into(), record, distributions).unwrap();
        let diff = held(&source, &source, &DiffSpec::default());
        diff.latency
            .iter()
            .map(|finding| finding.percentile)
            .collect()
    };
    assert_eq!(judged("p99"), ["p50", "p90", "p99"]);
    assert_eq!(judged("p99.9"), ["p50", "p90", "p99", "p99.9"]);
}

#[test]
fn more_instructions_are_a_regression_after_one_boot_on_any_machine() {
    let one = |instructions| Measured {
        rounds: 1,
        instructions,
        ..USUAL
    };
    let (a, mut b) = (one(495.0).source(), one(512.0).source());
    b.record.environment.machine = Some("another".to_owned());
    let diff = held(&a, &b, &DiffSpec::default());
    assert_eq!(diff.verdict, Outcome::Regression);
    assert_eq!(diff.because, ["instructions per echo of hermit"]);
    let p50 = at(&diff, "p50");
    assert_eq!(
        (p50.outcome, p50.basis),
        (Outcome::CannotTell, Basis::Nothing)
    );
    let reason = p50.reason.as_deref().unwrap();
    assert!(reason.contains("1 of at least 3 boots"), "{reason}");
    // Within the limit nothing is told of latency, unless that is not asked for.
    let b = one(499.0).source();
    assert_eq!(
        held(&a, &b, &DiffSpec::default()).verdict,
        Outcome::CannotTell
    );
    let exact = DiffSpec {
        evidence: Evidence::Exact,
        ..DiffSpec::default()
    };
    assert_eq!(held(&a, &b, &exact).verdict, Outcome::NoRegression);
    let mut fewer = one(480.0).source();
    fewer.record.runs[0].accel = Some("tcg".to_owned());
    let fewer_counted = held(&a, &fewer, &exact);
    assert_eq!(fewer_counted.verdict, Outcome::Improvement);
    assert_eq!(
        fewer_counted.overlooked,
        [],
        "what does not matter is not overlooked"
    );
    let refusal = super::diff(&a, &fewer, &DiffSpec::default()).unwrap_err();
    assert!(
        refusal.to_string().contains("accel kvm -> tcg"),
        "{refusal}"
    );
}

#[test]
fn figures_that_nobody_counted_pass_nothing() {
    let (mut a, mut b) = (USUAL.source(), USUAL.source());
    b.record.why.clear();
    let exact = DiffSpec {
        evidence: Evidence::Exact,
        ..DiffSpec::default()
    };
    let diff = held(&a, &b, &exact);
    assert_eq!(
        (diff.verdict, diff.exact.len()),
        (Outcome::CannotTell, 4),
        "{diff:#?}"
    );
    let counted = |finding: &ExactFinding| (finding.a.is_some(), finding.b.is_some());
    assert!(
        diff.exact
            .iter()
            .all(|finding| counted(finding) == (true, false))
    );
    // The size of an image alone is no evidence of what it costs.
    for source in [&mut a, &mut b] {
        source.record.why.clear();
        (source.record.runs.iter_mut()).for_each(|run| run.image_bytes = Some(250_000));
    }
    let diff = held(&a, &b, &exact);
    assert_eq!(diff.verdict, Outcome::CannotTell);
    assert_eq!(diff.because, ["instructions per echo of hermit"]);
    assert_eq!(diff.latency, [], "not asked for");
}

#[test]
fn a_slower_image_beside_a_null_that_stands_still_is_a_regression() {
    let a = USUAL.source();
    let slower = Measured {
        hermit_ns: 2000.0,
        ..USUAL.seeded(2)
    };
    let diff = held(&a, &slower.source(), &DiffSpec::default());
    assert_eq!(diff.verdict, Outcome::Regression);
    let p50 = at(&diff, "p50");
    assert_eq!(
        (p50.outcome, p50.basis),
        (Outcome::Regression, Basis::Direct)
    );
    let anchor = p50.anchor.unwrap();
    assert!(
        anchor.kind == AnchorKind::Null && anchor.is_still,
        "{anchor:?}"
    );
    let band = p50.judged.unwrap();
    assert!(
        band.low.unwrap() > 1.1 && band.high.unwrap() < 1.25,
        "{band:?}"
    );
    let back = held(&slower.source(), &a, &DiffSpec::default());
    assert_eq!(back.verdict, Outcome::Improvement);
    // Less than the margin is none, however certain.
    let little = Measured {
        hermit_ns: 1740.0,
        ..USUAL.seeded(2)
    };
    assert_eq!(
        held(&a, &little.source(), &DiffSpec::default()).verdict,
        Outcome::NoRegression
    );
    let strict = DiffSpec {
        margin: 0.01,
        ..DiffSpec::default()
    };
    assert_ne!(
        held(&a, &little.source(), &strict).verdict,
        Outcome::NoRegression
    );
}

#[test]
fn a_host_that_moved_is_no_regression() {
    let a = USUAL.source();
    let moved = Measured {
        hermit_ns: 1955.0,
        null_ns: Some(414.0),
        ..USUAL.seeded(3)
    };
    let diff = held(&a, &moved.source(), &DiffSpec::default());
    let p50 = at(&diff, "p50");
    assert_eq!(
        (p50.basis, p50.outcome),
        (Basis::Both, Outcome::CannotTell),
        "{p50:#?}"
    );
    assert!(!p50.anchor.unwrap().is_still);
    assert_eq!(p50.rounds_missing, None, "more boots don't help, turns do");
    // A regression beyond the host's is one both ways.
    let worse = Measured {
        hermit_ns: 2600.0,
        ..moved
    };
    assert_eq!(
        held(&a, &worse.source(), &DiffSpec::default()).verdict,
        Outcome::Regression
    );
}

#[test]
fn hosts_that_differ_are_judged_in_units_of_the_anchor() {
    let a = USUAL.source();
    // Half as fast.
    let other = Measured {
        hermit_ns: 3400.0,
        null_ns: Some(720.0),
        ..USUAL.seeded(4)
    };
    let mut b = other.source();
    b.record.environment.kernel = "Linux 9.9".to_owned();
    let diff = held(&a, &b, &DiffSpec::default());
    let p50 = at(&diff, "p50");
    assert_eq!(
        (p50.basis, p50.outcome),
        (Basis::Anchored, Outcome::NoRegression),
        "{p50:#?}"
    );
    assert_eq!(diff.hosts_differ.len(), 1);
    assert!(
        diff.hosts_differ[0].to_string().starts_with("kernel Linux"),
        "{:?}",
        diff.hosts_differ
    );
    let overlooked = held(&a, &b, &anyway("kernel"));
    assert_eq!(
        (overlooked.hosts_differ.len(), overlooked.overlooked.len()),
        (0, 1)
    );
    assert_eq!(at(&overlooked, "p50").basis, Basis::Both);
    // Without an anchor nothing is known.
    let alone = |measured: Measured| {
        Measured {
            null_ns: None,
            ..measured
        }
        .source()
    };
    let (a, mut b) = (alone(USUAL), alone(other));
    b.record.environment.kernel = "Linux 9.9".to_owned();
    let diff = held(&a, &b, &DiffSpec::default());
    assert_eq!(diff.verdict, Outcome::CannotTell);
    assert!(
        at(&diff, "p50")
            .reason
            .as_deref()
            .unwrap()
            .contains("hosts differ")
    );
}

#[test]
fn without_an_anchor_the_host_may_have_moved() {
    let alone = Measured {
        null_ns: None,
        ..USUAL
    };
    let slower = Measured {
        hermit_ns: 2000.0,
        ..alone.seeded(2)
    };
    let diff = held(&alone.source(), &slower.source(), &DiffSpec::default());
    assert_eq!(diff.verdict, Outcome::CannotTell, "{diff:#?}");
    assert!(
        at(&diff, "p50")
            .reason
            .as_deref()
            .unwrap()
            .contains("--anyway anchor")
    );
    let diff = held(&alone.source(), &slower.source(), &anyway("anchor"));
    assert_eq!(diff.verdict, Outcome::Regression);
    // The floor of each run stands for a null.
    let floor = |measured: Measured| {
        let mut source = measured.source();
        for run in &mut source.record.runs {
            let ns = Some(400.0 + f64::from(run.round.unwrap()));
            run.reflector_round_trip_ns = Some(BeforeAfter {
                before: ns,
                after: ns,
            });
        }
        source
    };
    let diff = held(&floor(alone), &floor(slower), &DiffSpec::default());
    assert_eq!(diff.verdict, Outcome::Regression);
    assert_eq!(at(&diff, "p99").anchor.unwrap().kind, AnchorKind::Floor);
}

#[test]
fn lost_requests_are_bounds() {
    let lossy = |source: &Source| {
        let mut lossy = source.clone();
        let hermit = lossy
            .record
            .runs
            .iter_mut()
            .filter(|run| run.target == "hermit");
        hermit.for_each(|run| (run.lost, run.censored_from_ns) = (20, Some(1900)));
        lossy
    };
    let (a, b) = (USUAL.source(), USUAL.seeded(7).source());
    let diff = held(&a, &lossy(&b), &DiffSpec::default());
    let band = at(&diff, "p99").judged.unwrap();
    assert!(band.low.is_some() && band.high.is_none(), "{band:?}");
    assert_eq!(at(&diff, "p99").outcome, Outcome::CannotTell);
    assert!(at(&diff, "p50").judged.unwrap().high.is_some());
    let diff = held(&lossy(&a), &lossy(&b), &DiffSpec::default());
    let reason = at(&diff, "p99").reason.as_deref().unwrap();
    assert!(reason.contains("lost in boots of both"), "{reason}");
}
