//! One measurement of one system, or a sweep of its load.

use std::sync::mpsc::SyncSender;
use std::thread;

use super::compare::CostAnalysis;
use super::cost::run_cost;
use super::exclusive::{self, ExclusiveHost};
use super::progress::Monitor;

use super::sweep::{Ladder, Runs};
use super::system_under_test::{FirstRequest, MeasureRequest, Prepared, Start, SystemUnderTest};
use super::{
    Caller, ExperimentError, NothingMeasured, Results, RunSpec, boot_directory, generator,
    keep_image,
};
use crate::files::Scratch;
use crate::host::rights::{self, CapabilityUse};
use crate::load::Content;
use crate::quantity;
use crate::record::unfinished;
use crate::stats::intervals::FinishedInterval;

/// The log of what the guest prints, among the results.
const CONSOLE_LOG: &str = "console.log";

/// An experiment that has all that it needs, the host among it, and can begin.
#[derive(Debug)]
pub struct PreparedRun<'a> {
    spec: &'a RunSpec,
    prepared: Prepared,
    host: ExclusiveHost,
    /// Directory of what is made for this run alone.
    _scratch: Scratch,
}

impl<'a> PreparedRun<'a> {
    /// Finds the parts of the system and waits for the host.
    ///
    /// # Errors
    ///
    /// [`ExperimentError::NotAllowed`] if the CPUs can't be used, [`ExperimentError::Setup`] if there can be
    /// no scratch directory, [`ExperimentError::Lock`] if the host is taken, else as [`Prepared::new`].
    pub fn prepare(spec: &'a RunSpec, caller: Caller<'_>) -> Result<Self, ExperimentError> {
        let assignment = exclusive::assignment(&spec.host, caller.monitor)?;
        let scratch = boot_directory::create()?;
        let prepared = Prepared::new(&spec.system, scratch.path())?;
        let host = ExclusiveHost::take(&spec.host, assignment, caller)?;
        Ok(Self {
            spec,
            prepared,
            host,
            _scratch: scratch,
        })
    }

    /// Starts the system, measures it, and writes the results to `results`.
    ///
    /// # Errors
    ///
    /// [`NothingMeasured`] if the system could not be started. The inner error is that of [`Runs::conclude`].
    pub fn carry_out(
        self,
        results: &dyn Results,
        caller: Caller<'_>,
    ) -> Result<Result<(), ExperimentError>, NothingMeasured> {
        let expected_ns = self.spec.plan.expected_ns();
        let is_long = expected_ns.is_some_and(|expected_ns| expected_ns >= unfinished::LONG_NS);
        if !is_long || self.spec.sweep.is_some() {
            return self.measure(results, caller, None);
        }
        // Before this thread has CPUs and a priority of its own, which a thread that it starts would have as well.
        thread::scope(|scope| {
            let (keeper, finished) = unfinished::channel();
            scope.spawn(move || {
                rights::keep_in_this_thread(CapabilityUse::Files);
                unfinished::keep(results.directory(), finished);
            });
            self.measure(results, caller, Some(keeper))
        })
    }

    /// As [`Self::carry_out`]; intervals that are over go to `keeper`.
    fn measure(
        self,
        results: &dyn Results,
        caller: Caller<'_>,
        keeper: Option<SyncSender<FinishedInterval>>,
    ) -> Result<Result<(), ExperimentError>, NothingMeasured> {
        let spec = self.spec;
        let (_cpu_latency, mut environment) = self.host.examine();
        let (link, assignment) = (spec.system.link, self.host.assignment.as_ref());
        let ladder = spec.sweep.map(|arrivals| Ladder {
            arrivals,
            generator: generator::limits(link, assignment, &spec.plan, arrivals),
        });
        let start = Start {
            system: &spec.system,
            target: spec.system.kind.name().to_owned(),
            mode: spec.plan.mode,
            assignment: self.host.assignment.clone(),
            console_log: results.directory().log(CONSOLE_LOG),
            first: FirstRequest::Measured,
        };
        let mut system =
            SystemUnderTest::start(start, self.prepared, caller).map_err(NothingMeasured)?;
        if let Some(machine) = system.machine() {
            if let (Some(image), true) = (&machine.image, spec.system.kind.is_unikernel()) {
                keep_image(results, image, caller.monitor);
            }
            environment.set_machine(machine);
        }
        let mut runs = Runs::new(environment, results, caller.monitor);
        runs.measure(&spec.plan, ladder, |plan, position| {
            let request = MeasureRequest {
                plan,
                position,
                validity: spec.validity,
                settle_ns: None,
                percentiles: results.percentiles(),
                keeper: keeper.as_ref(),
            };
            system.measure(&request, caller)
        });
        runs.measured_beside(self.host.others());
        warn_of_other_replies(spec, runs.corrupted(), caller.monitor);
        if spec.cost_analysis == CostAnalysis::Included && !caller.interrupt.is_set() {
            // One guest at a time.
            system.shutdown();
            let payload_len = spec.plan.payload_len;
            let assignment = self.host.assignment.as_ref();
            let cost = run_cost::count(&spec.system, payload_len, assignment, caller);
            runs.set_costs(cost.into_iter().collect());
            return Ok(runs.conclude());
        }
        // Written before QEMU is asked to end, so that an impatient second Ctrl-C loses nothing.
        let outcome = runs.conclude();
        system.shutdown();
        Ok(outcome)
    }
}

/// Reports `corrupted` replies of a service that may not be this project's: most likely, its replies are others
/// than was expected.
fn warn_of_other_replies(spec: &RunSpec, corrupted: u64, monitor: &dyn Monitor) {
    let is_named = spec.system.guest.image.is_some();
    let Some(difference) = other_reply(spec.plan.content, is_named).filter(|_| corrupted > 0)
    else {
        return;
    };
    let count = match corrupted {
        1 => "1 reply counts".to_owned(),
        several => format!("{} replies count", quantity::count(several)),
    };
    monitor.message(&format_args!("{count} as corrupted: {difference}"));
}

/// Returns the likely difference of a corrupted reply to a request with `content`; `None` for requests of padding to
/// this project's own image. `is_named` is true of an image that was named, which may be another's.
fn other_reply(content: Option<Content>, is_named: bool) -> Option<String> {
    const DAMAGED: &str = "or the header is damaged";
    match content {
        Some(Content {
            reply: Some(expected),
            ..
        }) => Some(format!(
            "after the header there are not the {} bytes that are expected, {DAMAGED}",
            expected.len()
        )),
        Some(Content { request, .. }) => Some(format!(
            "after the header there are more than the {} bytes sent, {DAMAGED}",
            request.len()
        )),
        None if is_named => Some(
            "a service of your own may answer otherwise than an echo: name what it is sent with `--request FILE`, and \
             what must come back with `--expect FILE`"
                .to_owned(),
        ),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_corrupted_reply_comes_with_what_was_expected_of_it() {
        let content = Content {
            request: b"loud",
            reply: Some(b"LO"),
        };
        let text = other_reply(Some(content), true).unwrap();
        assert!(text.contains("not the 2 bytes that are expected"), "{text}");
        let text = other_reply(
            Some(Content {
                reply: None,
                ..content
            }),
            true,
        );
        assert!(text.unwrap().contains("more than the 4 bytes sent"));
        let text = other_reply(None, true).unwrap();
        assert!(text.contains("--request FILE"), "{text}");
        assert_eq!(other_reply(None, false), None);
    }
}
