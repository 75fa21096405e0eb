//! Gaps seen by a thread that only reads the clock, and the round trip between two cores.

use std::thread;
use std::time::Duration;

use super::Finding;
use crate::clock;
use crate::host::assignment::Assignment;
use crate::host::core_round_trip;
use crate::host::gaps::{self, GapSummary};
use crate::host::placement;
use crate::host::topology::Topology;
use crate::quantity;

/// On how many CPUs threads spin at most: a big machine has better things to do.
const MAX_CPUS: usize = 16;

/// Number of CPUs that are named.
const NAMED: usize = 4;

/// From these shares of lost time on it is worth a warning, and bad.
const WARN_SHARE: f64 = 0.005;
const BAD_SHARE: f64 = 0.1;

/// From this round trip on two cores are far apart, in nanoseconds.
const FAR_NS: f64 = 300.0;

/// A CPU and what a thread on it saw.
pub(super) type Gaps = (usize, GapSummary);

/// Spins on each CPU: on one of each core at the same time, and on its siblings after it, which would
/// measure each other.
pub(super) fn on_each(topology: &Topology, duration: Duration) -> Vec<Gaps> {
    let turns = one_of_each_core(topology);
    turns
        .iter()
        .flat_map(|cpus| on_all(cpus, duration))
        .collect()
}

/// Returns the CPUs in groups of which no two share a core, [`MAX_CPUS`] in all.
fn one_of_each_core(topology: &Topology) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for cpu in topology.cpus.iter().take(MAX_CPUS) {
        let is_free =
            |group: &&mut Vec<usize>| !group.iter().any(|&member| cpu.is_sibling_of(member));
        match groups.iter_mut().find(is_free) {
            Some(group) => group.push(cpu.number),
            None => groups.push(vec![cpu.number]),
        }
    }
    groups
}

/// Spins on all of `cpus` at the same time.
fn on_all(cpus: &[usize], duration: Duration) -> Vec<Gaps> {
    let duration_ns = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    thread::scope(|scope| {
        let spin = |cpu: usize| {
            let spin = move || {
                placement::bind_to(cpu);
                (cpu, gaps::spin(clock::now_ns, duration_ns))
            };
            thread::Builder::new().spawn_scoped(scope, spin).ok()
        };
        let threads: Vec<_> = cpus.iter().copied().filter_map(spin).collect();
        let gaps = threads.into_iter().filter_map(|thread| thread.join().ok());
        gaps.collect()
    })
}

/// The noise floor of each CPU, the worst first.
pub(super) fn floor(gaps: &[Gaps]) -> Finding {
    const NAME: &str = "noise floor";
    let mut gaps = gaps.to_vec();
    gaps.sort_by(|(_, a), (_, b)| b.share.total_cmp(&a.share));
    let Some((_, worst)) = gaps.first() else {
        return Finding::unknown(NAME, "no thread could spin")
            .advise("allow this process to start threads");
    };
    let named: Vec<String> = gaps
        .iter()
        .take(NAMED)
        .map(|(cpu, floor)| {
            format!(
                "CPU {cpu} lost {}, {} at most",
                quantity::share(floor.share),
                quantity::time(floor.max_gap_ns as f64)
            )
        })
        .collect();
    let more = gaps.len().saturating_sub(NAMED);
    let mut fact = format!("of a spinning thread's time, {}", named.join("; "));
    if more > 0 {
        fact.push_str(&format!("; {more} more lost less"));
    }
    let advice = "end what else runs; set CPUs apart (isolcpus=, nohz_full=, a cpuset)";
    match worst.share {
        share if share < WARN_SHARE => Finding::ok(NAME, fact),
        share if share < BAD_SHARE => Finding::warn(NAME, fact).advise(advice),
        _ => Finding::bad(NAME, fact).advise(advice),
    }
}

/// Measures how long a cache line takes between the CPUs that a measurement would have, and back.
pub(super) fn core_round_trip(topology: &Topology) -> Finding {
    let Ok(Some(Assignment { cpus, .. })) = Assignment::new(topology, None) else {
        return judge(None);
    };
    let (first, second) = (cpus.guest, cpus.measuring);
    let measure = move || {
        placement::bind_to(first);
        core_round_trip::core_round_trip_ns(clock::now_ns, move || placement::bind_to(second))
    };
    // In a thread of its own, so that the caller stays where it is.
    let thread = thread::Builder::new().spawn(measure);
    let ns = thread.ok().and_then(|thread| thread.join().ok()).flatten();
    judge(ns.map(|ns| (first, second, ns)))
}

fn judge(measured: Option<(usize, usize, f64)>) -> Finding {
    const NAME: &str = "core-to-core round trip";
    match measured {
        None => Finding::unknown(
            NAME,
            "not measured: there is no second CPU, or it hardly ever answered",
        )
        .advise("give this process two CPUs that are not busy"),
        Some((first, second, ns)) => {
            let round_trip = quantity::time(ns);
            let fact = format!("{round_trip} between CPU {first} and CPU {second}");
            if ns < FAR_NS {
                Finding::ok(NAME, fact)
            } else {
                Finding::warn(NAME, fact + ": they are far apart, or not always running")
                    .advise("choose CPUs of one socket and one cache with --cpus")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;
    use crate::host::topology::Cpu;

    fn gaps(cpu: usize, total_gap_ns: u64) -> Gaps {
        (
            cpu,
            GapSummary::new(1_000_000, total_gap_ns / 2, total_gap_ns),
        )
    }

    #[test]
    fn the_worst_cpu_decides_and_comes_first() {
        let found = floor(&[gaps(0, 1_000), gaps(1, 40_000)]);
        assert_eq!(
            found.fact,
            "of a spinning thread's time, CPU 1 lost 4.00 %, 20.0 µs at most; CPU 0 lost 0.10 %, \
             500 ns at most"
        );
        assert_eq!(found.verdict, Verdict::Warn);
        assert_eq!(floor(&[gaps(0, 1_000)]).verdict, Verdict::Ok);
        assert_eq!(floor(&[gaps(0, 500_000)]).verdict, Verdict::Bad);
        assert_eq!(floor(&[]).verdict, Verdict::Unknown);
        let many: Vec<Gaps> = (0..9).map(|cpu| gaps(cpu, 10)).collect();
        assert!(floor(&many).fact.ends_with("; 5 more lost less"));
    }

    #[test]
    fn distance_is_judged() {
        assert_eq!(judge(Some((0, 1, 120.0))).verdict, Verdict::Ok);
        assert_eq!(judge(Some((0, 1, 580.0))).verdict, Verdict::Warn);
        let one = topology(&[(3, &[3])]);
        assert_eq!(core_round_trip(&one).verdict, Verdict::Unknown);
    }

    #[test]
    fn every_cpu_is_looked_at() {
        let topology = Topology::here();
        let seen = on_each(&topology, Duration::from_millis(2));
        assert_eq!(seen.len(), topology.cpus.len().min(MAX_CPUS));
        assert!(seen.iter().all(|(_, floor)| floor.observed_ns >= 2_000_000));
    }

    /// Returns CPUs with those that share their cores.
    fn topology(cpus: &[(usize, &[usize])]) -> Topology {
        let cpu = |&(number, siblings): &(usize, &[usize])| Cpu {
            number,
            siblings: Some(siblings.iter().copied().collect()),
            ..Cpu::default()
        };
        Topology {
            cpus: cpus.iter().map(cpu).collect(),
        }
    }

    #[test]
    fn siblings_spin_one_after_the_other() {
        let threads = topology(&[(0, &[0, 2]), (1, &[1]), (2, &[0, 2]), (3, &[3])]);
        assert_eq!(one_of_each_core(&threads), [vec![0, 1, 3], vec![2]]);
    }
}
