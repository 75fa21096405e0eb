//! Tests of the documentation: its relative links resolve, and the commands that it shows exist.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser as _;
use clap::error::ErrorKind;

use crate::cli::Cli;

/// A page of the documentation.
struct Page {
    /// Path.
    path: PathBuf,
    /// Text.
    text: String,
}

/// The project's directory.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Returns the README, CONTRIBUTING, SECURITY, and every page below `docs/`.
fn pages() -> Vec<Page> {
    let top = ["README.md", "CONTRIBUTING.md", "SECURITY.md"];
    let mut paths = top.map(|name| root().join(name)).to_vec();
    let mut folders = vec![root().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                paths.push(path);
            }
        }
    }
    assert!(paths.len() > 10, "{paths:?}");
    let read = |path: PathBuf| Page {
        text: fs::read_to_string(&path).unwrap(),
        path,
    };
    paths.into_iter().map(read).collect()
}

/// Returns the text outside of fenced blocks, and the lines inside blocks of shell commands.
fn prose_and_shell(text: &str) -> (String, Vec<String>) {
    let mut prose = String::new();
    let mut shell = Vec::new();
    let mut fence: Option<&str> = None;
    let mut continued = String::new();
    for line in text.lines() {
        match (line.trim_start().strip_prefix("```"), fence) {
            (Some(language), None) => fence = Some(language),
            (Some(_), Some(_)) => fence = None,
            (None, None) => prose += &format!("{line}\n"),
            (None, Some("sh")) => match line.strip_suffix('\\') {
                Some(part) => continued += part,
                None => shell.push(std::mem::take(&mut continued) + line),
            },
            (None, Some(_)) => {}
        }
    }
    assert_eq!(fence, None, "a block without an end");
    (prose, shell)
}

/// Returns the text between backticks.
fn code_spans(prose: &str) -> impl Iterator<Item = &str> {
    prose.split('`').skip(1).step_by(2)
}

/// The anchor that GitHub makes of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter_map(|letter| match letter {
        ' ' => Some('-'),
        '-' | '_' => Some(letter),
        _ if letter.is_alphanumeric() => Some(letter.to_ascii_lowercase()),
        _ => None,
    });
    kept.collect()
}

/// Returns a shell line's words, without a comment and with quoted words in one piece; operators end a command.
pub fn commands(line: &str) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    let mut word: Option<String> = None;
    let mut quote = None;
    for letter in line.chars().chain([' ']) {
        match (letter, quote) {
            ('"' | '\'', None) => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (_, Some(open)) if open == letter => quote = None,
            ('#', None) if word.is_none() => break,
            (' ', None) => {
                let Some(word) = word.take() else { continue };
                match word.trim_end_matches(';') {
                    "&&" | "||" | "|" => commands.push(Vec::new()),
                    part => {
                        commands.last_mut().unwrap().push(part.to_owned());
                        if part.len() < word.len() {
                            commands.push(Vec::new());
                        }
                    }
                }
            }
            _ => word.get_or_insert_default().push(letter),
        }
    }
    commands.retain(|words| !words.is_empty());
    commands
}

/// Returns the error of a `fathom` command line that can't be parsed.
fn fathom_error(words: &[String]) -> Option<String> {
    let is_redirection = |word: &&String| word.starts_with('>');
    let words = words.iter().take_while(|word| !is_redirection(word));
    let error = Cli::try_parse_from(words).err()?;
    // Text may name a command without its arguments.
    let is_one = matches!(
        error.kind(),
        ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
            | ErrorKind::MissingRequiredArgument
    );
    (!is_one).then(|| error.to_string())
}

/// Returns the error of a `make` command line: no such target, or `ARGS` that the command behind it refuses.
fn make_error(words: &[String], makefile: &str) -> Option<String> {
    let words = match words {
        [_, option, _, rest @ ..] if option == "-C" => rest,
        words => &words[1..],
    };
    let (assignments, targets): (Vec<_>, Vec<_>) = words
        .iter()
        .partition(|word| word.contains('=') && !word.starts_with('-'));
    for target in targets {
        if !makefile.lines().any(|line| {
            line.strip_prefix(target.as_str())
                .is_some_and(|rest| rest.starts_with(':'))
        }) {
            return Some(format!("no target {target}"));
        }
        let Some(args) = assignments
            .iter()
            .find_map(|assignment| assignment.strip_prefix("ARGS="))
        else {
            continue;
        };
        let command = match target.as_str() {
            "run" | "serve" | "probe" | "compare" => target.as_str(),
            "image" => "image new",
            _ => continue,
        };
        let line = format!("fathom {command} {args}");
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        if let Some(error) = fathom_error(&words) {
            return Some(error);
        }
    }
    None
}

/// Returns the error of a command that names something of the project that is not there.
fn command_error(words: &[String], makefile: &str) -> Option<String> {
    let is_assignment = |word: &&String| {
        word.split_once('=').is_some_and(|(name, _)| {
            name.chars()
                .all(|letter| letter.is_ascii_uppercase() || letter == '_')
        })
    };
    let skipped = words.iter().take_while(is_assignment).count();
    let words = &words[skipped..];
    let missing = |path: &Path| (!path.exists()).then(|| format!("no {}", path.display()));
    match words.first()?.as_str() {
        program if program == "fathom" || program.ends_with("target/release/fathom") => {
            (words.len() > 1).then(|| fathom_error(words)).flatten()
        }
        "make" => make_error(words, makefile),
        // A page on a place is read beside the files of that place.
        "sh" if words[1..].iter().all(|word| !word.starts_with('-')) => {
            let script = words.get(1)?;
            let places = fs::read_dir(root().join("qemu/deploy")).unwrap();
            let mut folders = places.map(|place| place.unwrap().path()).chain([root()]);
            let is_there = folders.any(|folder| folder.join(script).exists());
            (!is_there).then(|| format!("no {script}"))
        }
        "cargo" => {
            let tests = words.iter().zip(words.iter().skip(1));
            tests
                .filter(|(option, _)| *option == "--test")
                .find_map(|(_, name)| missing(&root().join(format!("tests/tests/{name}.rs"))))
        }
        _ => None,
    }
}

#[test]
fn relative_links_of_the_documentation_resolve() {
    let mut links = 0;
    for page in pages() {
        let (prose, _) = prose_and_shell(&page.text);
        for (_, rest) in prose
            .match_indices("](")
            .map(|(at, _)| prose.split_at(at + 2))
        {
            let target = rest.split(')').next().unwrap();
            if target.contains("://") {
                continue;
            }
            let (file, fragment) = target.split_once('#').unwrap_or((target, ""));
            let path = match file {
                "" => page.path.clone(),
                _ => page.path.parent().unwrap().join(file),
            };
            assert!(path.exists(), "{}: {target}", page.path.display());
            if !fragment.is_empty() {
                let text = fs::read_to_string(path).unwrap();
                let headings = text.lines().filter(|line| line.starts_with('#'));
                let mut anchors =
                    headings.map(|line| anchor(line.trim_start_matches('#').trim_start()));
                assert!(
                    anchors.any(|anchor| anchor == fragment),
                    "{}: {target}",
                    page.path.display()
                );
            }
            links += 1;
        }
    }
    assert!(links > 30, "{links}");
}

/// Returns the text of all Rust files below `folder`, but for what was built.
fn sources(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            text += &sources(&path);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text += &fs::read_to_string(&path).unwrap();
        }
    }
    text
}

#[test]
fn tests_that_hold_the_promises_of_security_exist() {
    let folders = [
        "wire",
        "kernel-app/src",
        "linux-responder",
        "host-runner/src",
        "tests/tests",
    ];
    let sources = folders.map(|folder| sources(&root().join(folder))).concat();
    let security = fs::read_to_string(root().join("SECURITY.md")).unwrap();
    let rows = security.lines().filter(|line| line.starts_with("| "));
    let mut seen = 0;
    for row in rows.filter(|row| !row.starts_with("| promise")) {
        let tests = row.rsplit('|').nth(1).unwrap();
        assert!(tests.contains('`'), "no test: {row}");
        for test in code_spans(tests) {
            let is_there = sources.contains(&format!("fn {test}("));
            assert!(is_there, "no such test: {test}");
            seen += 1;
        }
    }
    assert!(seen > 20, "{seen}");
}

#[test]
fn the_readme_is_short() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    assert!(readme.lines().count() <= 150);
}

#[test]
fn commands_of_the_documentation_exist() {
    let makefile = fs::read_to_string(root().join("Makefile")).unwrap();
    let mut seen = 0;
    let mut errors = String::new();
    for page in pages() {
        let (prose, shell) = prose_and_shell(&page.text);
        // A placeholder for any command.
        let spans = code_spans(&prose).filter(|span| !span.starts_with("fathom COMMAND"));
        for line in spans.chain(shell.iter().map(String::as_str)) {
            for words in commands(line) {
                if let Some(error) = command_error(&words, &makefile) {
                    errors += &format!("{}: {line}\n{error}\n", page.path.display());
                }
                seen += 1;
            }
        }
    }
    assert_eq!(errors, "");
    assert!(seen > 100, "{seen}");
}

#[test]
fn commands_that_do_not_exist_are_found() {
    let makefile = "run: build\nbuild:\n";
    for line in [
        "fathom rnu",
        "target/release/fathom run --no-such-option",
        "make no-such-target",
        "make run ARGS=\"--no-such-option\"",
        "make -C ELSEWHERE no-such-target",
        "ELSEWHERE/target/release/fathom rnu",
        "sh qemu/no-such-script.sh",
        "NAME=1 make no-such-target",
        "make build && fathom rnu",
        "cargo test -p tests --test no_such_test",
    ] {
        let mut errors = commands(line)
            .into_iter()
            .filter_map(|words| command_error(&words, makefile));
        assert!(errors.next().is_some(), "{line}");
    }
    for line in [
        "make run ARGS=\"--link tap --mode open\" # a comment with fathom rnu",
        "make -C ELSEWHERE run",
        "fathom --version",
        "fathom",
    ] {
        for words in commands(line) {
            assert_eq!(command_error(&words, makefile), None, "{line}");
        }
    }
}
