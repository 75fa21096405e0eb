//! The continuous measurement of several services: an open loop and a thread for each, and one reader of them all, which
//! adds up what they hand over. Memory is constant, and nothing is measured by the reader's thread.
//!
//! - [`prober`]: one target's thread;
//! - `tally_sheet`: what a reader keeps of a target.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::target_list::{self, MAX_TARGETS};
use super::{Caller, ClientSpec, ExperimentError, LINK, TARGET};
use crate::clock;
use crate::host::cgroup;
use crate::host::tree::Tree;
use crate::link::dscp::Dscp;
use crate::load::{Mode, Plan};
use crate::record::Methods;
use crate::record::log_counts::LogCounts;
use crate::record::log_description::{LOG_SCHEMA, LogDescription};
use crate::record::rotating_log::RotatingLog;
use crate::stats::running_totals::{RunningTotal, RunningTotals};

pub mod prober;
mod tally_sheet;

use prober::{ProberSpec, Problem};
use tally_sheet::TallySheet;

/// Time between two looks at what the measuring threads have handed over.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Longest wait for measuring threads that were told to end.
const END_TIMEOUT: Duration = Duration::from_secs(10);

/// Specification of a continuous measurement.
#[derive(Clone, Debug)]
pub struct TargetsSpec {
    /// Services, as HOST:PORT.
    pub addresses: Vec<String>,
    /// File with further ones, which is read again when asked for.
    pub list: Option<PathBuf>,
    /// The client.
    pub client: ClientSpec,
    /// The load on each, an open loop.
    pub plan: Plan,
    /// Longest time by which the start of a target's measurement is put off, at random.
    pub jitter: Duration,
    /// Directory of interval logs, with the length of an interval.
    pub log: Option<(PathBuf, Duration)>,
    /// Name of this node in the logs.
    pub node: String,
}

impl TargetsSpec {
    /// Returns all targets, each once.
    ///
    /// # Errors
    ///
    /// A message if the list can't be read, or there are none or too many.
    fn targets(&self) -> Result<BTreeSet<String>, String> {
        let listed = self.list.as_deref().map(target_list::read).transpose()?;
        let named = self.addresses.iter().cloned();
        let targets: BTreeSet<_> = named.chain(listed.unwrap_or_default()).collect();
        match targets.len() {
            0 => Err("there is no target".to_owned()),
            1..=MAX_TARGETS => Ok(targets),
            many => Err(format!(
                "{many} targets are too many: at most {MAX_TARGETS}"
            )),
        }
    }

    /// Returns the description of the logs. Targets come and go: they are in the lines' tags.
    fn description(&self) -> LogDescription {
        let plan = &self.plan;
        let (rate, arrivals) = match plan.mode {
            Mode::Open { rate, arrivals } => (Some(rate.as_f64()), Some(arrivals.name().into())),
            Mode::Closed | Mode::Pipeline { .. } => (None, None),
        };
        LogDescription {
            schema: LOG_SCHEMA.into(),
            node: Some(self.node.clone()),
            target: TARGET.to_owned(),
            address: self.addresses.join(" "),
            link: LINK.to_owned(),
            mode: plan.mode.name().into(),
            arrivals,
            offered_rate: rate,
            protocol: plan.protocol.name().into(),
            payload_bytes: plan.payload_len,
            timeout_ns: plan.timeout_ns,
            flows: self.client.flows,
            dscp: self.client.dscp.map(Dscp::number),
            methods: Some(Methods::OWN),
            ..LogDescription::default()
        }
    }
}

/// Reader of all targets.
struct Collection<'a> {
    spec: &'a TargetsSpec,
    totals: &'a RunningTotals,
    caller: Caller<'a>,
    sheets: Vec<TallySheet>,
    log: Option<Log>,
    problems: Receiver<Problem>,
    problem_sender: Sender<Problem>,
    tree: Tree,
    groups: Vec<cgroup::Group>,
}

/// The interval log, and when the interval ends.
struct Log {
    log: RotatingLog,
    every: Duration,
    ends: Instant,
}

/// Measures all targets of `spec` until the caller interrupts it, or for as long as its plan says, and adds everything to
/// `totals`. The list of targets is read again once `reload` is set.
///
/// # Errors
///
/// [`ExperimentError::Address`] if the list of targets can't be used at the start, [`ExperimentError::Report`] if there is
/// no directory for logs.
pub fn run(
    spec: &TargetsSpec,
    totals: &RunningTotals,
    reload: &AtomicBool,
    caller: Caller<'_>,
) -> Result<(), ExperimentError> {
    let targets = spec.targets().map_err(|problem| ExperimentError::Address {
        address: "--targets".to_owned(),
        problem,
    })?;
    let mut collection = Collection::new(spec, totals, caller)?;
    collection.update(&targets);
    while !caller.interrupt.is_set() && !collection.is_over() {
        if reload.swap(false, Ordering::Relaxed) {
            match spec.targets() {
                Ok(targets) => collection.update(&targets),
                Err(problem) => caller
                    .monitor
                    .message(&format_args!("{problem}; the targets stay as they were")),
            }
        }
        collection.read();
        thread::sleep(LOOK_EVERY);
    }
    collection.end();
    Ok(())
}

impl<'a> Collection<'a> {
    fn new(
        spec: &'a TargetsSpec,
        totals: &'a RunningTotals,
        caller: Caller<'a>,
    ) -> Result<Self, ExperimentError> {
        let log = spec.log.as_ref().map(|(path, every)| {
            Ok::<_, ExperimentError>(Log {
                log: RotatingLog::create(path, &spec.description())?,
                every: *every,
                ends: Instant::now() + *every,
            })
        });
        let (problem_sender, problems) = channel();
        let tree = Tree::default();
        Ok(Self {
            spec,
            totals,
            caller,
            sheets: Vec::new(),
            log: log.transpose()?,
            problems,
            problem_sender,
            groups: cgroup::groups(&tree).unwrap_or_default(),
            tree,
        })
    }

    /// Begins to measure what is new in `targets`, and ends the measurement of what is not there any more.
    fn update(&mut self, targets: &BTreeSet<String>) {
        for sheet in &self.sheets {
            if !targets.contains(sheet.target()) {
                sheet.cancel();
            }
        }
        let is_measured = |target: &&String| {
            let mut own = self.sheets.iter();
            own.any(|sheet| sheet.target() == *target && !sheet.is_cancelled())
        };
        let new: Vec<_> = targets
            .iter()
            .filter(|target| !is_measured(target))
            .collect();
        for target in new {
            let prober = ProberSpec {
                target: target.clone(),
                client: self.spec.client.clone(),
                plan: self.spec.plan,
                jitter: self.spec.jitter,
            };
            match prober.start(self.problem_sender.clone()) {
                Ok(prober) => {
                    // It may begin as late as this.
                    let jitter_ns = crate::quantity::parse::as_ns(self.spec.jitter);
                    let total = RunningTotal::from(clock::now_ns().saturating_add(jitter_ns));
                    self.totals.lock().insert(target.clone(), total);
                    self.sheets
                        .push(TallySheet::new(prober, self.log.is_some()));
                }
                Err(error) => self.caller.monitor.message(&format_args!(
                    "{target} is not measured: no thread can be had: {error}"
                )),
            }
        }
    }

    /// Returns whether every target's measurement has ended by itself.
    fn is_over(&self) -> bool {
        self.sheets.iter().all(TallySheet::is_over)
    }

    /// Reads what the measuring threads have handed over, and writes the logs of an interval that is over.
    fn read(&mut self) {
        let throttled = cgroup::throttling(&self.tree, &self.groups).unwrap_or_default();
        for sheet in &mut self.sheets {
            sheet.read(self.totals, throttled);
        }
        for Problem { target, text } in self.problems.try_iter() {
            self.caller
                .monitor
                .message(&format_args!("{target}: {text}"));
        }
        if self
            .log
            .as_ref()
            .is_some_and(|log| Instant::now() >= log.ends)
        {
            self.write_log();
        }
        let totals = self.totals;
        let sheets = std::mem::take(&mut self.sheets);
        let (gone, here): (Vec<_>, Vec<_>) = sheets
            .into_iter()
            .partition(|sheet| sheet.is_cancelled() && sheet.is_over());
        self.sheets = here;
        for sheet in &gone {
            let is_back = self
                .sheets
                .iter()
                .any(|other| other.target() == sheet.target());
            if !is_back {
                totals.lock().remove(sheet.target());
            }
        }
        if !gone.is_empty() && self.log.is_some() {
            self.write(&gone);
        }
    }

    /// Writes the interval of all targets.
    fn write_log(&mut self) {
        let mut sheets = std::mem::take(&mut self.sheets);
        self.write(&sheets);
        for sheet in &mut sheets {
            sheet.begin_interval();
        }
        self.sheets = sheets;
        if let Some(log) = &mut self.log {
            // In step with the first; an interval that took too long is not made up for.
            log.ends = (log.ends + log.every).max(Instant::now());
        }
    }

    fn write(&mut self, sheets: &[TallySheet]) {
        let Some(log) = &mut self.log else {
            return;
        };
        let lines: Vec<_> = sheets.iter().flat_map(TallySheet::lines).collect();
        let timeout_ns = self.spec.plan.timeout_ns;
        let counts = sheets.iter().filter_map(|sheet| sheet.counts(timeout_ns));
        let sum = |mut sum: LogCounts, counts| {
            sum.add(counts);
            sum
        };
        let counts = counts.reduce(sum).unwrap_or_default();
        if let Err(error) = log.log.write(Timestamp::now(), &lines, &counts) {
            let error = ExperimentError::from(error);
            self.caller.monitor.message(&error.with_causes());
        }
    }

    /// Ends all measurements, and reads what they still hand over.
    fn end(&mut self) {
        for sheet in &self.sheets {
            sheet.cancel();
        }
        let deadline = Instant::now() + END_TIMEOUT;
        while !self.is_over() && Instant::now() < deadline {
            let throttled = cgroup::throttling(&self.tree, &self.groups).unwrap_or_default();
            for sheet in &mut self.sheets {
                sheet.read(self.totals, throttled);
            }
            thread::sleep(Duration::from_millis(5));
        }
        self.write_log();
    }
}

#[cfg(test)]
mod tests;
