//! A measurement under way.
#![forbid(unsafe_code)]

use std::fs;
use std::os::unix::net::UnixStream;

use crate::fathom::{Call, Running};
use crate::guest::MAC;
use crate::monitor::Monitor;
use crate::qemu_lock::QemuLock;
use crate::timeouts;

/// So much captured means that it is measuring: far more than address resolution takes.
pub const MEASURING: u64 = 100_000;

/// Arguments for measurements that differ in who carries requests and in what they wait for.
pub const ON_ANY_LINK: [&str; 5] = [
    "--link vhost-user",
    "--link unix",
    "--link user",
    "--link vhost-user --mode open --rate 1000",
    "--link unix --mode open --rate 1000",
];

/// So many replies, and the first of them has been taken.
const REPLIES: usize = 10;

/// `fathom run` with `arguments` under TCG when it has begun to measure.
///
/// # Panics
///
/// If it does not.
#[must_use]
pub fn measuring<'t>(lock: &'t QemuLock, arguments: &str) -> Running<'t> {
    let call = Call::run(&format!("--accel tcg --warmup 0s {arguments}"));
    let capture = call.file("frames.pcap");
    let mut running = call.with("--pcap", capture).start(lock);
    wait_for_replies(&mut running);
    running
}

/// Waits until the capture of a measurement has grown, and has datagrams of the guest's in it: a busy
/// host may keep the guest from answering for a while.
///
/// # Panics
///
/// If there are none.
pub fn wait_for_replies(running: &mut Running<'_>) {
    running.wait_for_file("frames.pcap", MEASURING);
    let capture = running.file("frames.pcap");
    // From its address, IPv4.
    let [a, b, c, d, e, f] = MAC;
    let from_guest = [a, b, c, d, e, f, 0x08, 0x00];
    timeouts::until(timeouts::ANSWER, "replies", || {
        let frames = fs::read(&capture).ok()?;
        let windows = frames.windows(from_guest.len());
        let replies = windows.filter(|window| *window == from_guest).count();
        (replies >= REPLIES).then_some(())
    });
}

/// The same in a QEMU with a second monitor, which is the test's.
///
/// # Panics
///
/// If it does not.
#[must_use]
pub fn measuring_with_monitor<'t>(lock: &'t QemuLock, arguments: &str) -> (Running<'t>, Monitor) {
    let call = Call::run(&format!("--accel tcg --warmup 0s {arguments}"));
    let (capture, monitor) = (call.file("frames.pcap"), call.file("monitor"));
    let more = format!("-qmp unix:{},server=on,wait=off", monitor.display());
    let mut running = call
        .with("--pcap", capture)
        .with_qemu_arguments(&more)
        .start(lock);
    wait_for_replies(&mut running);
    let monitor = Monitor::new(UnixStream::connect(monitor).expect("QEMU listens there"));
    (running, monitor)
}
