//! Options for continuous integration, on a command line.

use clap::Parser;

use super::*;

#[derive(Parser)]
struct Options {
    #[command(flatten)]
    ci: CiArgs,
    file: Option<PathBuf>,
}

fn options(line: &str) -> Options {
    Options::parse_from(line.split(' '))
}

#[test]
fn github_is_an_option_with_or_without_a_value() {
    for (line, expected) in [
        ("fathom", GithubChoice::Auto),
        ("fathom --github", GithubChoice::On),
        ("fathom --github=off", GithubChoice::Off),
        ("fathom --github=off --github=auto", GithubChoice::Auto),
    ] {
        assert_eq!(options(line).ci.github, expected, "{line}");
    }
    let options = options("fathom --github results");
    assert_eq!(options.ci.github, GithubChoice::On);
    assert_eq!(options.file, Some(PathBuf::from("results")));
}

#[test]
fn a_file_that_can_not_be_written_is_an_error_before_anything_begins() {
    let directory = tempfile::tempdir().unwrap();
    let prepare = |name: &str| {
        let path = directory.path().join(name);
        let line = format!("fathom --github=off --junit {}", path.display());
        options(&line).ci.prepare(Stream::Output)
    };
    assert!(prepare("none/junit.xml").is_err());
    let report = prepare("junit.xml").unwrap();
    assert!(report.junit.is_some() && report.github.is_none());
}
