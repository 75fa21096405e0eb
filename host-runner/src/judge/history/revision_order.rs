//! Order of results: by their starts, or by the place of their revisions in the history of a git repository.
//!
//! The order of revisions is that of `git rev-list --topo-order`: no commit stands before one that it descends from.
//! Results of one revision are in the order of their starts. A result whose revision is no commit of the repository,
//! or that was measured with changes on top of one, has no place in it: it is left out and named.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::ValueEnum;
use serde::Serialize;

use super::{DatedResult, Unread};

/// Mark that `git describe` leaves on the revision of changed sources.
const DIRTY: &str = "-dirty";

/// Fewest digits of a revision: as many as git abbreviates to.
const LEAST_DIGITS: usize = 7;

/// Order of the results of a series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// By the start of the measurement.
    #[default]
    Start,
    /// By the place of the revision among the commits of a git repository, then by the start.
    Git,
}

/// Reason why results can't be put in the order of their revisions.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// Git can't be started.
    #[error(
        "`--order git`: can't start git, which knows the order of revisions; install it, or use `--order start`"
    )]
    NoGit(#[source] io::Error),
    /// Git can't list the commits.
    #[error(
        "`--order git`: git can't list the commits of {} ({message}); name the repository with `--repo DIR`, or use \
         `--order start`",
        repository.display()
    )]
    NoRepository {
        /// Directory that was taken for a repository.
        repository: PathBuf,
        /// Message of git.
        message: String,
    },
    /// No result has a place.
    #[error(
        "`--order git`: none of the {results} results has a revision that is a commit of {}; name the right repository \
         with `--repo DIR`, fetch all of its commits, or use `--order start`",
        repository.display()
    )]
    NothingFound {
        /// Directory of the repository.
        repository: PathBuf,
        /// Number of results.
        results: usize,
    },
}

/// Puts `results` in the order of their starts.
pub(super) fn by_start(results: &mut [DatedResult]) {
    results.sort_by(|a, b| {
        let key = |result: &DatedResult| (result.started_at, result.directory.clone());
        key(a).cmp(&key(b))
    });
}

/// Returns `results` in the order of the commits of `repository`, and those that have no place there.
///
/// # Errors
///
/// [`OrderError`] if git does not list the commits, or if no result has one of them.
pub(super) fn by_revision(
    mut results: Vec<DatedResult>,
    repository: &Path,
) -> Result<(Vec<DatedResult>, Vec<Unread>), OrderError> {
    by_start(&mut results);
    let commits = commits(repository)?;
    let count = results.len();
    let (mut placed, mut left_out) = (Vec::new(), Vec::new());
    for result in results {
        match place(&commits, result.revision.as_deref(), repository) {
            Ok(place) => placed.push((place, result)),
            Err(reason) => left_out.push(Unread {
                directory: result.directory.display().to_string(),
                reason,
            }),
        }
    }
    if placed.is_empty() && count > 0 {
        return Err(OrderError::NothingFound {
            repository: repository.to_owned(),
            results: count,
        });
    }
    // Stable: results of one revision stay in the order of their starts.
    placed.sort_by_key(|(place, _)| *place);
    let placed = placed.into_iter().map(|(_, result)| result);
    Ok((placed.collect(), left_out))
}

/// Returns the commits of `repository`, those of all branches, each with its place: parents before children.
fn commits(repository: &Path) -> Result<BTreeMap<String, usize>, OrderError> {
    let mut command = Command::new("git");
    command.arg("-C").arg(repository);
    command.args(["rev-list", "--all", "--topo-order", "--reverse"]);
    let output = command.output().map_err(OrderError::NoGit)?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr);
        return Err(OrderError::NoRepository {
            repository: repository.to_owned(),
            message: message.lines().next().unwrap_or("no message").to_owned(),
        });
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let numbered = text.lines().enumerate();
    Ok(numbered
        .map(|(place, commit)| (commit.to_owned(), place))
        .collect())
}

/// Returns the place of `revision`, or in words why it has none.
fn place(
    commits: &BTreeMap<String, usize>,
    revision: Option<&str>,
    repository: &Path,
) -> Result<usize, String> {
    let revision = revision.ok_or("left out: its revision is not recorded, so it has no place")?;
    if let Some(commit) = revision.strip_suffix(DIRTY) {
        return Err(format!(
            "left out: it was measured with changes on top of {commit}, which are no commit"
        ));
    }
    let mut from = commits.range(revision.to_owned()..);
    let known = from
        .next()
        .filter(|(commit, _)| revision.len() >= LEAST_DIGITS && commit.starts_with(revision));
    let is_ambiguous = from
        .next()
        .is_some_and(|(commit, _)| commit.starts_with(revision));
    match known {
        Some((_, place)) if !is_ambiguous => Ok(*place),
        _ => Err(format!(
            "left out: its revision {revision} is no commit of {}; fetch all commits, or name the right \
             repository with `--repo`",
            repository.display()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::history::result_fixtures::{dated, night};

    /// Runs git in `place`, with a name for its commits, and returns what it prints.
    fn git(place: &Path, arguments: &str) -> String {
        let mut command = Command::new("git");
        command.current_dir(place).args(arguments.split(' '));
        for name in ["GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME", "EMAIL"] {
            command.env(name, "someone@example.org");
        }
        command.env("GIT_CONFIG_GLOBAL", "/dev/null");
        let output = command.output().unwrap();
        assert!(output.status.success(), "{arguments}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn commit(place: &Path, title: &str) -> String {
        git(place, &format!("commit -q --allow-empty -m {title}"));
        git(place, "rev-parse HEAD")
    }

    /// Returns results of `revisions`, of a night each.
    fn results(revisions: &[Option<String>]) -> Vec<DatedResult> {
        let numbered = revisions.iter().enumerate();
        let records = numbered.map(|(number, revision)| {
            let mut record = night(number, 1.0);
            record.environment.git_revision.clone_from(revision);
            record
        });
        dated(&records.collect::<Vec<_>>())
    }

    fn directories(results: &[DatedResult]) -> Vec<String> {
        let each = results.iter();
        each.map(|result| result.directory.display().to_string())
            .collect()
    }

    #[test]
    fn results_are_in_the_order_of_their_commits_and_those_of_one_in_that_of_their_starts() {
        let place = tempfile::tempdir().unwrap();
        let place = place.path();
        git(place, "init -q -b trunk");
        let first = commit(place, "first");
        git(place, "checkout -q -b side");
        let side = commit(place, "side");
        git(place, "checkout -q trunk");
        let second = commit(place, "second");
        git(place, "merge -q --no-ff -m merged side");
        let merged = git(place, "rev-parse HEAD");
        // Measured from the newest to the oldest, and the second one twice.
        let revisions = [&merged, &second, &side, &first, &second];
        let revisions: Vec<_> = revisions.map(|revision| Some(revision.clone())).into();
        let (placed, left_out) = by_revision(results(&revisions), place).unwrap();
        let order = directories(&placed);
        assert_eq!(left_out, []);
        assert_eq!((&*order[0], &*order[4]), ("results/3", "results/0"));
        let of = |directory: &str| order.iter().position(|other| other == directory);
        assert_eq!(
            of("results/1").map(|at| at + 1),
            of("results/4"),
            "{order:?}"
        );
        // An abbreviation stands for its commit.
        let short = vec![Some(second[..12].to_owned()), Some(first[..12].to_owned())];
        let (placed, _) = by_revision(results(&short), place).unwrap();
        assert_eq!(directories(&placed), ["results/1", "results/0"]);
    }

    #[test]
    fn results_without_a_commit_are_left_out_by_name() {
        let place = tempfile::tempdir().unwrap();
        let place = place.path();
        git(place, "init -q");
        let known = commit(place, "first");
        let unknown = [
            Some(format!("{known}-dirty")),
            Some("0".repeat(40)),
            Some(known[..4].to_owned()),
            Some(String::new()),
            None,
        ];
        let mut revisions = unknown.to_vec();
        revisions.push(Some(known));
        let (placed, left_out) = by_revision(results(&revisions), place).unwrap();
        assert_eq!(directories(&placed), ["results/5"]);
        let words = [
            "changes on top of",
            "no commit of",
            "no commit of",
            "no commit of",
            "not recorded",
        ];
        assert_eq!(left_out.len(), words.len());
        for (left_out, words) in left_out.iter().zip(words) {
            assert!(left_out.reason.contains(words), "{left_out:?}");
        }
        let none = by_revision(results(&unknown), place).unwrap_err();
        assert!(none.to_string().contains("none of the 5 results"), "{none}");
    }

    #[test]
    fn a_directory_without_a_repository_is_named_with_what_git_says() {
        let place = tempfile::tempdir().unwrap();
        let error = by_revision(Vec::new(), &place.path().join("none")).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("none") && text.contains("--repo DIR"),
            "{text}"
        );
    }
}
