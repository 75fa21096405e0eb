//! The record of an environment while an experiment goes on: the host at the start, the guest's machine once there
//! is one, and disturbances by others.

use super::{Environment, Image};
use crate::host::assignment::Assignment;
use crate::host::process::Process;
use crate::host::process_rights::ProcessRights;
use crate::record::Run;

/// The machine of a guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuestMachine {
    /// QEMU's version; `None` if it does not tell.
    pub qemu_version: Option<String>,
    /// Rights of QEMU's process; `None` if the kernel does not tell.
    pub qemu_rights: Option<ProcessRights>,
    /// The accelerator's name.
    pub accel: String,
    /// Reason for that accelerator.
    pub accel_reason: String,
    /// The image.
    pub image: Option<Image>,
}

/// An environment that is still being observed.
#[derive(Clone, Debug)]
pub struct EnvironmentBuilder {
    at_start: Environment,
    machine: Option<GuestMachine>,
    steal_share: Option<f64>,
    concurrent: Vec<Process>,
}

impl EnvironmentBuilder {
    /// Examines this host, on which nothing that is to be measured must run yet: it would be found to be busy.
    /// `host_idle` says what idle CPUs do, and why; `assignment` has the CPUs that are measured on, if they are
    /// chosen.
    #[must_use]
    pub fn examine(host_idle: String, assignment: Option<&Assignment>) -> Self {
        let mut at_start = Environment::now(Some(host_idle));
        let cpus = assignment.map(|assignment| [assignment.cpus.guest, assignment.cpus.measuring]);
        if let (Some(fingerprint), Some(cpus)) = (&mut at_start.fingerprint, cpus) {
            fingerprint.add_cpus(cpus);
        }
        Self {
            at_start,
            machine: None,
            steal_share: None,
            concurrent: Vec::new(),
        }
    }

    /// Returns true if there has been a guest.
    #[must_use]
    pub const fn has_machine(&self) -> bool {
        self.machine.is_some()
    }

    /// Sets the guest's machine. The reason for its accelerator stays that of the first guest: what others boot on
    /// follows from that.
    pub fn set_machine(&mut self, machine: GuestMachine) {
        let first = self.machine.take().map(|first| first.accel_reason);
        self.machine = Some(GuestMachine {
            accel_reason: first.unwrap_or(machine.accel_reason),
            ..machine
        });
    }

    /// Notes the disturbances of `run`.
    pub fn add_run(&mut self, run: &Run) {
        self.steal_share = match (self.steal_share, run.noise.steal_share) {
            (Some(a), Some(b)) => Some(a.max(b)),
            (a, b) => a.or(b),
        };
    }

    /// Sets the other measurements on this host at the same time.
    pub fn set_concurrent(&mut self, others: Vec<Process>) {
        self.concurrent = others;
    }

    /// Returns the record of what has been observed so far.
    #[must_use]
    pub fn record(&self) -> Environment {
        let environment = Environment {
            steal_share: self.steal_share,
            concurrent: self.concurrent.clone(),
            ..self.at_start.clone()
        };
        match &self.machine {
            None => environment,
            Some(machine) => Environment {
                qemu_version: machine.qemu_version.clone(),
                qemu_rights: machine.qemu_rights.clone(),
                accel: Some(machine.accel.clone()),
                accel_reason: Some(machine.accel_reason.clone()),
                image: machine.image.clone(),
                ..environment
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::noise::Noise;
    use crate::record::fixtures;

    fn machine(name: &str) -> GuestMachine {
        GuestMachine {
            qemu_version: Some(format!("of {name}")),
            qemu_rights: None,
            accel: "tcg".to_owned(),
            accel_reason: format!("reason of {name}"),
            image: Some(Image {
                path: name.into(),
                sha256: "00ff".to_owned(),
                bytes: 1,
            }),
        }
    }

    #[test]
    fn the_last_guest_is_recorded_with_the_first_reason() {
        let mut builder = EnvironmentBuilder::examine("poll: a test".to_owned(), None);
        let record = builder.record();
        assert_eq!(record.host_idle.as_deref(), Some("poll: a test"));
        assert!(record.accel.is_none() && record.image.is_none() && !builder.has_machine());
        builder.set_machine(machine("first"));
        builder.set_machine(machine("second"));
        let record = builder.record();
        assert_eq!(record.qemu_version.as_deref(), Some("of second"));
        assert_eq!(record.accel_reason.as_deref(), Some("reason of first"));
        assert_eq!(record.image, machine("second").image);
    }

    #[test]
    fn the_largest_share_of_all_runs_is_recorded() {
        let mut builder = EnvironmentBuilder::examine(String::new(), None);
        assert_eq!(builder.record().steal_share, None);
        for steal_share in [None, Some(0.25), Some(0.5), None, Some(0.125)] {
            builder.add_run(&Run {
                noise: Noise {
                    steal_share,
                    ..Noise::default()
                },
                ..fixtures::closed_run()
            });
        }
        assert_eq!(builder.record().steal_share, Some(0.5));
    }
}
