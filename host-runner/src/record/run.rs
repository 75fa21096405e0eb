//! One measurement's record in `result.json`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::before_after::BeforeAfter;
use super::{Image, system_label, utc};
use crate::host::activity::HostActivity;
use crate::host::assignment::Cpus;
use crate::host::doctor::busy::Busy;
use crate::host::memory_lock::Locked;
use crate::host::noise::Noise;
use crate::link::Signals;
use crate::load::Protocol;
use crate::stats::{GuestClock, OneWayDelays, PercentileState, Reason, Stall, Summary, WarmUpEnd};

mod attempt;
mod fault_record;
mod from_measurement;
mod guest_counters;
mod labels;
mod live_view;
mod loss_places;
mod node;
mod position;
mod readings;
mod remedy;
mod request_content;
mod tagged;

pub use attempt::Attempt;
pub use fault_record::FaultRecord;
pub use from_measurement::{Measurement, RunFacts};
pub use guest_counters::GuestCounters;
pub use labels::{ClientLabels, RunLabels};
pub use live_view::LiveView;
pub use loss_places::{Losses, Undelivered};
pub use node::Node;
pub use position::RunPosition;
pub use readings::{CounterReadings, FloorReadings, Readings};
pub use remedy::Remedy;
pub use request_content::{Bytes, RequestContent};

/// A measurement's record. Times without a unit in their name are in nanoseconds where the
/// field that holds them says so.
#[derive(Clone, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Run {
    /// The target's name.
    pub target: String,
    /// Variant of the target: how the service on Linux waits for datagrams, or `smoltcp` if that answers in
    /// the unikernel; null elsewhere.
    pub responder: Option<String>,
    /// The service's address and port, as the client saw them.
    pub address: String,
    /// The link's name.
    pub link: String,
    /// Place where the replies were made, in words; null for a target that has none.
    #[serde(default)]
    pub answered_by: Option<String>,
    /// The parts that lay between the client and the service, in words.
    #[serde(default)]
    pub link_description: Option<String>,
    /// On link `tap`: `on` if the host's kernel served the guest's rings (vhost-net), `off` if QEMU did; null
    /// elsewhere.
    #[serde(default)]
    pub vhost: Option<Cow<'static, str>>,
    /// The reason for that.
    #[serde(default)]
    pub vhost_reason: Option<String>,
    /// MTU that the link was given, in bytes; absent where it was Ethernet's 1500, or another's choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u16>,
    /// The accelerator's name.
    pub accel: Option<String>,
    /// The round of a comparison that the run belongs to, from 1 on.
    pub round: Option<u32>,
    /// Number of the attempt, from 1 on: an invalid run is repeated.
    pub attempt: Option<u32>,
    /// `closed`, `open` or `pipeline`.
    pub mode: Cow<'static, str>,
    /// Number of requests that the pipeline keeps in flight.
    pub depth: Option<u16>,
    /// Protocol that the service was taken to answer with: `fathom` or `echo`.
    #[serde(default = "fathom")]
    pub protocol: Cow<'static, str>,
    /// Length of every request's UDP payload.
    pub payload_bytes: usize,
    /// Content of the requests behind their header, and of the replies; null if requests are padded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<RequestContent>,
    /// Share of the pipeline's rate, or of the generator's limit if that is less, that the open loop is
    /// offered, in percent, if it is a step of a sweep. The generator's limit is `generator_on_time_limit`, and
    /// `generator_limit` where that is not given; steps beyond it are more than 100 %.
    pub sweep_percent: Option<u32>,
    /// The attempts at a step of a sweep that was measured again, in their order; none for one that was not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Attempt>,
    /// Rate that the open loop was to send at, in requests per second.
    pub offered_rate: Option<f64>,
    /// Rate of sends, in requests per second from when the first was due to the last actual send; for a
    /// pipeline, the rate of answers.
    pub achieved_rate: Option<f64>,
    /// Arrivals of an open loop: `poisson` or `even`; null in other loops.
    #[serde(default)]
    pub arrivals: Option<Cow<'static, str>>,
    /// Replies per second, from when the first request was due to the last reply.
    #[serde(default)]
    pub answered_rate: Option<f64>,
    /// True if the generator, and not the service, limited what was sent: under 99 % of what was due, but for
    /// the time in which the host kept it off its CPU.
    #[serde(default)]
    pub generator_limited: bool,
    /// Time that a reading of the host's clock takes, in nanoseconds.
    #[serde(default)]
    pub clock_read_ns: Option<u64>,
    /// Time of two readings of the clock and one poll of the link, in nanoseconds: sends and arrivals are
    /// seen with no finer resolution.
    #[serde(default)]
    pub resolution_ns: Option<u64>,
    /// Time at which the first measured request was due, by the host's clock of day (`CLOCK_REALTIME`), in UTC (RFC
    /// 3339, to the microsecond). Null if none was.
    #[serde(default, with = "utc")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub started_at: Option<Timestamp>,
    /// After this long a request is lost, in nanoseconds.
    pub timeout_ns: u64,
    /// From what padding was made.
    pub seed: u64,
    /// For how long requests were sent, in nanoseconds: the intervals of the run's log add up to that.
    /// Absent in records of versions whose logs had whole intervals only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sending_ns: Option<u64>,
    /// Source address of a probe's datagrams; null if the choice was left to the system, or if the run is
    /// no probe's.
    #[serde(default)]
    pub bind: Option<String>,
    /// The network device that a probe's datagrams had to leave by.
    #[serde(default)]
    pub interface: Option<String>,
    /// Number of source ports that took turns.
    #[serde(default = "one")]
    pub flows: u16,
    /// Differentiated services code point of the datagrams, 0 to 63; absent if the choice was left to the
    /// system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dscp: Option<u8>,
    /// From the first request to the last answer or loss, in nanoseconds.
    pub elapsed_ns: u64,
    /// `fathom::load::Tally` describes this and the other counts.
    pub warmup_discarded: u64,
    /// True if latency settled during warm-up; null where that was not waited for.
    #[schemars(with = "Option<bool>")]
    pub warmup_settled: WarmUpEnd,
    /// Requests sent.
    pub sent: u64,
    /// Requests that this host refused to send, by the name of the system's error: they never left, and
    /// are neither sent nor lost.
    #[serde(default)]
    pub send_errors: BTreeMap<String, u64>,
    /// Requests answered in time.
    pub received: u64,
    /// Requests not answered in time.
    pub lost: u64,
    /// Requests that were due and that this host gave up sending: neither sent nor lost.
    #[serde(default)]
    pub dropped_locally: u64,
    /// Places where requests were lost, as far as the service's counters tell.
    #[serde(default)]
    pub losses: Option<Losses>,
    /// Faults that were injected on the link, and what became of the requests; absent if none were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<FaultRecord>,
    /// Requests unanswered when a partial run was broken off.
    pub in_flight_at_end: u64,
    /// First answers after the timeout.
    pub late: u64,
    /// Requested answers.
    pub duplicated: u64,
    /// Answers overtaken by others.
    pub reordered: u64,
    /// Datagrams that are no proper answer.
    pub corrupted: u64,
    /// Answers from another boot of the service.
    pub foreign: u64,
    /// Answers to requests no longer remembered.
    pub stale: u64,
    /// Answers whose guest times are impossible, and were bounded to the round trip.
    pub impossible_times: u64,
    /// From when a request was due to its answer; lost ones count as at least the timeout.
    pub latency_ns: Summary,
    /// Latencies from here on, in nanoseconds, are censored: the true value is at least that. Null if
    /// nothing is.
    #[serde(default)]
    pub censored_from_ns: Option<u64>,
    /// Number of censored latencies.
    #[serde(default)]
    pub censored_count: u64,
    /// From the actual send to the answer, over all requests; open loop only.
    #[serde(default)]
    pub round_trip_ns: Option<Summary>,
    /// The state of each percentile of the latency, by its name.
    #[serde(default)]
    pub percentiles: BTreeMap<String, PercentileState>,
    /// The highest percentile up to which all count: are clean or bracketed, if only from below
    /// because the service lost requests; with `strict`, are clean. Null if none is.
    #[serde(default)]
    pub valid_to: Option<String>,
    /// The percentile that was asked for.
    #[serde(default)]
    pub needs: Option<String>,
    /// The percentile that validity was judged by: the one asked for, or the highest below it that the
    /// number of requests supports. Null if it supports none.
    #[serde(default)]
    pub judged_by: Option<String>,
    /// True if a percentile counts only if it is clean.
    #[serde(default)]
    pub strict: bool,
    /// The worst stalls, that with the longest latency first.
    #[serde(default)]
    pub stalls: Vec<Stall>,
    /// Time from the start of the run to the reply, or loss, with the longest latency, in nanoseconds.
    #[serde(default)]
    pub max_at_ns: Option<u64>,
    /// Lengths of the measuring thread's scheduling gaps of a microsecond and more during the run; null if
    /// it sleeps while it waits.
    #[serde(default)]
    pub gaps_ns: Option<Summary>,
    /// Latency as a client that waits for each answer would have recorded it; open loop only.
    pub uncorrected_latency_ns: Option<Summary>,
    /// The time in the handler, between the two stamps of the service; null where the protocol does not
    /// tell it.
    pub service_ns: Option<Summary>,
    /// The way there and back; null where the protocol does not tell the guest's share.
    pub path_ns: Option<Summary>,
    /// Delays of either direction by the two clocks' dates, in STAMP and TWAMP-Light: estimates, with their bound.
    /// Absent where one of the clocks is not kept to the date, and says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub one_way: Option<OneWayDelays>,
    /// The rate of the service's clock against the host's; null where it could not be bounded.
    #[serde(default)]
    pub guest_clock: Option<GuestClock>,
    /// Lateness of sends: from when a request was due to its actual send; open loop only.
    pub send_lateness_ns: Option<Summary>,
    /// The round trip of one cache line between the measuring core and the guest's; null unless the
    /// link is over shared memory.
    pub core_round_trip_ns: Option<BeforeAfter>,
    /// The median round trip to a thread that answers on the same link in the guest's place.
    pub reflector_round_trip_ns: Option<BeforeAfter>,
    /// Numbers of times that guest and instrument woke each other, warm-up included; null where the link can't
    /// see it.
    pub signals: Option<Signals>,
    /// Noise of the host meanwhile.
    pub noise: Noise,
    /// Counters of the service since its boot.
    pub guest_counters: Option<GuestCounters>,
    /// From QEMU's start to the ready line, in milliseconds.
    pub boot_ms: Option<f64>,
    /// The guest's part of that, in milliseconds of its own clock.
    pub guest_boot_ms: Option<f64>,
    /// From QEMU's start, or the responder's, to the reply to a first request, in milliseconds: in a
    /// comparison.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_reply_ms: Option<f64>,
    /// The resident memory of QEMU or of the responder right after the measurement, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resident_bytes: Option<u64>,
    /// The memory that the guest was given, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// The board that QEMU emulated: `pc` or `q35`. Null, as the next, without a guest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub board: Option<String>,
    /// The guest's CPU model, as QEMU was given it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guest_cpu: Option<String>,
    /// Image or kernel that was booted; absent for what is no guest, and in records of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<Image>,
    /// The files that are loaded to start the service, in bytes: image, or kernel and initial file
    /// system, or responder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_bytes: Option<u64>,
    /// CPUs and priority that the measurement had.
    pub placement: Option<String>,
    /// Place of the thread that drew a live view meanwhile; absent if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live_view: Option<LiveView>,
    /// CPUs of the guest and of the measuring thread; null where the scheduler chose.
    #[serde(default)]
    pub cpus: Option<Cpus>,
    /// Activity of the host on the CPUs in use; null where this program started nothing.
    #[serde(default)]
    pub host_activity: Option<HostActivity>,
    /// True if the guest's memory was allocated before the guest started; null without a guest.
    #[serde(default)]
    pub prealloc: Option<bool>,
    /// The memory that was locked; null where this program started nothing.
    #[serde(default)]
    pub memory_locked: Option<Locked>,
    /// True if the run was broken off.
    pub partial: bool,
    /// Most requests that a run that was broken off would have measured. Absent from one that came to its end, and
    /// from one that was to end by time with each request waiting for a reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned_requests: Option<u64>,
    /// True if the figures mean what they say.
    pub valid: bool,
    /// Everything that stands against the run or against a percentile of it, as codes with numbers; what makes
    /// the run invalid comes first.
    #[serde(default)]
    pub reasons: Vec<Reason>,
    /// If it is not valid, why not, in words made from the codes.
    pub invalid_because: Vec<String>,
    /// And what to do about that.
    #[serde(default)]
    pub advice: Vec<String>,
    /// The programs other than this one and its own that had much of a CPU meanwhile, the busiest first.
    #[serde(default)]
    pub busy_processes: Vec<Busy>,
    /// The nodes whose measurements were added up to this one: every count is the sum of theirs, and the latency has
    /// exactly their samples. Absent for a measurement of one node.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<Node>,
}

impl Run {
    /// Returns lines that may follow the reasons why the run is invalid: which processes had the CPU, and
    /// what to do.
    #[must_use]
    pub fn remedies(&self) -> Vec<Remedy<'_>> {
        if self.valid {
            return Vec::new();
        }
        let busy = (!self.busy_processes.is_empty()).then_some(Remedy::Busy(&self.busy_processes));
        let advice = self.advice.iter().map(|advice| Remedy::Advice(advice));
        busy.into_iter().chain(advice).collect()
    }

    /// The target with its mode, as a comparison calls it.
    #[must_use]
    pub fn target_label(&self) -> String {
        system_label::label(&self.target, self.responder.as_deref())
    }

    /// Returns the length of the run's log.
    #[must_use]
    pub fn measured(&self) -> Duration {
        Duration::from_nanos(self.sending_ns.unwrap_or(self.elapsed_ns))
    }

    /// Returns the name of the run's files up to the dot.
    #[must_use]
    pub fn file_stem(&self) -> String {
        let percent = self.sweep_percent;
        let repeated = self.attempt.filter(|&attempt| attempt > 1);
        let parts = [
            Some(self.target.clone()),
            self.responder.clone(),
            Some(self.link.clone()),
            Some(self.mode.to_string()),
            percent.map(|percent| format!("{percent}-percent")),
            self.round.map(|round| format!("round-{round}")),
            repeated.map(|attempt| format!("attempt-{attempt}")),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join("-")
    }
}

/// The protocol of results that don't name theirs.
const fn fathom() -> Cow<'static, str> {
    Cow::Borrowed(Protocol::Fathom.name())
}

/// The flows of results that don't say how many.
const fn one() -> u16 {
    1
}

#[cfg(test)]
mod tests;
