//! The image: timestamps at the port that the boot argument `port=` names, STAMP at that of `stamp=`, and with
//! `echo=on` echo at port 7.
#![no_std]
#![no_main]

#[cfg(feature = "sockets")]
compile_error!("with this feature Hermit drives the network device: build --bin fathom-sockets");

use kernel_app::args::StampConfig;
use kernel_app::handler::{Echo, Stamp, Timestamp};
use kernel_app::image::Boot;
use kernel_app::services::{AtArgument, Services};
use wire::ECHO_PORT;

kernel_app::image!(3, |boot: &Boot| {
    let main = Timestamp::new(boot.id)
        .with_status(boot.counters, boot.version)
        .with_log(boot.log);
    let stamp = boot.args.stamp;
    Services::new(main).with_fixed(AtArgument {
        port: boot.args.has_echo.then_some(ECHO_PORT),
        handler: Echo,
        next: AtArgument {
            port: stamp.map(|stamp| stamp.port),
            handler: Stamp::new(&stamp.unwrap_or(StampConfig::DEFAULT), boot.seed),
            next: (),
        },
    })
});
