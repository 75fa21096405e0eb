//! Checks whether results that are to be laid over each other are of one machine. Targets, links, rates
//! and versions of this program may differ: those are what is compared.

use std::fmt;

use super::read::Source;
use super::{Environment, Report};

/// The facts in which the machines differ, and so the latencies, whatever was measured on them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Differences(Vec<(&'static str, Vec<String>)>);

impl Differences {
    /// In what the machines of `sources` differ, as far as their records know; `None` if in nothing.
    #[must_use]
    pub fn of(sources: &[Source]) -> Option<Self> {
        let reports = || sources.iter().map(|source| &source.report);
        let differs = |(name, fact): &Fact| {
            let mut values: Vec<String> = Vec::new();
            for value in reports().flat_map(fact) {
                if !values.contains(&value) {
                    values.push(value);
                }
            }
            (values.len() > 1).then_some((*name, values))
        };
        let differences: Vec<_> = FACTS.iter().filter_map(differs).collect();
        (!differences.is_empty()).then_some(Self(differences))
    }
}

impl fmt::Display for Differences {
    /// `kernel 6.1.0 against 6.12.9, QEMU 7.2.0 against 8.0.0`, in one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, values)) in self.0.iter().enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            write!(f, "{comma}{name} {}", values.join(" against "))?;
        }
        Ok(())
    }
}

/// A fact's name, and its values in a record: none where it is not known.
type Fact = (&'static str, fn(&Report) -> Vec<String>);

/// Facts that identify a machine, without the name that somebody gave it.
const FACTS: [Fact; 6] = [
    ("processor", |report| {
        known(report, |it| it.cpu_model.clone())
    }),
    ("CPUs to use", |report| {
        known(report, |it| it.cores.map(|cores| cores.to_string()))
    }),
    ("machine", |report| known(report, |it| it.machine.clone())),
    ("kernel", |report| {
        known(report, |it| Some(it.kernel.clone()))
    }),
    ("QEMU", |report| known(report, |it| it.qemu_version.clone())),
    ("accelerator", accelerators),
];

fn known(report: &Report, fact: fn(&Environment) -> Option<String>) -> Vec<String> {
    fact(&report.environment).into_iter().collect()
}

/// The accelerators of the runs that had one: a process or a thread has none, on any machine.
fn accelerators(report: &Report) -> Vec<String> {
    let runs = report.runs.iter().filter_map(|run| run.accel.clone());
    runs.collect()
}

#[cfg(test)]
mod tests {
    use super::super::document::made_up;
    use super::*;

    #[test]
    fn one_machine_may_measure_anything() {
        let mut other = made_up::open(5000.0);
        other.report.runs[0].target = "linux-guest".to_owned();
        other.report.environment.git_revision = Some("0123abc".to_owned());
        other.report.environment.fathom_version = "9.9.9".to_owned();
        // A process on the host needs neither of them.
        other.report.runs[0].accel = None;
        other.report.environment.qemu_version = None;
        let sources = [made_up::closed(), other, made_up::comparison()];
        assert_eq!(Differences::of(&sources), None);
        assert_eq!(Differences::of(&sources[..1]), None);
    }

    #[test]
    fn every_fact_that_differs_is_named_with_its_values() {
        let said = |change: fn(&mut Report)| {
            let mut other = made_up::closed();
            change(&mut other.report);
            let sources = [made_up::closed(), other, made_up::closed()];
            Differences::of(&sources).map(|it| it.to_string())
        };
        assert_eq!(
            said(|it| it.environment.qemu_version = Some("8.0.0".to_owned())).unwrap(),
            "QEMU 7.2.0 against 8.0.0"
        );
        assert_eq!(
            said(|it| it.runs[0].accel = Some("kvm".to_owned())).unwrap(),
            "accelerator tcg against kvm"
        );
        let two = said(|it| {
            it.environment.kernel = "Linux 9.9".to_owned();
            it.environment.cpu_model = Some("another".to_owned());
        });
        let two = two.unwrap();
        assert!(
            two.contains(" against another") && two.ends_with(" against Linux 9.9"),
            "{two}"
        );
        assert!(!two.contains('\n'), "{two}");
        let cores = said(|it| it.environment.cores = Some(12_345)).unwrap();
        assert!(cores.ends_with(" against 12345"), "{cores}");
        assert_eq!(said(|it| it.environment.machine = None), None);
        assert!(said(|it| it.environment.machine = Some("x".to_owned())).is_some());
    }
}
