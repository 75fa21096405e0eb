//! Costs that `fathom compare` reports of its targets beside their latency: counted in probes of their own after
//! all is measured, and the same on any machine, so that here figures are held to what they must be.
#![forbid(unsafe_code)]

use std::fs;
use std::path::Path;

use serde_json::Value;
use tests::artifacts;
use tests::fathom::{Call, Outcome};
use tests::icount::Counted;
use tests::instructions::{self, Service};
use tests::qemu_lock::{QemuLock, lock_qemu};
use tests::results::Results;

/// About how many instructions an echo on Hermit's own sockets takes. Without its reception it would be
/// two thirds, and with a wait in it any number more.
const SOCKETS: f64 = 80_000.0;

/// A call of `fathom compare` of the built image under TCG, in one round as short as can be.
fn call(arguments: &str) -> Call {
    let call = Call::new(&format!(
        "compare --accel tcg --mode closed --duration 50ms --warmup 10ms --settle 0s --timeout 20s --repeat 1 \
         --retries 0 {arguments}"
    ));
    let out = call.file("out");
    call.with("--out", out).with("--image", artifacts::image())
}

fn results(outcome: &Outcome) -> Results {
    outcome.completed("out")
}

/// Instructions per echo of this very image, counted as `make bench` does. Its baseline is another
/// image's: the compiler makes other code of the same source in a checkout at another path.
fn counted(lock: &QemuLock) -> f64 {
    let mut guest = Counted::boot("", lock);
    instructions::per_answer(&mut guest, Service::Timestamp, 64) as f64
}

fn size(path: impl AsRef<Path>) -> u64 {
    fs::metadata(artifacts::root().join(path)).unwrap().len()
}

/// The entry of a target on a link.
fn of<'j>(json: &'j Value, target: &str, link: &str) -> &'j Value {
    let all = json["why"].as_array().expect("why[]");
    let is_it = |value: &&Value| value["target"] == target && value["link"] == link;
    all.iter().find(is_it).expect("an entry")
}

fn number(why: &Value, field: &str) -> f64 {
    why[field]
        .as_f64()
        .unwrap_or_else(|| panic!("{field}: {why:#}"))
}

/// Checks an entry of a guest; its largest repetition's boot is known.
fn check_guest(json: &Value, why: &Value) {
    let runs = json["runs"].as_array().unwrap();
    let own = |value: &&Value| value["target"] == why["target"] && value["link"] == why["link"];
    let run = runs.iter().find(own).unwrap();
    for field in [
        "first_reply_ms",
        "resident_bytes",
        "memory_bytes",
        "image_bytes",
    ] {
        assert_eq!(
            run[field], why[field],
            "{field}: one repetition is the median"
        );
    }
    assert!(number(why, "first_reply_ms") >= run["boot_ms"].as_f64().unwrap());
    // QEMU itself, and some of what the guest was given.
    let resident = number(why, "resident_bytes");
    assert!(resident > f64::from(16 << 20) && resident < 1e9, "{why:#}");
}

#[test]
fn a_guests_figures_are_those_that_hold_on_any_machine() {
    let lock = lock_qemu();
    let outcome =
        call("--targets hermit,hermit-sockets,linux-guest:busy,null --links vhost-user,unix")
            .finish(&lock);
    let results = results(&outcome);
    let json = &results.json;
    let entries = json["why"].as_array().unwrap().len();
    assert_eq!(entries, 4 * 2, "{:#}", json["why"]);
    let counted = counted(&lock);
    for link in ["vhost-user", "unix"] {
        let hermit = of(json, "hermit", link);
        check_guest(json, hermit);
        let instructions = number(hermit, "instructions_per_echo");
        assert!(
            (instructions / counted - 1.0).abs() < 0.05,
            "{counted}: {hermit:#}"
        );
        let doorbells = if link == "unix" { 1.0 } else { 0.0 };
        assert_eq!(number(hermit, "doorbells_per_echo"), doorbells);
        assert_eq!(number(hermit, "interrupts_per_echo"), 0.0);
        assert_eq!(
            number(hermit, "image_bytes"),
            size("target/fathom.elf") as f64
        );
        assert_eq!(number(hermit, "memory_bytes"), f64::from(32 << 20));

        let sockets = of(json, "hermit-sockets", link);
        check_guest(json, sockets);
        let instructions = number(sockets, "instructions_per_echo");
        assert!((instructions / SOCKETS - 1.0).abs() < 0.1, "{sockets:#}");

        let linux = of(json, "linux-guest", link);
        check_guest(json, linux);
        assert_eq!(linux["responder"], "busy");
        let instructions = number(linux, "instructions_per_echo");
        assert!(instructions > 5.0 * counted, "{linux:#}");
        assert!(number(linux, "interrupts_per_echo") > 0.0, "{linux:#}");
        let parts = size("target/linux-guest/vmlinuz") + size("target/fathom-responder");
        let image = number(linux, "image_bytes");
        assert!(
            image > parts as f64 && image < 1.2 * parts as f64,
            "{linux:#}"
        );
    }
    // On unix the guest must tell QEMU of each answer.
    assert!(number(of(json, "linux-guest", "unix"), "doorbells_per_echo") >= 0.99);
    for link in ["vhost-user", "unix"] {
        for (field, value) in of(json, "null", link).as_object().unwrap() {
            let is_name = ["name", "target", "link"].contains(&&**field);
            assert_eq!(value.is_null(), !is_name, "{field}");
        }
    }
    for shown in ["why, per echo", "instructions", "on any machine"] {
        assert!(
            outcome.stdout.contains(shown),
            "{shown}: {}",
            outcome.stdout
        );
    }
    for name in ["report.md", "report.html"] {
        let report = fs::read_to_string(outcome.file("out").join(name)).unwrap();
        assert!(report.contains("hold on any machine"), "{name}");
    }
}

#[test]
fn without_a_look_there_is_no_table_and_what_the_runs_know_is_with_them() {
    let lock = lock_qemu();
    let outcome =
        call("--targets hermit,linux-host:busy --links user,loopback --no-why").finish(&lock);
    let results = results(&outcome);
    assert!(results.json["why"].is_null(), "{:#}", results.json["why"]);
    assert!(!outcome.stdout.contains("why, per echo"), "{outcome:#?}");
    let runs = results.json["runs"].as_array().unwrap();
    let run = |target: &str| runs.iter().find(|run| run["target"] == target).unwrap();
    let (hermit, host) = (run("hermit"), run("linux-host"));
    assert!(number(hermit, "first_reply_ms") >= number(hermit, "boot_ms"));
    for (run, image) in [
        (hermit, "target/fathom.elf"),
        (host, "target/fathom-responder"),
    ] {
        assert_eq!(number(run, "image_bytes"), size(image) as f64);
        assert!(number(run, "first_reply_ms") > 0.0 && number(run, "resident_bytes") > 1e5);
    }
    assert!(!outcome.stderr.contains("no look"), "{}", outcome.stderr);
}

#[test]
fn a_look_that_fails_costs_its_figures_and_nothing_else() {
    let lock = lock_qemu();
    // The only link with DHCP is `user`: nothing can be counted on vhost-user.
    let outcome = call("--targets hermit --links user --ip dhcp").finish(&lock);
    let results = results(&outcome);
    let hermit = of(&results.json, "hermit", "user");
    assert!(hermit["instructions_per_echo"].is_null(), "{hermit:#}");
    assert_eq!(number(hermit, "doorbells_per_echo"), 1.0);
    let said = "no look inside hermit on vhost-user: there is no DHCP server";
    assert!(outcome.stderr.contains(said), "{}", outcome.stderr);
}

#[test]
fn ctrl_c_ends_a_look_and_keeps_what_was_measured() {
    let lock = lock_qemu();
    let mut running = call("--targets linux-guest:busy --links vhost-user").start(&lock);
    running.wait_for_error("is counted now");
    running.interrupt();
    let outcome = running.finish();
    outcome.expect_failure(1, &["interrupted"]);
    let json = Results::read(&outcome.file("out")).json;
    assert_eq!(json["runs"].as_array().unwrap().len(), 1);
    let linux = of(&json, "linux-guest", "vhost-user");
    assert!(linux["instructions_per_echo"].is_null());
    assert!(number(linux, "first_reply_ms") > 0.0);
}
