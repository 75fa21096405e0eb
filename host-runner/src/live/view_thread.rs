//! The thread that draws a live view: behind all others (`SCHED_IDLE`, sched(7)), on CPUs that neither the guest nor the
//! measuring thread has, as far as there are any. It wakes up once a second and for signals.

use std::collections::BTreeSet;
use std::env;
use std::io;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use linux_process::scheduling;

use super::display::Display;
use super::full_view::{self, Colours};
use super::live_lines;
use super::live_run::LiveRun;
use super::live_snapshot::LiveStage;
use crate::clock;
use crate::host::placement;
use crate::host::rights::{self, CapabilityUse};
use crate::host::topology;
use crate::stats::relay::Reader;
use crate::stats::snapshot::RunSnapshot;
use crate::terminal::eprint;

mod job_screen;
mod wake_up;

use job_screen::JobScreen;
use wake_up::WakeUp;

/// State of the experiment for the view's thread. The measuring thread locks nothing of it while it measures.
#[derive(Debug)]
pub struct Shared {
    stage: AtomicU8,
    is_over: AtomicBool,
    told: Mutex<Told>,
    /// CPUs of this process.
    all_cpus: BTreeSet<usize>,
}

#[derive(Debug, Default)]
struct Told {
    /// The next measurement, and the CPUs that it leaves free.
    subject: Option<(LiveRun, BTreeSet<usize>)>,
    /// Way of its snapshots.
    reader: Option<Reader<RunSnapshot>>,
    message: Option<String>,
}

/// The stages, by their numbers in [`Shared`].
const STAGES: [LiveStage; 6] = [
    LiveStage::Preparing,
    LiveStage::Booting,
    LiveStage::Quieting,
    LiveStage::WarmingUp,
    LiveStage::Measuring,
    LiveStage::Draining,
];

impl Shared {
    /// Returns the CPUs of this process.
    pub const fn all_cpus(&self) -> &BTreeSet<usize> {
        &self.all_cpus
    }

    /// Sets the stage. Never waits.
    pub fn set_stage(&self, stage: LiveStage) {
        let number = STAGES.iter().position(|&other| other == stage);
        // There are six.
        self.stage
            .store(number.unwrap_or_default() as u8, Ordering::Relaxed);
    }

    fn stage(&self) -> LiveStage {
        let number = usize::from(self.stage.load(Ordering::Relaxed));
        STAGES.get(number).copied().unwrap_or_default()
    }

    /// Sets the message that is shown.
    pub fn set_message(&self, message: String) {
        self.told().message = Some(message);
    }

    /// Has the view show `run`, from `cpus` if there are any.
    pub fn watch(&self, run: LiveRun, cpus: BTreeSet<usize>) {
        let mut told = self.told();
        told.subject = Some((run, cpus));
        told.reader = None;
    }

    /// Has the view take its snapshots from `reader`.
    pub fn read_from(&self, reader: Reader<RunSnapshot>) {
        self.told().reader = Some(reader);
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread, which ends when this is dropped.
#[derive(Debug)]
pub struct ViewThread {
    shared: Arc<Shared>,
    waker: UnixStream,
    thread: Option<JoinHandle<()>>,
}

impl ViewThread {
    /// Starts it with a view by `display`.
    ///
    /// # Errors
    ///
    /// If signals can't be handled, or there can be no thread.
    pub fn start(display: Display) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            stage: AtomicU8::new(0),
            is_over: AtomicBool::new(false),
            told: Mutex::default(),
            all_cpus: topology::allowed(),
        });
        let (mut wake_up, waker) = WakeUp::new()?;
        let screen = match display {
            Display::FullScreen => Some(JobScreen::begin(&wake_up)?),
            Display::Lines | Display::Progress | Display::Messages => None,
        };
        let of_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("live view".to_owned())
            .spawn(move || {
                // Without it the thread is an ordinary one.
                let _ = scheduling::set_own_idle_priority();
                rights::keep_in_this_thread(CapabilityUse::Files);
                View::new(screen).run(&of_thread, &mut wake_up);
            })?;
        Ok(Self {
            shared,
            waker,
            thread: Some(thread),
        })
    }

    /// Returns what it is told by.
    pub const fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl Drop for ViewThread {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Release);
        wake_up::wake(&self.waker);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// State of the thread: the measurement that it shows, and the screen.
struct View {
    screen: Option<JobScreen>,
    colours: Colours,
    run: Option<LiveRun>,
    reader: Option<Reader<RunSnapshot>>,
    message: Option<String>,
}

impl View {
    fn new(screen: Option<JobScreen>) -> Self {
        let is_plain = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            screen,
            colours: match is_plain {
                true => Colours::Absent,
                false => Colours::Shown,
            },
            run: None,
            reader: None,
            message: None,
        }
    }

    fn run(mut self, shared: &Shared, wake_up: &mut WakeUp) {
        while !shared.is_over.load(Ordering::Acquire) {
            let has_news = self.read(shared);
            self.show(shared.stage(), has_news);
            wake_up.wait();
            if let Some(screen) = &mut self.screen {
                screen.follow_signals();
            }
        }
        // A log has its last seconds, however little time this thread had; a screen has the report by now.
        if self.screen.is_none() {
            let has_news = self.read(shared);
            self.show(shared.stage(), has_news);
        }
    }

    /// Takes what there is to know, and returns whether a second was measured.
    fn read(&mut self, shared: &Shared) -> bool {
        let mut told = shared.told();
        if let Some((run, cpus)) = told.subject.take() {
            self.run = Some(run);
            self.reader = None;
            placement::bind_to_any(&cpus);
        }
        if let Some(reader) = told.reader.take() {
            self.reader = Some(reader);
        }
        self.message.clone_from(&told.message);
        drop(told);
        let mut has_news = false;
        if let (Some(reader), Some(run)) = (&mut self.reader, &mut self.run) {
            while let Some(block) = reader.take() {
                has_news |= run.add(&block);
                reader.give_back(block);
            }
        }
        has_news
    }

    fn show(&mut self, stage: LiveStage, has_news: bool) {
        let Some(run) = &self.run else {
            if let Some(screen) = &mut self.screen {
                let message = self.message.as_deref();
                screen.draw(|buffer| full_view::draw_waiting(stage, message, buffer));
            }
            return;
        };
        let now_ns = clock::now_ns();
        match &mut self.screen {
            Some(screen) => {
                let snapshot = run.snapshot(stage, self.message.clone(), now_ns);
                screen.draw(|buffer| full_view::draw(&snapshot, self.colours, buffer));
            }
            None if has_news => {
                let snapshot = run.snapshot(stage, None, now_ns);
                eprint(&format!("{}\n", live_lines::one_line(&snapshot)));
            }
            None => {}
        }
    }
}
