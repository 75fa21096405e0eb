//! The image: timestamps at the port that the boot argument `port=` names, and echo at port 7.
#![no_std]
#![no_main]

#[cfg(feature = "sockets")]
compile_error!("with this feature Hermit drives the network device: build --bin fathom-sockets");

use kernel_app::handler::{Echo, Timestamp};
use kernel_app::image::Boot;
use kernel_app::services::{AtPort, Services};
use wire::ECHO_PORT;

kernel_app::image!(2, |boot: &Boot| {
    let main = Timestamp::new(boot.id).with_status(boot.counters, boot.version);
    Services::new(main).with_fixed(AtPort::<ECHO_PORT, _>::new(Echo))
});
