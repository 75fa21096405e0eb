//! A guest that is booted to count the cost of an echo. QEMU counts or traces in it, which would distort a
//! latency: none is measured here.

use std::path::Path;
use std::time::{Duration, Instant};

use super::instructions::{self, FeedRate, InstructionsPerEcho};
use super::notifications::{self, NotificationSource, NotificationsPerEcho};
use super::trace::{self, Trace};
use super::{CostError, EchoClient};
use crate::experiment::boot_directory;
use crate::experiment::{Caller, ExperimentError};
use crate::files::Scratch;
use crate::host::assignment::Assignment;
use crate::host::placement::Work;
use crate::link::Link;
use crate::machine::{AccelChoice, Config, Machine};
use crate::sut::guest::{Guest, GuestLaunch};
use crate::sut::{BootImage, Counting, CountingClock, LaunchPlan, RequestQueue, SystemSpec};

/// QEMU's name of the host's CPU model, which only KVM has.
const HOST_CPU: &str = "host";

/// Instrument that counts in a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instrument {
    /// QEMU's instruction counter, under TCG; the link counts notifications (vhost-user).
    InstructionCounter,
    /// QEMU's trace of notifications.
    Trace,
}

/// The cost of an echo, as far as it was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct EchoCost {
    /// Instructions per echo at full load.
    pub instructions: Option<InstructionsPerEcho>,
    /// Doorbells and interrupts per isolated echo.
    pub notifications: Option<NotificationsPerEcho>,
}

/// Conditions of a count.
#[derive(Clone, Copy)]
pub struct CountConditions<'a> {
    /// The instrument.
    pub instrument: Instrument,
    /// Length of the requests' payload, in bytes.
    pub payload_len: usize,
    /// Time for boot and count together.
    pub timeout: Duration,
    /// The CPUs to use, if there are two.
    pub assignment: Option<&'a Assignment>,
    /// The caller.
    pub caller: Caller<'a>,
}

/// A guest in which an instrument counts, and the link to it.
struct InstrumentedGuest<'a> {
    machine: Machine,
    link: Box<dyn Link>,
    source: NotificationSource,
    /// Rule by which instructions are counted, if they are.
    feed_rate: Option<FeedRate>,
    payload_len: usize,
    deadline: Instant,
    caller: Caller<'a>,
    /// Directory of the trace and of all else that only this boot needs.
    _scratch: Scratch,
}

/// Boots `system` and counts the cost of an echo. `cost` receives each figure as soon as it is counted, also if the
/// next can't be.
///
/// # Errors
///
/// [`ExperimentError::Incompatible`] if the system can't be had on its link or has no guest,
/// [`ExperimentError::Cost`] if a figure can't be
/// counted, and the errors of the boot.
pub fn count(
    system: &SystemSpec,
    conditions: CountConditions<'_>,
    cost: &mut EchoCost,
) -> Result<(), ExperimentError> {
    InstrumentedGuest::boot(system, conditions)?.count(cost)
}

impl<'a> InstrumentedGuest<'a> {
    fn boot(system: &SystemSpec, conditions: CountConditions<'a>) -> Result<Self, ExperimentError> {
        let CountConditions {
            instrument,
            payload_len,
            timeout,
            assignment,
            caller,
        } = conditions;
        let deadline = Instant::now() + timeout;
        system.check()?;
        let scratch = boot_directory::create()?;
        let plan = system.kind.system().prepare(system, scratch.path())?;
        let (LaunchPlan::Guest(image), Some(counting)) = (plan, system.kind.system().counting())
        else {
            return Err(ExperimentError::Incompatible(
                "there is no guest to look into",
            ));
        };
        let feed_rate = match instrument {
            Instrument::InstructionCounter => Some(feed_rate(counting.queue)),
            Instrument::Trace => None,
        };
        let image = match instrument {
            Instrument::InstructionCounter => with_clock(image, counting),
            Instrument::Trace => image,
        };
        let console_log = scratch.path().join("console.log");
        let mut launch = GuestLaunch::new(system, image, console_log.into())?;
        launch.config.ready_timeout = timeout;
        let (config, source) = match instrument {
            Instrument::InstructionCounter => (counted(launch.config), NotificationSource::Link),
            Instrument::Trace => traced(launch.config, &scratch.path().join("trace")),
        };
        launch.config = config;
        let guest = caller.watch_boot(|watch| launch.boot(watch))?;
        let Guest {
            mut machine, link, ..
        } = guest;
        if link.is_polled() {
            machine.place(Work::Polls, assignment);
        }
        Ok(Self {
            machine,
            link,
            source,
            feed_rate,
            payload_len,
            deadline,
            caller,
            _scratch: scratch,
        })
    }

    fn count(mut self, cost: &mut EchoCost) -> Result<(), ExperimentError> {
        let machine = &self.machine;
        let is_cancelled = || self.caller.interrupt.is_set() || machine.check().is_err();
        let left = self.deadline.saturating_duration_since(Instant::now());
        let link = self.link.as_mut();
        let mut client = EchoClient::new(link, self.payload_len, left, &is_cancelled);
        let mut count = || -> Result<(), CostError> {
            let source = &mut self.source;
            cost.notifications = Some(notifications::per_isolated_echo(&mut client, source)?);
            if let Some(feed_rate) = self.feed_rate {
                cost.instructions = Some(instructions::per_echo(&mut client, feed_rate)?);
            }
            Ok(())
        };
        let outcome = count();
        // The end of the machine is the cause if the link failed.
        machine.check()?;
        Ok(outcome?)
    }
}

/// Returns the rate at which requests are fed to a guest in which they wait in `queue`.
const fn feed_rate(queue: RequestQueue) -> FeedRate {
    match queue {
        RequestQueue::Ring => FeedRate::RING,
        RequestQueue::Socket => FeedRate::SOCKET,
    }
}

/// Returns the machine with QEMU counting its instructions, which takes TCG.
fn counted(config: Config) -> Config {
    Config {
        accel: AccelChoice::Tcg,
        cpu: config.cpu.filter(|model| model != HOST_CPU),
        extra_qemu_args: instructions::COUNTING.map(Into::into).to_vec(),
        ..config
    }
}

/// Returns the machine with QEMU tracing its notifications to the file `path`, and the reader of that file.
fn traced(config: Config, path: &Path) -> (Config, NotificationSource) {
    let config = Config {
        extra_qemu_args: trace::arguments(path),
        ..config
    };
    (config, NotificationSource::Qemu(Trace::at(path.to_owned())))
}

/// Returns the image with a clock that counts the guest's instructions.
fn with_clock(image: BootImage, counting: Counting) -> BootImage {
    let (name, own) = match counting.clock {
        CountingClock::BootArgument(name) => (name, Some(instructions::HERMIT_CLOCK)),
        CountingClock::Calibrated(name) => (name, None),
    };
    let arguments = image.boot_args.split(' ');
    let arguments = arguments.filter(|argument| !argument.starts_with(name));
    BootImage {
        boot_args: arguments.chain(own).collect::<Vec<_>>().join(" "),
        ..image
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Netdev;
    use crate::sut::SystemKind;

    #[test]
    fn a_counted_guest_has_a_clock_of_instructions() {
        let boot_args = |boot_args: &str, kind: SystemKind| {
            let image = BootImage {
                image: "image".into(),
                initrd: None,
                boot_args: boot_args.to_owned(),
                memory_mib: 32,
                modern_device: false,
            };
            with_clock(image, kind.system().counting().unwrap()).boot_args
        };
        let line = "port=1 tsc_khz=2599998 log=info";
        for kind in [SystemKind::Hermit, SystemKind::HermitSockets] {
            assert_eq!(boot_args(line, kind), "port=1 log=info tsc_khz=1000000");
        }
        let alone = boot_args("port=1", SystemKind::Hermit);
        assert_eq!(alone, "port=1 tsc_khz=1000000");
        let line = "quiet tsc_early_khz=2599998 -- port=1";
        assert_eq!(boot_args(line, SystemKind::LinuxGuest), "quiet -- port=1");
    }

    #[test]
    fn counting_takes_an_emulated_cpu() {
        let config = |cpu: Option<&str>| {
            counted(Config {
                cpu: cpu.map(ToOwned::to_owned),
                ..Config::new("image".into(), "console.log", Netdev::None)
            })
        };
        assert_eq!(config(Some("host")).cpu, None);
        let config = config(Some("qemu64"));
        assert_eq!(config.cpu.as_deref(), Some("qemu64"));
        assert_eq!(config.accel, AccelChoice::Tcg);
    }
}
