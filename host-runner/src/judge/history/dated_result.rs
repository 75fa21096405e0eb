//! The part of a result that history needs, in little memory.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::PERCENTILES;
use crate::judge::fingerprints::{Fields, machine, setting};
use crate::record::{Environment, MergedRuns, Record, Run};
use crate::stats::Summary;
use crate::stats::median::median;

/// Fields of a setting that changed with the versions of this program, or wander: they name what changed, and
/// don't keep results apart.
const CONDITIONS: [&str; 4] = ["board", "guest_cpu", "prealloc", "placement"];

/// Field of the rate of an open loop, which comparisons and sweeps choose by what they measure.
const RATE: &str = "offered_rate";

/// A result with the time of its measurement.
#[derive(Clone, Debug)]
pub struct DatedResult {
    /// Directory.
    pub directory: PathBuf,
    /// Time at which the command was started.
    pub started_at: Timestamp,
    /// Revision that the instrument was built from.
    pub revision: Option<String>,
    /// SHA-256 of the image.
    pub image: Option<String>,
    /// The host.
    pub machine: Fields,
    /// Latencies: one of each setting.
    pub measurements: Vec<Measurement>,
    /// Counted figures.
    pub figures: Vec<Figure>,
    /// Number of its runs.
    pub runs: usize,
    /// Number of those that are not valid.
    pub invalid_runs: usize,
}

/// Latency of one setting.
#[derive(Clone, Debug)]
pub struct Measurement {
    /// Setting, as far as it keeps series apart.
    pub setting: Fields,
    /// All fields: those that don't keep series apart may have changed it.
    pub conditions: Fields,
    /// The target with its variant.
    pub label: String,
    /// Name of the link.
    pub link: String,
    /// Mode of the load.
    pub mode: String,
    /// Number of valid rounds; none if nothing is valid.
    pub rounds: usize,
    /// The percentiles, in the order of [`PERCENTILES`], where there are enough samples.
    pub values: [Option<Value>; PERCENTILES.len()],
    /// Median round trip of one cache line between the two cores, in nanoseconds, over the rounds.
    pub core_round_trip_ns: Option<f64>,
    /// The same of the link to a thread in the guest's place.
    pub reflector_round_trip_ns: Option<f64>,
}

/// Value of a percentile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value {
    /// In nanoseconds.
    pub ns: u64,
    /// True if the true one is this or more.
    pub is_censored: bool,
}

impl Value {
    /// Returns the natural logarithm; of a nanosecond at least. A bound counts as infinite: far off, and no number.
    #[must_use]
    pub fn ln(self) -> f64 {
        match self.is_censored {
            true => f64::INFINITY,
            false => (self.ns.max(1) as f64).ln(),
        }
    }
}

/// Counted figure of a target.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// The target with its variant.
    pub label: String,
    /// Name of the link; empty if the figure is the same on all.
    pub link: String,
    /// Name of the figure in the record.
    pub name: &'static str,
    /// Value.
    pub value: f64,
    /// The lower and the upper quartile that it is the median between, if it was counted several times.
    pub quartiles: Option<[f64; 2]>,
}

impl DatedResult {
    /// Takes from `record`, which was read from `directory`, what history needs.
    #[must_use]
    pub fn of(directory: &Path, record: &Record) -> Self {
        let environment = &record.environment;
        let is_merged = !record.merged.is_empty();
        let measurements = match is_merged {
            true => (record.merged.iter())
                .filter_map(|merged| Measurement::of_merged(record, merged))
                .collect(),
            false => measurements(record),
        };
        Self {
            directory: directory.to_owned(),
            started_at: environment.started_at,
            revision: environment.git_revision.clone(),
            image: image(environment),
            machine: machine(environment),
            measurements,
            figures: figures(record),
            runs: record.runs.len(),
            invalid_runs: record.runs.iter().filter(|run| !run.valid).count(),
        }
    }

    /// Returns the name of the machine: its id, or the processor and the number of CPUs where there is none.
    #[must_use]
    pub fn host(&self) -> String {
        let field = |name| {
            let value = self.machine.get(name);
            value.map(|value| value.words().to_owned())
        };
        field("machine").unwrap_or_else(|| {
            let parts = [field("cpu_model"), field("cores")].into_iter().flatten();
            let parts: Vec<String> = parts.collect();
            match parts.is_empty() {
                true => "unknown".to_owned(),
                false => parts.join(", CPUs "),
            }
        })
    }
}

/// Returns the SHA-256 of the image that was booted.
fn image(environment: &Environment) -> Option<String> {
    let image = environment.image.as_ref();
    image.map(|image| image.sha256.clone())
}

/// Returns the measurements of a record without merged targets: the last valid run of each setting.
fn measurements(record: &Record) -> Vec<Measurement> {
    let mut all: Vec<Measurement> = Vec::new();
    for run in &record.runs {
        let one = Measurement::of_run(record, run);
        let known = all
            .iter_mut()
            .find(|known| known.setting.key() == one.setting.key());
        match known {
            Some(known) if one.rounds > 0 => *known = one,
            Some(_) => {}
            None => all.push(one),
        }
    }
    all
}

impl Measurement {
    fn of_run(record: &Record, run: &Run) -> Self {
        let is_valid = run.valid && !run.partial;
        Self::new(
            record,
            run,
            usize::from(is_valid),
            values(&run.latency_ns, run.censored_from_ns),
            &[run],
        )
    }

    /// Returns `None` if `merged` has no run at all.
    fn of_merged(record: &Record, merged: &MergedRuns) -> Option<Self> {
        let runs = record.runs.iter().filter(|run| merged.is_of(run));
        let valid: Vec<&Run> = runs.clone().filter(|run| run.valid).collect();
        let of = valid.first().copied().or_else(|| runs.clone().next())?;
        let values = values(&merged.latency_ns, merged.lower_bounds_from_ns());
        Some(Self::new(record, of, merged.rounds.len(), values, &valid))
    }

    fn new(
        record: &Record,
        run: &Run,
        rounds: usize,
        values: [Option<Value>; PERCENTILES.len()],
        valid: &[&Run],
    ) -> Self {
        let fields = setting(record, run);
        let mut apart = fields.clone();
        for name in CONDITIONS {
            apart = apart.without(name);
        }
        if is_rate_calibrated(record, run) {
            apart = apart.without(RATE);
        }
        let floor = |floor: fn(&Run) -> Option<f64>| {
            median(valid.iter().filter_map(|run| floor(run)).collect())
        };
        Self {
            setting: apart,
            conditions: fields,
            label: run.target_label(),
            link: run.link.clone(),
            mode: run.mode.to_string(),
            rounds,
            values: if rounds > 0 { values } else { [None; 4] },
            core_round_trip_ns: floor(|run| run.core_round_trip_ns?.mean()),
            reflector_round_trip_ns: floor(|run| run.reflector_round_trip_ns?.mean()),
        }
    }
}

/// Returns true if the rate of `run` was not asked for but chosen by other measurements.
fn is_rate_calibrated(record: &Record, run: &Run) -> bool {
    let mut rates = record.common_rate.iter();
    let is_common = rates.any(|rate| rate.link == run.link && rate.slowest.is_some());
    run.sweep_percent.is_some() || is_common
}

fn values(summary: &Summary, censored_from_ns: Option<u64>) -> [Option<Value>; PERCENTILES.len()] {
    PERCENTILES.map(|name| {
        let ns = summary.get(name).flatten()?;
        let is_censored = censored_from_ns.is_some_and(|from_ns| ns >= from_ns);
        Some(Value { ns, is_censored })
    })
}

/// Returns the counted figures of `record`.
fn figures(record: &Record) -> Vec<Figure> {
    let of_target = |cost: &crate::record::SystemCost| {
        let figure = |name, value: Option<f64>, link: &str, quartiles| {
            value.map(|value| Figure {
                label: cost.label(),
                link: link.to_owned(),
                name,
                value,
                quartiles,
            })
        };
        let image_bytes = cost.image_bytes.map(|bytes| bytes as f64);
        [
            figure(
                "instructions_per_echo",
                cost.instructions_per_echo,
                "",
                cost.instructions_quartiles,
            ),
            figure(
                "doorbells_per_echo",
                cost.doorbells_per_echo,
                &cost.link,
                None,
            ),
            figure(
                "interrupts_per_echo",
                cost.interrupts_per_echo,
                &cost.link,
                None,
            ),
            figure("image_bytes", image_bytes, "", None),
        ]
    };
    let mut figures: Vec<Figure> = Vec::new();
    for figure in record.why.iter().flat_map(of_target).flatten() {
        let is_same = |known: &Figure| {
            (&known.label, &known.link, known.name) == (&figure.label, &figure.link, figure.name)
        };
        if !figures.iter().any(is_same) {
            figures.push(figure);
        }
    }
    figures
}
