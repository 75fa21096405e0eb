//! The echo service (RFC 862).

use wire::Counter;

use super::{Handler, Request, Response};
use crate::clock::Clock;

/// Sends every payload back as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Echo;

impl Handler for Echo {
    const CHANGES: usize = 0;

    #[inline(always)]
    fn handle(&mut self, payload: &mut [u8], _: &Request, _: &impl Clock) -> Response {
        Response::reply(payload.len()).counted_as(Counter::Echoed)
    }
}
