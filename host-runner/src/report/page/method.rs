//! Method of the measurement, in words.

use crate::record::Run;
use crate::record::read::Source;

/// Under the chart by percentile.
pub const BY_PERCENTILE: &str = "Each step on the axis is ten times as rare. Marks are the \
     percentiles of the table, the last one is the maximum; all marks of a measurement that is not \
     valid are hollow. Where a curve is dotted, fewer than ten samples lie beyond: it is shown, not \
     claimed. A lost request is drawn at its timeout, which it took at least. Grey is what the host \
     does without any guest: the round trip of a cache line between two cores, that to a thread in \
     the guest's place, the longest gap that a thread saw which only reads the clock.";

/// Under the chart by percentile of a comparison, before the rest.
pub const MERGED: &str = "A curve is all valid rounds of a target together, each of the same weight (in \
     older records, each request). The pale lines behind it are those rounds by themselves, as far as their percentiles are reported. \
     All links have the same scales.";

/// Under the chart by percentile of a sum, before the rest.
pub const SUMMED: &str = "The curve is all nodes together, to the count. The pale lines behind it are the nodes by \
     themselves, as far as their percentiles are reported.";

/// Method of adding nodes up.
const ADDED_UP: &str = "Nodes: the histograms of all nodes have the same slots, and their counts were added; no percentile \
     was averaged. Each request weighs the same. A percentile of the sum lies between the lowest and the highest of the \
     nodes', and whatever stands against that of a node stands against it. Times of day are those of each node's own clock: \
     over time, an interval of a node is where its middle lies. A fact about the host is left out where the nodes differ.";

/// Under the table of the cores' distances.
pub const APART: &str = "Lowest and highest of the valid rounds: the round trip of one cache line \
     between the measuring core and the target's, right before and right after each, and the round's \
     p50 in units of it. A shared host moves the cores about within seconds: where these distances \
     differ, so do the latencies, and not for the targets' sake.";

/// Under the charts of rounds.
pub const BY_ROUND: &str = "Each column is a round, from left to right as it was measured; one mark per \
     interval of its log, what is left at its end with the last. What lies between the rounds is other targets' turns. A column is empty \
     where no run was valid, and a percentile that an interval has too few samples for is left out.";

/// Under the chart against load.
pub const AGAINST_LOAD: &str = "Open loop: latency counts from when a request was due, so that what \
     could not be sent in time is in it. Hollow marks are of measurements that are not valid, and \
     maxima at the timeout are lost requests.";

/// Under the charts over time.
pub const OVER_TIME: &str = "One mark per interval of the log. A percentile that an interval has too \
     few samples for is left out; the maximum is always there.";

/// Returns whether it was measured under an emulator.
#[must_use]
pub fn is_emulated(run: &Run) -> bool {
    run.accel.as_deref() == Some("tcg")
}

/// The rules that these measurements were made by.
#[must_use]
pub fn paragraphs(sources: &[Source]) -> Vec<String> {
    let runs = || sources.iter().flat_map(|source| &source.record.runs);
    let has_mode = |name: &str| runs().any(|run| run.mode == name);
    let mut paragraphs = Vec::new();
    if sources.iter().any(Source::is_comparison) {
        paragraphs.extend(COMPARED);
        if runs().any(|run| run.target.starts_with("null")) {
            paragraphs.push(NULL);
        }
    }
    if runs().any(|run| !run.nodes.is_empty()) {
        paragraphs.push(ADDED_UP);
    }
    for (mode, paragraph) in MODES {
        if has_mode(mode) {
            paragraphs.push(paragraph);
        }
    }
    paragraphs.extend(ALWAYS);
    if runs().any(is_emulated) {
        paragraphs.push(EMULATED);
    }
    paragraphs.into_iter().map(str::to_owned).collect()
}

/// Method of comparing targets.
const COMPARED: [&str; 5] = [
    "Rounds: in each, every target is booted afresh and measured on every link, in an order drawn \
     from the seed, by the same client with the same payload: in a closed loop, and where there are both \
     in an open loop at one rate for all targets of the link. After the warm-up it is waited, \
     for a time, until p50 and p99 have settled.",
    "A run that the host spoilt is not valid: it counts nowhere, stays in the record with its reasons, \
     and is measured again after all rounds, as long as there is time. No run is given up for lateness: \
     what is not valid is decided by what the host and the instrument did, not by the latency that came out.",
    "Merged: each valid boot of a target weighs the same, however many requests it answered: a percentile \
     is that of a boot drawn at random and then a request of it. A slow boot of a closed loop answers fewer \
     requests in the same time, and would weigh the less the slower it is if requests were counted. For \
     this report the runs' logs were merged again, and are exactly the record's merged target.",
    "Verdicts are about boots, not requests, because what moves a percentile is mostly the boot and the \
     hour. The percentile is taken from each boot by itself, and its ratio, target by baseline, round by \
     round; the verdict gives the typical boot's ratio with an interval. Ratios are taken to scatter either \
     normally or with far outliers (Cauchy), as the rounds themselves show, so that one spoilt boot hides \
     nothing. All verdicts of the report together claim a difference that is none in at most 5 % of reports \
     (Holm's procedure over percentiles, pairs, links and loads). \"Lower\" and \"higher\" are said if the \
     interval excludes a ratio of one. \"No difference seen\" is no proof that there is none: what eight of \
     ten such comparisons would have found stands beside it. With fewer than three rounds in which both \
     are valid, beyond p99.9, and where a round has not the requests for a percentile, nothing is said.",
    "A percentile among lost requests is at least the timeout, and is never subtracted. Against a target \
     that loses so many the other is lower by at least some amount; where both do, what they lose is \
     compared instead.",
];

/// Description of the floor among the targets.
const NULL: &str = "\"null\" is a thread of the client's own program that answers in the guest's place \
     on the same link, without any guest: the floor that every other figure on that link stands on.";

/// Order in which requests follow each other.
const MODES: [(&str, &str); 3] = [
    (
        "closed",
        "Closed loop: one request is in flight, the next is sent right after the reply. Latency counts \
         from the send; a stall delays one request and is one sample.",
    ),
    (
        "open",
        "Open loop: requests are due at their times, at random (Poisson) unless even ones were asked for, \
         whatever became of those before. Latency counts from when a request was due, so a stall counts for every request it delayed; \"waiting client\" \
         is what a client that waits for each reply would have recorded, \"from send\" what all \
         requests took since they were sent, and \"lateness\" how long after it was due a request was sent.",
    ),
    (
        "pipeline",
        "Pipeline: a fixed number of requests is in flight; each reply lets the next one go. The rate \
         is what was achieved.",
    ),
];

/// Statements that hold of every measurement.
const ALWAYS: [&str; 5] = [
    "\"Service\" is the time in the request handler, between its two stamps, and no more: of a Linux guest \
     the network stack and the scheduler are in \"path\", which is the rest, there and back. Each is a \
     difference of one clock. What a guest takes in all is an estimate: latency less that of \"null\" on \
     the same link. No round trip is halved.",
    "Each percentile has a state. Late: the generator sent late, and the value is reported as a range, from \
     what the requests took since they were sent to what they took since they were due. Host gaps: the host \
     took a CPU away, and the value is reported as a range, from the least that it can have been without those \
     gaps to what was observed; host: that range reaches below the next lower percentile, and the value \
     counts for nothing. Dropped here: this host gave requests up. Stalls: fewer than ten separate \
     stalls make the value. A run is valid if no percentile up to the one that was asked for is the host's \
     or dropped. Verdicts compare what was observed, ranges by their upper ends, boot by boot: gaps of the \
     host hit all targets alike, as the order of the runs is random.",
    "A percentile is shown if at least ten samples lie beyond it; otherwise n/a says how many samples \
     it needs. The maximum is always shown. Nothing is trimmed, and percentiles are never averaged.",
    "A request without a reply within the timeout is a latency of at least the timeout (≥), never a \
     missing sample. What was sent as warm-up counts nowhere.",
    "The interval logs were added up again for this report, and have exactly the samples that the \
     record counts.",
];

/// Effect of an emulator on the figures.
const EMULATED: &str = "Under TCG, QEMU translates the guest's instructions. Such latencies and rates \
     compare guests under the same emulator on the same host, and are no statement about hardware or \
     KVM. Doorbells and interrupts per echo, the image and its size are the same on any machine.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::fixtures::source_fixtures;

    #[test]
    fn only_what_was_done_is_told() {
        let text = |sources: &[_]| paragraphs(sources).join("\n");
        let closed = text(&[source_fixtures::closed()]);
        assert!(closed.contains("Closed loop") && !closed.contains("Open loop"));
        assert!(closed.contains("Under TCG"));
        let mut native = source_fixtures::open(1000.0);
        native.record.runs[0].accel = Some("kvm".to_owned());
        let open = text(&[native]);
        assert!(open.contains("Open loop") && !open.contains("Closed loop"));
        assert!(!open.contains("TCG"));
    }
}
