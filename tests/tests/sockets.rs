//! `fathom run` and `compare` of the service on Hermit's own sockets, on every link. Every figure is
//! checked against what was asked for; none is expected to be good.
#![forbid(unsafe_code)]

use std::fs;

use tests::fathom::{Call, Outcome};
use tests::network;
use tests::qemu_lock::lock_qemu;
use tests::results::Results;

/// A call of `fathom run` with few requests, and more time for each than any of them needs.
fn call(arguments: &str) -> Call {
    let call = Call::new(&format!(
        "run --target hermit-sockets --accel tcg --count 300 --warmup 0s --timeout 20s {arguments}"
    ));
    let out = call.file("out");
    call.with("--out", out)
}

/// A run in which everything was answered.
fn measured(arguments: &str) -> (Outcome, Results) {
    let lock = lock_qemu();
    let outcome = call(arguments).finish(&lock);
    let results = outcome.measured();
    let run = results.run();
    assert_eq!(
        (results.count("sent"), results.count("received")),
        (300, 300)
    );
    for nothing in [
        "lost",
        "late",
        "duplicated",
        "reordered",
        "corrupted",
        "foreign",
        "impossible_times",
    ] {
        assert_eq!(results.count(nothing), 0, "{nothing}");
    }
    assert_eq!(run["target"], "hermit-sockets");
    assert!(run["responder"].is_null() && run["guest_counters"].is_null());
    assert_eq!(run["service_ns"]["count"], 300, "{run:#}");
    (outcome, results)
}

fn on(link: &str) {
    let (outcome, results) = measured(&format!("--link {link}"));
    let run = results.run();
    assert_eq!((&run["link"], &run["accel"]), (&link.into(), &"tcg".into()));
    // By two clocks: a guest that calibrates its own on a busy host is wrong about it.
    for boot in ["boot_ms", "guest_boot_ms"] {
        assert!(run[boot].as_f64() > Some(0.0), "{boot}: {run:#}");
    }
    let image = results.json["environment"]["image"]["path"].as_str();
    assert!(image.is_some_and(|path| path.ends_with("target/fathom-sockets.elf")));
    let console = fs::read_to_string(outcome.file("out/console.log")).unwrap();
    assert!(console.contains("FATHOM READY ip=10.0.2.15/24 ip6=none port=9000 mac=none"));
}

#[test]
fn on_the_user_network() {
    on("user");
}

#[test]
fn on_frames() {
    on("unix");
}

#[test]
fn in_shared_memory() {
    on("vhost-user");
}

#[test]
fn on_a_tap_device() {
    if network::is_root() {
        on("tap");
    }
}

#[test]
fn on_another_machine_with_another_address_and_the_longest_datagrams() {
    let arguments =
        "--machine q35 --memory 24 --ip 192.0.2.9/28 --port 4242 --payload 1472 --log info";
    let (_, results) = measured(arguments);
    assert_eq!(results.run()["address"], "192.0.2.9:4242");
    assert_eq!(results.count("payload_bytes"), 1472);
}

#[test]
fn hermit_and_its_sockets_compared() {
    let lock = lock_qemu();
    let call = Call::new(
        "compare --mode closed --targets hermit,hermit-sockets --repeat 1 --retries 0 --accel tcg \
         --duration 100ms --warmup 10ms --settle 0s --timeout 20s",
    );
    let out = call.file("out");
    let outcome = call.with("--out", out).finish(&lock);
    let results = outcome.completed("out");
    let runs = results.json["runs"].as_array().unwrap();
    let mut targets: Vec<_> = runs.iter().map(|run| run["target"].as_str()).collect();
    targets.sort_unstable();
    assert_eq!(targets, [Some("hermit"), Some("hermit-sockets")]);
    for run in runs {
        assert_eq!((&run["lost"], &run["corrupted"]), (&0.into(), &0.into()));
    }
    assert!(outcome.stdout.contains("hermit-sockets"), "{outcome:#?}");
}

#[test]
fn boot_arguments_that_the_guest_refuses() {
    let lock = lock_qemu();
    for (argument, named) in [
        ("bogus=1", "bogus=1"),
        ("idle=spin", "on Hermit's sockets there are ip="),
        ("ip=10.0.2.300/24", "malformed boot argument"),
        ("ip=dhcp", "gw=10.0.2.2"),
        ("port=0", "port=0"),
        // The boot code takes words as they stand, Hermit takes the quotes away.
        ("\"log=info\"", "another network"),
    ] {
        let outcome = call("").with("--boot-arg", argument).finish(&lock);
        outcome.expect_failure(1, &["the guest refused to start", named]);
        assert!(!outcome.file("out/result.json").exists());
    }
}

#[test]
fn without_a_device_that_hermits_driver_takes_the_guest_says_so() {
    let lock = lock_qemu();
    let script = "n=$#; while [ $n -gt 0 ]; do a=$1; shift; set -- \"$@\" \"${a%,disable-legacy=on}\"; \
                  n=$((n-1)); done; exec \"$QEMU\" \"$@\"";
    let outcome = call("--link unix").with_qemu_script(script).finish(&lock);
    outcome.expect_failure(1, &["sys_socket failed", "virtio network device"]);
}

#[test]
fn an_image_that_is_missing_is_named_with_what_to_do() {
    let lock = lock_qemu();
    let outcome = call("--image /nonexistent/image").finish(&lock);
    outcome.expect_failure(1, &["/nonexistent/image", "make sockets"]);
}

#[test]
fn options_that_mean_nothing_to_the_target_are_usage_errors() {
    let lock = lock_qemu();
    for (arguments, named) in [
        ("--ipv6", "--ipv6"),
        ("--ip6 fd00::5/64", "--ip6"),
        ("--ip dhcp --link user", "without DHCP"),
        ("--responder busy", "--responder"),
        ("--kernel vmlinuz", "--kernel"),
    ] {
        call(arguments).finish(&lock).expect_failure(2, &[named]);
    }
}
