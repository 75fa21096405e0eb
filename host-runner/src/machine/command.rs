//! QEMU's command line: a pure function of the configuration.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::os::fd::RawFd;
use std::path::Path;

use super::guest_memory::is_allocated_early;
use super::machine_config::{Accel, Config, Netdev};

/// Parts of the command line that differ by attempt.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt {
    /// The accelerator to try.
    pub accel: Accel,
    /// The host's UDP port to forward, with [`Netdev::User`].
    pub host_port: u16,
    /// The monitor's socket, under the number that QEMU will find it.
    pub monitor: RawFd,
    /// Peer of the network device, likewise, with [`Netdev::Unix`], [`Netdev::Tap`] and
    /// [`Netdev::VhostUser`].
    pub network: RawFd,
    /// The guest's memory likewise.
    pub memory: RawFd,
    /// The file of a capture likewise, if QEMU is to write one.
    pub capture: Option<RawFd>,
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
    arguments.option("-kernel", config.image.as_os_str());
    if let Some(initrd) = &config.initrd {
        arguments.option("-initrd", initrd.as_os_str());
    }
    if !config.boot_args.is_empty() {
        arguments.option("-append", &*config.boot_args);
    }
    arguments.option("-chardev", "stdio,id=console,signal=off");
    arguments.option("-serial", "chardev:console");
    arguments.option(
        "-chardev",
        format!("socket,id=monitor,fd={}", attempt.monitor),
    );
    arguments.option("-mon", "chardev=monitor,mode=control");
    // The guest ends QEMU by writing to this port; the exit status tells the code.
    arguments.option("-device", "isa-debug-exit,iobase=0xf4,iosize=0x04");
    network(&mut arguments, config, attempt);
    arguments.0.extend(config.extra_qemu_args.iter().cloned());
    arguments.0
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
    let (size, file) = (config.memory_mib, attempt.memory);
    let early = if is_allocated_early(size) {
        "on"
    } else {
        "off"
    };
    format!(
        "memory-backend-file,id={MEMORY},size={size}M,mem-path=/proc/self/fd/{file},share=on,\
         prealloc={early}"
    )
}

fn board(config: &Config) -> String {
    format!("{},memory-backend={MEMORY}", config.machine.name())
}

fn cpu_model(config: &Config, accel: Accel) -> &str {
    match (&config.cpu, accel) {
        (Some(model), _) => model,
        (None, Accel::Kvm) => "host",
        (None, Accel::Tcg) => "max",
    }
}

fn network(arguments: &mut Arguments, config: &Config, attempt: Attempt) {
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
            capture(arguments, attempt.capture);
        }
        Netdev::Unix { .. } => arguments.option(
            "-netdev",
            format!("dgram,id=n0,local.type=fd,local.str={}", attempt.network),
        ),
        Netdev::Tap { vhost, .. } => {
            // The device is there and up, so there is no script. It has no header for offloads, which
            // vhost-net then puts before each frame itself (VHOST_NET_F_VIRTIO_NET_HDR).
            let vhost = if *vhost { "on" } else { "off" };
            arguments.option(
                "-netdev",
                format!("tap,id=n0,fd={},vhost={vhost}", attempt.network),
            );
            capture(arguments, attempt.capture);
        }
        Netdev::VhostUser { .. } => {
            let connection = format!("socket,id=v0,path=/proc/self/fd/{}", attempt.network);
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
    arguments.option(
        "-device",
        format!(
            "virtio-net-pci,netdev=n0,mac={},romfile={}{legacy}",
            config.mac,
            vectors(config, attempt.accel)
        ),
    );
}

/// Has QEMU write every frame to a file.
fn capture(arguments: &mut Arguments, file: Option<RawFd>) {
    if let Some(file) = file {
        let dump = format!("filter-dump,id=f0,netdev=n0,file=/proc/self/fd/{file}");
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

/// Returns the path of the capture that QEMU is to write, if it is to write one.
pub(super) fn capture_path(config: &Config) -> Option<&Path> {
    match &config.netdev {
        Netdev::User { pcap, .. } | Netdev::Tap { pcap, .. } => pcap.as_deref(),
        Netdev::Unix { .. } | Netdev::VhostUser { .. } | Netdev::None => None,
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
mod tests {
    use std::fs::File;
    use std::net::Ipv4Addr;
    use std::os::fd::OwnedFd;
    use std::path::PathBuf;

    use wire::Mac;

    use super::super::machine_config::MachineType;
    use super::*;

    fn config(netdev: Netdev) -> Config {
        Config::new(
            PathBuf::from("target/fathom.elf"),
            PathBuf::from("console.log"),
            netdev,
        )
    }

    fn line(config: &Config, accel: Accel) -> String {
        let attempt = Attempt {
            accel,
            host_port: 40000,
            monitor: 7,
            network: 8,
            memory: 6,
            capture: capture_path(config).map(|_| 9),
        };
        let arguments = arguments(config, attempt);
        let words: Vec<_> = arguments
            .iter()
            .map(|word| word.to_str().unwrap())
            .collect();
        words.join(" ")
    }

    #[test]
    fn the_default_machine_on_the_user_network() {
        let mut config = config(Netdev::User {
            host_addr: Ipv4Addr::LOCALHOST,
            host_port: 0,
            guest_port: 9000,
            pcap: None,
        });
        config.boot_args = "ip=10.0.2.15/24 port=9000".to_owned();
        assert_eq!(
            line(&config, Accel::Tcg),
            "-nodefaults -no-user-config -no-reboot -display none -M pc,memory-backend=m0 -accel tcg \
             -cpu max -smp 1,maxcpus=2 -m 32M \
             -object memory-backend-file,id=m0,size=32M,mem-path=/proc/self/fd/6,share=on,prealloc=on \
             -kernel target/fathom.elf -append ip=10.0.2.15/24 port=9000 \
             -chardev stdio,id=console,signal=off -serial chardev:console \
             -chardev socket,id=monitor,fd=7 -mon chardev=monitor,mode=control \
             -device isa-debug-exit,iobase=0xf4,iosize=0x04 \
             -netdev user,id=n0,hostfwd=udp:127.0.0.1:40000-:9000 \
             -device virtio-net-pci,netdev=n0,mac=52:54:00:12:34:56,romfile="
        );
    }

    #[test]
    fn every_choice_reaches_the_command_line() {
        let socket = OwnedFd::from(File::open("/dev/null").unwrap());
        let mut config = config(Netdev::Unix { socket });
        config.machine = MachineType::Q35;
        config.memory_mib = 1024;
        config.mac = Mac::new([2, 0, 0, 0, 0, 0xfe]);
        config.extra_qemu_args = vec!["-d".into(), "int".into()];
        let kvm = line(&config, Accel::Kvm);
        assert!(kvm.contains("-M q35,memory-backend=m0 -accel kvm -cpu host -smp 1 -m 1024M "));
        assert!(kvm.contains(",size=1024M,mem-path=/proc/self/fd/6,share=on,prealloc=off "));
        assert!(kvm.contains("-netdev dgram,id=n0,local.type=fd,local.str=8 "));
        assert!(kvm.contains("mac=02:00:00:00:00:fe,"));
        assert!(kvm.ends_with(" -d int"));
        assert!(!kvm.contains("-initrd"));
        assert!(!kvm.contains("-append"));
        config.initrd = Some(PathBuf::from("initrd"));
        assert!(line(&config, Accel::Kvm).contains("-kernel target/fathom.elf -initrd initrd "));
        config.cpu = Some("qemu64".to_owned());
        assert!(line(&config, Accel::Kvm).contains("-cpu qemu64"));
        assert!(line(&config, Accel::Tcg).contains("-cpu qemu64"));
    }

    #[test]
    fn a_back_end_shares_the_guests_memory() {
        let socket = OwnedFd::from(File::open("/dev/null").unwrap());
        let config = config(Netdev::VhostUser { socket });
        assert!(line(&config, Accel::Kvm).ends_with(",romfile="));
        let line = line(&config, Accel::Tcg);
        assert!(line.ends_with(",romfile=,vectors=0"));
        assert!(line.contains("mem-path=/proc/self/fd/6,share=on,"));
        assert!(line.contains(
            "-chardev socket,id=v0,path=/proc/self/fd/8 -netdev vhost-user,id=n0,chardev=v0 "
        ));
    }

    #[test]
    fn a_device_for_a_driver_that_knows_no_legacy_has_none() {
        let mut config = config(Netdev::User {
            host_addr: Ipv4Addr::LOCALHOST,
            host_port: 0,
            guest_port: 9000,
            pcap: None,
        });
        config.modern_device = true;
        assert!(line(&config, Accel::Tcg).ends_with(",romfile=,disable-legacy=on"));
    }

    #[test]
    fn a_capture_comes_by_its_descriptor() {
        let config = config(Netdev::User {
            host_addr: Ipv4Addr::LOCALHOST,
            host_port: 0,
            guest_port: 9000,
            pcap: Some(PathBuf::from("a,b.pcap")),
        });
        let line = line(&config, Accel::Tcg);
        assert!(line.contains("-object filter-dump,id=f0,netdev=n0,file=/proc/self/fd/9"));
    }

    #[test]
    fn a_tap_device_comes_by_its_descriptor() {
        let device = OwnedFd::from(File::open("/dev/null").unwrap());
        let pcap = Some(PathBuf::from("tap.pcap"));
        let line = line(
            &config(Netdev::Tap {
                device,
                pcap,
                vhost: false,
            }),
            Accel::Tcg,
        );
        assert!(line.contains("-netdev tap,id=n0,fd=8,vhost=off -object filter-dump,"));
        assert!(line.contains("netdev=n0,file=/proc/self/fd/9 -device virtio-net-pci,netdev=n0,"));
    }

    #[test]
    fn the_hosts_kernel_serves_a_tap_device_with_vhost_net() {
        let lines = |vhost| {
            let device = OwnedFd::from(File::open("/dev/null").unwrap());
            let config = config(Netdev::Tap {
                device,
                pcap: None,
                vhost,
            });
            [Accel::Kvm, Accel::Tcg].map(|accel| line(&config, accel))
        };
        let [kvm, tcg] = lines(true);
        assert!(
            kvm.contains("-netdev tap,id=n0,fd=8,vhost=on -device"),
            "{kvm}"
        );
        assert!(
            kvm.ends_with(",romfile="),
            "messages, which KVM routes: {kvm}"
        );
        assert!(
            tcg.contains(",vhost=on ") && tcg.ends_with(",romfile=,vectors=0"),
            "{tcg}"
        );
        for line in lines(false) {
            assert!(
                line.contains(",vhost=off ") && line.ends_with(",romfile="),
                "{line}"
            );
        }
    }

    #[test]
    fn no_network_means_no_device() {
        let line = line(&config(Netdev::None), Accel::Tcg);
        assert!(!line.contains("virtio-net") && !line.contains("-netdev"));
    }
}
