//! The choice of the CPUs of a measurement: a pure function of what the CPUs share. It is made once, so
//! that every boot of a comparison has the same.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::topology::{Cpu, Relation, Topology, ranges};

/// The CPUs of a measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Cpus {
    /// The virtual CPU's, or that of the process or thread that answers.
    pub guest: usize,
    /// The measuring thread's.
    pub measuring: usize,
    /// The relation between the two.
    pub relation: Relation,
}

/// Two CPUs that were asked for: `A,B`, the guest's and the measuring thread's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requested {
    guest: usize,
    measuring: usize,
}

impl FromStr for Requested {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || "expected two numbers, A,B: the guest's CPU and the measuring thread's";
        let (guest, measuring) = text.split_once(',').ok_or_else(expected)?;
        let number = |text: &str| text.trim().parse().map_err(|_| expected());
        let (guest, measuring) = (number(guest)?, number(measuring)?);
        if guest == measuring {
            return Err(format!(
                "both are CPU {guest}: two threads that poll need two CPUs"
            ));
        }
        Ok(Self { guest, measuring })
    }
}

/// A CPU was asked for that this process may not use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`--cpus`: CPU {cpu} is not among those that this process may use ({allowed}): name two of these, or \
     leave out `--cpus`; `taskset -c` and the control group's cpuset decide which they are"
)]
pub struct NotAllowed {
    cpu: usize,
    allowed: String,
}

/// The choice of CPUs for all threads of a measurement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The two that matter.
    pub cpus: Cpus,
    /// The CPUs for everything else, such as QEMU's other threads; empty if there is no third.
    pub rest: Vec<usize>,
    /// True if the two were asked for.
    pub is_requested: bool,
}

impl Assignment {
    /// Chooses among the CPUs of `topology`, or takes those `requested`; `None` if there is but one.
    ///
    /// # Errors
    ///
    /// [`NotAllowed`] if a requested CPU is not one of them.
    pub fn new(
        topology: &Topology,
        requested: Option<Requested>,
    ) -> Result<Option<Self>, NotAllowed> {
        let pair = match requested {
            Some(Requested { guest, measuring }) => {
                let find = |cpu| {
                    let allowed = || ranges(topology.cpus.iter().map(|cpu| cpu.number));
                    topology.cpu(cpu).ok_or_else(|| NotAllowed {
                        cpu,
                        allowed: allowed(),
                    })
                };
                Some((find(guest)?, find(measuring)?))
            }
            None => best(topology),
        };
        Ok(pair.map(|(guest, measuring)| Self {
            cpus: Cpus {
                guest: guest.number,
                measuring: measuring.number,
                relation: guest.relation(measuring),
            },
            rest: rest(topology, guest, measuring),
            is_requested: requested.is_some(),
        }))
    }

    /// Returns a warning, if the two CPUs disturb each other.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let Cpus {
            guest,
            measuring,
            relation,
        } = self.cpus;
        (relation == Relation::SmtSiblings).then(|| {
            format!(
                "CPU {guest} and CPU {measuring} are hyperthreads of one core: each slows the other \
                 down; give this process CPUs of different cores (`taskset -c`, `--cpus`)"
            )
        })
    }
}

impl fmt::Display for Cpus {
    /// Writes `other cores, same last-level cache` for two CPUs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.relation.in_words())
    }
}

/// Returns the two CPUs that disturb each other and are disturbed least: on different cores, with a
/// common cache and memory node, isolated, not CPU 0 nor of its core, which have the host's own work to
/// do, with the fewest interrupts; of equals the first. Of the two, the guest gets the lower number.
fn best(topology: &Topology) -> Option<(&Cpu, &Cpu)> {
    let cpus = topology.cpus.iter().enumerate();
    let pairs = cpus.flat_map(|(index, a)| topology.cpus[index + 1..].iter().map(move |b| (a, b)));
    pairs.min_by_key(|(a, b)| {
        let both = |rank: fn(&Cpu) -> u64| rank(a).saturating_add(rank(b));
        let seclusion = |cpu: &Cpu| match (cpu.is_isolated, cpu.is_tickless) {
            (true, _) => 0,
            (false, true) => 1,
            (false, false) => 2,
        };
        let housekeeping = |cpu: &Cpu| match cpu.number {
            0 => 2,
            _ => u64::from(cpu.is_sibling_of(0)),
        };
        let interrupts = |cpu: &Cpu| cpu.device_interrupts.unwrap_or(0);
        (
            a.relation(b),
            both(seclusion),
            both(housekeeping),
            both(interrupts),
        )
    })
}

/// Returns the CPUs for everything else: none of the two, and none of their cores if there are others.
fn rest(topology: &Topology, guest: &Cpu, measuring: &Cpu) -> Vec<usize> {
    let taken = [guest.number, measuring.number];
    let others = topology.cpus.iter();
    let others: Vec<&Cpu> = others.filter(|cpu| !taken.contains(&cpu.number)).collect();
    let is_apart = |cpu: &&&Cpu| !taken.iter().any(|&other| cpu.is_sibling_of(other));
    let apart: Vec<usize> = others
        .iter()
        .filter(is_apart)
        .map(|cpu| cpu.number)
        .collect();
    if apart.is_empty() {
        others.iter().map(|cpu| cpu.number).collect()
    } else {
        apart
    }
}

#[cfg(test)]
mod tests {
    use super::super::topology::tests::host;
    use super::*;

    fn chosen(topology: &Topology) -> (usize, usize, Relation, Vec<usize>) {
        let Assignment { cpus, rest, .. } = Assignment::new(topology, None).unwrap().unwrap();
        (cpus.guest, cpus.measuring, cpus.relation, rest)
    }

    /// Four cores of two hardware threads: 0 and 1 share one, as on most virtual machines.
    const SMT: [(usize, &str, &str, usize); 8] = [
        (0, "0-1", "0-7", 0),
        (1, "0-1", "0-7", 0),
        (2, "2-3", "0-7", 0),
        (3, "2-3", "0-7", 0),
        (4, "4-5", "0-7", 0),
        (5, "4-5", "0-7", 0),
        (6, "6-7", "0-7", 0),
        (7, "6-7", "0-7", 0),
    ];

    #[test]
    fn hyperthreads_of_one_core_are_not_chosen_nor_those_of_cpu_0() {
        let found = chosen(&host(&SMT, &[]));
        assert_eq!(found, (2, 4, Relation::SharedCache, vec![0, 1, 6, 7]));
    }

    #[test]
    fn hyperthreads_are_better_than_nothing_and_warned_of() {
        let topology = host(&SMT[..2], &[]);
        assert_eq!(chosen(&topology), (0, 1, Relation::SmtSiblings, vec![]));
        let assignment = Assignment::new(&topology, None).unwrap().unwrap();
        assert!(assignment.warning().unwrap().contains("one core"));
        // Of three, one shares a core with each of the others' candidates: it is left to the rest.
        let three = host(&SMT[..3], &[]);
        assert_eq!(chosen(&three), (1, 2, Relation::SharedCache, vec![0]));
    }

    #[test]
    fn few_interrupts_decide_among_equals() {
        let interrupts = "CPU0 CPU1 CPU2 CPU3 CPU4 CPU5 CPU6 CPU7\n\
                          30: 0 0 900 10 800 20 5 700 dev\nLOC: 1 1 1 1 1 1 9 1 x\n";
        let found = chosen(&host(&SMT, &[("proc/interrupts", interrupts)]));
        assert_eq!(found, (3, 6, Relation::SharedCache, vec![0, 1, 4, 5]));
    }

    /// Two sockets of two cores each, without SMT.
    const SOCKETS: [(usize, &str, &str, usize); 4] = [
        (0, "0", "0,2", 0),
        (1, "1", "1,3", 1),
        (2, "2", "0,2", 0),
        (3, "3", "1,3", 1),
    ];

    #[test]
    fn both_are_on_one_socket() {
        let found = chosen(&host(&SOCKETS, &[]));
        assert_eq!(found, (1, 3, Relation::SharedCache, vec![0, 2]));
        let apart = chosen(&host(&SOCKETS[..2], &[]));
        assert_eq!(apart, (0, 1, Relation::OtherNode, vec![]));
    }

    #[test]
    fn isolated_cpus_come_first() {
        let isolated = [("sys/devices/system/cpu/isolated", "4,6-7\n")];
        let found = chosen(&host(&SMT, &isolated));
        assert_eq!((found.0, found.1), (4, 6));
        let tickless = [("sys/devices/system/cpu/nohz_full", "5,7\n")];
        let found = chosen(&host(&SMT, &tickless));
        assert_eq!((found.0, found.1), (5, 7));
        // But not two of one core.
        let isolated = [("sys/devices/system/cpu/isolated", "4-5\n")];
        let found = chosen(&host(&SMT, &isolated));
        assert_eq!((found.0, found.1), (2, 4));
    }

    #[test]
    fn a_virtual_machine_that_tells_nothing_has_its_first_two() {
        let unknown = |number| Cpu {
            number,
            ..Cpu::default()
        };
        let topology = Topology {
            cpus: [0, 1].map(unknown).to_vec(),
        };
        assert_eq!(chosen(&topology), (0, 1, Relation::Unknown, vec![]));
        let one = Topology {
            cpus: vec![unknown(0)],
        };
        assert_eq!(Assignment::new(&one, None), Ok(None));
    }

    #[test]
    fn requested_cpus_are_taken_if_they_are_allowed() {
        let topology = host(&SMT, &[]);
        let request = |text: &str| Assignment::new(&topology, Some(text.parse().unwrap()));
        let found = request("7,6").unwrap().unwrap();
        assert_eq!((found.cpus.guest, found.cpus.measuring), (7, 6));
        assert_eq!(found.cpus.relation, Relation::SmtSiblings);
        assert!(found.is_requested && found.warning().is_some());
        let error = request("2,9").unwrap_err().to_string();
        assert!(
            error.contains("CPU 9 is not among") && error.contains("(0-7)"),
            "{error}"
        );
    }

    #[test]
    fn a_request_is_two_different_numbers() {
        for (text, complaint) in [
            ("3", "expected two numbers"),
            ("a,b", "expected two numbers"),
            ("1,2,3", "expected two numbers"),
            ("4,4", "need two CPUs"),
        ] {
            let error = text.parse::<Requested>().unwrap_err();
            assert!(error.contains(complaint), "{text}: {error}");
        }
    }
}
