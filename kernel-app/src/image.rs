//! Images: Hermit boots, [`run`] starts a server of some services, and the server never returns.
//!
//! Arguments, network device, services, ready line, loop. Whatever stands in the way of serving is
//! said in one line on the console, and the machine ends.
//!
//! A program that is an image calls [`serve!`](crate::serve) or [`image!`](crate::image!) once, and has no
//! `main` of its own.
//!
//! Unsafe here: vouching that the machine is ours.

use wire::{Mac, Ready};

use crate::arch::{
    Console, CounterClock, has_power_button, is_power_button_pressed, power_off, random_bits,
};
use crate::args::{Args, Channel, Ipv4Config};
use crate::boot::channels::channels;
use crate::clock::{Clock, PeriodicTimer};
use crate::ending::{self, BUTTON_PERIOD_NS};
use crate::handler::Handler;
use crate::idle::Idle;
use crate::logger;
use crate::logging::{LogSettings, Outlet};
use crate::net::sockets::Storage;
use crate::platform::{self, boot_id, fail, say};
use crate::server::Server;
use crate::services::{FixedPorts, Services};
use crate::shared_counters::SharedCounters;
use crate::virtio::Nic;
use crate::virtio::mac::{Identity, locally_administered};

/// The counters where the machine monitor reads them.
static COUNTERS: SharedCounters = SharedCounters::new();

/// The log's settings.
static LOG: LogSettings = LogSettings::new();

/// Facts about a boot that services may want to know when they are made.
#[derive(Clone, Copy, Debug)]
pub struct Boot {
    /// Tells this boot from others; stands in the ready line.
    pub id: u32,
    /// The server's event counters.
    pub counters: &'static SharedCounters,
    /// The log's settings.
    pub log: &'static LogSettings,
    /// Version of the program that is the image.
    pub version: &'static str,
    /// The boot arguments, but for those that a DHCP server gives later.
    pub args: Args,
    /// A number that differs from boot to boot and stands in no reply.
    pub seed: u64,
}

/// Makes the program an image with one service, at the port that the boot argument `port=` names: the
/// timestamp protocol around a [`Handler`], which is made by the given expression when the image has
/// booted.
#[macro_export]
macro_rules! serve {
    ($handler:expr) => {
        $crate::image!(1, |boot: &$crate::image::Boot| {
            let main = $crate::handler::Timestamp::around($handler, boot.id);
            let main = main.with_status(boot.counters, boot.version);
            $crate::services::Services::new(main.with_log(boot.log))
        });
    };
}

/// Makes the program an image with so many services as the number says: the [`Services`] that the given
/// closure returns, called with a [`Boot`] when the image has booted.
#[macro_export]
macro_rules! image {
    ($count:literal, $services:expr) => {
        /// Called by Hermit when it is up.
        #[unsafe(no_mangle)]
        extern "C" fn main(argc: i32, argv: *const *const u8, _env: *const *const u8) {
            let version = env!("CARGO_PKG_VERSION");
            // SAFETY: Hermit calls this once, with the program's arguments.
            unsafe { $crate::image::run::<_, _, $count>(argc, argv, version, $services) }
        }
    };
}

/// Serves for ever: the `N` services that `services` makes.
///
/// # Safety
///
/// Called once, by Hermit's `main`, which has these arguments.
#[cfg_attr(target_os = "none", optimize(size))]
pub unsafe fn run<M: Handler, F: FixedPorts, const N: usize>(
    argc: i32,
    argv: *const *const u8,
    version: &'static str,
    services: impl FnOnce(&Boot) -> Services<M, F>,
) -> ! {
    const { assert!(N == 1 + F::COUNT, "the number of services") };
    // SAFETY: the caller's contract.
    let mut arguments = unsafe { platform::arguments(argc, argv) };
    let args = Args::parse(channels()).unwrap_or_else(|error| fail(error));
    ending::ends_by(args.panic);
    LOG.set(args.log, args.log_budget);
    logger::install(args.log);
    let clock = platform::clock(args.tsc_khz);
    let main_ns = clock.now_ns();
    // SAFETY: ring 0, and the image and its page tables are identity-mapped (see `arch`); this is
    // the only task, and the kernel is built without PCI support, so nobody else drives the device.
    let found = unsafe { Nic::find(&mut arguments, args.nic, own_mac(&args)) };
    let (nic, position) = found.unwrap_or_else(|error| fail(error));
    let device_ns = clock.now_ns();
    let boot_id = boot_id();
    let boot = Boot {
        id: boot_id,
        counters: &COUNTERS,
        log: &LOG,
        version,
        args,
        seed: random_bits(),
    };
    let mut storage = Storage::<N>::new();
    let mut server = Server::new(
        nic,
        clock,
        services(&boot),
        &args,
        boot_id,
        &mut storage,
        &COUNTERS,
    );
    server
        .poll_until_ready()
        .unwrap_or_else(|error| fail(error));
    server.seed_limiter(random_bits());
    let args = with_dhcp(&mut server, args);
    say(Ready {
        nic: Some(position),
        ..server.ready(clock.now_ns() / 1000)
    });
    ending::was_ready();
    platform::log_boot(clock, main_ns, device_ns);
    serve(&mut server, clock, Idle::new(args.idle))
}

/// A server in an image.
type ImageServer<'s, M, F> = Server<'s, Nic, CounterClock, Services<M, F>>;

/// The arguments with those that a DHCP server has given, which the service then heeds.
#[cfg_attr(target_os = "none", optimize(size))]
fn with_dhcp<M: Handler, F: FixedPorts>(server: &mut ImageServer<'_, M, F>, args: Args) -> Args {
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
    LOG.set(args.log, args.log_budget);
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

/// Polls between two looks at the log and at the clock for what is due now and then: on the slowest of machines a few
/// milliseconds'.
const POLLS: u32 = 4096;

/// The same where there is neither a button nor a log that waits: what else is due has more time, and nearly all polls
/// take the same.
const POLLS_OF_NOTHING: u32 = 2048 * POLLS;

/// Period at which the device is looked at when nothing comes, in nanoseconds: each look leaves the virtual machine.
const DEVICE_PERIOD_NS: u64 = 1_000_000_000;

/// Polls for ever. Not inlined, so that the linker can put it beside what it calls.
#[cfg_attr(target_os = "none", unsafe(link_section = ".text.hot.serve"))]
#[inline(never)]
fn serve<M: Handler, F: FixedPorts>(
    server: &mut ImageServer<'_, M, F>,
    clock: CounterClock,
    mut idle: Idle,
) -> ! {
    let mut button = PeriodicTimer::new(BUTTON_PERIOD_NS);
    let mut device = PeriodicTimer::new(DEVICE_PERIOD_NS);
    let mut outlet = Outlet::new();
    let has_button = has_power_button();
    let mut polls = POLLS;
    loop {
        for _ in 0..polls {
            let busy = server.poll().unwrap_or_else(|error| fail(error));
            // A nap is as long as thousands of polls.
            if idle.after_poll(busy, || clock.now_ns(), platform::sleep_us) {
                break;
            }
        }
        let now_ns = clock.now_ns();
        let is_logging = Console.send_log(&mut outlet, &LOG, now_ns, &|| server.is_idle());
        polls = if has_button || is_logging {
            POLLS
        } else {
            POLLS_OF_NOTHING
        };
        if has_button && button.is_due(now_ns) && is_power_button_pressed() {
            say("FATHOM OFF the power button was pressed");
            power_off();
        }
        if device.is_due(now_ns) {
            server.check_device().unwrap_or_else(|error| fail(error));
        }
    }
}
