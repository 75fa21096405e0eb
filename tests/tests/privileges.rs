//! Tests of the rights that `fathom` and its QEMU run with, as the kernel tells them (proc_pid_status(5)).
#![forbid(unsafe_code)]

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::process::Pid;
use tests::fathom::Call;
use tests::mid_run::measuring;
use tests::qemu_lock::lock_qemu;

/// Capabilities to load modules, to reach the hardware and to set the clock (capabilities(7)).
const NEVER_NEEDED: u64 = 1 << 16 | 1 << 17 | 1 << 25;

/// Capabilities to become another user and to make namespaces, which starting QEMU takes.
const STARTING: u64 = 1 << 6 | 1 << 7 | 1 << 21;

/// Capabilities of networks, which making one takes (CAP_NET_ADMIN, CAP_NET_RAW).
const NETWORK: u64 = 1 << 12 | 1 << 13;

/// Linux's overflow user, which is `nobody` on most hosts.
const NOBODY: &str = "65534";

/// Rights of a process.
#[derive(Debug)]
struct Rights {
    user: String,
    effective: u64,
    bounding: u64,
    no_new_privileges: bool,
    seccomp: bool,
    network: PathBuf,
}

fn rights(process: Pid) -> Rights {
    rights_in(&PathBuf::from("/proc").join(process.as_raw_nonzero().to_string()))
}

/// Returns the rights of the process or thread that a directory of `/proc` is about.
fn rights_in(directory: &Path) -> Rights {
    let status = fs::read_to_string(directory.join("status")).unwrap();
    let field = |name: &str| {
        let mut lines = status.lines();
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(":\t"));
        value
            .unwrap_or_else(|| panic!("no {name}: {status}"))
            .to_owned()
    };
    let capabilities = |name| u64::from_str_radix(&field(name), 16).unwrap();
    Rights {
        user: field("Uid").split('\t').nth(1).unwrap().to_owned(),
        effective: capabilities("CapEff"),
        bounding: capabilities("CapBnd"),
        no_new_privileges: field("NoNewPrivs") == "1",
        seccomp: field("Seccomp") == "2",
        network: fs::read_link(directory.join("ns/net")).unwrap(),
    }
}

#[test]
fn qemu_has_no_privileges_and_fathom_few() {
    let lock = lock_qemu();
    let own = fs::read_link("/proc/self/ns/net").unwrap();
    for link in ["unix", "user"] {
        let mut running = measuring(&lock, &format!("--duration 300s --link {link}"));
        let qemu = rights(running.qemu().pid);
        assert_eq!(qemu.effective, 0, "{qemu:?}");
        assert!(qemu.no_new_privileges && qemu.seccomp, "{qemu:?}");
        let fathom = rights(running.pid());
        assert_eq!(
            (fathom.effective | fathom.bounding) & NEVER_NEEDED,
            0,
            "{fathom:?}"
        );
        assert!(fathom.no_new_privileges, "{fathom:?}");
        assert_eq!(fathom.network, own);
        if rustix::process::geteuid().is_root() {
            assert_eq!((qemu.user.as_str(), qemu.bounding), (NOBODY, 0), "{qemu:?}");
            assert_eq!(qemu.network != own, link == "user", "{qemu:?}");
        } else {
            assert_eq!(qemu.user, fathom.user);
        }

        running.interrupt();
        let outcome = running.finish();
        let recorded = outcome.partial("interrupted").json["environment"]["qemu_rights"].clone();
        assert_eq!(recorded["user"].to_string(), qemu.user, "{recorded}");
        assert_eq!(recorded["capabilities"], "0000000000000000");
        assert_eq!(
            (&recorded["no_new_privileges"], &recorded["seccomp"]),
            (&true.into(), &true.into())
        );
        assert_eq!(recorded["own_network"], qemu.network != own, "{recorded}");
        // The capture was QEMU's user's until QEMU had it open.
        let capture = outcome.file("frames.pcap").metadata().unwrap();
        assert_eq!(capture.uid().to_string(), fathom.user);
    }
}

#[test]
fn no_thread_of_a_run_keeps_what_starting_took() {
    let lock = lock_qemu();
    for link in ["vhost-user", "tap"] {
        let is_root = rustix::process::geteuid().is_root();
        if link == "tap" && !is_root {
            continue;
        }
        let mut running = measuring(&lock, &format!("--duration 300s --link {link}"));
        let qemu = running.qemu().pid;
        let tasks = format!("/proc/{}/task", running.pid().as_raw_nonzero());
        let mut threads = Vec::new();
        for thread in fs::read_dir(tasks).unwrap() {
            let directory = thread.unwrap().path();
            let name = fs::read_to_string(directory.join("comm")).unwrap();
            let Rights { effective, .. } = rights_in(&directory);
            let kept = effective & (STARTING | NETWORK | NEVER_NEEDED);
            assert_eq!(kept, 0, "{link}: {name}");
            threads.push(name.trim().to_owned());
        }
        assert!(threads.contains(&"qemu".to_owned()), "{threads:?}");
        // And QEMU, another user's where this is root, is ended all the same.
        running.interrupt();
        let _ = running.finish().partial("interrupted");
        let gone = rustix::process::test_kill_process(qemu);
        assert!(gone.is_err(), "QEMU is still there");
    }
}

#[test]
fn probing_takes_no_privilege_to_start_anything() {
    let lock = lock_qemu();
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let silent = socket.local_addr().unwrap();
    let running = Call::probe(&silent.to_string()).start(&lock);
    // The first request is there: by then nothing is left to be given up.
    socket.recv(&mut [0; 2048]).unwrap();
    let probe = rights(running.pid());
    assert_eq!(
        (probe.effective | probe.bounding) & STARTING,
        0,
        "{probe:?}"
    );
    running.interrupt();
    let _ = running.finish();
}
