//! A run of a million echoes takes no more memory than a short one.
//!
//! The whole command runs in this process, against a service in a thread of it, so the peak that
//! the kernel reports is the command's and a little more. Nothing else may be tested here.

use std::fs;
use std::net::UdpSocket;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use clap::Parser as _;
use fathom::cli::{self, Cli, CliError};
use fathom::clock;
use fathom::experiment::ExperimentError;
use wire::Verdict;

/// Greatest memory of a run, in KiB.
const MOST_KIB: u64 = 64 << 10;

/// Memory that the same run may take more if it is longer, in KiB: the allocator's pages and those of its dozen
/// histograms that a short run never touches, and no samples. A million of those, of eight bytes each, would
/// take twice as much.
const SLACK_KIB: u64 = 4 << 10;

/// The most memory that this process has had resident, in KiB (proc(5), `VmHWM`).
fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.unwrap().trim_end_matches("kB").trim().parse().unwrap()
}

/// Answers requests until `stop` is set.
fn serve(socket: &UdpSocket, stop: &AtomicBool) {
    let look = Duration::from_millis(50);
    socket.set_read_timeout(Some(look)).unwrap();
    let mut datagram = [0; 1500];
    while !stop.load(Ordering::Relaxed) {
        let Ok((len, client)) = socket.recv_from(&mut datagram) else {
            continue;
        };
        let datagram = &mut datagram[..len];
        if wire::handle(datagram, 1, clock::now_ns(), clock::now_ns) == Verdict::Reply {
            // What can't be sent is lost, and counted.
            let _ = socket.send_to(datagram, client);
        }
    }
}

/// `fathom probe` of `count` requests: how many were answered.
fn probe(address: &str, count: u64, dir: &Path) -> u64 {
    let out = dir.join(count.to_string());
    let line = format!(
        "fathom probe {address} --mode pipeline --count {count} --warmup 50ms --quiet 0s --out"
    );
    let arguments = line
        .split(' ')
        .map(Into::into)
        .chain([out.clone().into_os_string()]);
    match cli::main(Cli::parse_from(arguments)) {
        // A busy host makes a run invalid, and no smaller.
        Ok(()) | Err(CliError::Experiment(ExperimentError::Invalid { .. })) => {}
        Err(error) => panic!("{}", error.with_causes()),
    }
    let result = fs::read(out.join("result.json")).unwrap();
    let result: serde_json::Value = serde_json::from_slice(&result).unwrap();
    assert_eq!(result["runs"][0]["sent"], count);
    result["runs"][0]["received"].as_u64().unwrap()
}

#[test]
fn a_million_echoes_take_no_more_memory_than_a_few() {
    let dir = fathom::files::scratch().unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap().to_string();
    let stop = AtomicBool::new(false);
    let (few_kib, many_kib, received) = thread::scope(|scope| {
        scope.spawn(|| serve(&socket, &stop));
        probe(&address, 20_000, dir.path());
        let few_kib = peak_kib();
        let received = probe(&address, 1_000_000, dir.path());
        stop.store(true, Ordering::Relaxed);
        (few_kib, peak_kib(), received)
    });
    println!("peak: {few_kib} KiB after 20,000 echoes, {many_kib} KiB after 1,000,000");
    assert!(received > 900_000, "{received}");
    assert!(
        many_kib <= few_kib + SLACK_KIB,
        "{few_kib} KiB, then {many_kib} KiB"
    );
    assert!(many_kib < MOST_KIB, "{many_kib} KiB");
}
