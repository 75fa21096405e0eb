//! A system that was started to be measured: once by a run, again and again by a sweep or a comparison.

use std::path::Path;
use std::sync::mpsc::SyncSender;

use super::floor::Floor;
use super::measure::{Conditions, measure};
use super::measured::Measured;
use super::placing::{self, FASTER_UNPLACED};
use super::progress::Subject;
use super::{Caller, ExperimentError, Validity};
use crate::files::Destination;
use crate::host::activity::Observed;
use crate::host::assignment::Assignment;
use crate::host::memory_lock::{Locked, lock_this_process};
use crate::host::placement::{Placement, Work};
use crate::host::rights::{self, CapabilityUse};
use crate::load::{Mode, Plan};
use crate::machine::Accel;
use crate::record::run::{ClientLabels, CounterReadings, LiveView, Readings};
use crate::record::system_label;
use crate::record::{GuestMachine, Image, Run, RunFacts, RunLabels, RunPosition};
use crate::stats::Requested;
use crate::stats::intervals::FinishedInterval;
use crate::sut::{LaunchPlan, RunningSystem, SystemSpec};

mod first_request;

pub use first_request::FirstRequest;

/// A system with all its parts found, not started yet.
#[derive(Debug)]
pub struct Prepared {
    launch: LaunchPlan,
    /// The image for the record, if it is a guest.
    image: Option<Image>,
}

impl Prepared {
    /// Finds the parts of `system`; what has to be made of them goes to `scratch`.
    ///
    /// # Errors
    ///
    /// [`ExperimentError::Image`] if the image can't be read, [`ExperimentError::Sut`] if another part is
    /// missing or unfit, or if another user can have put it there.
    pub fn new(system: &SystemSpec, scratch: &Path) -> Result<Self, ExperimentError> {
        let launch = system.kind.system().prepare(system, scratch)?;
        let image = match &launch {
            LaunchPlan::Guest(guest) => {
                let image = Image::read(&guest.image);
                Some(image.map_err(|source| ExperimentError::Image {
                    path: guest.image.clone(),
                    source,
                })?)
            }
            LaunchPlan::Process(_) | LaunchPlan::Thread => None,
        };
        Ok(Self { launch, image })
    }

    /// Returns the image, if it is a guest.
    #[must_use]
    pub const fn image(&self) -> Option<&Image> {
        self.image.as_ref()
    }
}

/// Conditions of a start.
#[derive(Debug)]
pub struct Start<'a> {
    /// The system to start.
    pub system: &'a SystemSpec,
    /// Name of the target in records.
    pub target: String,
    /// The mode of the load that it is measured by first, which decides its placement.
    pub mode: Mode,
    /// The CPUs to take, if there are two.
    pub assignment: Option<Assignment>,
    /// Destination of what a guest or a process prints.
    pub console_log: Destination,
    /// Use of the first request.
    pub first: FirstRequest,
}

/// A measurement to be made.
#[derive(Clone, Copy, Debug)]
pub struct MeasureRequest<'a> {
    /// The load.
    pub plan: &'a Plan,
    /// Place in the experiment.
    pub position: RunPosition,
    /// Requirements that the result has to meet.
    pub validity: Validity,
    /// Longest time beyond the plan's own for which warm-up goes on until latency has settled, in nanoseconds;
    /// `None` to leave it at the plan's.
    pub settle_ns: Option<u64>,
    /// Percentiles that summaries have beside the standard ones.
    pub percentiles: &'a [Requested],
    /// Receiver of intervals that are over.
    pub keeper: Option<&'a SyncSender<FinishedInterval>>,
}

/// A system that answers, and how this thread and the system are placed.
///
/// It belongs to the thread that started it, and has changed that thread's CPUs and priority, and given up the
/// capabilities that starting it took: the next one is to be started on another thread.
pub struct SystemUnderTest {
    running: RunningSystem,
    labels: RunLabels,
    image: Option<Image>,
    /// Time from its start to its first reply in nanoseconds, until a record has it.
    first_reply_ns: Option<u64>,
    /// The CPUs to take, if there are two.
    assignment: Option<Assignment>,
    placement: Placement,
    /// The measuring thread's work for which it was placed, if it was.
    placed_for: Option<Work>,
}

impl SystemUnderTest {
    /// Starts the system, opens the link, and places both threads.
    ///
    /// # Errors
    ///
    /// [`ExperimentError::Interrupted`] if the caller has given up; else [`ExperimentError::Machine`],
    /// [`ExperimentError::Link`] or [`ExperimentError::Sut`].
    pub fn start(
        start: Start<'_>,
        prepared: Prepared,
        caller: Caller<'_>,
    ) -> Result<Self, ExperimentError> {
        let Start {
            system,
            target,
            mode,
            assignment,
            console_log,
            first,
        } = start;
        let Prepared { launch, image } = prepared;
        let mut running = caller.watch_boot(|watch| launch.start(system, console_log, watch))?;
        let first_reply_ns = first.reply_ns(&mut running, caller.interrupt);
        let work = placing::work(running.link.is_polled(), mode);
        let backend = running.backend.as_mut();
        let placement = match work {
            None if backend.is_placed_by_work() => Placement::Unchanged(FASTER_UNPLACED.to_owned()),
            work => backend.place(work.unwrap_or(Work::Replies), assignment.as_ref()),
        };
        let instrument_lock = lock_this_process();
        rights::keep_in_this_thread(CapabilityUse::Started);
        Ok(Self {
            labels: RunLabels {
                target,
                image: image.clone(),
                memory_locked: Some(Locked::new(running.backend.memory_lock(), instrument_lock)),
                ..labels(system, &running)
            },
            running,
            image,
            first_reply_ns,
            assignment,
            placement,
            placed_for: work,
        })
    }

    /// Returns the accelerator of a guest; `None` for any other system.
    #[must_use]
    pub const fn accel(&self) -> Option<Accel> {
        self.running.facts.accel
    }

    /// Returns the guest's machine, if it is a guest.
    #[must_use]
    pub fn machine(&mut self) -> Option<GuestMachine> {
        let emulator = self.running.backend.emulator()?;
        Some(GuestMachine {
            qemu_version: emulator.version,
            qemu_rights: emulator.rights,
            accel: emulator.accel.name().to_owned(),
            accel_reason: emulator.accel_reason,
            image: self.image.clone(),
        })
    }

    /// Makes a measurement, with the floors before and after where memory is shared.
    pub fn measure(&mut self, request: &MeasureRequest<'_>, caller: Caller<'_>) -> (Run, Measured) {
        self.place_for(request.plan.mode);
        let plan = &Plan {
            wait_rule: placing::wait_rule(&self.placement),
            ..*request.plan
        };
        let target = system_label::label(&self.labels.target, self.labels.responder.as_deref());
        let live_view = caller.monitor.subject(&Subject {
            target: &target,
            link: &self.labels.link,
            position: request.position,
            plan,
            cpus: self.placement.cpus(),
            thread: rustix::thread::gettid(),
        });
        let shared_cpu = self.shared_cpu();
        let floor = || shared_cpu.map(|cpu| Floor::measure(cpu, plan.payload_len));
        let floor_before = floor();
        let RunningSystem {
            backend,
            link,
            facts,
        } = &mut self.running;
        // Costs the guest nothing: the counters are read from its memory.
        let counters_before = backend.counters();
        let signals_before = link.signals();
        let observed = Observed::new(self.placement.cpus(), backend.pid());
        let threads = backend.threads(link.is_polled());
        let conditions = Conditions {
            settle_ns: request.settle_ns,
            boot_id: plan.protocol.has_boot_id().then_some(facts.boot_id),
            threads,
            own_threads: &|| backend.own_threads(),
            health: &|| Ok(backend.check()?),
            validity: request.validity,
            observed: Some(&observed),
            keeper: request.keeper,
            caller,
        };
        let measured = measure(plan, &conditions, link.as_mut());
        let signals = link.signals().zip(signals_before);
        let floors = floor_before.zip(floor());
        let resident_bytes = backend.resident_bytes();
        let counters_after = match measured.failure {
            None => backend.counters(),
            Some(_) => None,
        };
        // The first request was warm-up, once.
        let first_reply_ns = self.first_reply_ns.take();
        let run = measured.record(RunFacts {
            labels: RunLabels {
                placement: Some(
                    self.placement.of(backend.placed_thread())
                        + live_view.map_or("", LiveView::in_placement),
                ),
                live_view,
                cpus: self.placement.cpus(),
                ..self.labels.clone()
            },
            position: request.position,
            plan,
            readings: Readings {
                first_requests: u64::from(first_reply_ns.is_some()),
                first_reply_ns,
                resident_bytes,
                signals: signals.map(|(now, before)| now.since(&before)),
                floors: floors.map(|(before, after)| Floor::pair(before, after)),
                counters: CounterReadings {
                    before: counters_before,
                    after: counters_after,
                },
            },
            percentiles: request.percentiles,
        });
        (run, measured)
    }

    /// Returns the service's CPU, if this side polls memory that it shares with it.
    fn shared_cpu(&self) -> Option<usize> {
        let cpu = self.placement.cpu();
        cpu.filter(|_| self.running.link.is_polled())
    }

    /// Places a guest for the work of the measuring thread under a load of `mode`, unless its placement is for
    /// that already: the plans of a sweep and of a comparison go from one load to the other.
    fn place_for(&mut self, mode: Mode) {
        let work = placing::work(self.running.link.is_polled(), mode);
        let backend = self.running.backend.as_mut();
        let Some(work) = work.filter(|_| backend.is_placed_by_work()) else {
            return;
        };
        if self.placed_for != Some(work) {
            self.placed_for = Some(work);
            self.placement = backend.place(work, self.assignment.as_ref());
        }
    }

    /// Ends it, a machine politely.
    pub fn shutdown(self) {
        self.running.backend.shutdown();
    }
}

/// Returns the labels of its records, all but the target's name, what is locked, and the placement.
fn labels(system: &SystemSpec, running: &RunningSystem) -> RunLabels {
    let facts = &running.facts;
    RunLabels {
        responder: system.responder.map(|mode| mode.name().to_owned()),
        address: facts.address.clone(),
        link: running.link.name().to_owned(),
        client: ClientLabels {
            dscp: Some(system.dscp.number()).filter(|&number| number != 0),
            ..ClientLabels::default()
        },
        vhost: facts.vhost.clone(),
        mtu: system.guest.mtu.unusual(),
        accel: facts.accel.map(|accel| accel.name().to_owned()),
        boot_ms: facts.boot_ns.map(|ns| ns as f64 / 1e6),
        guest_boot_ms: facts.guest_boot_us.map(|us| us as f64 / 1e3),
        image_bytes: facts.image_bytes,
        memory_bytes: facts.memory_bytes,
        board: (facts.accel).map(|_| system.guest.machine.name().to_owned()),
        guest_cpu: (facts.accel).map(|accel| match &system.guest.cpu {
            Some(model) => model.clone(),
            None => accel.default_cpu_model().to_owned(),
        }),
        prealloc: running.backend.is_preallocated(),
        ..RunLabels::default()
    }
}
