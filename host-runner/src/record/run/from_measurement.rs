//! The record of a measurement, made of what the measurement left.

use std::borrow::Cow;

use super::{Run, RunLabels, one};
use crate::host::noise::Noise;
use crate::load::{Mode, Plan, Tally};
use crate::record::origin;
use crate::stats::{Ended, Policy, RunRecorder, validity};

impl Run {
    /// Puts together a measurement's record, and decides whether it is valid.
    #[must_use]
    pub fn new(
        labels: RunLabels,
        plan: &Plan,
        tally: &Tally,
        recorder: &RunRecorder,
        noise: Noise,
        ended: &Ended,
        policy: Policy,
    ) -> Self {
        let judgement = validity::judge(policy, plan, ended, tally, recorder, &noise);
        let open = recorder.open.as_ref();
        let correction = &recorder.correction;
        let has_service_times = plan.protocol.has_service_times() && !correction.is_spoilt();
        let (target, responder) = (&labels.target, labels.responder.as_deref());
        let answered_by = origin::answered_by(target, responder);
        let link_description = origin::link_description(target, &labels.link, false);
        Self {
            answered_by: answered_by.map(str::to_owned),
            link_description: link_description.map(str::to_owned),
            vhost: None,
            vhost_reason: None,
            target: labels.target,
            responder: labels.responder,
            address: labels.address,
            link: labels.link,
            accel: labels.accel,
            round: None,
            attempt: None,
            mode: Cow::Borrowed(plan.mode.name()),
            depth: match plan.mode {
                Mode::Pipeline { depth } => Some(depth.get()),
                Mode::Closed | Mode::Open { .. } => None,
            },
            protocol: Cow::Borrowed(plan.protocol.name()),
            payload_bytes: plan.payload_len,
            content: plan.content.map(Into::into),
            sweep_percent: None,
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
            bind: None,
            interface: None,
            flows: one(),
            elapsed_ns: tally.elapsed_ns,
            warmup_discarded: tally.warmup_discarded,
            warmup_settled: None,
            sent: tally.sent,
            send_errors: (tally.send_errors.by_reason())
                .map(|(refusal, count)| (refusal.name().to_owned(), count))
                .collect(),
            received: tally.received,
            lost: tally.lost,
            dropped_locally: tally.dropped_locally,
            losses: None,
            in_flight_at_end: tally.in_flight_at_end,
            late: tally.late,
            duplicated: tally.duplicated,
            reordered: tally.reordered,
            corrupted: tally.corrupted,
            foreign: tally.foreign,
            stale: tally.stale,
            impossible_times: recorder.impossible_times,
            latency_ns: (&recorder.latency).into(),
            censored_from_ns: recorder.censored.from_ns,
            censored_count: recorder.censored.count,
            round_trip_ns: open.map(|open| (&open.round_trip).into()),
            valid_to: judgement.valid_to.map(str::to_owned),
            needs: Some(policy.needs.name().to_owned()),
            judged_by: judgement.judged_by.map(str::to_owned),
            strict: policy.is_strict,
            stalls: recorder.stalls.worst(|_, _| None),
            max_at_ns: recorder.stalls.max_at_ns(),
            gaps_ns: recorder.gaps.as_ref().map(Into::into),
            uncorrected_latency_ns: open.map(|open| (&open.uncorrected).into()),
            service_ns: has_service_times.then(|| (&recorder.service).into()),
            path_ns: has_service_times.then(|| (&recorder.path).into()),
            guest_clock: correction.clock(),
            send_lateness_ns: open.map(|open| (&open.lateness).into()),
            core_round_trip_ns: None,
            reflector_round_trip_ns: None,
            signals: None,
            noise,
            guest_counters: None,
            boot_ms: labels.boot_ms,
            guest_boot_ms: labels.guest_boot_ms,
            first_reply_ms: None,
            resident_bytes: None,
            memory_bytes: None,
            image_bytes: None,
            placement: labels.placement,
            cpus: None,
            host_activity: None,
            prealloc: None,
            memory_locked: None,
            partial: ended.is_partial(),
            valid: judgement.is_valid(),
            invalid_because: judgement.invalid_because(),
            advice: judgement.advice().into_iter().map(str::to_owned).collect(),
            reasons: judgement.reasons,
            percentiles: judgement.percentiles,
            busy_processes: Vec::new(),
        }
    }
}
