//! The log of the running image: records wait for their budget, a request lets them out, and an ending does.
#![forbid(unsafe_code)]

use serde_json::json;
use tests::guest::Machine;
use tests::packet::Body;
use tests::qemu_lock::lock_qemu;
use tests::station::{Station, request};
use tests::timeouts;
use wire::header::field;
use wire::log_control::{Budget, Change, Level, Settings, decode_answer};
use wire::ready::READY_PREFIX;
use wire::status::{self, STATUS_LEN};
use wire::{HEADER_LEN, Kind};

/// With it the record of the boot's times, which the service logs when it is ready, takes some 80 s.
const ARGUMENTS: &str = "ip=10.0.2.15/24 log=info log-budget=1B/s";

/// Beginning of that record.
const RECORD: &str = "[0][INFO] boot_ns ";

/// Returns the payload of the answer to `payload`.
fn ask(station: &mut Station, payload: &[u8]) -> Vec<u8> {
    let frame = station.to_service().udp(payload);
    match station.ask(&frame).body {
        Body::Udp { payload, .. } => payload,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_record_waits_for_its_budget_until_a_request_with_the_right_boot_id_raises_that() {
    let lock = lock_qemu();
    // A second of the guest's is a thousand million instructions, whatever the host does.
    let arguments = format!("{ARGUMENTS} tsc_khz=1000000");
    let machine = Machine {
        more: &["-icount", "shift=0"],
        ..Machine::new(&arguments)
    };
    let mut guest = machine.start(&lock);
    let boot_id = guest.ready().boot_id;
    let wanted = Settings {
        level: Level::Off,
        budget: Budget::new(1 << 20).unwrap(),
    };
    let change = Change {
        level: Some(wanted.level),
        budget: Some(wanted.budget),
    };
    let in_force = Settings {
        level: Level::Info,
        budget: Budget::new(1).unwrap(),
    };
    let question = Change::default().request(boot_id, 1, 1000);
    let (_, settings) = decode_answer(&ask(&mut guest.station, &question)).unwrap();
    assert_eq!(settings, in_force);
    let forged = change.request(boot_id ^ 1, 2, 1000);
    let frame = guest.station.to_service().udp(&forged);
    guest.station.expect_silence("another boot id", &frame);
    let mut datagram = request(3, STATUS_LEN.max(HEADER_LEN));
    datagram[field::KIND] = Kind::StatusRequest.as_byte();
    // Counters are published when a burst ends, which may be after its last answer.
    timeouts::until(timeouts::ANSWER, "the counter", || {
        let reply = ask(&mut guest.station, &datagram);
        let answer = status::Answer::decode(&reply).unwrap();
        assert_eq!(answer.log, Some(in_force));
        let mut counters = answer.counters();
        counters.find(|&counter| counter == ("log_forged", 1))
    });
    // None is looked at for a tenth of a second after one with another boot id, which is some 100 million instructions.
    let question = change.request(boot_id, 4, 1000);
    let frame = guest.station.to_service().udp(&question);
    let console = guest.printed();
    assert!(!console.contains(RECORD), "{console}");
    let settings = timeouts::until(timeouts::BOOT, "an answer", || {
        guest.station.send(&frame);
        let answers = guest.station.settle();
        answers.iter().find_map(|frame| settings_of(frame))
    });
    assert_eq!(settings, wanted);
    guest.wait_for_line("the record", |line| {
        line.starts_with(RECORD) && line.contains(" service=")
    });
}

/// Returns the settings of the log reply in a frame, if there is one.
fn settings_of(frame: &[u8]) -> Option<Settings> {
    match tests::packet::parse(frame).ok()?.body {
        Body::Udp { payload, .. } => Some(decode_answer(&payload)?.1),
        _ => None,
    }
}

#[test]
fn what_waits_is_sent_before_the_machine_ends() {
    let lock = lock_qemu();
    let machine = Machine {
        is_plain: true,
        ..Machine::new(ARGUMENTS)
    };
    let mut guest = machine.start(&lock);
    guest.ready();
    guest.monitor().execute("system_powerdown", &json!({}));
    let (_, console) = guest.ended();
    let lines: Vec<&str> = console.lines().collect();
    let [clock, ready, boot, off] = lines[..] else {
        panic!("{lines:?}");
    };
    assert!(clock.starts_with("[0][INFO] clock: "), "{clock}");
    assert!(ready.starts_with(READY_PREFIX), "{ready}");
    assert!(
        boot.starts_with(RECORD) && boot.contains(" service="),
        "{boot}"
    );
    assert!(off.contains("power button"), "{off}");
}
