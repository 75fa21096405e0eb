//! Tests of QEMU's command line.

use std::fs::File;
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use wire::Mac;

use super::super::machine_config::{MachineType, Surroundings};
use super::*;

fn config(netdev: Netdev) -> Config {
    Config::new(
        PathBuf::from("target/fathom.elf"),
        PathBuf::from("console.log"),
        netdev,
    )
}

fn line(config: &Config, accel: Accel) -> String {
    words(config, accel, false)
}

fn words(config: &Config, accel: Accel, sandbox: bool) -> String {
    let attempt = Attempt {
        accel,
        host_port: 40000,
        sandbox,
        files: Numbers {
            monitor: 7,
            memory: 6,
            image: 5,
            initrd: config.initrd.as_ref().map(|_| 4),
            network: Some(8),
            vhost: matches!(config.netdev, Netdev::Tap { vhost: true, .. }).then_some(3),
            capture: config.netdev.capture_path().map(|_| 9),
        },
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
        surroundings: Surroundings::Own,
        pcap: None,
    });
    config.boot_args = "ip=10.0.2.15/24 port=9000".to_owned();
    assert_eq!(
        line(&config, Accel::Tcg),
        "-nodefaults -no-user-config -no-reboot -display none -M pc,memory-backend=m0 -accel tcg \
         -cpu max -smp 1,maxcpus=2 -m 32M \
         -object memory-backend-file,id=m0,size=32M,mem-path=/proc/self/fd/6,share=on,prealloc=on \
         -kernel /proc/self/fd/5 -append ip=10.0.2.15/24 port=9000 \
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
    assert!(line(&config, Accel::Kvm).contains("-kernel /proc/self/fd/5 -initrd /proc/self/fd/4 "));
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
        surroundings: Surroundings::Own,
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
        surroundings: Surroundings::Own,
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
        kvm.contains("-netdev tap,id=n0,fd=8,vhost=on,vhostfd=3 -device"),
        "{kvm}"
    );
    assert!(
        kvm.ends_with(",romfile="),
        "messages, which KVM routes: {kvm}"
    );
    assert!(
        tcg.contains(",vhost=on,vhostfd=3 ") && tcg.ends_with(",romfile=,vectors=0"),
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

#[test]
fn qemu_filters_its_system_calls_where_it_can() {
    let mut config = config(Netdev::None);
    config.extra_qemu_args = vec!["-d".into(), "int".into()];
    let words = words(&config, Accel::Tcg, true);
    assert!(
        words.ends_with(
            " -sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny -d int"
        ),
        "{words}"
    );
}
