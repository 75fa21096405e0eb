//! The control groups that this process is in (cgroups(7)), both versions.

use std::path::{Path, PathBuf};

use super::tree::Tree;

/// Root of the hierarchies.
const ROOT: &str = "sys/fs/cgroup";

/// A group that may limit CPU time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Directory, relative to the tree's root.
    pub path: PathBuf,
    /// True if it is of version 1.
    pub is_v1: bool,
}

/// Returns the groups of this process that may limit its CPU time, and all above them; `None` if the
/// kernel does not tell.
#[must_use]
pub fn groups(tree: &Tree) -> Option<Vec<Group>> {
    Some(parse(&tree.read("proc/self/cgroup")?))
}

fn parse(cgroups: &str) -> Vec<Group> {
    let mut groups = Vec::new();
    for line in cgroups.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else {
            continue;
        };
        let is_v1 = controllers.split(',').any(|controller| controller == "cpu");
        if !controllers.is_empty() && !is_v1 {
            continue;
        }
        let root = if is_v1 {
            Path::new(ROOT).join(controllers)
        } else {
            PathBuf::from(ROOT)
        };
        let group = root.join(path.trim_start_matches('/'));
        let above = group
            .ancestors()
            .take_while(|group| group.starts_with(&root));
        groups.extend(above.map(|path| Group {
            path: path.to_owned(),
            is_v1,
        }));
    }
    groups
}

/// Periods and time in which the kernel has stopped these groups because their CPU time was used up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Throttling {
    /// Number of periods in which a group was stopped.
    pub periods: u64,
    /// For how long, in nanoseconds, over all CPUs.
    pub ns: u64,
}

/// Returns the throttling of all `groups` together; `None` if none of them can be read.
#[must_use]
pub fn throttling(tree: &Tree, groups: &[Group]) -> Option<Throttling> {
    let of_group = |group: &Group| {
        let stat = tree.read(group.path.join("cpu.stat"))?;
        let field = |name: &str| {
            let line = |line: &str| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok();
            stat.lines().find_map(line)
        };
        let ns = if group.is_v1 {
            field("throttled_time")?
        } else {
            field("throttled_usec")? * 1000
        };
        Some(Throttling {
            periods: field("nr_throttled")?,
            ns,
        })
    };
    let known = groups.iter().filter_map(of_group);
    known.reduce(|a, b| Throttling {
        periods: a.periods.saturating_add(b.periods),
        ns: a.ns.saturating_add(b.ns),
    })
}

#[cfg(test)]
mod tests {
    use super::super::tree::testing::tree;
    use super::*;

    #[test]
    fn groups_of_both_versions_and_those_above_are_found() {
        let groups = parse("4:cpu,cpuacct:/a\n3:cpuset:/x\n0::/b/c\nnonsense\n");
        let paths: Vec<_> = groups
            .iter()
            .map(|group| group.path.to_str().unwrap())
            .collect();
        assert_eq!(
            paths,
            [
                "sys/fs/cgroup/cpu,cpuacct/a",
                "sys/fs/cgroup/cpu,cpuacct",
                "sys/fs/cgroup/b/c",
                "sys/fs/cgroup/b",
                "sys/fs/cgroup",
            ]
        );
        assert!(groups[0].is_v1 && !groups[4].is_v1);
    }

    #[test]
    fn throttling_is_added_up_in_nanoseconds() {
        let (_directory, tree) = tree(&[
            ("proc/self/cgroup", "1:cpu:/\n0::/b\n"),
            (
                "sys/fs/cgroup/cpu/cpu.stat",
                "nr_periods 9\nnr_throttled 2\nthrottled_time 5000\n",
            ),
            (
                "sys/fs/cgroup/b/cpu.stat",
                "usage_usec 1\nnr_periods 9\nnr_throttled 3\nthrottled_usec 7\n",
            ),
            ("sys/fs/cgroup/cpu.stat", "usage_usec 1\n"),
        ]);
        let groups = groups(&tree).unwrap();
        let expected = Throttling {
            periods: 5,
            ns: 12_000,
        };
        assert_eq!(throttling(&tree, &groups), Some(expected));
        assert_eq!(throttling(&tree, &[]), None);
    }
}
