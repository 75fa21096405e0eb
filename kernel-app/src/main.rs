//! The image: Hermit boots, this starts the service, and the service never returns.
//!
//! Arguments, network device, service, ready line, loop. Whatever stands in the way of serving is
//! said in one line on the console, and the machine ends.
//!
//! Unsafe here: the C entry that Hermit calls, and vouching that the machine is ours.
#![no_std]
#![no_main]

mod platform;

#[cfg(feature = "sockets")]
compile_error!("with this feature Hermit drives the network device: build --bin fathom-sockets");

use kernel_app::arch::{
    CounterClock, has_power_button, is_power_button_pressed, power_off, random_bits,
};
use kernel_app::args::{Args, Channel, Ipv4Config};
use kernel_app::boot::channels::channels;
use kernel_app::clock::Clock;
use kernel_app::ending::{self, ButtonTimer};
use kernel_app::handler::{Echo, Timestamp};
use kernel_app::idle::Idle;
use kernel_app::net::sockets::Storage;
use kernel_app::server::Server;
use kernel_app::services::{AtPort, Services};
use kernel_app::shared_counters::SharedCounters;
use kernel_app::virtio::Nic;
use kernel_app::virtio::mac::{Identity, locally_administered};
use platform::{boot_id, fail, say};
use wire::{ECHO_PORT, Mac, Ready};

/// The services of this image.
type ImageServices = Services<Timestamp<Echo>, AtPort<ECHO_PORT, Echo>>;

/// The counters where the machine monitor reads them.
static COUNTERS: SharedCounters = SharedCounters::new();

/// Called by Hermit when it is up.
#[unsafe(no_mangle)]
extern "C" fn main(argc: i32, argv: *const *const u8, _env: *const *const u8) {
    // SAFETY: Hermit's contract for `main`.
    let arguments = unsafe { platform::arguments(argc, argv) };
    let args = Args::parse(channels()).unwrap_or_else(|error| fail(error));
    ending::ends_by(args.panic);
    log::set_max_level(args.log);
    let clock = platform::clock(args.tsc_khz);
    let main_ns = clock.now_ns();
    // SAFETY: ring 0, and the image and its page tables are identity-mapped (see `arch`); this is
    // the only task, and the kernel is built without PCI support, so nobody else drives the device.
    let found = unsafe { Nic::find(arguments, args.nic, own_mac(&args)) };
    let (nic, position) = found.unwrap_or_else(|error| fail(error));
    let device_ns = clock.now_ns();
    let boot_id = boot_id();
    let services = ImageServices {
        port: args.port,
        main: Timestamp::new(boot_id).with_status(&COUNTERS),
        fixed: AtPort::new(Echo),
    };
    let mut storage = Storage::<2>::new();
    let mut server = Server::new(
        nic,
        clock,
        services,
        &args,
        boot_id,
        &mut storage,
        &COUNTERS,
    );
    server
        .poll_until_ready()
        .unwrap_or_else(|error| fail(error));
    let args = with_dhcp(&mut server, args);
    say(Ready {
        nic: Some(position),
        ..server.ready(clock.now_ns() / 1000)
    });
    ending::was_ready();
    platform::log_boot(clock, main_ns, device_ns);
    serve(&mut server, clock, Idle::new(args.idle));
}

/// The arguments with those that a DHCP server has given, which the service then heeds.
fn with_dhcp(server: &mut Server<'_, Nic, CounterClock, ImageServices>, args: Args) -> Args {
    let by_dhcp = server.arguments().unwrap_or_else(|error| fail(error));
    if by_dhcp.is_empty() {
        server.configure(&args);
        return args;
    }
    // Texts for ever are texts for as long as the server's is borrowed.
    let at_boot = channels().map(|(channel, text)| -> (Channel, &str) { (channel, text) });
    let texts = at_boot.chain([(Channel::Dhcp, by_dhcp)]);
    let args = Args::parse(texts).unwrap_or_else(|error| fail(error));
    ending::ends_by(args.panic);
    log::set_max_level(args.log);
    server.configure(&args);
    args
}

/// The Ethernet address of a device that has none.
fn own_mac(args: &Args) -> Mac {
    locally_administered(match args.ipv4 {
        Ipv4Config::Static { address, .. } => Identity::Ipv4(address),
        Ipv4Config::Dhcp => Identity::Random(random_bits()),
    })
}

/// Polls between two looks at the clock for the power button: on the slowest of machines a few milliseconds'.
const POLLS: u32 = 4096;

/// Polls for ever. Not inlined, so that the linker can put it beside what it calls.
#[cfg_attr(target_os = "none", unsafe(link_section = ".text.hot.serve"))]
#[inline(never)]
fn serve(
    server: &mut Server<'_, Nic, CounterClock, ImageServices>,
    clock: CounterClock,
    mut idle: Idle,
) -> ! {
    let mut button = ButtonTimer::default();
    // Without a button there is nothing to look for, and all polls take the same time.
    let polls = if has_power_button() { POLLS } else { u32::MAX };
    loop {
        for _ in 0..polls {
            let busy = server.poll().unwrap_or_else(|error| fail(error));
            // A nap is as long as thousands of polls.
            if idle.after_poll(busy, || clock.now_ns(), platform::sleep_us) {
                break;
            }
        }
        if button.is_due(clock.now_ns()) && is_power_button_pressed() {
            say("FATHOM OFF the power button was pressed");
            power_off();
        }
    }
}
