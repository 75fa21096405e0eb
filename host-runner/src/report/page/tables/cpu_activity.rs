//! Activity of the host on the CPUs in use during each measurement.

use std::collections::BTreeMap;

use crate::host::activity::{BeforeAfter, CpuActivity, HostActivity};
use crate::host::process::Faults;
use crate::quantity::{count, exact, time};
use crate::record::Run;
use crate::report::page::entry::Entry;
use crate::report::page::tables::{NONE, Table};

/// Returns the table: a row for each CPU of each measurement; `None` if no record has any of it.
#[must_use]
pub fn activity(entries: &[Entry<'_>]) -> Option<Table> {
    let head = [
        "",
        "CPU",
        "timer",
        "rescheduling",
        "other interrupts",
        "softirqs",
        "page faults",
        "throttled",
        "steps/µs before and after",
    ];
    let mut table = Table::new("Host activity on the CPUs in use", &head);
    for (index, entry) in entries.iter().enumerate() {
        let Some(activity) = &entry.run.host_activity else {
            continue;
        };
        for cpu in &activity.cpus {
            let cells = [entry.label.clone(), role(entry.run, cpu.cpu)];
            let cells = cells
                .into_iter()
                .chain(of_cpu(cpu))
                .chain(whole(activity, entry.run, cpu));
            table.row(Some(index), cells.chain([steps(cpu.steps_per_us)]));
        }
    }
    (!table.rows.is_empty()).then_some(table)
}

/// Number and use of a CPU.
fn role(run: &Run, cpu: usize) -> String {
    match &run.cpus {
        Some(cpus) if cpus.guest == cpu => format!("{cpu}, guest"),
        Some(cpus) if cpus.measuring == cpu => format!("{cpu}, measuring"),
        _ => cpu.to_string(),
    }
}

/// Interrupts and softirqs.
fn of_cpu(cpu: &CpuActivity) -> [String; 4] {
    let none = || NONE.to_owned();
    let sum = |counts: &BTreeMap<String, u64>| {
        counts
            .values()
            .fold(0, |sum: u64, count| sum.saturating_add(*count))
    };
    let named = |name: &str| {
        let counts = cpu.interrupts.as_ref()?;
        Some(counts.get(name).copied().unwrap_or(0))
    };
    let (timer, rescheduling) = (named("LOC"), named("RES"));
    let all = cpu.interrupts.as_ref().map(sum);
    let others = all.map(|all| {
        let known = timer.unwrap_or(0).saturating_add(rescheduling.unwrap_or(0));
        all.saturating_sub(known)
    });
    let softirqs = cpu.softirqs.as_ref().map(sum);
    [timer, rescheduling, others, softirqs].map(|number| number.map_or_else(none, count))
}

/// Returns the cells on the process on a CPU, and on all.
fn whole(activity: &HostActivity, run: &Run, cpu: &CpuActivity) -> [String; 2] {
    let is_guest = run.cpus.as_ref().is_some_and(|cpus| cpus.guest == cpu.cpu);
    let faults = if is_guest {
        activity.guest_faults
    } else {
        activity.measuring_faults
    };
    let faults = faults.map(|Faults { minor, major }| count(minor.saturating_add(major)));
    let throttled = match (activity.throttled_ns, cpu.thermal_throttles) {
        (Some(1..), _) => activity.throttled_ns.map(|ns| time(ns as f64)),
        (_, Some(times @ 1..)) => Some(format!("{} times, for heat", count(times))),
        (Some(0), _) | (_, Some(0)) => Some("no".to_owned()),
        (None, None) => None,
    };
    [faults, throttled].map(|cell| cell.unwrap_or_else(|| NONE.to_owned()))
}

/// The speed of a core, before and after.
fn steps(speed: BeforeAfter) -> String {
    match (speed.before, speed.after) {
        (Some(before), Some(after)) => format!("{}, {}", exact(before), exact(after)),
        (Some(one), None) | (None, Some(one)) => exact(one),
        (None, None) => NONE.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::assignment::Cpus;
    use crate::host::topology::Relation;
    use crate::record::fixtures::source_fixtures;
    use crate::report::page::entry::entries;

    #[test]
    fn each_cpu_has_a_row_with_its_use() {
        let mut source = source_fixtures::closed();
        assert!(activity(&entries(std::slice::from_ref(&source))).is_none());
        let run = &mut source.record.runs[0];
        run.cpus = Some(Cpus {
            guest: 2,
            measuring: 4,
            relation: Relation::SharedCache,
        });
        let cpu = |number| CpuActivity {
            cpu: number,
            interrupts: Some(
                [("LOC", 1000), ("RES", 3), ("CAL", 2)]
                    .map(|(name, n)| (name.to_owned(), n))
                    .into(),
            ),
            steps_per_us: BeforeAfter {
                before: Some(2599.9),
                after: Some(2400.0),
            },
            ..CpuActivity::default()
        };
        run.host_activity = Some(HostActivity {
            cpus: vec![cpu(2), cpu(4)],
            measuring_faults: Some(Faults { minor: 0, major: 0 }),
            throttled_ns: Some(0),
            ..HostActivity::default()
        });
        let sources = [source];
        let table = activity(&entries(&sources)).unwrap();
        let rows: Vec<String> = table.rows.iter().map(|row| row.cells.join("|")).collect();
        assert_eq!(
            rows,
            [
                "hermit, unix|2, guest|1,000|3|2|–|–|no|2,600, 2,400",
                "hermit, unix|4, measuring|1,000|3|2|–|0|no|2,600, 2,400",
            ]
        );
    }
}
