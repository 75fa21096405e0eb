//! The life as process 1 of a guest: everything between the kernel's last line and serving.
//!
//! There is nobody to report to but the console, and nothing to fall back on: what can't be had
//! ends the machine with a line that says so.
#![forbid(unsafe_code)]

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use netlink::Device;
use rustix::mount::{MountFlags, mount};
use rustix::system::{RebootCommand, finit_module, reboot};
use wire::ready::FATAL_PREFIX;
use wire::{Mode, Ready};

use crate::args::BootArgs;
use crate::process::no_mode;
use crate::serve::Server;
use crate::service::{Published, Service};
use crate::stamp::StampService;
use crate::{boot_id, since_boot_ns, socket};

/// Directory of the kernel's modules in the initramfs, with a file that lists them in the order
/// in which they are to be loaded: a file name, and perhaps parameters, in each line.
pub const MODULES: &str = "/modules";

/// The name of that list.
pub const MODULE_ORDER: &str = "order";

/// Longest time that the network device may take to appear.
const DEVICE_TIMEOUT: Duration = Duration::from_secs(5);

/// The loopback device's number: it is always the first.
const LOOPBACK: u32 = 1;

/// Time for which the device's interrupt stays off after it has been polled, in nanoseconds, and number of
/// empty polls: longer than anybody who polls all the time needs. `SO_PREFER_BUSY_POLL` only
/// has an effect with these.
const INTERRUPT_OFF_NS: &str = "2000000";
const INTERRUPT_OFF_POLLS: &str = "1000";

static PUBLISHED: Published = Published::new();

/// Counters of STAMP's reflector.
static STAMP_PUBLISHED: Published = Published::new();

/// Serves for as long as the machine runs; ends the machine if it can't.
pub fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let reason = match run(&arguments) {
        Ok(never) => match never {},
        Err(reason) => reason,
    };
    say(&format!("{FATAL_PREFIX}{reason}"));
    // What the console still holds would be lost.
    let _ = rustix::termios::tcdrain(io::stdout());
    let error = reboot(RebootCommand::Restart).err();
    // Only the kernel's panic about its missing process 1 is left to end the machine.
    say(&format!("the machine can't be ended: {error:?}"));
    ExitCode::FAILURE
}

fn say(line: &str) {
    let mut console = io::stdout().lock();
    // Without a console nobody would hear of the failure either.
    let _ = writeln!(console, "{line}").and_then(|()| console.flush());
}

fn run(arguments: &[String]) -> Result<std::convert::Infallible, String> {
    let args = BootArgs::read(arguments.iter().map(String::as_str)).map_err(|bad| bad.0)?;
    mount_filesystems()?;
    load_modules(Path::new(MODULES))?;
    let device = network(&args)?;
    let own = (args.ip.address, args.port).into();
    let socket = socket::open(own).map_err(|error| format!("{own} can't be served: {error}"))?;
    if args.mode == Mode::Busy {
        keep_interrupts_off(&device)?;
    }
    if let Some(stamp) = args.stamp() {
        let listen = stamp.listen;
        StampService::open(&stamp, &args.limits, &STAMP_PUBLISHED)
            .and_then(StampService::serve_beside)
            .map_err(|error| format!("STAMP can't be served at {listen}: {error}"))?;
    }
    let (server, refused) =
        Server::new(socket, args.mode).map_err(|error| no_mode(args.mode, &error))?;
    for refused in refused {
        say(&format!("not granted: {refused}"));
    }
    let ready = Ready {
        ip: Some(args.ip),
        ip6: None,
        port: args.port,
        mac: Some(device.mac),
        boot_us: since_boot_ns() / 1000,
        boot_id: boot_id(),
        counters: None,
        nic: None,
        configuration: wire::Configuration::default(),
    };
    let mut service =
        Service::new(ready.boot_id, own, args.ip.prefix, &PUBLISHED).limited(&args.limits);
    say(&ready.to_string());
    Err(format!("serving failed: {}", server.serve(&mut service)))
}

fn mount_filesystems() -> Result<(), String> {
    for (kind, place) in [("proc", "/proc"), ("sysfs", "/sys")] {
        let mounted = fs::create_dir_all(place)
            .and_then(|()| Ok(mount(kind, place, kind, MountFlags::empty(), None)?));
        mounted.map_err(|error| format!("{place} can't be mounted: {error}"))?;
    }
    Ok(())
}

/// Loads the modules that the list names; a kernel that has them built in comes without a list.
fn load_modules(directory: &Path) -> Result<(), String> {
    let order = match fs::read_to_string(directory.join(MODULE_ORDER)) {
        Ok(order) => order,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(format!("the list of modules can't be read: {error}")),
    };
    for (file, parameters) in modules(&order) {
        let parameters = std::ffi::CString::new(parameters).map_err(|error| error.to_string())?;
        fs::File::open(directory.join(file))
            .and_then(|module| Ok(finit_module(module, &parameters, 0)?))
            .map_err(|error| format!("module {file} can't be loaded: {error}"))?;
    }
    Ok(())
}

/// The files that a list of modules names, with their parameters.
fn modules(order: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = order.lines().filter(|line| !line.is_empty());
    lines.map(|line| line.split_once(' ').unwrap_or((line, "")))
}

/// Configures the network device.
fn network(args: &BootArgs) -> Result<Device, String> {
    let failed = |what: &'static str| move |error| format!("{what} failed: {error}");
    netlink::up(LOOPBACK).map_err(failed("bringing up loopback"))?;
    let device = wait_for_device()?;
    netlink::add_address(device.index, args.ip.address.into(), args.ip.prefix)
        .map_err(failed("setting the address"))?;
    netlink::up(device.index).map_err(failed("bringing up the network device"))?;
    if let Some(gateway) = args.gateway {
        netlink::add_default_route(gateway).map_err(failed("setting the gateway"))?;
    }
    Ok(device)
}

/// The network device: a driver may still be looking at it.
fn wait_for_device() -> Result<Device, String> {
    let deadline = Instant::now() + DEVICE_TIMEOUT;
    loop {
        match netlink::first_ethernet() {
            Ok(Some(device)) => return Ok(device),
            Ok(None) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Ok(None) => {
                return Err("no network device: is its driver among the modules?".to_owned());
            }
            Err(error) => return Err(format!("network devices can't be listed: {error}")),
        }
    }
}

/// Lets a socket that polls the device all the time keep the device's interrupts off.
fn keep_interrupts_off(device: &Device) -> Result<(), String> {
    for (attribute, value) in [
        ("gro_flush_timeout", INTERRUPT_OFF_NS),
        ("napi_defer_hard_irqs", INTERRUPT_OFF_POLLS),
    ] {
        let path = format!("/sys/class/net/{}/{attribute}", device.name);
        fs::write(&path, value).map_err(|error| format!("{path} can't be set: {error}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_modules_is_read_line_by_line() {
        let order = "virtio.ko\nvirtio_net.ko napi_tx=0 gso=0\n\n";
        let expected = [("virtio.ko", ""), ("virtio_net.ko", "napi_tx=0 gso=0")];
        assert_eq!(modules(order).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn no_list_of_modules_means_that_they_are_built_in() {
        assert_eq!(load_modules(Path::new("/nonexistent")), Ok(()));
    }
}
