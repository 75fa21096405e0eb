//! The record of a measurement, made at once of all that is known of it.

use std::borrow::Cow;

use super::fault_record::FaultRecord;
use super::loss_places::{Losses, Sent, Undelivered};
use super::position::RunPosition;
use super::readings::Readings;
use super::{GuestCounters, Run, RunLabels};
use crate::histogram::DurationHistogram;
use crate::host::activity::HostActivity;
use crate::host::doctor::busy::Busy;
use crate::host::noise::Noise;
use crate::link::InjectedFaults;
use crate::load::{Mode, Plan, Tally};
use crate::record::origin::{self, Path};
use crate::stats::one_way::OneWay;
use crate::stats::reason::Code;
use crate::stats::{
    Ended, Policy, Reason, Requested, RunRecorder, Stall, Summary, Tag, WarmUpEnd, validity,
};

/// Facts about a measurement that the experiment knows.
#[derive(Clone, Debug)]
pub struct RunFacts<'a> {
    /// Facts that held before it began.
    pub labels: RunLabels,
    /// Place in the experiment.
    pub position: RunPosition,
    /// The load.
    pub plan: &'a Plan,
    /// Readings of service and link.
    pub readings: Readings,
    /// Percentiles that summaries have beside the standard ones.
    pub percentiles: &'a [Requested],
}

/// Outcome of a measurement.
#[derive(Clone, Copy, Debug)]
pub struct Measurement<'a> {
    /// The counts.
    pub tally: &'a Tally,
    /// The distributions.
    pub recorder: &'a RunRecorder,
    /// The worst stalls, that with the longest latency first.
    pub stalls: &'a [Stall],
    /// Disturbances by the host meanwhile.
    pub noise: &'a Noise,
    /// The ending.
    pub ended: &'a Ended,
    /// The end of warm-up.
    pub warm_up: WarmUpEnd,
    /// Faults that the link injected, if it injects any.
    pub faults: Option<&'a InjectedFaults>,
    /// Requests that the service was never given, as far as the link tells.
    pub undelivered: Undelivered,
    /// Other programs that had much of a CPU meanwhile.
    pub busy: &'a [Busy],
    /// Activity of the host on the CPUs in use.
    pub host_activity: Option<&'a HostActivity>,
    /// Requirements that it has to meet.
    pub policy: Policy,
}

impl Run {
    /// Makes the record of a measurement, and decides whether it is valid.
    #[must_use]
    pub fn new(facts: RunFacts<'_>, measurement: &Measurement<'_>) -> Self {
        let RunFacts {
            labels,
            position,
            plan,
            readings,
            percentiles,
        } = facts;
        let Measurement {
            tally,
            recorder,
            noise,
            policy,
            ..
        } = *measurement;
        let judgement = validity::judge(policy, plan, measurement.ended, tally, recorder, noise);
        let unsettled =
            (measurement.warm_up == WarmUpEnd::Unsettled).then(|| Reason::of(Code::Unsettled));
        let summary = |durations: &DurationHistogram| {
            let mut summary = Summary::from(durations);
            summary.add(durations, percentiles);
            summary
        };
        let tagged = |tag: Tag| match tag {
            Tag::Service | Tag::Path if !plan.protocol.has_service_times() => None,
            tag => recorder.tagged(tag).map(summary),
        };
        let sent = Sent {
            sent: tally.sent + tally.warmup_discarded,
            lost: tally.lost,
            dropped_locally: tally.dropped_locally,
            undelivered: measurement.undelivered,
        };
        let fault = measurement
            .faults
            .map(|faults| (FaultRecord::new(faults, tally), faults.delivered));
        let losses = match &fault {
            Some((fault, delivered)) => Some(fault.losses(*delivered, &readings.counters, &sent)),
            None => Losses::of(&readings.counters, &sent),
        };
        // Those of a comparison are repeated, and begin after a warm-up that has no length of its own.
        let is_alone_and_broken_off = measurement.ended.is_partial() && position.round().is_none();
        let answered_by = origin::answered_by(&labels.target, labels.responder.as_deref());
        let path = Path {
            target: &labels.target,
            link: &labels.link,
            is_vhost_on: labels.vhost.as_ref().is_some_and(|vhost| vhost.is_on),
        };
        Self {
            answered_by: answered_by.map(str::to_owned),
            link_description: path.description().map(str::to_owned),
            vhost: (labels.vhost.as_ref())
                .map(|vhost| Cow::Borrowed(if vhost.is_on { "on" } else { "off" })),
            vhost_reason: labels.vhost.map(|vhost| vhost.reason),
            mtu: labels.mtu,
            target: labels.target,
            responder: labels.responder,
            address: labels.address,
            link: labels.link,
            accel: labels.accel,
            round: position.round(),
            attempt: position.attempt(),
            mode: Cow::Borrowed(plan.mode.name()),
            depth: match plan.mode {
                Mode::Pipeline { depth } => Some(depth.get()),
                Mode::Closed | Mode::Open { .. } => None,
            },
            protocol: Cow::Borrowed(plan.protocol.name()),
            payload_bytes: plan.payload_len,
            content: plan.content.map(Into::into),
            sweep_percent: position.sweep_percent(),
            attempts: Vec::new(),
            offered_rate: match plan.mode {
                Mode::Closed | Mode::Pipeline { .. } => None,
                Mode::Open { rate, .. } => Some(rate.as_f64()),
            },
            achieved_rate: match plan.mode {
                Mode::Closed | Mode::Open { .. } => tally.achieved_rate(),
                Mode::Pipeline { .. } => tally.answer_rate(),
            },
            arrivals: match plan.mode {
                Mode::Closed | Mode::Pipeline { .. } => None,
                Mode::Open { arrivals, .. } => Some(Cow::Borrowed(arrivals.name())),
            },
            answered_rate: tally.answered_rate(),
            generator_limited: match plan.mode {
                Mode::Closed | Mode::Pipeline { .. } => false,
                Mode::Open { .. } => {
                    let off_cpu_ns = noise.measuring.map_or(0, |thread| thread.waited_ns);
                    tally.is_generator_limited(off_cpu_ns)
                }
            },
            clock_read_ns: tally.clock_read_ns,
            resolution_ns: tally.resolution_ns,
            started_at: recorder.started_at,
            timeout_ns: plan.timeout_ns,
            seed: plan.seed,
            sending_ns: Some(tally.sending_ns),
            bind: labels.client.bind,
            interface: labels.client.interface,
            flows: labels.client.flows,
            dscp: labels.client.dscp,
            elapsed_ns: tally.elapsed_ns,
            warmup_discarded: tally.warmup_discarded + readings.first_requests,
            warmup_settled: measurement.warm_up,
            sent: tally.sent,
            send_errors: (tally.send_errors.by_reason())
                .map(|(refusal, count)| (refusal.name().to_owned(), count))
                .collect(),
            received: tally.received,
            lost: tally.lost,
            dropped_locally: tally.dropped_locally,
            losses,
            fault: fault.map(|(fault, _)| fault),
            in_flight_at_end: tally.in_flight_at_end,
            late: tally.late,
            duplicated: tally.duplicated,
            reordered: tally.reordered,
            corrupted: tally.corrupted,
            foreign: tally.foreign,
            stale: tally.stale,
            impossible_times: recorder.impossible_times,
            latency_ns: summary(&recorder.latency),
            censored_from_ns: recorder.censored.from_ns,
            censored_count: recorder.censored.count,
            round_trip_ns: tagged(Tag::RoundTrip),
            valid_to: judgement.valid_to.map(str::to_owned),
            needs: Some(policy.needs.name().to_owned()),
            judged_by: judgement.judged_by.map(str::to_owned),
            strict: policy.is_strict,
            stalls: measurement.stalls.to_vec(),
            max_at_ns: recorder.stalls.max_at_ns(),
            gaps_ns: tagged(Tag::Gaps),
            uncorrected_latency_ns: tagged(Tag::WaitingClient),
            service_ns: tagged(Tag::Service),
            path_ns: tagged(Tag::Path),
            one_way: recorder.one_way.as_ref().and_then(OneWay::delays),
            guest_clock: recorder.correction.clock(),
            send_lateness_ns: tagged(Tag::Lateness),
            core_round_trip_ns: readings.floors.map(|floors| floors.core_round_trip_ns),
            reflector_round_trip_ns: readings.floors.map(|floors| floors.reflector_round_trip_ns),
            signals: readings.signals,
            noise: *noise,
            guest_counters: readings.counters.after.map(GuestCounters),
            boot_ms: labels.boot_ms,
            guest_boot_ms: labels.guest_boot_ms,
            first_reply_ms: readings.first_reply_ns.map(|ns| ns as f64 / 1e6),
            resident_bytes: readings.resident_bytes,
            memory_bytes: labels.memory_bytes,
            board: labels.board,
            guest_cpu: labels.guest_cpu,
            image: labels.image,
            image_bytes: labels.image_bytes,
            placement: labels.placement,
            live_view: labels.live_view,
            cpus: labels.cpus,
            host_activity: measurement.host_activity.cloned(),
            prealloc: labels.prealloc,
            memory_locked: labels.memory_locked,
            partial: measurement.ended.is_partial(),
            planned_requests: is_alone_and_broken_off
                .then(|| plan.planned_requests())
                .flatten(),
            valid: judgement.is_valid(),
            invalid_because: judgement.invalid_because(),
            advice: judgement.advice().into_iter().map(str::to_owned).collect(),
            reasons: judgement.reasons.into_iter().chain(unsettled).collect(),
            percentiles: judgement.percentiles,
            busy_processes: measurement.busy.to_vec(),
            nodes: Vec::new(),
        }
    }
}
