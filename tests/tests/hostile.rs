//! Tests of obstacles where Fathom writes, looks for programs and listens: other users' directories,
//! links, older results, guests and QEMUs that say anything.
#![forbid(unsafe_code)]

use std::fs::{self, Permissions};
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use serde_json::json;
use tests::fathom::Call;
use tests::hostile_text::{is_harmless, read, results, write};
use tests::qemu_lock::lock_qemu;

#[test]
fn a_guest_and_a_qemu_are_quoted_and_not_obeyed() {
    let lock = lock_qemu();
    for (script, what) in [
        (
            "printf 'FATHOM FATAL \\033[31mno device\\033]52;c;cm0=\\007\\r\\n'; sleep 1; exit 1",
            "\\x1b[31mno device",
        ),
        (
            "printf '[0][PANIC] panicked\\r\\nfathom: valid, all is well\\r\\n\\033[2J\\r\\n\\r\\n'; exit 1",
            "  | fathom: valid, all is well",
        ),
        (
            "printf 'bad option\\nfathom: valid\\n\\033]0;owned\\007\\n' >&2; exit 1",
            "  | \\x1b]0;owned\\x07",
        ),
    ] {
        let outcome = Call::run("--accel tcg")
            .with_qemu_script(script)
            .finish(&lock);
        outcome.expect_failure(1, &[what]);
        is_harmless(&outcome);
        let ours = outcome
            .stderr
            .lines()
            .filter(|line| line.starts_with("fathom: "));
        assert_eq!(ours.count(), 1, "{outcome:#?}");
    }
}

#[test]
fn a_ready_line_with_impossible_addresses_is_an_error() {
    let lock = lock_qemu();
    for (field, value) in [
        ("ip", "10.0.2.15/33"),
        ("ip", "224.0.0.1/24"),
        ("ip6", "fe80::1/200"),
        ("ip6", "ff02::1/128"),
    ] {
        let line = "FATHOM READY ip=10.0.2.15/24 ip6=fe80::1/64 port=9000 mac=52:54:00:12:34:56 boot_us=1 \
                    boot_id=00000001 counters=none";
        let fields = line.split(' ').map(|part| match part.split_once('=') {
            Some((name, _)) if name == field => format!("{field}={value}"),
            _ => part.to_owned(),
        });
        let line = fields.collect::<Vec<_>>().join(" ");
        for link in ["unix", "vhost-user"] {
            let call = Call::run("--accel tcg --count 5").with("--link", link);
            let outcome = call
                .with_qemu_script(&format!("echo '{line}'; exec sleep 60"))
                .finish(&lock);
            outcome.expect_failure(1, &["ready line", field]);
        }
    }
}

#[test]
fn a_console_does_not_fill_the_disk() {
    let lock = lock_qemu();
    let script = "head -c 80000000 /dev/zero | tr '\\0' x; exit 1";
    let outcome = Call::run("--accel tcg")
        .with_qemu_script(script)
        .finish(&lock);
    outcome.expect_failure(1, &["QEMU ended"]);
    let log = fs::read(outcome.file("out/console.log")).unwrap();
    let expected = "\n[fathom: 64 MiB are logged; the rest is left out]\n";
    assert_eq!(log.len(), (64 << 20) + expected.len());
    assert!(log.ends_with(expected.as_bytes()));
}

/// Every file and directory under `path`.
fn all(path: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut all: Vec<PathBuf> = entries.collect();
    all.sort();
    all
}

#[test]
fn a_boot_that_fails_leaves_nothing_or_says_why() {
    let lock = lock_qemu();
    let failing = |script: &str| {
        let call = Call::new("run --accel tcg").with("--image", tests::artifacts::image());
        let outcome = call.with_qemu_script(script).finish(&lock);
        assert_eq!(outcome.code, Some(1), "{outcome:#?}");
        outcome
    };
    let silent = failing("echo no such device >&2; exit 1");
    assert_eq!(all(&silent.file("results")), [] as [PathBuf; 0]);
    let spoken = failing("echo half way; exit 1");
    let [directory] = &all(&spoken.file("results"))[..] else {
        panic!("{spoken:#?}");
    };
    let names = ["console.log", "failure.txt"].map(|name| directory.join(name));
    assert_eq!(all(directory), names);
    let why = fs::read_to_string(&names[1]).unwrap();
    assert!(why.contains("QEMU ended"), "{why}");
}

#[test]
fn results_of_another_target_make_room_and_nothing_else_does() {
    let lock = lock_qemu();
    let results = results(&lock);
    let mut result = read(results.path());
    // As an older run of another target left them.
    result["runs"][0]["target"] = json!("linux-host");
    write(results.path(), &result);
    for end in ["hlog", "hgrm"] {
        let file = |target: &str| results.path().join(format!("{target}-unix-closed.{end}"));
        fs::rename(file("null"), file("linux-host")).unwrap();
    }
    for name in ["notes.txt", "other-unix-closed.hlog"] {
        fs::write(results.path().join(name), "mine").unwrap();
    }
    let before = all(results.path());
    let failed = Call::new("run --accel tcg")
        .with("--image", tests::artifacts::image())
        .with("--out", results.path())
        .with_qemu_script("echo half way; exit 1")
        .finish(&lock);
    assert_eq!(failed.code, Some(1), "{failed:#?}");
    assert_eq!(
        all(results.path()),
        before,
        "a boot that fails changes nothing"
    );
    let outcome = Call::new("run --target null --link unix --count 50 --warmup 0s")
        .with("--out", results.path())
        .finish(&lock);
    let _ = outcome.completed(results.path());
    let names = [
        "latency.svg",
        "notes.txt",
        "null-unix-closed.hgrm",
        "null-unix-closed.hlog",
        "other-unix-closed.hlog",
        "report.html",
        "report.md",
        "result.json",
    ];
    assert_eq!(
        all(results.path()),
        names.map(|name| results.path().join(name))
    );

    fs::write(results.path().join("result.json"), "{}").unwrap();
    let refused = Call::new("run --target null --link unix --count 50")
        .with("--out", results.path())
        .finish(&lock);
    refused.expect_failure(1, &["result.json", "--out DIR"]);
}

#[test]
fn a_base_that_others_can_write_to_is_refused() {
    let lock = lock_qemu();
    let call = Call::new("run --target null --link unix --count 50 --warmup 0s");
    let base = call.file("results");
    fs::create_dir(&base).unwrap();
    fs::set_permissions(&base, Permissions::from_mode(0o777)).unwrap();
    let outcome = call.finish(&lock);
    outcome.expect_failure(1, &["results", "every user can write to it", "--out DIR"]);
    assert_eq!(all(&outcome.file("results")), [] as [PathBuf; 0]);
}

#[test]
fn a_json_file_stays_private_and_a_capture_follows_no_link() {
    let lock = lock_qemu();
    let call = Call::new("run --target null --link unix --count 50 --warmup 0s --json out.json");
    let (json, out) = (call.file("out.json"), call.file("out"));
    fs::write(&json, "old").unwrap();
    fs::set_permissions(&json, Permissions::from_mode(0o600)).unwrap();
    let outcome = call.with("--out", out).finish(&lock);
    let json = fs::metadata(outcome.file("out.json")).unwrap();
    assert!(json.len() > 100, "{outcome:#?}");
    assert_eq!(json.permissions().mode() & 0o777, 0o600);

    for link in ["unix", "user"] {
        let call = Call::run("--accel tcg --pcap frames.pcap").with("--link", link);
        let (capture, victim) = (call.file("frames.pcap"), call.file("victim"));
        fs::write(&victim, "precious").unwrap();
        symlink(&victim, &capture).unwrap();
        let script =
            "for word; do case $word in filter-dump*) : >\"${word##*file=}\";; esac; done; exit 1";
        let outcome = call.with_qemu_script(script).finish(&lock);
        assert_eq!(outcome.code, Some(1), "{outcome:#?}");
        assert_eq!(
            fs::read_to_string(outcome.file("victim")).unwrap(),
            "precious",
            "{link}"
        );
        let kind = fs::symlink_metadata(outcome.file("frames.pcap")).unwrap();
        assert!(kind.is_file() && !kind.file_type().is_fifo(), "{link}");
    }
}

#[test]
fn programs_in_the_working_directory_do_not_replace_those_that_were_built() {
    let lock = lock_qemu();
    let pwned = |call: &Call| {
        fs::create_dir(call.file("target")).unwrap();
        let program = call.file("target/fathom-responder");
        let script = format!("#!/bin/sh\n: >'{}'\n", call.file("pwned").display());
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    };
    let arguments = "run --target linux-host --link loopback --count 20 --warmup 0s --out out";
    let call = Call::new(arguments);
    pwned(&call);
    let outcome = call.finish(&lock);
    assert!(!outcome.file("pwned").exists(), "{outcome:#?}");
    // A program that has nothing beside it, in a directory that all may write to.
    let call = Call::new(arguments);
    pwned(&call);
    fs::set_permissions(call.file("target"), Permissions::from_mode(0o777)).unwrap();
    let outcome = call.wrapped_in(&["env"]).finish(&lock);
    outcome.expect_failure(1, &["target/fathom-responder", "another user"]);
    assert!(!outcome.file("pwned").exists(), "{outcome:#?}");
}

/// Expects harmless output only: whether the process is named at all depends on what else is busy here.
#[test]
fn a_process_is_named_in_words_whatever_it_calls_itself() {
    let lock = lock_qemu();
    let call = Call::new("doctor");
    let program = call.file("\u{1b}]0;o\u{7}\u{1b}[31mX");
    // Bounded, should nobody end it.
    let script = "#!/bin/sh\ni=0; while [ $i -lt 20000000 ]; do i=$((i+1)); done\n";
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    let mut busy = std::process::Command::new(&program).spawn().unwrap();
    let outcome = call.finish(&lock);
    busy.kill().unwrap();
    busy.wait().unwrap();
    is_harmless(&outcome);
}
