//! The system `null`: a thread of this process in the service's place, the floor of every other figure.
//!
//! - [`reflector`]: the thread, at the other end of a link;
//! - [`shared_memory`]: the same on the virtqueues of link vhost-user;
//! - [`response`]: its replies.

use std::path::Path;
use std::sync::mpsc::{self, Sender};

use super::{
    Backend, Counting, Facts, LaunchPlan, LinkChoice, RunningSystem, SutError, System, SystemKind,
    SystemSpec, linux_host, linux_service,
};
use crate::host::assignment::Assignment;
use crate::host::kernel_counters::Threads;
use crate::host::placement::{Placement, Work, bind_to, place_beside};
use crate::link::{Family, Link, LinkError, LinkKind, with_faults};

#[cfg(test)]
pub mod immediate;
pub mod reflector;
pub mod response;
pub mod shared_memory;

use reflector::Reflector;
pub use response::{BOOT_ID, Offer};

/// Problem with a link that QEMU makes.
const NO_QEMU_NETWORK: &str = "there is no QEMU network without a guest: choose another link for null than `user` \
     with `--link`";

/// A thread that answers in the guest's place.
#[derive(Debug)]
pub struct Null;

impl System for Null {
    fn kind(&self) -> SystemKind {
        SystemKind::Null
    }

    fn answered_by(&self, _: Option<&str>) -> Option<&'static str> {
        Some("native: answered by a thread of fathom in the guest's place, no guest")
    }

    fn default_link(&self) -> LinkChoice {
        LinkChoice::Link(LinkKind::VhostUser)
    }

    fn link_problem(&self, link: LinkChoice) -> Option<&'static str> {
        match link {
            LinkChoice::Link(LinkKind::VhostUser | LinkKind::Unix | LinkKind::Tap)
            | LinkChoice::Loopback => None,
            // What answers on a link has to be written for it; QEMU's own network has nobody without QEMU.
            LinkChoice::Link(_) => Some(NO_QEMU_NETWORK),
        }
    }

    fn problem(&self, spec: &SystemSpec) -> Option<&'static str> {
        if spec.family == Family::V6 || spec.guest.pcap.is_some() {
            Some("null has no guest: leave out `--ipv6` and `--pcap`")
        } else if spec.guest.ip.is_some() {
            Some("null has no guest: leave out `--ip`")
        } else {
            linux_service::problem_without_linux(spec)
        }
    }

    fn without_foreign_options(&self, spec: SystemSpec) -> SystemSpec {
        linux_host::without_guest_options(spec)
    }

    fn prepare(&self, _: &SystemSpec, _: &Path) -> Result<LaunchPlan, SutError> {
        Ok(LaunchPlan::Thread)
    }

    fn start_s(&self) -> f64 {
        1.0
    }

    fn counting(&self) -> Option<Counting> {
        None
    }
}

/// The thread that answers, before and after it is placed.
struct Thread {
    /// Sender of its CPU. The thread waits for that, or for the end of this, before it answers: this is
    /// dropped first.
    cpu: Option<Sender<usize>>,
    reflector: Reflector,
    link: LinkChoice,
}

/// Starts the thread at the other end of a link.
pub(super) fn start(spec: &SystemSpec) -> Result<RunningSystem, SutError> {
    // The thread is there before this one gets the right to go first, which it would inherit.
    let (cpu, own_cpu) = mpsc::channel();
    let prepare = move || {
        if let Ok(cpu) = own_cpu.recv() {
            bind_to(cpu);
        }
    };
    let offer = Offer {
        service: spec.service,
        dscp: spec.dscp,
        mtu: spec.guest.mtu,
    };
    let (reflector, link) = match spec.link {
        LinkChoice::Link(LinkKind::VhostUser) => {
            let (reflector, link) = shared_memory::start(offer, prepare)?;
            Ok((reflector, with_faults(link, spec.fault)))
        }
        LinkChoice::Link(LinkKind::Unix) => {
            let (reflector, link) = reflector::on_unix(offer, prepare)?;
            Ok((reflector, with_faults(link, spec.fault)))
        }
        LinkChoice::Link(LinkKind::Tap) => boxed(reflector::on_tap(offer, prepare)),
        LinkChoice::Loopback => boxed(reflector::on_loopback(offer, prepare)),
        LinkChoice::Link(_) => return Err(SutError::Incompatible(NO_QEMU_NETWORK)),
    }?;
    let thread = Thread {
        reflector,
        link: spec.link,
        cpu: Some(cpu),
    };
    Ok(RunningSystem {
        backend: Box::new(thread),
        link,
        facts: Facts {
            address: "a thread of this process".to_owned(),
            boot_id: BOOT_ID,
            ..Facts::default()
        },
    })
}

impl Backend for Thread {
    fn check(&self) -> Result<(), SutError> {
        Ok(())
    }

    fn place(&mut self, _: Work, assignment: Option<&Assignment>) -> Placement {
        let placement = place_beside(
            if self.link.is_polled() {
                Work::Polls
            } else {
                Work::Replies
            },
            assignment,
        );
        if let (Some(own_cpu), Some(cpu)) = (self.cpu.take(), placement.cpu()) {
            // It waits for this, so it hears it.
            let _ = own_cpu.send(cpu);
        }
        placement
    }

    fn placed_thread(&self) -> &'static str {
        "the answering thread"
    }

    fn threads(&mut self, _: bool) -> Threads {
        Threads {
            answering: self.reflector.thread_id(),
            carrying: None,
        }
    }
}

fn boxed<L: Link + 'static>(
    started: Result<(Reflector, L), LinkError>,
) -> Result<(Reflector, Box<dyn Link>), LinkError> {
    started.map(|(reflector, link)| (reflector, Box::new(link) as Box<dyn Link>))
}
