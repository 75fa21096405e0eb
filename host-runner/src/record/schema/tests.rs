//! The schema, and records that are held against it.

use std::fs;
use std::path::Path;

use super::super::{Run, fixtures};
use super::*;

/// Returns the errors in `record`, by the closed schema.
fn complaints(record: &Value) -> Vec<String> {
    let validator = jsonschema::validator_for(&closed(schema())).unwrap();
    let errors = validator.iter_errors(record);
    errors
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

fn record(run: Run) -> Value {
    let merged = fixtures::merged(&run);
    let record = Record {
        merged: vec![merged],
        ..fixtures::record(run)
    };
    serde_json::from_str(&record.to_json().unwrap()).unwrap()
}

#[test]
fn every_field_of_a_record_is_in_the_schema() {
    for run in [
        fixtures::closed_run(),
        fixtures::open_run(),
        fixtures::pipeline_run(),
    ] {
        let complaints = complaints(&record(run));
        assert!(complaints.is_empty(), "{complaints:#?}");
    }
}

#[test]
fn a_field_that_the_schema_does_not_know_is_found_everywhere() {
    let plain = record(fixtures::open_run());
    for place in [
        "",
        "/environment",
        "/environment/image",
        "/runs/0",
        "/runs/0/latency_ns",
        "/runs/0/noise",
        "/runs/0/noise/beside",
        "/runs/0/guest_counters",
        "/merged/0",
        "/merged/0/latency_ns",
    ] {
        let mut record = plain.clone();
        let object = record.pointer_mut(place).unwrap().as_object_mut().unwrap();
        object.insert("colour".to_owned(), "blue".into());
        let complaints = complaints(&record);
        assert!(
            complaints
                .iter()
                .any(|complaint| complaint.contains("colour")),
            "{place}"
        );
        assert!(jsonschema::is_valid(&schema(), &record), "open for readers");
    }
}

#[test]
fn missing_fields_and_wrong_types_are_found() {
    let plain = record(fixtures::open_run());
    for (place, value) in [
        ("/schema", "fathom/2".into()),
        ("/environment/started_at", 5.into()),
        ("/runs/0/sent", (-1).into()),
        ("/runs/0/latency_ns/p50", "fast".into()),
        ("/runs/0/latency_ns", Value::Null),
    ] {
        let mut record = plain.clone();
        *record.pointer_mut(place).unwrap() = value;
        assert!(!complaints(&record).is_empty(), "{place}");
    }
    let mut record = plain;
    record["runs"][0].as_object_mut().unwrap().remove("sent");
    assert!(!complaints(&record).is_empty());
}

/// A field without a word of what it is helps nobody.
#[test]
fn every_field_has_a_description() {
    let mut schema = schema();
    let mut silent = Vec::new();
    each_object(&mut schema, &mut |object| {
        let Some(Value::Object(properties)) = object.get("properties") else {
            return;
        };
        for (name, field) in properties {
            if field.get("description").is_none() && field.get("$ref").is_none() {
                silent.push(name.clone());
            }
        }
    });
    assert!(silent.is_empty(), "{silent:?}");
}

/// Environment variable that has the file in the repository written anew.
const WRITE: &str = "FATHOM_WRITE_SCHEMA";

#[test]
fn the_file_in_the_repository_is_the_schema_of_these_types() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/result.schema.json");
    let expected = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
    if std::env::var_os(WRITE).is_some() {
        fs::write(&path, &expected).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == expected,
        "{} is not of these types: run `{WRITE}=1 cargo test --release -p host-runner --lib schema`",
        path.display()
    );
}
