//! The target `null`: a thread of this process in the service's place.

use std::sync::mpsc;

use super::CliError;
use super::way::Way;
use crate::link::reflector::{self, Reflector};
use crate::link::{Link, LinkError, LinkKind, vhost_user};
use crate::machine::{bind_to, poll_apart, sleep_apart};
use crate::target::Target;

/// A thread that answers, and the link to it.
pub struct Null {
    /// The thread, for as long as this is kept.
    pub reflector: Reflector,
    /// The link.
    pub link: Box<dyn Link>,
    /// The thread's CPU, if this side polls memory that it shares with it.
    pub shared_cpu: Option<usize>,
    /// Which CPUs the two threads have, in words.
    pub placement: String,
}

impl Null {
    /// Starts the thread at the end of `way`, and places it and the calling thread.
    ///
    /// # Errors
    ///
    /// [`CliError::Link`] if there can be no such link here.
    pub fn start(way: Way) -> Result<Self, CliError> {
        // The thread is there before this one gets the right to go first, which it would inherit.
        let (tell, told) = mpsc::channel();
        let prepare = move || {
            if let Ok(cpu) = told.recv() {
                bind_to(cpu);
            }
        };
        let (reflector, link) = match way {
            Way::Link(LinkKind::User) => {
                let problem = way.obstacle(Target::Null).unwrap_or_default();
                return Err(CliError::Usage(problem));
            }
            Way::Link(LinkKind::VhostUser) => boxed(vhost_user::reflector::start(prepare)),
            Way::Link(LinkKind::Unix) => boxed(reflector::on_unix(prepare)),
            Way::Link(LinkKind::Tap) => boxed(reflector::on_tap(prepare)),
            Way::Loopback => boxed(reflector::on_loopback(prepare)),
        }?;
        let is_polled = matches!(way, Way::Link(kind) if kind.is_polled());
        let placed = if is_polled {
            poll_apart().map(|(cpu, measuring)| (cpu, format!("CPU {measuring}")))
        } else {
            sleep_apart().map(|cpu| (cpu, "goes first on the others (SCHED_FIFO)".to_owned()))
        };
        let (cpu, placement) = match placed {
            Ok((cpu, measuring)) => {
                // It waits for this, so it hears it.
                let _ = tell.send(cpu);
                let placement = format!(
                    "the answering thread has CPU {cpu} to itself, the measuring thread {measuring}"
                );
                (Some(cpu), placement)
            }
            Err(why) => (None, format!("left to the scheduler: {why}")),
        };
        Ok(Self {
            reflector,
            link,
            shared_cpu: cpu.filter(|_| is_polled),
            placement,
        })
    }
}

fn boxed<L: Link + 'static>(
    started: Result<(Reflector, L), LinkError>,
) -> Result<(Reflector, Box<dyn Link>), LinkError> {
    started.map(|(reflector, link)| (reflector, Box::new(link) as Box<dyn Link>))
}
