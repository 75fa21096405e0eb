//! An installation: it works in a place where there is neither the project nor an environment.
#![forbid(unsafe_code)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;
use tests::artifacts;
use tests::qemu_lock::lock_qemu;
use tests::results::Results;

/// Files that are built, installed and moved elsewhere.
struct Installed {
    dir: TempDir,
}

impl Installed {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let staged = dir.path().join("staged");
        let output = Command::new("sh")
            .arg(artifacts::root().join("packaging/install.sh"))
            .arg(&staged)
            .output()
            .unwrap();
        succeeded(&output);
        fs::rename(staged, dir.path().join("moved")).unwrap();
        Self { dir }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join("moved").join(path)
    }

    /// Calls the program in an empty environment and directory.
    fn fathom(&self, arguments: &str) -> Output {
        let directory = tempfile::tempdir_in(self.dir.path()).unwrap();
        let mut command = Command::new(self.path("bin/fathom"));
        command.args(arguments.split_whitespace()).env_clear();
        if let Some(qemu) = std::env::var_os("FATHOM_QEMU") {
            command.env("FATHOM_QEMU", qemu);
        }
        command.current_dir(directory.path()).output().unwrap()
    }
}

#[track_caller]
fn succeeded(output: &Output) {
    let said = [&output.stdout[..], &output.stderr].concat();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&said)
    );
}

#[test]
fn an_installation_measures_and_makes_disk_images_without_the_project() {
    let installed = Installed::new();
    let _lock = lock_qemu();
    for target in ["hermit", "hermit-sockets"] {
        let out = installed.path(target);
        let output = installed.fathom(&format!(
            "run --target {target} --link unix --count 50 --quiet 0s --concurrent --host-idle sleep --out {}",
            out.display()
        ));
        // A host that is busy with other tests makes no valid measurement.
        assert!(matches!(output.status.code(), Some(0 | 4)), "{output:?}");
        let record = Results::read(&out).json;
        let run = &record["runs"][0];
        assert_eq!(run["target"], target);
        assert!(run["received"].as_u64().unwrap() > 0, "{run}");
        let image = record["environment"]["image"]["path"].as_str().unwrap();
        assert!(Path::new(image).starts_with(installed.path("")), "{image}");
    }
    let images = installed.path("images");
    succeeded(&installed.fathom(&format!("image new --out {}", images.display())));
    assert!(images.join("fathom.qcow2").exists());
}

/// `make release` packs the archive, and compiles the static program in it, which takes minutes: `make soak` calls both.
#[test]
#[ignore = "needs `make release`"]
fn the_archive_works_without_libraries_and_the_same_files_make_the_same_archive() {
    let static_fathom = "target/static/x86_64-unknown-linux-gnu/release/fathom";
    let pack = || {
        let output = Command::new("sh")
            .arg(artifacts::root().join("packaging/release.sh"))
            .arg(static_fathom)
            .output()
            .unwrap();
        succeeded(&output);
        let said = String::from_utf8(output.stdout).unwrap();
        let path = said.split([' ', ',']).nth(1).unwrap();
        let archive = artifacts::root().join(path);
        (fs::read(&archive).unwrap(), archive)
    };
    let (first, archive) = pack();
    assert_eq!(pack().0, first);

    let dir = tempfile::tempdir().unwrap();
    let mut tar = Command::new("tar");
    tar.arg("--extract").arg("--file").arg(archive);
    tar.args(["--strip-components", "1", "--directory"]);
    let moved = dir.path().join("moved");
    fs::create_dir(&moved).unwrap();
    succeeded(&tar.arg(&moved).output().unwrap());
    let installed = Installed { dir };
    let _lock = lock_qemu();
    for program in ["bin/fathom", "share/fathom/fathom-responder"] {
        let file = fs::read(installed.path(program)).unwrap();
        let interpreter = b"/lib64/ld-linux";
        let is_dynamic = file
            .windows(interpreter.len())
            .any(|window| window == interpreter);
        assert!(!is_dynamic, "{program} asks for a dynamic linker");
    }
    assert!(!installed.path("share/fathom/linux-guest").exists());
    for target in ["hermit --link unix", "linux-host"] {
        let out = installed.path("out");
        let output = installed.fathom(&format!(
            "run --target {target} --count 50 --quiet 0s --concurrent --host-idle sleep --out {}",
            out.display()
        ));
        assert!(matches!(output.status.code(), Some(0 | 4)), "{output:?}");
        let run = &Results::read(&out).json["runs"][0];
        assert!(run["received"].as_u64().unwrap() > 0, "{run}");
    }
}

#[test]
fn an_installation_has_manual_pages_completions_and_documentation() {
    let installed = Installed::new();
    for (path, part) in [
        ("share/man/man1/fathom.1", ".SH SUBCOMMANDS"),
        ("share/man/man1/fathom-run.1", "vhost\\-user"),
        ("share/man/man1/fathom-image-new.1", "qcow2"),
        ("share/bash-completion/completions/fathom", "complete -F"),
        ("share/zsh/site-functions/_fathom", "#compdef fathom"),
        (
            "share/fish/vendor_completions.d/fathom.fish",
            "complete -c fathom",
        ),
        ("share/doc/fathom/README.md", "# Fathom"),
        ("share/doc/fathom/docs/deploying/qemu.md", "# QEMU"),
        (
            "share/doc/fathom/qemu/deploy/qemu/pc.sh",
            "qemu-system-x86_64",
        ),
    ] {
        let text = fs::read_to_string(installed.path(path));
        let text = text.unwrap_or_else(|error| panic!("{path}: {error}"));
        assert!(text.contains(part), "{path}");
    }
    let script = installed.path("share/bash-completion/completions/fathom");
    succeeded(&Command::new("bash").arg("-n").arg(script).output().unwrap());
}

#[test]
fn the_container_recipe_copies_what_is_installed() {
    let installed = Installed::new();
    let recipe = installed.path("share/doc/fathom/Containerfile");
    let recipe = fs::read_to_string(recipe).unwrap().replace("\\\n", " ");
    let instructions: Vec<Vec<&str>> = recipe
        .lines()
        .filter(|line| !line.starts_with('#') && !line.trim().is_empty())
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(instructions[0][0], "FROM");
    let mut copied = 0;
    for instruction in &instructions {
        let (name, words) = instruction.split_first().unwrap();
        match *name {
            "COPY" => {
                let (_, sources) = words.split_last().unwrap();
                for source in sources {
                    assert!(installed.path(source).exists(), "{source}");
                    copied += 1;
                }
            }
            "FROM" | "RUN" | "WORKDIR" | "ENTRYPOINT" | "CMD" => {}
            other => panic!("{other} is no instruction that is expected here"),
        }
    }
    assert_eq!(copied, 2);
}
