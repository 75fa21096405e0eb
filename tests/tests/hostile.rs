//! What others made: results, names, consoles, files in the way. It is refused, shown as what it is, or
//! bounded; nothing of it is obeyed, and nothing of the user's is touched.
#![forbid(unsafe_code)]

use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer as _, V2DeflateSerializer, V2Serializer};
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::fathom::{Call, Outcome};
use tests::turn::{Turn, turn};

/// What a reader of hostile results may have of memory, in KiB of address space.
const MEMORY_KIB: u32 = 256 << 10;

/// The log of the run in [`results`].
const LOG: &str = "null-unix-closed.hlog";

/// A directory with results of a short measurement that needs no guest.
fn results(turn: &Turn) -> TempDir {
    let place = tempfile::tempdir().unwrap();
    let outcome = Call::new("run --target null --link unix --count 200 --warmup 0s --timeout 20s")
        .with("--out", place.path())
        .finish(turn);
    assert!(matches!(outcome.code, Some(0 | 4)), "{outcome:#?}");
    assert!(place.path().join(LOG).exists(), "{outcome:#?}");
    place
}

/// `fathom report` of `directory`, with little memory.
fn report(turn: &Turn, directory: &Path) -> Outcome {
    let limit = format!("ulimit -v {MEMORY_KIB}; exec \"$@\"");
    let call = Call::new("report").with_argument(directory);
    let outcome = call.wrapped_in(&["sh", "-c", &limit, "sh"]).finish(turn);
    assert!(
        !outcome.stderr.contains("panicked") && outcome.code.is_some(),
        "{outcome:#?}"
    );
    is_harmless(&outcome);
    outcome
}

/// Asserts that a terminal obeys nothing that was printed.
fn is_harmless(outcome: &Outcome) {
    for text in [&outcome.stdout, &outcome.stderr] {
        let active = |character: char| character.is_control() && !"\n\t".contains(character);
        assert!(!text.contains(active), "{text:?}");
    }
}

fn read(directory: &Path) -> Value {
    serde_json::from_slice(&fs::read(directory.join("result.json")).unwrap()).unwrap()
}

fn write(directory: &Path, result: &Value) {
    fs::write(directory.join("result.json"), result.to_string()).unwrap();
}

#[test]
fn links_and_special_files_among_the_results_are_not_followed() {
    let turn = turn();
    let results = results(&turn);
    let file = |name: &str| results.path().join(name);
    let home = tempfile::tempdir().unwrap();
    let victim = home.path().join("bashrc");
    fs::write(&victim, "precious").unwrap();
    for name in ["report.md", "report.html"] {
        fs::remove_file(file(name)).unwrap();
        symlink(&victim, file(name)).unwrap();
    }
    assert_eq!(report(&turn, results.path()).code, Some(0));
    fs::remove_file(file("report.md")).unwrap();
    let fifo = std::process::Command::new("mkfifo")
        .arg(file("report.md"))
        .status();
    assert!(fifo.unwrap().success());
    assert_eq!(report(&turn, results.path()).code, Some(0));
    for name in ["report.md", "report.html"] {
        assert!(
            fs::symlink_metadata(file(name)).unwrap().is_file(),
            "{name}"
        );
    }
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");

    // A run into the same directory likewise.
    for name in ["result.json", LOG, "report.md"] {
        let content = fs::read(file(name)).unwrap();
        fs::remove_file(file(name)).unwrap();
        let beside = home.path().join(name);
        fs::write(&beside, content).unwrap();
        symlink(&beside, file(name)).unwrap();
    }
    let before = fs::read(home.path().join("result.json")).unwrap();
    let again = Call::new("run --target null --link unix --count 50 --warmup 0s")
        .with("--out", results.path())
        .finish(&turn);
    assert!(matches!(again.code, Some(0 | 4)), "{again:#?}");
    assert_eq!(fs::read(home.path().join("result.json")).unwrap(), before);
    for name in ["result.json", LOG, "report.md"] {
        assert!(
            fs::symlink_metadata(file(name)).unwrap().is_file(),
            "{name}"
        );
    }
}

#[test]
fn what_is_no_regular_file_is_not_read() {
    let turn = turn();
    let results = results(&turn);
    for name in ["result.json", LOG] {
        let path = results.path().join(name);
        let content = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        symlink("/dev/zero", &path).unwrap();
        report(&turn, results.path()).expect_failure(1, &[name, "device"]);
        fs::remove_file(&path).unwrap();
        let fifo = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(fifo.unwrap().success());
        report(&turn, results.path()).expect_failure(1, &[name, "FIFO"]);
        fs::remove_file(&path).unwrap();
        fs::File::create(&path).unwrap().set_len(1 << 30).unwrap();
        report(&turn, results.path()).expect_failure(1, &[name, "longer than"]);
        fs::write(&path, content).unwrap();
    }
}

/// A line of an interval log with `histogram` in it.
fn line(histogram: &[u8]) -> String {
    format!("0.0,1.0,0.0,{}\n", BASE64.encode(histogram))
}

/// A compressed histogram whose header says what it likes: `payload_len` of the inner one.
fn lying(payload_len: u32) -> Vec<u8> {
    let mut plain = Vec::new();
    let histogram = Histogram::<u64>::new_with_bounds(1, 1 << 40, 3).unwrap();
    V2Serializer::new()
        .serialize(&histogram, &mut plain)
        .unwrap();
    plain[4..8].copy_from_slice(&payload_len.to_be_bytes());
    // A stored block of zlib's, with the checksum that ends it (RFC 1950).
    let len = u16::try_from(plain.len()).unwrap();
    let mut stored = vec![0x78, 0x01, 0x01];
    stored.extend(len.to_le_bytes());
    stored.extend((!len).to_le_bytes());
    stored.extend(&plain);
    let (mut a, mut b) = (1_u32, 0_u32);
    for &byte in &plain {
        a = (a + u32::from(byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    stored.extend((b << 16 | a).to_be_bytes());
    let mut bytes = 0x1c84_9314_u32.to_be_bytes().to_vec();
    bytes.extend(u32::try_from(stored.len()).unwrap().to_be_bytes());
    bytes.extend(stored);
    bytes
}

fn compressed(digits: u8, value: u64) -> Vec<u8> {
    let mut histogram = Histogram::<u64>::new_with_bounds(1, value.max(2), digits).unwrap();
    histogram.record(value).unwrap();
    let mut bytes = Vec::new();
    V2DeflateSerializer::new()
        .serialize(&histogram, &mut bytes)
        .unwrap();
    bytes
}

#[test]
fn logs_that_ask_for_memory_or_time_are_refused() {
    let turn = turn();
    let results = results(&turn);
    let log = results.path().join(LOG);
    let mut result = read(results.path());
    // None of the intervals is the run's last, to be merged with the one before.
    result["runs"][0]["elapsed_ns"] = json!(10_u64.pow(15));
    write(results.path(), &result);
    let honest = compressed(3, 1 << 30);
    for (what, text) in [
        ("another length", line(&lying(4_200_000_000))),
        (
            "another precision",
            line(&compressed(5, 1 << 40)).repeat(100),
        ),
        ("longer times", line(&compressed(3, 1 << 60)).repeat(100)),
        ("more than 1000 intervals", line(&honest).repeat(1400)),
        ("the record 200", line(&honest).repeat(999)),
        ("half a histogram", line(&honest[..7])),
    ] {
        fs::write(&log, text).unwrap();
        report(&turn, results.path()).expect_failure(1, &[LOG, what]);
    }
}

/// Makes `results` those of a comparison.
fn compared(results: &Path) -> Value {
    let mut result = read(results);
    let run = &mut result["runs"][0];
    (run["round"], run["attempt"]) = (json!(1), json!(1));
    run["valid"] = json!(true);
    let mut merged = json!({"rounds_wanted": 1, "rounds": [1]});
    for name in [
        "target",
        "responder",
        "link",
        "mode",
        "payload_bytes",
        "timeout_ns",
        "sent",
        "received",
        "lost",
        "latency_ns",
    ] {
        merged[name] = run[name].clone();
    }
    result["merged"] = json!([merged]);
    let log = fs::read(results.join(LOG)).unwrap();
    fs::write(results.join("null-unix-closed-round-1.hlog"), log).unwrap();
    result
}

#[test]
fn numbers_that_size_a_drawing_are_bounded() {
    let turn = turn();
    let results = results(&turn);
    let result = compared(results.path());
    write(results.path(), &result);
    assert_eq!(report(&turn, results.path()).code, Some(0));
    let html = results.path().join("report.html");
    let usual = fs::metadata(&html).unwrap().len();
    let refused = |change: &dyn Fn(&mut Value), what: &str| {
        let mut changed = result.clone();
        change(&mut changed);
        write(results.path(), &changed);
        report(&turn, results.path()).expect_failure(1, &["result.json", what]);
    };
    for rounds in [u32::MAX, 10_001] {
        refused(
            &|it| it["merged"][0]["rounds_wanted"] = json!(rounds),
            "rounds",
        );
    }
    refused(
        &|it| it["runs"] = json!(vec![it["runs"][0].clone(); 2001]),
        "2001 runs",
    );
    refused(
        &|it| it["merged"] = json!(vec![it["merged"][0].clone(); 251]),
        "251 merged targets",
    );
    refused(
        &|it| it["environment"]["command_line"] = json!(vec![""; 2_000_000]),
        "2000000 arguments",
    );
    refused(
        &|it| it["padding"] = json!("x".repeat(9 << 20)),
        "longer than",
    );

    let mut most = result;
    most["merged"][0]["rounds_wanted"] = json!(10_000);
    write(results.path(), &most);
    assert_eq!(report(&turn, results.path()).code, Some(0));
    let len = fs::metadata(&html).unwrap().len();
    assert!(len < usual + (200 << 10), "{len} bytes, {usual} before");
}

#[test]
fn as_many_runs_as_there_may_be_are_read_in_little_memory_or_refused() {
    let turn = turn();
    let results = results(&turn);
    let mut result = read(results.path());
    let run = result["runs"][0].clone();
    // As many times the same log, whose one value takes most memory.
    let log = fs::read_to_string(results.path().join(LOG)).unwrap();
    let head: String =
        log.lines()
            .filter(|line| line.starts_with('#'))
            .fold(String::new(), |mut head, line| {
                let _ = writeln!(head, "{line}");
                head
            });
    let mut histogram = Histogram::<u64>::new_with_bounds(1, 1 << 40, 3).unwrap();
    histogram.record_n(1 << 39, 200).unwrap();
    let mut bytes = Vec::new();
    V2DeflateSerializer::new()
        .serialize(&histogram, &mut bytes)
        .unwrap();
    fs::write(results.path().join(LOG), head + &line(&bytes)).unwrap();
    let mut run = run;
    run["latency_ns"]["max"] = json!(1_u64 << 39);
    result["runs"] = json!(vec![run; 2000]);
    write(results.path(), &result);
    report(&turn, results.path()).expect_failure(1, &["more than one report can hold"]);
}

#[test]
fn what_results_say_is_neither_obeyed_nor_taken_for_markup() {
    let turn = turn();
    let results = results(&turn);
    let result = read(results.path());
    for (field, hostile) in [
        ("target", "hermit\ntouch pwned\nreturn"),
        ("target", "\u{1b}]0;owned\u{7}"),
        ("link", "a/../../b"),
        ("mode", "closed\u{9b}31m"),
        ("accel", "\u{1b}[2J"),
        ("responder", "x\ny"),
    ] {
        let mut changed = result.clone();
        changed["runs"][0][field] = json!(hostile);
        write(results.path(), &changed);
        report(&turn, results.path()).expect_failure(1, &["result.json", "can't be the name"]);
    }
    let mut long = result.clone();
    long["runs"][0]["link"] = json!("x".repeat(1 << 20));
    write(results.path(), &long);
    let outcome = report(&turn, results.path());
    assert_eq!(outcome.code, Some(1));
    assert!(
        outcome.stderr.len() < 1000,
        "{} bytes",
        outcome.stderr.len()
    );
    for text in [
        "{\"schema\": \"\u{1b}[31m\nvalid\"}",
        "{\"schema\": \"fathom/1\", \"\u{9b}2J\": 1}",
    ] {
        fs::write(results.path().join("result.json"), text).unwrap();
        assert_eq!(report(&turn, results.path()).code, Some(1));
    }

    let mut markup = result;
    let hostile = "x\n# Heading\n```\n<img src=x> [a](http://b) \u{1b}[31m|";
    markup["runs"][0]["valid"] = json!(false);
    markup["runs"][0]["invalid_because"] = json!([hostile]);
    markup["environment"]["command_line"] = json!(["fathom", hostile]);
    markup["environment"]["cpu_model"] = json!(hostile);
    markup["environment"]["doctor"] =
        json!([{"name": hostile, "verdict": "warn", "fact": hostile, "advice": hostile}]);
    write(results.path(), &markup);
    let outcome = report(&turn, results.path());
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    let markdown = fs::read_to_string(results.path().join("report.md")).unwrap();
    for line in markdown.lines() {
        assert!(!line.starts_with("# Heading"), "{markdown}");
        assert!(
            !line.contains("<img") || line.contains("$'"),
            "markup: {line}"
        );
        assert!(!line.contains("[a](") || line.contains("$'"), "{line}");
    }
    assert_eq!(
        markdown
            .lines()
            .filter(|line| line.starts_with("```"))
            .count(),
        2,
        "{markdown}"
    );
    assert!(!markdown.contains(|it: char| it.is_control() && it != '\n'));
}

#[test]
fn a_guest_and_a_qemu_are_quoted_and_not_obeyed() {
    let turn = turn();
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
            .finish(&turn);
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
fn whatever_a_guest_says_it_is_called_is_an_error_and_no_panic() {
    let turn = turn();
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
                .finish(&turn);
            outcome.expect_failure(1, &["ready line", field]);
        }
    }
}

#[test]
fn a_console_does_not_fill_the_disk() {
    let turn = turn();
    let script = "head -c 80000000 /dev/zero | tr '\\0' x; exit 1";
    let outcome = Call::run("--accel tcg")
        .with_qemu_script(script)
        .finish(&turn);
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
    let turn = turn();
    let failing = |script: &str| {
        let call = Call::new("run --accel tcg").with("--image", tests::built::image());
        let outcome = call.with_qemu_script(script).finish(&turn);
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
    let turn = turn();
    let results = results(&turn);
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
        .with("--image", tests::built::image())
        .with("--out", results.path())
        .with_qemu_script("echo half way; exit 1")
        .finish(&turn);
    assert_eq!(failed.code, Some(1), "{failed:#?}");
    assert_eq!(
        all(results.path()),
        before,
        "a boot that fails changes nothing"
    );
    let outcome = Call::new("run --target null --link unix --count 50 --warmup 0s")
        .with("--out", results.path())
        .finish(&turn);
    assert!(matches!(outcome.code, Some(0 | 4)), "{outcome:#?}");
    let names = [
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
        .finish(&turn);
    refused.expect_failure(1, &["result.json", "--out DIR"]);
}

#[test]
fn a_base_that_others_can_write_to_is_refused() {
    let turn = turn();
    let call = Call::new("run --target null --link unix --count 50 --warmup 0s");
    let base = call.file("results");
    fs::create_dir(&base).unwrap();
    fs::set_permissions(&base, Permissions::from_mode(0o777)).unwrap();
    let outcome = call.finish(&turn);
    outcome.expect_failure(1, &["results", "every user can write to it", "--out DIR"]);
    assert_eq!(all(&outcome.file("results")), [] as [PathBuf; 0]);
}

#[test]
fn a_json_file_stays_private_and_a_capture_follows_no_link() {
    let turn = turn();
    let call = Call::new("run --target null --link unix --count 50 --warmup 0s --json out.json");
    let (json, out) = (call.file("out.json"), call.file("out"));
    fs::write(&json, "old").unwrap();
    fs::set_permissions(&json, Permissions::from_mode(0o600)).unwrap();
    let outcome = call.with("--out", out).finish(&turn);
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
        let outcome = call.with_qemu_script(script).finish(&turn);
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
fn what_lies_in_the_working_directory_is_not_run_in_the_place_of_what_was_built() {
    let turn = turn();
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
    let outcome = call.finish(&turn);
    assert!(!outcome.file("pwned").exists(), "{outcome:#?}");
    // A program that has nothing beside it, in a directory that all may write to.
    let call = Call::new(arguments);
    pwned(&call);
    fs::set_permissions(call.file("target"), Permissions::from_mode(0o777)).unwrap();
    let outcome = call.wrapped_in(&["env"]).finish(&turn);
    outcome.expect_failure(1, &["target/fathom-responder", "another user"]);
    assert!(!outcome.file("pwned").exists(), "{outcome:#?}");
}

/// Whether it is named at all depends on what else is busy here.
#[test]
fn a_process_is_named_in_words_whatever_it_calls_itself() {
    let turn = turn();
    let call = Call::new("doctor");
    let program = call.file("\u{1b}]0;o\u{7}\u{1b}[31mX");
    // Bounded, should nobody end it.
    let script = "#!/bin/sh\ni=0; while [ $i -lt 20000000 ]; do i=$((i+1)); done\n";
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    let mut busy = std::process::Command::new(&program).spawn().unwrap();
    let outcome = call.finish(&turn);
    busy.kill().unwrap();
    busy.wait().unwrap();
    is_harmless(&outcome);
}
