//! Figures by name: in a file, and one set held against another.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

use fathom::record::{Environment, EnvironmentBuilder, Image, Record, ResultDirectory};
use jiff::Timestamp;
use serde_json::{Map, Value};
use tests::artifacts;

/// The file, in the repository.
pub const PATH: &str = "tests/benches/baseline.json";

/// By how much a figure may change, either way.
const TOLERANCE: f64 = 0.05;

/// Figures by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Baseline(BTreeMap<String, f64>);

impl Baseline {
    /// Reads the file.
    pub fn read() -> Result<Self, String> {
        let text = fs::read_to_string(artifacts::root().join(PATH));
        let text = text.map_err(|error| format!("{PATH}: {error}"))?;
        let map: Map<String, Value> =
            serde_json::from_str(&text).map_err(|error| format!("{PATH}: {error}"))?;
        let figures = map.into_iter().map(|(name, value)| match value.as_f64() {
            Some(value) => Ok((name, value)),
            None => Err(format!("{PATH}: {name:?} is no number")),
        });
        figures.collect::<Result<_, _>>().map(Self)
    }

    /// Writes the file.
    pub fn write(&self) -> Result<(), String> {
        let value = |figure: f64| {
            // Nearly all are whole numbers, and are to look like it.
            if figure.fract() == 0.0 {
                Value::from(figure as u64)
            } else {
                Value::from(figure)
            }
        };
        let figures = self
            .0
            .iter()
            .map(|(name, &figure)| (name.clone(), value(figure)));
        let text = format!("{:#}\n", Value::Object(figures.collect()));
        fs::write(artifacts::root().join(PATH), text).map_err(|error| format!("{PATH}: {error}"))
    }

    /// Writes the figures into `directory` as a result that `fathom check` judges.
    ///
    /// # Errors
    ///
    /// A message if the image can't be read, or nothing can be written.
    pub fn write_result(&self, directory: &Path) -> Result<(), String> {
        let failed = |error: &dyn fmt::Display| format!("{}: {error}", directory.display());
        let image = Image::read(&artifacts::image()).map_err(|error| failed(&error))?;
        let host_idle = "sleep: nothing is timed".to_owned();
        let environment = Environment {
            image: Some(image),
            ..EnvironmentBuilder::examine(host_idle, None).record()
        };
        let record = Record {
            figures: self.0.clone(),
            ..Record::new(environment, Vec::new())
        };
        let now = Timestamp::now();
        let results = ResultDirectory::create(Some(directory), directory, now, &[]);
        let written = results.and_then(|results| results.keep(&record));
        written.map_err(|error| failed(&error))
    }

    /// Adds a figure.
    pub fn add(&mut self, name: String, figure: f64) {
        let former = self.0.insert(name, figure);
        assert!(former.is_none(), "each figure has a name of its own");
    }

    /// Number.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

/// Measured figures beside those of a baseline.
pub struct Comparison(BTreeMap<String, (Option<f64>, Option<f64>)>);

impl Comparison {
    /// Puts them side by side, those too that only one side has.
    pub fn of(baseline: &Baseline, measured: &Baseline) -> Self {
        let names = baseline.0.keys().chain(measured.0.keys());
        let figure = |figures: &Baseline, name: &String| figures.0.get(name).copied();
        let rows = names.map(|name| {
            let row = (figure(baseline, name), figure(measured, name));
            (name.clone(), row)
        });
        Self(rows.collect())
    }

    /// The figures that have changed, come or gone, with their values.
    pub fn changed(&self) -> Vec<String> {
        let changed = self.0.iter().filter(|(_, (baseline, measured))| {
            let (Some(baseline), Some(measured)) = (baseline, measured) else {
                return true;
            };
            (measured - baseline).abs() > TOLERANCE * baseline.abs()
        });
        let say =
            |figure: &Option<f64>| figure.map_or("none".to_owned(), |figure| figure.to_string());
        changed
            .map(|(name, (baseline, measured))| {
                format!("{name}: {} -> {}", say(baseline), say(measured))
            })
            .collect()
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.0.keys().map(String::len).max().unwrap_or(0);
        writeln!(
            f,
            "{:width$}  {:>12}  {:>12}  {:>8}",
            "figure", "baseline", "now", "change"
        )?;
        for (name, (baseline, measured)) in &self.0 {
            let say =
                |figure: &Option<f64>| figure.map_or("-".to_owned(), |figure| figure.to_string());
            let change = match (baseline, measured) {
                (Some(baseline), Some(measured)) if baseline == measured => "0 %".to_owned(),
                (Some(baseline), Some(measured)) if *baseline != 0.0 => {
                    format!("{:+.1} %", (measured / baseline - 1.0) * 100.0)
                }
                _ => "new".to_owned(),
            };
            let (baseline, measured) = (say(baseline), say(measured));
            writeln!(
                f,
                "{name:width$}  {baseline:>12}  {measured:>12}  {change:>8}"
            )?;
        }
        Ok(())
    }
}
