//! A service that is up, and the link to it: what `run` measures once and `compare` again and again.

use std::fs;
use std::net::{Ipv6Addr, SocketAddr};

use super::floor::Floor;
use super::generator;
use super::interrupt::Interrupt;
use super::measure::{Conditions, Measured, measure};
use super::null::Null;
use super::recipe::Recipe;
use super::{CliError, linux, machine};
use crate::experiment::Validity;
use crate::files::Destination;
use crate::host::activity::Observed;
use crate::host::assignment::{Assignment, Cpus};
use crate::host::memory::{Locked, lock_this_process};
use crate::host::placement::{Placement, Work};
use crate::link::turn::BOOT_ID;
use crate::link::{self, Family, Link, LinkKind};
use crate::load::{Arrivals, Mode, Plan, WaitRule};
use crate::machine::{Machine, Vhost};
use crate::record::run::{GuestCounters, Losses, Sent};
use crate::record::{Environment, Image, Run, Setting};
use crate::sut::LinkChoice;
use crate::sut::{BootImage, GuestSpec, SystemKind, SystemSpec};

mod footprint;
mod service;

pub use footprint::FirstRequest;
use footprint::Footprint;
use service::Service;

/// A service that is up. It belongs to the thread that started it, and has changed that thread's
/// place among the CPUs: the next one is best started on another.
pub struct Subject {
    service: Service,
    link: Box<dyn Link>,
    setting: Setting,
    boot_id: u32,
    footprint: Footprint,
    /// The CPUs to take, if there are two.
    assignment: Option<Assignment>,
    /// The CPUs that were taken.
    cpus: Option<Cpus>,
    /// Rule for the waits of an open loop there.
    wait_rule: WaitRule,
    /// Outcome of locking this program's memory; the error is the reason, in words.
    instrument_lock: Result<(), String>,
    /// Choice between the host's kernel and QEMU for the guest's rings, on link `tap`.
    vhost: Option<Vhost>,
    /// The service's CPU, if this side polls memory that it shares with it.
    shared_cpu: Option<usize>,
}

/// Conditions of a start.
pub struct Start<'a> {
    /// The system to start.
    pub system: &'a SystemSpec,
    /// The mode of the load that it is measured by first, which decides its placement.
    pub mode: Mode,
    /// The CPUs to take, if there are two.
    pub assignment: Option<Assignment>,
    /// Destination of what a guest or a process prints.
    pub console_log: Destination,
    /// Use of the first request, before anything else; one that is asked counts as warm-up.
    pub first: FirstRequest,
}

impl Subject {
    /// Starts what `start` says and opens the link.
    ///
    /// # Errors
    ///
    /// [`CliError::Interrupted`] on Ctrl-C, else what was in the way.
    pub fn start(
        start: Start<'_>,
        recipe: Recipe,
        interrupt: &Interrupt,
    ) -> Result<Self, CliError> {
        match recipe {
            Recipe::Guest { bootable, image } => Self::guest(start, (bootable, image), interrupt),
            Recipe::Host => Self::host(start, interrupt),
            Recipe::Thread => Self::thread(start.system, start.assignment),
        }
    }

    fn guest(
        start: Start<'_>,
        (bootable, image): (BootImage, Image),
        interrupt: &Interrupt,
    ) -> Result<Self, CliError> {
        let Start {
            system,
            mode,
            assignment,
            console_log,
            first,
        } = start;
        let guest = &system.guest;
        let image_bytes = bootable.bytes();
        let memory_bytes = u64::from(bootable.memory_mib) << 20;
        let LinkChoice::Link(kind) = system.link else {
            let problem = system.link.incompatibility(system.kind).unwrap_or_default();
            return Err(CliError::Usage(problem));
        };
        let vhost = vhost_for(kind, guest)?;
        let (netdev, opener) = link::prepare(link::Options {
            kind,
            family: system.family,
            host_port: guest.host_port,
            guest_port: guest.port,
            pcap: guest.pcap.clone(),
            vhost: vhost.as_ref().is_some_and(|vhost| vhost.is_on),
        })?;
        let mut machine = machine::boot(guest, bootable, netdev, console_log, interrupt)?;
        let vhost = match vhost {
            Some(vhost) if vhost.is_on => {
                let has_started = machine.vhost_has_started();
                Some(vhost.confirm(guest.vhost, has_started)?)
            }
            vhost => vhost,
        };
        let mut link = opener.open(&machine)?;
        let first_reply_ns = first.reply_ns(link.as_mut(), machine.started_at_ns(), interrupt);
        let placed_for = is_placed(kind, mode).then(|| work(kind, mode));
        let placement = if let Some(work) = placed_for {
            machine.place(work, assignment.as_ref())
        } else {
            Placement::Unchanged(FASTER_UNPLACED.to_owned())
        };
        let ready = machine.ready();
        Ok(Self {
            setting: Setting {
                target: system.kind.name().to_owned(),
                responder: system.responder.map(|it| it.name().to_owned()),
                address: address(system.family, &machine).to_string(),
                link: link.name().to_owned(),
                accel: Some(machine.accel().name().to_owned()),
                boot_ms: Some(machine.boot_host_ns() as f64 / 1e6),
                guest_boot_ms: Some(ready.boot_us as f64 / 1e3),
                placement: Some(placement.of(VIRTUAL_CPU)),
            },
            boot_id: ready.boot_id,
            footprint: Footprint {
                first_reply_ns,
                image_bytes,
                memory_bytes: Some(memory_bytes),
            },
            assignment,
            cpus: placement.cpus(),
            wait_rule: wait_rule(&placement),
            instrument_lock: lock_this_process(),
            vhost,
            shared_cpu: placement.cpu().filter(|_| kind.is_polled()),
            link,
            service: Service::Guest {
                machine: Box::new(machine),
                image,
                kind,
                placed_for,
            },
        })
    }

    fn host(start: Start<'_>, interrupt: &Interrupt) -> Result<Self, CliError> {
        let Start {
            system,
            mode: _,
            assignment,
            console_log,
            first,
        } = start;
        let (host, mut link) = linux::host(system, console_log, interrupt)?;
        let address = host.address();
        let first_reply_ns = first.reply_ns(link.as_mut(), host.started_at_ns(), interrupt);
        let placement = host.place(assignment.as_ref());
        Ok(Self {
            setting: Setting {
                target: system.kind.name().to_owned(),
                responder: system.responder.map(|it| it.name().to_owned()),
                address: address.to_string(),
                link: link.name().to_owned(),
                accel: None,
                boot_ms: None,
                guest_boot_ms: None,
                placement: Some(placement.of("the responder")),
            },
            boot_id: host.ready().boot_id,
            footprint: Footprint {
                first_reply_ns,
                image_bytes: fs::metadata(linux::responder()?).ok().map(|it| it.len()),
                memory_bytes: None,
            },
            assignment,
            cpus: placement.cpus(),
            wait_rule: wait_rule(&placement),
            instrument_lock: lock_this_process(),
            vhost: None,
            shared_cpu: None,
            link,
            service: Service::Host(host),
        })
    }

    fn thread(system: &SystemSpec, assignment: Option<Assignment>) -> Result<Self, CliError> {
        let null = Null::start(system.link, assignment.as_ref())?;
        Ok(Self {
            setting: Setting {
                target: SystemKind::Null.name().to_owned(),
                responder: None,
                address: "a thread of this process".to_owned(),
                link: null.link.name().to_owned(),
                accel: None,
                boot_ms: None,
                guest_boot_ms: None,
                placement: Some(null.placement.of("the answering thread")),
            },
            boot_id: BOOT_ID,
            footprint: Footprint::default(),
            cpus: null.placement.cpus(),
            wait_rule: wait_rule(&null.placement),
            instrument_lock: lock_this_process(),
            vhost: None,
            shared_cpu: null.placement.cpu().filter(|_| null.is_polled),
            assignment,
            link: null.link,
            service: Service::Thread {
                reflector: null.reflector,
            },
        })
    }

    /// Adds to `environment` what this knows of it: the image, QEMU, and the accelerator unless that is
    /// there already, with its reason.
    #[must_use]
    pub fn describe(&mut self, environment: Environment) -> Environment {
        let Service::Guest { machine, image, .. } = &mut self.service else {
            return environment;
        };
        let reason = machine.accel_reason().to_owned();
        Environment {
            qemu_version: machine.qemu_version().ok(),
            accel_reason: environment.accel_reason.or(Some(reason)),
            accel: Some(machine.accel().name().to_owned()),
            image: Some(image.clone()),
            ..environment
        }
    }

    /// Measures by `plan`, with the floors before and after where memory is shared. With `settle_ns`
    /// warm-up lasts until latency has settled, but no longer than that beyond the plan's own.
    pub fn measure(
        &mut self,
        plan: &Plan,
        validity: Validity,
        settle_ns: Option<u64>,
        interrupt: &Interrupt,
    ) -> (Run, Measured) {
        self.place_for(plan.mode);
        let plan = &Plan {
            wait_rule: self.wait_rule,
            ..*plan
        };
        let shared_cpu = self.shared_cpu;
        let look = || shared_cpu.map(|cpu| Floor::look(cpu, plan.payload_len));
        let floor_before = look();
        // Costs the guest nothing: the counters are read from its memory.
        let counters_before = self.service.counters();
        let signals_before = self.link.signals();
        let observed = Observed::new(self.cpus, self.service.pid());
        let conditions = Conditions {
            settle_ns,
            boot_id: Some(self.boot_id),
            threads: self.service.threads(self.link.is_polled()),
            validity,
            observed: Some(&observed),
            interrupt,
        };
        let (link, service) = (self.link.as_mut(), &self.service);
        let own_threads = || service.own_threads();
        let health = || service.check();
        let measured = measure(plan, &conditions, link, &own_threads, health);
        let signals = self.link.signals().zip(signals_before);
        let floors = floor_before.zip(look());
        let resident_bytes = self.service.resident_bytes();
        let mut run = measured.record(self.setting.clone(), plan);
        self.footprint.tell(&mut run);
        if let Some(vhost) = &self.vhost {
            run.note_vhost(vhost);
        }
        run.cpus = self.cpus;
        run.prealloc = self.service.is_preallocated();
        run.memory_locked = Some(Locked::new(
            self.service.memory_lock(),
            self.instrument_lock.clone(),
        ));
        run.resident_bytes = resident_bytes;
        run.signals = signals.map(|(now, before)| now.since(&before));
        if let Some((before, after)) = floors {
            let (line, reflector) = Floor::around(before, after);
            run.core_round_trip_ns = Some(line);
            run.reflector_round_trip_ns = Some(reflector);
        }
        if measured.failure.is_none() {
            let counters = self.service.counters();
            run.guest_counters = counters.map(GuestCounters);
            let sent = Sent {
                sent: run.sent + measured.tally.warmup_discarded,
                lost: run.lost,
                dropped_locally: run.dropped_locally,
            };
            run.losses = (counters_before.zip(counters))
                .map(|(before, after)| Losses::between(&before, &after, &sent));
        }
        (run, measured)
    }

    /// Measures how many requests per second the generator itself gets out on this link, with `arrivals`.
    #[must_use]
    pub fn generator_limit(&self, plan: &Plan, arrivals: Arrivals) -> Option<f64> {
        generator::limit(self.link.name(), self.shared_cpu, plan, arrivals)
    }

    /// Places a guest for what the measuring thread does under this load, if it is to be placed and its place is
    /// not for that already: the plans of a sweep and of a comparison go from one load to the other.
    fn place_for(&mut self, mode: Mode) {
        if let Service::Guest {
            machine,
            kind,
            placed_for,
            ..
        } = &mut self.service
            && is_placed(*kind, mode)
            && *placed_for != Some(work(*kind, mode))
        {
            let work = work(*kind, mode);
            *placed_for = Some(work);
            let placement = machine.place(work, self.assignment.as_ref());
            self.setting.placement = Some(placement.of(VIRTUAL_CPU));
            self.cpus = placement.cpus();
            self.wait_rule = wait_rule(&placement);
            self.shared_cpu = placement.cpu().filter(|_| kind.is_polled());
        }
    }

    /// Ends it, a machine politely.
    pub fn shutdown(self) {
        if let Service::Guest { machine, .. } = self.service {
            machine.shutdown();
        }
    }
}

/// A guest's thread that gets a CPU of its own.
const VIRTUAL_CPU: &str = "the virtual CPU";

/// Decides who serves the rings of a guest on link `kind`, where there is a choice.
///
/// # Errors
///
/// [`CliError::NoVhost`] if it is to be the host's kernel, which can't.
pub fn vhost_for(kind: LinkKind, guest: &GuestSpec) -> Result<Option<Vhost>, CliError> {
    match kind {
        LinkKind::Tap => Ok(Some(Vhost::decide(guest.vhost, guest.pcap.is_some())?)),
        LinkKind::User | LinkKind::Unix | LinkKind::VhostUser => Ok(None),
    }
}

/// Reason for not placing a guest.
const FASTER_UNPLACED: &str = "a pipeline is faster so on this link";

/// Returns whether guest and measuring thread get places of their own under this load. A pipeline on a link
/// that sleeps does better where the scheduler puts it: it lives on many frames at a time, and a measuring
/// thread that goes first takes each as it comes. (With 128 in flight on link user that was half the rate.)
fn is_placed(link: LinkKind, mode: Mode) -> bool {
    link.is_polled() || !matches!(mode, Mode::Pipeline { .. })
}

/// Returns the rule for the waits of an open loop of a thread that is placed so.
const fn wait_rule(placement: &Placement) -> WaitRule {
    if placement.may_yield() {
        WaitRule::Yield
    } else {
        WaitRule::Sleep
    }
}

/// Returns the work of the measuring thread under this load.
const fn work(link: LinkKind, mode: Mode) -> Work {
    match (link.is_polled(), mode) {
        (true, _) => Work::Polls,
        (false, Mode::Open { .. }) => Work::Schedule,
        (false, Mode::Closed | Mode::Pipeline { .. }) => Work::Replies,
    }
}

fn address(family: Family, machine: &Machine) -> SocketAddr {
    let ready = machine.ready();
    match (machine.host_port(), family, ready.ip) {
        (Some(port), _, _) => SocketAddr::from(([127, 0, 0, 1], port)),
        (None, Family::V6, _) | (None, _, None) => {
            let any = Ipv6Addr::UNSPECIFIED;
            SocketAddr::from((ready.ip6.map_or(any, |(ip6, _)| ip6), ready.port))
        }
        (None, Family::V4, Some((ip, _))) => SocketAddr::from((ip, ready.port)),
    }
}

#[cfg(test)]
mod tests;
