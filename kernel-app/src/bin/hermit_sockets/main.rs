//! The image on Hermit's own sockets: the same service, to compare with.
//!
//! What a user of Hermit has who writes against its socket calls: the kernel's virtio-net driver, its
//! smoltcp, its waiting. Shared with the service's own image: boot code, kernel and patches, clock,
//! ready line, and `wire`'s handler. Not shared: driver, queues, stack and loop; there is no
//! reflector, no echo service, no IPv6, and no counters in memory.
//!
//! Unsafe here: the C entry that Hermit calls.
#![no_std]
#![no_main]

mod udp;

use kernel_app::arch::CounterClock;
use kernel_app::clock::Clock;
use kernel_app::handler::{Handler, Timestamp};
use kernel_app::hermit_sockets::{Responder, Settings};
use kernel_app::logger;
use kernel_app::platform::{self, boot_id, fail, say};
use udp::UdpSocket;
use wire::{Cidr, MAX_PAYLOAD, Ready};

/// Called by Hermit when it is up, its network included.
#[unsafe(no_mangle)]
extern "C" fn main(argc: i32, argv: *const *const u8, env: *const *const u8) {
    // SAFETY: Hermit's contract for `main`.
    let (arguments, environment) =
        unsafe { (platform::arguments(argc, argv), platform::environment(env)) };
    let settings = Settings::parse(arguments).unwrap_or_else(|error| fail(error));
    settings
        .check(environment)
        .unwrap_or_else(|error| fail(error));
    logger::install(settings.log);
    let clock = platform::clock(settings.tsc_khz);
    let socket = UdpSocket::bind(settings.port).unwrap_or_else(|error| fail(error));
    let boot_id = boot_id();
    let mut responder = Responder::new(&settings, Timestamp::new(boot_id));
    say(Ready {
        ip: Some(Cidr::new(settings.address, settings.prefix)),
        ip6: None,
        port: settings.port,
        // The socket calls don't tell.
        mac: None,
        boot_us: clock.now_ns() / 1000,
        boot_id,
        counters: None,
        nic: None,
        configuration: wire::Configuration::default(),
    });
    serve(&socket, &mut responder, clock)
}

/// Serves for ever.
fn serve(socket: &UdpSocket, responder: &mut Responder<impl Handler>, clock: CounterClock) -> ! {
    let mut buffer = [0; MAX_PAYLOAD];
    loop {
        // What does not fit the buffer Hermit reports as an error and drops.
        let Ok((datagram, source)) = socket.receive(&mut buffer) else {
            continue;
        };
        let received_ns = clock.stamp_ns();
        if let Some(len) = responder.answer(source, datagram, received_ns, &clock) {
            // A reply that cannot be sent is a loss, which the client sees.
            let _ = socket.send(&datagram[..len], source);
        }
    }
}
