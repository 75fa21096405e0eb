//! Files of objectives, and their mistakes.

use super::*;

fn read(text: &str) -> Result<Objectives, ObjectivesError> {
    Objectives::read(text.as_bytes(), "o.toml")
}

const WHOLE: &str = r#"
schema = "fathom-objectives/1"
confidence = 0.99
undecided = "fail"

[[objective]]
name   = "tail"
on     = { target = "hermit", link = "vhost-user", mode = "closed" }
pass   = ["p99 <= 2us", "p99.9 <= 5us"]
warn   = ["p99.9 <= 4us"]
weight = 2
key    = true

[[objective]]
pass  = ["lost == 0", "corrupted == 0"]
abort = true

[score]
pass = 90
warn = 75
"#;

#[test]
fn a_file_has_objectives_with_their_places() {
    let objectives = read(WHOLE).unwrap();
    assert_eq!(objectives.confidence, 0.99);
    assert_eq!(objectives.undecided, UndecidedPolicy::Fail);
    let [tail, losses] = &objectives.objectives[..] else {
        panic!("{objectives:?}");
    };
    assert_eq!((tail.name.as_deref(), tail.weight), (Some("tail"), 2.0));
    assert!(tail.is_key && !tail.aborts && losses.aborts && !losses.is_key);
    assert_eq!((tail.pass.len(), tail.warn.len()), (2, 1));
    assert_eq!(tail.subject.mode.as_deref(), Some("closed"));
    assert_eq!(tail.pass[1].place.to_string(), "o.toml:9:26");
    assert_eq!(losses.subject, Subject::default());
    let limits = ScoreLimits {
        pass: 90.0,
        warn: 75.0,
    };
    assert_eq!(objectives.score, Some(limits));
}

#[test]
fn every_fault_is_told_with_line_and_column() {
    let head = "schema = \"fathom-objectives/1\"\n";
    let objective = |rest: &str| format!("{head}[[objective]]\n{rest}");
    for (text, place, complaint) in [
        (String::new(), "1:1", "is empty"),
        (head.to_owned(), "1:1", "no `[[objective]]`"),
        (
            "schema = 'x/1'\n[[objective]]\npass=['lost == 0']".to_owned(),
            "1:10",
            "fathom-objectives/1",
        ),
        (
            "[[objective]]\npass = ['lost == 0']\n".to_owned(),
            "1:1",
            "schema",
        ),
        (
            objective("pas = ['lost == 0']"),
            "3:1",
            "unknown field `pas`",
        ),
        (objective("pass = ['lost == 0'"), "3:20", ""),
        (
            objective("pass = [\"lost == 0\", \"p98x <= 1us\"]"),
            "3:23",
            "no percentile",
        ),
        (objective("pass = ['p99 <= 2']"), "3:17", "unit is missing"),
        (
            objective("pass = ['p99 <= 2 lightyears']"),
            "3:17",
            "unknown unit `lightyears`",
        ),
        (
            objective("pass = [\"\"\"\np99 <= 2\"\"\"]"),
            "3:9",
            "unit is missing",
        ),
        (objective("pass = [5]"), "3:9", "string"),
        (objective("name = 'x'"), "2:1", "expressions"),
        (objective("name = ''\npass=['lost == 0']"), "3:8", "a name"),
        (
            objective("on = { taget = 'x' }\npass=['lost == 0']"),
            "3:8",
            "unknown field `taget`",
        ),
        (
            objective("on = { mode = 'ope' }\npass=['lost == 0']"),
            "3:15",
            "a mode is",
        ),
        (
            objective("abort = true\npass=['p99 >= 2us', 'p50 <= 8 floors']"),
            "2:1",
            "`abort`: `p99 >= 2us` is never certain to be missed before the end: what is too small may still grow",
        ),
        (
            objective("abort = true\npass=['rate <= 5/s']"),
            "2:1",
            "only a count",
        ),
        (
            objective("abort = true\npass=['service.max <= 5us']"),
            "2:1",
            "known at the end",
        ),
        (
            objective("abort = true\nwarn=['lost == 0']"),
            "2:1",
            "no expression in `pass`",
        ),
        (
            objective("weight = -1\npass=['lost == 0']"),
            "3:10",
            "a weight",
        ),
        (
            objective("pass=['lost == 0']\n[score]\npass = 0"),
            "4:1",
            "percents",
        ),
        (
            objective("weight = 0\npass=['lost == 0']\n[score]\npass = 9"),
            "5:1",
            "no objective has a weight",
        ),
        (
            format!("{head}confidence = 1.5\n[[objective]]\npass=['lost == 0']"),
            "2:14",
            "a confidence",
        ),
        (
            format!("{head}undecided = 'maybe'\n[[objective]]\npass=['lost == 0']"),
            "2:13",
            "maybe",
        ),
    ] {
        let error = read(&text).unwrap_err();
        assert_eq!(
            error.place.to_string(),
            format!("o.toml:{place}"),
            "{text}: {error}"
        );
        assert!(error.message.contains(complaint), "{text}: {error}");
    }
    let error = Objectives::read(b"schema\n = \xff", "o.toml").unwrap_err();
    assert_eq!(error.to_string(), "o.toml:2:4: it is no UTF-8 text");
}
