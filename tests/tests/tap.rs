//! Link `tap`: the client's kernel socket in a network of its own, what is at the other end of it, and what
//! is left of it afterwards, which is nothing. Needs root, but for the tests of what happens without.
#![forbid(unsafe_code)]

use rustix::process::{Pid, Signal};
use serde_json::Value;
use suite::Capability;
use tests::fathom::{Call, Outcome, Running};
use tests::mid_run::measuring;
use tests::qemu_lock::{QemuLock, lock_qemu};
use tests::results::Results;
use tests::{artifacts, network, timeouts};

/// Wrapper that makes a call another user's, who has no rights at all.
const NOBODY: &[&str] = &[
    "setpriv",
    "--reuid=65534",
    "--regid=65534",
    "--clear-groups",
    "--pdeathsig=SIGKILL",
];

/// Wrapper that hides `/dev/net/tun` from a call.
const WITHOUT_TUN: &[&str] = &[
    "unshare",
    "--mount",
    "sh",
    "-c",
    "mount -t tmpfs none /dev/net && exec \"$0\" \"$@\"",
];

/// A run on the link with few requests, and more time for each than any of them needs.
fn call(arguments: &str) -> Call {
    Call::run(&format!(
        "--accel tcg --link tap --count 300 --warmup 0s --timeout 20s {arguments}"
    ))
}

/// The same of a target that has no image.
fn call_without_image(arguments: &str) -> Call {
    let call = Call::new(&format!(
        "run --accel tcg --link tap --count 300 --warmup 0s --timeout 20s {arguments}"
    ));
    let out = call.file("out");
    call.with("--out", out)
}

/// The results of a call in which everything was answered.
fn answered(call: Call, lock: &QemuLock) -> Results {
    let results = call.finish(lock).measured();
    assert_eq!((results.count("sent"), results.count("lost")), (300, 0));
    for nothing in ["late", "duplicated", "corrupted", "foreign"] {
        assert_eq!(results.count(nothing), 0, "{nothing}");
    }
    assert_eq!(results.run()["link"], "tap");
    results
}

#[test]
fn the_unikernel_answers_over_both_families_and_at_other_addresses() {
    if !network::is_root() {
        return;
    }
    let lock = lock_qemu();
    for (arguments, address) in [
        ("", "10.0.2.15:9000"),
        ("--payload 1472", "10.0.2.15:9000"),
        ("--payload 8972 --mtu 9000", "10.0.2.15:9000"),
        ("--payload 8972 --mtu 9000 --vhost off", "10.0.2.15:9000"),
        ("--ip 192.0.2.9/28 --port 4242", "192.0.2.9:4242"),
        // A network of its own, as some clouds have it.
        ("--ip 10.0.2.15/32", "10.0.2.15:9000"),
        ("--ipv6 --ip6 2001:db8::15/64", "[2001:db8::15]:9000"),
        ("--ipv6 --ip6 2001:db8::15/128", "[2001:db8::15]:9000"),
        ("--ipv6", "[fe80::5054:ff:fe12:3456]:9000"),
        ("--mode pipeline --depth 256", "10.0.2.15:9000"),
    ] {
        let results = answered(call(arguments), &lock);
        assert_eq!(results.run()["address"], address, "{arguments}");
    }
}

#[test]
fn a_linux_guest_answers() {
    if !network::is_root() {
        return;
    }
    let lock = lock_qemu();
    for arguments in ["", "--payload 8972 --mtu 9000"] {
        let call = call_without_image(&format!("--target linux-guest {arguments}"));
        let results = answered(call, &lock);
        assert_eq!(results.run()["responder"], "blocking");
    }
}

#[test]
fn a_process_answers_from_the_other_end_of_a_wire() {
    if !network::is_root() {
        return;
    }
    let lock = lock_qemu();
    for responder in ["blocking", "busy"] {
        let arguments = format!("--target linux-host --responder {responder}");
        let results = answered(call_without_image(&arguments), &lock);
        assert_eq!(results.run()["address"], "10.0.2.15:9000");
        assert!(results.run()["accel"].is_null());
    }
    let jumbo = call_without_image("--target linux-host --payload 8972 --mtu 9000");
    answered(jumbo, &lock);
    let elsewhere = call_without_image("--target linux-host --ip 192.0.2.9/28 --port 4242");
    let results = answered(elsewhere, &lock);
    assert_eq!(results.run()["address"], "192.0.2.9:4242");
}

#[test]
fn a_thread_answers_in_the_guests_place() {
    if !network::is_root() {
        return;
    }
    let results = answered(call_without_image("--target null"), &lock_qemu());
    assert!(
        results.run()["core_round_trip_ns"].is_null(),
        "no memory is shared"
    );
}

#[test]
fn frames_past_the_stack_are_answered_too() {
    if !network::is_root() {
        return;
    }
    let lock = lock_qemu();
    let target = "--target linux-host --responder af_xdp";
    let refusal = "this kernel does not do mode af_xdp";
    let first = call_without_image(target).finish(&lock);
    if first.code == Some(1) {
        first.expect_failure(1, &[refusal]);
        return suite::skip(Capability::AfXdp, &first.stderr);
    }
    for arguments in [
        "--payload 44",
        "--payload 1472",
        "--mode pipeline --depth 256",
        "--ip 192.0.2.9/28 --port 4242",
    ] {
        let results = answered(call_without_image(&format!("{target} {arguments}")), &lock);
        assert_eq!(results.run()["responder"], "af_xdp");
    }
}

/// A run of long duration, when its `process` is there.
fn under_way<'t>(arguments: &str, process: &str, lock: &'t QemuLock) -> (Running<'t>, Pid) {
    let call = if arguments.is_empty() {
        Call::run("--accel tcg --link tap --duration 300s")
    } else {
        Call::new(&format!("run --link tap --duration 300s {arguments}"))
    };
    let mut running = call.start(lock);
    let process = running.process(process).pid;
    (running, process)
}

#[test]
fn a_killed_run_leaves_no_namespace_and_no_device() {
    if !network::is_root() {
        return;
    }
    let lock = lock_qemu();
    for (arguments, service, has_tap) in [
        ("", "qemu-system", true),
        ("--target linux-host", "fathom-respond", false),
        ("--target null", "fathom", true),
    ] {
        let devices = network::devices();
        let (running, service) = under_way(arguments, service, &lock);
        let pid = running.pid();
        let mut held = timeouts::until(timeouts::BOOT, "the client's namespace", || {
            Some(network::namespaces_of(pid)).filter(|held| held.len() == 1)
        });
        if has_tap {
            timeouts::until(timeouts::ANSWER, "a tap device", || {
                network::tap_holders().contains(&service).then_some(())
            });
        } else {
            held.push(network::namespace_of(service));
            assert_ne!(held[0], held[1]);
        }
        for namespace in &held {
            let holders = network::holders(namespace);
            assert!(holders.contains(&pid) || holders.contains(&service));
            assert!(!holders.contains(&rustix::process::getpid()));
        }
        assert_eq!(
            network::devices(),
            devices,
            "in this network there is nothing new"
        );
        running.signal(Signal::KILL);
        // This looks after its processes, QEMU among them.
        assert_eq!(running.finish_abruptly().code, None);
        timeouts::until(timeouts::ANSWER, "the end of all that it made", || {
            let is_gone = held
                .iter()
                .all(|device| network::holders(device).is_empty());
            (is_gone && !network::tap_holders().contains(&service)).then_some(())
        });
        assert_eq!(network::devices(), devices);
    }
}

#[test]
fn a_qemu_that_dies_in_mid_run_is_the_reported_failure() {
    if !network::is_root() {
        return;
    }
    let lock = lock_qemu();
    let mut running = measuring(&lock, "--link tap --duration 300s");
    running.qemu().signal(Signal::KILL);
    let outcome = running.finish();
    outcome.expect_failure(1, &["QEMU", "signal 9"]);
    let _ = outcome.partial("QEMU");
}

/// The results of a comparison.
fn compared(outcome: &Outcome) -> Value {
    outcome.completed("out").json
}

fn comparison(arguments: &str) -> Call {
    let call = Call::new(&format!(
        "compare --accel tcg --mode closed --duration 50ms --warmup 10ms --settle 0s --timeout 20s --repeat 1 \
         --retries 0 {arguments}"
    ));
    let out = call.file("out");
    call.with("--out", out)
}

#[test]
fn guest_process_and_thread_are_compared_over_the_same_socket() {
    if !network::is_root() {
        return;
    }
    let call = comparison("--links tap --targets hermit,linux-host:blocking,null");
    let json = compared(
        &call
            .with("--image", artifacts::image())
            .finish(&lock_qemu()),
    );
    let mut targets: Vec<&str> = Vec::new();
    for run in json["runs"].as_array().unwrap() {
        assert_eq!(
            (&run["link"], &run["lost"]),
            (&"tap".into(), &0.into()),
            "{run:#}"
        );
        assert!(run["received"].as_u64() > Some(0));
        targets.push(run["target"].as_str().unwrap());
    }
    targets.sort_unstable();
    assert_eq!(targets, ["hermit", "linux-host", "null"]);
    assert!(
        json["skipped"].as_array().is_none_or(Vec::is_empty),
        "{json:#}"
    );
}

/// Checks the message about a link that can't be had, and that a comparison goes on without it.
fn expect_link_left_out(wrapper: &[&str], named: &[&str], lock: &QemuLock) {
    let outcome = call_without_image("--target null")
        .wrapped_in(wrapper)
        .finish(lock);
    outcome.expect_failure(1, named);
    let call = comparison("--links tap,vhost-user --targets null,linux-host:blocking");
    let json = compared(&call.wrapped_in(wrapper).finish(lock));
    let links: Vec<_> = json["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| &run["link"])
        .collect();
    assert_eq!(links, ["vhost-user"]);
    let skipped = json["skipped"].as_array().unwrap();
    let on_tap = skipped
        .iter()
        .find(|skipped| skipped["link"] == "tap" && skipped["target"] == "null");
    let reason = on_tap.expect("null on tap")["reason"].as_str().unwrap();
    assert!(named.iter().all(|named| reason.contains(named)), "{reason}");
}

#[test]
fn without_rights_it_is_left_out_and_says_what_it_takes() {
    if !network::is_root() {
        return;
    }
    let named = [
        "link tap: making a network namespace failed",
        "run as root or with CAP_SYS_ADMIN and CAP_NET_ADMIN, or choose another link",
        "not permitted",
    ];
    expect_link_left_out(NOBODY, &named, &lock_qemu());
}

#[test]
fn without_tap_devices_it_is_left_out_and_says_what_it_takes() {
    if !network::is_root() {
        return;
    }
    let named = [
        "link tap: opening /dev/net/tun failed",
        "module tun",
        "No such file",
    ];
    expect_link_left_out(WITHOUT_TUN, &named, &lock_qemu());
}

#[test]
fn options_that_the_link_cannot_carry_are_usage_errors() {
    let lock = lock_qemu();
    for (arguments, named) in [
        ("run --link tap --ip dhcp", "DHCP"),
        ("run --link tap --host-port 4242", "--host-port"),
        ("run --link tap --target linux-host --ipv6", "--ipv6"),
        ("run --link tap --target linux-host --pcap file", "--pcap"),
        ("run --target linux-host --responder af_xdp", "--link tap"),
        (
            "run --target linux-guest --responder af_xdp --link tap",
            "af_xdp",
        ),
        ("run --link loopback", "--link"),
        (
            "run --link user --target null",
            "no QEMU network without a guest",
        ),
    ] {
        let outcome = Call::new(arguments).finish(&lock);
        outcome.expect_failure(2, &[named]);
    }
}
