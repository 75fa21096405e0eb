//! Looks inside the targets, when all is measured: what an echo costs each guest, counted and not
//! timed. Each look is a boot of its own, for which QEMU is told to count or to trace, and which would
//! spoil a latency. A look that fails costs its figures, and nothing else.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::super::interrupt::Interrupt;
use super::super::progress::Terminal;
use super::super::say::say;
use super::args::CompareArgs;
use super::contender::Contender;
use super::on_a_thread;
use super::schedule::Combination;
use crate::experiment::Caller;
use crate::experiment::ExperimentError;
use crate::experiment::cost::instructions::{self, FeedRate, InstructionsPerEcho};
use crate::experiment::cost::trace::{self, Trace};
use crate::experiment::cost::{
    CostError, EchoClient, NotificationSource, NotificationsPerEcho, notifications,
};
use crate::experiment::run::scratch;
use crate::host::placement::Work;
use crate::link::{self, LinkKind};
use crate::machine::{AccelChoice, Config, Machine};
use crate::record::Why;
use crate::sut::LinkChoice;
use crate::sut::guest::{Guest, GuestLaunch};
use crate::sut::{BootImage, CountingClock, LaunchPlan, RequestQueue, SystemKind, SystemSpec};

/// How long a look may take, its boot included: ten times what it takes on two cores at rest.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a CPU model is called that only KVM has.
const HOST_CPU: &str = "host";

/// One look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// At the first of those that are the same.
    contender: Contender,
    /// Over this link. On vhost-user the instructions are counted, on the others QEMU traces.
    link: LinkKind,
}

/// What was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Sight {
    instructions_per_echo: Option<InstructionsPerEcho>,
    signals: Option<NotificationsPerEcho>,
}

/// All that was seen.
#[derive(Debug, Default)]
pub struct Looks(Vec<(Look, Sight)>);

impl Look {
    /// The looks that tell all there is to be told of `combinations`.
    #[must_use]
    pub fn all(combinations: &[Combination]) -> Vec<Self> {
        let mut looks: Vec<Self> = Vec::new();
        for combination in combinations {
            for look in Self::of(combination) {
                if !looks.contains(&look) {
                    looks.push(look);
                }
            }
        }
        looks
    }

    /// The looks at one: whatever its link, the instructions are counted on vhost-user, where no
    /// waiting comes between.
    fn of(&Combination { contender, way }: &Combination) -> Vec<Self> {
        let LinkChoice::Link(link) = way else {
            return Vec::new();
        };
        if contender.target.system().counting().is_none() {
            return Vec::new();
        }
        let contender = Contender {
            copy: 1,
            ..contender
        };
        let look = |link| Self { contender, link };
        let mut looks = vec![look(LinkKind::VhostUser), look(link)];
        looks.dedup();
        looks
    }

    /// About how long it takes, in seconds.
    #[must_use]
    pub fn expected_s(&self) -> f64 {
        let counting = self.contender.target.system().counting();
        counting.map_or(0.0, |it| match self.counts() {
            true => it.counted_s,
            false => it.traced_s,
        })
    }

    fn counts(&self) -> bool {
        self.link == LinkKind::VhostUser
    }

    fn name(&self) -> String {
        format!("{} on {}", self.contender, self.link.name())
    }
}

impl Looks {
    /// Takes all of `looks`, as long as they end by `deadline`. What goes wrong is said and left out.
    ///
    /// # Errors
    ///
    /// [`ExperimentError::Interrupted`] on Ctrl-C; what was seen until then is here.
    pub fn take(
        &mut self,
        looks: &[Look],
        args: &CompareArgs,
        accel: AccelChoice,
        deadline: Option<Instant>,
        interrupt: &Interrupt,
    ) -> Result<(), ExperimentError> {
        for look in looks {
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.as_secs_f64() < look.expected_s()) {
                say(format_args!(
                    "no look inside {}: no time is left",
                    look.name()
                ));
                continue;
            }
            let patience = left.map_or(PATIENCE, |left| left.min(PATIENCE));
            let mut system = args.system(look.contender, LinkChoice::Link(look.link));
            system.guest.accel = accel;
            let mut sight = Sight::default();
            let outcome = on_a_thread(|| {
                let mut guest = Place::new(&system, args, *look, patience, interrupt)?;
                guest.look(&mut sight)
            });
            self.0.push((*look, sight));
            match outcome {
                _ if interrupt.is_set() => return Err(ExperimentError::Interrupted),
                Ok(()) => {}
                Err(error) => {
                    let error = error.with_causes();
                    say(format_args!("no look inside {}: {error}", look.name()));
                }
            }
        }
        Ok(())
    }

    /// Adds to `why` what was seen of `combination`.
    #[must_use]
    pub fn complete(&self, combination: Combination, why: Why) -> Why {
        let looks = Look::of(&combination);
        let seen = |wanted: &Look| self.0.iter().find(|(look, _)| look == wanted);
        let counted = looks.first().and_then(seen);
        let signals = looks
            .last()
            .and_then(seen)
            .and_then(|(_, sight)| sight.signals);
        let instructions = counted.and_then(|(_, sight)| sight.instructions_per_echo);
        Why {
            instructions_per_echo: instructions.map(|it| it.median),
            instructions_quartiles: instructions.map(|it| it.quartiles),
            doorbells_per_echo: signals.map(|it| it.doorbells),
            interrupts_per_echo: signals.map(|it| it.interrupts),
            ..why
        }
    }
}

/// Returns the rate at which requests are put before a guest while its instructions are counted.
fn feed_rate(target: SystemKind) -> FeedRate {
    match target.system().counting().map(|it| it.queue) {
        Some(RequestQueue::Socket) => FeedRate::SOCKET,
        Some(RequestQueue::Ring) | None => FeedRate::RING,
    }
}

/// A guest that is to be looked into, and the link to it.
struct Place<'a> {
    look: Look,
    machine: Machine,
    link: Box<dyn link::Link>,
    source: NotificationSource,
    payload_len: usize,
    deadline: Instant,
    interrupt: &'a Interrupt,
    /// Where the trace is, and all else that only this boot needs.
    _scratch: tempfile::TempDir,
}

impl<'a> Place<'a> {
    fn new(
        system: &SystemSpec,
        args: &CompareArgs,
        look: Look,
        patience: Duration,
        interrupt: &'a Interrupt,
    ) -> Result<Self, ExperimentError> {
        let deadline = Instant::now() + patience;
        let scratch = scratch()?;
        let file = |name: &str| -> PathBuf { scratch.path().join(name) };
        let plan = system.kind.system().prepare(system, scratch.path())?;
        let LaunchPlan::Guest(image) = plan else {
            return Err(ExperimentError::Incompatible(
                "there is no guest to look into",
            ));
        };
        let image = if look.counts() {
            with_clock(image, look.contender.target)
        } else {
            image
        };
        let mut launch = GuestLaunch::new(system, image, file("console.log").into())?;
        let config = Config {
            ready_timeout: patience,
            ..launch.config
        };
        let (config, source) = if look.counts() {
            (counting(config), NotificationSource::Link)
        } else {
            let path = file("trace");
            let config = Config {
                extra_qemu_args: trace::arguments(&path),
                ..config
            };
            (config, NotificationSource::Qemu(Trace::at(path)))
        };
        launch.config = config;
        let caller = Caller {
            interrupt,
            monitor: &Terminal,
        };
        let Guest {
            mut machine, link, ..
        } = caller.watch_boot(|watch| launch.boot(watch))?;
        if look.link.is_polled() {
            machine.place(Work::Polls, args.host.spec().assignment()?.as_ref());
        }
        Ok(Self {
            look,
            machine,
            link,
            source,
            payload_len: args.load.payload,
            deadline,
            interrupt,
            _scratch: scratch,
        })
    }

    /// Looks: what is seen is in `sight` even if the rest can't be.
    fn look(&mut self, sight: &mut Sight) -> Result<(), ExperimentError> {
        let machine = &self.machine;
        let cancelled = || self.interrupt.is_set() || machine.check().is_err();
        let left = self.deadline.saturating_duration_since(Instant::now());
        let mut client = EchoClient::new(self.link.as_mut(), self.payload_len, left, &cancelled);
        let mut look = || -> Result<(), CostError> {
            sight.signals = Some(notifications::per_isolated_echo(
                &mut client,
                &mut self.source,
            )?);
            if self.look.counts() {
                let feed_rate = feed_rate(self.look.contender.target);
                sight.instructions_per_echo = Some(instructions::per_echo(&mut client, feed_rate)?);
            }
            Ok(())
        };
        let outcome = look();
        // The machine's end explains the link's.
        machine.check()?;
        Ok(outcome?)
    }
}

/// The machine with its instructions counted, which takes TCG.
fn counting(config: Config) -> Config {
    Config {
        accel: AccelChoice::Tcg,
        cpu: config.cpu.filter(|model| model != HOST_CPU),
        extra_qemu_args: instructions::COUNTING.map(Into::into).to_vec(),
        ..config
    }
}

/// Returns the guest with a clock that counts its instructions.
fn with_clock(image: BootImage, target: SystemKind) -> BootImage {
    let Some(counting) = target.system().counting() else {
        return image;
    };
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
    use clap::ValueEnum as _;

    use super::*;

    fn combination(target: &str, link: &str) -> Combination {
        Combination {
            contender: target.parse().unwrap(),
            way: LinkChoice::from_str(link, false).unwrap(),
        }
    }

    fn names(combinations: &[Combination]) -> Vec<String> {
        Look::all(combinations).iter().map(Look::name).collect()
    }

    #[test]
    fn a_guest_that_is_counted_has_a_clock_of_instructions() {
        let told = |boot_args: &str, target| {
            let bootable = BootImage {
                image: "image".into(),
                initrd: None,
                boot_args: boot_args.to_owned(),
                memory_mib: 32,
                modern_device: false,
            };
            with_clock(bootable, target).boot_args
        };
        let line = "port=1 tsc_khz=2599998 log=info";
        for target in [SystemKind::Hermit, SystemKind::HermitSockets] {
            assert_eq!(told(line, target), "port=1 log=info tsc_khz=1000000");
        }
        assert_eq!(told("port=1", SystemKind::Hermit), "port=1 tsc_khz=1000000");
        let line = "quiet tsc_early_khz=2599998 -- port=1";
        assert_eq!(told(line, SystemKind::LinuxGuest), "quiet -- port=1");
    }

    #[test]
    fn each_guest_is_counted_once_and_traced_on_every_other_link() {
        let mut twice = combination("hermit", "unix");
        twice.contender.copy = 2;
        let combinations = [
            combination("hermit", "vhost-user"),
            combination("null", "vhost-user"),
            combination("hermit", "unix"),
            twice,
            combination("hermit-sockets", "unix"),
            combination("linux-guest:busy", "user"),
            combination("linux-host:busy", "loopback"),
            combination("linux-host:busy", "tap"),
        ];
        let expected = [
            "hermit on vhost-user",
            "hermit on unix",
            "hermit-sockets on vhost-user",
            "hermit-sockets on unix",
            "linux-guest:busy on vhost-user",
            "linux-guest:busy on user",
        ];
        assert_eq!(names(&combinations), expected);
    }

    #[test]
    fn instructions_are_the_same_for_every_link_and_signals_are_not() {
        let (vhost_user, unix) = (
            combination("hermit", "vhost-user"),
            combination("hermit", "unix"),
        );
        let signals = |doorbells| {
            Some(NotificationsPerEcho {
                doorbells,
                interrupts: 0.5,
            })
        };
        let all = Look::all(&[vhost_user, unix]);
        let sights = [
            Sight {
                instructions_per_echo: Some(InstructionsPerEcho {
                    median: 495.0,
                    quartiles: [494.0, 496.5],
                }),
                signals: signals(0.0),
            },
            Sight {
                instructions_per_echo: None,
                signals: signals(1.0),
            },
        ];
        let looks = Looks(all.into_iter().zip(sights).collect());
        let told = |combination| {
            let why = looks.complete(combination, Why::default());
            (why.instructions_per_echo, why.doorbells_per_echo)
        };
        assert_eq!(told(vhost_user), (Some(495.0), Some(0.0)));
        assert_eq!(told(unix), (Some(495.0), Some(1.0)));
        assert_eq!(told(combination("hermit", "user")), (Some(495.0), None));
        assert_eq!(told(combination("null", "vhost-user")), (None, None));
        assert_eq!(told(combination("linux-guest", "unix")), (None, None));
    }

    #[test]
    fn counting_takes_an_emulated_cpu() {
        let config = |cpu: Option<&str>| {
            let place = || PathBuf::from("file");
            counting(Config {
                cpu: cpu.map(ToOwned::to_owned),
                ..Config::new(place(), place(), crate::machine::Netdev::None)
            })
        };
        assert_eq!(config(Some("host")).cpu, None);
        let config = config(Some("qemu64"));
        assert_eq!(config.cpu.as_deref(), Some("qemu64"));
        assert_eq!(config.accel, AccelChoice::Tcg);
    }
}
