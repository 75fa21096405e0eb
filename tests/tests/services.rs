//! Other people's services: the examples, and the crate that `docs/writing-a-service.md` leads to, built
//! outside of this repository with the commands that the page gives. They boot, answer and are measured.
#![forbid(unsafe_code)]

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use tests::artifacts;
use tests::fathom::{Call, Outcome, Running};
use tests::qemu_lock::{QemuLock, lock_qemu};
use tests::results::Results;
use tests::udp_client::exchange;
use wire::{HEADER_LEN, Header, Kind};

/// Requests of a measurement.
const COUNT: u64 = 200;

/// A call that measures `image`, with more time for each request than any of them needs.
fn measuring(image: &Path) -> Call {
    let call = Call::new(&format!(
        "run --accel tcg --count {COUNT} --warmup 0s --timeout 20s"
    ));
    let out = call.file("out");
    call.with("--image", image).with("--out", out)
}

/// Expects that every request was answered as it should be.
fn expect_all_answered(outcome: &Outcome) {
    let results = outcome.measured();
    let counts = ["sent", "received", "lost", "corrupted"].map(|name| results.count(name));
    assert_eq!(counts, [COUNT, COUNT, 0, 0], "{outcome:#?}");
    expect_service_times(&results);
}

/// Expects that the time of the handler itself was measured.
fn expect_service_times(results: &Results) {
    let run = results.run();
    assert_eq!(run["service_ns"]["count"], COUNT, "{run:#}");
}

#[test]
fn the_echo_example_is_measured() {
    let lock = lock_qemu();
    let outcome = measuring(&artifacts::example("echo")).finish(&lock);
    expect_all_answered(&outcome);
}

/// A request of the key-value store, in so many bytes.
fn store_request(operation: u8, key: &[u8], value: &[u8], len: usize) -> Vec<u8> {
    let mut request = vec![operation];
    request.extend(key);
    request.resize(17, 0);
    request.extend(value);
    request.resize(len, 0);
    request
}

#[test]
fn the_key_value_example_is_measured_against_the_reply_that_is_expected() {
    let lock = lock_qemu();
    let request = store_request(b's', b"answer", b"42", 49);
    let call = measuring(&artifacts::example("key_value"));
    let [asked, expected] = ["request", "expect"].map(|name| call.file(name));
    fs::write(&asked, &request).unwrap();
    fs::write(&expected, b"+").unwrap();
    let call = call.with("--request", asked).with("--expect", expected);
    expect_all_answered(&call.finish(&lock));
}

#[test]
fn another_reply_than_the_expected_one_is_corrupted_and_said_to_be() {
    let lock = lock_qemu();
    let call = Call::new("run --accel tcg --count 3 --warmup 0s --timeout 100ms");
    let [out, asked, expected] = ["out", "request", "expect"].map(|name| call.file(name));
    fs::write(&asked, b"abc").unwrap();
    fs::write(&expected, b"abd").unwrap();
    let call = call
        .with("--image", artifacts::example("echo"))
        .with("--out", out)
        .with("--request", asked)
        .with("--expect", expected);
    let outcome = call.finish(&lock);
    assert_eq!(outcome.code, Some(4), "{outcome:#?}");
    assert!(
        outcome.stderr.contains("3 replies count as corrupted"),
        "{outcome:#?}"
    );
}

/// An image that serves, and where.
fn serving<'t>(image: &Path, lock: &'t QemuLock) -> (Running<'t>, SocketAddr) {
    let call = Call::new("serve --accel tcg").with("--image", image);
    let mut running = call.start(lock);
    let address = running.serving_on();
    (running, address)
}

/// Sends a request that carries `content` until it is answered, since UDP may lose it: what the reply carries.
/// A repeated request reaches the service as often as it was sent.
fn ask(address: SocketAddr, seq: u64, content: &[u8]) -> Vec<u8> {
    let mut request = vec![0; HEADER_LEN];
    Header::request(seq, 0).encode(&mut request).unwrap();
    request.extend(content);
    let reply = exchange(address, &request);
    let header = Header::decode(&reply).unwrap();
    assert_eq!((header.kind, header.seq), (Kind::Reply, seq));
    reply[HEADER_LEN..].to_vec()
}

#[test]
fn the_key_value_example_keeps_what_it_is_given() {
    let lock = lock_qemu();
    let (running, address) = serving(&artifacts::example("key_value"), &lock);
    let mut seq = 0;
    let mut ask = |content: &[u8]| {
        seq += 1;
        ask(address, seq, content)
    };
    let get = |key: &[u8]| store_request(b'g', key, b"", 33);
    assert_eq!(ask(&get(b"a")), b"-");
    for (key, value) in [(b"a", b"1"), (b"b", b"2"), (b"a", b"3")] {
        assert_eq!(ask(&store_request(b's', key, value, 49)), b"+");
    }
    let value = |value: &[u8]| {
        let mut reply = [b"=", value].concat();
        reply.resize(33, 0);
        reply
    };
    assert_eq!(ask(&get(b"a")), value(b"3"));
    assert_eq!(ask(&get(b"b")), value(b"2"));
    let counts = ask(&store_request(b'c', b"", b"", 25));
    let (words, _) = counts[1..].as_chunks::<8>();
    let [sets, gets, keys] = [0, 1, 2].map(|i| u64::from_le_bytes(words[i]));
    assert_eq!((counts[0], keys), (b'#', 2));
    assert!(sets >= 3 && gets >= 3, "{sets} sets, {gets} gets");
    running.interrupt();
    assert_eq!(running.finish().code, Some(0));
}

/// The page, with its stand-in for the checkout's path replaced.
fn page() -> String {
    let root = artifacts::root().canonicalize().unwrap();
    let page = fs::read_to_string(root.join("docs/writing-a-service.md")).unwrap();
    page.replace("FATHOM", root.to_str().unwrap())
}

/// The block of `language` that follows `heading` on the page.
fn block<'p>(page: &'p str, heading: &str, language: &str) -> &'p str {
    let (_, after) = page.split_once(heading).expect("the heading");
    let (_, block) = after
        .split_once(&format!("```{language}\n"))
        .expect("the block");
    block.split_once("```").expect("its end").0
}

#[test]
fn the_page_on_writing_a_service_leads_to_a_measured_image() {
    let page = page();
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    fs::create_dir(here.join("src")).unwrap();
    for (file, language) in [("Cargo.toml", "toml"), ("src/main.rs", "rust")] {
        let content = block(&page, &format!("`{file}`:"), language);
        fs::write(here.join(file), content).unwrap();
    }
    let files = block(&page, "Two files say", "sh");
    let commands = block(&page, "The first command builds", "sh");
    let [build, run] = commands.lines().collect::<Vec<_>>()[..] else {
        panic!("two commands: {commands}");
    };
    let output = Command::new("sh")
        .arg("-euc")
        .arg(format!("{files}{build}"))
        .current_dir(here)
        .output()
        .unwrap();
    assert!(output.status.success(), "{build}: {output:#?}");

    let lock = lock_qemu();
    let words: Vec<&str> = run.split_whitespace().collect();
    let [_, "run", options @ ..] = &words[..] else {
        panic!("`fathom run`: {run}");
    };
    let call = Call::new(&format!(
        "run --accel tcg --count {COUNT} --warmup 0s --timeout 20s"
    ));
    let out = call.file("out");
    let (pairs, []) = options.as_chunks::<2>() else {
        panic!("options with values: {run}");
    };
    let call = pairs.iter().fold(call, |call, [option, file]| {
        call.with(option, here.join(file))
    });
    expect_all_answered(&call.with("--out", out).finish(&lock));
}
