//! A measurement under way.
#![forbid(unsafe_code)]

use std::os::unix::net::UnixStream;

use crate::fathom::{Call, Running};
use crate::monitor::Monitor;
use crate::turn::Turn;

/// So much captured means that it is measuring: far more than address resolution takes.
pub const MEASURING: u64 = 100_000;

/// `fathom run` with `arguments` under TCG when it has begun to measure.
///
/// # Panics
///
/// If it does not.
#[must_use]
pub fn measuring<'t>(turn: &'t Turn, arguments: &str) -> Running<'t> {
    let call = Call::run(&format!("--accel tcg --warmup 0s {arguments}"));
    let capture = call.file("frames.pcap");
    let mut running = call.with("--pcap", capture).start(turn);
    running.wait_for_file("frames.pcap", MEASURING);
    running
}

/// The same in a QEMU with a second monitor, which is the test's.
///
/// # Panics
///
/// If it does not.
#[must_use]
pub fn measuring_with_monitor<'t>(turn: &'t Turn, arguments: &str) -> (Running<'t>, Monitor) {
    let call = Call::run(&format!("--accel tcg --warmup 0s {arguments}"));
    let (capture, monitor) = (call.file("frames.pcap"), call.file("monitor"));
    let more = format!("-qmp unix:{},server=on,wait=off", monitor.display());
    let mut running = call
        .with("--pcap", capture)
        .with_qemu_arguments(&more)
        .start(turn);
    running.wait_for_file("frames.pcap", MEASURING);
    let monitor = Monitor::new(UnixStream::connect(monitor).expect("QEMU listens there"));
    (running, monitor)
}
