//! Machines of which QEMU is a shell script.

use std::cell::Cell;
use std::fs::{self, Permissions};
use std::io::Write;
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::{Builder, TempDir};

use super::image_check::tests::elf;
use super::*;

mod kvm_trials;

const READY: &str = "FATHOM READY ip=10.0.2.15/24 ip6=fe80::1/64 port=9000 \
                     mac=52:54:00:12:34:56 boot_us=1 boot_id=00000001 counters=0x2b3000";

/// Longer than any test may take.
const LONG: Duration = Duration::from_secs(60);

/// A machine whose QEMU runs `script`, and the directory that it lives and runs in.
fn fake(script: &str) -> (Config, TempDir) {
    // Closed to others: what is in there runs as this user, and may write there.
    let closed = Permissions::from_mode(0o700);
    let dir = Builder::new().permissions(closed).tempdir().unwrap();
    let qemu = dir.path().join("qemu");
    write_script(&qemu, &format!("#!/bin/sh\ncd \"${{0%/*}}\"\n{script}\n"));
    let image = dir.path().join("image.elf");
    fs::write(&image, elf(2 << 20, 3 << 20)).unwrap();
    let mut config = Config::new(image, dir.path().join("console.log"), Netdev::None);
    config.qemu = qemu;
    config.accel = AccelChoice::Tcg;
    config.ready_timeout = LONG;
    (config, dir)
}

/// Writes an executable. Another process does it: were the file open for writing here, a child
/// that another test forks at that moment would keep it open, and it could not be executed.
fn write_script(path: &Path, script: &str) {
    let mut writer = Command::new("sh")
        .args(["-c", "cat >\"$0\" && chmod +x \"$0\""])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    writer
        .stdin
        .take()
        .unwrap()
        .write_all(script.as_bytes())
        .unwrap();
    assert!(writer.wait().unwrap().success());
}

fn boot(config: Config) -> Result<Machine, MachineError> {
    Machine::boot(config, &|| false, &mut |_| ())
}

fn log(dir: &TempDir) -> String {
    fs::read_to_string(dir.path().join("console.log")).unwrap()
}

/// Returns the path in `/proc` of the process that has written its number into `pid`.
fn process(dir: &TempDir) -> PathBuf {
    let pid = fs::read_to_string(dir.path().join("pid")).unwrap();
    Path::new("/proc").join(pid.trim())
}

/// Waits until `machine` is in trouble, and says what with.
fn trouble(machine: &Machine) -> MachineError {
    loop {
        match machine.check() {
            Ok(()) => std::thread::sleep(Duration::from_millis(1)),
            Err(error) => return error,
        }
    }
}

#[test]
fn a_ready_guest_is_running_until_it_is_dropped() {
    let (config, dir) = fake(&format!("echo $$ >pid; echo '{READY}'; exec sleep 60"));
    let mut events = Vec::new();
    let machine = Machine::boot(config, &|| false, &mut |event| events.push(event)).unwrap();
    assert_eq!(machine.ready().port, 9000);
    assert_eq!(machine.accel(), Accel::Tcg);
    assert_eq!(machine.accel_reason(), "asked for");
    assert_eq!(machine.host_port(), None);
    assert!(machine.check().is_ok());
    let boot_host_ns = machine.boot_host_ns();
    assert_eq!(
        events,
        [
            BootEvent::Starting { accel: Accel::Tcg },
            BootEvent::Ready { boot_host_ns }
        ]
    );
    let process = process(&dir);
    assert!(process.exists());
    drop(machine);
    assert!(!process.exists());
    assert!(log(&dir).contains(READY));
}

#[test]
fn shutdown_asks_a_qemu_that_has_no_monitor_to_terminate() {
    let script = "echo $$ >pid; trap 'echo >asked; kill $!; exit' TERM; sleep 60 &";
    let (config, dir) = fake(&format!("{script}\necho '{READY}'; wait"));
    let machine = boot(config).unwrap();
    let process = process(&dir);
    assert!(process.exists());
    machine.shutdown();
    assert!(!process.exists());
    assert!(dir.path().join("asked").exists());
}

#[test]
fn shutdown_kills_a_qemu_that_does_not_listen() {
    let (config, dir) = fake(&format!(
        "echo $$ >pid; trap '' TERM; echo '{READY}'; exec sleep 60"
    ));
    let machine = boot(config).unwrap();
    let process = process(&dir);
    assert!(process.exists());
    machine.shutdown();
    assert!(!process.exists());
}

#[test]
fn a_missing_qemu_is_said_with_the_command_that_mends_it() {
    let (mut config, _dir) = fake("");
    config.qemu = "/nonexistent/qemu".into();
    let error = boot(config).unwrap_err();
    assert!(matches!(error, MachineError::QemuMissing { .. }));
    assert!(
        error
            .to_string()
            .contains("sudo apt-get install qemu-system-x86")
    );
}

#[test]
fn a_missing_image_is_said_with_the_command_that_mends_it() {
    let (mut config, _dir) = fake("");
    config.image = "/nonexistent/image".into();
    let error = boot(config).unwrap_err();
    assert!(matches!(error, MachineError::ImageMissing { .. }));
    assert!(error.to_string().contains("make build"));
}

#[test]
fn a_file_that_is_no_image_is_said_before_the_boot() {
    let (config, _dir) = fake("");
    fs::write(&config.image, "#!/bin/sh").unwrap();
    let error = boot(config).unwrap_err();
    assert!(matches!(error, MachineError::NotAnImage { .. }));
}

#[test]
fn memory_that_does_not_hold_the_image_is_said_before_the_boot() {
    let (mut config, _dir) = fake("");
    config.memory_mib = 4;
    assert_eq!(
        boot(config).unwrap_err().to_string(),
        "the image does not fit into 4 MiB of memory; it needs 16"
    );
}

#[test]
fn an_unwritable_console_log_is_named() {
    let (mut config, _dir) = fake("");
    config.console_log = "/nonexistent/console.log".into();
    let error = boot(config).unwrap_err();
    assert!(error.to_string().contains("/nonexistent/console.log"));
}

#[test]
fn a_qemu_that_dies_at_once_is_quoted() {
    let (config, _dir) = fake("echo 'Property virtio-net-pci.x not found' >&2; exit 1");
    let error = boot(config).unwrap_err();
    assert_eq!(
        error.to_string(),
        "QEMU ended: exit status 1; it said: Property virtio-net-pci.x not found"
    );
}

#[test]
fn a_guest_that_refuses_is_quoted() {
    let (config, _dir) =
        fake("echo 'FATHOM FATAL unknown boot argument: colour=red'; exec sleep 60");
    let error = boot(config).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the guest refused to start: unknown boot argument: colour=red"
    );
}

#[test]
fn a_guest_that_refuses_for_want_of_memory_comes_with_the_option() {
    let (mut config, _dir) = fake("echo 'FATHOM FATAL not enough memory'; exit 3");
    config.memory_mib = 12;
    let error = boot(config).unwrap_err().to_string();
    let advice = "needs 16: use `--memory 32`)";
    assert!(error.ends_with(advice), "{error}");
}

#[test]
fn a_panic_while_booting_is_quoted() {
    let (config, _dir) =
        fake("printf '[0][PANIC] panicked at a.rs:1:2:\\nout of range\\n\\nbye\\n'; exit 3");
    let error = boot(config).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the guest panicked: panicked at a.rs:1:2:\nout of range"
    );
}

#[test]
fn a_panic_later_is_found_by_check_even_if_qemu_stays() {
    let script = format!(
        "echo '{READY}'; printf '[0][PANIC] panicked at a.rs:1:2:\\nlater\\n'; exec sleep 60"
    );
    let (config, _dir) = fake(&script);
    // The panic may come so fast that it counts as one while booting.
    let error = boot(config).map_or_else(|error| error, |machine| trouble(&machine));
    assert!(matches!(error, MachineError::Panicked { message, .. } if message.ends_with("later")));
}

#[test]
fn a_qemu_that_is_killed_is_found_by_check() {
    let (config, dir) = fake(&format!(
        "echo '{READY}'; mkfifo go; read go <go; kill -9 $$"
    ));
    let machine = boot(config).unwrap();
    assert!(machine.check().is_ok());
    let fifo = dir.path().join("go");
    while !fifo.exists() {
        std::thread::sleep(Duration::from_millis(1));
    }
    fs::write(fifo, "\n").unwrap();
    assert_eq!(
        trouble(&machine).to_string(),
        "QEMU ended: killed by signal 9"
    );
}

#[test]
fn a_guest_that_never_gets_ready_is_given_up_with_its_console() {
    let (mut config, _dir) = fake("echo 'starting'; exec sleep 60");
    config.ready_timeout = Duration::from_millis(300);
    config.memory_mib = 12;
    let error = boot(config).unwrap_err().to_string();
    assert!(error.contains("not ready within 300 ms"), "{error}");
    assert!(
        error.contains("it has 12 MiB of memory, and the image needs 16: use `--memory 32`"),
        "{error}"
    );
}

#[test]
fn a_broken_ready_line_is_named() {
    let (config, _dir) = fake(&format!(
        "echo '{}'; exec sleep 60",
        READY.replace("9000", "x")
    ));
    let error = boot(config).unwrap_err();
    assert!(matches!(
        error,
        MachineError::BadReadyLine(wire::ready::NotReady("port"))
    ));
}

#[test]
fn cancelling_ends_the_wait() {
    let (config, _dir) = fake("exec sleep 60");
    let asked = Cell::new(0);
    let cancelled = || {
        asked.set(asked.get() + 1);
        asked.get() > 2
    };
    let error = Machine::boot(config, &cancelled, &mut |_| ()).unwrap_err();
    assert!(matches!(error, MachineError::Cancelled));
}

#[test]
fn a_port_that_was_asked_for_and_is_taken_is_an_error() {
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let (mut config, _dir) = fake(
        "echo \"qemu: Could not set up host forwarding rule 'udp:127.0.0.1:1-:2'\" >&2; exit 1",
    );
    config.netdev = user_network(port);
    let error = boot(config).unwrap_err();
    assert!(matches!(error, MachineError::PortInUse { port: in_use } if in_use == port));
}

#[test]
fn a_port_that_was_picked_and_is_taken_is_picked_again() {
    let script = format!(
        "if [ -e tried ]; then echo '{READY}'; exec sleep 60; fi; : >tried; \
         echo 'Could not set up host forwarding rule' >&2; exit 1"
    );
    let (mut config, _dir) = fake(&script);
    config.netdev = user_network(0);
    let machine = boot(config).unwrap();
    assert!(machine.host_port().is_some());
}

fn user_network(host_port: u16) -> Netdev {
    Netdev::User {
        host_addr: std::net::Ipv4Addr::LOCALHOST,
        host_port,
        guest_port: 9000,
        surroundings: Surroundings::Own,
        pcap: None,
    }
}

#[test]
fn counters_are_read_until_they_stand_still_and_not_for_ever() {
    // Each reading takes 10 ms of virtual time, or one second.
    let read_at = |ms: u64, still_from: u64| {
        let (time_ns, readings) = (Cell::new(0), Cell::new(0));
        let read = || {
            time_ns.set(time_ns.get() + ms * 1_000_000);
            readings.set(readings.get() + 1);
            Ok::<_, ()>(readings.get().min(still_from))
        };
        let last = standstill(read, || time_ns.get()).unwrap();
        (last, readings.get())
    };
    assert_eq!(read_at(10, 1), (1, 2));
    assert_eq!(read_at(10, 4), (4, 5));
    assert_eq!(read_at(10, u64::MAX), (51, 51));
    assert_eq!(read_at(1000, u64::MAX), (2, 2));
    assert_eq!(standstill(|| Err::<(), _>("gone"), || 0), Err("gone"));
}

mod confinement;
