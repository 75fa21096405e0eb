//! Checks whether results that are to be laid over each other are of one machine. Targets, links, rates
//! and versions of this program may differ: those are what is compared.

use std::fmt;

use super::{Field, is_of, machine};
use crate::record::{Record, Source};

/// Fields that identify a machine. The others of a host are settings that the same machine may have at one time and not at
/// another, and a difference in them is no reason to refuse a picture of both.
const IDENTITY: [&str; 10] = [
    "machine",
    "cpu_model",
    "microcode",
    "cores",
    "smt",
    "hypervisor",
    "kernel",
    "qemu_version",
    "kernel_options",
    "mitigations",
];

/// Facts in which the machines differ, each with its values, and so the latencies, whatever was measured on them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineDifferences(Vec<(String, Vec<String>)>);

impl MachineDifferences {
    /// In what the machines of `sources` differ, as far as their records know; `None` if in nothing.
    #[must_use]
    pub fn of(sources: &[Source]) -> Option<Self> {
        Self::among(sources.iter().map(|source| &source.record))
    }

    fn among<'a>(records: impl Iterator<Item = &'a Record>) -> Option<Self> {
        let mut facts: Vec<(String, Vec<String>)> = Vec::new();
        for (name, value) in records.flat_map(facts_of) {
            let known = facts.iter_mut().find(|(known, _)| *known == name);
            match known {
                Some((_, values)) if values.contains(&value) => {}
                Some((_, values)) => values.push(value),
                None => facts.push((name, vec![value])),
            }
        }
        facts.retain(|(_, values)| values.len() > 1);
        (!facts.is_empty()).then_some(Self(facts))
    }
}

impl fmt::Display for MachineDifferences {
    /// `kernel 6.1.0 against 6.12.9, qemu_version 7.2.0 against 8.0.0`, in one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, values)) in self.0.iter().enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            write!(f, "{comma}{name} {}", values.join(" against "))?;
        }
        Ok(())
    }
}

/// The facts in a record that identify a machine, as far as they are known.
fn facts_of(record: &Record) -> Vec<(String, String)> {
    let fields = machine(&record.environment);
    let identifies = |field: &&Field| IDENTITY.iter().any(|name| is_of(&field.name, name));
    let fields = fields.iter().filter(identifies);
    let mut facts: Vec<(String, String)> = fields
        .map(|field| (field.name.clone(), field.value.words().to_owned()))
        .collect();
    let accelerators = accelerators(record).into_iter();
    facts.extend(accelerators.map(|accelerator| ("accel".to_owned(), accelerator)));
    facts
}

/// The accelerators of the runs that had one: a process or a thread has none, on any machine.
fn accelerators(record: &Record) -> Vec<String> {
    let runs = record.runs.iter().filter_map(|run| run.accel.clone());
    runs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::fixtures::source_fixtures;

    #[test]
    fn one_machine_may_measure_anything() {
        let mut other = source_fixtures::open(5000.0);
        other.record.runs[0].target = "linux-guest".to_owned();
        other.record.environment.git_revision = Some("0123abc".to_owned());
        other.record.environment.fathom_version = "9.9.9".to_owned();
        // A process on the host needs neither of them.
        other.record.runs[0].accel = None;
        other.record.environment.qemu_version = None;
        let sources = [
            source_fixtures::closed(),
            other,
            source_fixtures::comparison(),
        ];
        assert_eq!(MachineDifferences::of(&sources), None);
        assert_eq!(MachineDifferences::of(&sources[..1]), None);
    }

    #[test]
    fn every_fact_that_differs_is_named_with_its_values() {
        let said = |change: fn(&mut Record)| {
            let mut other = source_fixtures::closed();
            change(&mut other.record);
            let sources = [source_fixtures::closed(), other, source_fixtures::closed()];
            MachineDifferences::of(&sources).map(|differences| differences.to_string())
        };
        assert_eq!(
            said(|record| record.environment.qemu_version = Some("8.0.0".to_owned())).unwrap(),
            "qemu_version 7.2.0 against 8.0.0"
        );
        assert_eq!(
            said(|record| record.runs[0].accel = Some("kvm".to_owned())).unwrap(),
            "accel tcg against kvm"
        );
        let two = said(|record| {
            record.environment.kernel = "Linux 9.9".to_owned();
            record.environment.cpu_model = Some("another".to_owned());
        });
        let two = two.unwrap();
        assert!(
            two.contains(" against another, ") && two.ends_with(" against Linux 9.9"),
            "{two}"
        );
        assert!(!two.contains('\n'), "{two}");
        let option = said(|record| {
            let print = record.environment.fingerprint.as_mut().unwrap();
            let options = print.kernel_options.as_mut().unwrap();
            options.insert("isolcpus".to_owned(), "97".to_owned());
        });
        assert_eq!(
            option.unwrap(),
            "kernel_options.isolcpus not set against 97"
        );
        let mitigation = said(|record| {
            let print = record.environment.fingerprint.as_mut().unwrap();
            print.mitigations.insert("new".to_owned(), "off".to_owned());
        });
        assert_eq!(mitigation, None, "known to one kernel only");
        assert_eq!(said(|record| record.environment.fingerprint = None), None);
        let microcode = said(|record| {
            let print = record.environment.fingerprint.as_mut().unwrap();
            print.microcode = Some("0xff".to_owned());
        });
        assert!(microcode.is_none_or(|difference| difference.starts_with("microcode ")));
        let cores = said(|record| record.environment.cores = Some(12_345)).unwrap();
        assert!(cores.ends_with(" against 12345"), "{cores}");
        assert_eq!(said(|record| record.environment.machine = None), None);
        assert!(said(|record| record.environment.machine = Some("x".to_owned())).is_some());
    }
}
