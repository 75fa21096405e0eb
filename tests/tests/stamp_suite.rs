//! STAMP (RFC 8762, RFC 8972) both ways against stamp-suite, which nobody here wrote: as sender it asks for every
//! TLV, and as reflector it is probed.
#![forbid(unsafe_code)]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use suite::Capability;
use tempfile::TempDir;
use tests::fathom::Call;
use tests::guest::{Machine, Network};
use tests::qemu_lock::lock_qemu;
use tests::{artifacts, process};
use wire::stamp::STAMP_PORT;

/// The version that `tests/stamp-suite/setup.sh` builds.
const PROGRAM: &str = "target/stamp-suite/bin/stamp-suite-1.0.0";

const KEY: &str = "000102030405060708090a0b0c0d0e0f";

/// Number of test packets.
const COUNT: u64 = 20;

/// Every TLV of RFC 8972 but padding, which has an option of its own, and the HMAC, which comes with a key.
const TLVS: &str = "--ssid 77 --cos --dscp 46 --ecn 1 --location --timestamp-info --direct-measurement \
                    --follow-up-telemetry --access-report 2 --access-report-timeout 3600";

/// Time for a reflector to be there. Bounds a test that would hang; no statement about speed.
const PATIENCE: Duration = Duration::from_secs(20);

/// Returns stamp-suite with `arguments`, or skips the calling test.
#[track_caller]
fn stamp_suite(arguments: &str) -> Option<Command> {
    let program = artifacts::root().join(PROGRAM);
    if !program.is_file() {
        suite::skip(
            Capability::StampSuite,
            format_args!("no {PROGRAM}: tests/stamp-suite/setup.sh builds it"),
        );
        return None;
    }
    let mut command = Command::new(program);
    command.args(arguments.split_whitespace());
    command.env("RUST_LOG", "error");
    process::tie_to_this_thread(&mut command, Vec::new());
    Some(command)
}

/// A file with the key that nobody else may read: stamp-suite refuses others.
fn key_file() -> (TempDir, PathBuf) {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("key");
    fs::write(&path, KEY).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    (place, path)
}

fn free_port() -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap().port()
}

/// Has stamp-suite send to a port of loopback. Returns what it made of the replies.
fn sent_to(port: u16, options: &str) -> Option<Value> {
    let arguments = format!(
        "--remote-addr 127.0.0.1 --remote-port {port} --local-addr 127.0.0.1 --count {COUNT} --send-delay 5 \
         --timeout 20 --output-format json {options}"
    );
    let output = stamp_suite(&arguments)?.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{options}: {stderr}");
    let stdout = String::from_utf8(output.stdout).unwrap();
    let summary = stdout.lines().find(|line| line.contains("\"summary\""));
    let summary = summary.unwrap_or_else(|| panic!("{stdout} {stderr}"));
    Some(serde_json::from_str(summary).unwrap())
}

/// Checks that every packet of `summary` was answered, and that no TLV came back flagged.
fn check_answered(summary: &Value) {
    assert_eq!(summary["packets_received"], COUNT, "{summary:#}");
    let measurements = &summary["measurements"];
    let validation = &measurements["tlv_validation"];
    assert_eq!(validation["rejected_replies"], 0, "{summary:#}");
    for flag in ["unrecognized", "malformed", "integrity_failed"] {
        assert_eq!(validation["flags"][flag], 0, "{summary:#}");
    }
    for measured in ["duplicate_replies", "unknown_replies"] {
        assert_eq!(measurements[measured], 0, "{summary:#}");
    }
}

/// Checks what a stateful reflector says of a session in its TLVs.
fn check_session(summary: &Value) {
    check_answered(summary);
    let measurements = &summary["measurements"];
    for kind in ["2", "3", "4", "5", "7"] {
        let observed = &measurements["tlv_validation"]["by_type"][kind]["observed"];
        assert_eq!(*observed, COUNT, "type {kind}: {summary:#}");
    }
    assert_eq!(summary["access_report"]["outcome"], "acknowledged");
    let counted = &measurements["direct_measurement"];
    for missing in ["forward_missing", "reverse_missing", "discontinuities"] {
        assert_eq!(counted[missing], 0, "{summary:#}");
    }
    assert_eq!(counted["latest_transmit"]["reflector_tx"], COUNT);
    // All but the first have one before them.
    assert_eq!(measurements["follow_up"]["matched"], COUNT - 1);
}

#[test]
fn the_guest_answers_every_tlv() {
    let (_place, key) = key_file();
    let authenticated = format!("--auth-mode A --hmac-key-file {}", key.display());
    let lock = lock_qemu();
    for (arguments, options) in [
        ("stamp-mode=stateful", String::new()),
        (&format!("stamp-key={KEY}"), authenticated),
    ] {
        let host_port = free_port();
        let arguments = format!("ip=10.0.2.15/24 gw=10.0.2.2 {arguments}");
        let machine = Machine {
            network: Network::User {
                host_port,
                guest_port: STAMP_PORT,
            },
            ..Machine::new(&arguments)
        };
        let mut guest = machine.start(&lock);
        let _ = guest.ready();
        let Some(summary) = sent_to(host_port, &format!("{TLVS} {options}")) else {
            return;
        };
        check_session(&summary);
        let verified = if options.is_empty() { 0 } else { COUNT };
        let hmac = &summary["measurements"]["tlv_validation"]["hmac"];
        assert_eq!(hmac["verified"], verified, "{summary:#}");
        // PTP's timestamps, and padding.
        let padded = sent_to(host_port, &format!("-K PTP --extra-padding 1000 {options}"));
        check_answered(&padded.unwrap());
        assert_eq!(guest.counters().stamp_replies, 2 * COUNT);
    }
}

/// A reflector of stamp-suite's, until it is dropped.
struct Reflector {
    child: Child,
    port: u16,
}

impl Reflector {
    fn start(options: &str) -> Option<Self> {
        let port = free_port();
        let arguments =
            format!("--is-reflector --local-addr 127.0.0.1 --local-port {port} {options}");
        let child = stamp_suite(&arguments)?.stdout(Stdio::null()).spawn();
        let mut reflector = Self {
            child: child.unwrap(),
            port,
        };
        // Its port is taken once it serves.
        let deadline = Instant::now() + PATIENCE;
        while UdpSocket::bind(("127.0.0.1", port)).is_ok() {
            assert!(reflector.child.try_wait().unwrap().is_none(), "{options}");
            assert!(Instant::now() < deadline, "{options}");
            std::thread::sleep(Duration::from_millis(10));
        }
        Some(reflector)
    }

    /// Probes it. Every request is answered.
    fn probe(&self, arguments: &str, lock: &tests::qemu_lock::QemuLock) {
        let address = format!("127.0.0.1:{}", self.port);
        let line = format!("{address} --count 50 --warmup 0s --timeout 20s {arguments}");
        let results = Call::probe(&line).finish(lock).measured();
        let counts = ["sent", "received", "corrupted"].map(|name| results.count(name));
        assert_eq!(counts, [50, 50, 0], "{arguments}");
        assert!(
            results.run()["service_ns"]["p50"].is_number(),
            "{arguments}"
        );
    }
}

impl Drop for Reflector {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn its_reflector_is_probed() {
    let (_place, key) = key_file();
    let key = key.display();
    let Some(open) = Reflector::start("--stateful-reflector") else {
        return;
    };
    let lock = lock_qemu();
    for arguments in [
        "--protocol stamp --payload 44",
        "--protocol stamp --payload 1000 --dscp EF",
        "--protocol twamp-light --payload 100",
    ] {
        open.probe(arguments, &lock);
    }
    let options = format!("--auth-mode A --hmac-key-file {key}");
    let authenticated = Reflector::start(&options).unwrap();
    // It adds an HMAC to TLVs that came without.
    for payload in [112, 200] {
        let arguments = format!("--protocol stamp --payload {payload} --stamp-key {key}");
        authenticated.probe(&arguments, &lock);
    }
}

#[test]
fn the_service_on_linux_answers_every_tlv() {
    let (_place, key) = key_file();
    let key = key.display();
    for (own, options) in [
        ("--stamp-mode stateful".to_owned(), String::new()),
        (
            format!("--stamp-key {key}"),
            format!("--auth-mode A --hmac-key-file {key}"),
        ),
    ] {
        let port = free_port();
        let mut command = Command::new(artifacts::root().join("target/fathom-responder"));
        command.args(["--listen", "127.0.0.1:0", "--stamp"]);
        command.arg(format!("127.0.0.1:{port}"));
        command.args(own.split(' ')).stdout(Stdio::piped());
        process::tie_to_this_thread(&mut command, Vec::new());
        let mut child = command.spawn().unwrap();
        let mut ready = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(ready.next().unwrap().unwrap().contains("STAMP"));
        let summary = sent_to(port, &format!("{TLVS} {options}"));
        let _ = child.kill();
        let _ = child.wait();
        let Some(summary) = summary else {
            return;
        };
        check_session(&summary);
    }
}
