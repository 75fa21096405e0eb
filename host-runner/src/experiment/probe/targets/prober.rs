//! The measuring thread of one target: it opens a link, puts the load on it, and begins anew when the link fails.

use std::convert::Infallible;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::mpsc::Sender;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::process::Pid;

use super::super::{ClientSpec, ExperimentError, LINK, check_payload, endpoint};
use crate::clock;
use crate::link::Link;
use crate::link::flows::Flows;
use crate::link::source::Source;
use crate::link::udp::UdpLink;
use crate::load::{self, Ending, Failure, LoadContext, Plan, Progress, Tally};
use crate::random::SplitMix64;
use crate::stats::continuous::{Block, ContinuousRecorder};
use crate::stats::relay::{Reader, relay};

/// Length of an interval, in nanoseconds.
pub const INTERVAL_NS: u64 = 1_000_000_000;

/// Blocks beside the one that is being filled. The reader needs milliseconds for one.
const SPARES: usize = 1;

/// Pause before a link is opened again that failed.
const PAUSE: Duration = Duration::from_secs(1);

/// Longest sleep without a look at the request to end.
const SLEEP: Duration = Duration::from_millis(20);

/// Number of tries to hand over the last block, with a sleep after each.
const LAST_TRIES: u32 = 100;

/// Word of something that keeps a target from being measured.
#[derive(Clone, Debug)]
pub struct Problem {
    /// The target.
    pub target: String,
    /// The problem.
    pub text: String,
}

/// Specification of the measurement of one target.
#[derive(Clone, Debug)]
pub struct ProberSpec {
    /// The service, as HOST:PORT.
    pub target: String,
    /// The client.
    pub client: ClientSpec,
    /// The load.
    pub plan: Plan,
    /// Longest time by which the start is put off, at random.
    pub jitter: Duration,
}

/// A target that is measured.
#[derive(Debug)]
pub struct Prober {
    target: String,
    reader: Reader<Block>,
    cancel: Arc<AtomicBool>,
    thread_id: Arc<AtomicI32>,
    thread: JoinHandle<()>,
}

impl Prober {
    /// Returns the target.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Returns the way of the blocks.
    pub const fn reader(&mut self) -> &mut Reader<Block> {
        &mut self.reader
    }

    /// Has the measurement end soon.
    pub fn cancel(&self) {
        self.cancel.store(true, Ordering::Relaxed);
    }

    /// Returns whether it was told to end.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancel.load(Ordering::Relaxed)
    }

    /// Returns whether the measurement has ended and all blocks are read.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.thread.is_finished() && self.reader.is_over()
    }

    /// Returns the measuring thread, once it runs.
    #[must_use]
    pub fn thread(&self) -> Option<Pid> {
        Pid::from_raw(self.thread_id.load(Ordering::Relaxed))
    }
}

impl ProberSpec {
    /// Starts the measuring thread; what keeps it from measuring goes to `problems`.
    ///
    /// # Errors
    ///
    /// If the system has no thread to give.
    pub fn start(self, problems: Sender<Problem>) -> io::Result<Prober> {
        let (writer, reader) = relay(SPARES);
        let cancel = Arc::new(AtomicBool::new(false));
        let thread_id = Arc::new(AtomicI32::new(0));
        let target = self.target.clone();
        let (own_cancel, own_id) = (Arc::clone(&cancel), Arc::clone(&thread_id));
        let measure = move || {
            own_id.store(
                rustix::thread::gettid().as_raw_nonzero().get(),
                Ordering::Relaxed,
            );
            let mut recorder = ContinuousRecorder::new(writer, INTERVAL_NS);
            self.measure(&mut recorder, &own_cancel, &problems);
            let mut tries = 0;
            while !recorder.end(clock::now_ns(), &Tally::default()) && tries < LAST_TRIES {
                thread::sleep(SLEEP);
                tries += 1;
            }
        };
        Ok(Prober {
            target,
            reader,
            cancel,
            thread_id,
            thread: thread::Builder::new().spawn(measure)?,
        })
    }

    /// Measures until `cancel` is set or the plan's time is over.
    fn measure(
        &self,
        recorder: &mut ContinuousRecorder,
        cancel: &AtomicBool,
        problems: &Sender<Problem>,
    ) {
        // Other numbers in each process and for each target: what starts together does not stay in step.
        let mut random = SplitMix64(RandomState::new().build_hasher().finish());
        sleep(self.jitter.mul_f64(random.fraction()), cancel);
        let start_ns = clock::now_ns();
        let mut said = String::new();
        while !cancel.load(Ordering::Relaxed) {
            let Some(plan) = self.plan_at(clock::now_ns().saturating_sub(start_ns)) else {
                return;
            };
            let problem = match self.open(&plan) {
                Ok(mut link) => match put_load(&plan, link.as_mut(), recorder, cancel) {
                    Ok(()) => return,
                    Err(error) => error,
                },
                Err(error) => error,
            };
            let text = problem.with_causes();
            if text != said {
                said.clone_from(&text);
                let target = self.target.clone();
                let _ = problems.send(Problem { target, text });
            }
            sleep(PAUSE, cancel);
        }
    }

    /// Returns the plan for what is left after `elapsed_ns`, if anything is.
    fn plan_at(&self, elapsed_ns: u64) -> Option<Plan> {
        let mut plan = self.plan;
        if let Some(duration_ns) = &mut plan.measure.duration_ns {
            *duration_ns = duration_ns.saturating_sub(elapsed_ns);
            if *duration_ns == 0 {
                return None;
            }
        }
        let name = self.target.bytes();
        plan.seed = name.fold(plan.seed, |seed, byte| {
            SplitMix64(seed ^ u64::from(byte)).next_u64()
        });
        Some(plan)
    }

    /// Resolves the address and opens a link: a closed port is a service that does not answer, and no failure.
    fn open(&self, plan: &Plan) -> Result<Box<dyn Link>, ExperimentError> {
        let ClientSpec {
            bind,
            interface,
            flows,
            dscp,
        } = &self.client;
        let interface = interface.as_deref();
        let from = bind.as_ref().map(|bind| bind.ip);
        let peer: SocketAddr = endpoint::resolve(&self.target, interface, from)?;
        let bound = |bind| endpoint::source(bind, interface, peer);
        let source = Source {
            address: bind.as_ref().map(bound).transpose()?,
            interface: self.client.interface.clone(),
            dscp: *dscp,
        };
        if *flows > 1 {
            let link = Flows::connect_from(LINK, &source, *flows, peer)?;
            check_payload(plan, peer, link.path_mtu())?;
            return Ok(Box::new(link));
        }
        let link = UdpLink::over(LINK, source.open(LINK, peer, 0)?, peer)?;
        check_payload(plan, peer, link.path_mtu())?;
        Ok(Box::new(link))
    }
}

/// Puts the load on `link`.
fn put_load(
    plan: &Plan,
    link: &mut dyn Link,
    recorder: &mut ContinuousRecorder,
    cancel: &AtomicBool,
) -> Result<(), ExperimentError> {
    let context = LoadContext {
        link,
        observer: recorder,
        now_ns: clock::now_ns,
        cancel,
        check: |_: &Progress| Ok::<_, Infallible>(()),
    };
    let (tally, ending) = load::run(plan, None, context);
    recorder.end(clock::now_ns(), &tally);
    match ending {
        Ending::Completed | Ending::Interrupted => Ok(()),
        Ending::Failed(Failure::Link(error)) => Err(error.into()),
        Ending::Failed(Failure::Unhealthy(never)) => match never {},
    }
}

/// Sleeps for `time`, or until `cancel` is set.
fn sleep(time: Duration, cancel: &AtomicBool) {
    let end_ns = clock::now_ns().saturating_add(crate::quantity::parse::as_ns(time));
    while !cancel.load(Ordering::Relaxed) {
        let left = Duration::from_nanos(end_ns.saturating_sub(clock::now_ns()));
        if left.is_zero() {
            return;
        }
        thread::sleep(left.min(SLEEP));
    }
}
