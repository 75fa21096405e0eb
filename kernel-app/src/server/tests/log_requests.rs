//! Requests for other settings of the log: who is answered, and what changes.

use wire::log_control::{Budget, Change, LOG_LEN, Level, Settings, decode_answer};

use super::*;

const PATHS: [&str; 2] = ["reflector", "smoltcp"];
const BOOT_ID: u32 = 0xb007;

fn start_on(path: &str, arguments: &str) -> (TestServer, TestClock) {
    let line = "ip=10.0.2.15/24 gw=10.0.2.2 ip6=2001:db8::15/64";
    start(&std::format!("{line} path={path} {arguments}"))
}

fn settings(level: Level, bytes_per_second: u32) -> Settings {
    Settings {
        level,
        budget: Budget::new(bytes_per_second).unwrap(),
    }
}

fn change(settings: Settings) -> Change {
    Change {
        level: Some(settings.level),
        budget: Some(settings.budget),
    }
}

/// Sends a log request of `source` to the boot called `boot_id`, filled up to `len` bytes. Returns the settings of the
/// answer, which is as long as the request, if there is one.
fn ask(
    server: &mut TestServer,
    source: &str,
    boot_id: u32,
    change: Change,
    len: usize,
) -> Option<Settings> {
    let own = if source.starts_with('[') {
        "[2001:db8::15]:9000"
    } else {
        "10.0.2.15:9000"
    };
    let mut payload = change.request(boot_id, 7, 1000).to_vec();
    payload.resize(len, 0x5a);
    let frame = udp_frame(source.parse().unwrap(), own.parse().unwrap(), &payload);
    let answers = exchange(server, frame);
    assert!(answers.len() <= 1);
    let answer = answers.first()?;
    let (_, destination, reply) = open_udp(answer);
    assert_eq!(destination, source.parse().unwrap());
    assert_eq!((reply.len(), &reply[LOG_LEN..]), (len, &payload[LOG_LEN..]));
    let (header, settings) = decode_answer(&reply).unwrap();
    assert_eq!((header.boot_id, header.seq), (BOOT_ID, 7));
    assert!(header.t2_ns <= header.t3_ns);
    Some(settings)
}

const CLIENT: &str = "10.0.2.2:40000";

#[test]
fn a_request_with_the_right_boot_id_changes_the_log_and_its_reply_has_the_settings() {
    for path in PATHS {
        let (mut server, _) = start_on(path, "");
        let mut log = |source, change, len| ask(&mut server, source, BOOT_ID, change, len);
        let at_first = settings(Level::Off, Budget::DEFAULT.bytes_per_second());
        assert_eq!(log(CLIENT, Change::default(), LOG_LEN), Some(at_first));
        let wanted = settings(Level::Info, 1024);
        for (source, len) in [(CLIENT, 53), ("[2001:db8::2]:1024", 1452)] {
            assert_eq!(log(source, change(wanted), len), Some(wanted), "{path}");
        }
        let level = Change {
            level: Some(Level::Error),
            budget: None,
        };
        let wanted = settings(Level::Error, 1024);
        assert_eq!(log(CLIENT, level, LOG_LEN), Some(wanted));
        let counters = server.shared_counters.read();
        assert_eq!((counters.log_replies, counters.log_forged), (4, 0));
        assert!(counters.add_up());
    }
}

#[test]
fn no_answer_is_longer_than_its_request_and_none_answers_a_short_one() {
    let (mut server, _) = start_on("reflector", "");
    for len in HEADER_LEN..=wire::MAX_PAYLOAD {
        let answer = ask(&mut server, CLIENT, BOOT_ID, Change::default(), len);
        assert_eq!(answer.is_some(), len >= LOG_LEN, "{len}");
    }
    let dropped = server.shared_counters.read().dropped_short;
    assert_eq!(dropped, (LOG_LEN - HEADER_LEN) as u64);
}

#[test]
fn another_boot_id_is_not_answered_and_changes_nothing() {
    for path in PATHS {
        let (mut server, clock) = start_on(path, "");
        let wanted = change(settings(Level::Trace, 10_000_000));
        for boot_id in [0, BOOT_ID + 1, BOOT_ID << 8, u32::MAX] {
            assert_eq!(ask(&mut server, CLIENT, boot_id, wanted, LOG_LEN), None);
        }
        let counters = server.shared_counters.read();
        assert_eq!((counters.log_replies, counters.log_forged), (0, 4));
        assert!(counters.add_up());
        clock.set(SECOND_NS);
        let now = ask(&mut server, CLIENT, BOOT_ID, Change::default(), LOG_LEN).unwrap();
        assert_eq!(now.level, Level::Off, "{path}");
    }
}

#[test]
fn a_boot_id_is_not_found_by_trying() {
    let (mut server, clock) = start_on("reflector", "");
    let ask = |server: &mut TestServer, boot_id| {
        ask(server, CLIENT, boot_id, Change::default(), LOG_LEN).is_some()
    };
    let mut found = 0;
    for step in 0..10_000 {
        // A thousand guesses a second, each tenth of them right.
        clock.set(step * 1_000_000);
        let boot_id = if step % 10 == 9 { BOOT_ID } else { step as u32 };
        found += u32::from(ask(&mut server, boot_id));
    }
    assert_eq!(found, 0, "ten guesses a second are looked at");
    assert_eq!(server.shared_counters.read().log_forged, 10_000);
    // Who knows the id is answered a tenth of a second after the last guess, however often.
    clock.set(10 * SECOND_NS);
    assert!(!ask(&mut server, 0) && !ask(&mut server, BOOT_ID));
    clock.set(11 * SECOND_NS);
    assert!((0..100).all(|_| ask(&mut server, BOOT_ID)));
}

#[test]
fn the_operators_limits_hold_for_log_requests() {
    for path in PATHS {
        let (mut server, _) = start_on(path, "allow=10.0.2.0/28 rate=64");
        let wanted = change(settings(Level::Info, 1));
        let mut log = |source| ask(&mut server, source, BOOT_ID, wanted, LOG_LEN);
        assert_eq!(log("10.0.2.77:40000"), None);
        let answers = (0..20).filter(|_| log(CLIENT).is_some()).count();
        assert_eq!(answers, 8, "{path}: a bucket");
        let counters = server.shared_counters.read();
        assert_eq!(
            (counters.dropped_not_allowed, counters.dropped_rate),
            (1, 12)
        );
    }
}

#[test]
fn values_out_of_range_are_not_answered() {
    let (mut server, _) = start_on("reflector", "");
    let mut payload = Change::default().request(BOOT_ID, 7, 1000);
    payload[HEADER_LEN] = 6;
    let own = "10.0.2.15:9000".parse().unwrap();
    let frame = udp_frame(CLIENT.parse().unwrap(), own, &payload);
    assert_eq!(exchange(&mut server, frame), [[0; 0]; 0]);
    assert_eq!(server.shared_counters.read().dropped_not_a_request, 1);
}
