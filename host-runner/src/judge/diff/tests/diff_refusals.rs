//! Refusals of what answers another question, and what is left to compare.

use super::*;

#[test]
fn another_question_is_refused_by_the_fields_name() {
    let (a, mut b) = (USUAL.source(), USUAL.seeded(5).source());
    for run in b
        .record
        .runs
        .iter_mut()
        .filter(|run| run.target == "hermit")
    {
        run.responder = Some("smoltcp".to_owned());
    }
    b.record.why[0].responder = Some("smoltcp".to_owned());
    b.record.why[0].instructions_per_echo = Some(1900.0);
    let refusal = diff(&a, &b, &DiffSpec::default()).unwrap_err().to_string();
    assert!(
        refusal.contains("responder none -> smoltcp; `--anyway responder`"),
        "{refusal}"
    );
    let diff_anyway = held(&a, &b, &anyway("responder"));
    assert_eq!(diff_anyway.verdict, Outcome::Regression, "{diff_anyway:#?}");
    assert_eq!(diff_anyway.overlooked.len(), 1);
    let settled_by = diff_anyway.settled_by.unwrap();
    assert!(
        settled_by.contains("--targets hermit:smoltcp,hermit "),
        "{settled_by}"
    );
    let methods = b.record.methods.as_mut().unwrap();
    methods.number = 9;
    let refusal = diff(&a, &b, &anyway("responder")).unwrap_err().to_string();
    assert!(refusal.contains("method 1 -> 9"), "{refusal}");
    let refusal = diff(&a, &b, &anyway("responde")).unwrap_err();
    assert_eq!(refusal, Refusal::NoSuchField("responde".to_owned()));
    let none = DiffSpec {
        targets: vec!["linux-guest:busy".to_owned()],
        ..DiffSpec::default()
    };
    assert!(matches!(diff(&a, &a, &none), Err(Refusal::NoTarget(_))));
}

#[test]
fn a_load_without_a_counterpart_is_named() {
    let two_loads = |rate: f64| {
        let mut source = USUAL.source();
        let (mut runs, distributions) = (source.record.runs.clone(), source.distributions.clone());
        for run in &mut runs {
            run.mode = "open".into();
            run.offered_rate = Some(rate);
        }
        source.record.runs.extend(runs);
        source.distributions.extend(distributions);
        source
    };
    let diff = held(
        &two_loads(40_000.0),
        &two_loads(44_000.0),
        &DiffSpec::default(),
    );
    assert_eq!(diff.verdict, Outcome::NoRegression);
    assert_eq!(diff.not_compared.len(), 1);
    let (mode, reason) = (&diff.not_compared[0].mode, &diff.not_compared[0].reason);
    assert_eq!(
        (mode.as_str(), reason.as_str()),
        ("open", "offered_rate 40.0k/s -> 44.0k/s")
    );
    let diff = held(
        &two_loads(40_000.0),
        &two_loads(44_000.0),
        &anyway("offered_rate"),
    );
    assert_eq!((diff.not_compared.len(), diff.latency.len()), (0, 6));
}

#[test]
fn boots_that_are_not_valid_are_none() {
    let (a, mut b) = (USUAL.source(), USUAL.seeded(6).source());
    for run in &mut b.record.runs {
        run.valid = run.round <= Some(2);
    }
    let diff = held(&a, &b, &DiffSpec::default());
    assert_eq!(diff.verdict, Outcome::CannotTell);
    assert_eq!(at(&diff, "p50").rounds_b, 2);
    // Percentiles beyond what a run is valid to are the host's.
    let mut b = USUAL.seeded(6).source();
    for run in &mut b.record.runs {
        run.valid_to = Some("p90".to_owned());
    }
    let diff = held(&a, &b, &DiffSpec::default());
    let names: Vec<&str> = diff
        .latency
        .iter()
        .map(|finding| finding.percentile)
        .collect();
    assert_eq!(names, ["p50", "p90"]);
    let asked = DiffSpec {
        percentiles: vec!["p99".to_owned()],
        ..DiffSpec::default()
    };
    assert_eq!(
        held(&a, &b, &asked).verdict,
        Outcome::CannotTell,
        "asked for, and not there"
    );
}

#[test]
fn the_command_that_settles_it_names_both_images() {
    let (a, mut b) = (USUAL.source(), USUAL.seeded(8).source());
    let digest = |source: &mut Source, digit: &str| {
        source.record.environment.image.as_mut().unwrap().sha256 = digit.repeat(64);
    };
    let mut a = a;
    digest(&mut a, "a");
    digest(&mut b, "b");
    assert_eq!(
        held(&a, &b, &DiffSpec::default()).settled_by.unwrap(),
        "fathom compare --targets hermit@b=sha256:bbbbbbbbbbbb,hermit@a=sha256:aaaaaaaaaaaa --links vhost-user \
         --repeat 7"
    );
}
