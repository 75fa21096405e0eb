//! One boot of a case, and its measurement under each load.

use std::time::Duration;

use super::on_own_thread;
use crate::experiment::boot_directory;
use crate::experiment::measured::Measured;
use crate::experiment::system_under_test::{
    FirstRequest, MeasureRequest, Prepared, Start, SystemUnderTest,
};
use crate::experiment::{Caller, ExperimentError, Validity};
use crate::files::Destination;
use crate::host::assignment::Assignment;
use crate::link::LinkError;
use crate::load::{Mode, Plan};
use crate::machine::{Accel, AccelChoice, MachineError};
use crate::quantity;
use crate::record::{EnvironmentBuilder, Image, Run, RunPosition};
use crate::stats::{Ended, Requested};
use crate::sut::{SutError, SystemKind, SystemSpec};

/// A boot that is to be made and measured.
pub struct CaseBoot<'a> {
    /// The system.
    pub system: &'a SystemSpec,
    /// Name of the target in records.
    pub target: String,
    /// Place of the runs in the comparison.
    pub position: RunPosition,
    /// Percentiles that summaries have beside the standard ones.
    pub percentiles: &'a [Requested],
    /// The loads, which follow each other.
    pub plans: &'a [Plan],
    /// The mode of the comparison's first load, which decides the placement at the start.
    pub mode: Mode,
    /// Longest time beyond the first load's own warm-up until latency has settled.
    pub settle: Duration,
    /// Requirements that each run has to meet.
    pub validity: Validity,
    /// The CPUs to use, if there are two.
    pub assignment: Option<Assignment>,
    /// Destination of what a guest or a process prints.
    pub console_log: Destination,
    /// The image of the case's earlier boots, if there are any: it must not change between rounds.
    pub image: Option<Image>,
    /// The caller.
    pub caller: Caller<'a>,
}

/// The measurements of one boot.
pub struct Measurements {
    /// The runs, load by load.
    pub runs: Vec<(Run, Measured)>,
    /// The accelerator of the guest, if it is one.
    pub accel: Option<AccelChoice>,
}

impl CaseBoot<'_> {
    /// Boots the system on a thread of its own and measures it under each load, until one fails or is
    /// interrupted. `environment` receives the facts about the machine: those of the unikernel, which the report
    /// is about, or of any other guest until there is one.
    ///
    /// # Errors
    ///
    /// Those of [`Prepared::new`] and [`SystemUnderTest::start`]: nothing was measured then.
    pub fn measure(
        self,
        environment: &mut EnvironmentBuilder,
    ) -> Result<Measurements, ExperimentError> {
        on_own_thread(|| self.measure_here(environment))
    }

    fn measure_here(
        self,
        environment: &mut EnvironmentBuilder,
    ) -> Result<Measurements, ExperimentError> {
        let scratch = boot_directory::create()?;
        let prepared = Prepared::new(self.system, scratch.path())?;
        check_image(prepared.image(), self.image.as_ref())?;
        let start = Start {
            system: self.system,
            target: self.target,
            mode: self.mode,
            assignment: self.assignment,
            console_log: self.console_log,
            first: FirstRequest::Timed,
        };
        let mut system = SystemUnderTest::start(start, prepared, self.caller)?;
        let is_recorded = !environment.has_machine() || self.system.kind == SystemKind::Hermit;
        if let Some(machine) = system.machine().filter(|_| is_recorded) {
            environment.set_machine(machine);
        }
        let accel = system.accel().map(|accel| match accel {
            Accel::Kvm => AccelChoice::Kvm,
            Accel::Tcg => AccelChoice::Tcg,
        });
        let mut runs = Vec::new();
        for plan in self.plans {
            // Once latency has settled, the plan's own warm-up is enough.
            let settle_ns = (runs.is_empty()).then_some(self.settle.as_nanos() as u64);
            let request = MeasureRequest {
                plan,
                position: self.position,
                validity: self.validity,
                settle_ns,
                percentiles: self.percentiles,
                keeper: None,
            };
            let (run, measured) = system.measure(&request, self.caller);
            let is_complete = measured.ended == Ended::Completed;
            runs.push((run, measured));
            if !is_complete {
                break;
            }
        }
        system.shutdown();
        Ok(Measurements { runs, accel })
    }
}

/// Checks that `image` has the bytes of that of `earlier` boots.
///
/// # Errors
///
/// [`ExperimentError::ImageChanged`] if it has others.
fn check_image(image: Option<&Image>, earlier: Option<&Image>) -> Result<(), ExperimentError> {
    match (image, earlier) {
        (Some(image), Some(earlier)) if image.sha256 != earlier.sha256 => {
            Err(ExperimentError::ImageChanged {
                path: image.path.clone(),
            })
        }
        _ => Ok(()),
    }
}

/// Returns true if this host lacks something that the system needs: a repeat would fail as well.
pub fn is_impossible_here(error: &ExperimentError) -> bool {
    matches!(
        error,
        ExperimentError::Image { .. }
            | ExperimentError::Link(LinkError::Unavailable { .. })
            | ExperimentError::Sut(
                SutError::NoVhost(_)
                    | SutError::Missing { .. }
                    | SutError::NotAKernel { .. }
                    | SutError::NotStarted { .. }
                    | SutError::Refused { .. }
                    | SutError::ModuleMissing { .. }
            )
            | ExperimentError::Machine(
                MachineError::Fatal { .. }
                    | MachineError::QemuMissing { .. }
                    | MachineError::ImageMissing { .. }
                    | MachineError::KvmUnusable { .. }
            )
    )
}

/// Returns the result of `run` in one line.
#[must_use]
pub fn summary(run: &Run) -> String {
    let time =
        |value: Option<u64>| value.map_or_else(|| "n/a".to_owned(), |ns| quantity::time(ns as f64));
    format!(
        "p50 {}, p99 {} in {}{}",
        time(run.latency_ns.p50),
        time(run.latency_ns.p99),
        quantity::time(run.elapsed_ns as f64),
        if run.valid {
            String::new()
        } else {
            format!("; INVALID: {}", run.invalid_because.join("; "))
        }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_that_was_built_anew_is_not_measured_as_the_old_one() {
        let image = |sha256: &str| Image {
            path: "fathom.elf".into(),
            sha256: sha256.to_owned(),
            bytes: 1,
        };
        let (old, new) = (image("00ff"), image("00fe"));
        assert!(check_image(Some(&old), Some(&old)).is_ok());
        assert!(check_image(Some(&new), None).is_ok(), "the first boot");
        assert!(check_image(None, None).is_ok(), "no guest");
        let error = check_image(Some(&new), Some(&old)).unwrap_err();
        assert!(
            error.to_string().contains("fathom.elf was changed"),
            "{error}"
        );
        assert!(!is_impossible_here(&error));
    }
}
