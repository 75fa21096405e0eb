//! `fathom` where something is in the way: each time a message that names it, and the exit code
//! that is documented for it. Every call checks on its own that no process is left behind.
#![forbid(unsafe_code)]

use std::fs;
use std::net::UdpSocket;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;
use tests::fathom::Call;
use tests::mid_run::{MEASURING, ON_ANY_LINK, measuring, measuring_with_monitor, wait_for_replies};
use tests::qemu_lock::lock_qemu;

#[test]
fn usage_errors() {
    let lock = lock_qemu();
    for (arguments, named) in [
        ("", "Usage"),
        ("measure", "measure"),
        ("run --colour", "--colour"),
        ("run --link pigeon", "pigeon"),
        ("run --accel hax", "hax"),
        ("run --payload 43", "43"),
        ("run --payload 1473", "1473"),
        ("run --duration 5parsecs", "5parsecs"),
        ("run --duration 0s", "duration"),
        ("run --timeout 0s", "timeout"),
        ("run --rate 100", "rate"),
        ("run --mode open --rate 0", "0"),
        ("run --ip 10.0.2.300/24", "10.0.2.300"),
        ("run --ip 10.0.2.15", "10.0.2.15"),
        ("run --ip6 fe80::zz/64", "fe80::zz"),
        ("run --gw banana", "banana"),
        ("run --port 70000", "70000"),
        ("run --ip dhcp --link unix", "dhcp"),
        ("run --ip dhcp", "dhcp"),
        ("run --host-port 4242 --link vhost-user", "host-port"),
        ("run --ipv6 --link user", "ipv6"),
        ("serve --mtu 9000", "1500 bytes"),
        ("run --fault loss=1% --link tap", "--fault"),
        ("run --fault loss=1% --target linux-host", "--fault"),
        ("run --fault lost=1%", "use loss, dup, corrupt"),
        ("probe", "ADDR"),
    ] {
        let outcome = Call::new(arguments).finish(&lock);
        outcome.expect_failure(2, &[named]);
        assert!(outcome.stdout.is_empty(), "{arguments}: {outcome:#?}");
    }
}

#[test]
fn boot_arguments_that_the_guest_refuses() {
    let lock = lock_qemu();
    for argument in ["bogus=1", "ip=10.0.2.300/24", "port=0", "idle=doze"] {
        let call = Call::run("--accel tcg").with("--boot-arg", argument);
        call.finish(&lock).expect_failure(1, &[argument]);
    }
    let call = Call::serve("--accel tcg --boot-arg bogus=1");
    call.finish(&lock).expect_failure(1, &["bogus=1"]);
}

#[test]
fn cpus_that_are_not_there_or_one_twice() {
    let lock = lock_qemu();
    for (cpus, complaint) in [("0,99999", "taskset"), ("1,1", "two CPUs"), ("1", "A,B")] {
        let outcome = Call::run(&format!("--cpus {cpus}")).finish(&lock);
        outcome.expect_failure(2, &["--cpus", complaint]);
    }
}

#[test]
fn too_little_memory() {
    let lock = lock_qemu();
    let outcome = Call::run("--accel tcg --memory 8").finish(&lock);
    outcome.expect_failure(1, &["memory"]);
}

#[test]
fn a_host_port_in_use() {
    let lock = lock_qemu();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port().to_string();
    let run = Call::run("--accel tcg --link user").with("--host-port", &port);
    run.finish(&lock).expect_failure(1, &[&port, "in use"]);
    let serve = Call::serve("--accel tcg").with("--host-port", &port);
    serve.finish(&lock).expect_failure(1, &[&port, "in use"]);
}

#[test]
fn no_qemu() {
    let lock = lock_qemu();
    let call = Call::run("--accel tcg").with_qemu("/nonexistent/qemu");
    call.finish(&lock)
        .expect_failure(1, &["/nonexistent/qemu", "install"]);
    // There, but no program.
    let call = Call::run("--accel tcg");
    let file = call.file("qemu");
    fs::write(&file, "not a program").unwrap();
    call.with_qemu(&file)
        .finish(&lock)
        .expect_failure(1, &["qemu"]);
}

#[test]
fn a_qemu_that_ends_at_once() {
    let lock = lock_qemu();
    let outcome = Call::run("--accel tcg")
        .with_qemu_arguments("-no-such-option")
        .finish(&lock);
    outcome.expect_failure(1, &["QEMU", "no-such-option"]);
    let outcome = Call::run("--accel tcg --cpu abacus").finish(&lock);
    outcome.expect_failure(1, &["abacus"]);
}

#[test]
fn no_image() {
    let lock = lock_qemu();
    let outcome = Call::new("run --accel tcg --image none.elf").finish(&lock);
    outcome.expect_failure(1, &["none.elf", "make"]);
    let call = Call::new("run --accel tcg --image text.elf");
    fs::write(call.file("text.elf"), "no image").unwrap();
    call.finish(&lock).expect_failure(1, &["text.elf"]);
}

#[test]
fn nowhere_to_write() {
    let lock = lock_qemu();
    // Below a file there can be no directory, not even root's.
    let call = Call::new("run --accel tcg --out file/results");
    fs::write(call.file("file"), "").unwrap();
    call.finish(&lock)
        .expect_failure(1, &["file/results", "--out"]);
    let outcome = Call::run("--accel tcg --json nowhere/result.json").finish(&lock);
    outcome.expect_failure(1, &["nowhere/result.json"]);
    let outcome = Call::run("--accel tcg --pcap nowhere/frames.pcap").finish(&lock);
    outcome.expect_failure(1, &["nowhere/frames.pcap"]);
}

#[test]
fn a_service_that_is_not_there() {
    let lock = lock_qemu();
    let outcome = Call::probe("no.such.host.invalid:9000").finish(&lock);
    outcome.expect_failure(1, &["no.such.host.invalid"]);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    // The socket is bound and says nothing: everything is lost.
    let address = socket.local_addr().unwrap();
    let call = Call::probe(&format!("{address} --count 5 --warmup 0s --timeout 50ms"));
    let outcome = call.finish(&lock);
    assert_eq!(outcome.code, Some(4), "{outcome:#?}");
    let results = outcome.results();
    assert_eq!((results.count("sent"), results.count("lost")), (5, 5));
    assert!(results.run()["latency_ns"]["max"].as_u64() >= Some(50_000_000));
}

#[test]
fn qemu_dying_half_way() {
    let lock = lock_qemu();
    for arguments in ON_ANY_LINK {
        let mut running = measuring(&lock, &format!("--duration 300s {arguments}"));
        running.qemu().signal(Signal::KILL);
        let outcome = running.finish();
        outcome.expect_failure(1, &["QEMU", "signal 9"]);
        let _ = outcome.partial("QEMU");
    }
}

/// The real machine and a real measurement, but recorded last words: nothing that can be done to the
/// guest from outside makes its Rust code panic.
#[test]
fn a_guest_that_panics_half_way() {
    let lock = lock_qemu();
    let call = Call::run("--accel tcg --warmup 0s --duration 300s");
    let capture = call.file("frames.pcap");
    let running = call.with("--pcap", capture).with_qemu_script(
        "\"$QEMU\" \"$@\" &
         until [ -e panic-now ]; do sleep 0.05; done
         printf '[0][PANIC] panicked at src/service.rs:7:9:\\r\\nout of luck\\r\\n'
         kill -9 $!
         wait
         exit 1",
    );
    let mut running = running.start(&lock);
    wait_for_replies(&mut running);
    fs::write(running.file("panic-now"), "").unwrap();
    let outcome = running.finish();
    outcome.expect_failure(1, &["guest panicked", "src/service.rs:7:9", "out of luck"]);
    let _ = outcome.partial("out of luck");
    let console = fs::read_to_string(outcome.file("out/console.log")).unwrap();
    assert!(console.contains("out of luck"), "{console}");
}

#[test]
fn a_guest_that_crashes_half_way() {
    let lock = lock_qemu();
    let (running, mut monitor) = measuring_with_monitor(&lock, "--duration 10s --timeout 100ms");
    monitor.crash_guest();
    let outcome = running.finish();
    outcome.expect_failure(1, &["guest panicked"]);
    let _ = outcome.partial("panicked");
}

#[test]
fn a_guest_that_resets_half_way() {
    let lock = lock_qemu();
    for link in ["vhost-user", "unix"] {
        let (running, mut monitor) =
            measuring_with_monitor(&lock, &format!("--link {link} --duration 300s"));
        monitor.execute("system_reset", &json!({}));
        let outcome = running.finish();
        outcome.expect_failure(1, &["QEMU ended"]);
        let _ = outcome.partial("QEMU ended");
    }
}

#[test]
fn a_guest_that_falls_silent_loses_requests() {
    let lock = lock_qemu();
    let arguments = "--mode open --rate 1000 --duration 300s --timeout 200ms";
    let (mut running, mut monitor) = measuring_with_monitor(&lock, arguments);
    monitor.execute("stop", &json!({}));
    std::thread::sleep(Duration::from_millis(600));
    monitor.execute("cont", &json!({}));
    let captured = fs::metadata(running.file("frames.pcap")).unwrap().len();
    running.wait_for_file("frames.pcap", captured + MEASURING);
    running.interrupt();
    let results = running.finish().partial("interrupted");
    // Every request that fell due meanwhile was sent; each of the first 400 ms waited for its timeout.
    assert!(results.count("lost") >= 390, "{:#}", results.run());
    assert!(results.run()["latency_ns"]["max"].as_u64() >= Some(200_000_000));
    assert!(
        results.count("late") > 0,
        "they were answered after all: {:#}",
        results.run()
    );
}

#[test]
fn a_result_that_cannot_be_written_is_a_failure() {
    let lock = lock_qemu();
    let outcome = Call::run("--accel tcg --count 50 --warmup 0s --json /dev/full").finish(&lock);
    outcome.expect_failure(1, &["/dev/full"]);
}
