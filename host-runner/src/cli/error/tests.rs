//! Messages and exit codes of commands that failed.

use super::*;
use crate::load::PlanError;
use crate::load::Protocol;

#[test]
fn each_cause_is_named_once() {
    let error = CliError::from(RecordError::Unwritable {
        path: "/results".into(),
        source: io::Error::other("read-only"),
    });
    let text = error.with_causes();
    assert!(text.starts_with("can't write /results; "), "{text}");
    assert!(text.ends_with(": read-only"), "{text}");
    assert_eq!(text.matches("can't write").count(), 1);
}

#[test]
fn exit_codes_are_the_documented_ones() {
    let (address, problem) = (String::new(), String::new());
    for (error, code) in [
        (ExperimentError::Incompatible("not both"), 2),
        (ExperimentError::Plan(PlanError::NoTimeout), 2),
        (
            ExperimentError::Resolve {
                address: address.clone(),
                source: io::Error::other("no"),
            },
            1,
        ),
        (
            ExperimentError::Address {
                address: address.clone(),
                problem: problem.clone(),
            },
            2,
        ),
        (
            ExperimentError::OtherProtocol {
                address: address.clone(),
                replies: 3,
                speaks: Protocol::Echo,
            },
            1,
        ),
        (ExperimentError::NoStatus { address, problem }, 1),
        (ExperimentError::Interrupted, 1),
        (ExperimentError::Invalid { reasons: vec![] }, 4),
        (ExperimentError::Incomplete { reasons: vec![] }, 4),
        (ExperimentError::NothingToCompare { reasons: vec![] }, 2),
    ] {
        assert_eq!(CliError::from(error).exit_code(), code);
    }
}

#[test]
fn an_objective_that_is_missed_or_undecided_has_an_exit_code_of_its_own() {
    let code = |state| CliError::of_objectives(state).map_err(|error| error.exit_code());
    assert_eq!(code(ObjectiveState::Met), Ok(()));
    assert_eq!(code(ObjectiveState::Missed), Err(3));
    assert_eq!(code(ObjectiveState::Undecided), Err(4));
    assert_eq!(code(ObjectiveState::NotMeasured), Err(4));
    let because = vec!["p99: the host".to_owned()];
    let missed = CliError::Missed { because };
    assert_eq!(missed.with_causes(), "objectives missed; p99: the host");
}
