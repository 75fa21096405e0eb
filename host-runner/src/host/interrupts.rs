//! Interrupts and softirqs per CPU since the host's boot: `/proc/interrupts` and `/proc/softirqs` (proc(5)).

use std::collections::BTreeMap;

use super::tree::Tree;

/// A table with a column for each CPU that is online and a row for each kind of event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interrupts {
    /// The number of the CPU of each column.
    cpus: Vec<usize>,
    /// The name of each row, and its counts.
    rows: Vec<(String, Vec<u64>)>,
}

impl Interrupts {
    /// Reads `/proc/interrupts`.
    #[must_use]
    pub fn read(tree: &Tree) -> Option<Self> {
        Self::parse(&tree.read("proc/interrupts")?)
    }

    /// Reads `/proc/softirqs`, whose rows have names only.
    #[must_use]
    pub fn read_softirqs(tree: &Tree) -> Option<Self> {
        Self::parse(&tree.read("proc/softirqs")?)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let header = lines.next()?.split_whitespace();
        let cpus: Option<Vec<usize>> = header
            .map(|name| name.strip_prefix("CPU")?.parse().ok())
            .collect();
        let cpus = cpus.filter(|cpus| !cpus.is_empty())?;
        let row = |line: &str| {
            let (name, counts) = line.split_once(':')?;
            let counts = counts.split_whitespace().take(cpus.len());
            let counts: Option<Vec<u64>> = counts.map(|count| count.parse().ok()).collect();
            // Rows of one count are of the whole host (ERR, MIS).
            let counts = counts.filter(|counts| counts.len() == cpus.len())?;
            Some((name.trim().to_owned(), counts))
        };
        Some(Self {
            rows: lines.filter_map(row).collect(),
            cpus,
        })
    }

    /// Returns the number of interrupts that devices have sent to `cpu`: those whose rows have numbers.
    #[must_use]
    pub fn of_devices(&self, cpu: usize) -> Option<u64> {
        let column = self.column(cpu)?;
        let devices = self.rows.iter().filter(|(name, _)| is_device(name));
        Some(devices.map(|(_, counts)| counts[column]).sum())
    }

    /// Returns the counts of `cpu` in the rows that are no device's, by name.
    #[must_use]
    pub fn named(&self, cpu: usize) -> Option<BTreeMap<String, u64>> {
        let column = self.column(cpu)?;
        let named = self.rows.iter().filter(|(name, _)| !is_device(name));
        Some(
            named
                .map(|(name, counts)| (name.clone(), counts[column]))
                .collect(),
        )
    }

    fn column(&self, cpu: usize) -> Option<usize> {
        self.cpus.iter().position(|&known| known == cpu)
    }
}

fn is_device(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CPU 1 is offline.
    const INTERRUPTS: &str = "           CPU0       CPU2       
 24:          1          0  IO-APIC   5-edge      ACPI:Ged
126:         10        200  PCI-MSIX-0000:00:03.0   1-edge      virtio2-input.0
NMI:          3          4   Non-maskable interrupts
LOC:    3899586    6900500   Local timer interrupts
ERR:          0
";

    #[test]
    fn devices_have_numbers_and_all_else_names() {
        let found = Interrupts::parse(INTERRUPTS).unwrap();
        assert_eq!(found.of_devices(0), Some(11));
        assert_eq!(found.of_devices(2), Some(200));
        assert_eq!(found.of_devices(1), None);
        let named = found.named(2).unwrap();
        let named: Vec<_> = named
            .iter()
            .map(|(name, &count)| (&**name, count))
            .collect();
        assert_eq!(named, [("LOC", 6_900_500), ("NMI", 4)]);
    }

    #[test]
    fn text_that_is_no_table_gives_none() {
        for text in ["", "\n", "CPUx\n", "nonsense 1 2\n"] {
            assert_eq!(Interrupts::parse(text), None, "{text:?}");
        }
        let odd = Interrupts::parse("CPU0 CPU1\nLOC: 1 x\n 5: 1\nRES: 1 2 3\n").unwrap();
        assert_eq!(odd.of_devices(0), Some(0));
        assert_eq!(odd.named(1).unwrap().len(), 1);
    }

    #[test]
    fn this_host_counts_its_interrupts() {
        let found = Interrupts::read(&Tree::default()).unwrap();
        assert!(!found.rows.is_empty());
    }
}
