//! Keeping the host's idle CPUs from going to sleep while something is measured.
//!
//! On a link that sleeps, every echo wakes a thread or three, and in between their CPU has nothing to
//! do and halts. Waking it costs what its deepest state takes to leave, and where the host is itself a
//! virtual machine a way through its hypervisor, which may have given the core to somebody else.
//! Latency then has two levels, and from which of them an echo is lies neither with the guest nor with
//! the link.
//!
//! So the kernel is asked for CPUs that wake up at once: a request of 0 microseconds at
//! [`DEVICE`] (Linux, Documentation/power/pm_qos_interface.rst), as cyclictest makes it. Idle
//! CPUs poll then: all of the host's, for every target alike, until the descriptor is closed, however
//! this process ends. It is only asked for while something is measured.
#![forbid(unsafe_code)]

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use clap::ValueEnum;

/// Device of the request: 32 bits of microseconds.
pub const DEVICE: &str = "/dev/cpu_dma_latency";

/// File with the name of the driver that puts idle CPUs to sleep; `none` where there is no driver to
/// request anything of.
pub const DRIVER: &str = "/sys/devices/system/cpu/cpuidle/current_driver";

/// State of the host's CPUs when they have nothing to do. Docs of variants are `--help` text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum HostIdle {
    /// Awake: they poll, and no wake-up is measured (root)
    #[default]
    Poll,
    /// Asleep when idle, as the kernel is configured
    Sleep,
}

/// Request for the least wake-up latency of idle CPUs (PM QoS), in force until this is dropped.
#[derive(Debug)]
pub struct CpuLatencyGuard {
    request: Result<File, String>,
}

impl CpuLatencyGuard {
    /// Requests from the kernel what `idle` says. Where the kernel refuses, nothing changes, and the text of
    /// this guard ([`fmt::Display`]) gives the reason.
    #[must_use]
    pub fn request(idle: HostIdle) -> Self {
        Self {
            request: match idle {
                HostIdle::Sleep => Err("asked for".to_owned()),
                HostIdle::Poll => open_request(Path::new(DEVICE), driver().as_deref()),
            },
        }
    }
}

impl fmt::Display for CpuLatencyGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.request {
            Ok(_) => write!(f, "poll: {DEVICE} is held at 0"),
            Err(why) => write!(f, "sleep: {why}"),
        }
    }
}

/// Returns the name of the driver that puts idle CPUs to sleep, if the kernel tells.
#[must_use]
pub fn driver() -> Option<String> {
    let name = fs::read_to_string(DRIVER).ok()?;
    Some(name.trim().to_owned())
}

fn open_request(device: &Path, driver: Option<&str>) -> Result<File, String> {
    if driver == Some("none") {
        return Err("this kernel has no cpuidle driver that could be told otherwise".to_owned());
    }
    let open = || -> io::Result<File> {
        #[expect(clippy::disallowed_methods, reason = "a device of the kernel's")]
        let mut file = OpenOptions::new().write(true).open(device)?;
        file.write_all(&0_i32.to_ne_bytes())?;
        Ok(file)
    };
    open().map_err(|error| format!("{}: {error}", device.display()))
}

#[cfg(test)]
mod tests {
    use suite::Capability;

    use super::*;

    #[test]
    fn the_request_to_the_kernel_is_32_bits_of_zero() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let request = open_request(file.path(), Some("haltpoll"));
        assert!(request.is_ok(), "{request:?}");
        assert_eq!(fs::read(file.path()).unwrap(), [0; 4]);
    }

    #[test]
    fn the_reason_that_cpus_sleep_is_reported() {
        assert_eq!(
            CpuLatencyGuard::request(HostIdle::Sleep).to_string(),
            "sleep: asked for"
        );
        let shown = |request| CpuLatencyGuard { request }.to_string();
        let device = Path::new("/nonexistent/device");
        let missing = shown(open_request(device, None));
        assert!(
            missing.starts_with("sleep: /nonexistent/device: No such"),
            "{missing}"
        );
        let in_vain = shown(open_request(device, Some("none")));
        assert!(in_vain.contains("no cpuidle driver"), "{in_vain}");
    }

    /// The kernel tells the least latency that anybody asks for, in the same 32 bits.
    #[test]
    fn the_kernel_has_heard_it() {
        let guard = CpuLatencyGuard::request(HostIdle::Poll);
        let Ok(_) = &guard.request else {
            return suite::skip(Capability::CpuLatency, format_args!("idle CPUs {guard}"));
        };
        let allowed = fs::read(DEVICE).unwrap();
        assert_eq!(allowed, 0_i32.to_ne_bytes());
    }
}
