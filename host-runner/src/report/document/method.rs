//! How it was measured, in words.

use super::entry::Entry;

/// Under the chart by percentile.
pub const BY_PERCENTILE: &str = "Each step on the axis is ten times as rare. Marks are the \
     percentiles of the table, the last one is the maximum; all marks of a measurement that is not \
     valid are hollow. Where a curve is dotted, fewer than ten samples lie beyond: it is shown, not \
     claimed. A lost request is drawn at its timeout, which it took at least. Grey is what the host \
     does without any guest: the round trip of a cache line between two cores, that to a thread in \
     the guest's place, the longest gap that a thread saw which only reads the clock.";

/// Under the chart against load.
pub const AGAINST_LOAD: &str = "Open loop: latency counts from when a request was due, so that what \
     could not be sent in time is in it. Hollow marks are of measurements that are not valid, and \
     maxima at the timeout are lost requests.";

/// Under the charts over time.
pub const OVER_TIME: &str = "One mark per interval of the log. A percentile that an interval has too \
     few samples for is left out; the maximum is always there.";

/// The rules that these measurements were made by.
#[must_use]
pub fn paragraphs(entries: &[Entry<'_>]) -> Vec<String> {
    let has_mode = |name: &str| entries.iter().any(|entry| entry.run.mode == name);
    let mut paragraphs = Vec::new();
    if has_mode("closed") {
        paragraphs.push(
            "Closed loop: one request is in flight, the next is sent right after the reply. \
             Latency counts from the send; a stall delays one request and is one sample.",
        );
    }
    if has_mode("open") {
        paragraphs.push(
            "Open loop: requests are due at a fixed rate whatever became of those before. Latency \
             counts from when a request was due, so a stall counts for every request it delayed; \
             \"uncorrected\" is what a client that waits for each reply would have recorded, and \
             \"lateness\" how long after it was due a request was sent.",
        );
    }
    if has_mode("pipeline") {
        paragraphs.push(
            "Pipeline: a fixed number of requests is in flight; each reply lets the next one go. \
             The rate is what was achieved.",
        );
    }
    paragraphs.extend([
        "\"Service\" is the guest's own share, from taking the request off the ring to stamping the \
         reply; \"path\" is the rest, there and back. Each is a difference of one clock. No round \
         trip is halved.",
        "A percentile is shown if at least ten samples lie beyond it; otherwise n/a says how many \
         samples it needs. The maximum is always shown. Nothing is trimmed, and percentiles are \
         never averaged.",
        "A request without a reply within the timeout is a latency of at least the timeout (≥), \
         never a missing sample. What was sent as warm-up counts nowhere.",
        "The interval logs were added up again for this report, and have exactly the samples that \
         the record counts.",
    ]);
    if entries.iter().any(Entry::is_emulated) {
        paragraphs.push(
            "Under TCG, QEMU translates the guest's instructions. Such latencies and rates compare \
             guests under the same emulator on the same host, and are no statement about hardware \
             or KVM. Doorbells and interrupts per echo, the image and its size are the same on any \
             machine.",
        );
    }
    paragraphs.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{entry::entries, made_up};
    use super::*;

    #[test]
    fn only_what_was_done_is_told() {
        let told = |sources: &[_]| paragraphs(&entries(sources)).join("\n");
        let closed = told(&[made_up::closed()]);
        assert!(closed.contains("Closed loop") && !closed.contains("Open loop"));
        assert!(closed.contains("Under TCG"));
        let mut native = made_up::open(1000.0);
        native.report.runs[0].accel = Some("kvm".to_owned());
        let open = told(&[native]);
        assert!(open.contains("Open loop") && !open.contains("Closed loop"));
        assert!(!open.contains("TCG"));
    }
}
