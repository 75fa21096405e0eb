//! The process of the service on Linux, with scripts in its place: its start, its end and its words.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use wire::Mode;

use super::*;

const READY: &str = "FATHOM READY ip=127.0.0.1/8 ip6=none port=4242 mac=none boot_us=1 \
                     boot_id=00000007 counters=none";

fn start(script: &str, cancelled: bool) -> Result<ResponderProcess, SutError> {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("responder");
    fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let log = File::create(directory.path().join("log")).unwrap();
    ResponderProcess::start(
        &program,
        Responder::Linux(Mode::Busy),
        ListenAddress::loopback(),
        log,
        &|| cancelled,
    )
}

#[test]
fn is_given_its_mode_and_reports_its_address() {
    let script =
        format!("[ \"$*\" = '--mode busy --listen 127.0.0.1:0' ] && echo '{READY}'; sleep 60");
    let host = start(&script, false).unwrap();
    assert_eq!(host.address(), "127.0.0.1:4242".parse().unwrap());
    assert_eq!(host.ready().boot_id, 7);
    assert!(host.check().is_ok());
}

#[test]
fn its_own_words_go_before_how_it_ended() {
    let error = start("echo 'FATHOM FATAL no such mode'; exit 1", false).unwrap_err();
    assert!(matches!(error, SutError::Refused { .. }), "{error}");
    assert!(error.to_string().contains("no such mode"));
    let error = start("echo trouble >&2; exit 3", false).unwrap_err();
    assert!(error.to_string().contains("exit status: 3"), "{error}");
    assert!(error.to_string().contains("trouble"), "{error}");
}

#[test]
fn an_end_after_the_start_is_noticed() {
    let host = start(&format!("echo '{READY}'; sleep 60"), false).unwrap();
    host.process.signal(rustix::process::Signal::KILL);
    host.process.wait_for_exit(Duration::from_secs(20));
    assert!(matches!(host.check(), Err(SutError::Ended { .. })));
}

#[test]
fn waiting_can_be_given_up_and_a_program_must_be_there() {
    assert!(matches!(start("sleep 60", true), Err(SutError::Cancelled)));
    let log = tempfile::tempfile().unwrap();
    let missing = Path::new("/nonexistent/responder");
    let error = ResponderProcess::start(
        missing,
        Responder::Linux(Mode::Busy),
        ListenAddress::loopback(),
        log,
        &|| false,
    );
    let error = error.unwrap_err();
    assert!(error.to_string().contains("make linux-guest"), "{error}");
}
