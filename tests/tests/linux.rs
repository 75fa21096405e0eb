//! `fathom run` of the service on Linux: as a guest on both links, as a process on the host.
//! Every figure is checked against what was asked for; none is expected to be good.
#![forbid(unsafe_code)]

use std::fs;

use suite::Capability;
use tests::artifacts;
use tests::fathom::{Call, Outcome};
use tests::qemu_lock::lock_qemu;
use tests::results::Results;

/// A call of `fathom run` with few requests, and more time for each than any of them needs.
fn call(arguments: &str) -> Call {
    let call = Call::new(&format!(
        "run --accel tcg --count 300 --warmup 0s --timeout 20s {arguments}"
    ));
    let out = call.file("out");
    call.with("--out", out)
}

fn outcome(arguments: &str) -> Outcome {
    let lock = lock_qemu();
    call(arguments).finish(&lock)
}

/// A run in which everything was answered.
fn measured(arguments: &str) -> (Outcome, Results) {
    let outcome = outcome(arguments);
    let results = outcome.measured();
    let run = results.run();
    assert_eq!((results.count("sent"), results.count("lost")), (300, 0));
    for nothing in [
        "late",
        "duplicated",
        "corrupted",
        "foreign",
        "impossible_times",
    ] {
        assert_eq!(results.count(nothing), 0, "{nothing}");
    }
    assert!(
        run["guest_counters"].is_null(),
        "Linux keeps them to itself"
    );
    assert!(run["service_ns"]["count"].as_u64() > Some(0), "{run:#}");
    (outcome, results)
}

fn guest(responder: &str, link: &str) {
    let arguments = format!("--target linux-guest --responder {responder} --link {link}");
    let (outcome, results) = measured(&arguments);
    let run = results.run();
    assert_eq!(run["target"], "linux-guest");
    assert_eq!(run["responder"], responder);
    assert_eq!(run["link"], link);
    assert_eq!(run["accel"], "tcg");
    // By two clocks: a guest that calibrates its own on a busy host is wrong about it.
    for boot in ["boot_ms", "guest_boot_ms"] {
        assert!(run[boot].as_f64() > Some(0.0), "{boot}: {run:#}");
    }
    assert_eq!(results.json["environment"]["accel"], "tcg");
    let image = results.json["environment"]["image"]["path"]
        .as_str()
        .unwrap();
    assert!(image.ends_with("linux-guest/vmlinuz"), "{image}");
    let console = fs::read_to_string(outcome.file("out/console.log")).unwrap();
    assert!(console.contains(wire::ready::READY_PREFIX), "{console}");
    assert!(
        !console.contains("not granted"),
        "process 1 may do all: {console}"
    );
}

#[test]
fn a_blocking_guest_on_frames() {
    guest("blocking", "unix");
}

#[test]
fn a_busy_guest_on_frames() {
    guest("busy", "unix");
}

#[test]
fn an_io_uring_guest_on_frames() {
    guest("io_uring", "unix");
}

#[test]
fn a_blocking_guest_on_the_user_network() {
    guest("blocking", "user");
}

#[test]
fn a_busy_guest_on_the_user_network() {
    guest("busy", "user");
}

#[test]
fn a_blocking_guest_in_shared_memory() {
    guest("blocking", "vhost-user");
}

#[test]
fn a_busy_guest_in_shared_memory() {
    guest("busy", "vhost-user");
}

#[test]
fn a_guest_on_another_machine_with_another_address_and_little_memory() {
    let arguments = "--target linux-guest --machine q35 --memory 80 --ip 192.0.2.9/28 --port 4242";
    let (_, results) = measured(arguments);
    assert_eq!(results.run()["address"], "192.0.2.9:4242");
    assert_eq!(
        results.run()["responder"],
        "blocking",
        "unless told otherwise"
    );
    assert_eq!(
        results.run()["link"],
        "vhost-user",
        "the best without privilege"
    );
}

/// A process on the host, measured over loopback.
fn process(responder: &str) {
    let outcome = outcome(&format!("--target linux-host --responder {responder}"));
    if responder == "io_uring" && outcome.code == Some(1) {
        outcome.expect_failure(1, &["this kernel does not do mode io_uring"]);
        return suite::skip(Capability::IoUring, outcome.stderr);
    }
    let results = outcome.measured();
    let run = results.run();
    assert_eq!((results.count("sent"), results.count("lost")), (300, 0));
    assert_eq!(run["target"], "linux-host");
    assert_eq!(run["responder"], responder);
    assert_eq!(run["link"], "loopback");
    for nothing in ["accel", "boot_ms", "guest_counters"] {
        assert!(run[nothing].is_null(), "{nothing}: {run:#}");
    }
    assert!(results.json["environment"]["image"].is_null());
}

#[test]
fn a_blocking_process_on_the_host() {
    process("blocking");
}

#[test]
fn a_busy_process_on_the_host() {
    process("busy");
}

#[test]
fn an_io_uring_process_on_the_host() {
    process("io_uring");
}

#[test]
fn a_modules_directory_of_ones_own_does_as_well() {
    let modules = artifacts::root().join("target/linux-guest/modules");
    let kernel = artifacts::root().join("target/linux-guest/vmlinuz");
    let lock = lock_qemu();
    let call = call("--target linux-guest")
        .with("--kernel", &kernel)
        .with("--modules", &modules);
    let outcome = call.finish(&lock);
    assert_eq!(outcome.measured().count("received"), 300);
}

#[test]
fn a_kernel_without_its_modules_has_no_network_and_says_so() {
    let lock = lock_qemu();
    let kernel = artifacts::root().join("target/linux-guest/vmlinuz");
    let outcome = call("--target linux-guest")
        .with("--kernel", &kernel)
        .finish(&lock);
    outcome.expect_failure(1, &["the guest refused to start", "no network device"]);
    assert!(!outcome.file("out/result.json").exists());
}

#[test]
fn a_missing_kernel_or_a_file_that_is_none_is_named() {
    let lock = lock_qemu();
    for (option, path, named) in [
        ("--kernel", "/nonexistent/vmlinuz", "/nonexistent/vmlinuz"),
        ("--modules", "/nonexistent/modules", "/nonexistent/modules"),
    ] {
        let outcome = call("--target linux-guest")
            .with(option, path)
            .finish(&lock);
        outcome.expect_failure(1, &[named, "make linux-guest"]);
    }
    let call = call("--target linux-guest");
    let file = call.file("kernel");
    fs::write(&file, "no kernel").unwrap();
    let outcome = call.with("--kernel", &file).finish(&lock);
    outcome.expect_failure(1, &["is no Linux kernel", "--kernel PATH"]);
}

#[test]
fn options_that_mean_nothing_to_the_target_are_usage_errors() {
    let lock = lock_qemu();
    for (arguments, named) in [
        ("--responder busy", "--responder"),
        ("--kernel vmlinuz", "--kernel"),
        ("--target linux-guest --ipv6", "--ipv6"),
        ("--target linux-guest --ip dhcp --link user", "DHCP"),
        ("--target linux-guest --boot-arg idle=nap", "--boot-arg"),
        ("--target linux-guest --image fathom.elf", "--kernel"),
        ("--target linux-host --link unix", "--link"),
        ("--target linux-host --kernel vmlinuz", "--kernel"),
        ("--target linux-guest --responder epoll", "epoll"),
        ("--target plan9", "plan9"),
    ] {
        call(arguments).finish(&lock).expect_failure(2, &[named]);
    }
}

#[test]
fn too_little_memory_is_said_before_the_boot() {
    let outcome = outcome("--target linux-guest --memory 64");
    outcome.expect_failure(1, &["64 MiB", "it needs 80"]);
}
