//! The queues of a guest's network device, as QEMU and the guest's memory have them.

use super::Guest;
use crate::monitor::Monitor;

impl Guest<'_> {
    /// A queue of its network device as it stands in the guest's memory and as QEMU has it: 0 for
    /// receive, 1 for transmit.
    ///
    /// # Panics
    ///
    /// If QEMU does not say.
    pub fn queue(&mut self, number: u16) -> String {
        let status = QueueStatus::of(self.monitor(), number);
        // Flags and index are the first two words of 16 bits of either ring (virtio 1.2 §2.7).
        let mut ring = |name: &str| {
            let word = self.monitor().words(status.address(name), 1)[0];
            format!(
                "{name}.flags {} {name}.index {}",
                word as u16,
                (word >> 16) as u16
            )
        };
        let (avail, used) = (ring("avail"), ring("used"));
        format!(
            "{avail}, {used}, QEMU's last_avail_idx {}",
            status.value("last_avail_idx")
        )
    }

    /// Address of the avail or the used ring, which `name` is, of a queue of its network device.
    ///
    /// # Panics
    ///
    /// If QEMU does not say.
    pub fn ring_address(&mut self, number: u16, name: &str) -> u64 {
        QueueStatus::of(self.monitor(), number).address(name)
    }
}

/// State of a queue, as QEMU prints it.
struct QueueStatus(String);

impl QueueStatus {
    /// Asks for that of the network device.
    fn of(monitor: &mut Monitor, number: u16) -> Self {
        let devices = monitor.print("info virtio");
        let mut paths = devices
            .lines()
            .filter_map(|line| line.split_once(" [virtio-net]"));
        let (path, _) = paths
            .next()
            .unwrap_or_else(|| panic!("no network device: {devices}"));
        Self(monitor.print(&format!("info virtio-queue-status {path} {number}")))
    }

    fn value(&self, name: &str) -> &str {
        let mut lines = self.0.lines().map(str::trim);
        let line = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_else(|| panic!("no {name}: {}", self.0))
            .trim()
    }

    fn address(&self, name: &str) -> u64 {
        let digits = self.value(name).trim_start_matches("0x");
        u64::from_str_radix(digits, 16).expect("an address")
    }
}
