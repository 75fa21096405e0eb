//! The arguments of STAMP's reflector.

use super::*;

const KEY: &str = "stamp-key=000102030405060708090a0b0c0d0e0f";

fn stamp(line: &str) -> Option<StampConfig> {
    parse(line).unwrap().stamp
}

#[test]
fn on_off_and_at_a_port() {
    assert_eq!(stamp("stamp=on"), Some(StampConfig::DEFAULT));
    assert_eq!(stamp("stamp=off"), None);
    assert_eq!(stamp("stamp=8620").unwrap().port, 8620);
    for line in [
        "stamp=",
        "stamp=0",
        "stamp=65536",
        "stamp=yes",
        "stamp=+1",
        "echo=1",
        "echo=",
    ] {
        assert!(
            matches!(parse(line).unwrap_err().problem, Problem::Malformed(_)),
            "{line}"
        );
    }
}

#[test]
fn a_key_makes_it_stateful_unless_another_mode_is_given() {
    assert_eq!(stamp(KEY).unwrap().mode, Mode::Stateful);
    assert!(stamp(KEY).unwrap().key.is_some());
    let stateless = std::format!("{KEY} stamp-mode=stateless");
    assert_eq!(stamp(&stateless).unwrap().mode, Mode::Stateless);
    assert_eq!(stamp("stamp-mode=stateful").unwrap().mode, Mode::Stateful);
    assert!(parse("stamp-mode=both").is_err());
}

#[test]
fn mode_and_key_need_the_reflector() {
    for line in [
        "stamp=off stamp-mode=stateful",
        &std::format!("stamp=off {KEY}"),
    ] {
        assert_eq!(
            parse(line).unwrap_err().problem,
            Problem::Unusable("it needs stamp=on")
        );
    }
    // Unless a channel that goes before has switched it off.
    assert_eq!(parse_all(["stamp=off", KEY, "", ""]).unwrap().stamp, None);
}

#[test]
fn every_service_has_a_port_of_its_own() {
    for line in [
        "port=862",
        "port=8620 stamp=8620",
        "stamp=9000",
        "stamp=7",
        "stamp=68",
        "ip=10.0.2.15/24 stamp=7",
    ] {
        assert!(
            matches!(parse(line).unwrap_err().problem, Problem::Unusable(_)),
            "{line}"
        );
    }
    for line in [
        "port=862 stamp=off",
        "stamp=9000 port=862",
        "ip=10.0.2.15/24 stamp=68",
    ] {
        assert!(parse(line).is_ok(), "{line}");
    }
}

#[test]
fn no_error_shows_the_key() {
    for line in [
        "stamp-key=c0ffee",
        "stamp=off stamp-key=c0ffeec0ffeec0ffeec0ffeec0ffee00",
    ] {
        let text = parse(line).unwrap_err().to_string();
        assert!(
            text.contains("\"stamp-key\"") && !text.contains("c0ffee"),
            "{text}"
        );
    }
    let shown = std::format!("{:?}", parse("stamp-key=c0ffeec0ffeec0ffeec0ffeec0ffee00"));
    assert!(!shown.contains("c0ffee"), "{shown}");
}

#[test]
fn a_dhcp_server_sets_none_of_them() {
    for argument in ["echo=on", "stamp=off", "stamp-mode=stateful", KEY] {
        let error = parse_all(["", "", "", argument]).unwrap_err();
        assert_eq!(
            error.problem,
            Problem::Unusable("a DHCP server can't set it")
        );
    }
}
