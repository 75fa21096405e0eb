//! The target `null`: a thread of this process in the service's place.

use std::sync::mpsc;

use super::CliError;
use crate::host::assignment::Assignment;
use crate::host::placement::{Placement, bind_to, place_beside};
use crate::link::reflector::{self, Reflector};
use crate::link::{Link, LinkError, LinkKind, vhost_user};
use crate::sut::LinkChoice;
use crate::sut::SystemKind;

/// A thread that answers, and the link to it.
pub struct Null {
    /// The thread, for as long as this is kept.
    pub reflector: Reflector,
    /// The link.
    pub link: Box<dyn Link>,
    /// True if this side polls memory that it shares with the thread.
    pub is_polled: bool,
    /// CPUs of the two threads.
    pub placement: Placement,
}

impl Null {
    /// Starts the thread at the end of `way`, and places it and the calling thread.
    ///
    /// # Errors
    ///
    /// [`CliError::Link`] if there can be no such link here.
    pub fn start(way: LinkChoice, assignment: Option<&Assignment>) -> Result<Self, CliError> {
        // The thread is there before this one gets the right to go first, which it would inherit.
        let (tell, told) = mpsc::channel();
        let prepare = move || {
            if let Ok(cpu) = told.recv() {
                bind_to(cpu);
            }
        };
        let (reflector, link) = match way {
            LinkChoice::Link(LinkKind::User) => {
                let problem = way.incompatibility(SystemKind::Null).unwrap_or_default();
                return Err(CliError::Usage(problem));
            }
            LinkChoice::Link(LinkKind::VhostUser) => boxed(vhost_user::reflector::start(prepare)),
            LinkChoice::Link(LinkKind::Unix) => boxed(reflector::on_unix(prepare)),
            LinkChoice::Link(LinkKind::Tap) => boxed(reflector::on_tap(prepare)),
            LinkChoice::Loopback => boxed(reflector::on_loopback(prepare)),
        }?;
        let is_polled = matches!(way, LinkChoice::Link(kind) if kind.is_polled());
        let placement = place_beside(is_polled, assignment);
        if let Some(cpu) = placement.cpu() {
            // It waits for this, so it hears it.
            let _ = tell.send(cpu);
        }
        Ok(Self {
            reflector,
            link,
            is_polled,
            placement,
        })
    }
}

fn boxed<L: Link + 'static>(
    started: Result<(Reflector, L), LinkError>,
) -> Result<(Reflector, Box<dyn Link>), LinkError> {
    started.map(|(reflector, link)| (reflector, Box::new(link) as Box<dyn Link>))
}
