//! The status of a service: a line for each fact and for each counter.

use crate::quantity;
use crate::record::ServiceStatus;
use crate::terminal;

/// Returns the time since a boot in words: `3 d 04:05:06`.
fn uptime(ns: u64) -> String {
    let seconds = ns / 1_000_000_000;
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    let days = match days {
        0 => String::new(),
        days => format!("{days} d "),
    };
    format!("{days}{hours:02}:{minutes:02}:{:02}", seconds % 60)
}

/// Returns the status as a table of two columns.
#[must_use]
pub fn render(status: &ServiceStatus) -> String {
    let facts = [
        ("service", status.address.clone()),
        ("version", terminal::one_line(&status.version)),
        ("up for", uptime(status.uptime_ns)),
        ("boot id", format!("{:08x}", status.boot_id)),
        ("round trip", quantity::time(status.round_trip_ns as f64)),
    ];
    let log = status.log.iter().map(|log| {
        let budget = quantity::count(log.budget_bytes_per_s.into());
        ("log".to_owned(), format!("{}, {budget} B/s", log.level))
    });
    let counters = status.counters.iter().map(|(name, count)| {
        let count = count.as_u64().unwrap_or_default();
        (name.replace('_', " "), quantity::count(count))
    });
    let rows: Vec<(String, String)> = facts
        .map(|(name, fact)| (name.to_owned(), fact))
        .into_iter()
        .chain(log)
        .chain(counters)
        .collect();
    let width = rows.iter().map(|(name, _)| name.len()).max();
    let width = width.unwrap_or_default();
    rows.iter()
        .map(|(name, value)| format!("{name:width$}  {value}\n"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::ServiceLog;

    #[test]
    fn a_status_is_a_row_for_each_fact() {
        let status = ServiceStatus {
            address: "127.0.0.1:9000".to_owned(),
            boot_id: 0xb007,
            uptime_ns: 90_061_000_000_000,
            version: "1.2.3".to_owned(),
            round_trip_ns: 1000,
            counters: [("replied".to_owned(), 1_234_567.into())]
                .into_iter()
                .collect(),
            log: Some(ServiceLog {
                level: "info".to_owned(),
                budget_bytes_per_s: 4096,
            }),
        };
        let text = render(&status);
        for line in [
            "version     1.2.3\n",
            "up for      1 d 01:01:01\n",
            "boot id     0000b007\n",
            "log         info, 4,096 B/s\n",
            "replied     1,234,567\n",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }
}
