//! The deployment files: booted where QEMU alone is needed, else held against the schemas and types of those
//! who read them.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};

use boot_args::{Args, Channel, Ipv4Config};
use serde_json::Value;
use suite::Capability;
use tests::qemu_lock::{QemuLock, lock_qemu};
use tests::station::request;
use tests::udp_client::exchange;
use tests::{artifacts, process, timeouts};
use wire::ready::{FATAL_PREFIX, READY_PREFIX};
use wire::{Header, Kind, Ready};

fn deployed(path: &str) -> PathBuf {
    artifacts::root().join("qemu/deploy").join(path)
}

fn read(path: &str) -> String {
    let path = deployed(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The deployment files whose names end in `.extension`.
fn all(extension: &str) -> Vec<PathBuf> {
    let directories = fs::read_dir(deployed("")).expect("it is in the repository");
    let files = directories.flat_map(|entry| fs::read_dir(entry.unwrap().path()).unwrap());
    let paths = files.map(|file| file.unwrap().path());
    let found: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    assert!(!found.is_empty(), "no {extension} file");
    found
}

fn run(command: &mut Command) -> Output {
    let program = command.get_program().to_owned();
    let output = command.output();
    output.unwrap_or_else(|error| panic!("{}: {error}", program.display()))
}

#[track_caller]
fn assert_success(output: &Output, what: &Path) {
    let said = [&output.stdout[..], &output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success(), "{}: {said}", what.display());
}

/// A QEMU that one of the scripts has become. Dropped, it is killed.
struct Script<'t> {
    child: Child,
    lines: Receiver<String>,
    port: u16,
    _lock: &'t QemuLock,
}

impl<'t> Script<'t> {
    fn start(
        name: &str,
        arguments: &[&str],
        image: &Path,
        environment: &[(&str, OsString)],
        lock: &'t QemuLock,
    ) -> Self {
        let free = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let port = free.local_addr().expect("it is bound").port();
        drop(free);
        let mut command = Command::new("sh");
        command
            .arg(deployed(name))
            .args(arguments)
            .env("QEMU", artifacts::qemu())
            .env("ACCEL", "tcg")
            .env("IMAGE", image)
            .env("PORT", port.to_string())
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        process::tie_to_this_thread(&mut command, Vec::new());
        let mut child = command.spawn().expect("there is a shell");
        let (sender, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        std::thread::spawn(move || {
            for line in stdout.split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).trim_end().to_owned();
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self {
            child,
            lines,
            port,
            _lock: lock,
        }
    }

    /// Waits for the service, and has it answer a request by the forwarded port.
    fn answers(&self) -> Ready {
        let line = loop {
            let line = self.lines.recv_timeout(timeouts::BOOT).expect("a line");
            assert!(!line.contains(FATAL_PREFIX), "{line}");
            // Firmware leaves control sequences before it.
            if let Some(at) = line.find(READY_PREFIX) {
                break line[at..].to_owned();
            }
        };
        let answer = exchange(([127, 0, 0, 1], self.port).into(), &request(7, 100));
        let header = Header::decode(&answer).expect("a reply");
        assert_eq!((header.kind, header.seq), (Kind::Reply, 7));
        line.parse().expect("a ready line")
    }
}

impl Drop for Script<'_> {
    fn drop(&mut self) {
        // It may have ended already; either way it is gone after this.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn qemus_lines_boot_the_elf_file() {
    let lock = lock_qemu();
    let image = artifacts::image();
    for (script, arguments) in [
        ("qemu/pc.sh", &[][..]),
        ("qemu/pc.sh", &["ip=10.0.2.15/24", "gw=10.0.2.2"]),
        ("qemu/microvm.sh", &["ip=10.0.2.15/24"]),
    ] {
        println!("{script} {arguments:?}");
        let ready = Script::start(script, arguments, &image, &[], &lock).answers();
        assert_eq!(ready.ip.unwrap().address.octets(), [10, 0, 2, 15]);
    }
}

#[test]
fn qemus_line_boots_the_disk_under_either_firmware() {
    const OVMF: &str = "/usr/share/OVMF/OVMF_CODE_4M.fd";
    let lock = lock_qemu();
    let dir = tempfile::tempdir().unwrap();
    let mut new = Command::new(artifacts::fathom());
    new.args(["image", "new", "--arg", "ip=10.0.2.15/24", "--out"]);
    let output = run(new.arg(dir.path()).arg("--elf").arg(artifacts::image()));
    assert_success(&output, dir.path());
    let image = dir.path().join("fathom.img");
    let script = |arguments: &[&str], environment: &[(&str, OsString)]| {
        Script::start("qemu/disk.sh", arguments, &image, environment, &lock).answers()
    };
    let ready = script(&[], &[]);
    assert_eq!(ready.configuration.sources.of("ip"), Some(Channel::File));
    let ready = script(&["ip=10.0.2.15/25", "log=error"], &[]);
    assert_eq!(ready.ip.unwrap().prefix, 25, "SMBIOS goes before the file");
    let log = ready.configuration.sources.of("log");
    assert_eq!(log, Some(Channel::Smbios));
    if !Path::new(OVMF).exists() {
        return suite::skip(Capability::Ovmf, format_args!("there is no {OVMF}"));
    }
    let environment = [("FIRMWARE", OVMF.into()), ("MEMORY", "128M".into())];
    let ready = script(&["log=error"], &environment);
    assert_eq!(ready.configuration.sources.of("ip"), Some(Channel::File));
}

#[test]
fn libvirts_domains_are_of_its_schema() {
    if !process::is_installed("virt-xml-validate", Capability::Libvirt) {
        return;
    }
    let validate = |path: &Path| run(Command::new("virt-xml-validate").arg(path).arg("domain"));
    for path in all("xml") {
        assert_success(&validate(&path), &path);
    }
    // And what is not is told.
    let wrong = read("libvirt/disk.xml").replace("<oemStrings>", "<oemStrings><string/>");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("wrong.xml");
    fs::write(&path, wrong).unwrap();
    assert!(!validate(&path).status.success());
}

/// Has the types of `monitor`'s API read `config`, and returns what they hold of it.
fn typed(monitor: &str, config: &str) -> Output {
    let mut child = Command::new(artifacts::vmm_types())
        .arg(monitor)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it was built");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(config.as_bytes()).expect("it reads");
    drop(stdin);
    child.wait_with_output().expect("it ends")
}

#[test]
fn the_monitors_own_types_hold_every_field_of_their_files() {
    for (monitor, file, kernel) in [
        ("firecracker", "firecracker/vm.json", "kernel_image_path"),
        ("cloud-hypervisor", "cloud-hypervisor/vm.json", "payload"),
    ] {
        let text = read(file);
        let output = typed(monitor, &text);
        assert_success(&output, Path::new(file));
        let held: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(held, serde_json::from_str::<Value>(&text).unwrap());
        // A name that they don't know is an error if it is required, and else is missing in the end.
        let output = typed(monitor, &text.replace(kernel, "image"));
        assert!(!output.status.success(), "{monitor}");
        let wrong = text.replace("\"mac\"", "\"ether\"");
        let wrong = wrong.replace("\"guest_mac\"", "\"ether\"");
        let output = typed(monitor, &wrong);
        let held: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_ne!(held, serde_json::from_str::<Value>(&wrong).unwrap());
    }
}

/// Returns the text between `start` and `end`, of which there has to be one.
fn between<'t>(text: &'t str, start: &str, end: &str) -> &'t str {
    let (_, rest) = text
        .split_once(start)
        .unwrap_or_else(|| panic!("no {start}"));
    let (value, _) = rest.split_once(end).unwrap_or_else(|| panic!("no {end}"));
    value
}

#[test]
fn the_service_takes_the_arguments_in_every_file() {
    let firecracker: Value = serde_json::from_str(&read("firecracker/vm.json")).unwrap();
    let cloud_hypervisor: Value = serde_json::from_str(&read("cloud-hypervisor/vm.json")).unwrap();
    let libvirt = read("libvirt/kernel.xml");
    let kubevirt = read("kubevirt/kernel-boot.yaml");
    let firecracker = firecracker["boot-source"]["boot_args"].as_str().unwrap();
    let cloud_hypervisor = cloud_hypervisor["payload"]["cmdline"].as_str().unwrap();
    // What Firecracker appends, for either kind of device.
    let mmio = format!("{firecracker} pci=off virtio_mmio.device=4K@0xc0001000:5");
    let script = read("cloud-hypervisor/run.sh");
    for line in [
        firecracker,
        &mmio,
        cloud_hypervisor,
        between(&script, "set -- ", "\n"),
        between(&libvirt, "<cmdline>", "</cmdline>"),
        between(&kubevirt, "kernelArgs: ", "\n"),
    ] {
        let args = Args::parse([(Channel::CommandLine, line)]);
        let args = args.unwrap_or_else(|error| panic!("{line}: {error}"));
        let is_static = matches!(args.ipv4, Ipv4Config::Static { .. });
        assert_eq!(is_static, !line.contains("dhcp"), "{line}");
    }
    let disk = read("libvirt/disk.xml");
    let strings: Vec<_> = disk
        .split("<entry>")
        .skip(1)
        .map(|rest| rest.split_once("</entry>").unwrap().0)
        .map(|string| string.strip_prefix("fathom:").expect("for the service"))
        .collect();
    assert_eq!(strings.len(), 2);
    Args::parse([(Channel::Smbios, &*strings.join(" "))]).expect("its own arguments");
}

/// Programs that record their arguments stand in for those of the place.
fn recorded(script: &str, arguments: &[&str], programs: &[&str]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    for program in programs {
        let path = dir.path().join(program);
        // Each argument in brackets, so that spaces within one show.
        let text = format!(
            "#!/bin/sh\nprintf '%s' {program}\nprintf ' [%s]' \"$@\"\nprintf '\\n'\n[ \"$1$2\" != linkshow ]\n"
        );
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut search = OsString::from(dir.path());
    search.push(":");
    search.push(path);
    let mut command = Command::new("sh");
    command.arg("-eu").arg(deployed(script)).args(arguments);
    let output = run(command
        .env("PATH", search)
        .env("IMAGE", "IMG")
        .current_dir(dir.path()));
    assert_success(&output, &log);
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_scripts_for_other_places_pass_on_what_they_are_given() {
    for path in all("sh") {
        assert_success(&run(Command::new("sh").arg("-n").arg(&path)), &path);
    }
    let said = recorded(
        "proxmox/create.sh",
        &["120", "ip=dhcp", "log=info"],
        &["qm"],
    );
    assert!(said.contains("qm [create] [120] "), "{said}");
    assert!(said.contains("[local-lvm:0,import-from=IMG]"), "{said}");
    let smbios = "[--args] [-smbios type=11,value=fathom:ip=dhcp,value=fathom:log=info]";
    assert!(said.contains(smbios), "{said}");
    let said = recorded("proxmox/create.sh", &["120"], &["qm"]);
    assert!(
        !said.contains("--args") && said.contains("qm [start] [120]"),
        "{said}"
    );

    let programs = ["ip", "cloud-hypervisor", "firecracker"];
    let said = recorded("cloud-hypervisor/run.sh", &["ip=dhcp", "port=1"], &programs);
    assert!(said.contains("ip [tuntap] [add] [dev] [fathom0]"), "{said}");
    assert!(said.contains("[--cmdline] [ip=dhcp port=1]"), "{said}");
    let said = recorded("firecracker/run.sh", &["--enable-pci"], &programs);
    assert!(said.contains("vm.json] [--enable-pci]"), "{said}");

    let said = recorded("gce/create.sh", &["gs://b", "z-1"], &["gcloud"]);
    assert!(
        said.contains("[cp] [IMG] [gs://b/fathom-gce.tar.gz]"),
        "{said}"
    );
    assert!(said.contains("[--zone=z-1]"), "{said}");
}

/// Each place has its page, and the pages name files that are there.
#[test]
fn every_place_has_a_page_whose_links_lead_somewhere() {
    let pages = artifacts::root().join("docs/deploying");
    for entry in fs::read_dir(deployed("")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        // What shows the metrics of probes stands on the page of those.
        let page = match name.as_str() {
            "grafana" => "kubernetes",
            name => name,
        };
        assert!(pages.join(format!("{page}.md")).exists(), "{name}");
    }
    for entry in fs::read_dir(&pages).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let links = text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split([')', '#']).next());
        for link in links {
            assert!(pages.join(link).exists(), "{}: {link}", path.display());
        }
        let words = text.split(|c: char| c.is_whitespace() || c == '`');
        for file in words.filter(|word| word.starts_with("qemu/deploy/")) {
            assert!(
                artifacts::root().join(file).exists(),
                "{}: {file}",
                path.display()
            );
        }
    }
}
