//! The service in a Hermit unikernel: an image that needs nothing else, on the reflector or on smoltcp.

use std::path::Path;

use super::boot_args::{self, Idle, TSC_KHZ};
use super::{
    BootImage, Counting, CountingClock, GuestSpec, LaunchPlan, LinkChoice, LinuxSpec, RequestQueue,
    Responder, SMOLTCP, SutError, System, SystemKind, SystemSpec, built_file, guest, linux_service,
};
use crate::machine::DEFAULT_MEMORY_MIB;

/// The image's name among built things.
const IMAGE: &str = "fathom.elf";

/// The unikernel.
#[derive(Debug)]
pub struct Hermit;

impl System for Hermit {
    fn kind(&self) -> SystemKind {
        SystemKind::Hermit
    }

    fn answered_by(&self, responder: Option<&str>) -> Option<&'static str> {
        match responder {
            None => Some("answered in the receive ring, below smoltcp"),
            Some(SMOLTCP) => Some("answered by smoltcp's UDP socket, through its whole stack"),
            Some(_) => None,
        }
    }

    fn responder(&self, name: &str) -> Result<Responder, String> {
        if name == SMOLTCP {
            return Ok(Responder::Smoltcp);
        }
        Err(format!(
            "hermit has no mode {name}: there is hermit and hermit:smoltcp"
        ))
    }

    fn default_link(&self) -> LinkChoice {
        guest::DEFAULT_LINK
    }

    fn link_problem(&self, link: LinkChoice) -> Option<&'static str> {
        guest::link_problem(link)
    }

    fn problem(&self, spec: &SystemSpec) -> Option<&'static str> {
        let names_another = spec.responder == Some(Responder::Smoltcp)
            && (spec.guest.answer_path()).is_some_and(|path| path != SMOLTCP);
        if names_another {
            return Some(
                "`--boot-arg path=` names another than `--target hermit:smoltcp`: leave one of them out",
            );
        }
        linux_service::problem_without_linux(spec)
    }

    fn without_foreign_options(&self, spec: SystemSpec) -> SystemSpec {
        guest::without_vhost_elsewhere(SystemSpec {
            linux: LinuxSpec::default(),
            ..spec
        })
    }

    fn prepare(&self, spec: &SystemSpec, _: &Path) -> Result<LaunchPlan, SutError> {
        Ok(LaunchPlan::Guest(boot_image(
            &spec.guest.clone().serving(&spec.service),
            Idle::Spin,
        )?))
    }

    fn start_s(&self) -> f64 {
        1.5
    }

    fn counting(&self) -> Option<Counting> {
        Some(Counting {
            traced_s: 2.0,
            counted_s: 2.0,
            queue: RequestQueue::Ring,
            clock: CountingClock::BootArgument(TSC_KHZ),
        })
    }
}

/// Returns the unikernel as `guest` describes it: the image that it names, else the built one.
///
/// # Errors
///
/// [`SutError::Incompatible`] if its boot arguments can't be handed over, [`SutError::Untrusted`] if another
/// user can have put the image there.
pub fn boot_image(guest: &GuestSpec, idle: Idle) -> Result<BootImage, SutError> {
    let image = match &guest.image {
        Some(path) => path.clone(),
        None => built_file(IMAGE)?,
    };
    Ok(BootImage {
        image,
        initrd: None,
        boot_args: boot_args::line(guest, idle)?,
        memory_mib: guest.memory_mib.unwrap_or(DEFAULT_MEMORY_MIB),
        modern_device: false,
    })
}
