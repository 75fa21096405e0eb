//! Results that others made: they are refused, shown as what they are, or bounded; nothing in them is obeyed,
//! and nothing of the reader's is touched.
#![forbid(unsafe_code)]

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer as _, V2DeflateSerializer, V2Serializer};
use serde_json::{Value, json};
use tests::fathom::Call;
use tests::hostile_text::{LOG, read, report, results, write};
use tests::qemu_lock::lock_qemu;

#[test]
fn links_and_special_files_among_the_results_are_not_followed() {
    let lock = lock_qemu();
    let results = results(&lock);
    let file = |name: &str| results.path().join(name);
    let home = tempfile::tempdir().unwrap();
    let victim = home.path().join("bashrc");
    fs::write(&victim, "precious").unwrap();
    for name in ["report.md", "report.html"] {
        fs::remove_file(file(name)).unwrap();
        symlink(&victim, file(name)).unwrap();
    }
    assert_eq!(report(&lock, results.path()).code, Some(0));
    fs::remove_file(file("report.md")).unwrap();
    let fifo = std::process::Command::new("mkfifo")
        .arg(file("report.md"))
        .status();
    assert!(fifo.unwrap().success());
    assert_eq!(report(&lock, results.path()).code, Some(0));
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
        .finish(&lock);
    let _ = again.completed(results.path());
    assert_eq!(fs::read(home.path().join("result.json")).unwrap(), before);
    for name in ["result.json", LOG, "report.md"] {
        assert!(
            fs::symlink_metadata(file(name)).unwrap().is_file(),
            "{name}"
        );
    }
}

#[test]
fn only_regular_files_are_read_as_results() {
    let lock = lock_qemu();
    let results = results(&lock);
    for name in ["result.json", LOG] {
        let path = results.path().join(name);
        let content = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        symlink("/dev/zero", &path).unwrap();
        report(&lock, results.path()).expect_failure(1, &[name, "device"]);
        fs::remove_file(&path).unwrap();
        let fifo = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(fifo.unwrap().success());
        report(&lock, results.path()).expect_failure(1, &[name, "FIFO"]);
        fs::remove_file(&path).unwrap();
        fs::File::create(&path).unwrap().set_len(1 << 30).unwrap();
        report(&lock, results.path()).expect_failure(1, &[name, "longer than"]);
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
    let lock = lock_qemu();
    let results = results(&lock);
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
        report(&lock, results.path()).expect_failure(1, &[LOG, what]);
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
    let lock = lock_qemu();
    let results = results(&lock);
    let result = compared(results.path());
    write(results.path(), &result);
    assert_eq!(report(&lock, results.path()).code, Some(0));
    let html = results.path().join("report.html");
    let usual = fs::metadata(&html).unwrap().len();
    let refused = |change: &dyn Fn(&mut Value), what: &str| {
        let mut changed = result.clone();
        change(&mut changed);
        write(results.path(), &changed);
        report(&lock, results.path()).expect_failure(1, &["result.json", what]);
    };
    for rounds in [u32::MAX, 10_001] {
        refused(
            &|record| record["merged"][0]["rounds_wanted"] = json!(rounds),
            "rounds",
        );
    }
    refused(
        &|record| record["runs"] = json!(vec![record["runs"][0].clone(); 2001]),
        "2001 runs",
    );
    refused(
        &|record| record["merged"] = json!(vec![record["merged"][0].clone(); 251]),
        "251 merged targets",
    );
    refused(
        &|record| record["merged"] = json!(vec![record["merged"][0].clone(); 2]),
        "twice",
    );
    refused(
        &|record| record["environment"]["command_line"] = json!(vec![""; 2_000_000]),
        "2000000 arguments",
    );
    refused(
        &|record| record["padding"] = json!("x".repeat(33 << 20)),
        "longer than",
    );

    let many = |value: &mut Value, first: u32| {
        for number in first..first + 90 {
            value["latency_ns"][format!("p{number}")] = json!(1);
        }
        for fraction in 0..90 {
            value["latency_ns"][format!("p1.{first}{fraction}")] = json!(1);
        }
    };
    refused(&|record| many(&mut record["runs"][0], 1), "100 percentiles");
    // As many fields as there is room for, none of which is known.
    let text = result.to_string();
    let fields = format!("\"latency_ns\":{{{}", "\"\":0,".repeat(1_500_000));
    let text = text.replacen("\"latency_ns\":{", &fields, 1);
    fs::write(results.path().join("result.json"), text).unwrap();
    let _ = report(&lock, results.path());

    let mut most = result;
    most["merged"][0]["rounds_wanted"] = json!(10_000);
    write(results.path(), &most);
    assert_eq!(report(&lock, results.path()).code, Some(0));
    let len = fs::metadata(&html).unwrap().len();
    assert!(len < usual + (200 << 10), "{len} bytes, {usual} before");
}

#[test]
fn as_many_runs_as_there_may_be_are_read_in_little_memory_or_refused() {
    let lock = lock_qemu();
    let results = results(&lock);
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
    report(&lock, results.path()).expect_failure(1, &["more than one report can hold"]);
}

#[test]
fn text_in_results_is_neither_a_command_nor_markup() {
    let lock = lock_qemu();
    let results = results(&lock);
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
        report(&lock, results.path()).expect_failure(1, &["result.json", "can't be the name"]);
    }
    let mut long = result.clone();
    long["runs"][0]["link"] = json!("x".repeat(1 << 20));
    write(results.path(), &long);
    let outcome = report(&lock, results.path());
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
        assert_eq!(report(&lock, results.path()).code, Some(1));
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
    let outcome = report(&lock, results.path());
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
    assert!(!markdown.contains(|character: char| character.is_control() && character != '\n'));
}
