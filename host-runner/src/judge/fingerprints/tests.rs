//! Fields of fixtures, and of what becomes of them.

use super::*;
use crate::record::{Record, fixtures};

fn changes(change: impl FnOnce(&mut Record)) -> Vec<String> {
    let record = fixtures::record(fixtures::closed_run());
    let mut other = record.clone();
    change(&mut other);
    let all = |record: &Record| {
        let mut all = setting(record, &record.runs[0]);
        all.0.extend(machine(&record.environment).0);
        all
    };
    let changes = all(&record).changes(&all(&other));
    changes.iter().map(ToString::to_string).collect()
}

#[test]
fn what_is_under_test_is_no_field() {
    let none = changes(|record| {
        record.environment.image = None;
        record.environment.git_revision = Some("0123abc".to_owned());
        record.environment.fathom_version = "9.9.9".to_owned();
        record.environment.command_line.clear();
        record.runs[0].boot_ms = Some(1.0);
    });
    assert_eq!(none, [""; 0]);
}

#[test]
fn a_field_that_differs_is_named_with_its_values() {
    assert_eq!(
        changes(|record| record.environment.qemu_version = Some("8.0.0".to_owned())),
        ["qemu_version 7.2.0 -> 8.0.0"]
    );
    assert_eq!(
        changes(|record| record.runs[0].responder = Some("smoltcp".to_owned())),
        ["responder none -> smoltcp"]
    );
    assert_eq!(
        changes(|record| record.environment.host_idle = Some("poll: another reason".to_owned())),
        ["host_idle sleep -> poll"]
    );
    assert_eq!(
        changes(|record| record.environment.host_idle = Some("sleep: another reason".to_owned())),
        [""; 0]
    );
    assert_eq!(
        changes(|record| record.environment.qemu_version = None),
        ["qemu_version 7.2.0 -> unknown"]
    );
    let option = changes(|record| {
        let print = record.environment.fingerprint.as_mut().unwrap();
        let options = print.kernel_options.as_mut().unwrap();
        options.insert("isolcpus".to_owned(), "97".to_owned());
    });
    assert_eq!(option, ["kernel_options.isolcpus not set -> 97"]);
    let mitigation = changes(|record| {
        let print = record.environment.fingerprint.as_mut().unwrap();
        print.mitigations.insert("new".to_owned(), "off".to_owned());
    });
    assert_eq!(mitigation, [""; 0], "known to one kernel only");
}

#[test]
fn the_method_is_its_number_and_codes() {
    let changed = |change: fn(&mut crate::record::Methods)| {
        changes(|record| change(record.methods.as_mut().unwrap()))
    };
    assert_eq!(changed(|methods| methods.number = 7), ["method 1 -> 7"]);
    assert_eq!(
        changed(|methods| methods.merged = "requests/1".into()),
        ["method 1 -> 1 requests/1"]
    );
    assert_eq!(
        changes(|record| record.methods = None),
        ["method 1 -> unknown"]
    );
    let mut older = serde_json::to_value(crate::record::Methods::OWN).unwrap();
    older.as_object_mut().unwrap().remove("number");
    let older: crate::record::Methods = serde_json::from_value(older).unwrap();
    assert_eq!(older.number, 1, "records that have codes and no number");
}

#[test]
fn numbers_agree_that_are_about_the_same() {
    let rate = |rate: f64| {
        let mut fields = Fields::default();
        fields.number("offered_rate", Some(rate), |rate| {
            quantity::rate(rate) + "/s"
        });
        fields
    };
    assert_eq!(rate(100.0).changes(&rate(100.9)), []);
    assert_eq!(rate(100.0).changes(&rate(102.0)).len(), 1);
    assert_eq!(rate(100.0).key(), rate(100.9).key());
}

#[test]
fn every_field_has_a_name_that_can_be_given() {
    let record = fixtures::record(fixtures::open_run());
    let fields = setting(&record, &record.runs[0]);
    let fields = fields.0.into_iter().chain(machine(&record.environment).0);
    for field in fields {
        let is_named = names().any(|name| is_of(&field.name, name));
        assert!(is_named, "{}", field.name);
    }
    let mut all: Vec<&str> = names().collect();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), names().count(), "no name stands for two fields");
}

#[test]
fn parts_belong_to_their_group_and_to_nothing_else() {
    assert!(is_of("kernel_options.isolcpus", "kernel_options"));
    assert!(is_of("kernel", "kernel") && !is_of("kernel_options.isolcpus", "kernel"));
    let record = fixtures::record(fixtures::closed_run());
    let fields = setting(&record, &record.runs[0]);
    assert!(fields.get("target").is_some() && fields.without("target").get("target").is_none());
    assert_ne!(fields.digest(), fields.without("target").digest());
    assert_eq!(fields.digest().len(), 32);
}
