//! The terminal of a command that measures: messages, and the live view or the progress line.

use std::fmt::Display as Text;
use std::io;
use std::sync::Arc;

use super::progress_monitor::ProgressMonitor;
use super::watched_stage::{Silence, WatchedStage};
use super::{Display, LiveChoice, LiveRun, LiveStage, Shared, Surroundings, ViewThread};
use crate::experiment::progress::{Monitor, Stage, StageMonitor, Subject};
use crate::judge::objectives::expression::Expression;
use crate::load::Plan;
use crate::record::run::LiveView;
use crate::stats::relay::relay;
use crate::stats::run_check::RunCheck;
use crate::stats::snapshot::SnapshotRelay;
use crate::terminal::{one_line, say};

/// Number of snapshots that can wait for the view: it takes one each second.
const WAITING_SNAPSHOTS: usize = 3;

/// Display of a command that measures, on standard error. Dropped, it gives the terminal back.
#[derive(Debug)]
pub struct LiveMonitor {
    display: Display,
    objectives: Vec<Expression>,
    view: Option<ViewThread>,
}

impl LiveMonitor {
    /// Begins what `choice` asks for. To be called before the calling thread gets a CPU or a priority of its own, which
    /// the view's thread would have as well.
    ///
    /// # Errors
    ///
    /// The system's if a handler of signals or a thread can't be had.
    pub fn begin(choice: LiveChoice) -> io::Result<Self> {
        let display = choice.display(&Surroundings::here());
        let view = match display {
            Display::FullScreen | Display::Lines => Some(ViewThread::start(display)?),
            Display::Progress | Display::Messages => None,
        };
        Ok(Self {
            display,
            objectives: Vec::new(),
            view,
        })
    }

    /// Has the view hold the run against `objectives`.
    #[must_use]
    pub fn with_objectives<'a>(self, objectives: impl Iterator<Item = &'a Expression>) -> Self {
        let objectives = objectives.cloned().collect();
        Self { objectives, ..self }
    }

    fn shared(&self) -> Option<&Arc<Shared>> {
        self.view.as_ref().map(ViewThread::shared)
    }
}

impl Monitor for LiveMonitor {
    fn message(&self, text: &dyn Text) {
        if let Some(shared) = self.shared() {
            shared.set_message(one_line(&text.to_string()));
        }
        say(text);
    }

    fn begin(&self, stage: Stage) -> Box<dyn StageMonitor + '_> {
        match (self.shared(), self.display) {
            (Some(shared), _) => {
                shared.set_stage(match stage {
                    Stage::Boot => LiveStage::Booting,
                    Stage::Measurement => LiveStage::Quieting,
                });
                Box::new(WatchedStage(shared))
            }
            (None, Display::Messages) => Box::new(Silence),
            (None, _) => ProgressMonitor.begin(stage),
        }
    }

    fn relay(&self) -> Option<SnapshotRelay> {
        let shared = self.shared()?;
        let (writer, reader) = relay(WAITING_SNAPSHOTS);
        shared.read_from(reader);
        Some(SnapshotRelay::new(writer))
    }

    fn run_check(&self, _: &Plan) -> Option<Box<dyn RunCheck>> {
        None
    }

    fn subject(&self, subject: &Subject<'_>) -> Option<LiveView> {
        let shared = self.shared()?;
        let used = subject.cpus.map(|cpus| [cpus.guest, cpus.measuring]);
        let is_used = |cpu: &usize| used.is_some_and(|used| used.contains(cpu));
        let mut cpus = shared.all_cpus().clone();
        cpus.retain(|cpu| !is_used(cpu));
        // Where the scheduler places the measurement, it takes any two.
        let spare = match used {
            Some(_) => cpus.len(),
            None => cpus.len().saturating_sub(2),
        };
        shared.watch(LiveRun::new(subject, self.objectives.clone()), cpus);
        Some(match spare {
            0 => LiveView::SharedCpus,
            _ => LiveView::SpareCpus,
        })
    }
}

#[cfg(test)]
mod tests;
