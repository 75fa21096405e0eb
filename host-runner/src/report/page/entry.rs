//! The measurements of a document, each with a name that tells it from the others.

use crate::quantity;
use crate::record::read::{Distribution, Source};
use crate::record::{Environment, Image, Run};
use crate::report::chart::Style;
use crate::report::marked;

use crate::report::page::plots::Series;

/// A measurement.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    /// Label: no two are the same.
    pub label: String,
    /// Subject, which all measurements of it share: target, responder and link.
    pub subject: String,
    /// Style of its curves.
    pub style: Style,
    /// Record.
    pub run: &'a Run,
    /// Latency.
    pub distribution: &'a Distribution,
    /// The host of the measurement.
    pub environment: &'a Environment,
}

impl Entry<'_> {
    /// From this value on a latency is a lower bound, because requests were lost.
    #[must_use]
    pub fn censored_from_ns(&self) -> Option<u64> {
        marked::censored_from_ns(self.run)
    }

    /// Latency as charts have it.
    #[must_use]
    pub fn series(&self) -> Series<'_> {
        Series {
            label: &self.label,
            style: self.style,
            summary: &self.run.latency_ns,
            histogram: &self.distribution.histogram,
            censored_from_ns: self.censored_from_ns(),
            is_valid: self.run.valid,
        }
    }

    /// The image that was booted, if it is known: in a record that does not say it of each run, the unikernel's is.
    #[must_use]
    pub fn image(&self) -> Option<&Image> {
        if self.run.image.is_some() {
            return self.run.image.as_ref();
        }
        let is_its_own = self.run.round.is_none() || self.run.target.starts_with("hermit");
        self.environment.image.as_ref().filter(|_| is_its_own)
    }

    /// The size of what was booted, if it is known.
    #[must_use]
    pub fn image_bytes(&self) -> Option<u64> {
        self.run.image_bytes.or_else(|| Some(self.image()?.bytes))
    }
}

/// All measurements of `sources` that are no part of a comparison, in their order.
#[must_use]
pub fn entries(sources: &[Source]) -> Vec<Entry<'_>> {
    let mut entries: Vec<Entry<'_>> = Vec::new();
    let mut directories = Vec::new();
    for source in sources.iter().filter(|source| !source.is_comparison()) {
        for (run, distribution) in source.record.runs.iter().zip(&source.distributions) {
            let parts = [Some(&run.target), run.responder.as_ref(), Some(&run.link)];
            let parts: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
            let subject = parts.join(", ");
            entries.push(Entry {
                label: subject.clone(),
                subject,
                style: Style::numbered(entries.len()),
                run,
                distribution,
                environment: &source.record.environment,
            });
            let name = source.directory.file_name();
            directories.push(name.map(|name| name.to_string_lossy().into_owned()));
        }
    }
    if is_sweep(&entries) {
        // All are of one thing, which the title names.
        for entry in &mut entries {
            entry.label = mode(entry.run);
        }
        return entries;
    }
    // Whatever tells any two apart is in every name, so that the names are alike.
    distinguish(&mut entries, |_, entry| Some(mode(entry.run)));
    distinguish(&mut entries, |_, entry| {
        Some(format!("{} bytes", entry.run.payload_bytes))
    });
    distinguish(&mut entries, |_, entry| entry.run.accel.clone());
    let images = image_names(&entries);
    distinguish(&mut entries, |index, _| images[index].clone());
    if !are_distinct(&entries) {
        distinguish(&mut entries, |index, _| directories[index].clone());
    }
    if !are_distinct(&entries) {
        distinguish(&mut entries, |index, _| Some(format!("#{}", index + 1)));
    }
    entries
}

/// Returns the name of each entry's image, if entries of one subject have different ones: the file's without its ending,
/// with the start of the digest where different files have one name.
fn image_names(entries: &[Entry<'_>]) -> Vec<Option<String>> {
    let differ = |one: &Image, other: &Image| one.sha256 != other.sha256;
    let is_among_others = |entry: &Entry<'_>, image: &Image| {
        let same_subject = entries
            .iter()
            .filter(|other| other.subject == entry.subject);
        let mut others = same_subject.filter_map(Entry::image);
        others.any(|other| differ(other, image))
    };
    let name = |entry: &Entry<'_>| {
        let image = entry.image()?;
        if !is_among_others(entry, image) {
            return None;
        }
        let stem = image.stem();
        let mut others = entries.iter().filter_map(Entry::image);
        let is_taken = others.any(|other| other.stem() == stem && differ(other, image));
        Some(match is_taken {
            true => format!("image {stem}-{}", image.short_digest()),
            false => format!("image {stem}"),
        })
    };
    entries.iter().map(name).collect()
}

/// Returns whether `entries` are the steps of one sweep, with what they are shares of.
#[must_use]
pub fn is_sweep(entries: &[Entry<'_>]) -> bool {
    let steps = entries
        .iter()
        .filter(|entry| entry.run.sweep_percent.is_some());
    let is_one = entries
        .windows(2)
        .all(|pair| pair[0].subject == pair[1].subject);
    let mut modes: Vec<String> = entries.iter().map(|entry| mode(entry.run)).collect();
    modes.sort_unstable();
    let are_distinct = modes.windows(2).all(|pair| pair[0] != pair[1]);
    let is_whole = steps.count() + 1 >= entries.len();
    is_one && are_distinct && is_whole && entries.len() > 1
}

/// Returns the order in which requests followed each other.
#[must_use]
pub fn mode(run: &Run) -> String {
    match (run.offered_rate, run.depth) {
        (Some(rate), _) => format!("{} {}/s", run.mode, quantity::exact_rate(rate)),
        (None, Some(depth)) => format!("{} of {depth}", run.mode),
        (None, None) => run.mode.to_string(),
    }
}

/// Adds a trait to every name, unless all have the same.
fn distinguish(entries: &mut [Entry<'_>], describe: impl Fn(usize, &Entry<'_>) -> Option<String>) {
    let traits: Vec<Option<String>> = entries
        .iter()
        .enumerate()
        .map(|(index, entry)| describe(index, entry))
        .collect();
    if traits.windows(2).all(|pair| pair[0] == pair[1]) {
        return;
    }
    for (entry, description) in entries.iter_mut().zip(traits) {
        if let Some(description) = description {
            entry.label.push_str(&format!(", {description}"));
        }
    }
}

fn are_distinct(entries: &[Entry<'_>]) -> bool {
    let mut labels: Vec<&str> = entries.iter().map(|entry| entry.label.as_str()).collect();
    labels.sort_unstable();
    labels.windows(2).all(|pair| pair[0] != pair[1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::fixtures::source_fixtures;

    fn labels(sources: &[Source]) -> Vec<String> {
        entries(sources)
            .into_iter()
            .map(|entry| entry.label)
            .collect()
    }

    #[test]
    fn one_measurement_is_called_what_it_is() {
        assert_eq!(labels(&[source_fixtures::closed()]), ["hermit, unix"]);
    }

    #[test]
    fn names_hold_what_differs_and_nothing_else() {
        let mut other = source_fixtures::open(5000.0);
        assert_eq!(
            labels(&[source_fixtures::open(1000.0), other.clone()]),
            ["hermit, unix, open 1k/s", "hermit, unix, open 5k/s"]
        );
        other.record.runs[0].accel = Some("kvm".to_owned());
        assert_eq!(
            labels(&[source_fixtures::open(5000.0), other]),
            ["hermit, unix, tcg", "hermit, unix, kvm"]
        );
    }

    #[test]
    fn images_of_one_target_are_labelled_by_file_or_by_digest() {
        let booted = |path: &str, sha256: &str| {
            let mut source = source_fixtures::closed();
            let image = source.record.environment.image.as_mut().unwrap();
            (image.path, image.sha256) = (path.into(), sha256.to_owned());
            source
        };
        let old = booted("a/old.elf", "00ff00ff00ff");
        assert_eq!(
            labels(&[old.clone(), booted("new.elf", "11ee11ee11ee")]),
            ["hermit, unix, image old", "hermit, unix, image new"]
        );
        let rebuilt = booted("b/old.elf", "11ee11ee11ee");
        assert_eq!(
            labels(&[old.clone(), rebuilt]),
            [
                "hermit, unix, image old-00ff00ff",
                "hermit, unix, image old-11ee11ee"
            ]
        );
        let mut other_target = booted("new.elf", "11ee11ee11ee");
        other_target.record.runs[0].target = "hermit-sockets".to_owned();
        assert_eq!(
            labels(&[old, other_target]),
            ["hermit, unix", "hermit-sockets, unix"]
        );
    }

    #[test]
    fn the_same_twice_is_told_apart_by_directory_or_by_number() {
        let mut again = source_fixtures::closed();
        again.directory = "results/b".into();
        assert_eq!(
            labels(&[source_fixtures::closed(), again]),
            ["hermit, unix, a", "hermit, unix, b"]
        );
        assert_eq!(
            labels(&[source_fixtures::closed(), source_fixtures::closed()]),
            ["hermit, unix, #1", "hermit, unix, #2"]
        );
    }
}
