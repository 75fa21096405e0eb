//! The CPUs that this process may use, and what they share: cores, caches, memory nodes. Read from the
//! kernel's files (Documentation/admin-guide/cputopology.rst, cpusets and `isolcpus=`, proc(5)); no
//! decision is made here, and nothing is changed.

use std::collections::BTreeSet;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde::{Deserialize, Serialize};

use super::interrupts::Interrupts;
use super::tree::Tree;

/// Directory of the CPUs.
const CPUS: &str = "sys/devices/system/cpu";

/// A CPU. What the kernel does not tell is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cpu {
    /// Number.
    pub number: usize,
    /// The CPUs of its core, itself among them.
    pub siblings: Option<BTreeSet<usize>>,
    /// Last-level cache.
    pub cache: Option<Cache>,
    /// Memory node.
    pub node: Option<usize>,
    /// True if the scheduler keeps ordinary threads away from it (`isolcpus=`, an isolated partition).
    pub is_isolated: bool,
    /// True if the timer tick stops there while one thread runs (`nohz_full=`).
    pub is_tickless: bool,
    /// Number of interrupts that devices have sent to it.
    pub device_interrupts: Option<u64>,
}

/// A cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cache {
    /// Level, 1 being the closest to the core.
    pub level: u32,
    /// The CPUs that share it.
    pub cpus: BTreeSet<usize>,
}

/// The relation between two CPUs.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    /// Other cores, one last-level cache.
    SharedCache,
    /// Other cores of one memory node, without a common cache.
    SameNode,
    /// Other cores; nothing is known of caches and nodes.
    OtherCores,
    /// The kernel does not tell which CPUs share a core.
    Unknown,
    /// Cores of different memory nodes.
    OtherNode,
    /// Hardware threads of one core: each slows the other down.
    SmtSiblings,
}

impl Relation {
    /// Returns the relation in words.
    #[must_use]
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::SharedCache => "other cores, same last-level cache",
            Self::SameNode => "other cores, same memory node, no common cache",
            Self::OtherCores => "other cores",
            Self::Unknown => "the kernel does not tell whether they share a core",
            Self::OtherNode => "other cores, on another memory node",
            Self::SmtSiblings => "HYPERTHREADS OF ONE CORE: each slows the other down",
        }
    }
}

/// The CPUs that this process may use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topology {
    /// In the order of their numbers.
    pub cpus: Vec<Cpu>,
}

impl Topology {
    /// Reads that of this host and process.
    #[must_use]
    pub fn here() -> Self {
        let tree = Tree::default();
        let isolated = isolated(&tree);
        let online = tree.read(format!("{CPUS}/online"));
        let online = online.as_deref().and_then(list).unwrap_or_default();
        let mut allowed = allowed();
        // Isolated CPUs are in nobody's affinity unless they were asked for. Where this process has
        // just that and no choice of anybody's, it may bind itself to them.
        let is_default = online.difference(&isolated).eq(allowed.iter());
        if is_default && !isolated.is_empty() {
            allowed.extend(bindable(&isolated));
        }
        Self::read(&tree, &allowed)
    }

    /// Reads what `tree` tells of the CPUs `allowed`.
    #[must_use]
    pub fn read(tree: &Tree, allowed: &BTreeSet<usize>) -> Self {
        let isolated = isolated(tree);
        let tickless = cpus_in(tree, "nohz_full");
        let interrupts = Interrupts::read(tree);
        let cpu = |&number: &usize| {
            let directory = format!("{CPUS}/cpu{number}");
            let siblings = tree.read(format!("{directory}/topology/thread_siblings_list"));
            Cpu {
                number,
                siblings: (siblings.as_deref().and_then(list))
                    .filter(|siblings| siblings.contains(&number)),
                cache: last_level_cache(tree, &directory)
                    .filter(|cache| cache.cpus.contains(&number)),
                node: (tree.names(&directory).iter())
                    .find_map(|name| name.strip_prefix("node")?.parse().ok()),
                is_isolated: isolated.contains(&number),
                is_tickless: tickless.contains(&number),
                device_interrupts: interrupts
                    .as_ref()
                    .and_then(|table| table.of_devices(number)),
            }
        };
        Self {
            cpus: allowed.iter().map(cpu).collect(),
        }
    }

    /// Returns the CPU of this number, if this process may use it.
    #[must_use]
    pub fn cpu(&self, number: usize) -> Option<&Cpu> {
        self.cpus.iter().find(|cpu| cpu.number == number)
    }

    /// Returns the groups of two and more CPUs that share a core; `None` if no CPU's core is known.
    #[must_use]
    pub fn shared_cores(&self) -> Option<Vec<Vec<usize>>> {
        let known = self.cpus.iter().filter_map(|cpu| cpu.siblings.as_ref());
        let cores: BTreeSet<&BTreeSet<usize>> = known.collect();
        let shared = cores.iter().filter(|core| core.len() > 1);
        let shared = shared.map(|core| core.iter().copied().collect());
        (!cores.is_empty()).then(|| shared.collect())
    }
}

impl Cpu {
    /// Returns the relation of this CPU to another one.
    #[must_use]
    pub fn relation(&self, other: &Self) -> Relation {
        let (Some(siblings), Some(_)) = (&self.siblings, &other.siblings) else {
            return Relation::Unknown;
        };
        if siblings.contains(&other.number) {
            return Relation::SmtSiblings;
        }
        let is_cache_shared = (self.cache.as_ref()).map(|cache| cache.cpus.contains(&other.number));
        let is_node_shared = self.node.zip(other.node).map(|(a, b)| a == b);
        match (is_cache_shared, is_node_shared) {
            (Some(true), _) => Relation::SharedCache,
            (_, Some(false)) => Relation::OtherNode,
            (Some(false), Some(true)) => Relation::SameNode,
            (Some(false) | None, _) => Relation::OtherCores,
        }
    }

    /// Returns whether this CPU shares its core with that of the number `other`.
    #[must_use]
    pub fn is_sibling_of(&self, other: usize) -> bool {
        let siblings = self.siblings.as_ref();
        self.number != other && siblings.is_some_and(|siblings| siblings.contains(&other))
    }
}

/// Returns the calling thread's CPUs.
#[must_use]
pub fn allowed() -> BTreeSet<usize> {
    let set = sched_getaffinity(None).unwrap_or_else(|_| CpuSet::new());
    let cpus = 0..CpuSet::MAX_CPU;
    cpus.filter(|&cpu| set.is_set(cpu)).collect()
}

/// Returns which of `cpus` a thread may bind itself to: a cpuset may forbid some.
fn bindable(cpus: &BTreeSet<usize>) -> BTreeSet<usize> {
    std::thread::scope(|scope| {
        let bind = || {
            let mut set = CpuSet::new();
            cpus.iter().for_each(|&cpu| set.set(cpu));
            let is_bound = sched_setaffinity(None, &set).is_ok();
            is_bound.then(allowed).unwrap_or_default()
        };
        scope.spawn(bind).join().unwrap_or_default()
    })
}

fn isolated(tree: &Tree) -> BTreeSet<usize> {
    cpus_in(tree, "isolated")
}

fn cpus_in(tree: &Tree, file: &str) -> BTreeSet<usize> {
    let text = tree.read(format!("{CPUS}/{file}"));
    text.as_deref().and_then(list).unwrap_or_default()
}

/// Returns the cache of the highest level that holds data.
fn last_level_cache(tree: &Tree, cpu: &str) -> Option<Cache> {
    let caches = format!("{cpu}/cache");
    let indices = tree.names(&caches).into_iter();
    let indices = indices.filter(|name| name.starts_with("index"));
    let read = |index: String| {
        let file = |name: &str| tree.read(format!("{caches}/{index}/{name}"));
        (file("type")? != "Instruction").then_some(())?;
        Some(Cache {
            level: file("level")?.parse().ok()?,
            cpus: list(&file("shared_cpu_list")?)?,
        })
    };
    indices.filter_map(read).max_by_key(|cache| cache.level)
}

/// Reads a list of CPUs such as `0-3,8,10-11`; `None` if it is none. An empty one is a list as well.
#[must_use]
pub fn list(text: &str) -> Option<BTreeSet<usize>> {
    let mut cpus = BTreeSet::new();
    let parts = text.trim().split(',').filter(|part| !part.is_empty());
    for part in parts {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        if last >= CpuSet::MAX_CPU {
            return None;
        }
        cpus.extend(first..=last);
    }
    Some(cpus)
}

/// Writes CPUs as the kernel does: `0-3,8`.
#[must_use]
pub fn ranges(cpus: impl IntoIterator<Item = usize>) -> String {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for cpu in cpus {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == cpu => *last = cpu,
            _ => ranges.push((cpu, cpu)),
        }
    }
    let write = |(first, last): (usize, usize)| match last - first {
        0 => first.to_string(),
        _ => format!("{first}-{last}"),
    };
    ranges.into_iter().map(write).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::tree::testing::tree;
    use super::*;

    /// Returns a host with `cpus`, each a number, siblings, CPUs of its last-level cache, and node.
    pub(crate) fn host(cpus: &[(usize, &str, &str, usize)], more: &[(&str, &str)]) -> Topology {
        let mut files = Vec::new();
        for (number, siblings, cache, node) in cpus {
            let directory = format!("{CPUS}/cpu{number}");
            let mut file = |name: &str, content: &str| {
                files.push((format!("{directory}/{name}"), content.to_owned() + "\n"));
            };
            file("topology/thread_siblings_list", siblings);
            file("cache/index0/level", "1");
            file("cache/index0/type", "Data");
            file("cache/index0/shared_cpu_list", siblings);
            file("cache/index1/level", "4");
            file("cache/index1/type", "Instruction");
            file("cache/index1/shared_cpu_list", siblings);
            file("cache/index3/level", "3");
            file("cache/index3/type", "Unified");
            file("cache/index3/shared_cpu_list", cache);
            file(&format!("node{node}/cpulist"), "");
        }
        let files = files.iter().map(|(path, text)| (&**path, &**text));
        let files: Vec<_> = files.chain(more.iter().copied()).collect();
        let (_directory, tree) = tree(&files);
        Topology::read(&tree, &cpus.iter().map(|cpu| cpu.0).collect())
    }

    fn set(cpus: &[usize]) -> BTreeSet<usize> {
        cpus.iter().copied().collect()
    }

    #[test]
    fn lists_are_read_and_written() {
        assert_eq!(list("0-3,8,10-11\n"), Some(set(&[0, 1, 2, 3, 8, 10, 11])));
        assert_eq!(list(""), Some(set(&[])));
        for bad in ["a", "1-", "-1", "1-99999999", "(null)"] {
            assert_eq!(list(bad), None, "{bad}");
        }
        assert_eq!(ranges([0, 1, 2, 3, 8, 10, 11]), "0-3,8,10-11");
        assert_eq!(ranges([]), "");
    }

    #[test]
    fn everything_that_the_kernel_tells_is_read() {
        let interrupts = "     CPU0 CPU1\n 24: 5 7 IO-APIC 5-edge x\nLOC: 900 800 Local timer\n";
        let found = host(
            &[(0, "0,1", "0-3", 0), (1, "0,1", "0-3", 1)],
            &[
                ("sys/devices/system/cpu/isolated", "1\n"),
                ("sys/devices/system/cpu/nohz_full", "1\n"),
                ("proc/interrupts", interrupts),
            ],
        );
        let expected = Cpu {
            number: 1,
            siblings: Some(set(&[0, 1])),
            cache: Some(Cache {
                level: 3,
                cpus: set(&[0, 1, 2, 3]),
            }),
            node: Some(1),
            is_isolated: true,
            is_tickless: true,
            device_interrupts: Some(7),
        };
        assert_eq!(found.cpu(1), Some(&expected));
        assert!(!found.cpus[0].is_isolated && !found.cpus[0].is_tickless);
        assert_eq!(found.cpu(2), None);
        assert_eq!(found.shared_cores(), Some(vec![vec![0, 1]]));
    }

    #[test]
    fn a_kernel_that_tells_nothing_leaves_everything_open() {
        let (_directory, tree) = tree(&[("sys/devices/system/cpu/nohz_full", "(null)\n")]);
        let found = Topology::read(&tree, &set(&[3, 5]));
        let numbers: Vec<usize> = found.cpus.iter().map(|cpu| cpu.number).collect();
        assert_eq!(numbers, [3, 5]);
        let unknown = Cpu {
            number: 3,
            ..Cpu::default()
        };
        assert_eq!(found.cpus[0], unknown);
        assert_eq!(found.cpus[0].relation(&found.cpus[1]), Relation::Unknown);
        assert_eq!(found.shared_cores(), None);
    }

    #[test]
    fn relations_are_distinguished() {
        let found = host(
            &[
                (0, "0,4", "0-1,4-5", 0),
                (1, "1,5", "0-1,4-5", 0),
                (2, "2,6", "2-3", 0),
                (3, "3", "3", 1),
                (4, "0,4", "0-1,4-5", 0),
            ],
            &[],
        );
        let relation = |other: usize| found.cpus[0].relation(&found.cpus[other]);
        assert_eq!(relation(1), Relation::SharedCache);
        assert_eq!(relation(2), Relation::SameNode);
        assert_eq!(relation(3), Relation::OtherNode);
        assert_eq!(relation(4), Relation::SmtSiblings);
        assert_eq!(
            found.shared_cores().unwrap(),
            [vec![0, 4], vec![1, 5], vec![2, 6]]
        );
    }

    #[test]
    fn this_host_has_the_cpus_that_this_process_may_use() {
        let here = Topology::here();
        assert!(allowed().iter().all(|&cpu| here.cpu(cpu).is_some()));
    }
}
