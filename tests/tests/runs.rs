//! `fathom run`: every link, every loop, and what it leaves behind. Figures are checked against each
//! other and against what was asked for; none is expected to be good.
#![forbid(unsafe_code)]

use std::fs;

use serde_json::{Value, json};
use suite::Capability;
use tests::artifacts;
use tests::fathom::{Call, Outcome};
use tests::qemu_lock::lock_qemu;
use tests::results::Results;
use wire::{HEADER_LEN, MAX_PAYLOAD};

/// The links of Ethernet frames; the first is the default.
const FRAMES: [&str; 2] = ["vhost-user", "unix"];

/// A measured run on TCG.
fn measured(arguments: &str) -> (Outcome, Results) {
    let lock = lock_qemu();
    let outcome = Call::run(&format!("--accel tcg {arguments}")).finish(&lock);
    let results = outcome.measured();
    (outcome, results)
}

#[test]
fn a_closed_loop_on_vhost_user_wakes_nobody() {
    let (_, results) = a_closed_loop("");
    let run = results.run();
    assert_eq!(
        run["link"], "vhost-user",
        "the best that needs no privilege"
    );
    assert_eq!(run["signals"], json!({ "doorbells": 0, "interrupts": 0 }));
    // It may have rung at its start, until the device had said that it polls.
    assert!(results.guest_counter("doorbells") < 10);
    expect_host(&results);
}

/// Expects what a record has of the host: which CPUs were used, and what happened on them.
fn expect_host(results: &Results) {
    let run = results.run();
    assert_eq!(run["prealloc"], true);
    let locked = &run["memory_locked"];
    let all = locked["guest"] == true && locked["instrument"] == true;
    assert_eq!(locked["obstacle"].is_null(), all, "{locked}");
    let print = &results.json["environment"]["fingerprint"];
    assert!(print["kernel_options"].is_object(), "{print:#}");

    let activity = &run["host_activity"];
    let measuring_faults = &activity["measuring_faults"]["minor"];
    assert!(measuring_faults.is_u64() && activity["guest_faults"]["minor"].is_u64());
    if std::thread::available_parallelism().map_or(1, usize::from) < 2 {
        return suite::skip(Capability::TwoCpus, "there is no CPU beside the first");
    }
    let cpus = &run["cpus"];
    assert_ne!(cpus["guest"], cpus["measuring"], "{cpus}");
    assert!(cpus["relation"].is_string(), "{cpus}");
    let both = [&cpus["guest"], &cpus["measuring"]];
    for (index, cpu) in both.into_iter().enumerate() {
        assert_eq!(&print["cpus"][index]["cpu"], cpu);
        let activity = &activity["cpus"][index];
        assert_eq!(&activity["cpu"], cpu);
        // A timer may not have ticked in so short a run.
        assert!(activity["interrupts"]["devices"].is_u64(), "{activity:#}");
        assert!(activity["softirqs"]["TIMER"].is_u64(), "{activity:#}");
        for when in ["before", "after"] {
            let steps = activity["steps_per_us"][when].as_f64();
            assert!(steps > Some(0.0), "{activity:#}");
        }
    }
}

#[test]
fn a_run_on_vhost_user_knows_its_floors() {
    if std::thread::available_parallelism().map_or(1, usize::from) < 2 {
        return suite::skip(Capability::TwoCpus, "there is no core beside the first");
    }
    // A host that is busy otherwise may keep a floor from being seen, but not every time.
    let all_seen = (0..10).any(|_| {
        let (outcome, results) = measured("--verbose --count 200 --warmup 0s --timeout 20s");
        let run = results.run();
        let floors = ["core_round_trip_ns", "reflector_round_trip_ns"];
        let seen = floors.iter().flat_map(|floor| {
            let both = run[floor].as_object().expect("both floors are looked at");
            ["before", "after"].map(|when| both[when].as_f64())
        });
        let seen: Vec<_> = seen.collect();
        assert!(seen.iter().flatten().all(|&floor_ns| floor_ns > 0.0));
        assert!(outcome.stdout.contains("core-to-core"), "{outcome:#?}");
        seen.iter().all(Option::is_some)
    });
    assert!(all_seen, "a floor was never seen");
}

#[test]
fn a_closed_loop_on_unix() {
    let (_, results) = a_closed_loop("--link unix");
    let run = results.run();
    assert_eq!(run["link"], "unix");
    // QEMU sees them, and does not say.
    assert!(run["signals"].is_null() && run["core_round_trip_ns"].is_null());
    assert!(results.guest_counter("doorbells") > 0);
}

fn a_closed_loop(arguments: &str) -> (Outcome, Results) {
    let arguments = format!("{arguments} --count 3000 --warmup 100ms --timeout 20s");
    let (outcome, results) = measured(&arguments);
    let run = results.run();
    assert_eq!(run["target"], "hermit");
    assert_eq!(
        (&run["accel"], &run["mode"]),
        (&"tcg".into(), &"closed".into())
    );
    assert_eq!(run["payload_bytes"], 64);
    assert_eq!((results.count("sent"), results.count("lost")), (3000, 0));
    for nothing in ["late", "duplicated", "reordered", "corrupted"] {
        assert_eq!(results.count(nothing), 0, "{nothing}");
    }
    let asked = results.count("sent") + results.count("warmup_discarded");
    assert_eq!(results.guest_counter("replied"), asked);
    assert_eq!(results.guest_counter("datagrams_received"), asked);
    for nothing in [
        "dropped_magic",
        "dropped_source",
        "dropped_transmit",
        "device_faults",
    ] {
        assert_eq!(results.guest_counter(nothing), 0, "{nothing}");
    }
    // In each sample the guest's own share and the rest of the way are the whole, so their means are
    // too: no column lacks a sample that another has, however impossible it looked.
    let columns = ["latency_ns", "service_ns", "path_ns"];
    for column in columns {
        assert_eq!(run[column]["count"], 3000, "{column}");
    }
    let [whole, service, path] = columns.map(|column| run[column]["mean"].as_f64().unwrap());
    let parts = service + path;
    assert!((parts - whole).abs() < 0.01, "{parts} of {whole}");

    assert!(outcome.stdout.contains("p99"), "{outcome:#?}");
    let console = fs::read_to_string(outcome.file("out/console.log")).unwrap();
    assert!(console.contains(wire::ready::READY_PREFIX), "{console}");
    (outcome, results)
}

#[test]
fn the_environment_is_told() {
    let (_, results) = measured("--count 100 --warmup 0s");
    let environment = &results.json["environment"];
    assert_eq!(environment["accel"], "tcg");
    assert!(environment["accel_reason"].is_string());
    let rights = &environment["qemu_rights"];
    assert_eq!(rights["seccomp"], true, "{rights}");
    let version = environment["qemu_version"].as_str().unwrap();
    assert!(
        version.starts_with(|first: char| first.is_ascii_digit()),
        "{version}"
    );
    let sha256 = std::process::Command::new("sha256sum")
        .arg(artifacts::image())
        .output()
        .unwrap();
    let expected = String::from_utf8(sha256.stdout).unwrap();
    let expected = expected.split_whitespace().next().unwrap().to_owned();
    assert_eq!(environment["image"]["sha256"], Value::String(expected));
}

#[test]
fn an_open_loop_on_frames() {
    for link in FRAMES {
        let load =
            "--mode open --arrivals even --rate 2000 --duration 500ms --warmup 100ms --timeout 20s";
        let (_, results) = measured(&format!("--link {link} {load}"));
        let run = results.run();
        assert_eq!((&run["mode"], &run["link"]), (&"open".into(), &link.into()));
        assert_eq!(run["offered_rate"].as_f64(), Some(2000.0));
        // Every request that is due is sent, however late.
        assert_eq!((results.count("sent"), results.count("lost")), (1000, 0));
        assert_eq!(run["send_lateness_ns"]["count"], 1000);
        // Counted from when it was due, a latency is never under that from when it was sent; and the
        // uncorrected ones are a part of all.
        let sum = |summary: &str| {
            // A client that waits may not get to send one: a busy host has a backlog from the first on.
            let [count, mean] = ["count", "mean"].map(|key| run[summary][key].as_f64());
            count.unwrap_or(0.0) * mean.unwrap_or(0.0)
        };
        assert!(
            sum("latency_ns") >= sum("uncorrected_latency_ns") - 1000.0,
            "{run:#}"
        );
        let max = |summary: &str| run[summary]["max"].as_u64();
        assert!(max("latency_ns").is_some());
        assert!(max("latency_ns") >= max("uncorrected_latency_ns"));
    }
}

#[test]
fn a_pipeline_on_frames() {
    for link in FRAMES {
        let load = "--mode pipeline --depth 16 --count 5000 --warmup 100ms --timeout 20s";
        let (outcome, results) = measured(&format!("--link {link} {load}"));
        let run = results.run();
        assert_eq!(
            (&run["mode"], &run["depth"]),
            (&"pipeline".into(), &16.into())
        );
        assert_eq!((results.count("sent"), results.count("lost")), (5000, 0));
        // One comes in for each that goes out, but for what is in flight at the ends.
        let rate = run["achieved_rate"].as_f64().unwrap();
        let seconds = run["elapsed_ns"].as_f64().unwrap() / 1e9;
        assert!(rate * seconds > 4900.0, "{run:#}");
        assert!(outcome.stdout.contains("echoes/s"), "{outcome:#?}");
    }
}

#[test]
fn a_service_in_a_network_of_its_own_is_reached() {
    for link in ["vhost-user", "unix"] {
        for family in ["--ip 10.0.2.15/32", "--ipv6 --ip6 2001:db8::15/128"] {
            let load = "--count 300 --warmup 0s --timeout 20s";
            let (_, results) = measured(&format!("--link {link} {family} {load}"));
            assert_eq!((results.count("sent"), results.count("lost")), (300, 0));
        }
    }
}

#[test]
fn a_closed_loop_through_the_user_network_with_dhcp() {
    let (_, results) = measured("--link user --ip dhcp --count 2000 --warmup 100ms");
    let run = results.run();
    assert_eq!(
        (&run["link"], &run["mode"]),
        (&"user".into(), &"closed".into())
    );
    assert_eq!(results.count("sent"), 2000);
    assert!(results.count("received") > 0);
}

#[test]
fn an_open_loop_through_the_user_network() {
    let arguments = "--link user --mode open --arrivals even --rate 500 --duration 1s --warmup 0s --timeout 5s \
         --payload 1472";
    let (_, results) = measured(arguments);
    assert_eq!(results.count("sent"), 500);
    assert_eq!(results.run()["payload_bytes"], MAX_PAYLOAD);
    assert!(results.count("received") > 0);
}

#[test]
fn the_shortest_and_the_longest_payload() {
    let payloads = [HEADER_LEN, MAX_PAYLOAD];
    for (link, payload) in FRAMES
        .iter()
        .flat_map(|link| payloads.map(|len| (link, len)))
    {
        let load = format!("--payload {payload} --count 500 --warmup 0s --timeout 20s");
        let (_, results) = measured(&format!("--link {link} {load}"));
        assert_eq!(results.run()["payload_bytes"], payload);
        assert_eq!((results.count("sent"), results.count("lost")), (500, 0));
        assert_eq!(results.count("corrupted"), 0);
    }
}

#[test]
fn over_ipv6_to_either_address() {
    let addresses = [
        ("", "[fe80::5054:ff:fe12:3456]:9000"),
        ("--ip6 2001:db8::15/64", "[2001:db8::15]:9000"),
    ];
    for (link, (more, address)) in FRAMES
        .iter()
        .flat_map(|link| addresses.map(|to| (link, to)))
    {
        let load = format!("--ipv6 {more} --count 500 --warmup 0s --timeout 20s");
        let (_, results) = measured(&format!("--link {link} {load}"));
        assert_eq!(results.run()["address"], address);
        assert_eq!((results.count("sent"), results.count("lost")), (500, 0));
    }
}

#[test]
fn another_machine_address_and_port() {
    for link in FRAMES {
        let machine = "--machine q35 --cpu qemu64 --memory 1024 --boot-arg idle=nap --log debug";
        let addresses = "--ip 192.0.2.9/28 --port 4242";
        let load = "--count 500 --warmup 0s --timeout 20s";
        let (_, results) = measured(&format!("--link {link} {machine} {addresses} {load}"));
        assert_eq!(results.run()["address"], "192.0.2.9:4242");
        assert_eq!((results.count("sent"), results.count("lost")), (500, 0));
    }
}

#[test]
fn json_alone_on_standard_output() {
    let (outcome, results) = measured("--json - --count 200 --warmup 0s");
    let printed: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(printed, results.json);
    assert!(
        outcome.stderr.contains("p50"),
        "the table goes elsewhere: {outcome:#?}"
    );
}

#[test]
fn json_in_a_file() {
    let lock = lock_qemu();
    let call = Call::run("--accel tcg --count 200 --warmup 0s");
    let file = call.file("copy.json");
    let outcome = call.with("--json", &file).finish(&lock);
    let results = outcome.measured();
    let copy: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(copy, results.json);
}

#[test]
fn results_go_under_their_time_and_the_image_is_found() {
    let lock = lock_qemu();
    let call = Call::new("run --accel tcg --count 100 --warmup 0s --out here");
    let outcome = call.finish(&lock);
    outcome.completed("here").check();

    let outcome = Call::new("run --accel tcg --count 100 --warmup 0s").finish(&lock);
    outcome.completed("results/latest").check();
    let latest = fs::read_link(outcome.file("results/latest")).unwrap();
    let name = latest.to_str().unwrap();
    assert!(name.starts_with("20") && name.ends_with('Z'), "{name}");
    let entries = fs::read_dir(outcome.place().join("results")).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, [name, "images", "latest"]);
    // The image is kept under its digest, to be compared with a later one.
    let images = outcome.place().join("results/images");
    let image = &outcome.completed("results/latest").json["environment"]["image"];
    let kept = format!("{}.elf", image["sha256"].as_str().unwrap());
    assert!(images.join(kept).exists());
}

#[test]
fn auto_takes_an_accelerator_that_the_host_has() {
    let lock = lock_qemu();
    let outcome = Call::run("--accel auto --count 200 --warmup 0s").finish(&lock);
    let results = outcome.measured();
    let environment = &results.json["environment"];
    assert!(["kvm", "tcg"].contains(&environment["accel"].as_str().unwrap()));
    assert!(!environment["accel_reason"].as_str().unwrap().is_empty());
    assert_eq!(environment["accel"], results.run()["accel"]);
    assert!(results.count("received") > 0);
}

#[test]
fn kvm_alone_does_or_says_why_not() {
    let lock = lock_qemu();
    let outcome = Call::run("--accel kvm --count 200 --warmup 0s").finish(&lock);
    if outcome.code == Some(1) {
        outcome.expect_failure(1, &["KVM", "--accel"]);
    } else {
        assert_eq!(outcome.measured().run()["accel"], "kvm");
    }
}
