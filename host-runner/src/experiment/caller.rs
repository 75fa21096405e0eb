//! The caller of an experiment.

use std::cell::RefCell;

use super::Interrupt;
use super::progress::{Monitor, Stage, StageMonitor};
use crate::machine::BootEvent;
use crate::sut::Watch;

/// The caller of an experiment: it can end it early, and receives its messages and progress.
#[derive(Clone, Copy)]
pub struct Caller<'a> {
    /// The request to end the experiment.
    pub interrupt: &'a Interrupt,
    /// Receiver of messages and progress.
    pub monitor: &'a dyn Monitor,
}

impl Caller<'_> {
    /// Does `start`, whose boot the caller can end and whose progress it receives.
    pub fn watch_boot<T>(self, start: impl FnOnce(&mut Watch<'_>) -> T) -> T {
        // Not every system boots: the stage begins with the first event of a boot, and ends with its last.
        let stage: RefCell<Option<Box<dyn StageMonitor + '_>>> = RefCell::new(None);
        let is_cancelled = || {
            if let Some(stage) = stage.borrow_mut().as_mut() {
                stage.wait();
            }
            self.interrupt.is_set()
        };
        let mut on_boot = |event: BootEvent| {
            let mut stage = stage.borrow_mut();
            stage
                .get_or_insert_with(|| self.monitor.begin(Stage::Boot))
                .boot_event(&event);
            if matches!(event, BootEvent::Ready { .. }) {
                *stage = None;
            }
        };
        start(&mut Watch {
            is_cancelled: &is_cancelled,
            on_boot: &mut on_boot,
        })
    }
}
