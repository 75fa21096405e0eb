//! The cost of an echo to the guests of a comparison: one boot for each figure, after all latencies are measured.
//! A probe that fails leaves out its figures, and nothing else.

use std::time::{Duration, Instant};

use super::case::Case;
use super::design::CompareSpec;
use super::on_own_thread;
use super::variant::Variant;
use crate::experiment::cost::instrumented_guest::{self, CountConditions, EchoCost, Instrument};
use crate::experiment::{Caller, ExperimentError};
use crate::host::assignment::Assignment;
use crate::link::LinkKind;
use crate::machine::AccelChoice;
use crate::record::SystemCost;
use crate::sut::LinkChoice;

/// Longest duration of a probe, its boot included: ten times the usual on two idle cores.
const TIMEOUT: Duration = Duration::from_secs(60);

/// One boot that counts the cost of an echo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CostProbe {
    /// The first of equal variants.
    variant: Variant,
    /// The link. On vhost-user instructions are counted, on the others QEMU traces notifications.
    link: LinkKind,
}

/// Conditions that all probes of a comparison have in common.
#[derive(Clone, Copy)]
pub struct ProbeConditions<'a> {
    /// The comparison.
    pub spec: &'a CompareSpec,
    /// The accelerator for the guests whose instructions are not counted.
    pub accel: AccelChoice,
    /// Time at which the last probe must be over.
    pub deadline: Option<Instant>,
    /// The CPUs to use, if there are two.
    pub assignment: Option<&'a Assignment>,
    /// The caller.
    pub caller: Caller<'a>,
}

/// The costs that were counted.
#[derive(Debug, Default)]
pub struct CostReport(Vec<(CostProbe, EchoCost)>);

impl CostProbe {
    /// Returns the probes that yield all costs of `cases`.
    #[must_use]
    pub fn all(cases: &[Case]) -> Vec<Self> {
        let mut probes: Vec<Self> = Vec::new();
        for probe in cases.iter().flat_map(Self::of) {
            if !probes.contains(&probe) {
                probes.push(probe);
            }
        }
        probes
    }

    /// Returns the probes of one case: whatever its link, instructions are counted on vhost-user, where the guest
    /// does not wait.
    fn of(&Case { variant, link }: &Case) -> Vec<Self> {
        let LinkChoice::Link(link) = link else {
            return Vec::new();
        };
        if variant.kind.system().counting().is_none() {
            return Vec::new();
        }
        let variant = Variant { copy: 1, ..variant };
        let probe = |link| Self { variant, link };
        let mut probes = vec![probe(LinkKind::VhostUser), probe(link)];
        probes.dedup();
        probes
    }

    /// Returns the usual duration of the probe, in seconds.
    #[must_use]
    pub fn expected_s(&self) -> f64 {
        let counting = self.variant.kind.system().counting();
        counting.map_or(0.0, |counting| match self.instrument() {
            Instrument::InstructionCounter => counting.counted_s,
            Instrument::Trace => counting.traced_s,
        })
    }

    fn instrument(&self) -> Instrument {
        match self.link {
            LinkKind::VhostUser => Instrument::InstructionCounter,
            _ => Instrument::Trace,
        }
    }

    fn case(&self) -> Case {
        Case {
            variant: self.variant,
            link: LinkChoice::Link(self.link),
        }
    }

    /// Boots the guest and counts, on a thread of its own.
    fn count(
        &self,
        conditions: ProbeConditions<'_>,
        timeout: Duration,
    ) -> (EchoCost, Result<(), ExperimentError>) {
        let ProbeConditions { spec, caller, .. } = conditions;
        let mut system = spec.system(self.case());
        system.guest.accel = conditions.accel;
        let mut cost = EchoCost::default();
        let outcome = on_own_thread(|| {
            let conditions = CountConditions {
                instrument: self.instrument(),
                payload_len: spec.loads.first().payload_len,
                timeout,
                assignment: conditions.assignment,
                caller,
            };
            instrumented_guest::count(&system, conditions, &mut cost)
        });
        (cost, outcome)
    }
}

impl CostReport {
    /// Makes all `probes` that end by the deadline. One that fails is reported to the caller and left out.
    ///
    /// # Errors
    ///
    /// [`ExperimentError::Interrupted`] on an interrupt; the report has the costs counted until then.
    pub fn add(
        &mut self,
        probes: &[CostProbe],
        conditions: ProbeConditions<'_>,
    ) -> Result<(), ExperimentError> {
        let Caller { monitor, interrupt } = conditions.caller;
        for probe in probes {
            let deadline = conditions.deadline;
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.as_secs_f64() < probe.expected_s()) {
                monitor.message(&format_args!(
                    "no look inside {}: no time is left",
                    probe.case()
                ));
                continue;
            }
            let timeout = left.map_or(TIMEOUT, |left| left.min(TIMEOUT));
            let (cost, outcome) = probe.count(conditions, timeout);
            self.0.push((*probe, cost));
            match outcome {
                _ if interrupt.is_set() => return Err(ExperimentError::Interrupted),
                Ok(()) => {}
                Err(error) => monitor.message(&format_args!(
                    "no look inside {}: {}",
                    probe.case(),
                    error.with_causes()
                )),
            }
        }
        Ok(())
    }

    /// Returns `cost` with the figures that were counted of `case`.
    #[must_use]
    pub fn complete(&self, case: Case, cost: SystemCost) -> SystemCost {
        let probes = CostProbe::of(&case);
        let counted = |wanted: &CostProbe| {
            let found = self.0.iter().find(|(probe, _)| probe == wanted);
            found.map(|(_, cost)| *cost)
        };
        let instructions = probes.first().and_then(counted);
        let instructions = instructions.and_then(|cost| cost.instructions);
        let notifications = probes.last().and_then(counted);
        let notifications = notifications.and_then(|cost| cost.notifications);
        SystemCost {
            instructions_per_echo: instructions.map(|count| count.median),
            instructions_quartiles: instructions.map(|count| count.quartiles),
            doorbells_per_echo: notifications.map(|count| count.doorbells),
            interrupts_per_echo: notifications.map(|count| count.interrupts),
            ..cost
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::compare::tests::case;
    use crate::experiment::cost::NotificationsPerEcho;
    use crate::experiment::cost::instructions::InstructionsPerEcho;

    #[test]
    fn each_guest_is_counted_once_and_traced_on_every_other_link() {
        let mut twice = case("hermit", "unix");
        twice.variant.copy = 2;
        let mut old = case("hermit", "vhost-user");
        old.variant.image = Some("old".parse().unwrap());
        let cases = [
            case("hermit", "vhost-user"),
            case("null", "vhost-user"),
            case("hermit", "unix"),
            old,
            twice,
            case("hermit-sockets", "unix"),
            case("linux-guest:busy", "user"),
            case("linux-host:busy", "loopback"),
            case("linux-host:busy", "tap"),
        ];
        let expected = [
            "hermit on vhost-user",
            "hermit on unix",
            "hermit@old on vhost-user",
            "hermit-sockets on vhost-user",
            "hermit-sockets on unix",
            "linux-guest:busy on vhost-user",
            "linux-guest:busy on user",
        ];
        let probes = CostProbe::all(&cases);
        let names: Vec<String> = (probes.iter().map(|probe| probe.case().to_string())).collect();
        assert_eq!(names, expected);
    }

    #[test]
    fn links_have_instructions_in_common_but_not_notifications() {
        let (vhost_user, unix) = (case("hermit", "vhost-user"), case("hermit", "unix"));
        let notifications = |doorbells| {
            Some(NotificationsPerEcho {
                doorbells,
                interrupts: 0.5,
            })
        };
        let costs = [
            EchoCost {
                instructions: Some(InstructionsPerEcho {
                    median: 495.0,
                    quartiles: [494.0, 496.5],
                }),
                notifications: notifications(0.0),
            },
            EchoCost {
                instructions: None,
                notifications: notifications(1.0),
            },
        ];
        let probes = CostProbe::all(&[vhost_user, unix]);
        let report = CostReport(probes.into_iter().zip(costs).collect());
        let figures = |case| {
            let cost = report.complete(case, SystemCost::default());
            (cost.instructions_per_echo, cost.doorbells_per_echo)
        };
        assert_eq!(figures(vhost_user), (Some(495.0), Some(0.0)));
        assert_eq!(figures(unix), (Some(495.0), Some(1.0)));
        assert_eq!(figures(case("hermit", "user")), (Some(495.0), None));
        assert_eq!(figures(case("null", "vhost-user")), (None, None));
        assert_eq!(figures(case("linux-guest", "unix")), (None, None));
    }
}
