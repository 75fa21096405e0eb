//! Logs that do not add up, or do not say what they are of.

use std::fs;

use super::{log, recorded, sum};
use crate::record::log_counts::LogCounts;
use crate::record::log_description::LogDescription;

/// Returns what is said of a log beside another after `change` of its description.
fn refused(change: impl Fn(&mut LogDescription)) -> String {
    let place = tempfile::tempdir().unwrap();
    let [first, second] = ["first.hlog", "second.hlog"].map(|name| place.path().join(name));
    log(
        &first,
        &recorded(&[1000]),
        Some(LogCounts::default()),
        |_| (),
    );
    log(
        &second,
        &recorded(&[1000]),
        Some(LogCounts::default()),
        change,
    );
    let text = match sum(&[&first, &second]) {
        Ok(_) => "fine".to_owned(),
        Err(error) => error.to_string(),
    };
    text.replace(&format!("{}/", place.path().display()), "")
}

#[test]
fn what_does_not_add_up_is_named_by_file_and_field() {
    assert_eq!(refused(|_| ()), "fine");
    assert_eq!(
        refused(|log| log.address = "192.0.2.1:9".to_owned()),
        "fine"
    );
    assert_eq!(
        refused(|log| log.timeout_ns = 5),
        "these do not add up: field `timeout_ns` is `5` in second.hlog, and `1000000000` in first.hlog"
    );
    assert_eq!(
        refused(|log| log.depth = Some(4)),
        "these do not add up: field `depth` is `4` in second.hlog, and not given in first.hlog"
    );
    for (field, text) in [
        ("target", refused(|log| log.target = "null".to_owned())),
        ("protocol", refused(|log| log.protocol = "echo".into())),
        ("mode", refused(|log| log.mode = "open".into())),
        ("payload_bytes", refused(|log| log.payload_bytes += 1)),
        ("accel", refused(|log| log.accel = Some("kvm".to_owned()))),
        ("methods", refused(|log| log.methods = None)),
    ] {
        assert!(text.contains(&format!("field `{field}` is ")), "{text}");
        assert!(
            text.contains("second.hlog") && text.contains("first.hlog"),
            "{text}"
        );
    }
}

/// Returns what is said of a log whose text was `change`d.
fn said_of(change: impl Fn(String) -> String) -> String {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("a.hlog");
    log(
        &path,
        &recorded(&[1000]),
        Some(LogCounts::default()),
        |_| (),
    );
    let text = fs::read_to_string(&path).unwrap();
    let changed = change(text.clone());
    assert_ne!(text, changed);
    fs::write(&path, changed).unwrap();
    match sum(&[&path]) {
        Ok(_) => "fine".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_log_that_does_not_say_what_it_is_is_refused() {
    let without = |what: &'static str| {
        move |text: String| {
            let lines = text.lines().filter(|line| !line.contains(what));
            lines.map(|line| format!("{line}\n")).collect::<String>()
        }
    };
    let unit = said_of(without("nanoseconds"));
    assert!(unit.contains("a.hlog: field `unit` is missing"), "{unit}");
    let other = said_of(|text| text.replace("in nanoseconds", "in microseconds"));
    assert!(other.contains("the unit is not the nanosecond"), "{other}");
    let undescribed = said_of(without("description"));
    assert!(
        undescribed.contains("a.hlog: field `description` is missing"),
        "{undescribed}"
    );
    let cut = said_of(|text| text.trim_end().to_owned());
    assert!(cut.contains("the line is cut off"), "{cut}");
    let damaged = said_of(|text| text.replace("HISTF", "HISTG"));
    assert!(damaged.contains("a.hlog, line "), "{damaged}");
}
