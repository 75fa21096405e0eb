//! The name of what a record is of, written beside the parts that it is made of: `linux-guest:busy` for
//! target `linux-guest` with responder `busy`. Who groups records by it loses none, where a responder is
//! null for most.
//!
//! The name is made when a record is written and skipped when one is read, so that it can't contradict
//! the rest, and records without it are read as those with it.

use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use super::system_label::label;
use super::{Comparison, MergedRuns, Run, Skipped, SystemCost};

/// Record that has a name.
pub trait Name {
    /// The target with its mode.
    fn name(&self) -> String;

    /// The same of what it is held against, if it is.
    fn baseline_name(&self) -> Option<String> {
        None
    }
}

impl Name for Run {
    fn name(&self) -> String {
        self.target_label()
    }
}

impl Name for MergedRuns {
    fn name(&self) -> String {
        self.label()
    }
}

impl Name for SystemCost {
    fn name(&self) -> String {
        self.label()
    }
}

impl Name for Skipped {
    fn name(&self) -> String {
        label(&self.target, self.responder.as_deref())
    }
}

impl Name for Comparison {
    fn name(&self) -> String {
        self.target.clone()
    }

    fn baseline_name(&self) -> Option<String> {
        Some(self.baseline.clone())
    }
}

/// A record with its name before the rest.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "{T}")]
pub(super) struct Named<'a, T> {
    /// The target with its mode, such as `linux-guest:busy`.
    #[schemars(default)]
    name: String,
    /// The same of what it is held against; absent but in a comparison.
    #[serde(skip_serializing_if = "Option::is_none")]
    baseline_name: Option<String>,
    #[serde(flatten)]
    record: &'a T,
}

/// Writes `records`, each with its name.
///
/// # Errors
///
/// Those of `serializer`.
pub fn serialize<T, S>(records: &[T], serializer: S) -> Result<S::Ok, S::Error>
where
    T: Name + Serialize,
    S: Serializer,
{
    serializer.collect_seq(records.iter().map(|record| Named {
        name: record.name(),
        baseline_name: record.baseline_name(),
        record,
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::{Record, fixtures};
    use super::*;

    /// A report in which everything is of a target with a responder.
    fn record() -> Record {
        let mut run = fixtures::closed_run();
        run.target = "linux-guest".to_owned();
        run.responder = Some("busy".to_owned());
        let (target, responder, link) = (&run.target, &run.responder, &run.link);
        let why = SystemCost {
            target: target.clone(),
            responder: responder.clone(),
            link: link.clone(),
            ..SystemCost::default()
        };
        let skipped = Skipped {
            target: target.clone(),
            responder: responder.clone(),
            link: link.clone(),
            round: None,
            reason: "there is none".to_owned(),
        };
        let comparison = Comparison {
            target: "hermit".to_owned(),
            baseline: "linux-guest:busy".to_owned(),
            link: link.clone(),
            percentile: "p50".into(),
            rounds: 1,
            target_ns: 1,
            baseline_ns: 2,
            difference_ns: Some(-1),
            low_ns: None,
            high_ns: None,
            verdict: "too few rounds to say".to_owned(),
            ..Comparison::default()
        };
        Record {
            merged: vec![fixtures::merged(&run)],
            why: vec![why],
            skipped: vec![skipped],
            comparisons: vec![comparison],
            ..fixtures::record(run)
        }
    }

    #[test]
    fn every_record_says_what_it_is_of() {
        let json: Value = serde_json::from_str(&record().to_json().unwrap()).unwrap();
        for list in ["runs", "merged", "why", "skipped"] {
            assert_eq!(json[list][0]["name"], "linux-guest:busy", "{list}");
        }
        let comparison = &json["comparisons"][0];
        assert_eq!(comparison["name"], "hermit");
        assert_eq!(comparison["baseline_name"], "linux-guest:busy");
        let mut hermit = record();
        hermit.runs[0] = fixtures::closed_run();
        let json: Value = serde_json::from_str(&hermit.to_json().unwrap()).unwrap();
        assert_eq!(json["runs"][0]["name"], "hermit");
    }

    #[test]
    fn records_without_a_name_are_read_and_get_one() {
        let written = record().to_json().unwrap();
        let is_name = |line: &&str| {
            let line = line.trim_start();
            line.starts_with("\"name\": \"linux")
                || line.starts_with("\"name\": \"hermit")
                || line.starts_with("\"baseline_name\"")
        };
        let old: Vec<&str> = written.lines().filter(|line| !is_name(line)).collect();
        assert_eq!(old.len(), written.lines().count() - 6);
        let read: Record = serde_json::from_str(&old.join("\n")).unwrap();
        assert_eq!(read.to_json().unwrap(), written);
    }
}
