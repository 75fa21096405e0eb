//! QEMU's command line: a pure function of the configuration.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::os::fd::RawFd;

use super::guest_memory::is_allocated_early;
use super::inherited::Numbers;
use super::machine_config::{Accel, Config, Netdev};
use super::sandbox;

/// Parts of the command line that differ by attempt.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt {
    /// The accelerator to try.
    pub accel: Accel,
    /// The host's UDP port to forward, with [`Netdev::User`].
    pub host_port: u16,
    /// True if QEMU is to filter its own system calls.
    pub sandbox: bool,
    /// Numbers of the inherited files.
    pub files: Numbers,
}

/// QEMU's name for the guest's memory.
const MEMORY: &str = "m0";

/// QEMU's arguments, without the program's own name.
pub(super) fn arguments(config: &Config, attempt: Attempt) -> Vec<OsString> {
    let mut arguments = Arguments(Vec::new());
    arguments.flag("-nodefaults");
    arguments.flag("-no-user-config");
    // A guest that resets has crashed: end, so that it is seen.
    arguments.flag("-no-reboot");
    arguments.option("-display", "none");
    arguments.option("-M", board(config));
    arguments.option("-accel", attempt.accel.name());
    arguments.option("-cpu", cpu_model(config, attempt.accel));
    arguments.option("-smp", processors(attempt.accel));
    arguments.option("-m", format!("{}M", config.memory_mib));
    arguments.option("-object", memory(config, attempt));
    arguments.option("-kernel", inherited(attempt.files.image));
    if let Some(initrd) = attempt.files.initrd {
        arguments.option("-initrd", inherited(initrd));
    }
    if !config.boot_args.is_empty() {
        arguments.option("-append", &*config.boot_args);
    }
    arguments.option("-chardev", "stdio,id=console,signal=off");
    arguments.option("-serial", "chardev:console");
    arguments.option(
        "-chardev",
        format!("socket,id=monitor,fd={}", attempt.files.monitor),
    );
    arguments.option("-mon", "chardev=monitor,mode=control");
    // The guest ends QEMU by writing to this port; the exit status tells the code.
    arguments.option("-device", "isa-debug-exit,iobase=0xf4,iosize=0x04");
    network(&mut arguments, config, attempt);
    if attempt.sandbox {
        arguments.option("-sandbox", sandbox::FILTER);
    }
    arguments.0.extend(config.extra_qemu_args.iter().cloned());
    arguments.0
}

/// Returns the path of an inherited file.
fn inherited(number: RawFd) -> String {
    format!("/proc/self/fd/{number}")
}

/// One virtual processor. Under TCG there is room for a second, which is never there: only for a
/// machine that may have several does QEMU translate a locked instruction into one with a memory
/// barrier (`CF_PARALLEL`), and drivers rely on one between posting a buffer and reading whether
/// the device wants to be notified. Without it, notifications get lost: Linux's and Hermit's own
/// drivers then wait for the next. (Under `-icount` there is no barrier in any case.)
const fn processors(accel: Accel) -> &'static str {
    match accel {
        Accel::Kvm => "1",
        Accel::Tcg => "1,maxcpus=2",
    }
}

/// The guest's memory on every link alike, so that they can be compared. Shared, because it is locked from
/// here (`super::guest_memory`), and on link vhost-user read and written.
fn memory(config: &Config, attempt: Attempt) -> String {
    let (size, file) = (config.memory_mib, inherited(attempt.files.memory));
    let early = if is_allocated_early(size) {
        "on"
    } else {
        "off"
    };
    format!(
        "memory-backend-file,id={MEMORY},size={size}M,mem-path={file},share=on,\
         prealloc={early}"
    )
}

fn board(config: &Config) -> String {
    format!("{},memory-backend={MEMORY}", config.machine.name())
}

fn cpu_model(config: &Config, accel: Accel) -> &str {
    let model = config.cpu.as_deref();
    model.unwrap_or_else(|| accel.default_cpu_model())
}

fn network(arguments: &mut Arguments, config: &Config, attempt: Attempt) {
    // There is one wherever it is used.
    let network = attempt.files.network.unwrap_or(-1);
    match &config.netdev {
        Netdev::User {
            host_addr,
            guest_port,
            ..
        } => {
            let host_port = attempt.host_port;
            arguments.option(
                "-netdev",
                format!("user,id=n0,hostfwd=udp:{host_addr}:{host_port}-:{guest_port}"),
            );
            capture(arguments, attempt.files.capture);
        }
        Netdev::Unix { .. } => arguments.option(
            "-netdev",
            format!("dgram,id=n0,local.type=fd,local.str={network}"),
        ),
        Netdev::Tap { .. } => {
            // The device is there and up, so there is no script. It has no header for offloads, which
            // vhost-net then puts before each frame itself (VHOST_NET_F_VIRTIO_NET_HDR).
            let vhost = attempt
                .files
                .vhost
                .map_or("vhost=off".to_owned(), |device| {
                    format!("vhost=on,vhostfd={device}")
                });
            arguments.option("-netdev", format!("tap,id=n0,fd={network},{vhost}"));
            capture(arguments, attempt.files.capture);
        }
        Netdev::VhostUser { .. } => {
            let connection = format!("socket,id=v0,path={}", inherited(network));
            arguments.option("-chardev", connection);
            arguments.option("-netdev", "vhost-user,id=n0,chardev=v0");
        }
        Netdev::None => {
            arguments.option("-nic", "none");
            return;
        }
    }
    let legacy = if config.modern_device {
        ",disable-legacy=on"
    } else {
        ""
    };
    let mtu = (config.mtu).map_or(String::new(), |mtu| format!(",host_mtu={mtu}"));
    arguments.option(
        "-device",
        format!(
            "virtio-net-pci,netdev=n0,mac={},romfile={}{legacy}{mtu}",
            config.mac,
            vectors(config, attempt.accel)
        ),
    );
}

/// Has QEMU write every frame to a file.
fn capture(arguments: &mut Arguments, file: Option<RawFd>) {
    if let Some(file) = file {
        let dump = format!("filter-dump,id=f0,netdev=n0,file={}", inherited(file));
        arguments.option("-object", dump);
    }
}

/// Without KVM, QEMU 7.2 dies when a guest takes the interrupts of a device with a back end outside QEMU
/// (vhost) as messages (MSI-X): it would have KVM route them. So there they come by the interrupt line.
fn vectors(config: &Config, accel: Accel) -> &'static str {
    match (&config.netdev, accel) {
        (Netdev::VhostUser { .. } | Netdev::Tap { vhost: true, .. }, Accel::Tcg) => ",vectors=0",
        _ => "",
    }
}

struct Arguments(Vec<OsString>);

impl Arguments {
    fn flag(&mut self, name: &str) {
        self.0.push(name.into());
    }

    fn option(&mut self, name: &str, value: impl Into<OsString>) {
        self.0.push(name.into());
        self.0.push(value.into());
    }
}

#[cfg(test)]
mod tests;
