//! Tests of the source tree: a file's name means one thing in its crate, no module is a `mod.rs`, a doc comment begins
//! with a verb or a noun, nothing is called `it`, and files and the command line's layer stay small.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Names that say what a file is to its folder or its crate, in every crate.
const EXCEPTIONS: &[&str] = &["lib.rs", "main.rs", "error.rs", "tests.rs", "build.rs"];

/// Words that no doc comment begins with: a verb in the third person, or the noun that is defined, says more.
const BEGINNINGS: &[&str] = &[
    "What", "How", "It", "Its", "Whether", "Where", "Which", "Why", "When", "Who", "Whose", "That",
    "This", "There",
];

/// Most lines of a file.
const FILE_LINES: usize = 400;

/// Most lines of the module `cli` without its tests: it turns arguments into specifications, and errors into exit codes.
const CLI_LINES: usize = 2900;

/// Files of each crate, by the crate's directory.
type Crates = BTreeMap<PathBuf, Vec<PathBuf>>;

/// Adds the sources below `folder` to the innermost crate that they are in.
fn add_sources(folder: &Path, outer: &Path, crates: &mut Crates) {
    let own = if folder.join("Cargo.toml").exists() {
        folder
    } else {
        outer
    };
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            if name != "target" && !name.starts_with('.') {
                add_sources(&path, own, crates);
            }
        } else if name.ends_with(".rs") {
            crates.entry(own.to_owned()).or_default().push(path);
        }
    }
}

/// Returns the files of this repository's crates.
fn crates() -> Crates {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut crates = Crates::new();
    add_sources(&root, &root, &mut crates);
    crates
}

/// Returns the files that share their name with an earlier one, but for the exceptions.
fn repeated(files: &[PathBuf]) -> Vec<(&PathBuf, &PathBuf)> {
    let mut first = BTreeMap::new();
    let mut repeated = Vec::new();
    for file in files {
        let name = file.file_name().unwrap();
        if EXCEPTIONS.iter().any(|exception| name == *exception) {
            continue;
        }
        if let Some(earlier) = first.insert(name, file) {
            repeated.push((earlier, file));
        }
    }
    repeated
}

#[test]
fn no_file_name_means_two_things_in_a_crate() {
    let crates = crates();
    assert!(crates.len() >= 10, "{:?}", crates.keys());
    for (directory, files) in &crates {
        let repeated = repeated(files);
        assert!(repeated.is_empty(), "{}: {repeated:?}", directory.display());
    }
}

#[test]
fn a_repeated_name_is_found() {
    let [closed, open, other_open, error, other_error] = [
        "src/closed.rs",
        "src/open.rs",
        "src/load/open.rs",
        "src/error.rs",
        "src/load/error.rs",
    ]
    .map(PathBuf::from);
    let files = [closed, open.clone(), error, other_open.clone(), other_error];
    assert_eq!(repeated(&files), [(&open, &other_open)]);
}

#[test]
fn a_module_is_a_file_beside_its_folder() {
    let files = crates().into_values().flatten();
    let modules: Vec<PathBuf> = files.filter(|file| file.ends_with("mod.rs")).collect();
    assert!(modules.is_empty(), "{modules:?}");
}

/// Returns the lines of `source` at which a doc comment begins with one of [`BEGINNINGS`].
fn bad_beginnings(source: &str) -> Vec<&str> {
    let mut before = None;
    let mut bad = Vec::new();
    for line in source.lines() {
        let comment = (["///", "//!"].into_iter())
            .find_map(|mark| Some((mark, line.trim_start().strip_prefix(mark)?)));
        if let Some((mark, text)) = comment
            && before != Some(mark)
            && let Some(word) = (text.trim_start())
                .split(|c: char| !c.is_alphabetic())
                .next()
            && BEGINNINGS.contains(&word)
        {
            bad.push(line);
        }
        before = comment.map(|(mark, _)| mark);
    }
    bad
}

/// Returns the lines of `source` that call a thing `it`, as a parameter of a closure or by `let` or `for`.
fn nameless(source: &str) -> Vec<&str> {
    let words = |text: &str| -> Vec<String> {
        let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
        words
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let is_pattern = |text: &&str| {
        let of_patterns = |c: char| c.is_alphanumeric() || " _&(),:<>'[]*".contains(c);
        text.chars().all(of_patterns)
    };
    let is_nameless = |line: &&str| {
        let code = line.split("//").next().unwrap_or_default();
        // Without what stands between quotation marks.
        let code: String = code.split('"').step_by(2).collect();
        let mut parameters = code.split('|').skip(1).step_by(2).filter(is_pattern);
        let words_of_code = words(&code);
        let is_bound = |triple: &[String]| {
            let [before, name, after] = triple else {
                return false;
            };
            name == "it" && (before == "let" || before == "mut" || before == "for" && after == "in")
        };
        words_of_code.windows(3).any(is_bound)
            || parameters.any(|part| words(part).iter().any(|word| word == "it"))
    };
    source.lines().filter(is_nameless).collect()
}

/// Fails with every line that `find` finds in the sources.
fn assert_none(find: impl Fn(&str) -> Vec<&str>) {
    let mut found = Vec::new();
    for file in crates().into_values().flatten() {
        let source = fs::read_to_string(&file).unwrap();
        let lines = find(&source).into_iter();
        found.extend(lines.map(|line| format!("{}: {}", file.display(), line.trim())));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_doc_comment_begins_with_a_verb_or_a_noun() {
    assert_none(bad_beginnings);
}

#[test]
fn a_doc_comment_that_begins_otherwise_is_found() {
    let source = [
        "//! Which.",
        "",
        "/// A",
        "/// How",
        "  /// Itself",
        "//",
        "  ///Why",
    ];
    assert_eq!(bad_beginnings(&source.join("\n")), [source[0], source[6]]);
}

#[test]
fn nothing_is_called_it() {
    assert_none(nameless);
}

#[test]
fn a_thing_called_it_is_found() {
    // With another word in its place, or this file would break its own rule.
    let bad = [
        "runs.map(|IT| IT.len())",
        "runs.map(|a| a).any(|&(_, IT)| IT)",
        "let IT = run;",
        "for IT in runs {",
    ];
    let good = [
        "a || b(it_is) // |it|",
        "match a { A | B => \"so is it\" }",
        "return Err(\"no room for IT in here\")",
    ];
    for line in bad.map(|line| line.replace("IT", "it")) {
        assert_eq!(nameless(&line), [&line]);
    }
    for line in good.map(|line| line.replace("IT", "it")) {
        assert!(nameless(&line).is_empty(), "{line}");
    }
}

/// Returns the number of lines of `file`.
fn lines(file: &Path) -> usize {
    fs::read_to_string(file).unwrap().lines().count()
}

#[test]
fn no_file_is_long() {
    let files = crates().into_values().flatten();
    let long: Vec<PathBuf> = files.filter(|file| lines(file) > FILE_LINES).collect();
    assert!(long.is_empty(), "over {FILE_LINES} lines: {long:?}");
}

#[test]
fn the_command_line_is_a_thin_layer() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Crates::new();
    add_sources(&src.join("cli"), &src, &mut files);
    let files = files.into_values().flatten();
    let sources = files.filter(|file| !file.ends_with("tests.rs"));
    let count: usize = sources
        .chain([src.join("cli.rs")])
        .map(|file| lines(&file))
        .sum();
    assert!((1000..=CLI_LINES).contains(&count), "{count} lines");
}
