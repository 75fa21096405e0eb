//! The shortest service: every payload comes back as it is.
//!
//! `make examples` builds `target/examples/echo.elf`; `fathom run --image target/examples/echo.elf`
//! boots and measures it.
#![no_std]
#![no_main]

use kernel_app::clock::Clock;
use kernel_app::handler::{Handler, Request, Response};

/// Echoes.
struct Echo;

impl Handler for Echo {
    // No byte of a reply differs from its request: its checksum is known without a look at it.
    const CHANGES: usize = 0;

    fn handle(&mut self, payload: &mut [u8], _: &Request, _: &impl Clock) -> Response {
        Response::reply(payload.len())
    }
}

kernel_app::serve!(Echo);
