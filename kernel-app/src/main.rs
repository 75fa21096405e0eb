//! The image: Hermit boots, this starts the service, and the service never returns.
//!
//! Arguments, network device, service, ready line, loop. Whatever stands in the way of serving is
//! said in one line on the console, and the machine ends.
//!
//! Unsafe here: the C entry that Hermit calls, and vouching that the machine is ours.
#![no_std]
#![no_main]

mod platform;

use core::fmt::Write as _;

use kernel_app::args::Args;
use kernel_app::boot::entry_tsc;
use kernel_app::clock::{Clock, Scale, TscClock};
use kernel_app::idle::Idle;
use kernel_app::nic::Nic;
use kernel_app::published::Published;
use kernel_app::service::Service;
use kernel_app::stack::sockets::Storage;
use platform::Console;
use wire::ready::FATAL_PREFIX;

/// The counters where the machine monitor reads them.
static COUNTERS: Published = Published::new();

/// Called by Hermit when it is up.
#[unsafe(no_mangle)]
extern "C" fn main(argc: i32, argv: *const *const u8, _env: *const *const u8) {
    // SAFETY: Hermit's contract for `main`.
    let arguments = unsafe { platform::arguments(argc, argv) };
    let args = Args::parse(arguments).unwrap_or_else(|error| fail(error));
    log::set_max_level(args.log);
    let scale = Scale::from_khz(u32::from(platform::tsc_mhz()) * 1000)
        .unwrap_or_else(|| fail("the time stamp counter's frequency is unknown"));
    let clock = TscClock::new(entry_tsc(), scale);
    // SAFETY: ring 0, and the image and its page tables are identity-mapped (see `boot`); this is
    // the only task, and the kernel is built without PCI support, so nobody else drives the device.
    let nic = unsafe { Nic::find() }.unwrap_or_else(|error| fail(error));
    let mut storage = Storage::new();
    let mut service = Service::new(nic, clock, &args, boot_id(), &mut storage, &COUNTERS);
    service
        .poll_until_ready()
        .unwrap_or_else(|error| fail(error));
    say(service.ready(clock.now_ns() / 1000));
    serve(&mut service, clock, Idle::new(args.idle));
}

/// Polls for ever. Not inlined, so that the linker can put it beside what it calls.
#[inline(never)]
fn serve(service: &mut Service<'_, Nic, TscClock>, clock: TscClock, mut idle: Idle) -> ! {
    loop {
        let busy = service.poll().unwrap_or_else(|error| fail(error));
        idle.after_poll(busy, || clock.now_ns(), platform::sleep_us);
    }
}

/// Tells boots apart: the boot's moment, its bits mixed (the finaliser of MurmurHash3).
fn boot_id() -> u32 {
    let mut bits = TscClock::ticks();
    bits = (bits ^ (bits >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    (bits >> 32) as u32
}

fn say(line: impl core::fmt::Display) {
    // With a console that can't be written to there is nobody to tell.
    let _ = writeln!(Console, "{line}");
}

#[cold]
fn fail(reason: impl core::fmt::Display) -> ! {
    say(format_args!("{FATAL_PREFIX}{reason}"));
    platform::exit_failed()
}
