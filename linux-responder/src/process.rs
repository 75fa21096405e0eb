//! The life as a process on a host.
#![forbid(unsafe_code)]

use std::io::{self, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;

use linux_process::privileges::{self, CapabilitySet};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use wire::ready::FATAL_PREFIX;
use wire::{Cidr, Mode, Ready};

use crate::args::{ProcessArgs, USAGE};
use crate::serve::Server;
use crate::service::{Published, Service, sum};
use crate::stamp::StampService;
use crate::{boot_id, now_ns, socket};

static PUBLISHED: Published = Published::new();

/// Counters of STAMP's reflector.
static STAMP_PUBLISHED: Published = Published::new();

/// Prefix of the line that tells STAMP's address, before the ready line.
const STAMP_PREFIX: &str = "FATHOM STAMP ";

/// Reads the arguments and serves until a signal ends it: SIGINT and SIGTERM print the counters.
pub fn main() -> ExitCode {
    let started_ns = now_ns();
    match ProcessArgs::read(std::env::args_os().skip(1)) {
        Ok(Some(args)) => {
            let reason = run(&args, started_ns);
            println!("{FATAL_PREFIX}{reason}");
            ExitCode::FAILURE
        }
        Ok(None) => {
            println!("{USAGE}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("fathom-responder: {error}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

/// Serves; returns only to say why it can't.
fn run(args: &ProcessArgs, started_ns: u64) -> String {
    // Before `tuning` changes this thread: the one that waits for signals needs no priority.
    if let Err(error) = tell_counters_at_the_end() {
        return format!("signals can't be caught: {error}");
    }
    let opened = socket::open(args.listen).and_then(|socket| Ok((socket.local_addr()?, socket)));
    let (own, socket) = match opened {
        Ok(opened) => opened,
        Err(error) => return format!("{} can't be served: {error}", args.listen),
    };
    let prefix = match netlink::prefix_of(own.ip()) {
        Ok(prefix) => prefix,
        Err(error) => return format!("the network of {} is unknown: {error}", own.ip()),
    };
    let (server, refused) = match Server::new(socket, args.mode) {
        Ok(server) => server,
        Err(error) => return no_mode(args.mode, &error),
    };
    let stamp = args.stamp.as_ref().map(|stamp| {
        StampService::open(stamp, &args.limits, &STAMP_PUBLISHED)
            .map_err(|error| format!("{} can't be served: {error}", stamp.listen))
    });
    let stamp = match stamp.transpose() {
        Ok(stamp) => stamp,
        Err(reason) => return reason,
    };
    // All is open that takes privileges; threads that are started from here on have none either.
    if let Err(error) = give_up_privileges() {
        eprintln!("fathom-responder: privileges can't be given up: {error}");
    }
    if let Some(service) = stamp {
        println!("{STAMP_PREFIX}{}", service.address());
        if let Err(error) = service.serve_beside() {
            return format!("STAMP can't be served: {error}");
        }
    }
    for refused in refused {
        eprintln!("fathom-responder: not granted: {refused}");
    }
    let ready = ready(own, prefix, now_ns().saturating_sub(started_ns) / 1000);
    let mut service = Service::new(ready.boot_id, own, prefix, &PUBLISHED).limited(&args.limits);
    let mut stdout = io::stdout().lock();
    // Nobody has to listen.
    let _ = writeln!(stdout, "{ready}").and_then(|()| stdout.flush());
    drop(stdout);
    server.serve(&mut service).to_string()
}

/// Gives up for good what set-up alone needs, in the calling thread. What is left keeps memory that is mapped later
/// locked as well (mlockall(2), `MCL_FUTURE`).
fn give_up_privileges() -> io::Result<()> {
    privileges::keep_only(CapabilitySet::IPC_LOCK)?;
    privileges::forbid_new()
}

/// Returns a message about a mode that the kernel refuses.
#[must_use]
pub fn no_mode(mode: Mode, error: &io::Error) -> String {
    format!("this kernel does not do mode {}: {error}", mode.name())
}

fn ready(own: SocketAddr, prefix: u8, boot_us: u64) -> Ready {
    let (ip, ip6) = match own.ip() {
        IpAddr::V4(ip) => (Some(Cidr::new(ip, prefix)), None),
        IpAddr::V6(ip6) => (None, Some(Cidr::new(ip6, prefix))),
    };
    Ready {
        ip,
        ip6,
        port: own.port(),
        mac: None,
        boot_us,
        boot_id: boot_id(),
        counters: None,
        nic: None,
        configuration: wire::Configuration::default(),
    }
}

fn tell_counters_at_the_end() -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let (given_up, outcome) = mpsc::channel();
    thread::Builder::new().spawn(move || {
        // It prints, and nothing else.
        let _ = given_up.send(give_up_privileges());
        if signals.forever().next().is_some() {
            println!("{}", sum(&[&PUBLISHED, &STAMP_PUBLISHED]));
            std::process::exit(0);
        }
    })?;
    outcome.recv().map_err(io::Error::other)?
}
