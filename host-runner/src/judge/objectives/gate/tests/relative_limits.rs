//! Limits relative to another target or result, exact costs, and the evidence that several limits take.

use super::*;
use crate::record::SystemCost;

#[test]
fn no_difference_seen_is_not_no_regression() {
    let calm_linux = CALM.map(|ns| ns * 2);
    let source = rounds(&CALM, &calm_linux);
    let half = judged(&source, "p99 <= 60% of linux-guest on hermit");
    assert_eq!((half.state, half.unit.as_str()), (Met, "ratio"));
    assert!((half.value.unwrap() - 0.5).abs() < 0.01);
    assert_eq!(
        state(&source, "p99 <= 40% of linux-guest on hermit"),
        Missed
    );
    assert_eq!(state(&source, "p99 <= +5% of linux-guest on hermit"), Met);
    assert_eq!(
        state(&source, "p99 <= +5% of hermit on linux-guest"),
        Missed
    );
    // Without `on` a target is not held against itself.
    assert_eq!(
        judged(&source, "p99 <= +5% of hermit").on,
        "linux-guest on vhost-user, closed loop"
    );
    // Boots that scatter by a third tell nothing of five percent, though they show no difference.
    let wild = [2000, 3000, 1500, 2500, 1800, 2800, 1600];
    let other = [2800, 1600, 2000, 1500, 3000, 1800, 2500];
    let source = rounds(&wild, &other);
    let undecided = judged(&source, "p99 <= +5% of linux-guest on hermit");
    assert_eq!(undecided.state, Undecided);
    assert!(undecided.high.unwrap() > 1.05 && undecided.low.unwrap() < 1.0);
    // 3 % worse for certain, and within the margin by the estimate.
    let source = rounds(&CALM.map(|ns| ns * 1030), &CALM.map(|ns| ns * 1000));
    assert_eq!(state(&source, "p99 <= +5% of linux-guest on hermit"), Met);
    assert_eq!(
        state(&source, "p99 <= +2% of linux-guest on hermit"),
        Missed
    );
    // An improvement that is asked for is missed by an equal.
    assert_eq!(
        state(&source, "p99 <= -10% of linux-guest on hermit"),
        Missed
    );
    assert_eq!(state(&source, "p99 >= -5% of linux-guest on hermit"), Met);
}

#[test]
fn a_baseline_is_another_result_under_the_same_conditions() {
    let against = |baseline: Source, text: &str| {
        let own = rounds(&CALM, &CALM);
        let baselines = [("results/b".to_owned(), vec![baseline])];
        let references = References {
            baselines: &baselines,
            looks: 1,
        };
        judge(&objectives(&[text]), &own, references).objectives
    };
    let text = "p99 <= +5% of baseline on hermit";
    let met = against(rounds(&CALM, &[]), text);
    assert_eq!(met[0].state, Met);
    assert_eq!(
        met[0].on,
        "hermit on vhost-user, closed loop, against results/b"
    );
    assert_eq!(
        against(rounds(&CALM.map(|ns| ns * 4 / 5), &[]), text)[0].state,
        Missed
    );
    let single = against(source(&[ONE]), text);
    assert_eq!(single[0].state, Undecided);
    assert!(
        single[0]
            .needs
            .as_deref()
            .unwrap()
            .contains("3 of each are needed")
    );
    let other = against(rounds(&[], &CALM), text);
    assert_eq!(other[0].state, NotMeasured);
    let mut elsewhere = rounds(&CALM, &[]);
    elsewhere.record.environment.cpu_model = Some("another".to_owned());
    let elsewhere = against(elsewhere, text);
    assert_eq!(elsewhere[0].state, Undecided);
    assert!(
        elsewhere[0]
            .needs
            .as_deref()
            .unwrap()
            .contains("results/b is not comparable: cpu_model another -> ")
    );
    let mut longer = rounds(&CALM, &[]);
    for run in &mut longer.record.runs {
        run.payload_bytes = 1400;
    }
    let longer = against(longer, text);
    assert!(
        longer[0]
            .needs
            .as_deref()
            .unwrap()
            .contains("results/b is not comparable: payload_bytes 1400 -> 64"),
        "{longer:?}"
    );
    // Without a baseline, whoever forgot to check has no run to pass by.
    assert_eq!(state(&rounds(&CALM, &[]), text), NotMeasured);
}

fn with_costs(instructions: Option<f64>, doorbells: Option<f64>) -> Source {
    let mut source = rounds(&CALM, &CALM);
    source.record.why = ["hermit", "linux-guest"]
        .map(|target| SystemCost {
            target: target.to_owned(),
            link: "vhost-user".to_owned(),
            instructions_per_echo: instructions,
            doorbells_per_echo: doorbells,
            ..SystemCost::default()
        })
        .into();
    source
}

#[test]
fn costs_are_exact_on_any_machine() {
    let counted = with_costs(Some(495.0), Some(0.0));
    assert_eq!(
        state(&counted, "instructions_per_echo <= 495 on hermit"),
        Met
    );
    assert_eq!(
        state(&counted, "instructions_per_echo <= 494 on hermit"),
        Missed
    );
    assert_eq!(
        state(
            &with_costs(None, None),
            "instructions_per_echo <= 494 on hermit"
        ),
        NotMeasured
    );
    let against = |baseline: Source, text: &str| {
        let mut baseline = baseline;
        baseline.record.environment.cpu_model = Some("another".to_owned());
        let baselines = [("b".to_owned(), vec![baseline])];
        let references = References {
            baselines: &baselines,
            looks: 1,
        };
        let judgement = judge(&objectives(&[text]), &counted, references);
        judgement.objectives[0].state
    };
    let text = "instructions_per_echo <= +1% of baseline on hermit";
    assert_eq!(against(with_costs(Some(491.0), None), text), Met);
    assert_eq!(against(with_costs(Some(480.0), None), text), Missed);
    assert_eq!(against(with_costs(None, None), text), NotMeasured);
    // Nothing of nothing is nothing.
    assert_eq!(
        against(
            with_costs(None, Some(0.0)),
            "doorbells_per_echo <= +1% of baseline on hermit"
        ),
        Met
    );
    // Costs alone are judged, without a run.
    let mut alone = with_costs(Some(495.0), None);
    for run in &mut alone.record.runs {
        run.target = "null".to_owned();
    }
    assert_eq!(state(&alone, "instructions_per_echo <= 500 on hermit"), Met);
}

/// Returns the reason for the outcome of `text` on seven rounds against a baseline that `change` has changed.
fn reason_against(change: impl Fn(&mut Source), text: &str) -> String {
    let mut baseline = with_costs(Some(495.0), Some(0.0));
    change(&mut baseline);
    let baselines = [("before".to_owned(), vec![baseline])];
    let references = References {
        baselines: &baselines,
        looks: 1,
    };
    let own = with_costs(Some(495.0), Some(0.0));
    let judged = judge(&objectives(&[text]), &own, references);
    judged.objectives[0].needs.clone().unwrap_or_default()
}

#[test]
fn a_baseline_agrees_in_the_fields_that_move_the_figure() {
    let each = |change: fn(&mut Run)| {
        move |baseline: &mut Source| baseline.record.runs.iter_mut().for_each(change)
    };
    let longer = each(|run| run.payload_bytes = 1400);
    let expected = "before is not comparable: payload_bytes 1400 -> 64";
    let time = "p99 <= +5% of baseline on hermit";
    let cost = "instructions_per_echo <= +1% of baseline on hermit";
    let boot = "boot_ms <= +900% of baseline on hermit";
    let size = "image_bytes <= +1% of baseline on hermit";
    assert_eq!(reason_against(longer, time), expected);
    assert_eq!(reason_against(longer, cost), expected);
    assert!(!reason_against(longer, boot).contains("comparable"));
    assert!(!reason_against(longer, size).contains("comparable"));
    let other_board = each(|run| run.board = Some("q35".to_owned()));
    assert!(reason_against(other_board, time).contains("board q35 -> "));
    assert!(reason_against(other_board, boot).contains("board q35 -> "));
    assert_eq!(reason_against(other_board, cost), "");
    let elsewhere = |baseline: &mut Source| {
        let environment = &mut baseline.record.environment;
        environment.kernel = "9.9".to_owned();
        environment.governor = Some("another".to_owned());
    };
    let reason = reason_against(elsewhere, time);
    assert!(
        reason.contains("kernel 9.9 -> ") && reason.contains("governor another -> "),
        "{reason}"
    );
    assert_eq!(reason_against(elsewhere, cost), "");
}

#[test]
fn more_looks_and_more_claims_ask_for_more_evidence() {
    let source = rounds(
        &[2000, 2040, 1960, 2020, 1980],
        &[2000, 2040, 1960, 2020, 1980],
    );
    let high = |texts: &[&str], looks| {
        let references = References {
            looks,
            ..References::default()
        };
        let judgement = judge(&objectives(texts), &source, references);
        let first = &judgement.objectives[0];
        (first.low.unwrap(), first.high.unwrap())
    };
    let text = "p99 <= 3us on hermit";
    let (low, alone) = high(&[text], 1);
    let (_, thrice) = high(&[text], 3);
    assert!(alone < thrice, "{alone} {thrice}");
    // All must be met: more of them make no one harder to meet, and a claim rarer.
    let (lower, beside_others) = high(&[text, "p90 <= 3us on hermit", "p50 <= 3us on hermit"], 1);
    assert!(lower < low, "{lower} {low}");
    assert_eq!(beside_others, alone);
}
