//! The logs that paths lead to, each with its node and with what it is of.

use std::collections::{BTreeMap, HashSet};
use std::convert::Infallible;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use super::log_stream::LogStream;
use super::{MOST_NODES, MergeError, agreement};
use crate::record::file_names::{RESULT, UNCORRECTED, UNFINISHED};
use crate::record::log_description::LogDescription;
use crate::record::read::read_record;
use crate::record::{Environment, Run};
use crate::stats::Tag;
use crate::terminal;

/// Most characters of a node's name.
const LONGEST_NAME: usize = 100;

/// A path that was named, as `PATH` or `NAME=PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputPath {
    /// Name of the node, if it was given.
    pub node: Option<String>,
    /// Path of a log, of a result, or of a directory of either.
    pub path: PathBuf,
}

impl FromStr for InputPath {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let whole = Path::new(text);
        let named = text.split_once('=').filter(|(node, path)| {
            !whole.exists() && !node.contains('/') && !node.is_empty() && !path.is_empty()
        });
        Ok(match named {
            Some((node, path)) => Self {
                node: Some(node.to_owned()),
                path: path.into(),
            },
            None => Self {
                node: None,
                path: whole.to_owned(),
            },
        })
    }
}

/// One log.
#[derive(Clone, Debug)]
pub struct Input {
    /// Name of the node.
    pub node: String,
    /// Path of the log.
    pub path: PathBuf,
    /// Start of the log, since the epoch.
    pub start: Duration,
    /// Description of what was measured.
    pub description: LogDescription,
    /// The run's record, if there is one.
    pub run: Option<Box<Run>>,
    /// The host that measured, if there is a record.
    pub environment: Option<Box<Environment>>,
}

/// A log that was found, before its node has a name.
#[derive(Debug)]
struct Found {
    node: Option<String>,
    /// Path whose last parts name the node otherwise: of a result its directory, else the log without its extension.
    named_by: PathBuf,
    input: Input,
}

/// Finds the logs that `paths` lead to, and checks that those of each run add up. Returns them in groups: one for a
/// measurement, and one for each step of a sweep.
///
/// A path is a log, the directory of a result, or a directory that has either in it or in its directories.
///
/// # Errors
///
/// [`MergeError`] if nothing is found, if a file can't be read, does not say what it is of, or was named twice, and if
/// they do not add up.
pub fn find(paths: &[InputPath]) -> Result<Vec<Vec<Input>>, MergeError> {
    let mut found = Vec::new();
    for path in paths {
        let before = found.len();
        look(path, &mut found)?;
        if found.len() == before {
            return Err(MergeError::Nothing {
                path: path.path.clone(),
            });
        }
    }
    check_distinct(&found)?;
    group(named(found)?)
}

/// Looks for logs at `path`.
fn look(path: &InputPath, found: &mut Vec<Found>) -> Result<(), MergeError> {
    let node = path.node.as_deref();
    if !path.path.is_dir() {
        return bare(&path.path, node, found);
    }
    if path.path.join(RESULT).exists() {
        return result(&path.path, node, found);
    }
    for entry in entries(&path.path)? {
        if !entry.is_dir() {
            bare(&entry, node, found)?;
        } else if entry.join(RESULT).exists() {
            result(&entry, node, found)?;
        } else {
            for file in entries(&entry)?.iter().filter(|file| !file.is_dir()) {
                bare(file, node, found)?;
            }
        }
    }
    Ok(())
}

/// Returns the directories and logs in `directory`, by name; links are left, `latest` among them.
fn entries(directory: &Path) -> Result<Vec<PathBuf>, MergeError> {
    let unreadable = |source| MergeError::Unreadable {
        path: directory.to_owned(),
        source,
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let kind = entry.file_type().map_err(unreadable)?;
        let path = entry.path();
        if kind.is_dir() || kind.is_file() && is_latency_log(&path) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// Returns true if `path` has the name of a log of latencies.
fn is_latency_log(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let stem = name.strip_suffix(".hlog");
    stem.is_some_and(|stem| !stem.ends_with(UNCORRECTED) && name != UNFINISHED)
}

/// Adds the log at `path`, which has no record beside it.
fn bare(path: &Path, node: Option<&str>, found: &mut Vec<Found>) -> Result<(), MergeError> {
    let head = LogStream::head(path)?;
    let description = head.description.ok_or_else(|| MergeError::Undescribed {
        path: path.to_owned(),
        field: "description",
        remedy: "an older version wrote it, or another program; name its directory, if that has a result.json",
    })?;
    let node = node.map(str::to_owned).or(description.node.clone());
    found.push(Found {
        node,
        named_by: path.with_extension(""),
        input: Input {
            node: String::new(),
            path: path.to_owned(),
            start: head.start,
            description,
            run: None,
            environment: None,
        },
    });
    Ok(())
}

/// Adds the logs of the result in `directory`.
fn result(directory: &Path, node: Option<&str>, found: &mut Vec<Found>) -> Result<(), MergeError> {
    let path = directory.join(RESULT);
    let record = read_record(directory)?;
    if !record.merged.is_empty() {
        return Err(MergeError::Input {
            path,
            problem: "it is a comparison, whose rounds are no nodes: name results of `fathom run` or `fathom probe`"
                .to_owned(),
        });
    }
    for run in record.runs {
        if run.fault.is_some() {
            return Err(MergeError::Input {
                path,
                problem: "it was measured under injected faults, whose account is of one link"
                    .to_owned(),
            });
        }
        let log = directory.join(format!("{}.hlog", run.file_stem()));
        let head = LogStream::head(&log)?;
        found.push(Found {
            node: node.map(str::to_owned),
            named_by: directory.to_owned(),
            input: Input {
                node: String::new(),
                path: log,
                start: head.start,
                description: LogDescription::of(&run, record.methods.as_ref()),
                run: Some(Box::new(run)),
                environment: Some(Box::new(record.environment.clone())),
            },
        });
    }
    Ok(())
}

/// Refuses a log that was found twice: its requests would count twice.
fn check_distinct(found: &[Found]) -> Result<(), MergeError> {
    let mut seen = HashSet::new();
    for Found { input, .. } in found {
        let canonical = input.path.canonicalize();
        if !seen.insert(canonical.unwrap_or_else(|_| input.path.clone())) {
            return Err(MergeError::Input {
                path: input.path.clone(),
                problem: "it was named twice: its requests would count twice".to_owned(),
            });
        }
    }
    Ok(())
}

/// Refuses a destination that holds one of the logs: older results there make room for the new ones.
///
/// # Errors
///
/// [`MergeError::Input`] with the log.
pub fn check_outside<'a>(
    out: &Path,
    inputs: impl IntoIterator<Item = &'a Input>,
) -> Result<(), MergeError> {
    let Ok(out) = out.canonicalize() else {
        return Ok(());
    };
    let is_inside = |input: &&Input| {
        let log = input.path.canonicalize();
        log.is_ok_and(|log| log.parent() == Some(out.as_path()))
    };
    match inputs.into_iter().find(is_inside) {
        None => Ok(()),
        Some(input) => Err(MergeError::Input {
            path: input.path.clone(),
            problem:
                "it is in the directory that the sum would go to: choose another with `--out DIR`"
                    .to_owned(),
        }),
    }
}

/// Gives every node its name: as it was given, or as few of the last parts of its path as tell it from the others.
fn named(found: Vec<Found>) -> Result<Vec<Input>, MergeError> {
    let unnamed = || found.iter().filter(|found| found.node.is_none());
    let places: HashSet<&Path> = unnamed().map(|found| found.named_by.as_path()).collect();
    let longest = places.iter().map(|place| place.components().count()).max();
    let parts = (1..=longest.unwrap_or(1)).find(|&parts| {
        let names: HashSet<String> = places.iter().map(|place| last(place, parts)).collect();
        names.len() == places.len()
    });
    let parts = parts.unwrap_or(1);
    let mut inputs: Vec<Input> = Vec::new();
    for found in &found {
        let name = match &found.node {
            Some(name) => clean(name),
            None => clean(&last(&found.named_by, parts)),
        };
        let node = check_name(name, &found.input.path)?;
        inputs.push(Input {
            node,
            ..found.input.clone()
        });
    }
    by_address(&mut inputs);
    let nodes: HashSet<&str> = inputs.iter().map(|input| input.node.as_str()).collect();
    match nodes.len() > MOST_NODES {
        false => Ok(inputs),
        true => Err(MergeError::Input {
            path: inputs[0].path.clone(),
            problem: format!(
                "with the others these are {} nodes, at most {MOST_NODES} are added up: add up some of them first, \
                 and then the sums",
                nodes.len()
            ),
        }),
    }
}

/// Tells the targets of nodes apart that probe several of them: one has the name `node/address`.
fn by_address(inputs: &mut [Input]) {
    let mut addresses: BTreeMap<String, HashSet<String>> = BTreeMap::new();
    for input in inputs.iter().filter(|input| input.run.is_none()) {
        let of_node = addresses.entry(input.node.clone()).or_default();
        of_node.insert(input.description.address.clone());
    }
    for input in inputs.iter_mut() {
        if addresses
            .get(&input.node)
            .is_some_and(|of_node| of_node.len() > 1)
        {
            input.node = clean(&format!("{}/{}", input.node, input.description.address));
        }
    }
}

/// The last `parts` of `path`, with dots between.
fn last(path: &Path, parts: usize) -> String {
    let all: Vec<String> = path
        .components()
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .collect();
    all[all.len().saturating_sub(parts)..].join(".")
}

/// Returns `name` as the tag of a log can be: without commas, white space and control characters.
fn clean(name: &str) -> String {
    let name = terminal::one_line(name);
    let cleaned = name.chars().take(LONGEST_NAME);
    cleaned
        .map(|character| match character {
            ',' | '"' | '#' => '-',
            other if other.is_whitespace() => '-',
            other => other,
        })
        .collect()
}

/// Refuses a name that a log has another meaning for.
fn check_name(name: String, path: &Path) -> Result<String, MergeError> {
    if !name.is_empty() && Tag::named(&name).is_none() {
        return Ok(name);
    }
    Err(MergeError::Input {
        path: path.to_owned(),
        problem: format!("`{name}` can't be the name of a node: give it another with NAME=PATH"),
    })
}

/// Puts logs of the same load together, and checks that they add up.
fn group(inputs: Vec<Input>) -> Result<Vec<Vec<Input>>, MergeError> {
    type Key = (Option<u32>, String);
    let key = |input: &Input| -> Key {
        let description = &input.description;
        match description.sweep_percent {
            None => (None, String::new()),
            percent => (percent, description.mode.to_string()),
        }
    };
    let mut groups: Vec<(Key, Vec<Input>)> = Vec::new();
    for input in inputs {
        let key = key(&input);
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, group)) => group.push(input),
            None => groups.push((key, vec![input])),
        }
    }
    let nodes = |group: &[Input]| -> HashSet<String> {
        group.iter().map(|input| input.node.clone()).collect()
    };
    let all = nodes(&groups[0].1);
    for ((percent, _), group) in &groups {
        let first = &group[0];
        for input in group {
            agreement::check(
                (&first.path, &first.description),
                (&input.path, &input.description),
            )?;
        }
        let own = nodes(group);
        if let Some(missing) = all.symmetric_difference(&own).min() {
            let step = percent.map_or_else(
                || "no step of a sweep".to_owned(),
                |percent| format!("step {percent} %"),
            );
            return Err(MergeError::Input {
                path: first.path.clone(),
                problem: format!(
                    "it is {step}, which not every node has: {missing} is with others alone"
                ),
            });
        }
    }
    Ok(groups.into_iter().map(|(_, group)| group).collect())
}
